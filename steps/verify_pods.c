#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "steps/iomesh_inputs.h"
#include "steps/kinds.h"
#include "steps/pods.h"
#include "steps/stability.h"

static void statefulset_of(const struct visit *visit, char statefulset[64])
{
    const char *component = json_text(visit->inputs, "component", NULL);
    if (component)
        component_statefulset(component, statefulset);
    else
        snprintf(statefulset, 64, "%s", json_text(visit->inputs, "statefulset", ""));
}

/* The pod of this ordinal; NULL where there is none. */
static const struct pod *pod_of(const struct pods *pods, int64_t ordinal)
{
    for (size_t i = 0; i < pods->count; i++)
        if (pods->pods[i].ordinal == ordinal)
            return &pods->pods[i];
    return NULL;
}

static void add_trouble(struct text *why, const char *name, const char *trouble)
{
    text_format(why, "%s%s %s", why->length ? " · " : "", name, trouble);
}

/* Names every pod that is missing, too many, or not ready, and says why; returns how many are ready. */
static int64_t find_trouble(const struct pods *pods, const char *statefulset, int64_t count, struct text *why)
{
    int64_t ready = 0;
    char name[96];
    for (int64_t ordinal = 0; ordinal < count; ordinal++) {
        const struct pod *pod = pod_of(pods, ordinal);
        struct text trouble = {0};
        snprintf(name, sizeof name, "%s-%lld", statefulset, (long long)ordinal);
        if (pod && pod_all_ready(pod->object)) {
            ready++;
            continue;
        }
        if (pod)
            pod_describe_trouble(pod->object, &trouble);
        else
            text_add(&trouble, "does not exist yet");
        add_trouble(why, name, text_string(&trouble));
        text_clear(&trouble);
    }
    for (size_t i = 0; i < pods->count; i++)
        if (pods->pods[i].ordinal >= count)
            add_trouble(why, pods->pods[i].name,
                        pod_is_terminating(pods->pods[i].object) ? "terminating" : "is still there");
    return ready;
}

static json_t *outputs_of(const struct pods *pods)
{
    json_t *names = json_array(), *nodes = json_array();
    for (size_t i = 0; i < pods->count; i++) {
        json_array_append_new(names, json_string(pods->pods[i].name));
        json_array_append_new(nodes, json_string(pod_node(pods->pods[i].object)));
    }
    return json_pack("{s:o,s:o}", "pods", names, "nodes", nodes);
}

static void judge(const struct visit *visit, const struct pods *pods, const char *statefulset,
                  struct answer *answer)
{
    int64_t count = json_int(visit->inputs, "count", 0);
    struct text why = {0};
    struct error error;
    int64_t ready = find_trouble(pods, statefulset, count, &why);
    char what[64];
    snprintf(what, sizeof what, "%lld of %lld pods ready", (long long)ready, (long long)count);
    if (why.length) {
        error_set(&error, ERROR_PODS_NOT_READY, "%lld of %lld ready, %s", (long long)ready, (long long)count,
                  text_string(&why));
        stability_wait(visit, &error, answer);
    } else if (stability_reached(visit, input_duration_ms(visit, "stable_for"), what, answer)) {
        answer_done(answer, outputs_of(pods));
        summary_set(&answer->summary, "%lld pods ready and stable for %s", (long long)count,
                    json_text(visit->inputs, "stable_for", "0s"));
    }
    text_clear(&why);
}

/* The pods, where the StatefulSet exists: without it there would be none, and nothing to wait for. */
static int read_all(const struct visit *visit, const char *statefulset, struct pods *pods,
                    struct error *error)
{
    json_t *object = statefulset_read(visit, statefulset, error);
    json_decref(object);
    return object ? pods_read(visit, statefulset, pods, error) : -1;
}

static void apply(const struct visit *visit, struct answer *answer)
{
    char statefulset[64];
    struct pods pods;
    struct error error = {0};
    statefulset_of(visit, statefulset);
    if (read_all(visit, statefulset, &pods, &error)) {
        stability_failed(visit, &error, answer);
        return;
    }
    judge(visit, &pods, statefulset, answer);
    pods_clear(&pods);
}

/* "iomesh-chunk-3 comes", "3 pods go: iomesh-chunk-5 … iomesh-chunk-3" */
static void describe_change(int64_t from, int64_t to, const char *statefulset, struct summary *summary)
{
    int64_t low = from < to ? from : to, high = (from < to ? to : from) - 1;
    const char *one = from < to ? "comes" : "goes", *many = from < to ? "come" : "go";
    if (from == to)
        summary_set(summary, "%lld pods, as now", (long long)to);
    else if (low == high)
        summary_set(summary, "%s-%lld %s", statefulset, (long long)low, one);
    else
        summary_set(summary, "%lld pods %s: %s-%lld to %lld", (long long)high - low + 1, many, statefulset,
                    (long long)low, (long long)high);
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    char statefulset[64];
    struct error error = {0};
    (void)world;
    statefulset_of(visit, statefulset);
    json_t *object = statefulset_read(visit, statefulset, &error);
    if (!object) {
        plan_answer_failed(answer, &error);
        return;
    }
    describe_change(statefulset_replicas(object), json_int(visit->inputs, "count", 0), statefulset,
                    &answer->summary);
    json_decref(object);
}

const struct step_kind kind_verify_pods = {
    .declaration =
        {
            .name = "verify_pods",
            .help = "waits until exactly the expected pods are there, ready and stable",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    {.name = "component",
                     .type = TYPE_STRING,
                     .optional = true,
                     .one_of = "chunk|meta",
                     .help = "which servers"},
                    {.name = "statefulset",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "name of any other StatefulSet"},
                    {.name = "count", .type = TYPE_INT, .help = "pods to expect: ordinals 0 to count - 1"},
                    {.name = "stable_for",
                     .type = TYPE_DURATION,
                     .fallback = "10s",
                     .help = "how long it must stay so"},
                },
            .outputs =
                {
                    {"pods", TYPE_LIST, "names of the pods"},
                    {"nodes", TYPE_LIST, "names of their nodes, in the same order"},
                },
            .alternatives = "component|statefulset",
        },
    .plan = plan,
    .apply = apply,
};
