#include "cluster/sim/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/sim/happening.h"

const struct fault_kind fault_kinds[] = {
    {"leader-move", "pod!", "the meta leader moves to this pod", happen_leader_move},
    {"leader-none", "for!", "no meta leader for so long", happen_leader_none},
    {"leader-two", "pod!|for!", "this pod carries the leader's label too, for so long", happen_leader_two},
    {"leader-one", "pod!", "takes the leader's label off this pod", happen_leader_one},
    {"node-cordon", "node!", "cordons a node", happen_node_cordon},
    {"node-uncordon", "node!", "ends it", happen_node_uncordon},
    {"node-taint", "node!", "taints a node NoSchedule", happen_node_taint},
    {"node-down", "node!", "a node is not ready any more", happen_node_down},
    {"node-up", "node!", "it is again", happen_node_up},
    {"node-add", "node!", "one more worker node", happen_node_add},
    {"pod-stuck", "pod!|reason!|for", "this pod does not get ready: Unschedulable, CrashLoopBackOff …",
     happen_pod_stuck},
    {"pod-free", "pod!", "ends it", happen_pod_free},
    {"pod-delete", "pod!", "kubectl delete pod", happen_pod_delete},
    {"set-image", "statefulset!|image!|container", "kubectl set image on a StatefulSet", happen_set_image},
    {"scale", "statefulset!|replicas!", "kubectl scale", happen_scale},
    {"chart-template", "version|image!", "the repository's chart gets another pod template, same version",
     happen_chart_template},
    {"chart-add", "version!|image", "the repository gets a newer chart", happen_chart_add},
    {"other-upgrade", "set|status|description", "somebody else's helm upgrade (set=chunk.replicaCount:5)",
     happen_other_upgrade},
    {"other-unregister", "id!", "somebody else unregisters a chunk", happen_unregister},
    {"chunk-status", "id!|status!|for", "a chunk shows this status", happen_chunk_status},
    {"chunk-status-end", "id!", "ends it", happen_chunk_status_end},
    {"chunk-renumber", "", "the chunks have each other's numbers, the first the last's",
     happen_chunk_renumber},
    {"time", "for!", "virtual time goes on by so much, now", happen_time},
    {"setting", "name!|value!", "changes a setting of sim init (drain_ms, lag_ms, helm …)", happen_setting},
    {"fail", "verb|resource|name|command|code!|effect|late|times|skip",
     "a request fails: an HTTP status, timeout, cut, refused, malformed; empty, half (get); effect=yes: after it "
     "took effect; late=DURATION: it takes effect that much later; command=unregister: only an exec with this argument",
     NULL},
    {"helm", "phase!|action!|times|skip",
     "helm's upgrade at start, pending, patched or deployed: action=kill, hang or fail; at start also lie: says "
     "that it upgraded and does nothing",
     NULL},
    {"deny", "verb!|resource!", "the caller has no permission", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct fault_kind *kind_find(const char *name)
{
    for (const struct fault_kind *kind = fault_kinds; kind->name; kind++)
        if (!strcmp(kind->name, name))
            return kind;
    return NULL;
}

/* ---- scripting ---- */

/* Whether `keys` lists this key; *required: with a "!". */
static bool keys_list(const char *keys, const char *key, size_t length, bool *required)
{
    for (const char *at = keys; *at;) {
        size_t size = strcspn(at, "|"), name = strcspn(at, "|!");
        if (name == length && !strncmp(at, key, length)) {
            *required = name < size;
            return true;
        }
        at += size + (at[size] == '|');
    }
    return false;
}

static int duration_key(json_t *keys, const char *key, const char *as, struct error *error)
{
    const char *text = json_text(keys, key, NULL);
    int64_t ms;
    if (!text)
        return 0;
    if (!duration_read(text, &ms))
        return error_set(error, ERROR_USAGE, "%s=%s: no duration (500ms, 2s, 10m)", key, text);
    json_object_set_new(keys, as, json_integer(ms));
    return 0;
}

static int number_key(json_t *keys, const char *key, struct error *error)
{
    const char *text = json_text(keys, key, NULL);
    char *end;
    if (!text)
        return 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || number < 0)
        return error_set(error, ERROR_USAGE, "%s=%s: no number", key, text);
    json_object_set_new(keys, key, json_integer(number));
    return 0;
}

/* Keys that take one of a few words; what is mistyped would never happen. */
static int words_check(const json_t *keys, struct error *error)
{
    static const char *const choices[][2] = {
        {"phase", "start|pending|patched|deployed"},
        {"action", "kill|hang|fail|lie"},
        {"effect", "yes|no"},
        {"verb", "*|get|list|watch|patch|delete|create|update|exec|helm|stand_in"},
        {"resource",
         "*|namespaces|nodes|pods|secrets|configmaps|statefulsets|leases|iomeshclusters|pods/exec|"
         "selfsubjectaccessreviews|history|get|pull|search|version|upgrade|stand_in"},
        {"code", "400|401|403|404|409|410|429|500|502|503|504|timeout|cut|refused|malformed|hang|empty|half"},
        {"on", WORLD_EFFECTS "|" WORLD_EVENTS},
    };
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const char *value = json_text(keys, choices[i][0], NULL);
        bool required;
        if (!value || keys_list(choices[i][1], value, strlen(value), &required))
            continue;
        error_set(error, ERROR_USAGE, "%s=%s: no such %s", choices[i][0], value, choices[i][0]);
        return error_next(error, "one of %s", choices[i][1]);
    }
    return 0;
}

