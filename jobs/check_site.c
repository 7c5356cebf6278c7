/* The types of all expressions: each site's names are resolved by what it may see, its whole must fit the
 * input. */
#include <stdio.h>
#include <string.h>

#include "jobs/expression.h"
#include "jobs/reading.h"
#include "jobs/template.h"

#define NAMES_MOST   256
#define ANSWERS_SIZE 128

struct checking {
    struct reading *reading;
    const struct site *site;
    size_t offset;  /* of the expression within the site's text */
    char hint[320]; /* longer than a fault's own may be; "" where there is none */
};

typedef struct expression_type type;

/* ---- types ---- */

static type type_of_value(enum value_type value)
{
    static const enum expression_kind kinds[TYPE_COUNT] = {
        [TYPE_STRING] = CEL_STRING, [TYPE_INT] = CEL_INT,           [TYPE_FLOAT] = CEL_DOUBLE,
        [TYPE_BOOL] = CEL_BOOL,     [TYPE_DURATION] = CEL_DURATION, [TYPE_PATH] = CEL_STRING,
        [TYPE_LIST] = CEL_LIST,     [TYPE_MAP] = CEL_MAP,           [TYPE_SECRET] = CEL_SECRET,
        [TYPE_ANY] = CEL_DYN};
    return (type){kinds[value], CEL_DYN};
}

static enum value_type value_of_type(type given)
{
    static const enum value_type values[] = {
        [CEL_DYN] = TYPE_ANY,           [CEL_NULL] = TYPE_ANY,      [CEL_BOOL] = TYPE_BOOL,
        [CEL_INT] = TYPE_INT,           [CEL_DOUBLE] = TYPE_FLOAT,  [CEL_STRING] = TYPE_STRING,
        [CEL_DURATION] = TYPE_DURATION, [CEL_SECRET] = TYPE_SECRET, [CEL_LIST] = TYPE_LIST,
        [CEL_MAP] = TYPE_MAP,           [CEL_ERROR] = TYPE_ANY};
    return values[given.kind];
}

static bool type_fits(type given, enum value_type wanted)
{
    if (given.kind == CEL_DYN || given.kind == CEL_ERROR || wanted == TYPE_ANY)
        return true;
    if (wanted == TYPE_FLOAT && given.kind == CEL_INT)
        return true;
    if (wanted == TYPE_STRING && (given.kind == CEL_DURATION || given.kind == CEL_SECRET))
        return true;
    return given.kind == type_of_value(wanted).kind;
}

static bool holds_secret(type given)
{
    return given.kind == CEL_SECRET ||
           ((given.kind == CEL_LIST || given.kind == CEL_MAP) && given.element == CEL_SECRET);
}

static bool becomes_text(type given)
{
    return given.kind != CEL_NULL && given.kind != CEL_LIST && given.kind != CEL_MAP;
}

/* ---- names ---- */

static type wrong(struct expression_fault *fault, const char *code)
{
    fault->code = code;
    return (type){CEL_ERROR, CEL_DYN};
}

static type wrong_name(struct expression_fault *fault, const char *name, const char *const *names)
{
    hint_nearest(name, names, fault->hint, sizeof fault->hint);
    return wrong(fault, "E0202");
}

static type resolve_param(const struct checking *checking, const char *const *path,
                          struct expression_fault *fault)
{
    const struct job *job = checking->reading->job;
    const char *names[LIMIT_PARAMS + 1] = {0};
    for (int i = 0; i < job->param_count; i++) {
        if (!strcmp(job->params[i].name, path[1]))
            return type_of_value(job->params[i].type);
        names[i] = job->params[i].name;
    }
    snprintf(fault->message, sizeof fault->message, "there is no param \"%.100s\"", path[1]);
    return wrong_name(fault, path[1], names);
}

static type resolve_var(const struct checking *checking, const char *const *path,
                        struct expression_fault *fault)
{
    const struct job *job = checking->reading->job;
    const struct wish *wish = &checking->site->wish;
    int seen = wish->sight == SIGHT_SUBMIT ? wish->step : job->var_count;
    const char *names[LIMIT_PARAMS + 1] = {0};
    for (int i = 0; i < job->var_count; i++) {
        if (!strcmp(job->vars[i].name, path[1]) && i < seen)
            return type_of_value(job->vars[i].type);
        if (!strcmp(job->vars[i].name, path[1])) {
            snprintf(fault->message, sizeof fault->message,
                     "a var sees only the vars above it, and \"%.100s\" is not", path[1]);
            return wrong(fault, "E0202");
        }
        names[i] = job->vars[i].name;
    }
    snprintf(fault->message, sizeof fault->message, "there is no var \"%.100s\"", path[1]);
    return wrong_name(fault, path[1], names);
}

