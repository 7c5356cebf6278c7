#include "cluster/sim/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/workload.h"

#define IOMESHCTL "/opt/iomesh/iomeshctl"

/* ---- addresses ---- */

static void address_line(struct text *out, int number, const char *name, const char *address, int bits,
                         const char *scope)
{
    text_format(out, "%d: %s    inet %s/%d scope %s %s\\       valid_lft forever preferred_lft forever\n",
                number, name, address, bits, scope, name);
}

static int ip_run(const struct world *world, const json_t *pod, struct text *out, struct text *err)
{
    if (!world_setting(world, "exec_has_ip")) {
        text_add(err, "exec: \"ip\": executable file not found in $PATH\n");
        return 127;
    }
    const json_t *sim = json_object_get(pod, "sim");
    address_line(out, 1, "lo", "127.0.0.1", 8, "host");
    address_line(out, 2, "eth0", json_text(sim, "pod_ip", ""), 24, "global");
    address_line(out, 3, "net1", json_text(sim, "data_ip", ""), 24, "global");
    return 0;
}

static void trie_leaf(struct text *out, const char *address)
{
    text_format(out, "           |-- %s\n              /32 host LOCAL\n", address);
}

static int fib_trie_run(const json_t *pod, struct text *out)
{
    const json_t *sim = json_object_get(pod, "sim");
    for (int table = 0; table < 2; table++) {
        text_add(out, table ? "Local:\n" : "Main:\n");
        text_add(out, "  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n");
        text_add(out, "     +-- 127.0.0.0/8 2 0 2\n        +-- 127.0.0.0/31 1 0 0\n           |-- 127.0.0.0\n"
                      "              /8 host LOCAL\n");
        trie_leaf(out, "127.0.0.1");
        text_add(out, "        |-- 127.255.255.255\n           /32 link BROADCAST\n");
        trie_leaf(out, json_text(sim, "pod_ip", ""));
        trie_leaf(out, json_text(sim, "data_ip", ""));
    }
    return 0;
}

/* ---- iomeshctl ---- */

static bool words_are(const char *const *arguments, const char *one, const char *two)
{
    return arguments[1] && !strcmp(arguments[1], one) && arguments[2] && !strcmp(arguments[2], two);
}

static int iomeshctl_run(struct world *world, const json_t *pod, const char *const *arguments,
                         struct text *out, struct text *err)
{
    bool summary = words_are(arguments, "summary", "cluster");
    bool unregister = words_are(arguments, "chunk", "unregister") && arguments[3];
    if (!summary && !unregister) {
        text_add(err, "usage: iomeshctl chunk unregister ID | summary cluster\n");
        return 2;
    }
    if (strcmp(object_name(pod), leader_name(world))) {
        text_format(err, "error: %s is not the meta leader\n", object_name(pod));
        return 1;
    }
    if (summary) {
        chunks_summary(world, out);
        return 0;
    }
    char *end;
    long long id = strtoll(arguments[3], &end, 10);
    if (end == arguments[3] || *end) {
        text_format(err, "error: invalid chunk id %s\n", arguments[3]);
        return 2;
    }
    return chunk_unregister(world, id, out);
}

/* ---- any command ---- */

static bool container_is_there(const json_t *pod, const char *container)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_at(pod, "spec", "containers", NULL), i, item)
    {
        if (!container || !strcmp(json_text(item, "name", ""), container))
            return true;
    }
    return false;
}

int command_run(struct world *world, const char *namespace, const char *name, const char *container,
                const char *const *arguments, struct text *out, struct text *err, int *status,
                struct error *error)
{
    json_t *pod = object_find(world, "pods", namespace, name);
    if (!pod)
        return error_set(error, ERROR_NOT_FOUND, "exec in %s/%s: pods \"%s\" not found", namespace, name,
                         name);
    if (!pod_is_ready(pod))
        return error_set(error, ERROR_CLUSTER_ANSWER, "exec in %s/%s: container not found (\"%s\")",
                         namespace, name, container ? container : "");
    if (!container_is_there(pod, container))
        return error_set(error, ERROR_CLUSTER_ANSWER, "exec in %s/%s: container %s is not valid for pod %s",
                         namespace, name, container, name);
    bool in_meta = container && !strcmp(container, "iomesh-meta");
    const char *program = arguments[0];
    if (!strcmp(program, "ip"))
        *status = ip_run(world, pod, out, err);
    else if (!strcmp(program, "cat") && arguments[1] && !strcmp(arguments[1], "/proc/net/fib_trie"))
        *status = fib_trie_run(pod, out);
    else if (!strcmp(program, IOMESHCTL) && in_meta)
        *status = iomeshctl_run(world, pod, arguments, out, err);
    else {
        text_format(err, "exec: \"%s\": executable file not found in $PATH\n", program);
        *status = 127;
    }
    return 0;
}

void command_delay(struct world *world, const char *const *arguments, int64_t late_ms)
{
    if (strcmp(arguments[0], IOMESHCTL) || !words_are(arguments, "chunk", "unregister") || !arguments[3])
        return;
    fault_schedule(world,
                   json_pack("{s:s, s:I, s:s}", "do", "other-unregister", "id",
                             (json_int_t)strtoll(arguments[3], NULL, 10), "caller",
                             world->caller ? world->caller : ""),
                   world->now_ms + late_ms);
}
