/* What only the general kinds take: effect, probe, undo, outputs, until, every, stable_for, rehearse. */
#include <stdio.h>
#include <string.h>

#include "jobs/reading.h"
#include "jobs/template.h"

static const char *const GENERAL_KEYS[] = {"effect", "probe",      "undo",     "outputs", "until",
                                           "every",  "stable_for", "rehearse", NULL};

/* ---- the class of the effect ---- */

/* A literal input, "" where it is an expression or missing. */
static const char *literal(const json_t *with, const char *key)
{
    const char *text = json_string_value(json_object_get(with, key));
    return text && !template_has_expression(text) ? text : "";
}

/* Where `effect:` is not given: GET and HEAD observe, PUT and a merge patch converge. */
static enum effect_class effect_of(const struct kind_declaration *kind, const json_t *with)
{
    static const struct {
        const char *kind, *input, *value;
        enum effect_class effect;
    } known[] = {
        {"http_request", "method", "GET", EFFECT_OBSERVE},
        {"http_request", "method", "HEAD", EFFECT_OBSERVE},
        {"http_request", "method", "PUT", EFFECT_CONVERGE},
        {"kube_patch", "type", "merge", EFFECT_CONVERGE},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].kind, kind->name) && !strcmp(literal(with, known[i].input), known[i].value))
            return known[i].effect;
    return kind->effect;
}

static void parse_effect(struct reading *reading, const struct document_node *node, struct job_step *step)
{
    static const char *const words[] = {"observe", "converge", "once", NULL};
    char hint[128];
    step->effect = effect_of(step->kind, step->with);
    const char *text = node ? read_text(reading, node, "\"effect\"") : NULL;
    if (!text)
        return;
    int effect = effect_class_read(text);
    if (effect < 0)
        report(reading, "E0113", node->place, hint_nearest(text, words, hint, sizeof hint),
               "\"effect\" is observe, converge or once");
    else
        step->effect = (enum effect_class)effect;
}

/* ---- outputs ---- */

static const char *const OUTPUT_TYPES[] = {"string", "int",  "float", "bool", "duration",
                                           "path",   "list", "map",   "any",  NULL};

static bool parse_output_type(struct reading *reading, const struct document_node *node,
                              enum value_type *type)
{
    char hint[128];
    const char *text = read_text(reading, node, "an output's type");
    *type = text ? value_type_read(text) : TYPE_COUNT;
    if (*type != TYPE_COUNT && *type != TYPE_SECRET)
        return true;
    *type = TYPE_ANY;
    if (text)
        report(
            reading, "E0103", node->place, hint_nearest(text, OUTPUT_TYPES, hint, sizeof hint),
            "\"%s\" is no type of an output; there are string, int, float, bool, duration, path, list, map, any",
            text);
    return false;
}

static void parse_output(struct reading *reading, const struct document_entry *entry, int index,
                         struct job_output *output)
{
    static const char *const keys[] = {"type", "value", "default", NULL};
    const struct job_step *step = &reading->job->steps[index];
    const char *what = reading_text(reading, "output \"%s\"", entry->key);
    const struct document_node *found, *node = entry->value;
    output->name = reading_text(reading, "%s", entry->key);
    output->type = TYPE_ANY;
    output->value = "${null}";
    if (!name_is_good(entry->key) || !strcmp(entry->key, OUTPUT_BUILT_IN))
        report(reading, "E0104", entry->key_place, NULL,
               strcmp(entry->key, OUTPUT_BUILT_IN)
                   ? "\"%s\" cannot be an output's name"
                   : "\"%s\" cannot be an output's name: it is the step's own status",
               entry->key);
    if (!is_map(reading, node, what))
        return;
    keys_check(reading, node, keys, what);
    bool typed = false;
    if ((found = document_get(node, "type")))
        typed = parse_output_type(reading, found, &output->type);
    else
        report(reading, "E0102", entry->key_place, NULL, "%s has no \"type\"", what);
    struct wish wish = {.type = output->type,
                        .what = what,
                        .sight = SIGHT_ANSWER,
                        .step = index,
                        .answering = step->kind,
                        .is_expression = true};
    if ((found = document_get(node, "value"))) {
        const char *value = read_condition(reading, found, &wish);
        output->value = value ? value : output->value;
    } else {
        report(reading, "E0102", entry->key_place, NULL, "%s has no \"value\"", what);
    }
    struct wish literal_wish = {.type = output->type,
                                .what = reading_text(reading, "the default of %s", what)};
    if (typed && (found = document_get(node, "default")))
        output->fallback = value_of_node(reading, found, &literal_wish);
}

