#include "steps/leader.h"

#include <stdio.h>

#include "base/json.h"
#include "steps/pods.h"

/* Fills *out with the last ready one; returns how many are ready, and names all of them with their state. */
static int count_leaders(const json_t *items, struct leader *out, struct text *names)
{
    int ready = 0;
    size_t index;
    json_t *pod;
    json_array_foreach(items, index, pod)
    {
        const char *name = json_text(json_object_get(pod, "metadata"), "name", "");
        bool is_ready = pod_all_ready(pod);
        text_format(names, "%s%s%s", names->length ? ", " : "", name, is_ready ? "" : " (not ready)");
        if (!is_ready)
            continue;
        ready++;
        snprintf(out->pod, sizeof out->pod, "%s", name);
        snprintf(out->node, sizeof out->node, "%s", pod_node(pod));
    }
    return ready;
}

int leader_read(const struct visit *visit, const char *selector, struct leader *out, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", "");
    struct resource resource = {"", "v1", "pods", namespace, NULL};
    json_t *list = NULL;
    struct text names = {0};
    if (visit->cluster->calls->list(visit->cluster, &resource, selector, false, &list, error))
        return error_context(error, "pods in %s labelled %s", namespace, selector);
    int ready = count_leaders(json_object_get(list, "items"), out, &names);
    int result = 0;
    if (ready != 1)
        result = error_set(error, ERROR_NOT_YET, "%s pod labelled %s is ready%s%s",
                           ready ? "more than one" : "no", selector, names.length ? ": " : "",
                           text_string(&names));
    text_clear(&names);
    json_decref(list);
    return result;
}
