/* A new simulated cluster that has come to rest. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "cluster/sim/chart.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/happening.h"
#include "cluster/sim/merge.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/release.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/world.h"

#define FIRST_WALL_MS INT64_C(1795489200000) /* 2026-11-24T03:00:00Z: where virtual time begins */

void sim_options_default(struct sim_options *options)
{
    *options = (struct sim_options){.chunks = 4,
                                    .metas = 3,
                                    .license = "camel",
                                    .edition = "Enterprise",
                                    .max_chunks = 255,
                                    .namespace = "iomesh-system",
                                    .release = "iomesh",
                                    .object = "iomesh",
                                    .helm = "v3.17.1",
                                    .helm_driver = "secret",
                                    .update_strategy = "RollingUpdate",
                                    .virtual_time = true,
                                    .exec_has_ip = true,
                                    .start_ms = 3000,
                                    .terminate_ms = 2000,
                                    .expire_ms = 10000,
                                    .recover_ms = 30000,
                                    .migrate_ms = 20000,
                                    .drain_ms = 90000,
                                    .election_ms = 2000,
                                    .lag_ms = 0,
                                    .helm_ms = 500,
                                    .capacity_gib = 1024,
                                    .used_gib = 200};
}

static json_t *settings_of(const struct sim_options *options)
{
    json_t *settings = json_pack(
        "{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "license", options->license, "helm_driver",
        options->helm_driver, "edition", options->edition, "max_chunks", (json_int_t)options->max_chunks,
        "namespace", options->namespace, "release", options->release, "object", options->object, "helm",
        options->helm, "exec_has_ip", (json_int_t)options->exec_has_ip, "capacity_gib",
        (json_int_t)options->capacity_gib, "used_gib", (json_int_t)options->used_gib);
#define X(member, name, help) json_object_set_new(settings, #member, json_integer(options->member));
    SIM_DURATIONS(X)
#undef X
    if (options->chart)
        json_object_set_new(settings, "chart", json_string(options->chart));
    return settings;
}

static int options_check(const struct sim_options *options, struct error *error)
{
    if (options->chunks < 1 || options->chunks > 255 || options->metas < 1 || options->metas > 15)
        return error_set(error, ERROR_USAGE, "a simulated cluster has 1 to 255 chunk and 1 to 15 meta pods");
    if (options->nodes < options->chunks || options->nodes < options->metas || options->nodes > 1000)
        return error_set(
            error, ERROR_USAGE,
            "%d worker nodes for %d chunk and %d meta pods: one of each at most on a node, 1000 nodes at "
            "most",
            options->nodes, options->chunks, options->metas);
    return 0;
}

static json_t *state_new(const struct sim_options *options)
{
    uint64_t seed = options->seed;
    if (!seed && getrandom(&seed, sizeof seed, 0) == sizeof seed)
        seed >>= 1; /* a JSON integer is signed */
    return json_pack(
        "{s:i, s:s, s:I, s:I, s:i, s:I, s:o, s:{}, s:[], s:{s:s, s:s}, s:[], s:[], s:[], s:[], s:[], s:{}}",
        "pawl_sim", 1, "time", options->virtual_time ? "virtual" : "real", "epoch_ms",
        (json_int_t)FIRST_WALL_MS, "now_ms", (json_int_t)1000, "resource_version", 1000, "seed",
        (json_int_t)seed, "settings", settings_of(options), "objects", "chunks", "leader", "pod", "", "uid",
        "", "published", "publishing", "scheduled", "faults", "charts", "stuck");
}

static void namespace_add(struct world *world, const char *name)
{
    object_add(
        world, "namespaces",
        json_pack("{s:{s:s}, s:{}, s:{s:s}}", "metadata", "name", name, "spec", "status", "phase", "Active"));
}

static void world_furnish(struct world *world, const struct sim_options *options)
{
    char name[32];
    namespace_add(world, "kube-system");
    namespace_add(world, "default");
    namespace_add(world, options->namespace);
    node_add(world, "control-0", 0, true);
    for (int i = 0; i < options->nodes; i++) {
        snprintf(name, sizeof name, "worker-%d", i);
        node_add(world, name, i + 1, false);
    }
    json_t *chart = chart_default(options->update_strategy);
    if (options->chart_version)
        json_object_set_new(chart, "version", json_string(options->chart_version));
    json_array_append_new(json_object_get(world->state, "charts"), chart);
    object_add(world, "iomeshclusters",
               json_pack("{s:{s:s, s:s}, s:{}}", "metadata", "name", options->object, "namespace",
                         options->namespace, "spec"));
}

/* Installs the release and lets its pods start at once; the chunks register in the wanted order. */
static int world_populate(struct world *world, const struct sim_options *options, struct error *error)
{
    json_t *settings = json_object_get(world->state, "settings");
    json_t *counts = json_pack("{s:{s:i}, s:{s:i}}", "chunk", "replicaCount", options->chunks, "meta",
                               "replicaCount", options->metas);
    json_t *values = options->values ? json_deep_copy(options->values) : json_object();
    merge_patch(values, counts);
    json_decref(counts);
    json_t *chart = json_array_get(json_object_get(world->state, "charts"), 0);
    json_object_set_new(settings, "start_ms", json_integer(0));
    json_object_set_new(world->state, "settling", json_true()); /* no chunk registers by itself yet */
    int result = release_install(world, options->namespace, options->release, chart, values, error);
    json_object_del(world->state, "settling");
    json_object_set_new(settings, "start_ms", json_integer(options->start_ms));
    json_decref(values);
    return result ? result : chunks_register_all(world, options->chunk_order, error);
}

int sim_create(const char *file, const struct sim_options *wanted, struct error *error)
{
    struct sim_options chosen = *wanted, *options = &chosen;
    if (!chosen.nodes)
        chosen.nodes = (chosen.chunks > chosen.metas ? chosen.chunks : chosen.metas) + 1;
    if (options_check(options, error))
        return -1;
    struct world world = {.path = (char *)file, .state = state_new(options)};
    world.now_ms = json_int(world.state, "now_ms", 0);
    world_furnish(&world, options);
    int result = world_populate(&world, options, error);
    text_clear(&world.lines);
    if (result) {
        json_decref(world.state);
        return -1;
    }
    return world_create(file, world.state, error);
}