/* Whether this kind takes this key. */
static bool takes(const struct fault_kind *kind, const char *key, size_t length)
{
    bool required;
    return keys_list(kind->keys, key, length, &required) ||
           (kind->happen && keys_list("in|on|count|delay", key, length, &required));
}

static int words_split(const struct fault_kind *kind, const char *const *words, int count, json_t *keys,
                       struct error *error)
{
    for (int i = 0; i < count; i++) {
        size_t length = strcspn(words[i], "=");
        if (!words[i][length] || !takes(kind, words[i], length)) {
            error_set(error, ERROR_USAGE, "%s: \"%s\" is not one of its key=value", kind->name, words[i]);
            return error_next(error, "it takes %s", kind->keys);
        }
        char *key = string_format("%.*s", (int)length, words[i]);
        json_object_set_new(keys, key, json_string(words[i] + length + 1));
        free(key);
    }
    return 0;
}

static int required_check(const struct fault_kind *kind, const json_t *keys, struct error *error)
{
    int result = 0;
    for (const char *at = kind->keys; !result && *at;) {
        size_t size = strcspn(at, "|"), length = strcspn(at, "|!");
        char *key = string_format("%.*s", (int)length, at);
        if (length < size && !json_object_get(keys, key))
            result = error_set(error, ERROR_USAGE, "%s needs %s=…", kind->name, key);
        free(key);
        at += size + (at[size] == '|');
    }
    return result;
}

/* Durations and numbers from their text. */
static int types_read(json_t *keys, struct error *error)
{
    static const char *const durations[][2] = {
        {"in", "in_ms"}, {"delay", "delay_ms"}, {"for", "for_ms"}, {"late", "late_ms"}};
    static const char *const numbers[] = {"count", "times", "skip", "id", "replicas"};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        if (duration_key(keys, durations[i][0], durations[i][1], error))
            return -1;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (number_key(keys, numbers[i], error))
            return -1;
    return 0;
}

static json_t *words_read(const struct fault_kind *kind, const char *const *words, int count,
                          struct error *error)
{
    json_t *keys = json_pack("{s:s}", "do", kind->name);
    if (!words_split(kind, words, count, keys, error) && !required_check(kind, keys, error) &&
        !types_read(keys, error) && !words_check(keys, error))
        return keys;
    json_decref(keys);
    return NULL;
}

/* What happens by a fault is not the present caller's doing; a request that arrives late is its sender's. */
static int happen(struct world *world, const struct fault_kind *kind, const json_t *keys, struct error *error)
{
    const char *caller = world->caller;
    world->caller = json_text(keys, "caller", "other");
    int result = kind->happen(world, keys, error);
    world->caller = caller;
    return result;
}

