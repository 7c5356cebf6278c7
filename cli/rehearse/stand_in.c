/* Stand-ins: a rehearsal runs no program of the job's and sends no request of its own. In place of these
 * kinds stand others, which answer what the step's `rehearse:` says, count the effect in the simulated
 * cluster, and answer the step's probe from what was counted. And every path leads to a private copy. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "engine/inputs.h"

#define KINDS_MAX 16

static const struct rehearsal *rehearsing;
static const char *place_entered;
static struct step_kind stand_ins[KINDS_MAX];
static int stand_in_count;

/* ---- what stands for what ---- */

static bool is_undo(const struct visit *visit)
{
    const char *end = strrchr(visit->key, '/');
    return end && !strcmp(end, "/undo");
}

static const struct job_step *step_of(const struct visit *visit)
{
    int index = job_step_index(rehearsing->job, visit->step);
    return index < 0 ? NULL : &rehearsing->job->steps[index];
}

/* Effects are counted by step, an undo's apart; free() it. */
static char *counted_as(const struct visit *visit)
{
    return string_format("%s%s", visit->step, is_undo(visit) ? "/undo" : "");
}

static bool changes_something(const struct visit *visit)
{
    const struct job_step *step = step_of(visit);
    return is_undo(visit) || !step || step->effect != EFFECT_OBSERVE;
}

/* ---- answers ---- */

static void set_default(json_t *outputs, const char *name, json_t *value)
{
    if (!json_object_get(outputs, name))
        json_object_set(outputs, name, value);
    json_decref(value);
}

static bool answers(const struct kind_declaration *kind, const char *name)
{
    return kind->answers && strstr(kind->answers, name);
}

/* What the step's stand-in says: `rehearse:`, or nothing and success. */
static json_t *said(const struct visit *visit, bool again)
{
    const struct job_step *step = step_of(visit);
    const json_t *given = step && !is_undo(visit) ? step->rehearse : NULL;
    const json_t *repeated = again ? json_object_get(given, "again") : NULL;
    const struct kind_declaration *kind = step ? step->kind : NULL;
    json_t *outputs = given ? json_copy((json_t *)given) : json_object();
    json_object_del(outputs, "again");
    if (repeated)
        json_object_update(outputs, (json_t *)repeated);
    const json_t *expect = json_object_get(visit->inputs, "expect");
    json_t *first = json_array_get(expect, 0);
    if (!kind || is_undo(visit) || answers(kind, "exit_code")) {
        set_default(outputs, "exit_code", json_integer(0));
        set_default(outputs, "stdout", json_string(""));
    } else if (answers(kind, "headers")) {
        set_default(outputs, "status", first ? json_incref(first) : json_integer(200));
        set_default(outputs, "headers", json_object());
        set_default(outputs, "body", json_string(""));
    } else {
        json_t *body = json_object_get(outputs, "body");
        set_default(outputs, "object", body ? json_incref(body) : json_null());
        set_default(outputs, "objects", body ? json_pack("[O]", body) : json_array());
        json_object_del(outputs, "body");
    }
    return outputs;
}

/* An HTTP status that the step does not expect is a failure, as with the kind itself. */
static void answer_with(const struct visit *visit, json_t *outputs, struct answer *answer)
{
    const json_t *expect = json_object_get(visit->inputs, "expect");
    int64_t status = json_int(outputs, "status", 0);
    size_t index;
    json_t *expected;
    bool fits = !json_is_array(expect) || !json_object_get(outputs, "status");
    json_array_foreach(expect, index, expected) fits = fits || json_integer_value(expected) == status;
    if (fits) {
        answer_done(answer, outputs);
        return;
    }
    struct error error;
    error_set(&error, ERROR_EXIT_STATUS, "the stand-in answers with status %lld", (long long)status);
    json_decref(outputs);
    answer_failed(answer, &error);
}

static void answer_failing(struct answer *answer)
{
    struct error error;
    error_set(&error, ERROR_EXIT_STATUS, "the stand-in fails, as the rehearsal wants it to");
    answer_failed(answer, &error);
}

