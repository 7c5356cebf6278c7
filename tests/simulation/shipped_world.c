/* The simulated cluster of pawl, held by one handle: whoever opens its file gets that one, so that it is read
 * once in a history. Each call of a driver or of helm to it is the rim: the caller may be held up, die or get
 * an error there. What its log says goes to the judge as soon as it is written. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/world.h"
#include "simulation/kinds.h"
#include "simulation/shipped.h"

#define VARIANTS   4
#define NOTES_MOST 64

static struct world *world; /* the one handle */
static bool making;         /* a new cluster, which nobody uses yet */
static bool waited;         /* the caller has been held up already */
static bool at_once;        /* … and has passed the rim */
static struct cluster *sim; /* as pawl opens it */
static struct cluster front;

/* ---- the handle ---- */

struct world *__real_world_open(const char *path, struct error *error);
struct world *__wrap_world_open(const char *path, struct error *error);
struct world *__wrap_world_open(const char *path, struct error *error)
{
    if (!world)
        world = __real_world_open(path, error);
    return world;
}

void __wrap_world_close(struct world *closed);
void __wrap_world_close(struct world *closed)
{
    (void)closed; /* the next history uses it again */
}

struct world *shipped_world(void)
{
    return world;
}

/* ---- its time ---- */

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_REALTIME || !shipped_job())
        return __real_clock_gettime(id, now);
    int64_t ms = SIMULATION_WALL_MS + simulation.now_ms; /* the host's clock jumps, the cluster's does not */
    *now = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return 0;
}

/* ---- what its log says ---- */

static struct note {
    const char *what;
    bool effect;
    json_t *more;
    char caller[128];
    int64_t at_ms;
} notes[NOTES_MOST];
static int note_count;

static void note(const struct world *of, const char *what, bool effect, const json_t *more)
{
    if (making || of != world)
        return;
    assert(note_count < NOTES_MOST);
    struct note *noted = &notes[note_count++];
    *noted = (struct note){.what = what,
                           .effect = effect,
                           .more = json_deep_copy(more),
                           .at_ms = world_wall_ms(of) - SIMULATION_WALL_MS};
    snprintf(noted->caller, sizeof noted->caller, "%s", of->caller ? of->caller : "");
}

void __real_world_effect(struct world *of, const char *effect, json_t *more);
void __wrap_world_effect(struct world *of, const char *effect, json_t *more);
void __wrap_world_effect(struct world *of, const char *effect, json_t *more)
{
    note(of, effect, true, more);
    __real_world_effect(of, effect, more);
}

void __real_world_event(struct world *of, const char *event, json_t *more);
void __wrap_world_event(struct world *of, const char *event, json_t *more);
void __wrap_world_event(struct world *of, const char *event, json_t *more)
{
    note(of, event, false, more);
    __real_world_event(of, event, more);
}

static void forget_notes(void)
{
    while (note_count)
        json_decref(notes[--note_count].more);
}

static void tell_notes(void)
{
    for (int i = 0; i < note_count; i++) {
        const struct note *noted = &notes[i];
        if (noted->effect)
            shipped_judge_effect(noted->what, noted->more, noted->caller, noted->at_ms);
        else
            shipped_judge_event(noted->what, noted->more, noted->at_ms);
    }
    forget_notes();
}

/* ---- a call ---- */

/* For whom is this call? */
static const char *speaker(void)
{
    static char key[128];
    int start;
    const char *of_helm = helm_child_inside();
    const struct process *process = simulation.current;
    snprintf(key, sizeof key, "%s",
             of_helm   ? of_helm
             : process ? judge_key_in_hand(process->run, &start)
                       : "");
    return key;
}