int fault_add(struct world *world, const char *const *words, int count, struct error *error)
{
    const struct fault_kind *kind = count ? kind_find(words[0]) : NULL;
    if (!kind) {
        error_set(error, ERROR_USAGE, "\"%s\" is no fault", count ? words[0] : "");
        return error_next(error, "pawl sim fault --help lists them");
    }
    json_t *keys = words_read(kind, words + 1, count - 1, error);
    if (!keys)
        return -1;
    world->changed = true;
    if (!kind->happen) {
        json_array_append_new(json_object_get(world->state, "faults"), keys);
        return 0;
    }
    if (json_object_get(keys, "in_ms") || json_object_get(keys, "on")) {
        if (json_object_get(keys, "on"))
            json_array_append_new(json_object_get(world->state, "scheduled"), keys);
        else
            fault_schedule(world, keys, world->now_ms + json_int(keys, "in_ms", 0));
        world_settle(world);
        return 0;
    }
    int result = happen(world, kind, keys, error);
    json_decref(keys);
    world_settle(world);
    return result;
}

/* ---- what happens ---- */

void fault_schedule(struct world *world, json_t *entry, int64_t at_ms)
{
    json_object_set_new(entry, "at", json_integer(at_ms));
    json_array_append_new(json_object_get(world->state, "scheduled"), entry);
    world->changed = true;
}

bool faults_step(struct world *world)
{
    json_t *scheduled = json_object_get(world->state, "scheduled");
    bool happened = false;
    for (size_t i = 0; i < json_array_size(scheduled);) {
        json_t *entry = json_array_get(scheduled, i);
        if (json_int(entry, "at", WORLD_NEVER) > world->now_ms) {
            i++;
            continue;
        }
        json_incref(entry);
        json_array_remove(scheduled, i);
        const struct fault_kind *kind = kind_find(json_text(entry, "do", ""));
        struct error error = {0};
        if (kind && kind->happen && happen(world, kind, entry, &error))
            world_event(world, "fault_failed",
                        json_pack("{s:s, s:s}", "fault", kind->name, "why", error.message));
        json_decref(entry);
        happened = true;
    }
    return happened;
}

int64_t faults_due_ms(const struct world *world)
{
    int64_t due = WORLD_NEVER;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(world->state, "scheduled"), i, entry)
    {
        int64_t at = json_int(entry, "at", WORLD_NEVER);
        due = at < due ? at : due;
    }
    return due;
}

/* ---- what has not happened ---- */

/* "fail verb=exec code=cut", as it was scripted: what was read from its words is left out. */
static char *fault_text(const json_t *fault)
{
    struct text text = {0};
    const char *key;
    json_t *value;
    text_add(&text, json_text(fault, "do", ""));
    json_object_foreach((json_t *)fault, key, value)
    {
        size_t length = strlen(key);
        bool read = (length > 3 && !strcmp(key + length - 3, "_ms")) || !strcmp(key, "at");
        if (read || !strcmp(key, "do"))
            continue;
        if (json_is_integer(value))
            text_format(&text, " %s=%lld", key, (long long)json_integer_value(value));
        else if (json_is_string(value))
            text_format(&text, " %s=%s", key, json_string_value(value));
    }
    return text_take(&text);
}

static void add_pending(json_t *list, const json_t *fault)
{
    char *text = fault_text(fault);
    json_array_append_new(list, json_string(text));
    free(text);
}

json_t *faults_pending(const struct world *world)
{
    json_t *list = json_array(), *fault;
    size_t i;
    json_array_foreach(json_object_get(world->state, "faults"), i, fault)
    {
        /* What is denied stays so; nobody is told of each request. */
        if (strcmp(json_text(fault, "do", ""), "deny") && !json_bool(fault, "met", false))
            add_pending(list, fault);
    }
    json_array_foreach(json_object_get(world->state, "scheduled"), i, fault)
    {
        /* The others are the ends of what has happened. */
        if (json_object_get(fault, "on") || json_object_get(fault, "in"))
            add_pending(list, fault);
    }
    return list;
}

/* ---- troubles of requests ---- */

static bool text_fits(const json_t *fault, const char *key, const char *value)
{
    const char *wanted = json_text(fault, key, "*");
    return !strcmp(wanted, "*") || (value && !strcmp(wanted, value));
}

