/* The simulated cluster behind the interface of cluster.h: every call locks the file, does, writes. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/cluster.h"
#include "cluster/sim/exec.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/helm.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/server.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/world.h"

struct sim_clock {
    struct clock clock;
    struct world *world;
};

struct sim {
    struct cluster cluster;
    struct sim_clock virtual_clock;
    struct world *world;
};

static struct world *world_of(struct cluster *cluster)
{
    return ((struct sim *)cluster)->world;
}

/* ---- the clock ---- */

static int64_t virtual_ms(struct world *world, bool wall)
{
    struct error error;
    int64_t now = -1, now_ms, wall_ms;
    if (world_glance(world, &now_ms, &wall_ms))
        return wall ? wall_ms : now_ms;
    if (!world_begin(world, &error)) {
        now = wall ? world_wall_ms(world) : world->now_ms;
        if (world_end(world, &error))
            now = -1;
    }
    if (now < 0) {
        /* A clock has no way to fail; without the file there is no time to go on in. */
        fprintf(stderr, "pawl: %s\n", error.message);
        _exit(error_exit_status(error.code));
    }
    return now;
}

static int64_t virtual_wall_ms(struct clock *clock)
{
    return virtual_ms(((struct sim_clock *)clock)->world, true);
}

static int64_t virtual_steady_ms(struct clock *clock)
{
    return virtual_ms(((struct sim_clock *)clock)->world, false);
}

static void virtual_jump_to(struct clock *clock, int64_t steady_ms)
{
    struct world *world = ((struct sim_clock *)clock)->world;
    struct error error;
    if (world_begin(world, &error))
        return; /* the next reading of the clock says why */
    if (steady_ms > world->now_ms)
        world_advance(world, steady_ms);
    world_end(world, &error);
}

/* ---- objects ---- */

/* Ends a call: what has happened is written also where the answer is an error. */
static int ended(struct world *world, int result, json_t **out, struct error *error)
{
    struct error later;
    if (!world_end(world, result ? &later : error))
        return result;
    if (out && !result) {
        json_decref(*out);
        *out = NULL;
    }
    return -1;
}

static int sim_get(struct cluster *cluster, const struct resource *resource, json_t **out,
                   struct error *error)
{
    struct world *world = world_of(cluster);
    *out = NULL;
    return world_begin(world, error) ? -1 : ended(world, server_get(world, resource, out, error), out, error);
}

static int sim_list(struct cluster *cluster, const struct resource *resource, const char *selector,
                    bool metadata_only, json_t **out, struct error *error)
{
    struct world *world = world_of(cluster);
    *out = NULL;
    return world_begin(world, error)
               ? -1
               : ended(world, server_list(world, resource, selector, metadata_only, out, error), out, error);
}

static int sim_patch(struct cluster *cluster, const struct resource *resource, enum patch_type type,
                     const json_t *patch, bool dry_run, json_t **out, struct error *error)
{
    struct world *world = world_of(cluster);
    if (out)
        *out = NULL;
    return world_begin(world, error)
               ? -1
               : ended(world, server_patch(world, resource, type, patch, dry_run, out, error), out, error);
}

static int sim_remove(struct cluster *cluster, const struct resource *resource, const char *uid,
                      const char *resource_version, struct error *error)
{
    struct world *world = world_of(cluster);
    return world_begin(world, error)
               ? -1
               : ended(world, server_remove(world, resource, uid, resource_version, error), NULL, error);
}

static int sim_create_object(struct cluster *cluster, const struct resource *resource, const json_t *object,
                             json_t **out, struct error *error)
{
    struct world *world = world_of(cluster);
    if (out)
        *out = NULL;
    return world_begin(world, error)
               ? -1
               : ended(world, server_create(world, resource, object, out, error), out, error);
}

