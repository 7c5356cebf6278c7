/* What a history consists of. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define LATE_MS    30000 /* items with a time come before it */
#define CALLS_MOST 220   /* crashes strike at one of so many calls */

#define SHIPPED_ONE_IN 40 /* histories is one of a shipped job */

static int64_t below(int64_t limit)
{
    return chance_below(CHANCE_JOB, limit);
}

static bool percent(int share)
{
    return chance_percent(CHANCE_JOB, share);
}

/* ---- drawing ---- */

static const int SHAPE_SHARES[SHAPES] = {
    [SHAPE_COMMAND] = 34, [SHAPE_ASKING] = 10, [SHAPE_RELEASE] = 16, [SHAPE_CALL] = 14,
    [SHAPE_FILE] = 9,     [SHAPE_SLEEP] = 6,   [SHAPE_ASSERT] = 7,   [SHAPE_APPROVE] = 4};

static enum shape draw_shape(void)
{
    int64_t at = below(100);
    for (int shape = 0; shape < SHAPES; shape++)
        if ((at -= SHAPE_SHARES[shape]) < 0)
            return (enum shape)shape;
    return SHAPE_COMMAND;
}

static bool observes(const struct plan_step *step)
{
    return step->shape == SHAPE_ASKING || step->shape == SHAPE_SLEEP || step->shape == SHAPE_ASSERT ||
           step->shape == SHAPE_APPROVE || (step->shape == SHAPE_COMMAND && step->effect == EFFECT_OBSERVE);
}

static void draw_step(struct plan *plan, int index)
{
    struct plan_step *step = &plan->steps[index];
    *step = (struct plan_step){.shape = draw_shape(), .settle_s = 3 + (int)below(4)};
    step->effect = percent(42) ? EFFECT_ONCE : percent(60) ? EFFECT_CONVERGE : EFFECT_OBSERVE;
    bool acts = !observes(step);
    step->probe = step->shape == SHAPE_COMMAND && acts && percent(65);
    step->undo = step->shape == SHAPE_COMMAND && acts && percent(55);
    step->approve = step->shape != SHAPE_APPROVE && percent(10);
    step->guards = acts && percent(50) ? 1 + percent(30) : 0;
    step->outputs = step->shape == SHAPE_COMMAND && percent(30);
    step->uses_output = step->shape == SHAPE_ASSERT && percent(40);
    step->condition = percent(14) ? 1 + (int)below(4) : 0;
    if (step->shape != SHAPE_APPROVE) {
        step->timeout_s = percent(35) ? 1 + (int)below(25) : 0;
        step->attempt_timeout_s = percent(12) ? 1 + (int)below(8) : 0;
        step->attempts = percent(45) ? 1 + (int)below(4) : 1;
    }
    step->on_failure = percent(45)   ? AFTER_STOP
                       : percent(35) ? AFTER_ROLLBACK
                       : percent(40) ? AFTER_CONTINUE
                                     : AFTER_GOTO;
    step->to = (int)below(plan->step_count);
    step->max_visits = 1 + (int)below(3);
    step->loops = percent(6);
}

static void draw_item(struct plan *plan, enum item_kind kind)
{
    struct plan_item *item = &plan->items[plan->item_count++];
    bool by_call = kind == ITEM_CRASH || kind == ITEM_POWER || chance_percent(CHANCE_ITEMS, 60);
    bool early = chance_percent(CHANCE_ITEMS, 60);
    *item = (struct plan_item){
        .kind = kind,
        .at_ms = chance_below(CHANCE_ITEMS, early ? LATE_MS / 6 : LATE_MS),
        .call = by_call ? 1 + chance_below(CHANCE_ITEMS, early ? CALLS_MOST / 4 : CALLS_MOST) : 0,
        .delay_ms = chance_percent(CHANCE_ITEMS, 50) ? 0 : chance_below(CHANCE_ITEMS, 400),
        .number = chance_below(CHANCE_ITEMS, 1 << 20),
    };
}

void plan_draw_items(struct plan *plan, const struct item_draw *draws, size_t count, int calm_percent,
                     void (*add)(struct plan *plan, enum item_kind kind))
{
    bool calm = chance_percent(CHANCE_ITEMS, calm_percent);
    for (size_t i = 0; !calm && i < count; i++) {
        int64_t items = chance_percent(CHANCE_ITEMS, draws[i].percent)
                            ? 1 + chance_below(CHANCE_ITEMS, draws[i].most)
                            : 0;
        while (items-- > 0 && plan->item_count < SIMULATION_ITEMS_MOST)
            add(plan, draws[i].kind);
    }
}

