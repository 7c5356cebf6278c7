/* The world that steps act on: what has happened, by key; what shows of it, later; releases with their
 * pending records; commands that were sent and land after a while. It is honest: it never shows what has not
 * happened, and what was sent lands and shows within `settle`. Else it may fail in any way. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/process.h"
#include "simulation/kinds.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define LANDS_MS_MOST 1400
#define SHOWS_MS_MOST 1500 /* together just less than the least settle (plan.c) */
#define FACTS_MOST    256

struct fact {
    char key[128];
    bool landed, claimed;
    int64_t shows_ms;
    bool late; /* what was sent for it last takes as long as it may */
};

static struct fact facts[FACTS_MOST];
static int fact_count;

struct sent {
    char key[128];
    bool landed, used;
    int64_t lands_ms, ends_ms;
    int exit_status;
};

static struct sent sents[SIMULATION_SENT];
static int sent_count;

static struct record_of_release {
    char release[64], token[32], key[128];
    bool pending, deployed, removed;
} releases[FACTS_MOST];
static int release_count;

static struct cluster cluster;

bool outside_trouble(int share)
{
    return !simulation.quiet && chance_percent(CHANCE_WORLD, simulation.plan->trouble) &&
           chance_percent(CHANCE_WORLD, share);
}

bool outside_cursed(enum curse curse)
{
    return !simulation.quiet && simulation.plan->curse == curse && chance_percent(CHANCE_WORLD, 80);
}

static struct fact *fact_of(const char *key)
{
    for (int i = 0; i < fact_count; i++)
        if (!strcmp(facts[i].key, key))
            return &facts[i];
    if (fact_count == FACTS_MOST)
        return &facts[FACTS_MOST - 1];
    struct fact *fact = &facts[fact_count++];
    *fact = (struct fact){0};
    snprintf(fact->key, sizeof fact->key, "%s", key);
    return fact;
}

void outside_effect_of(const char *key, const char *via, bool foreign)
{
    struct fact *fact = fact_of(key);
    /* A status that lags misleads where nothing waits for it to settle: only what must not be repeated does.
     */
    if (!fact->landed)
        fact->shows_ms = simulation.now_ms + (!judge_is_once(key) ? 0
                                              : fact->late        ? SHOWS_MS_MOST
                                                           : chance_time_ms(CHANCE_WORLD, SHOWS_MS_MOST));
    fact->landed = true;
    judge_effect(key, via, foreign);
}

void outside_claimed(const char *keys)
{
    for (int i = 0; i < fact_count; i++)
        if (!strncmp(facts[i].key, keys, strlen(keys)))
            facts[i].claimed = true;
}

/* An earlier visit's effect that no success was recorded of is one, too. */
static bool shows(const char *key)
{
    size_t stem = (size_t)(strrchr(key, '/') - key) + 1;
    bool undo = strstr(key, "/undo");
    if (undo)
        stem -= 5;
    for (int i = 0; i < fact_count; i++) {
        const struct fact *fact = &facts[i];
        bool same = !strcmp(fact->key, key);
        bool earlier = !undo && !fact->claimed && !strncmp(fact->key, key, stem) &&
                       !strstr(fact->key, "/undo");
        if ((same || earlier) && fact->landed && simulation.now_ms >= fact->shows_ms)
            return true;
    }
    return false;
}

enum probe_kind outside_probe(const char *key, struct error *error)
{
    const struct fact *fact = fact_of(key);
    if (outside_trouble(60) || outside_cursed(CURSE_PROBES)) {
        bool passes = chance_percent(CHANCE_WORLD, 50);
        error_set(error, passes ? ERROR_CLUSTER_UNREACHABLE : ERROR_CLUSTER_ANSWER,
                  passes ? "the cluster cannot be reached" : "the status is half written");
        return PROBE_CANNOT_TELL;
    }
    if (shows(key))
        return PROBE_DONE;
    bool coming = fact->landed;
    for (int i = 0; i < sent_count; i++)
        coming = coming || (!sents[i].landed && !strcmp(sents[i].key, key));
    if (!coming || chance_percent(CHANCE_WORLD, 50)) /* the status lags */
        return PROBE_NOT_DONE;
    error_set(error, ERROR_NOT_YET, "it is going on");
    return PROBE_IN_PROGRESS;
}

/* ---- releases ---- */

/* RUN/STEP of a key STORE/RUN/STEP/VISIT. */
static void release_name(const char *key, char name[64])
{
    const char *run = strchr(key, '/'), *step = run ? strchr(run + 1, '/') : NULL;
    const char *visit = step ? strchr(step + 1, '/') : NULL;
    snprintf(name, 64, "%.*s", visit ? (int)(visit - run) : 0, run ? run : "");
}

bool revision_is_unfinished(const char *key, const char *but_token)
{
    char name[64];
    release_name(key, name);
    for (int i = 0; i < release_count; i++)
        if (releases[i].pending && !strcmp(releases[i].release, name) &&
            (!but_token || strcmp(releases[i].token, but_token)))
            return true;
    return false;
}

