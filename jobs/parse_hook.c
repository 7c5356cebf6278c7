/* `on_success`, `on_failure`, `on_waiting`: lists of steps that tell others. Read and checked like steps;
 * this version does not run them. */
#include <string.h>

#include "jobs/reading.h"

static const char *const HOOKS[] = {"on_success", "on_failure", "on_waiting", NULL};
static const char *const HOOK_KEYS[] = {"id", "name", "uses", "with", "if", "timeout", "retry", NULL};

static json_t *parse_hook_step(struct reading *reading, const struct document_node *node)
{
    const struct document_node *found;
    const struct kind_declaration *kind;
    struct job_retry retry = reading->retry;
    int64_t timeout_ms;
    if (!is_map(reading, node, "a hook's step"))
        return NULL;
    keys_check(reading, node, HOOK_KEYS, "a hook's step");
    json_t *step = job_memory_keep(reading->memory, json_object());
    if ((found = document_get(node, "id")) && read_name(reading, found, "a step's id"))
        json_object_set_new(step, "id", json_string(found->text));
    if ((found = document_get(node, "name")) && read_text(reading, found, "\"name\""))
        json_object_set_new(step, "name", json_string(found->text));
    struct wish condition = {
        .type = TYPE_BOOL, .what = "\"if\"", .sight = SIGHT_HOOK, .step = -1, .is_expression = true};
    if ((found = document_get(node, "if")) && read_condition(reading, found, &condition))
        json_object_set_new(step, "if", json_string(found->text));
    if ((found = document_get(node, "timeout")) && read_duration(reading, found, "\"timeout\"", &timeout_ms))
        json_object_set_new(step, "timeout", json_string(found->text));
    if ((found = document_get(node, "retry")))
        parse_retry(reading, found, &retry);
    if (!(kind = parse_uses(reading, node, document_get(node, "uses"))))
        return step;
    json_object_set_new(step, "uses", json_string(kind->name));
    json_object_set(step, "with",
                    parse_with(reading, node, document_get(node, "with"), kind, SIGHT_HOOK, -1));
    return step;
}

static void parse_hook(struct reading *reading, const struct document_entry *entry)
{
    report_later(reading, entry->key_place, "the hook \"%s\"", entry->key);
    if (!is_list(reading, entry->value, entry->key))
        return;
    if (entry->value->count > LIMIT_JOB_STEPS) {
        report(reading, "E0119", entry->value->place, NULL, "%d steps, at most %d are allowed",
               entry->value->count, LIMIT_JOB_STEPS);
        return;
    }
    if (!reading->job->hooks)
        reading->job->hooks = job_memory_keep(reading->memory, json_object());
    json_t *steps = job_memory_keep(reading->memory, json_array());
    for (int i = 0; i < entry->value->count; i++) {
        json_t *step = parse_hook_step(reading, entry->value->entries[i].value);
        if (step)
            json_array_append(steps, step);
    }
    json_object_set(reading->job->hooks, entry->key, steps);
}

void parse_hooks(struct reading *reading, const struct document_node *root)
{
    for (int i = 0; HOOKS[i]; i++) {
        const struct document_entry *entry = document_entry(root, HOOKS[i]);
        if (entry)
            parse_hook(reading, entry);
    }
}