/* Is `wanted` among the arguments of the command? */
static bool command_fits(const json_t *fault, const json_t *arguments)
{
    const char *wanted = json_text(fault, "command", NULL);
    size_t i;
    json_t *argument;
    json_array_foreach(arguments, i, argument)
    {
        if (wanted && !strcmp(json_string_value(argument), wanted))
            return true;
    }
    return !wanted;
}

static bool fault_fits(const json_t *fault, const char *verb, const char *resource, const char *name,
                       const json_t *arguments)
{
    return !strcmp(json_text(fault, "do", ""), "fail") && text_fits(fault, "verb", verb) &&
           text_fits(fault, "resource", resource) && text_fits(fault, "name", name) &&
           command_fits(fault, arguments);
}

/* Consumes the fault at this place of the script; NULL where it lets this one pass. */
static const json_t *fault_consume(struct world *world, json_t *faults, size_t index)
{
    json_t *fault = json_array_get(faults, index);
    int64_t skip = json_int(fault, "skip", 0), times = json_int(fault, "times", 1);
    world->changed = true;
    if (skip) {
        json_object_set_new(fault, "skip", json_integer(skip - 1));
        return NULL;
    }
    json_object_set(world->state, "met", fault);
    if (times == 1)
        json_array_remove(faults, index);
    else if (times)
        json_object_set_new(fault, "times", json_integer(times - 1));
    else
        json_object_set_new(fault, "met", json_true());
    return json_object_get(world->state, "met");
}

const json_t *fault_take(struct world *world, const char *verb, const char *resource, const char *name,
                         const json_t *arguments)
{
    json_t *faults = json_object_get(world->state, "faults"), *fault;
    size_t i;
    json_array_foreach(faults, i, fault)
    {
        if (fault_fits(fault, verb, resource, name, arguments))
            return fault_consume(world, faults, i);
    }
    return NULL;
}

const char *fault_take_phase(struct world *world, const char *phase)
{
    json_t *faults = json_object_get(world->state, "faults"), *fault;
    size_t i;
    json_array_foreach(faults, i, fault)
    {
        if (!strcmp(json_text(fault, "do", ""), "helm") && text_fits(fault, "phase", phase))
            return json_text(fault_consume(world, faults, i), "action", "");
    }
    return "";
}

const char *fault_code(const json_t *fault)
{
    return fault ? json_text(fault, "code", "") : NULL;
}

bool fault_has_effect(const json_t *fault)
{
    return !strcmp(json_text(fault, "effect", "no"), "yes");
}

int fault_error(const json_t *fault, const char *what, struct error *error)
{
    static const struct {
        const char *code;
        enum error_code error;
        const char *message;
    } answers[] = {
        {"401", ERROR_CLUSTER_DENIED, "Unauthorized"},
        {"403", ERROR_CLUSTER_DENIED, "forbidden: User \"sim\" cannot do this"},
        {"404", ERROR_NOT_FOUND, "the server could not find the requested resource"},
        {"409", ERROR_CLUSTER_CONFLICT,
         "the object has been modified; please apply your changes to the latest "
         "version"},
        {"410", ERROR_CLUSTER_BUSY, "too old resource version"},
        {"429", ERROR_CLUSTER_BUSY, "too many requests"},
        {"timeout", ERROR_CLUSTER_UNREACHABLE, "timed out"},
        {"cut", ERROR_CLUSTER_UNREACHABLE, "the connection was closed before the answer was complete"},
        {"refused", ERROR_CLUSTER_UNREACHABLE, "connection refused"},
        {"malformed", ERROR_CLUSTER_ANSWER, "the answer is not JSON"},
    };
    const char *code = fault_code(fault);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (!strcmp(code, answers[i].code))
            return error_set(error, answers[i].error, "%s: %s", what, answers[i].message);
    if (*code == '5')
        return error_set(error, ERROR_CLUSTER_BUSY, "%s: %s Internal error occurred", what, code);
    return error_set(error, ERROR_CLUSTER_ANSWER, "%s: unexpected answer %s", what, code);
}

bool fault_denies(const struct world *world, const char *verb, const char *resource)
{
    size_t i;
    json_t *fault;
    json_array_foreach(json_object_get(world->state, "faults"), i, fault)
    {
        if (!strcmp(json_text(fault, "do", ""), "deny") && text_fits(fault, "verb", verb) &&
            text_fits(fault, "resource", resource))
            return true;
    }
    return false;
}