int __real_world_begin(struct world *of, struct error *error);
int __wrap_world_begin(struct world *of, struct error *error);
int __wrap_world_begin(struct world *of, struct error *error)
{
    bool helm = helm_child_inside();
    if (making || of != world)
        return __real_world_begin(of, error);
    if (!at_once && !waited && (helm || simulation.current))
        held_up(chance_time_ms(CHANCE_SCHEDULE, helm ? 400 : 20));
    if (!at_once && (helm ? helm_child_calls() : rim("cluster")))
        return error_set(error, ERROR_CLUSTER_UNREACHABLE, "dead");
    at_once = waited = false;
    world->caller = speaker();
    return __real_world_begin(of, error);
}

int __real_world_end(struct world *of, struct error *error);
int __wrap_world_end(struct world *of, struct error *error);
int __wrap_world_end(struct world *of, struct error *error)
{
    if (__real_world_end(of, error)) {
        forget_notes();
        return -1;
    }
    tell_notes();
    return 0;
}

void __real_world_abandon(struct world *of);
void __wrap_world_abandon(struct world *of);
void __wrap_world_abandon(struct world *of)
{
    forget_notes();
    __real_world_abandon(of);
}

/* ---- in front of it: slow, lost and failing calls ---- */

static bool fails(struct error *error)
{
    static const enum error_code codes[] = {ERROR_CLUSTER_UNREACHABLE, ERROR_CLUSTER_BUSY,
                                            ERROR_CLUSTER_UNREACHABLE, ERROR_CLUSTER_ANSWER,
                                            ERROR_CLUSTER_DENIED};
    held_up(chance_time_ms(CHANCE_WORLD, 300));
    waited = !is_dead() && !outside_trouble(8);
    if (is_dead())
        error_set(error, ERROR_CLUSTER_UNREACHABLE, "dead");
    else if (!waited)
        error_set(error, codes[chance_below(CHANCE_WORLD, 5)], "the cluster does not serve this");
    return !waited;
}

/* The answer may take its time; whoever dies meanwhile does nothing with it. */
static int answered(int result)
{
    waited = false;
    if (chance_percent(CHANCE_WORLD, 25))
        held_up(chance_time_ms(CHANCE_WORLD, 300));
    return result;
}

static int get(struct cluster *self, const struct resource *resource, json_t **out, struct error *error)
{
    (void)self;
    *out = NULL;
    return fails(error) ? -1 : answered(sim->calls->get(sim, resource, out, error));
}

static int list(struct cluster *self, const struct resource *resource, const char *selector,
                bool metadata_only, json_t **out, struct error *error)
{
    (void)self;
    *out = NULL;
    return fails(error) ? -1 : answered(sim->calls->list(sim, resource, selector, metadata_only, out, error));
}

static int patch(struct cluster *self, const struct resource *resource, enum patch_type type,
                 const json_t *change, bool dry_run, json_t **out, struct error *error)
{
    (void)self;
    if (out)
        *out = NULL;
    return fails(error) ? -1 : answered(sim->calls->patch(sim, resource, type, change, dry_run, out, error));
}

/* What changes the cluster is sent at one moment, in which the judge looks at its sender. */
static int remove_object(struct cluster *self, const struct resource *resource, const char *uid,
                         const char *resource_version, struct error *error)
{
    (void)self;
    if (fails(error) || rim("remove"))
        return -1;
    judge_sends(simulation.current->run, "a removal", true);
    at_once = true;
    int result = sim->calls->remove(sim, resource, uid, resource_version, error);
    if (!result && outside_trouble(15))
        result = error_set(error, ERROR_CLUSTER_UNREACHABLE, "the answer is lost");
    return answered(result);
}

static int allowed(struct cluster *self, const char *verb, const struct resource *resource, bool *out,
                   char why[256], struct error *error)
{
    (void)self;
    return fails(error) ? -1 : answered(sim->calls->allowed(sim, verb, resource, out, why, error));
}

/* The id of the chunk that the command takes away; -1: it takes none. */
static int takes_away(const char *const *arguments)
{
    for (; *arguments; arguments++)
        if (!strcmp(*arguments, "unregister"))
            return arguments[1] ? atoi(arguments[1]) : 0;
    return -1;
}