static void parse_outputs(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    if (!is_map(reading, node, "\"outputs\""))
        return;
    if (node->count > LIMIT_PARAMS) {
        report(reading, "E0119", node->place, NULL, "%d outputs, at most %d are allowed", node->count,
               LIMIT_PARAMS);
        return;
    }
    step->outputs = job_memory_take(reading->memory, ((size_t)node->count + 1) * sizeof *step->outputs);
    for (int i = 0; i < node->count; i++)
        parse_output(reading, &node->entries[i], index, &step->outputs[step->output_count++]);
}

/* ---- until ---- */

static void parse_until(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_entry *until = document_entry(node, "until"), *found;
    struct wish wish = {.type = TYPE_BOOL,
                        .what = "\"until\"",
                        .sight = SIGHT_ANSWER,
                        .step = index,
                        .answering = step->kind,
                        .is_expression = true};
    if (until) {
        step->until = read_condition(reading, until->value, &wish);
        if (step->effect != EFFECT_OBSERVE)
            report(reading, "E0115", until->key_place, "effect: observe",
                   "\"until\" is for steps that only observe; this one is of the class %s",
                   effect_class_text(step->effect));
    }
    if ((found = document_entry(node, "every"))) {
        if (!until)
            report(reading, "E0115", found->key_place, NULL, "\"every\" without \"until\"");
        else if (read_duration(reading, found->value, "\"every\"", &step->every_ms) && step->every_ms < 100)
            report(reading, "E0106", found->value->place, NULL, "\"every\" must be 100ms or more");
    }
    if ((found = document_entry(node, "stable_for"))) {
        if (!until)
            report(reading, "E0115", found->key_place, NULL, "\"stable_for\" without \"until\"");
        else
            read_duration(reading, found->value, "\"stable_for\"", &step->stable_for_ms);
    }
}

/* ---- probe, undo ---- */

static const char *call_condition(struct reading *reading, const struct document_node *node, const char *what,
                                  int index, const struct kind_declaration *kind)
{
    struct wish wish = {.type = TYPE_BOOL,
                        .what = what,
                        .sight = SIGHT_ANSWER,
                        .step = index,
                        .answering = kind,
                        .is_expression = true};
    return read_condition(reading, node, &wish);
}

/* A probe asks: a command by its nature, else a kind that changes nothing. */
static bool can_probe(const struct kind_declaration *kind, const json_t *with)
{
    return kind->general && kind->answers &&
           (strstr(kind->answers, "exit_code") || effect_of(kind, with) == EFFECT_OBSERVE);
}

static void parse_probe(struct reading *reading, const struct document_node *node, int index)
{
    static const char *const keys[] = {"uses", "with", "done", "in_progress", NULL};
    struct job_step *step = &reading->job->steps[index];
    struct job_call *probe = &step->probe;
    const struct document_entry *found;
    if (!is_map(reading, node, "\"probe\""))
        return;
    keys_check(reading, node, keys, "\"probe\"");
    const struct kind_declaration *kind = parse_uses(reading, node, document_get(node, "uses"));
    if (!kind)
        return;
    probe->kind = kind;
    probe->with = parse_with(reading, node, document_get(node, "with"), kind, SIGHT_STEP, index);
    if (!can_probe(kind, probe->with))
        report(reading, "E0115", document_get(node, "uses")->place, NULL,
               "%s cannot be a probe: that takes a general kind that only observes", kind->name);
    else if (!document_get(node, "done") && !strstr(kind->answers, "exit_code"))
        report(reading, "E0102", node->place, NULL, "a probe by %s needs \"done\"", kind->name);
    if ((found = document_entry(node, "done")))
        probe->done = call_condition(reading, found->value, "\"done\"", index, kind);
    if ((found = document_entry(node, "in_progress"))) {
        probe->in_progress = call_condition(reading, found->value, "\"in_progress\"", index, kind);
        if (!document_get(node, "done"))
            report(reading, "E0115", found->key_place, NULL, "\"in_progress\" without \"done\"");
    }
}