static int sim_replace(struct cluster *cluster, const struct resource *resource, const json_t *object,
                       json_t **out, struct error *error)
{
    struct world *world = world_of(cluster);
    if (out)
        *out = NULL;
    return world_begin(world, error)
               ? -1
               : ended(world, server_replace(world, resource, object, out, error), out, error);
}

static int sim_allowed(struct cluster *cluster, const char *verb, const struct resource *resource, bool *out,
                       char why[256], struct error *error)
{
    struct world *world = world_of(cluster);
    if (world_begin(world, error))
        return -1;
    const json_t *fault = fault_take(world, "create", "selfsubjectaccessreviews", NULL, NULL);
    world_request(world, "create", "selfsubjectaccessreviews", NULL, NULL, fault_code(fault),
                  json_pack("{s:s, s:s}", "asked_verb", verb, "asked_resource", resource->resource));
    *out = !fault_denies(world, verb, resource->resource);
    *why = '\0';
    if (!*out)
        snprintf(why, 256, "RBAC: no rule lets User \"sim\" %s %s", verb, resource->resource);
    int result = fault ? fault_error(fault, "create selfsubjectaccessreviews", error) : 0;
    return ended(world, result, NULL, error);
}

/* ---- exec ---- */

struct exec {
    struct world *world;
    struct text out, err;
    struct exec_result result;
    bool hangs;
};

/* A connection that breaks: after the command was sent (effect=yes), before it arrived, or it arrives late.
 */
static void exec_break(struct world *world, struct exec *exec, const json_t *fault,
                       const char *const *arguments)
{
    int64_t late = json_int(fault, "late_ms", -1);
    if (late >= 0)
        command_delay(world, arguments, late);
    text_clear(&exec->out);
    exec->hangs = !strcmp(fault_code(fault), "hang");
    exec->result = (struct exec_result){.ended = !exec->hangs};
    error_set(&exec->result.error, ERROR_EXEC_BROKEN,
              "the connection was closed before the command's status arrived");
}

static bool breaks_after_sending(const json_t *fault)
{
    const char *code = fault ? fault_code(fault) : "";
    return !strcmp(code, "cut") || !strcmp(code, "hang");
}

static int exec_serve(struct world *world, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, struct exec *exec, struct error *error)
{
    json_t *list = json_array();
    for (const char *const *argument = arguments; *argument; argument++)
        json_array_append_new(list, json_string(*argument));
    const json_t *fault = fault_take(world, "exec", "pods/exec", pod, list);
    bool denied = !fault &&
                  (fault_denies(world, "get", "pods/exec") || fault_denies(world, "create", "pods/exec"));
    world_request(world, "exec", "pods/exec", namespace, pod, denied ? "403" : fault_code(fault),
                  json_pack("{s:o}", "command", list));
    if (denied)
        return error_set(error, ERROR_CLUSTER_DENIED,
                         "exec in %s/%s: forbidden: User \"sim\" cannot get pods/exec", namespace, pod);
    bool sent = breaks_after_sending(fault);
    if (fault && !sent && !fault_has_effect(fault))
        return fault_error(fault, "exec", error);
    if (!fault || fault_has_effect(fault)) {
        int status = 0;
        if (command_run(world, namespace, pod, container, arguments, &exec->out, &exec->err, &status, error))
            return -1;
        world_settle(world);
        exec->result = (struct exec_result){.ended = true, .known = true, .exit_status = status};
    }
    if (sent)
        exec_break(world, exec, fault, arguments);
    else if (fault)
        return fault_error(fault, "exec", error);
    return 0;
}

static int sim_exec_begin(struct cluster *cluster, const char *namespace, const char *pod,
                          const char *container, const char *const *arguments, struct exec **out,
                          struct error *error)
{
    struct world *world = world_of(cluster);
    *out = NULL;
    if (world_begin(world, error))
        return -1;
    struct exec *exec = memory_new(sizeof *exec);
    exec->world = world;
    int result = exec_serve(world, namespace, pod, container, arguments, exec, error);
    struct error later;
    if (world_end(world, result ? &later : error))
        result = -1;
    *out = exec;
    return result;
}

