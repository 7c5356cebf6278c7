/* What `pawl sim show` prints: the cluster as it is, and the log. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/release.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/workload.h"

static json_t *nodes_show(const struct world *world)
{
    json_t *list = json_array(), *node;
    size_t i;
    json_array_foreach(objects_of(world, "nodes"), i, node)
    {
        const json_t *spec = json_object_get(node, "spec");
        const json_t *ready = json_array_get(json_at(node, "status", "conditions", NULL), 0);
        json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:b}", "name", object_name(node), "ready",
                                              !strcmp(json_text(ready, "status", ""), "True"), "cordoned",
                                              json_bool(spec, "unschedulable", false), "tainted",
                                              json_object_get(spec, "taints") ? 1 : 0));
    }
    return list;
}

static json_t *pods_show(const struct world *world)
{
    json_t *list = json_array(), *pod;
    size_t i;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        const json_t *sim = json_object_get(pod, "sim");
        json_array_append_new(
            list, json_pack("{s:s, s:s*, s:b, s:b, s:s*, s:s*, s:s}", "name", object_name(pod), "node",
                            json_text(json_object_get(pod, "spec"), "nodeName", NULL), "ready",
                            pod_is_ready(pod), "terminating", object_is_going(pod), "ip",
                            json_text(sim, "pod_ip", NULL), "data_ip", json_text(sim, "data_ip", NULL), "uid",
                            json_text(json_object_get(pod, "metadata"), "uid", "")));
    }
    return list;
}

static json_t *statefulsets_show(const struct world *world)
{
    json_t *list = json_array(), *set;
    size_t i;
    json_array_foreach(objects_of(world, "statefulsets"), i, set)
    {
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I}", "name", object_name(set), "replicas",
                            (json_int_t)json_int(json_object_get(set, "spec"), "replicas", 1), "generation",
                            (json_int_t)json_int(json_object_get(set, "metadata"), "generation", 1)));
    }
    return list;
}

/* Sorts the log's lines into the lists of the document by what they are. */
static int log_show(const char *path, json_t *document, struct error *error)
{
    static const char *const kinds[][2] = {{"effect", "effects"}, {"verb", "requests"}, {"event", "events"}};
    char *name = string_format("%s.log", path);
    char *bytes = file_read(name, LIMIT_SIM_LOG_BYTES, NULL, error), *rest = bytes;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        json_object_set_new(document, kinds[i][1], json_array());
    for (char *text; bytes && (text = strsep(&rest, "\n"));) {
        json_t *line = json_loads(text, 0, NULL);
        for (size_t i = 0; line && i < sizeof kinds / sizeof *kinds; i++)
            if (json_object_get(line, kinds[i][0]))
                json_array_append(json_object_get(document, kinds[i][1]), line);
        json_decref(line);
    }
    free(name);
    int result = bytes ? 0 : -1;
    free(bytes);
    return result;
}

json_t *sim_faults_pending(const char *file, struct error *error)
{
    struct world *world = world_open(file, error);
    if (!world || world_begin(world, error)) {
        world_close(world);
        return NULL;
    }
    json_t *pending = faults_pending(world);
    int result = world_end(world, error);
    world_close(world);
    if (!result)
        return pending;
    json_decref(pending);
    return NULL;
}

json_t *sim_show_state(const char *file, struct error *error)
{
    struct world *world = world_open(file, error);
    if (!world || world_begin(world, error)) {
        world_close(world);
        return NULL;
    }
    json_t *document = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:I}", "nodes", nodes_show(world), "pods",
                                 pods_show(world), "chunks", chunks_truth(world), "releases",
                                 release_list(world), "leader", leader_name(world), "statefulsets",
                                 statefulsets_show(world), "now_ms", (json_int_t)world->now_ms);
    int result = world_end(world, error);
    world_close(world);
    if (!result)
        return document;
    json_decref(document);
    return NULL;
}

json_t *sim_show(const char *file, struct error *error)
{
    json_t *document = sim_show_state(file, error);
    json_t *pending = document ? sim_faults_pending(file, error) : NULL;
    if (document && !pending) {
        json_decref(document);
        return NULL;
    }
    json_object_set_new(document, "pending", pending);
    if (!document || !log_show(file, document, error))
        return document;
    json_decref(document);
    return NULL;
}