/* ---- bodies ---- */

/* How often it has happened before this start: what the probe holds against what it finds. */
static void prepare(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    char *name = counted_as(visit);
    int64_t count = sim_pretended(visit->cluster, name, &error);
    free(name);
    if (count < 0) {
        answer_failed(answer, &error);
        return;
    }
    answer_done(answer, NULL);
    answer->checkpoint = json_pack("{s:I}", "count", (json_int_t)count);
}

static void ask(const struct visit *visit, struct answer *answer)
{
    answer_with(visit, said(visit, false), answer);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    bool fails = false;
    if (!changes_something(visit)) {
        ask(visit, answer);
        return;
    }
    if (!visit_passes(visit, answer))
        return;
    char *name = counted_as(visit);
    bool again = sim_pretended(visit->cluster, name, &error) > 0;
    json_t *more = json_pack("{s:s,s:i}", "key", visit->key, "visit", visit->visit);
    if (sim_pretend(visit->cluster, name, more, &fails, &error))
        answer_failed(answer, &error);
    else if (fails)
        answer_failing(answer);
    else
        answer_with(visit, said(visit, again), answer);
    free(name);
}

static void probe(const struct visit *visit, struct probe_answer *answer)
{
    const struct job_step *step = step_of(visit);
    answer->kind = PROBE_CANNOT_TELL;
    if (is_undo(visit) || !step || !rehearsing->has_probe[step - rehearsing->job->steps]) {
        error_set(&answer->error, ERROR_NOT_ALLOWED_NOW,
                  "\"%s\" was interrupted, it has no probe, and must never be repeated blindly", visit->step);
        return;
    }
    char *name = counted_as(visit);
    int64_t now = sim_pretended(visit->cluster, name, &answer->error);
    free(name);
    if (now < 0)
        return;
    const json_t *first = json_object_get(json_array_get(visit->starts, 0), "checkpoint");
    answer->kind = now > json_int(first, "count", 0) ? PROBE_DONE : PROBE_NOT_DONE;
    if (answer->kind == PROBE_DONE)
        answer->outputs = said(visit, false);
}

/* ---- taking their places ---- */

/* All kinds that act on something else than the simulated cluster: programs, and requests that a job spells
 * out. */
static bool is_stood_in_for(const struct kind_declaration *kind)
{
    return kind->general && kind->answers;
}

static const struct step_kind *stand_in_for(const struct step_kind *kind)
{
    for (int i = 0; i < stand_in_count; i++)
        if (!strcmp(stand_ins[i].declaration.name, kind->declaration.name))
            return &stand_ins[i];
    return kind;
}

static char *private_path(const char *path)
{
    return place_entered ? stage_file(rehearsing, place_entered, path) : string_copy(path);
}

void stand_ins_enter(const char *place)
{
    place_entered = place;
}

/* The probes that the job names are not asked either: the stand-in itself is. */
static void take_probes(struct rehearsal *rehearsal)
{
    struct job *job = rehearsal->job;
    rehearsal->has_probe = memory_new((size_t)job->step_count * sizeof *rehearsal->has_probe);
    for (int i = 0; i < job->step_count; i++) {
        rehearsal->has_probe[i] = job->steps[i].probe.kind;
        job->steps[i].probe = (struct job_call){0};
    }
}

void stand_ins_install(struct rehearsal *rehearsal)
{
    const struct kind_declaration *const *kinds = step_declarations();
    rehearsing = rehearsal;
    for (; *kinds && stand_in_count < KINDS_MAX; kinds++) {
        if (!is_stood_in_for(*kinds))
            continue;
        struct step_kind *stand_in = &stand_ins[stand_in_count++];
        *stand_in = (struct step_kind){
            .declaration = **kinds, .prepare = prepare, .probe = probe, .apply = apply, .ask = ask};
        stand_in->declaration.later = false;
    }
    take_probes(rehearsal);
    step_kinds_replace(stand_in_for);
    inputs_map_paths(private_path);
}
