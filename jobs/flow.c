#include "jobs/flow.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define WORD_BITS 64

enum edge_kind { EDGE_ON, EDGE_NEXT, EDGE_SKIP, EDGE_CONTINUE, EDGE_GOTO };

struct edge {
    int target; /* step_count: the end */
    enum edge_kind kind;
};

#define EDGES_MOST 3 /* success, failure, skip */

struct flow {
    const struct job *job;
    size_t words;   /* of one set of steps */
    uint64_t *sure; /* for each step and the end: who has surely succeeded when it begins */
    bool *reached;  /* for each step and the end */
};

static int edges_of(const struct job *job, int index, struct edge edges[EDGES_MOST])
{
    const struct job_step *step = &job->steps[index];
    int count = 0;
    edges[count++] = step->next.target >= 0 ? (struct edge){step->next.target, EDGE_NEXT}
                                            : (struct edge){index + 1, EDGE_ON};
    if (step->condition)
        edges[count++] = (struct edge){index + 1, EDGE_SKIP};
    if (step->on_failure == ON_FAILURE_CONTINUE)
        edges[count++] = (struct edge){index + 1, EDGE_CONTINUE};
    else if (step->on_failure == ON_FAILURE_GOTO && step->failure_way.target >= 0)
        edges[count++] = (struct edge){step->failure_way.target, EDGE_GOTO};
    return count;
}

static bool is_success(enum edge_kind kind)
{
    return kind == EDGE_ON || kind == EDGE_NEXT;
}

static uint64_t *sure_of(const struct flow *flow, int step)
{
    return flow->sure + (size_t)step * flow->words;
}

static uint64_t bit_of(int step)
{
    return (uint64_t)1 << (step % WORD_BITS);
}

/* What is sure at the step's beginning goes along one edge: true where the target knows less than before. */
static bool edge_carry(struct flow *flow, int from, const struct edge *edge)
{
    uint64_t *target = sure_of(flow, edge->target);
    const uint64_t *source = sure_of(flow, from);
    bool changed = !flow->reached[edge->target];
    for (size_t i = 0; i < flow->words; i++) {
        uint64_t carried = source[i];
        if (i == (size_t)from / WORD_BITS)
            carried = is_success(edge->kind) ? carried | bit_of(from) : carried & ~bit_of(from);
        uint64_t met = flow->reached[edge->target] ? target[i] & carried : carried;
        changed |= met != target[i];
        target[i] = met;
    }
    flow->reached[edge->target] = true;
    return changed;
}

/* Sets only shrink once a step is reached, so this ends; in list order it takes as many rounds as ways back
 * lie within each other, and never more than there are steps. */
static void find_fixpoint(struct flow *flow)
{
    int count = flow->job->step_count;
    bool changed = true;
    flow->reached[0] = true;
    for (int round = 0; changed; round++) {
        assert(round <= count + 2);
        changed = false;
        for (int step = 0; step < count; step++) {
            struct edge edges[EDGES_MOST];
            int edge_count = flow->reached[step] ? edges_of(flow->job, step, edges) : 0;
            for (int i = 0; i < edge_count; i++)
                changed |= edge_carry(flow, step, &edges[i]);
        }
    }
}

struct flow *flow_new(const struct job *job)
{
    struct flow *flow = memory_new(sizeof *flow);
    size_t places = (size_t)job->step_count + 1;
    flow->job = job;
    flow->words = places / WORD_BITS + 1;
    flow->sure = memory_new(places * flow->words * sizeof *flow->sure);
    flow->reached = memory_new(places * sizeof *flow->reached);
    find_fixpoint(flow);
    return flow;
}

void flow_free(struct flow *flow)
{
    if (!flow)
        return;
    free(flow->sure);
    free(flow->reached);
    free(flow);
}

bool flow_reaches(const struct flow *flow, int step)
{
    return flow->reached[step];
}

bool flow_ends(const struct flow *flow)
{
    return flow->reached[flow->job->step_count];
}

bool flow_has_succeeded(const struct flow *flow, int step, int other)
{
    return sure_of(flow, step)[other / WORD_BITS] & bit_of(other);
}

