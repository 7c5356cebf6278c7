/* A new simulated cluster is made to look like another one: names, numbers, addresses, states. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/happening.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/world.h"

/* ---- nodes ---- */

static void node_rename(struct world *world, json_t *node, const char *name)
{
    size_t i;
    json_t *pod;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        json_t *spec = json_object_get(pod, "spec");
        if (!strcmp(json_text(spec, "nodeName", ""), object_name(node)))
            json_object_set_new(spec, "nodeName", json_string(name));
    }
    json_object_set_new(object_labels(node), "kubernetes.io/hostname", json_string(name));
    json_object_set_new(json_object_get(node, "metadata"), "name", json_string(name));
}

/* Pods stay where they are: a node that takes no new ones may have some. */
static int node_dress(struct world *world, const json_t *like, struct error *error)
{
    json_t *keys = json_pack("{s:s}", "node", json_text(like, "name", ""));
    int result = 0;
    if (json_bool(like, "cordoned", false))
        result = happen_node_cordon(world, keys, error);
    if (!result && json_bool(like, "tainted", false))
        result = happen_node_taint(world, keys, error);
    json_decref(keys);
    return result;
}

static int nodes_dress(struct world *world, const json_t *likes, struct error *error)
{
    size_t i;
    json_t *like;
    char name[32];
    int result = 0;
    json_array_foreach(likes, i, like)
    {
        snprintf(name, sizeof name, "worker-%zu", i);
        json_t *node = object_find(world, "nodes", NULL, name);
        if (!node)
            break;
        node_rename(world, node, json_text(like, "name", name));
        result = result ? result : node_dress(world, like, error);
    }
    return result;
}

static void pods_dress(struct world *world, const json_t *nodes_of_pods)
{
    const char *name;
    json_t *node;
    json_object_foreach((json_t *)nodes_of_pods, name, node)
    {
        json_t *pod = object_find(world, "pods", NULL, name);
        if (pod && object_find(world, "nodes", NULL, json_string_value(node)))
            json_object_set(json_object_get(pod, "spec"), "nodeName", node);
    }
}

/* ---- chunks ---- */

static json_t *chunk_of(const struct world *world, const char *pod)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(world->state, "chunks"), i, chunk)
    {
        if (*pod && !strcmp(json_text(chunk, "pod", ""), pod))
            return chunk;
    }
    return NULL;
}

/* One that no pod serves: what is left of a pod that went. */
static json_t *chunk_add_lost(struct world *world)
{
    json_t *chunk = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "pod", "", "pod_uid", "", "session",
                              json_text(json_object_get(world->state, "leader"), "uid", ""), "lost_at",
                              (json_int_t)0, "expire_at", (json_int_t)0, "capacity", (json_int_t)0, "used",
                              (json_int_t)0);
    json_array_append_new(json_object_get(world->state, "chunks"), chunk);
    return chunk;
}

static void chunk_dress(struct world *world, const json_t *like)
{
    static const char *const members[] = {"id", "ip", "capacity", "used"};
    const char *pod_name = json_text(like, "pod", "");
    json_t *chunk = chunk_of(world, pod_name), *pod = object_find(world, "pods", NULL, pod_name);
    chunk = chunk ? chunk : chunk_add_lost(world);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(like, members[i]))
            json_object_set(chunk, members[i], json_object_get(like, members[i]));
    if (pod && json_object_get(like, "ip"))
        json_object_set(object_sim(pod), "data_ip", json_object_get(like, "ip"));
    const char *status = json_text(like, "status", "CHUNK_STATUS_CONNECTED_HEALTHY");
    if (pod && strcmp(status, "CHUNK_STATUS_CONNECTED_HEALTHY"))
        json_object_set_new(chunk, "scripted", json_string(status));
    int64_t next = json_int(like, "id", 0) + 1;
    if (next > json_int(world->state, "next_chunk_id", 1))
        json_object_set_new(world->state, "next_chunk_id", json_integer(next));
}

int sim_dress(const char *file, const json_t *likeness, struct error *error)
{
    struct world *world = world_open(file, error);
    size_t i;
    json_t *like;
    if (!world || world_begin(world, error)) {
        world_close(world);
        return -1;
    }
    int result = nodes_dress(world, json_object_get(likeness, "nodes"), error);
    pods_dress(world, json_object_get(likeness, "nodes_of_pods"));
    json_array_foreach(json_object_get(likeness, "chunk_list"), i, like) chunk_dress(world, like);
    const char *leader = json_text(likeness, "leader", NULL);
    if (leader && object_find(world, "pods", NULL, leader))
        leader_set(world, leader);
    world->changed = true;
    world_settle(world);
    text_clear(&world->lines); /* it has always been so */
    struct error later;
    if (world_end(world, result ? &later : error))
        result = -1;
    world_close(world);
    return result;
}

int sim_begin_anew(const char *file, struct error *error)
{
    struct world *world = world_open(file, error);
    if (!world || world_begin(world, error)) {
        world_close(world);
        return -1;
    }
    json_object_set_new(world->state, "time", json_string("virtual"));
    world->virtual_time = true;
    world->head.requests = world->head.effects = 0;
    world->changed = true;
    text_clear(&world->lines);
    int result = world_end(world, error);
    world_close(world);
    return result;
}
