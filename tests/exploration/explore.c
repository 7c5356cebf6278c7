/* Exhaustive exploration of the machine, through the real code: for each machine, every moment that can be
 * reached under all orders of answers, timers, faults and words is visited once, and the oracle looks at
 * every step that leads there.
 *
 *   explore [SIZE]           SIZE: small (default) or full
 *   MACHINE=n explore        only the n-th machine, and how many moments it has; VERBOSE=1: so of all
 *   PART=n explore           only the n-th of PARTS, from 0
 *   JOBS=n explore           as many processes (as many as there are processors); each takes every n-th
 * machine
 *
 * Bounded, and so finite: attempts (2), visits (2 by a way back), words of people that change something (each
 * history has WORDS of them; approvals and rejections are free) and faults (FAULTS: a kill, a signal, a
 * take-over elsewhere). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "exploration/graph.h"
#include "exploration/happen.h"

#define NODES_MOST 3000000
#define ROWS_MOST  256
#define JOBS_MOST  64

struct budget {
    int words, faults;
};

struct exploring {
    const struct recipe *recipe;
    int number;
    struct graph graph;
    struct moment **open; /* by node; NULL once its followers are known */
    uint32_t open_capacity;
    bool failed;
};

struct counts {
    int machines, failed;
    int64_t states, transitions;
    uint64_t rows[ROWS_MOST]; /* of the machine's table: how often each was taken */
};
static struct counts total;

/* ---- saying what went wrong ---- */

static void print_way(const struct exploring *exploring, uint32_t node)
{
    int rows[1000], count = 0;
    for (; exploring->graph.nodes[node].from != GRAPH_NONE && count < 1000;
         node = exploring->graph.nodes[node].from)
        rows[count++] = exploring->graph.nodes[node].row;
    printf("    submit%s; claim\n", exploring->recipe->lock ? " waits-for-lock" : "");
    while (count-- > 0)
        printf("    %s\n", happen_name(rows[count]));
}

static void fail(struct exploring *exploring, const char *what, uint32_t node, int row)
{
    struct text words = {0};
    recipe_print(exploring->recipe, &words);
    printf("machine %d (%s)\n  %s, after\n", exploring->number, text_string(&words), what);
    print_way(exploring, node);
    if (row >= 0)
        printf("    %s\n", happen_name(row));
    text_clear(&words);
    exploring->failed = true;
}

/* ---- the same events, folded again ---- */

/* As the store gives them back: text, not values in memory. */
static const char *fold_again(const struct moment *before, const struct moment *after,
                              const struct happening *happening)
{
    struct run *run = run_copy(before->run);
    const char *difference = NULL;
    for (int i = 0; i < happening->event_count && !difference; i++) {
        struct event event = happening->events[i];
        struct error error = {0};
        char *text = json_canonical(event.body);
        event.body = json_loads(text, 0, NULL);
        if (run_fold(run, &event, &error))
            difference = "an event that cannot be folded";
        json_decref(event.body);
        free(text);
    }
    if (!difference)
        difference = run_difference(run, after->run);
    run_free(run);
    return difference;
}

/* ---- walking ---- */

static void open_node(struct exploring *exploring, uint32_t node, struct moment *moment)
{
    if (node >= exploring->open_capacity) {
        exploring->open_capacity = exploring->open_capacity ? 2 * exploring->open_capacity : 4096;
        exploring->open = memory_resize(exploring->open, exploring->open_capacity, sizeof *exploring->open);
    }
    exploring->open[node] = moment;
    exploring->graph.nodes[node].rests = moment_rests(moment);
}

static uint32_t meet(struct exploring *exploring, const struct moment *moment, uint32_t from, int row,
                     bool *out_new)
{
    unsigned char bytes[MOMENT_SIZE];
    size_t length = moment_write(moment, bytes, sizeof bytes);
    return graph_meet(&exploring->graph, bytes, length, from, row, out_new);
}