enum release_state revision_find(const char *token)
{
    for (int i = 0; i < release_count; i++)
        if (!strcmp(releases[i].token, token))
            return releases[i].deployed  ? RELEASE_DEPLOYED
                   : releases[i].pending ? RELEASE_PENDING
                                         : RELEASE_ABSENT;
    return RELEASE_ABSENT;
}

void revision_remove(const char *token)
{
    for (int i = 0; i < release_count; i++)
        if (!strcmp(releases[i].token, token))
            releases[i].pending = false;
}

static struct record_of_release *release_record(const char *key, const char *token)
{
    for (int i = 0; i < release_count; i++)
        if (!strcmp(releases[i].token, token))
            return &releases[i];
    if (release_count == FACTS_MOST)
        return &releases[FACTS_MOST - 1];
    struct record_of_release *record = &releases[release_count++];
    *record = (struct record_of_release){0};
    release_name(key, record->release);
    snprintf(record->token, sizeof record->token, "%s", token);
    snprintf(record->key, sizeof record->key, "%s", key);
    return record;
}

/* ---- programs under a keeper ---- */

void performance_begin(struct performance *performance, const json_t *arguments, const char *key)
{
    *performance = (struct performance){.out = "{\"n\": 3}"};
    const char *path = json_string_value(json_array_get(arguments, 0)), *slash = strrchr(path, '/');
    const char *token = json_string_value(json_array_get(arguments, 1));
    snprintf(performance->program, sizeof performance->program, "%s", slash ? slash + 1 : path);
    snprintf(performance->key, sizeof performance->key, "%s", key);
    snprintf(performance->token, sizeof performance->token, "%s", token ? token : "");
    bool looks = !strcmp(performance->program, "look");
    performance->records = !strcmp(performance->program, "release");
    performance->acts = !looks;
    if (performance->records)
        performance->records_at_ms = chance_time_ms(CHANCE_WORLD, 300);
    performance->acts_at_ms = performance->records_at_ms + chance_time_ms(CHANCE_WORLD, 2000);
    performance->ends_at_ms = performance->acts_at_ms + chance_time_ms(CHANCE_WORLD, 2000);
    performance->vanishes = looks && simulation.plan->curse == CURSE_LOOKS_VANISH;
    if (performance->records && outside_cursed(CURSE_MENDS)) {
        performance->acts = false;
        performance->exit_status = 137;
        return;
    }
    if (!outside_trouble(100))
        return;
    static const int statuses[] = {7, 75, 1};
    switch (chance_below(CHANCE_WORLD, 5)) {
    case 0: /* refuses */
        performance->acts = false;
        performance->exit_status = statuses[chance_below(CHANCE_WORLD, 3)];
        break;
    case 1: /* acts, and says that it failed */
        performance->exit_status = statuses[chance_below(CHANCE_WORLD, 3)];
        break;
    case 2:
        performance->hangs = true;
        performance->acts = performance->acts && chance_percent(CHANCE_WORLD, 50);
        performance->ignores_term = chance_percent(CHANCE_WORLD, 30);
        break;
    case 3:
        performance->acts_at_ms += chance_below(CHANCE_WORLD, 20000);
        performance->ends_at_ms = performance->acts_at_ms + chance_below(CHANCE_WORLD, 20000);
        performance->ignores_term = chance_percent(CHANCE_WORLD, 30);
        break;
    default:
        performance->out = "no json";
    }
}

void performance_go_on(struct performance *performance, bool foreign)
{
    bool release = performance->records;
    if (release && !performance->recorded && simulation.now_ms >= performance->records_at_ms) {
        if (revision_is_unfinished(performance->key, performance->token)) { /* helm refuses */
            performance->records = performance->acts = false;
            performance->exit_status = 1;
            return;
        }
        release_record(performance->key, performance->token)->pending = true;
        performance->recorded = true;
    }
    if (!performance->acts || performance->acted || simulation.now_ms < performance->acts_at_ms)
        return;
    performance->acted = true;
    if (release) {
        struct record_of_release *record = release_record(performance->key, performance->token);
        record->pending = false;
        record->deployed = true;
    }
    outside_effect_of(performance->key, performance->program, foreign);
}

/* ---- programs that only look: in the place of cluster/process.c ---- */

static const char *key_of(const struct program *program)
{
    for (char **text = program->environment; text && *text; text++)
        if (!strncmp(*text, "PAWL_KEY=", 9))
            return *text + 9;
    return "";
}

int __wrap_process_run(const struct program *program, int inherited, const struct process_limits *limits,
                       struct program_output *out, struct error *error);