static int exec_begin(struct cluster *self, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, struct exec **out, struct error *error)
{
    int start;
    (void)self;
    *out = NULL;
    int chunk = takes_away(arguments);
    if (fails(error))
        return -1;
    if (chunk >= 0) {
        if (rim("send"))
            return -1;
        const char *key = judge_key_in_hand(simulation.current->run, &start);
        judge_begins(key, "unregister", start);
        shipped_judge_sent(key, chunk);
        at_once = true;
    }
    int result = sim->calls->exec_begin(sim, namespace, pod, container, arguments, out, error);
    if (chunk >= 0 && !result && outside_trouble(15))
        result = error_set(error, ERROR_EXEC_BROKEN, "the connection broke");
    return answered(result);
}

static void exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    held_up(chance_time_ms(CHANCE_WORLD, 200));
    sim->calls->exec_poll(exec, wait_ms, result);
    bool hangs = !result->ended && simulation.quiet;
    if (!hangs && !is_dead() && !outside_trouble(5))
        return;
    *result = (struct exec_result){.ended = true};
    error_set(&result->error, ERROR_EXEC_BROKEN, "the connection broke");
}

static void exec_output(const struct exec *exec, const char **out, const char **err)
{
    sim->calls->exec_output(exec, out, err);
}

static void exec_free(struct exec *exec)
{
    sim->calls->exec_free(exec);
}

static int helm(struct cluster *self, const char *const *arguments, const char *folder,
                struct program_output *out, struct error *error)
{
    (void)self;
    *out = (struct program_output){0};
    return fails(error) ? -1 : answered(sim->calls->helm(sim, arguments, folder, out, error));
}

static int helm_program(struct cluster *self, const char *const *arguments, const char *folder,
                        struct program *out, struct error *error)
{
    (void)self;
    return sim->calls->helm_program(sim, arguments, folder, out, error);
}

static char *helm_version(struct cluster *self, struct error *error)
{
    (void)self;
    char *version = fails(error) ? NULL : sim->calls->helm_version(sim, error);
    waited = false;
    return version;
}

static void close_cluster(struct cluster *self)
{
    (void)self;
}

/* What is missing no shipped job may call. */
static const struct cluster_calls CALLS = {
    .get = get,
    .list = list,
    .patch = patch,
    .remove = remove_object,
    .allowed = allowed,
    .exec_begin = exec_begin,
    .exec_poll = exec_poll,
    .exec_output = exec_output,
    .exec_free = exec_free,
    .helm = helm,
    .helm_program = helm_program,
    .helm_version = helm_version,
    .close = close_cluster,
};

struct cluster *shipped_cluster(void)
{
    return &front;
}

/* ---- one for each history ---- */

static const char *cluster_path(void)
{
    static char path[120];
    snprintf(path, sizeof path, "%s/sim.json", shipped_folder());
    return path;
}

static json_t *make(bool metas, int chunks)
{
    struct sim_options options;
    struct error error = {0};
    sim_options_default(&options);
    options.chunks = chunks;
    options.metas = 3;
    options.nodes = metas || chunks > 4 ? 7 : 6;
    options.virtual_time = false;
    options.start_ms = 1500;
    options.terminate_ms = 800;
    options.expire_ms = 4000;
    options.recover_ms = 6000;
    options.migrate_ms = 5000;
    options.drain_ms = 12000;
    options.election_ms = 1500;
    options.helm_ms = 800;
    options.seed = 7;
    making = true;
    json_t *state = sim_create(cluster_path(), &options, &error) ? NULL
                                                                 : json_load_file(cluster_path(), 0, NULL);
    making = false;
    if (!state) {
        fprintf(stderr, "cannot make a simulated cluster: %s\n", error.message);
        exit(2);
    }
    return state;
}