static void follow(struct exploring *exploring, uint32_t from, int row)
{
    static struct happening happening;
    const struct moment *before = exploring->open[from];
    struct moment *after = moment_copy(before);
    enum happen_kind kind = happen_kind_of(before, row);
    bool is_new;
    happening_clear(&happening);
    happen_make(after, row, &happening);
    total.transitions++;
    const char *difference = happening.event_count ? fold_again(before, after, &happening) : NULL;
    if (difference)
        happening_break(&happening, "folding its events again gives another run: %s", difference);
    if (happening.broken[0]) {
        fail(exploring, happening.broken, from, row);
        moment_free(after);
        return;
    }
    uint32_t to = meet(exploring, after, from, row, &is_new);
    graph_connect(&exploring->graph, from, to, row, kind);
    if (is_new)
        open_node(exploring, to, after);
    else
        moment_free(after);
}

static void check_graph(struct exploring *exploring)
{
    uint32_t dead = graph_dead_end(&exploring->graph);
    if (dead != GRAPH_NONE) {
        fail(exploring, "the run can neither end nor come to a person", dead, -1);
        return;
    }
    int *cycle;
    uint32_t node = graph_livelock(&exploring->graph, &cycle);
    if (node == GRAPH_NONE)
        return;
    fail(exploring, "the run can go on for ever", node, -1);
    printf("  and then again and again\n");
    for (int i = 0; cycle[i] >= 0; i++)
        printf("    %s\n", happen_name(cycle[i]));
    free(cycle);
}

static void explore(struct exploring *exploring, const struct machine *machine, struct budget budget)
{
    struct happening happening = {.event_count = 0};
    bool is_new;
    struct moment *first = moment_new(exploring->recipe, machine, budget.words, budget.faults, &happening);
    open_node(exploring, meet(exploring, first, GRAPH_NONE, 0, &is_new), first);
    if (happening.broken[0])
        fail(exploring, happening.broken, 0, -1);
    happening_clear(&happening);
    uint32_t node = 0;
    for (; node < exploring->graph.count && !exploring->failed; node++) {
        for (int row = 0; row < happen_count() && !exploring->failed; row++)
            if (happen_may(exploring->open[node], row))
                follow(exploring, node, row);
        moment_free(exploring->open[node]);
        exploring->open[node] = NULL;
        if (exploring->graph.count > (getenv("NODES") ? (uint32_t)atoi(getenv("NODES")) : NODES_MOST))
            fail(exploring, "more states than are allowed", node, -1);
    }
    if (!exploring->failed)
        check_graph(exploring);
    for (; node < exploring->graph.count; node++)
        moment_free(exploring->open[node]);
    total.states += exploring->graph.count;
}

static bool explore_recipe(struct recipe *recipe, struct budget budget, int number)
{
    struct exploring exploring = {.recipe = recipe, .number = number};
    struct machine *machine = recipe_machine(recipe);
    explore(&exploring, machine, budget);
    if (getenv("MACHINE") || getenv("VERBOSE")) {
        struct text words = {0};
        recipe_print(recipe, &words);
        printf("machine %d (%s): %u states, %u transitions\n", number, text_string(&words),
               exploring.graph.count, exploring.graph.edge_count);
        text_clear(&words);
    }
    bool failed = exploring.failed;
    graph_clear(&exploring.graph);
    free(exploring.open);
    machine_free(machine);
    return failed;
}

/* ---- which machines ---- */

static const char *only_machine;
static int job, job_count = 1;

static void take(struct recipe *recipe, struct budget budget)
{
    int number = ++total.machines;
    recipe_settle(recipe);
    if (number % job_count != job || (only_machine && atoi(only_machine) != number))
        return;
    total.failed += explore_recipe(recipe, budget, number);
    fflush(stdout); /* what is said of a machine stays together */
}

/* Every two values of two policies stand together in some machine, those of two steps as well. */
static void explore_pairs(int steps, struct budget budget)
{
    int counts[STEPS_MOST * POLICY_COUNT + 1], factors = steps * POLICY_COUNT;
    unsigned char *rows;
    for (int i = 0; i < factors; i++)
        counts[i] = policy_value_count((enum policy)(i % POLICY_COUNT));
    counts[POLICY_CONDITION] =
        1; /* a first step that is passed over hides all else of it: explore_conditions */
    counts[factors++] = 2;
    int count = covering_rows(counts, factors, &rows);
    for (int row = 0; row < count; row++) {
        const unsigned char *values = rows + (size_t)row * (size_t)factors;
        struct recipe recipe = {.steps = steps, .lock = values[factors - 1]};
        for (int i = 0; i < factors - 1; i++)
            recipe.values[i / POLICY_COUNT][i % POLICY_COUNT] = values[i];
        take(&recipe, budget);
    }
    free(rows);
}

