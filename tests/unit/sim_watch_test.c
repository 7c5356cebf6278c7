/* What the watcher of the simulated storage says of a log. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cluster/sim/watch.h"
#include "suite.h"

#define SHRINK(from, to)                                                                                     \
    "{\"effect\":\"helm_upgrade\",\"replicas\":{\"iomesh-chunk\":[" #from "," #to "]},\"ms\":5000,"          \
    "\"caller\":\"job/helm\"}\n"
#define LOST(id, pod)                                                                                        \
    "{\"event\":\"chunk_lost\",\"id\":" #id ",\"pod\":\"" pod "\",\"ms\":1000,\"copied_ms\":41000}\n"
#define UNREGISTER(id, pod, drain, caller)                                                                   \
    "{\"effect\":\"unregister\",\"id\":" #id ",\"pod\":\"" pod "\",\"drain\":" #drain                        \
    ",\"ms\":3000,\"caller\":\"" caller "\"}\n"
#define REMOVED(id) "{\"event\":\"chunk_removed\",\"id\":" #id ",\"ms\":4000}\n"

static const struct watched {
    const char *log;
    int chunk_pods;
    struct sim_watching watching;
    const char *says; /* NULL: nothing */
} WATCHED[] = {
    {"", 4, {false, false}, NULL},
    {SHRINK(4, 3), 4, {false, false}, NULL},
    {SHRINK(3, 4) SHRINK(4, 5), 3, {false, false}, NULL},
    {SHRINK(5, 3), 5, {false, false}, "2 chunk pods are taken away at once (5 → 3)"},
    {SHRINK(3, 2),
     3,
     {false, false},
     "fewer than the minimum: 2 chunk pods, and nobody allowed fewer than 3"},
    {SHRINK(3, 2), 3, {true, false}, NULL},
    {SHRINK(4, 3) SHRINK(3, 4),
     4,
     {false, false},
     "StatefulSet iomesh-chunk is moved back and forth: now 3 → 4"},
    {SHRINK(4, 3) SHRINK(3, 4), 4, {false, true}, NULL},
    /* another chunk is away, or what it held is still being copied */
    {LOST(1, "iomesh-chunk-0") SHRINK(4, 3),
     4,
     {false, false},
     "two chunks away at once: pod iomesh-chunk-3 is taken away while chunk 1 of iomesh-chunk-0 is not there"},
    {LOST(9, "iomesh-chunk-4") SHRINK(4, 3),
     4,
     {false, false},
     "two chunks away at once: pod iomesh-chunk-3 is taken away while chunk 9 of iomesh-chunk-4 is not there"},
    {LOST(9, "iomesh-chunk-4") REMOVED(9) SHRINK(4, 3),
     4,
     {false, false},
     "two chunks away at once: pod iomesh-chunk-3 is taken away while chunk 9 of a pod that went is not there"},
    {LOST(2, "iomesh-chunk-3") SHRINK(4, 3), 4, {false, false}, NULL}, /* that is the one that leaves */
    {LOST(1, "iomesh-chunk-0") "{\"event\":\"chunk_back\",\"id\":1,\"ms\":2000}\n" SHRINK(4, 3),
     4,
     {false, false},
     NULL},
    /* which chunk is unregistered */
    {UNREGISTER(2, "iomesh-chunk-3", true, "job"), 4, {false, false}, NULL},
    {UNREGISTER(3, "iomesh-chunk-0", true, "job"),
     4,
     {false, false},
     "chunk 3 of pod iomesh-chunk-0 is unregistered, but the pod that leaves is iomesh-chunk-3"},
    {UNREGISTER(3, "iomesh-chunk-0", true, "other"), 4, {false, false}, NULL}, /* not the job's doing */
    {UNREGISTER(2, "iomesh-chunk-3", false, "job"),
     4,
     {false, false},
     "chunk 2 is unregistered, but its pod iomesh-chunk-3 stays"},
    {SHRINK(4, 3) UNREGISTER(2, "iomesh-chunk-3", false, "job"), 4, {false, false}, NULL},
    {LOST(1, "iomesh-chunk-0") UNREGISTER(2, "iomesh-chunk-3", true, "job"),
     4,
     {false, false},
     "two chunks away at once: chunk 2 is unregistered while chunk 1 of iomesh-chunk-0 is not there"},
    /* a drain ends before its pod goes */
    {UNREGISTER(2, "iomesh-chunk-3", true, "job") SHRINK(4, 3),
     4,
     {false, false},
     "pod iomesh-chunk-3 is removed while its chunk 2 still gives its data away"},
    {UNREGISTER(2, "iomesh-chunk-3", true, "job") REMOVED(2) SHRINK(4, 3), 4, {false, false}, NULL},
    {"{\"effect\":\"helm_upgrade\",\"replicas\":{\"iomesh-meta\":[5,3]},\"caller\":\"job/helm\"}\n",
     4,
     {false, false},
     "meta servers are scaled in (5 → 3), which is never done"},
    {"{\"effect\":\"helm_upgrade\",\"replicas\":{},\"restarts\":[\"iomesh-chunk\"],\"caller\":\"job/helm\"}\n",
     4,
     {false, false},
     "the pod template of StatefulSet iomesh-chunk changes: every pod of it restarts"},
};

START_TEST(the_watcher_objects_to_what_nobody_would_do)
{
    const struct watched *watched = &WATCHED[_i];
    json_t *lines = sim_log_lines(watched->log);
    json_t *objections = sim_watch(lines, watched->chunk_pods, &watched->watching);
    json_decref(lines);
    char *text = json_dumps(objections, 0);
    ck_assert_msg(json_array_size(objections) == (watched->says ? 1 : 0), "case %d: %s", _i, text);
    if (watched->says)
        ck_assert_str_eq(json_string_value(json_array_get(objections, 0)), watched->says);
    free(text);
    json_decref(objections);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim: watch");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, the_watcher_objects_to_what_nobody_would_do, 0,
                        sizeof WATCHED / sizeof *WATCHED);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
