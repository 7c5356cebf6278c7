#include "cluster/sim/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"

#define CHUNKS_MIN 3
#define METAS_MIN  3
#define CHUNK_SET  "iomesh-chunk"
#define META_SET   "iomesh-meta"

/* What is known of the storage at one line of the log. */
struct watch {
    const struct sim_watching *watching;
    json_t *objections;
    json_t *away;     /* id → pod: chunks that are lost, or give their data away */
    json_t *draining; /* id → pod: of those, the latter */
    json_t *copying;  /* id → when what it held has been copied again, in ms */
    json_t *moves;    /* StatefulSet → the direction in which the job has moved it */
    int chunk_pods;
    int64_t now_ms;
};

static void __attribute__((format(printf, 2, 3))) object_to(struct watch *watch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    json_array_append_new(watch->objections, json_string(text));
    free(text);
}

static void key_of(const json_t *line, char key[24])
{
    snprintf(key, 24, "%lld", (long long)json_int(line, "id", -1));
}

static int ordinal_of(const char *pod)
{
    const char *dash = strrchr(pod, '-');
    return dash ? (int)strtol(dash + 1, NULL, 10) : -1;
}

/* A chunk that is away beside those of the pods from `first` to before `end`; NULL: none. */
static const char *away_beside(const struct watch *watch, int first, int end, const char **pod)
{
    const char *id;
    json_t *of;
    json_object_foreach(watch->away, id, of)
    {
        *pod = json_string_value(of);
        if (ordinal_of(*pod) < first || ordinal_of(*pod) >= end)
            return id;
    }
    json_object_foreach(watch->copying, id, of)
    {
        *pod = "a pod that went";
        if (json_integer_value(of) > watch->now_ms && !json_object_get(watch->away, id))
            return id;
    }
    return NULL;
}

/* ---- what the job does ---- */

static void watch_drains(struct watch *watch, int first)
{
    const char *id;
    json_t *pod;
    json_object_foreach(watch->draining, id, pod)
    {
        if (ordinal_of(json_string_value(pod)) >= first)
            object_to(watch, "pod %s is removed while its chunk %s still gives its data away",
                      json_string_value(pod), id);
    }
}

static void watch_shrink(struct watch *watch, int from, int to)
{
    const char *pod, *id = away_beside(watch, to, from, &pod);
    if (from - to > 1)
        object_to(watch, "%d chunk pods are taken away at once (%d → %d)", from - to, from, to);
    if (id)
        object_to(watch,
                  "two chunks away at once: pod " CHUNK_SET
                  "-%d is taken away while chunk %s of %s is not there",
                  to, id, pod);
    watch_drains(watch, to);
    if (to < CHUNKS_MIN && !watch->watching->below_minimum)
        object_to(watch, "fewer than the minimum: %d chunk pods, and nobody allowed fewer than %d", to,
                  CHUNKS_MIN);
}

static void watch_direction(struct watch *watch, const char *set, int from, int to)
{
    int direction = to > from ? 1 : -1, before = (int)json_int(watch->moves, set, 0);
    if (before && before != direction && !watch->watching->goes_back)
        object_to(watch, "StatefulSet %s is moved back and forth: now %d → %d", set, from, to);
    json_object_set_new(watch->moves, set, json_integer(direction));
}

static void watch_upgrade(struct watch *watch, const json_t *line)
{
    const char *set;
    json_t *move, *name;
    size_t index;
    json_object_foreach(json_object_get(line, "replicas"), set, move)
    {
        int from = (int)json_integer_value(json_array_get(move, 0)),
            to = (int)json_integer_value(json_array_get(move, 1));
        watch_direction(watch, set, from, to);
        if (!strcmp(set, CHUNK_SET) && to < from)
            watch_shrink(watch, from, to);
        if (!strcmp(set, META_SET) && to < from && !watch->watching->goes_back)
            object_to(watch, "meta servers are scaled in (%d → %d), which is never done", from, to);
    }
    json_array_foreach(json_object_get(line, "restarts"), index, name)
        object_to(watch, "the pod template of StatefulSet %s changes: every pod of it restarts",
                  json_string_value(name));
}