/* The policies that are combined with each other in full, and those that go along: each step of the count
 * turns one more of them, so that they meet all of the others without being multiplied by them. `takes` says
 * which of the machines are meant; NULL: all. */
static void explore_product(const enum policy *full, int full_count, const enum policy *along,
                            int along_count, bool (*takes)(const struct recipe *), struct budget budget)
{
    int machines = 1, turns = 0;
    for (int i = 0; i < full_count; i++)
        machines *= policy_value_count(full[i]);
    for (int n = 0; n < machines; n++) {
        struct recipe recipe = {.steps = 1};
        for (int i = 0, rest = n; i < full_count; rest /= policy_value_count(full[i++]))
            recipe.values[0][full[i]] = (unsigned char)(rest % policy_value_count(full[i]));
        if (!recipe_is_settled(&recipe) || (takes && !takes(&recipe)))
            continue;
        for (int i = 0, rest = turns; i < along_count; rest /= policy_value_count(along[i++]))
            recipe.values[0][along[i]] = (unsigned char)(rest % policy_value_count(along[i]));
        recipe.lock = turns++ % 3 == 0;
        take(&recipe, budget);
    }
}

static void explore_conditions(struct budget budget)
{
    static const enum policy full[] = {POLICY_CONDITION, POLICY_FAILURE, POLICY_RETRY, POLICY_NEXT};
    static const enum policy along[] = {POLICY_ASK, POLICY_EFFECT};
    explore_product(full, 4, along, 2, NULL, budget);
}

/* What is not rolled back by its policy is rolled back only by a person: then `undo` goes along. */
static void explore_acts(struct budget budget)
{
    static const enum policy full[] = {POLICY_EFFECT,  POLICY_PROBE, POLICY_BEFORE, POLICY_MEND,
                                       POLICY_FAILURE, POLICY_RETRY, POLICY_TIMEOUT};
    static const enum policy along[] = {POLICY_GUARD, POLICY_ASK, POLICY_OUTPUT, POLICY_NEXT, POLICY_UNDO};
    explore_product(full, 7, along, 5, NULL, budget);
}

static void explore_undos(struct budget budget)
{
    static const enum policy full[] = {POLICY_EFFECT, POLICY_PROBE, POLICY_BEFORE, POLICY_UNDO, POLICY_RETRY};
    static const enum policy along[] = {POLICY_TIMEOUT, POLICY_GUARD, POLICY_MEND, POLICY_NEXT};
    explore_product(full, 5, along, 4, NULL, budget);
}

/* What lives on without its driver: that takes another fault, and a word, to be found again. */
static void explore_children(struct budget budget)
{
    static const enum policy full[] = {POLICY_EFFECT, POLICY_PROBE, POLICY_BEFORE};
    static const enum policy along[] = {POLICY_TIMEOUT, POLICY_FAILURE, POLICY_RETRY, POLICY_UNDO};
    explore_product(full, 3, along, 4, recipe_has_child, budget);
}

/* What there is to undo is not known, and a person decides. */
static void explore_doubts(struct budget budget)
{
    static const enum policy full[] = {POLICY_EFFECT, POLICY_FAILURE, POLICY_PROBE, POLICY_UNDO};
    static const enum policy along[] = {POLICY_TIMEOUT, POLICY_BEFORE, POLICY_RETRY};
    explore_product(full, 4, along, 3, recipe_undoes_once, budget);
}