static type resolve_run(const struct checking *checking, const char *const *path,
                        struct expression_fault *fault)
{
    static const struct {
        const char *name;
        enum expression_kind kind;
    } members[] = {{"id", CEL_INT},        {"actor", CEL_STRING}, {"job", CEL_STRING},
                   {"status", CEL_STRING}, {"step", CEL_STRING},  {"error", CEL_STRING},
                   {"cluster", CEL_STRING}};
    const size_t count = sizeof members / sizeof *members;
    const size_t seen = checking->site->wish.sight == SIGHT_HOOK ? count : 2;
    const char *names[8] = {0};
    for (size_t i = 0; i < count; i++) {
        if (i < seen && !strcmp(members[i].name, path[1]))
            return (type){members[i].kind, CEL_DYN};
        if (i < seen)
            names[i] = members[i].name;
        else if (!strcmp(members[i].name, path[1])) {
            snprintf(fault->message, sizeof fault->message, "run.%s is known only to hooks", path[1]);
            return wrong(fault, "E0202");
        }
    }
    snprintf(fault->message, sizeof fault->message, "there is no run.%.100s", path[1]);
    return wrong_name(fault, path[1], names);
}

/* ---- steps ---- */

/* The type of a step's output; TYPE_COUNT where it has none of that name, and then the names that it has. */
static enum value_type output_type(const struct job_step *step, const char *name,
                                   const char *names[NAMES_MOST])
{
    int count = 0;
    for (int i = 0; i < step->output_count; i++) {
        if (!strcmp(step->outputs[i].name, name))
            return step->outputs[i].type;
        names[count++] = step->outputs[i].name;
    }
    for (const struct declared_output *output = step->kind->outputs; !step->outputs && output->name;
         output++) {
        if (!strcmp(output->name, name))
            return output->type;
        names[count++] = output->name;
    }
    names[count] = NULL;
    return TYPE_COUNT;
}

/* Whether the outputs of `other` are surely there where the site is evaluated. */
static bool is_certain(const struct checking *checking, int other)
{
    const struct wish *wish = &checking->site->wish;
    const struct flow *flow = checking->reading->flow;
    if (wish->sight == SIGHT_HOOK)
        return false;
    if (!flow_reaches(flow, wish->step))
        return true; /* it never runs: reported as that */
    return flow_has_succeeded(flow, wish->step, other) &&
           (wish->sight != SIGHT_UNDO || !flow_repeats(flow, other));
}

static void explain(struct checking *checking, int other, struct expression_fault *fault)
{
    const struct wish *wish = &checking->site->wish;
    const struct job *job = checking->reading->job;
    if (wish->sight == SIGHT_HOOK || wish->sight == SIGHT_UNDO) {
        snprintf(fault->message, sizeof fault->message, "\"%s\" may not have run when this %s runs",
                 job->steps[other].id, wish->sight == SIGHT_HOOK ? "hook" : "undo");
        snprintf(checking->hint, sizeof checking->hint, "ask first: has(steps.%s.…) ? … : …",
                 job->steps[other].id);
        return;
    }
    if (other == wish->step) {
        snprintf(fault->message, sizeof fault->message, "\"%s\" has no outputs before it has run",
                 job->steps[other].id);
        return;
    }
    snprintf(fault->message, sizeof fault->message, "\"%s\" may run before \"%s\" has run",
             job->steps[wish->step].id, job->steps[other].id);
    if (checking->reading->diagnostics->count < LIMIT_JOB_DIAGNOSTICS) /* else nobody reads it */
        flow_explain(checking->reading->flow, wish->step, other, checking->hint, sizeof checking->hint);
}

