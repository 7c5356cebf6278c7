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

/* Takes nodes away that nothing leads to, again and again; what stays leads to, or lies on, a cycle. */
static uint32_t *count_ways_in(const struct graph *graph)
{
    uint32_t *in = memory_new(graph->count * sizeof *in), *queue = memory_new(graph->count * sizeof *queue),
             tail = 0;
    for (uint32_t i = 0; i < graph->edge_count; i++)
        in[graph->edges[i].to] += graph->edges[i].kind == HAPPEN_ON;
    for (uint32_t node = 0; node < graph->count; node++)
        if (!in[node])
            queue[tail++] = node;
    for (uint32_t head = 0; head < tail; head++)
        for (uint32_t i = 0; i < graph->nodes[queue[head]].edge_count; i++) {
            const struct edge *edge = edge_of(graph, queue[head], i);
            if (edge->kind == HAPPEN_ON && !--in[edge->to])
                queue[tail++] = edge->to;
        }
    free(queue);
    return in;
}

/* Backwards among what stayed: whoever still has a way in has a predecessor that stayed, so this meets
 * itself. */
static uint32_t predecessor(const struct graph *graph, const uint32_t *in, uint32_t node, int *out_row)
{
    for (uint32_t from = 0; from < graph->count; from++)
        for (uint32_t i = 0; in[from] && i < graph->nodes[from].edge_count; i++) {
            const struct edge *edge = edge_of(graph, from, i);
            *out_row = edge->row;
            if (edge->kind == HAPPEN_ON && edge->to == node)
                return from;
        }
    return GRAPH_NONE;
}

static uint32_t find_cycle(const struct graph *graph, const uint32_t *in, uint32_t node, int **out_cycle)
{
    int *rows = memory_new((graph->count + 1) * sizeof *rows), length = 0, row = 0;
    bool *met = memory_new(graph->count * sizeof *met);
    for (; !met[node]; node = predecessor(graph, in, node, &row))
        met[node] = true; /* now it lies on a cycle */
    uint32_t first = node;
    do {
        node = predecessor(graph, in, node, &row);
        rows[length++] = row;
    } while (node != first);
    for (int i = 0; i < length / 2; i++) {
        int swapped = rows[i];
        rows[i] = rows[length - 1 - i];
        rows[length - 1 - i] = swapped;
    }
    rows[length] = -1;
    free(met);
    *out_cycle = rows;
    return first;
}

uint32_t graph_livelock(const struct graph *graph, int **out_cycle)
{
    uint32_t *in = count_ways_in(graph), node = 0;
    *out_cycle = NULL;
    while (node < graph->count && !in[node])
        node++;
    uint32_t found = node < graph->count ? find_cycle(graph, in, node, out_cycle) : GRAPH_NONE;
    free(in);
    return found;
}
