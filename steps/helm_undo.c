/* The undo of a helm_upgrade: an upgrade to the values and the chart of the revision that was deployed before
 * the visit's first start, under a token of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/helm_bodies.h"
#include "steps/helm_look.h"
#include "steps/helm_marks.h"
#include "steps/helm_start.h"
#include "steps/manifest.h"

/* What the visit's first start prepared, and where the release stands now. */
struct going_back {
    const json_t *first;
    int64_t target; /* the revision to go back to */
    int64_t before; /* the newest before the step: what is above it should be the step's */
    struct helm_look look;
};

/* A checkpoint of an earlier pawl does not say which one was deployed; nor does a start of the undo itself,
 * which carries on what the step's said. */
static struct going_back going_back_of(const json_t *checkpoint)
{
    int64_t before = json_int(checkpoint, "base_revision", 0);
    int64_t deployed = json_int(checkpoint, "deployed_revision", before);
    return (struct going_back){.first = checkpoint,
                               .target = json_int(checkpoint, "undo_to", deployed),
                               .before = json_int(checkpoint, "undo_above", before)};
}

/* The description that a success of this visit left: "pawl KEY by …"; the undo's key is the visit's with
 * "/undo". */
static bool is_described_by(const struct visit *visit, const json_t *revision)
{
    size_t length = strlen(visit->key);
    if (length > 5 && !strcmp(visit->key + length - 5, "/undo"))
        length -= 5;
    char *ours = string_format("pawl %.*s by ", (int)length, visit->key);
    bool is_ours = !strncmp(json_text(revision, "description", ""), ours, strlen(ours));
    free(ours);
    return is_ours;
}

/* Made by the step, or by an earlier start of this undo that failed; or the base itself, where the pending
 * record of ours above it has been put away. */
static int check_newest_is_ours(const struct visit *visit, struct going_back *back, struct error *error)
{
    const json_t *newest = history_newest(back->look.history);
    json_t *starts = json_array();
    struct mark mark;
    json_array_extend(starts, (json_t *)visit->starts);
    json_array_append_new(starts, json_pack("{s:O}", "checkpoint", back->first));
    int result = marks_judge(&back->look.release, back->look.history, starts, &mark, error);
    if (!result && back->look.base_revision != back->before && !is_described_by(visit, newest) &&
        (mark.state == MARK_ABSENT || mark.revision != back->look.base_revision)) {
        result = error_set(
            error, ERROR_CANNOT_UNDO,
            "revision %lld of release %s/%s is not this step's: somebody upgraded it since (%s)",
            (long long)back->look.base_revision, back->look.release.namespace, back->look.release.name,
            json_text(newest, "description", ""));
        error_next(error, "to go back would take their change away as well: do it by hand");
    }
    mark_clear(&mark);
    json_decref(starts);
    return result;
}

/* A version does not pin the bytes: where the base's archive was seen, it must be the same. */
static int check_bytes(const struct going_back *back, struct error *error)
{
    const char *seen = json_text(back->first, "chart_sha256", "");
    if (strcmp(json_text(back->first, "chart", ""), back->look.chart) || !strcmp(seen, back->look.sha256))
        return 0;
    return error_set(error, ERROR_CANNOT_UNDO,
                     "chart %s has other bytes now (%.12s) than when the step ran (%.12s)", back->look.chart,
                     back->look.sha256, seen);
}

static int look_back(const struct visit *visit, struct going_back *back, struct error *error)
{
    const char *chart = json_text(back->first, "base_chart", "");
    if (!history_revision(back->look.history, back->target))
        return error_set(error, ERROR_CANNOT_UNDO, "helm no longer knows revision %lld of %s/%s",
                         (long long)back->target, back->look.release.namespace, back->look.release.name);
    json_t *values = helm_values(&back->look.release, back->target, error);
    char *text = values ? json_canonical(values) : NULL; /* JSON is YAML */
    int result = text &&
                         !helm_look_at_chart(&back->look, json_text(visit->inputs, "chart", ""), NULL, chart,
                                             error) &&
                         !check_bytes(back, error) && !helm_look_ahead(&back->look, text, strlen(text), error)
                     ? 0
                     : -1;
    free(text);
    json_decref(values);
    return result;
}

static int64_t replicas_of(const json_t *object)
{
    return json_int(json_object_get(object, "spec"), "replicas", 1);
}

/* 1: it has been on a node, and may hold something; 0: it is not there, or never was; -1: the error is
 * filled. */