static void parse_undo(struct reading *reading, const struct document_node *node, int index)
{
    static const char *const keys[] = {"uses", "with", NULL};
    struct job_call *undo = &reading->job->steps[index].undo;
    if (!is_map(reading, node, "\"undo\""))
        return;
    keys_check(reading, node, keys, "\"undo\"");
    undo->kind = parse_uses(reading, node, document_get(node, "uses"));
    if (undo->kind)
        undo->with = parse_with(reading, node, document_get(node, "with"), undo->kind, SIGHT_UNDO, index);
}

static const char *const REHEARSE_KEYS[] = {"exit_code", "stdout", "status", "body", NULL};

static void parse_stand_in(struct reading *reading, const struct document_node *node, json_t *stand_in)
{
    static const enum value_type types[] = {TYPE_INT, TYPE_STRING, TYPE_INT, TYPE_ANY};
    for (int i = 0; REHEARSE_KEYS[i]; i++) {
        const struct document_node *found = document_get(node, REHEARSE_KEYS[i]);
        struct wish wish = {.type = types[i], .what = reading_text(reading, "\"%s\"", REHEARSE_KEYS[i])};
        json_t *value = found ? value_of_node(reading, found, &wish) : NULL;
        if (value)
            json_object_set(stand_in, REHEARSE_KEYS[i], value);
    }
}

/* `again:` is what it answers once its effect has happened before. */
static void parse_rehearse(struct reading *reading, const struct document_entry *entry, int index)
{
    static const char *const keys[] = {"exit_code", "stdout", "status", "body", "again", NULL};
    struct job_step *step = &reading->job->steps[index];
    if (!is_map(reading, entry->value, "\"rehearse\""))
        return;
    keys_check(reading, entry->value, keys, "\"rehearse\"");
    step->rehearse = job_memory_keep(reading->memory, json_object());
    parse_stand_in(reading, entry->value, step->rehearse);
    const struct document_node *again = document_get(entry->value, "again");
    if (!again || !is_map(reading, again, "\"again\""))
        return;
    keys_check(reading, again, REHEARSE_KEYS, "\"again\"");
    json_t *repeated = json_object();
    parse_stand_in(reading, again, repeated);
    json_object_set_new(step->rehearse, "again", repeated);
}

static void refuse_general(struct reading *reading, const struct document_node *node,
                           const struct kind_declaration *kind)
{
    for (int i = 0; GENERAL_KEYS[i]; i++) {
        const struct document_entry *entry = document_entry(node, GENERAL_KEYS[i]);
        bool is_input = entry && declaration_input(kind, GENERAL_KEYS[i]);
        if (entry)
            report(reading, "E0115", entry->key_place, is_input ? "it belongs under with:" : NULL,
                   "\"%s\" is for the general kinds; %s knows its own", GENERAL_KEYS[i], kind->name);
    }
}

void parse_general(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_entry *found;
    if (!step->kind->general) {
        refuse_general(reading, node, step->kind);
        return;
    }
    parse_effect(reading, document_get(node, "effect"), step);
    parse_until(reading, node, index);
    if ((found = document_entry(node, "outputs")))
        parse_outputs(reading, found->value, index);
    if ((found = document_entry(node, "probe"))) {
        if (step->effect == EFFECT_OBSERVE)
            report(reading, "E0115", found->key_place, NULL, "a step that observes needs no \"probe\"");
        parse_probe(reading, found->value, index);
    }
    if ((found = document_entry(node, "undo")))
        parse_undo(reading, found->value, index);
    if ((found = document_entry(node, "rehearse")))
        parse_rehearse(reading, found, index);
}
