/* `steps:`: each step's kind, inputs and policy; then the ways between them, by index. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/reading.h"
#include "jobs/template.h"

#define SETTLE_MS 60000 /* of a `once` step without `settle:` */

static const char *const STEP_KEYS[] = {"id",         "name",     "uses",  "with",    "if",         "guards",
                                        "approve",    "timeout",  "retry", "next",    "on_failure", "settle",
                                        "effect",     "probe",    "undo",  "outputs", "until",      "every",
                                        "stable_for", "rehearse", NULL};

/* ---- uses, with ---- */

static const char *const *kind_names(struct reading *reading)
{
    const struct kind_declaration *const *kinds = reading->kinds();
    int count = 0;
    while (kinds[count])
        count++;
    const char **names = job_memory_take(reading->memory, ((size_t)count + 1) * sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] = kinds[i]->name;
    return names;
}

const struct kind_declaration *parse_uses(struct reading *reading, const struct document_node *step,
                                          const struct document_node *uses)
{
    char hint[128];
    if (!uses) {
        report(reading, "E0102", (struct document_place){step->place.line, step->place.column, 1}, NULL,
               "the key \"uses\" is missing");
        return NULL;
    }
    const char *name = read_text(reading, uses, "\"uses\"");
    if (!name)
        return NULL;
    const struct kind_declaration *kind = reading->find(name);
    if (!kind)
        report(reading, "E0109", uses->place, hint_nearest(name, kind_names(reading), hint, sizeof hint),
               "there is no step kind \"%s\"", name);
    else if (kind->later)
        report_later(reading, uses->place, "the step kind \"%s\"", name);
    return kind;
}

static json_t *input_value(struct reading *reading, const struct document_node *node,
                           const struct kind_declaration *kind, const struct declared_input *input,
                           enum sight sight, int step)
{
    struct wish wish = {.type = input->type,
                        .what = reading_text(reading, "input \"%s\" of %s", input->name, kind->name),
                        .sight = sight,
                        .step = step,
                        .one_of = input->one_of,
                        .of_texts = input->of_texts,
                        .as_spelled = input->as_spelled,
                        .allows_secret = input->allows_secret};
    if (strcmp(input->name, "that") || input->type != TYPE_BOOL)
        return value_of_node(reading, node, &wish);
    wish.is_expression = true; /* a condition: always one `${…}` */
    const char *condition = read_condition(reading, node, &wish);
    return condition ? job_memory_keep(reading->memory, json_string(condition)) : NULL;
}

/* A declared default is spelled as a job file would spell it. */
static json_t *input_fallback(struct reading *reading, const struct kind_declaration *kind,
                              const struct declared_input *input)
{
    struct diagnostics mistakes = {0};
    struct reading aside = *reading;
    aside.diagnostics = &mistakes;
    struct document *document = document_read(input->fallback, strlen(input->fallback), &mistakes);
    json_t *value = document ? input_value(&aside, document->root, kind, input, SIGHT_NOTHING, -1) : NULL;
    document_free(document);
    diagnostics_clear(&mistakes);
    return value;
}

static const char *const *input_names(struct reading *reading, const struct kind_declaration *kind)
{
    const size_t most = sizeof kind->inputs / sizeof *kind->inputs;
    const char **names = job_memory_take(reading->memory, (most + 1) * sizeof *names);
    for (int i = 0; kind->inputs[i].name; i++)
        names[i] = kind->inputs[i].name;
    return names;
}