static type resolve_step(struct checking *checking, const char *const *path, int count, bool tested,
                         int *part, struct expression_fault *fault)
{
    const struct job *job = checking->reading->job;
    const char *names[NAMES_MOST] = {0};
    int index = job_step_index(job, path[1]);
    *part = 2;
    if (index < 0) {
        for (int i = 0; i < job->step_count && i < NAMES_MOST - 1; i++)
            names[i] = job->steps[i].id;
        snprintf(fault->message, sizeof fault->message, "there is no step \"%.100s\"", path[1]);
        return wrong_name(fault, path[1], names);
    }
    const struct job_step *step = &job->steps[index];
    if (count < 3) {
        snprintf(fault->message, sizeof fault->message, "an output is missing: steps.%s.NAME", path[1]);
        return wrong(fault, "E0202");
    }
    *part = 3;
    if (!strcmp(path[2], OUTPUT_BUILT_IN))
        return (type){CEL_STRING, CEL_DYN};
    if (!step->kind)
        return (type){CEL_DYN, CEL_DYN};
    enum value_type found = output_type(step, path[2], names);
    if (found == TYPE_COUNT) {
        snprintf(fault->message, sizeof fault->message, "step \"%s\" has no output \"%.100s\"", path[1],
                 path[2]);
        hint_nearest(path[2], names, fault->hint, sizeof fault->hint);
        return wrong(fault, "E0207");
    }
    if (tested || is_certain(checking, index))
        return type_of_value(found);
    explain(checking, index, fault);
    return wrong(fault, "E0310");
}

/* ---- roots ---- */

/* The names of a kind's answer, ended by NULL. */
static void answer_names(const struct kind_declaration *kind, char *copy, size_t size, const char *names[])
{
    int count = 0;
    snprintf(copy, size, "%s", kind && kind->answers ? kind->answers : "");
    char *rest;
    for (char *at = strtok_r(copy, "|", &rest); at; at = strtok_r(NULL, "|", &rest))
        names[count++] = at;
    names[count] = NULL;
}