static void sim_exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    struct error error;
    if (exec->hangs && !exec->world->virtual_time)
        nanosleep(&(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000}, NULL);
    /* In virtual time to wait is to let time pass. */
    if (exec->hangs && exec->world->virtual_time && wait_ms > 0 && !world_begin(exec->world, &error)) {
        world_advance(exec->world, exec->world->now_ms + wait_ms);
        world_end(exec->world, &error);
    }
    *result = exec->result;
}

static void sim_exec_output(const struct exec *exec, const char **out, const char **err)
{
    *out = text_string(&exec->out);
    *err = text_string(&exec->err);
}

static void sim_exec_free(struct exec *exec)
{
    if (!exec)
        return;
    text_clear(&exec->out);
    text_clear(&exec->err);
    free(exec);
}

/* ---- helm ---- */

static int sim_helm(struct cluster *cluster, const char *const *arguments, const char *folder,
                    struct program_output *out, struct error *error)
{
    (void)error;
    struct helm helm = {.world = world_of(cluster), .working_folder = folder};
    *out = (struct program_output){0};
    out->exit_status = helm_run(&helm, arguments);
    out->out_length = helm.out.length;
    out->out = text_take(&helm.out);
    out->err = text_take(&helm.err);
    return 0;
}

int sim_helm_main(const char *file, const char *const *arguments)
{
    struct error error;
    struct helm helm = {.is_process = true};
    helm.world = world_open(file, &error);
    int status = helm.world ? helm_run(&helm, arguments) : helm_fail(&helm, &error);
    fputs(text_string(&helm.out), stdout);
    fputs(text_string(&helm.err), stderr);
    fflush(stdout);
    helm_clear(&helm);
    world_close(helm.world);
    return status;
}

/* The pawl program itself; a test that is another program names it in PAWL_SIM_PROGRAM. */
static char *pawl_program(void)
{
    char path[PATH_MAX];
    if (getenv("PAWL_SIM_PROGRAM"))
        return string_copy(getenv("PAWL_SIM_PROGRAM"));
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return string_copy(length > 0 ? path : "/proc/self/exe");
}

static int sim_helm_program(struct cluster *cluster, const char *const *arguments, const char *folder,
                            struct program *out, struct error *error)
{
    const char *kill = getenv("PAWL_SIM_KILL"), *caller = getenv("PAWL_SIM_CALLER"),
               *victims = getenv("PAWL_SIM_VICTIMS");
    size_t count = 0, at = 0;
    (void)error;
    while (arguments[count])
        count++;
    *out = (struct program){.folder = string_copy(folder)};
    out->arguments = memory_new((count + 4) * sizeof *out->arguments);
    out->arguments[at++] = pawl_program();
    out->arguments[at++] = string_copy("sim-helm");
    out->arguments[at++] = string_copy(world_of(cluster)->path);
    for (size_t i = 0; i < count; i++)
        out->arguments[at++] = string_copy(arguments[i]);
    out->environment = memory_new(6 * sizeof *out->environment);
    out->environment[0] = string_copy("PATH=/usr/bin:/bin");
    at = 1;
    if (kill)
        out->environment[at++] = string_format("PAWL_SIM_KILL=%s", kill);
    if (caller)
        out->environment[at++] = string_format("PAWL_SIM_CALLER=%s/helm", caller);
    if (victims) {
        out->environment[at++] = string_format("PAWL_SIM_VICTIMS=%s", victims);
        out->environment[at++] = string_format("PAWL_SIM_DRIVER=%d", (int)getpid());
    }
    return 0;
}

static char *sim_helm_version(struct cluster *cluster, struct error *error)
{
    struct program_output output;
    if (sim_helm(cluster, (const char *const[]){"version", "--short", NULL}, NULL, &output, error))
        return NULL;
    output.out[strcspn(output.out, "+\n")] = '\0';
    char *version = output.exit_status ? NULL : string_copy(output.out);
    if (!version)
        error_set(error, ERROR_HELM, "helm version: %s", output.err);
    program_output_clear(&output);
    return version;
}