static void draw_items(struct plan *plan)
{
    static const struct item_draw draws[] = {
        {ITEM_SAY, 75, 5},
        {ITEM_CRASH, 70, 4},
        {ITEM_POWER, 20, 2},
        {ITEM_COMMIT_LOST, 12, 1},
        {ITEM_COMMIT_SAYS_LOST, 12, 1},
        {ITEM_KEEPER_DIES, 25, 2},
        {ITEM_CHILD_DIES, 25, 2},
        {ITEM_SIGNAL, 25, 2},
        {ITEM_STUCK, 15, 1},
        {ITEM_TAKE_OVER, 15, 1},
        {ITEM_CLOCK, 10, 2},
        {ITEM_MOVE, 5, 1},
    };
    plan_draw_items(plan, draws, sizeof draws / sizeof *draws, 5, draw_item);
}

/* A step is to be done again, and soon everything is to be undone: what the step had sent may still arrive.
 */
static void draw_change_of_mind(struct plan *plan)
{
    if (plan->item_count + 2 > SIMULATION_ITEMS_MOST)
        return;
    draw_item(plan, ITEM_SAY);
    struct plan_item *first = &plan->items[plan->item_count - 1], *second = &plan->items[plan->item_count++];
    first->number = 7 + 14; /* resolve --retry; then rollback (people.c) */
    *second = *first;
    second->number = 9;
    second->at_ms += chance_below(CHANCE_ITEMS, 2000);
    second->delay_ms += chance_below(CHANCE_ITEMS, 2000);
}

/* Where things go wrong again and again, people lose patience. */
static void draw_impatience(struct plan *plan)
{
    /* cancel, rollback, cancel, pause, resolve, from (people.c) */
    static const int words[] = {5, 9, 5, 3, 7 + 14, 12 + 14};
    int64_t count = plan->curse ? 1 + chance_below(CHANCE_ITEMS, 4) : 0;
    while (count-- > 0 && plan->item_count < SIMULATION_ITEMS_MOST) {
        draw_item(plan, ITEM_SAY);
        plan->items[plan->item_count - 1].number = words[chance_below(CHANCE_ITEMS, 6)];
    }
    if (plan->curse == CURSE_PROBES)
        draw_change_of_mind(plan);
}

void plan_draw(struct plan *plan, uint64_t seed)
{
    static const int troubles[] = {0, 0, 8, 20, 40};
    *plan = (struct plan){.seed = seed};
    chance_begin(seed);
    if (!chance_below(CHANCE_FAMILY, SHIPPED_ONE_IN)) {
        shipped_draw(plan);
        return;
    }
    plan->step_count = 1 + (int)below(percent(60) ? 3 : 5);
    for (int i = 0; i < plan->step_count; i++)
        draw_step(plan, i);
    plan->runs = percent(80) ? 1 : percent(70) ? 2 : 3;
    plan->locks = percent(plan->runs > 1 ? 70 : 25);
    plan->yes = percent(20);
    plan->trouble = troubles[below(5)];
    plan->patience = (int)below(4);
    plan->curse = percent(20) ? (enum curse)(1 + below(CURSES - 1)) : CURSE_NONE;
    draw_items(plan);
    draw_impatience(plan);
}

/* ---- the job file ---- */

const char *plan_step_id(const struct plan *plan, int index)
{
    static const char *const ids[SIMULATION_STEPS_MOST] = {"s1", "s2", "s3", "s4", "s5",
                                                           "s6", "s7", "s8", "s9", "s10"};
    return plan->shipped ? shipped_step_id(plan, index) : ids[index];
}

int plan_step_find(const struct plan *plan, const char *id)
{
    for (int i = 0; i < plan->step_count; i++)
        if (!strcmp(plan_step_id(plan, i), id))
            return i;
    return -1;
}

/* The n-th step that is left; -1: none. */
static int find_left(const struct plan *plan, int from, int direction)
{
    for (int i = from; i >= 0 && i < plan->step_count; i += direction)
        if (!plan->steps[i].dropped)
            return i;
    return -1;
}

unsigned plan_guards(const struct plan *plan, int index)
{
    unsigned guards = 0;
    if (plan->shipped)
        return shipped_guards(plan, index);
    for (int i = index - 1, left = plan->steps[index].guards; i >= 0 && left; i--) {
        const struct plan_step *step = &plan->steps[i];
        bool kind = step->shape == SHAPE_ASSERT || step->shape == SHAPE_ASKING ||
                    (step->shape == SHAPE_COMMAND && step->effect == EFFECT_OBSERVE);
        if (!step->dropped && kind && !step->condition && step->on_failure == AFTER_STOP && !step->loops) {
            guards |= 1U << i;
            left--;
        }
    }
    return guards;
}