static int pod_has_run(const struct release *release, const struct resource *set, int64_t ordinal,
                       struct error *error)
{
    json_t *pod = NULL;
    char *name = string_format("%s-%lld", set->name, (long long)ordinal);
    const struct resource resource = {"", "v1", "pods", set->namespace, name};
    int result = release->cluster->calls->get(release->cluster, &resource, &pod, error);
    if (!result)
        result = *json_text(json_object_get(pod, "spec"), "nodeName", "") != '\0';
    json_decref(pod);
    free(name);
    return result;
}

/* Of the pods that would go, those with the highest ordinals. */
static int any_has_run(const struct release *release, const struct resource *set, const json_t *live,
                       int64_t keeps, struct error *error)
{
    int64_t first = json_int(json_at(live, "spec", "ordinals", NULL), "start", 0);
    int found = 0;
    for (int64_t i = keeps; !found && i < replicas_of(live); i++)
        found = pod_has_run(release, set, first + i, error);
    return found;
}

/* Named where it has more pods than it would have, and they may hold something. */
static int name_shrinking(const struct release *release, const char *key, const json_t *object,
                          struct text *names, struct error *error)
{
    struct resource resource;
    json_t *live = NULL;
    int found = 0;
    if (strcmp(json_text(object, "kind", ""), "StatefulSet") ||
        !manifest_workload(object, release->namespace, &resource))
        return 0;
    if (release->cluster->calls->get(release->cluster, &resource, &live, error))
        return error_context(error, "%s", key);
    if (live)
        found = any_has_run(release, &resource, live, replicas_of(object), error);
    if (found > 0)
        text_format(names, "%s%s (%lld → %lld pods)", names->length ? ", " : "", key,
                    (long long)replicas_of(live), (long long)replicas_of(object));
    json_decref(live);
    return found < 0 ? -1 : 0;
}

/* A scale-out that has reached its pods is not undone by taking them away: what they hold by then would not
 * be moved. */
static int check_shrinking(const struct visit *visit, const struct going_back *back, struct error *error)
{
    struct text names = {0};
    const char *key;
    size_t index;
    json_t *object, *change;
    int result = 0;
    json_array_foreach(back->look.object_changes, index, change)
    {
        const char *name = json_text(change, "object", "");
        if (!strcmp(json_text(change, "change", ""), "removed") && !strncmp(name, "StatefulSet ", 12))
            text_format(&names, "%s%s", names.length ? ", " : "", name);
    }
    json_object_foreach(back->look.objects, key, object)
    {
        if (!result)
            result = name_shrinking(&back->look.release, key, object, &names, error);
    }
    if (!result && names.length) {
        result = error_set(error, ERROR_CANNOT_UNDO,
                           "to go back would take pods away, with what they hold: %s", text_string(&names));
        error_next(
            error,
            "scale in as the storage needs it, then: pawl resolve %lld %s --done --reason \"…\"; a job whose "
            "pods hold nothing can say allow_shrink: true",
            (long long)visit->run, visit->step);
    }
    text_clear(&names);
    return result;
}

void helm_undo_prepare(const struct visit *visit, struct answer *answer)
{
    struct going_back back = going_back_of(visit->checkpoint);
    struct error error = {0};
    json_t *checkpoint = NULL;
    helm_look_begin(&back.look, visit, visit->folder);
    if (!back.first)
        error_set(&error, ERROR_CANNOT_UNDO, "what the release was before this step is not recorded");
    else if (!helm_look_at_base(&back.look, &error) && !check_newest_is_ours(visit, &back, &error) &&
             !look_back(visit, &back, &error) &&
             (json_bool(visit->inputs, "allow_shrink", false) || !check_shrinking(visit, &back, &error)) &&
             (json_bool(visit->inputs, "allow_restarts", false) ||
              !helm_look_check_restarts(&back.look, &error)))
        checkpoint = helm_start(visit, &back.look, &error);
    if (checkpoint) {
        /* A later start of the undo finds this checkpoint, not the first start's. */
        json_object_set_new(checkpoint, "undo_to", json_integer(back.target));
        json_object_set_new(checkpoint, "undo_above", json_integer(back.before));
        json_object_set(checkpoint, "base_chart", json_object_get(back.first, "base_chart"));
        answer_done(answer, NULL);
        answer->checkpoint = checkpoint;
    } else {
        answer_failed(answer, &error);
    }
    helm_look_clear(&back.look);
}
