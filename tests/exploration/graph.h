/* All moments that a machine can reach, each once, and what leads from one to another. Breadth first: the way
 * to each moment is a shortest one. */
#ifndef PAWL_TESTS_EXPLORATION_GRAPH_H
#define PAWL_TESTS_EXPLORATION_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    uint32_t from;
    uint32_t first_edge;
    uint32_t edge_count;
    unsigned char row; /* what happened there (happen.h) */
    bool rests;        /* ended, or a person has the word */
};

struct edge {
    uint32_t to;
    unsigned char row;
    unsigned char kind; /* enum happen_kind */
};

struct graph {
    struct node *nodes;
    uint32_t count, capacity;
    struct edge *edges;
    uint32_t edge_count, edge_capacity;
    uint32_t *table; /* of node + 1; 0: free */
    uint32_t table_size;
    unsigned char (*digests)[16];
};

#define GRAPH_NONE UINT32_MAX

void graph_clear(struct graph *graph);
/* The node of these bytes; *out_new says whether it had not been met. The first one comes from GRAPH_NONE. */
uint32_t graph_meet(struct graph *graph, const unsigned char *bytes, size_t length, uint32_t from, int row,
                    bool *out_new);
/* Edges of one node follow each other: those of `from` are added before any of the next node. */
void graph_connect(struct graph *graph, uint32_t from, uint32_t to, int row, int kind);
/* A node from which no way leads, by the world's answers and time alone, to where the run has ended or a
 * person has the word; GRAPH_NONE: there is none. */
uint32_t graph_dead_end(const struct graph *graph);
/* A node on a cycle of answers that settle something: the run goes on for ever. GRAPH_NONE: there is none.
 * *out_cycle, to be freed, names the rows of the cycle, ended by -1. */
uint32_t graph_livelock(const struct graph *graph, int **out_cycle);

#endif