static void write_guards(const struct plan *plan, int index, struct text *yaml)
{
    const char *before = "    guards: [";
    unsigned guards = plan_guards(plan, index);
    for (int i = 0; guards >> i; i++)
        if (guards & (1U << i)) {
            text_format(yaml, "%ss%d", before, i + 1);
            before = ", ";
        }
    text_add(yaml, guards ? "]\n" : "");
}

static int find_output(const struct plan *plan, int index)
{
    for (int i = index - 1; i >= 0; i--)
        if (!plan->steps[i].dropped && plan->steps[i].outputs)
            return i;
    return -1;
}

static void write_kind(const struct plan *plan, int index, struct text *yaml)
{
    static const char *const effects[] = {"observe", "converge", "once"};
    const struct plan_step *step = &plan->steps[index];
    int output = find_output(plan, index);
    switch (step->shape) {
    case SHAPE_COMMAND:
        text_format(yaml, "    uses: command\n    effect: %s\n    with: {argv: [/simulated/%s]}\n",
                    effects[step->effect], step->effect == EFFECT_OBSERVE ? "look" : "act");
        if (step->probe)
            text_add(yaml, "    probe: {uses: command, with: {argv: [/simulated/probe]}}\n");
        if (step->undo)
            text_add(yaml, "    undo: {uses: command, with: {argv: [/simulated/undo]}}\n");
        if (step->outputs)
            text_format(yaml, "    outputs: {n: {type: int, value: '${json.n}'%s}}\n",
                        step->settle_s % 2 ? ", default: 0" : "");
        break;
    case SHAPE_ASKING:
        text_format(yaml,
                    "    uses: command\n    effect: observe\n    with: {argv: [/simulated/look]}\n"
                    "    until: ${exit_code == 0}\n    every: 2s\n    stable_for: %ds\n",
                    step->settle_s - 3);
        break;
    case SHAPE_RELEASE:
        text_add(yaml, "    uses: release\n");
        break;
    case SHAPE_CALL:
        text_add(yaml, "    uses: call\n");
        break;
    case SHAPE_FILE:
        text_add(yaml, "    uses: file\n");
        break;
    case SHAPE_SLEEP:
        text_format(yaml, "    uses: sleep\n    with: {for: %ds}\n", step->settle_s);
        break;
    case SHAPE_ASSERT:
        if (step->uses_output && output >= 0)
            text_format(
                yaml, "    uses: assert\n    with: {that: '${has(steps.s%d.n) ? steps.s%d.n >= 0 : true}'}\n",
                output + 1, output + 1);
        else
            text_format(yaml, "    uses: assert\n    with: {that: '${run.id %s 0}'}\n",
                        step->settle_s == 6 ? "<" : ">");
        break;
    default:
        text_add(yaml, "    uses: approve\n    with: {message: Go on?}\n");
    }
}

static void write_condition(const struct plan *plan, int index, struct text *yaml)
{
    int other = find_left(plan, index - 1, -1);
    switch (plan->steps[index].condition) {
    case 1:
        text_add(yaml, "    if: ${run.id > 0}\n");
        break;
    case 2:
        text_add(yaml, "    if: ${run.id < 0}\n");
        break;
    case 3:
        text_add(yaml, "    if: ${1 / (run.id - run.id) > 0}\n");
        break;
    case 4:
        if (other >= 0)
            text_format(yaml, "    if: ${steps.s%d.status != \"failed\"}\n", other + 1);
        break;
    default:
        break;
    }
}

/* Where a loop leads back to; -1: it has none. */
static int loop_of(const struct plan *plan, int index)
{
    int to = find_left(plan, plan->steps[index].to, -1);
    bool loops = plan->steps[index].loops && to <= index && find_left(plan, index + 1, 1) >= 0;
    return loops ? to : -1;
}

int plan_next(const struct plan *plan, int index, bool skipped)
{
    int loop = skipped ? -1 : loop_of(plan, index);
    return loop >= 0 ? loop : find_left(plan, index + 1, 1);
}