/* A new cluster that has come to rest is made once of each sort. */
static json_t *new_state(void)
{
    static json_t *variants[VARIANTS];
    const struct plan *plan = simulation.plan;
    bool metas = plan->shipped == SHIPPED_OUT_META;
    int at = metas ? 0 : plan->from - 2;
    if (!variants[at])
        variants[at] = make(metas, metas ? 4 : plan->from);
    json_t *state = json_deep_copy(variants[at]), *settings = json_object_get(state, "settings");
    json_object_set_new(settings, "lag_ms", json_integer(plan->lag_ms));
    if (plan->unmarked) { /* no label, since its records are elsewhere; no comment, since it renders none */
        json_object_set_new(settings, "helm", json_string("v4.0.0"));
        json_object_set_new(settings, "helm_driver", json_string("configmap"));
    }
    return state;
}

/* As if the file had just been written and read. */
static void place_state(json_t *state, struct error *error)
{
    static const struct world_head none;
    if (!__wrap_world_open(cluster_path(), error) ||
        pwrite(world->lock, &none, sizeof none, 0) != sizeof none || ftruncate(world->log, 0)) {
        fprintf(stderr, "cannot begin a simulated cluster: %s\n", error->message);
        exit(2);
    }
    json_decref(world->state);
    world->state = state;
    world->virtual_time = false;
    world->known = none;
}

static void change(void (*how)(json_t *state))
{
    struct error error;
    at_once = true;
    if (__wrap_world_begin(world, &error))
        return;
    how(world->state);
    world->changed = true;
    __wrap_world_end(world, &error);
}

static void change_nothing(json_t *state)
{
    (void)state;
}

static void end_faults(json_t *state)
{
    json_array_clear(json_object_get(state, "faults"));
}

void shipped_begin(void)
{
    struct error error = {0};
    const struct plan *plan = simulation.plan;
    bool metas = plan->shipped == SHIPPED_OUT_META;
    char values[160];
    snprintf(values, sizeof values, "# ours\nchunk:\n  replicaCount: %d # pods\nmeta:\n  replicaCount: 3\n",
             metas ? 4 : plan->from);
    shipped_files_begin(values);
    helm_doom(true, 0);
    helm_doom(false, 0);
    json_t *state = new_state();
    place_state(state, &error);
    change(change_nothing); /* writes it */
    at_once = true;
    sim = cluster_sim_open(cluster_path(), &error);
    if (!sim)
        violate("cannot open the simulated cluster: %s", error.message);
    else
        front = (struct cluster){.calls = &CALLS, .clock = clock_system(), .record = sim->record};
}

void shipped_end(void)
{
    if (sim)
        cluster_close(sim);
    sim = NULL;
    forget_notes();
}

void shipped_quiet(void)
{
    change(end_faults);
}

/* Numbers that change between the last look and the command nobody can see coming. */
static bool comes_too_late(const char *script)
{
    int start;
    const char *key = judge_key_in_hand(1, &start);
    return !strcmp(script, "chunk-renumber") &&
           (json_array_size(json_object_get(world->state, "publishing")) || simulation.plan->runs > 1 ||
            strstr(key, "/unregister/"));
}

void shipped_befall(int64_t number)
{
    const char *words[8];
    int count = 0;
    struct error error = {0};
    if (comes_too_late(shipped_script(number)))
        return;
    char *script = string_copy(shipped_script(number)), *rest = script;
    for (char *word; (word = strsep(&rest, " "));)
        words[count++] = word;
    at_once = true;
    int result = sim_fault(cluster_path(), words, count, &error);
    trace("the cluster: %s%s%s", shipped_script(number), result ? ": " : "", error.message);
    if (!strcmp(words[0], "chunk-renumber"))
        shipped_judge_renumbered();
    free(script);
}

const json_t *shipped_state(void)
{
    struct error error;
    at_once = true;
    if (__wrap_world_begin(world, &error) || __wrap_world_end(world, &error))
        violate("the simulated cluster cannot be read: %s", error.message);
    return world->state;
}