/* "component|statefulset": exactly one of these is given. */
static bool is_alternative(const struct kind_declaration *kind, const char *name)
{
    const char *at = kind->alternatives;
    size_t length = strlen(name);
    for (; at && *at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (!strncmp(at, name, length) && (!at[length] || at[length] == '|'))
            return true;
    return false;
}

static void check_alternatives(struct reading *reading, struct document_place owner,
                               const struct document_node *with, const struct kind_declaration *kind)
{
    const struct document_entry *first = NULL;
    for (int i = 0; with && i < with->count; i++) {
        const struct document_entry *entry = &with->entries[i];
        if (!is_alternative(kind, entry->key))
            continue;
        if (first)
            report(reading, "E0114", entry->key_place, NULL, "%s takes only one of \"%s\" and \"%s\"",
                   kind->name, first->key, entry->key);
        else
            first = entry;
    }
    if (!first)
        report(reading, "E0111", owner, NULL, "%s needs one of these inputs: %s", kind->name,
               kind->alternatives);
}

static void take_input(struct reading *reading, const struct document_entry *entry,
                       const struct kind_declaration *kind, enum sight sight, int step, json_t *inputs)
{
    char hint[128];
    const struct declared_input *input = declaration_input(kind, entry->key);
    if (!input) {
        report(reading, "E0110", entry->key_place,
               hint_nearest(entry->key, input_names(reading, kind), hint, sizeof hint),
               "%s has no input \"%s\"", kind->name, entry->key);
        return;
    }
    json_t *value = input_value(reading, entry->value, kind, input, sight, step);
    json_object_set(inputs, entry->key, value ? value : json_null());
    if (!strcmp(kind->name, "approve") && entry->value->commented)
        report(reading, "E0116", entry->value->place, "quote it: in YAML ` #` begins a comment",
               "a comment cuts the question off");
}

json_t *parse_with(struct reading *reading, const struct document_node *owner,
                   const struct document_node *with, const struct kind_declaration *kind, enum sight sight,
                   int step)
{
    json_t *inputs = job_memory_keep(reading->memory, json_object());
    const struct document_entry *uses = document_entry(owner, "uses");
    struct document_place place = uses ? uses->value->place : owner->place;
    if (with && !is_map(reading, with, "\"with\""))
        return inputs;
    for (int i = 0; with && i < with->count; i++)
        take_input(reading, &with->entries[i], kind, sight, step, inputs);
    for (const struct declared_input *input = kind->inputs; input->name; input++) {
        if (json_object_get(inputs, input->name))
            continue;
        if (input->fallback)
            json_object_set(inputs, input->name, input_fallback(reading, kind, input));
        else if (!input->optional && !is_alternative(kind, input->name))
            report(reading, "E0111", place, NULL, "%s needs the input \"%s\" (%s)", kind->name, input->name,
                   value_type_text(input->type));
    }
    if (kind->alternatives)
        check_alternatives(reading, place, with, kind);
    return inputs;
}

/* ---- one step ---- */

static void parse_id(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_entry *entry = document_entry(node, "id");
    struct step_source *source = &reading->sources[index];
    source->place = (struct document_place){node->place.line, node->place.column, 1};
    step->id = "?";
    step->line = node->place.line;
    if (!entry) {
        report(reading, "E0102", source->place, NULL, "the key \"id\" is missing");
        return;
    }
    source->place = entry->value->place;
    const char *id = read_name(reading, entry->value, "a step's id");
    if (!id)
        return;
    int earlier = job_step_index(reading->job, id);
    if (earlier >= 0 && earlier < index)
        report(reading, "E0105", entry->value->place, NULL,
               "the id \"%s\" is already that of the step in line %d", id, reading->job->steps[earlier].line);
    else
        step->id = id;
}

static void parse_approve(struct reading *reading, const struct document_node *node, int index)
{
    struct wish wish = {
        .type = TYPE_STRING, .what = "\"approve\"", .sight = SIGHT_STEP, .step = index, .as_text = true};
    if (node->kind == DOCUMENT_SCALAR && strspn(node->text, " \t\r\n") == node->length) {
        report(reading, "E0116", node->place, NULL, "the question is empty");
        return;
    }
    if (node->commented)
        report(reading, "E0116", node->place, "quote it: in YAML ` #` begins a comment",
               "a comment cuts the question off");
    reading->job->steps[index].approve = json_string_value(value_of_node(reading, node, &wish));
}

static void parse_times(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_node *found;
    step->timeout_ms = reading->timeout_ms;
    step->retry = reading->retry;
    if ((found = document_get(node, "timeout")))
        read_duration(reading, found, "\"timeout\"", &step->timeout_ms);
    if ((found = document_get(node, "retry")))
        parse_retry(reading, found, &step->retry);
}

static bool answers(const struct kind_declaration *kind, const char *name)
{
    const char *found = kind->answers ? strstr(kind->answers, name) : NULL;
    return found && (found == kind->answers || found[-1] == '|');
}

static void check_on_exit(struct reading *reading, const struct document_node *node,
                          const struct job_step *step)
{
    const struct document_entry *entry = document_entry(document_get(node, "retry"), "on_exit");
    if (entry && !answers(step->kind, "exit_code"))
        report(reading, "E0115", entry->key_place, NULL,
               "\"on_exit\" is for steps that run a program; %s does not", step->kind->name);
}

static void parse_settle(struct reading *reading, const struct document_node *node, struct job_step *step)
{
    const struct document_entry *entry = document_entry(node, "settle");
    step->settle_ms = step->effect == EFFECT_ONCE ? SETTLE_MS : 0;
    if (!entry)
        return;
    if (step->effect != EFFECT_ONCE)
        report(reading, "E0115", entry->key_place, NULL,
               "\"settle\" is for steps that must never be repeated blindly; this one is of the class %s",
               effect_class_text(step->effect));
    else
        read_duration(reading, entry->value, "\"settle\"", &step->settle_ms);
}

static void parse_step(struct reading *reading, const struct document_node *node, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_node *found;
    step->next.target = step->failure_way.target = -1;
    reading->sources[index].node = node;
    if (!is_map(reading, node, "a step")) {
        step->id = "?";
        step->line = node->place.line;
        return;
    }
    keys_check(reading, node, STEP_KEYS, "a step");
    parse_id(reading, node, index);
    if ((found = document_get(node, "name")))
        step->name = read_text(reading, found, "\"name\"");
    struct wish condition = {
        .type = TYPE_BOOL, .what = "\"if\"", .sight = SIGHT_STEP, .step = index, .is_expression = true};
    if ((found = document_get(node, "if")))
        step->condition = read_condition(reading, found, &condition);
    if ((found = document_get(node, "approve")))
        parse_approve(reading, found, index);
    parse_times(reading, node, index);
    step->kind = parse_uses(reading, node, document_get(node, "uses"));
    if (!step->kind)
        return;
    step->with = parse_with(reading, node, document_get(node, "with"), step->kind, SIGHT_STEP, index);
    step->effect = step->kind->effect;
    parse_general(reading, node, index);
    parse_settle(reading, node, step);
    check_on_exit(reading, node, step);
}

/* ---- ways ---- */

static const char *const *step_names(struct reading *reading)
{
    const struct job *job = reading->job;
    const char **names = job_memory_take(reading->memory, ((size_t)job->step_count + 1) * sizeof *names);
    for (int i = 0; i < job->step_count; i++)
        names[i] = job->steps[i].id;
    return names;
}

static int find_step(struct reading *reading, const struct document_node *node, const char *what)
{
    char hint[128];
    const char *id = read_text(reading, node, what);
    if (!id)
        return -1;
    int index = job_step_index(reading->job, id);
    if (index < 0)
        report(reading, "E0302", node->place, hint_nearest(id, step_names(reading), hint, sizeof hint),
               "%s: there is no step \"%s\"", what, id);
    return index;
}

/* `ID` or `{goto: ID, max_visits: N}`. */
static struct job_way parse_way(struct reading *reading, const struct document_node *node, const char *what)
{
    static const char *const keys[] = {"goto", "max_visits", NULL};
    struct job_way way = {-1, 0};
    int64_t visits = 0;
    if (node->kind == DOCUMENT_MAP) {
        const struct document_node *target = document_get(node, "goto");
        const struct document_node *most = document_get(node, "max_visits");
        keys_check(reading, node, keys, what);
        if (most)
            way.max_visits = read_int(reading, most, "\"max_visits\"", 1, LIMIT_VISITS, &visits) ? (int)visits
                                                                                                 : 1;
        if (target)
            way.target = find_step(reading, target, "\"goto\"");
        else
            report(reading, "E0102", node->place, NULL, "%s has no \"goto\"", what);
    } else {
        way.target = find_step(reading, node, what);
    }
    return way;
}

static void parse_on_failure(struct reading *reading, const struct document_node *node, struct job_step *step)
{
    const char *words[ON_FAILURE_GOTO + 1] = {0}; /* those that say all by themselves */
    char hint[128];
    if (node->kind != DOCUMENT_SCALAR) {
        step->on_failure = ON_FAILURE_GOTO;
        step->failure_way = parse_way(reading, node, "\"on_failure\"");
        return;
    }
    enum on_failure found = on_failure_read(node->text);
    if (found < ON_FAILURE_GOTO) {
        step->on_failure = found;
        return;
    }
    for (int i = 0; i < ON_FAILURE_GOTO; i++)
        words[i] = on_failure_text((enum on_failure)i);
    bool is_step = job_step_index(reading->job, node->text) >= 0;
    snprintf(hint, sizeof hint, "{goto: %.50s}", node->text);
    report(reading, "E0113", node->place, is_step ? hint : name_nearest(node->text, words),
           "\"on_failure\" is stop, continue, rollback or {goto: ID, max_visits: N}");
}

static void parse_guards(struct reading *reading, const struct document_node *node, struct job_step *step)
{
    if (!is_list(reading, node, "\"guards\""))
        return;
    if (node->count > LIMIT_GUARDS)
        report(reading, "E0119", node->place, NULL, "%d guards, at most %d are allowed", node->count,
               LIMIT_GUARDS);
    for (int i = 0; i < node->count && i < LIMIT_GUARDS; i++) {
        int guard = find_step(reading, node->entries[i].value, "a guard");
        if (guard >= 0)
            step->guards[step->guard_count++] = guard;
    }
}

static void parse_ways(struct reading *reading, int index)
{
    struct job_step *step = &reading->job->steps[index];
    const struct document_node *found, *node = reading->sources[index].node;
    if ((found = document_get(node, "next"))) {
        step->next = parse_way(reading, found, "\"next\"");
        reading->ways_are_broken |= step->next.target < 0;
    }
    if ((found = document_get(node, "on_failure"))) {
        parse_on_failure(reading, found, step);
        reading->ways_are_broken |= step->on_failure == ON_FAILURE_GOTO && step->failure_way.target < 0;
    }
    if ((found = document_get(node, "guards")))
        parse_guards(reading, found, step);
}

void parse_steps(struct reading *reading, const struct document_node *node)
{
    struct job *job = reading->job;
    if (!is_list(reading, node, "\"steps\""))
        return;
    if (!node->count || node->count > LIMIT_JOB_STEPS) {
        report(reading, node->count ? "E0119" : "E0103", node->place, NULL,
               "%d steps; from 1 to %d are allowed", node->count, LIMIT_JOB_STEPS);
        return;
    }
    job->steps = job_memory_take(reading->memory, (size_t)node->count * sizeof *job->steps);
    reading->sources = job_memory_take(reading->memory, (size_t)node->count * sizeof *reading->sources);
    for (int i = 0; i < node->count; i++, job->step_count++)
        parse_step(reading, node->entries[i].value, i);
    for (int i = 0; i < job->step_count; i++)
        parse_ways(reading, i);
}