static const struct {
    const char *name;
    int steps; /* 0: of one step, not in pairs */
    void (*explore)(struct budget budget);
    struct budget small, full;
} PARTS[] = {
    {"one step, conditions", 0, explore_conditions, {1, 1}, {2, 1}},
    {"one step, all acts", 0, explore_acts, {0, 1}, {1, 1}},
    {"one step, all undos", 0, explore_undos, {0, 1}, {1, 1}},
    {"one step, children", 0, explore_children, {1, 2}, {2, 2}},
    {"one step, doubts", 0, explore_doubts, {1, 0}, {1, 1}},
    {"one step, pairs", 1, NULL, {1, 0}, {1, 1}},
    {"two steps, pairs", 2, NULL, {0, 1}, {1, 1}},
    {"three steps, pairs", 3, NULL, {0, 0}, {0, 1}},
    {"four steps, pairs", 4, NULL, {0, 0}, {0, 1}},
};

/* ---- several at a time ---- */

static void explore_part(int part, struct budget budget)
{
    if (PARTS[part].explore)
        PARTS[part].explore(budget);
    else
        explore_pairs(PARTS[part].steps, budget);
}

/* A process of its own for each job: what it counts is told in memory that they share. */
static pid_t begin_job(int part, struct budget budget, int number, struct counts *out)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    struct counts before = total;
    job = number;
    explore_part(part, budget);
    *out = (struct counts){.machines = total.machines - before.machines,
                           .failed = total.failed - before.failed,
                           .states = total.states - before.states,
                           .transitions = total.transitions - before.transitions};
    for (int row = 0; row < machine_row_count(); row++)
        out->rows[row] = machine_rows_taken[row];
    exit(0);
}

/* One that does not come to its end has failed. */
static void end_job(pid_t pid, const struct counts *counts)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || status) {
        printf("a process that explored has died\n");
        total.failed++;
    }
    total.failed += counts->failed;
    total.states += counts->states;
    total.transitions += counts->transitions;
    for (int row = 0; row < machine_row_count(); row++)
        total.rows[row] += counts->rows[row];
}

static void explore_at_once(int part, struct budget budget)
{
    pid_t pids[JOBS_MOST];
    size_t size = (size_t)job_count * sizeof(struct counts);
    struct counts *counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) {
        perror("explore");
        exit(2);
    }
    fflush(stdout);
    for (int i = 0; i < job_count; i++)
        if ((pids[i] = begin_job(part, budget, i, &counts[i])) < 0) {
            perror("explore");
            exit(2);
        }
    for (int i = 0; i < job_count; i++)
        end_job(pids[i], &counts[i]);
    total.machines += counts[0].machines; /* each has counted all of them */
    munmap(counts, size);
}

/* Told; how many. */
static int never_taken(void)
{
    int count = 0;
    for (int row = 0; row < machine_row_count(); row++)
        if (!total.rows[row]) {
            printf("never taken: %s\n", machine_row_name(row));
            count++;
        }
    return count;
}

static int read_job_count(void)
{
    const char *jobs = getenv("JOBS");
    long count = jobs && *jobs ? atol(jobs) : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > JOBS_MOST ? JOBS_MOST : (int)count;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argument_count, char **arguments)
{
    bool full = argument_count > 1 && !strcmp(arguments[1], "full");
    double since = seconds_now();
    memory_use_for_json();
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    only_machine = getenv("MACHINE");
    job_count = read_job_count();
    if (machine_row_count() > ROWS_MOST)
        abort();
    for (int i = 0; i < (int)(sizeof PARTS / sizeof *PARTS); i++) {
        if (getenv("PART") && atoi(getenv("PART")) != i)
            continue;
        struct budget budget = full ? PARTS[i].full : PARTS[i].small;
        int machines = total.machines;
        int64_t states = total.states, transitions = total.transitions;
        explore_at_once(i, budget);
        printf("%s, %d words, %d faults: %d machines, %lld states, %lld transitions (%.0f s)\n",
               PARTS[i].name, budget.words, budget.faults, total.machines - machines,
               (long long)(total.states - states), (long long)(total.transitions - transitions),
               seconds_now() - since);
        fflush(stdout);
    }
    bool whole = !only_machine && !getenv("PART");
    int untaken = never_taken(), missing = whole && untaken;
    printf("%d machines, %lld states, %lld transitions; %d of %d rows of the table taken\n", total.machines,
           (long long)total.states, (long long)total.transitions, machine_row_count() - untaken,
           machine_row_count());
    printf("%d passed, %d failed\n", total.machines - total.failed + (whole && !missing),
           total.failed + missing);
    return total.failed || missing;
}