/* ---- searches, over (step, has `other` succeeded?) ---- */

struct search {
    int *from;          /* the state before; -1: not seen */
    enum edge_kind *by; /* the edge from there */
    int *queue, head, tail;
};

static int state_of(int step, bool succeeded)
{
    return 2 * step + succeeded;
}

static void search_see(struct search *search, int state, int from, enum edge_kind by)
{
    if (search->from[state] >= 0)
        return;
    search->from[state] = from;
    search->by[state] = by;
    search->queue[search->tail++] = state;
}

static void search_from(const struct flow *flow, int first, int other, struct search *search)
{
    int count = flow->job->step_count;
    size_t states = 2 * ((size_t)count + 1);
    search->from = memory_new(states * sizeof *search->from);
    search->by = memory_new(states * sizeof *search->by);
    search->queue = memory_new(states * sizeof *search->queue);
    for (size_t i = 0; i < states; i++)
        search->from[i] = -1;
    search_see(search, first, first, EDGE_ON);
    while (search->head < search->tail) {
        int state = search->queue[search->head++], step = state / 2;
        struct edge edges[EDGES_MOST];
        int edge_count = step < count ? edges_of(flow->job, step, edges) : 0;
        for (int i = 0; i < edge_count; i++) {
            bool succeeded = step == other ? is_success(edges[i].kind) : state % 2;
            search_see(search, state_of(edges[i].target, succeeded), state, edges[i].kind);
        }
    }
}

static void search_clear(struct search *search)
{
    free(search->from);
    free(search->by);
    free(search->queue);
}

bool flow_repeats(const struct flow *flow, int step)
{
    struct search search = {0};
    struct edge edges[EDGES_MOST];
    int edge_count = edges_of(flow->job, step, edges);
    bool repeats = false;
    for (int i = 0; i < edge_count && !repeats; i++) {
        search = (struct search){0};
        search_from(flow, state_of(edges[i].target, false), -1, &search);
        repeats = search.from[state_of(step, false)] >= 0;
        search_clear(&search);
    }
    return repeats;
}

static void explain_edge(const struct flow *flow, int from, enum edge_kind by, int other, char *text,
                         size_t size)
{
    const struct job_step *skipped = &flow->job->steps[other], *step = &flow->job->steps[from];
    switch (by) {
    case EDGE_SKIP:
        snprintf(text, size, "\"%s\" is skipped where its if: is false (line %d)", step->id, step->line);
        return;
    case EDGE_CONTINUE:
        snprintf(text, size, "\"%s\" may fail and then continues (line %d)", step->id, step->line);
        return;
    case EDGE_NEXT:
    case EDGE_GOTO:
        if (from == other)
            snprintf(text, size, "\"%s\" may fail and then goes on by on_failure: (line %d)", step->id,
                     step->line);
        else
            snprintf(text, size, "reached from \"%s\" by %s, which skips \"%s\" (line %d)", step->id,
                     by == EDGE_NEXT ? "next:" : "on_failure:", skipped->id, skipped->line);
        return;
    case EDGE_ON:
        break;
    }
    snprintf(text, size, "\"%s\" comes later (line %d)", skipped->id, skipped->line);
}

void flow_explain(const struct flow *flow, int step, int other, char *text, size_t size)
{
    const struct job_step *skipped = &flow->job->steps[other];
    struct search search = {0};
    search_from(flow, state_of(0, false), other, &search);
    int state = state_of(step, false);
    snprintf(text, size, step == other ? "\"%s\" has not run yet (line %d)" : "\"%s\" comes later (line %d)",
             skipped->id, skipped->line);
    /* From the end of the way back to where `other` was left without a success, or passed by. */
    while (search.from[state] >= 0 && search.from[state] != state) {
        int from = search.from[state] / 2;
        bool passes = from < other && state / 2 > other;
        if (from == other || passes) {
            explain_edge(flow, from, search.by[state], other, text, size);
            break;
        }
        state = search.from[state];
    }
    search_clear(&search);
}
