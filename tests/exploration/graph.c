#include "exploration/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "exploration/happen.h"

void graph_clear(struct graph *graph)
{
    free(graph->nodes);
    free(graph->edges);
    free(graph->table);
    free(graph->digests);
    *graph = (struct graph){0};
}

static uint32_t place_of(const struct graph *graph, const unsigned char digest[16])
{
    uint32_t place;
    memcpy(&place, digest, sizeof place);
    for (place %= graph->table_size; graph->table[place]; place = (place + 1) % graph->table_size)
        if (!memcmp(graph->digests[graph->table[place] - 1], digest, 16))
            break;
    return place;
}

static void grow(struct graph *graph)
{
    graph->capacity = graph->capacity ? 2 * graph->capacity : 1024;
    graph->nodes = memory_resize(graph->nodes, graph->capacity, sizeof *graph->nodes);
    graph->digests = memory_resize(graph->digests, graph->capacity, sizeof *graph->digests);
    graph->table_size = 2 * graph->capacity + 1;
    free(graph->table);
    graph->table = memory_new(graph->table_size * sizeof *graph->table);
    for (uint32_t i = 0; i < graph->count; i++)
        graph->table[place_of(graph, graph->digests[i])] = i + 1;
}

uint32_t graph_meet(struct graph *graph, const unsigned char *bytes, size_t length, uint32_t from, int row,
                    bool *out_new)
{
    struct digest digest = digest_of(bytes, length);
    if (graph->count == graph->capacity)
        grow(graph);
    uint32_t place = place_of(graph, digest.bytes);
    *out_new = !graph->table[place];
    if (!*out_new)
        return graph->table[place] - 1;
    graph->table[place] = ++graph->count;
    memcpy(graph->digests[graph->count - 1], digest.bytes, 16);
    graph->nodes[graph->count - 1] = (struct node){.from = from, .row = (unsigned char)row};
    return graph->count - 1;
}

void graph_connect(struct graph *graph, uint32_t from, uint32_t to, int row, int kind)
{
    if (graph->edge_count == graph->edge_capacity) {
        graph->edge_capacity = graph->edge_capacity ? 2 * graph->edge_capacity : 4096;
        graph->edges = memory_resize(graph->edges, graph->edge_capacity, sizeof *graph->edges);
    }
    struct node *node = &graph->nodes[from];
    if (!node->edge_count++)
        node->first_edge = graph->edge_count;
    graph->edges[graph->edge_count++] = (struct edge){to, (unsigned char)row, (unsigned char)kind};
}

static const struct edge *edge_of(const struct graph *graph, uint32_t node, uint32_t index)
{
    return &graph->edges[graph->nodes[node].first_edge + index];
}

uint32_t graph_dead_end(const struct graph *graph)
{
    bool *ends = memory_new(graph->count * sizeof *ends);
    bool changed = true;
    while (changed) { /* most ways lead on to later nodes: few rounds */
        changed = false;
        for (uint32_t node = graph->count; node-- > 0;) {
            bool found = graph->nodes[node].rests;
            for (uint32_t i = 0; !found && !ends[node] && i < graph->nodes[node].edge_count; i++) {
                const struct edge *edge = edge_of(graph, node, i);
                found = edge->kind <= HAPPEN_AGAIN && ends[edge->to];
            }
            changed = changed || (found && !ends[node]);
            ends[node] = ends[node] || found;
        }
    }
    uint32_t dead = 0;
    while (dead < graph->count && ends[dead])
        dead++;
    free(ends);
    return dead < graph->count ? dead : GRAPH_NONE;
}

enum colour { NEW, ON_THE_WAY, DONE };

/* Depth first along answers that settle something: a way that meets itself is a cycle. */
struct walk {
    const struct graph *graph;
    unsigned char *colours; /* enum colour, by node */
    uint32_t *way, *next;   /* the nodes of the way, and which edge of each comes next */
    uint32_t length;
};

static void walk_to(struct walk *walk, uint32_t node)
{
    walk->colours[node] = ON_THE_WAY;
    walk->way[walk->length] = node;
    walk->next[walk->length++] = 0;
}

/* The rows of the cycle that the next edge of the way closes. */
static int *cycle_rows(const struct walk *walk, uint32_t to)
{
    uint32_t first = walk->length;
    while (walk->way[--first] != to)
        ;
    int *rows = memory_new((walk->length - first + 1) * sizeof *rows), count = 0;
    for (uint32_t i = first; i < walk->length; i++)
        rows[count++] = edge_of(walk->graph, walk->way[i], walk->next[i] - 1)->row;
    rows[count] = -1;
    return rows;
}

static uint32_t walk_from(struct walk *walk, uint32_t first, int **out_cycle)
{
    walk_to(walk, first);
    while (walk->length) {
        uint32_t node = walk->way[walk->length - 1], index = walk->next[walk->length - 1]++;
        if (index >= walk->graph->nodes[node].edge_count) {
            walk->colours[node] = DONE;
            walk->length--;
            continue;
        }
        const struct edge *edge = edge_of(walk->graph, node, index);
        if (edge->kind != HAPPEN_ON || walk->colours[edge->to] == DONE)
            continue;
        if (walk->colours[edge->to] == ON_THE_WAY) {
            *out_cycle = cycle_rows(walk, edge->to);
            return edge->to;
        }
        walk_to(walk, edge->to);
    }
    return GRAPH_NONE;
}

uint32_t graph_livelock(const struct graph *graph, int **out_cycle)
{
    struct walk walk = {.graph = graph,
                        .colours = memory_new(graph->count),
                        .way = memory_new(graph->count * sizeof *walk.way),
                        .next = memory_new(graph->count * sizeof *walk.next)};
    uint32_t found = GRAPH_NONE;
    for (uint32_t node = 0; node < graph->count && found == GRAPH_NONE; node++)
        if (walk.colours[node] == NEW)
            found = walk_from(&walk, node, out_cycle);
    free(walk.colours);
    free(walk.way);
    free(walk.next);
    return found;
}