static void write_ways(const struct plan *plan, int index, struct text *yaml)
{
    const struct plan_step *step = &plan->steps[index];
    int to = find_left(plan, step->to, -1);
    int behind = find_left(plan, index + 1, 1);
    if (loop_of(plan, index) >= 0) {
        text_format(yaml, "    next: {goto: s%d, max_visits: %d}\n    on_failure: {goto: s%d}\n", to + 1,
                    1 + step->max_visits, behind + 1);
        return;
    }
    if (step->on_failure == AFTER_CONTINUE)
        text_add(yaml, "    on_failure: continue\n");
    else if (step->on_failure == AFTER_ROLLBACK)
        text_add(yaml, "    on_failure: rollback\n");
    else if (step->on_failure == AFTER_GOTO && to >= 0)
        text_format(yaml, "    on_failure: {goto: s%d, max_visits: %d}\n", to + 1, step->max_visits);
}

static void write_step(const struct plan *plan, int index, struct text *yaml)
{
    const struct plan_step *step = &plan->steps[index];
    text_format(yaml, "  - id: s%d\n", index + 1);
    write_kind(plan, index, yaml);
    write_condition(plan, index, yaml);
    write_guards(plan, index, yaml);
    if (step->approve)
        text_format(yaml, "    approve: Do s%d?\n", index + 1);
    if (step->timeout_s)
        text_format(yaml, "    timeout: %ds\n", step->timeout_s);
    bool once = step->shape == SHAPE_CALL || (step->shape == SHAPE_COMMAND && step->effect == EFFECT_ONCE);
    if (once)
        text_format(yaml, "    settle: %ds\n", step->settle_s);
    if (step->attempts > 1 || step->attempt_timeout_s) {
        text_format(yaml, "    retry: {attempts: %d, delay: 1s, max_delay: 5s", step->attempts);
        if (step->attempt_timeout_s)
            text_format(yaml, ", timeout: %ds", step->attempt_timeout_s);
        text_add(yaml, step->shape == SHAPE_COMMAND ? ", on_exit: [75]}\n" : "}\n");
    }
    write_ways(plan, index, yaml);
}

char *plan_job(const struct plan *plan)
{
    struct text yaml = {0};
    if (plan->shipped)
        return shipped_text(plan);
    text_add(&yaml, "job: simulated\nversion: 1\n");
    if (plan->locks)
        text_add(&yaml, "lock: simulated/lock\n");
    text_add(&yaml, "steps:\n");
    for (int i = 0; i < plan->step_count; i++)
        if (!plan->steps[i].dropped)
            write_step(plan, i, &yaml);
    return text_take(&yaml);
}

/* ---- for people ---- */

const char *item_text(enum item_kind kind)
{
    static const char *const texts[ITEM_KINDS] = {
        [ITEM_SAY] = "a person says something",
        [ITEM_CRASH] = "the caller is killed",
        [ITEM_POWER] = "the host loses power",
        [ITEM_COMMIT_LOST] = "the next commit fails",
        [ITEM_COMMIT_SAYS_LOST] = "the next commit is made and says that it failed",
        [ITEM_KEEPER_DIES] = "a keeper is killed",
        [ITEM_CHILD_DIES] = "a program is killed",
        [ITEM_SIGNAL] = "a driver gets a signal",
        [ITEM_STUCK] = "a driver is stopped for a while",
        [ITEM_TAKE_OVER] = "a run is taken over",
        [ITEM_CLOCK] = "the wall clock jumps",
        [ITEM_MOVE] = "the host is lost, the store goes to another",
        [ITEM_CLUSTER] = "the cluster: ",
    };
    return texts[kind];
}

void plan_print(const struct plan *plan, FILE *to)
{
    char *yaml = plan->shipped ? NULL : plan_job(plan);
    static const char *const curses[CURSES] = {"",
                                               ", looks vanish",
                                               ", mends fail",
                                               ", probes fail",
                                               ", guards refuse",
                                               ", prepares fail",
                                               ", plans refuse"};
    if (plan->shipped)
        shipped_print(plan, to);
    fprintf(to, "%s%d runs, trouble %d %%, patience %d%s%s\n", yaml ? yaml : "", plan->runs, plan->trouble,
            plan->patience, curses[plan->curse], plan->yes ? ", drivers with --yes" : "");
    for (int i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (item->dropped)
            continue;
        const char *script = item->kind == ITEM_CLUSTER ? shipped_script(item->number) : "";
        if (item->call)
            fprintf(to, "  %.3f s after call %lld", (double)item->delay_ms / 1000, (long long)item->call);
        else
            fprintf(to, "  at %.3f s", (double)item->at_ms / 1000);
        fprintf(to, "%s%s: %s%s\n", item->step ? " since the start of " : "",
                item->step ? plan_step_id(plan, item->step - 1) : "", item_text(item->kind), script);
    }
    free(yaml);
}