static void watch_unregister(struct watch *watch, const json_t *line)
{
    const char *pod = json_text(line, "pod", ""), *other, *id;
    long long chunk = json_int(line, "id", -1);
    int ordinal = ordinal_of(pod);
    if (json_bool(line, "drain", false) && ordinal != watch->chunk_pods - 1)
        object_to(watch, "chunk %lld of pod %s is unregistered, but the pod that leaves is " CHUNK_SET "-%d",
                  chunk, pod, watch->chunk_pods - 1);
    else if (!json_bool(line, "drain", false) && ordinal < watch->chunk_pods)
        object_to(watch, "chunk %lld is unregistered, but its pod %s stays", chunk, pod);
    if (json_bool(line, "drain", false) && (id = away_beside(watch, ordinal, ordinal + 1, &other)))
        object_to(watch,
                  "two chunks away at once: chunk %lld is unregistered while chunk %s of %s is not there",
                  chunk, id, other);
}

/* ---- what becomes of the storage ---- */

static void note_moves(struct watch *watch, const json_t *line)
{
    json_t *move = json_object_get(json_object_get(line, "replicas"), CHUNK_SET);
    if (move)
        watch->chunk_pods = (int)json_integer_value(json_array_get(move, 1));
}

static void note_line(struct watch *watch, const json_t *line)
{
    const char *effect = json_text(line, "effect", ""), *event = json_text(line, "event", "");
    char key[24];
    key_of(line, key);
    if (!strcmp(effect, "helm_upgrade"))
        note_moves(watch, line);
    if (!strcmp(effect, "unregister") && json_bool(line, "drain", false)) {
        json_object_set(watch->away, key, json_object_get(line, "pod"));
        json_object_set(watch->draining, key, json_object_get(line, "pod"));
    }
    if (!strcmp(event, "chunk_lost")) {
        json_object_set(watch->away, key, json_object_get(line, "pod"));
        json_object_set(watch->copying, key, json_object_get(line, "copied_ms"));
    }
    if (!strcmp(event, "chunk_back") || !strcmp(event, "chunk_removed")) {
        json_object_del(watch->away, key);
        json_object_del(watch->draining, key);
    }
    if (!strcmp(event, "chunk_back"))
        json_object_del(watch->copying, key);
}

static void watch_line(struct watch *watch, const json_t *line)
{
    const char *effect = json_text(line, "effect", "");
    bool is_jobs = strcmp(json_text(line, "caller", ""), "other");
    watch->now_ms = json_int(line, "ms", watch->now_ms);
    if (is_jobs && !strcmp(effect, "helm_upgrade"))
        watch_upgrade(watch, line);
    if (is_jobs && !strcmp(effect, "unregister"))
        watch_unregister(watch, line);
    note_line(watch, line);
}

json_t *sim_watch(const json_t *lines, int chunk_pods, const struct sim_watching *watching)
{
    struct watch watch = {.watching = watching,
                          .objections = json_array(),
                          .away = json_object(),
                          .draining = json_object(),
                          .copying = json_object(),
                          .moves = json_object(),
                          .chunk_pods = chunk_pods};
    size_t index;
    json_t *line;
    json_array_foreach(lines, index, line) watch_line(&watch, line);
    json_decref(watch.away);
    json_decref(watch.draining);
    json_decref(watch.copying);
    json_decref(watch.moves);
    return watch.objections;
}

json_t *sim_log_lines(const char *log)
{
    json_t *lines = json_array();
    char *copy = string_copy(log), *rest = copy;
    for (char *text; (text = strsep(&rest, "\n"));) {
        json_t *line = strstr(text, "\"verb\"") ? NULL : json_loads(text, 0, NULL);
        if (line)
            json_array_append_new(lines, line);
    }
    free(copy);
    return lines;
}

json_t *sim_log_read(const char *file, struct error *error)
{
    char *name = string_format("%s.log", file);
    char *log = file_read(name, LIMIT_SIM_LOG_BYTES, NULL, error);
    json_t *lines = log ? sim_log_lines(log) : NULL;
    free(log);
    free(name);
    return lines;
}

int sim_first_chunk_pods(const json_t *lines, int now)
{
    size_t index;
    json_t *line;
    json_array_foreach(lines, index, line)
    {
        const json_t *move = json_at(line, "replicas", CHUNK_SET, NULL);
        if (move)
            return (int)json_integer_value(json_array_get(move, 0));
    }
    return now;
}