static bool is_answer(const struct kind_declaration *kind, const char *name)
{
    char copy[ANSWERS_SIZE];
    const char *names[ANSWERS_SIZE];
    answer_names(kind, copy, sizeof copy, names);
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static type wrong_root(const struct checking *checking, const char *name, struct expression_fault *fault)
{
    static const char *const roots[] = {"params", "vars", "steps", "run", NULL};
    const struct wish *wish = &checking->site->wish;
    const struct job *job = checking->reading->job;
    const struct job_step *step = wish->sight == SIGHT_STEP ? &job->steps[wish->step] : NULL;
    char copy[ANSWERS_SIZE];
    const char *answers[ANSWERS_SIZE];
    answer_names(wish->answering, copy, sizeof copy, answers);
    const char *near_root = name_nearest(name, roots), *near_answer = name_nearest(name, answers);
    snprintf(fault->message, sizeof fault->message, "there is no name \"%.100s\" here", name);
    if (step && is_answer(step->kind, name))
        snprintf(fault->hint, sizeof fault->hint,
                 "only outputs:, until:, done: and in_progress: see the answer");
    else if (near_root || near_answer)
        snprintf(fault->hint, sizeof fault->hint, "did you mean \"%s\"?",
                 near_answer ? near_answer : near_root);
    else if (job_step_index(job, name) >= 0)
        snprintf(fault->hint, sizeof fault->hint, "did you mean \"steps.%.63s\"?", name);
    else if (answers[0])
        snprintf(fault->hint, sizeof fault->hint, "the answer is in %s", wish->answering->answers);
    return wrong(fault, "E0202");
}

static type resolve(void *context, const char *const *path, int count, bool tested, int *part,
                    struct expression_fault *fault)
{
    struct checking *checking = context;
    const struct wish *wish = &checking->site->wish;
    bool at_submit = wish->sight == SIGHT_SUBMIT;
    bool is_params = !strcmp(path[0], "params"), is_vars = !strcmp(path[0], "vars");
    bool is_steps = !strcmp(path[0], "steps"), is_run = !strcmp(path[0], "run");
    checking->hint[0] = '\0';
    *part = 1;
    if (wish->sight == SIGHT_ANSWER && is_answer(wish->answering, path[0]))
        return (type){CEL_DYN, CEL_DYN};
    if (!is_params && !is_vars && !is_steps && !is_run)
        return wrong_root(checking, path[0], fault);
    if (at_submit && (is_steps || is_run)) {
        snprintf(fault->message, sizeof fault->message, "\"%s\" is not known yet when the run is submitted",
                 path[0]);
        return wrong(fault, "E0202");
    }
    if (count < 2) {
        snprintf(fault->message, sizeof fault->message, "a name is missing: %s.NAME", path[0]);
        return wrong(fault, "E0202");
    }
    *part = 2;
    if (is_steps)
        return resolve_step(checking, path, count, tested, part, fault);
    return is_params ? resolve_param(checking, path, fault)
           : is_vars ? resolve_var(checking, path, fault)
                     : resolve_run(checking, path, fault);
}

/* ---- sites ---- */

static void report_at(const struct checking *checking, const char *code, size_t offset, size_t length,
                      const char *hint, const char *message)
{
    struct document_place place = checking->site->node->place;
    if (checking->reading->diagnostics->count < LIMIT_JOB_DIAGNOSTICS) /* else it is only counted */
        place = document_place_within(checking->reading->document, checking->site->node, offset, length);
    if (checking->site->node->commented && (!strcmp(code, EXPRESSION_SYNTAX)))
        hint = "` #` begins a comment in YAML: quote the value";
    report(checking->reading, code, place, hint, "%s", message);
}

static void report_fault(void *context, const struct expression_fault *fault)
{
    struct checking *checking = context;
    bool explained = fault->code && !strcmp(fault->code, "E0310");
    report_at(checking, fault->code ? fault->code : EXPRESSION_TYPE, checking->offset + fault->offset,
              fault->length, explained ? checking->hint : fault->hint, fault->message);
}

static type check_expression(struct checking *checking, const struct template_part *part)
{
    struct expression_fault fault = {0};
    checking->offset = part->offset;
    struct expression *expression = expression_read(checking->site->node->text + part->offset, part->length,
                                                    &fault);
    if (!expression) {
        report_fault(checking, &fault);
        return (type){CEL_ERROR, CEL_DYN};
    }
    type found = expression_check(expression, resolve, checking, report_fault);
    expression_free(expression);
    return found;
}

static void refuse_type(const struct checking *checking, const struct template_part *part, type found,
                        const char *wanted)
{
    char name[64], message[512];
    expression_type_text(found, name, sizeof name);
    bool to_text = !strcmp(wanted, "a string") && becomes_text(found);
    snprintf(message, sizeof message, "%s must be %s; this is of the type %s", checking->site->wish.what,
             wanted, name);
    report_at(checking, "E0112", part->offset, part->length, to_text ? "string(…) makes it one" : NULL,
              message);
}

/* What the whole of a site, or an expression within its text, may be. */
static void check_type(const struct checking *checking, const struct template_part *part, type found,
                       bool within)
{
    const struct wish *wish = &checking->site->wish;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s %s", wish->type == TYPE_INT ? "an" : "a",
             value_type_text(wish->type));
    if (found.kind == CEL_ERROR)
        return;
    if (holds_secret(found) && !wish->allows_secret) {
        char message[512];
        snprintf(message, sizeof message, "%s cannot hold a secret: it would be recorded and shown",
                 wish->what);
        report_at(checking, "E0208", part->offset, part->length, NULL, message);
    } else if (within || wish->as_text) {
        if (!becomes_text(found))
            refuse_type(checking, part, found, "text");
    } else if (!type_fits(found, wish->type)) {
        refuse_type(checking, part, found, wanted);
    }
}

static bool takes_text(enum value_type wanted)
{
    return wanted == TYPE_STRING || wanted == TYPE_PATH || wanted == TYPE_DURATION || wanted == TYPE_ANY;
}

static void check_site(struct reading *reading, const struct site *site)
{
    struct checking checking = {.reading = reading, .site = site};
    struct template_part part;
    struct expression_fault fault = {0};
    enum value_type found = TYPE_STRING;
    size_t at = 0;
    bool single = template_is_single(site->node->text, &part);
    if (!single && !takes_text(site->wish.type)) {
        char message[512];
        snprintf(message, sizeof message, "%s must be %s %s; ${…} within a longer text gives text",
                 site->wish.what, site->wish.type == TYPE_INT ? "an" : "a", value_type_text(site->wish.type));
        report_at(&checking, "E0112", 0, site->node->length, NULL, message);
    }
    for (int more; (more = template_next(site->node->text, &at, &part, &fault));
         fault = (struct expression_fault){0})
        if (more < 0) {
            checking.offset = 0;
            report_fault(&checking, &fault);
        } else if (part.is_expression) {
            type whole = check_expression(&checking, &part);
            check_type(&checking, &part, whole, !single);
            found = single ? value_of_type(whole) : TYPE_STRING;
        }
    if (site->wish.type_found)
        *site->wish.type_found = found;
}

void check_sites(struct reading *reading)
{
    for (int i = 0; i < reading->site_count; i++)
        check_site(reading, &reading->sites[i]);
}
