/* The data flow over the graph of steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/flow.h"
#include "suite.h"

#define STEPS_MOST 2000

struct graph {
    struct job job;
    struct job_step *steps;
    char (*ids)[16];
};

static void graph_new(struct graph *graph, int count)
{
    *graph = (struct graph){.steps = memory_new((size_t)count * sizeof *graph->steps),
                            .ids = memory_new((size_t)count * sizeof *graph->ids)};
    for (int i = 0; i < count; i++) {
        snprintf(graph->ids[i], sizeof graph->ids[i], "s%d", i);
        graph->steps[i].id = graph->ids[i];
        graph->steps[i].line = 10 + i;
        graph->steps[i].next.target = graph->steps[i].failure_way.target = -1;
    }
    graph->job.steps = graph->steps;
    graph->job.step_count = count;
}

static void graph_clear(struct graph *graph)
{
    free(graph->steps);
    free(graph->ids);
}

static void step_fails_to(struct graph *graph, int step, int target)
{
    graph->steps[step].on_failure = ON_FAILURE_GOTO;
    graph->steps[step].failure_way.target = target;
}

START_TEST(in_list_order_everything_before_has_succeeded)
{
    struct graph graph;
    graph_new(&graph, 3);
    struct flow *flow = flow_new(&graph.job);
    ck_assert(flow_has_succeeded(flow, 2, 0));
    ck_assert(flow_has_succeeded(flow, 2, 1));
    ck_assert(!flow_has_succeeded(flow, 1, 1));
    ck_assert(!flow_has_succeeded(flow, 0, 2));
    ck_assert(flow_ends(flow));
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

START_TEST(a_skipped_a_continuing_and_a_left_step_are_not_sure)
{
    struct graph graph;
    graph_new(&graph, 4);
    graph.steps[0].condition = "${true}";
    graph.steps[1].on_failure = ON_FAILURE_CONTINUE;
    step_fails_to(&graph, 2, 3);
    struct flow *flow = flow_new(&graph.job);
    for (int i = 0; i < 3; i++)
        ck_assert(!flow_has_succeeded(flow, 3, i));
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

START_TEST(what_next_passes_by_is_neither_sure_nor_reached)
{
    struct graph graph;
    char text[256];
    graph_new(&graph, 4);
    graph.steps[0].next.target = 2;
    struct flow *flow = flow_new(&graph.job);
    ck_assert(!flow_reaches(flow, 1));
    ck_assert(!flow_has_succeeded(flow, 3, 1));
    ck_assert(flow_has_succeeded(flow, 3, 0));
    flow_explain(flow, 3, 1, text, sizeof text);
    ck_assert_str_eq(text, "reached from \"s0\" by next:, which skips \"s1\" (line 11)");
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

/* s2 fails back to s1: at s1 then s2 has failed, and s1's own outputs are those of the visit before. */
START_TEST(a_way_back_clears_what_is_visited_again)
{
    struct graph graph;
    graph_new(&graph, 4);
    step_fails_to(&graph, 3, 1);
    struct flow *flow = flow_new(&graph.job);
    ck_assert(flow_has_succeeded(flow, 1, 0));
    ck_assert(!flow_has_succeeded(flow, 1, 2));
    ck_assert(flow_has_succeeded(flow, 3, 1));
    ck_assert(flow_has_succeeded(flow, 3, 2));
    ck_assert(flow_repeats(flow, 1));
    ck_assert(flow_repeats(flow, 3));
    ck_assert(!flow_repeats(flow, 0));
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

/* In the second round s1 is skipped: its outputs of the first round are gone, too. */
START_TEST(a_step_skipped_in_a_later_round_loses_its_outputs)
{
    struct graph graph;
    char text[256];
    graph_new(&graph, 3);
    graph.steps[1].condition = "${true}";
    step_fails_to(&graph, 2, 1);
    struct flow *flow = flow_new(&graph.job);
    ck_assert(!flow_has_succeeded(flow, 2, 1));
    flow_explain(flow, 2, 1, text, sizeof text);
    ck_assert_str_eq(text, "\"s1\" is skipped where its if: is false (line 11)");
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

START_TEST(a_job_of_which_every_way_goes_back_never_ends)
{
    struct graph graph;
    graph_new(&graph, 2);
    graph.steps[1].next = (struct job_way){0, 3};
    struct flow *flow = flow_new(&graph.job);
    ck_assert(!flow_ends(flow));
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

/* A small graph's answer by brute force: walk all ways from the start and note what was missing where. */
struct walker {
    const struct job *job;
    bool seen[1 << 6][6];
    bool missing[7][6];
};

static void walk(struct walker *walker, int step, int done)
{
    if (step < walker->job->step_count && walker->seen[done][step])
        return;
    for (int i = 0; i < walker->job->step_count; i++)
        walker->missing[step][i] |= !(done & 1 << i);
    if (step == walker->job->step_count)
        return;
    const struct job_step *at = &walker->job->steps[step];
    walker->seen[done][step] = true;
    int failed = done & ~(1 << step);
    walk(walker, at->next.target >= 0 ? at->next.target : step + 1, done | 1 << step);
    if (at->condition || at->on_failure == ON_FAILURE_CONTINUE)
        walk(walker, step + 1, failed);
    if (at->on_failure == ON_FAILURE_GOTO)
        walk(walker, at->failure_way.target, failed);
}

START_TEST(random_graphs_agree_with_walking_all_their_ways)
{
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        struct graph graph;
        static struct walker walker;
        graph_new(&graph, 6);
        for (int i = 0; i < 6; i++) {
            int dice = rand_r(&seed) % 6;
            graph.steps[i].condition = rand_r(&seed) % 4 ? NULL : "${true}";
            if (!(rand_r(&seed) % 4))
                graph.steps[i].next.target = rand_r(&seed) % 6;
            if (dice == 0)
                graph.steps[i].on_failure = ON_FAILURE_CONTINUE;
            else if (dice < 3)
                step_fails_to(&graph, i, rand_r(&seed) % 6);
        }
        walker = (struct walker){.job = &graph.job};
        walk(&walker, 0, 0);
        struct flow *flow = flow_new(&graph.job);
        for (int step = 0; step < 6; step++)
            for (int other = 0; other < 6 && flow_reaches(flow, step); other++)
                ck_assert_int_eq(flow_has_succeeded(flow, step, other), !walker.missing[step][other]);
        flow_free(flow);
        graph_clear(&graph);
    }
}
END_TEST

START_TEST(the_largest_job_with_ways_back_everywhere_ends_quickly)
{
    struct graph graph;
    graph_new(&graph, STEPS_MOST);
    for (int i = 1; i < STEPS_MOST; i++) {
        graph.steps[i].condition = i % 3 ? NULL : "${true}";
        step_fails_to(&graph, i, STEPS_MOST - 1 - i < i ? STEPS_MOST - 1 - i : i - 1);
    }
    struct flow *flow = flow_new(&graph.job);
    ck_assert(flow_ends(flow));
    flow_free(flow);
    graph_clear(&graph);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("jobs_flow");
    TCase *tests = tcase_create("flow");
    tcase_add_test(tests, in_list_order_everything_before_has_succeeded);
    tcase_add_test(tests, a_skipped_a_continuing_and_a_left_step_are_not_sure);
    tcase_add_test(tests, what_next_passes_by_is_neither_sure_nor_reached);
    tcase_add_test(tests, a_way_back_clears_what_is_visited_again);
    tcase_add_test(tests, a_step_skipped_in_a_later_round_loses_its_outputs);
    tcase_add_test(tests, a_job_of_which_every_way_goes_back_never_ends);
    tcase_add_test(tests, random_graphs_agree_with_walking_all_their_ways);
    tcase_add_test(tests, the_largest_job_with_ways_back_everywhere_ends_quickly);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