/* ---- opening ---- */

static void sim_close(struct cluster *cluster)
{
    struct sim *sim = (struct sim *)cluster;
    world_close(sim->world);
    json_decref(cluster->record);
    free(sim);
}

static const struct cluster_calls sim_calls = {
    .get = sim_get,
    .list = sim_list,
    .patch = sim_patch,
    .remove = sim_remove,
    .create = sim_create_object,
    .replace = sim_replace,
    .allowed = sim_allowed,
    .exec_begin = sim_exec_begin,
    .exec_poll = sim_exec_poll,
    .exec_output = sim_exec_output,
    .exec_free = sim_exec_free,
    .helm = sim_helm,
    .helm_program = sim_helm_program,
    .helm_version = sim_helm_version,
    .close = sim_close,
};

struct cluster *cluster_sim_open(const char *file, struct error *error)
{
    char path[PATH_MAX];
    struct world *world = world_open(realpath(file, path) ? path : file, error);
    if (!world || world_begin(world, error)) {
        world_close(world);
        return NULL;
    }
    const json_t *system = object_find(world, "namespaces", NULL, "kube-system");
    struct sim *sim = memory_new(sizeof *sim);
    sim->world = world;
    sim->cluster.calls = &sim_calls;
    sim->cluster.record = json_pack("{s:s, s:s, s:o, s:s, s:s}", "kind", "sim", "context", "sim", "server",
                                    json_sprintf("sim:%s", world->path), "identity",
                                    json_text(json_object_get(system, "metadata"), "uid", ""), "file",
                                    world->path);
    sim->virtual_clock = (struct sim_clock){
        .clock = {.wall_ms = virtual_wall_ms, .steady_ms = virtual_steady_ms, .jump_to = virtual_jump_to},
        .world = world};
    sim->cluster.clock = world->virtual_time ? &sim->virtual_clock.clock : clock_system();
    if (world_end(world, error)) {
        sim_close(&sim->cluster);
        return NULL;
    }
    return &sim->cluster;
}

/* ---- what a rehearsal only pretends ---- */

static int64_t pretended(const struct world *world, const char *step)
{
    return json_int(json_object_get(world->state, "pretended"), step, 0);
}

static void pretend(struct world *world, const char *step, json_t *more)
{
    json_t *counts = json_object_get(world->state, "pretended");
    if (!counts)
        json_object_set_new(world->state, "pretended", counts = json_object());
    json_object_set_new(counts, step, json_integer(pretended(world, step) + 1));
    json_object_set_new(more, "step", json_string(step));
    world_effect(world, "stand_in", more);
    world_settle(world);
}

int sim_pretend(struct cluster *cluster, const char *step, json_t *more, bool *out_fails, struct error *error)
{
    struct world *world = world_of(cluster);
    if (world_begin(world, error)) {
        json_decref(more);
        return -1;
    }
    const json_t *fault = fault_take(world, "stand_in", "stand_in", step, NULL);
    world_request(world, "stand_in", "stand_in", NULL, step, fault_code(fault), NULL);
    *out_fails = fault;
    if (!fault || fault_has_effect(fault))
        pretend(world, step, more);
    else
        json_decref(more);
    return world_end(world, error);
}

int64_t sim_pretended(struct cluster *cluster, const char *step, struct error *error)
{
    struct world *world = world_of(cluster);
    if (world_begin(world, error))
        return -1;
    int64_t count = pretended(world, step);
    return world_end(world, error) ? -1 : count;
}

int sim_fault(const char *file, const char *const *words, int count, struct error *error)
{
    struct world *world = world_open(file, error);
    int result = world ? world_begin(world, error) : -1;
    if (!result)
        result = ended(world, fault_add(world, words, count, error), NULL, error);
    world_close(world);
    return result;
}