int __wrap_process_run(const struct program *program, int inherited, const struct process_limits *limits,
                       struct program_output *out, struct error *error)
{
    (void)inherited;
    (void)limits;
    *out = (struct program_output){0};
    /* Who looks for a step that acts is its guard. */
    bool cursed = !judge_observes(key_of(program)) && outside_cursed(CURSE_GUARDS);
    held_up(cursed ? chance_below(CHANCE_WORLD, 2500) : chance_time_ms(CHANCE_WORLD, 600));
    if (is_dead())
        return error_set(error, ERROR_SYSTEM, "dead");
    if (outside_trouble(30))
        return error_set(error, ERROR_TIMEOUT, "%s took too long", program->arguments[0]);
    struct error why = {0};
    static const int statuses[] = {
        [PROBE_DONE] = 0, [PROBE_NOT_DONE] = 1, [PROBE_IN_PROGRESS] = 75, [PROBE_CANNOT_TELL] = 5};
    bool probes = strstr(program->arguments[0], "/probe");
    if (probes)
        out->exit_status = statuses[outside_probe(key_of(program), &why)];
    else
        out->exit_status = (!simulation.quiet && chance_percent(CHANCE_WORLD, 20)) || cursed ? 1 : 0;
    out->out = string_copy("{\"n\": 3}");
    out->err = string_copy("");
    out->out_length = strlen(out->out);
    return 0;
}

/* ---- calls ---- */

struct exec {
    int number; /* of what was sent */
};

static int exec_begin(struct cluster *self, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, struct exec **out, struct error *error)
{
    (void)self;
    (void)namespace;
    (void)pod;
    (void)container;
    *out = NULL;
    held_up(chance_time_ms(CHANCE_WORLD, 400));
    if (rim("send"))
        return error_set(error, ERROR_EXEC_BROKEN, "dead");
    bool fails = outside_trouble(40);
    if ((fails && chance_percent(CHANCE_WORLD, 50)) || sent_count == SIMULATION_SENT)
        return error_set(error, ERROR_CLUSTER_UNREACHABLE, "the connection was refused");
    judge_begins(arguments[1], "call", atoi(arguments[2]));
    struct sent *sent = &sents[sent_count++];
    *sent = (struct sent){.used = true};
    snprintf(sent->key, sizeof sent->key, "%s", arguments[1]);
    struct fact *fact = fact_of(arguments[1]);
    fact->late = chance_percent(CHANCE_WORLD, 30); /* as late as settle allows */
    sent->lands_ms = simulation.now_ms +
                     (fact->late ? LANDS_MS_MOST : chance_time_ms(CHANCE_WORLD, LANDS_MS_MOST));
    sent->ends_ms = sent->lands_ms + 1 + chance_time_ms(CHANCE_WORLD, 3000);
    sent->exit_status = outside_trouble(50) ? 1 : 0;
    if (rim("sent") || fails)
        return error_set(error, ERROR_EXEC_BROKEN, "the connection broke");
    *out = memory_new(sizeof **out);
    (*out)->number = sent_count - 1;
    return 0;
}

static void exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    const struct sent *sent = &sents[exec->number];
    int64_t left_ms = sent->ends_ms - simulation.now_ms;
    *result = (struct exec_result){0};
    held_up(left_ms < 0 ? 0 : left_ms < wait_ms ? left_ms : wait_ms);
    sent = &sents[exec->number];
    bool broken = is_dead() || outside_trouble(20);
    if (!broken && simulation.now_ms < sent->ends_ms)
        return;
    result->ended = true;
    result->known = !broken;
    result->exit_status = sent->exit_status;
    if (broken)
        error_set(&result->error, ERROR_EXEC_BROKEN, "the connection broke");
}

static void exec_output(const struct exec *exec, const char **out, const char **err)
{
    (void)exec;
    *out = *err = "";
}

static void exec_free(struct exec *exec)
{
    free(exec);
}

static void close_cluster(struct cluster *self)
{
    (void)self;
}

static const struct cluster_calls CALLS = {.exec_begin = exec_begin,
                                           .exec_poll = exec_poll,
                                           .exec_output = exec_output,
                                           .exec_free = exec_free,
                                           .close = close_cluster};

struct cluster *outside_cluster(void)
{
    return shipped_job() ? shipped_cluster() : &cluster;
}

/* ---- what happens by itself ---- */

int64_t outside_next_ms(void)
{
    int64_t next_ms = -1;
    for (int i = 0; i < sent_count; i++)
        if (!sents[i].landed && (next_ms < 0 || sents[i].lands_ms < next_ms))
            next_ms = sents[i].lands_ms;
    return next_ms;
}

void outside_go_on(void)
{
    for (int i = 0; i < sent_count; i++)
        if (!sents[i].landed && sents[i].lands_ms <= simulation.now_ms) {
            sents[i].landed = true;
            outside_effect_of(sents[i].key, "call", false);
            return;
        }
}

void outside_begin(void)
{
    fact_count = sent_count = release_count = 0;
    cluster.calls = &CALLS;
    cluster.clock = clock_system();
    if (!cluster.record)
        cluster.record = json_pack("{s:s,s:s,s:s,s:s}", "kind", "sim", "context", "simulated", "file",
                                   "/simulated/sim.json", "identity", "simulated");
    if (shipped_job())
        shipped_begin();
}

void outside_end(void)
{
    if (shipped_job())
        shipped_end();
}
