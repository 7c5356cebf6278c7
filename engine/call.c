#include "engine/call.h"

#include <string.h>

#include "base/json.h"
#include "engine/inputs.h"
#include "jobs/param.h"
#include "jobs/template.h"

#define EVERY_MS              10000 /* `every:` where it is not given */
#define CONDITION_SHOWN_BYTES 200   /* of an `until:` in a message */
#define LOOK_SHOWN_BYTES      256   /* of what its last look said */
#define PROBE_EXIT_DONE       0
#define PROBE_EXIT_NOT_YET    1
#define PROBE_EXIT_BUSY       75 /* EX_TEMPFAIL */

/* ---- the answer of a general kind as names in expressions ---- */

static json_t *names_with_answer(const json_t *names, const json_t *outputs)
{
    json_t *all = json_copy((json_t *)names);
    json_object_update(all, (json_t *)outputs);
    const char *out = json_text(outputs, "stdout", NULL);
    if (out && !json_object_get(outputs, "json")) {
        json_t *parsed = json_read(out, strlen(out), LIMIT_JSON_BYTES, "stdout", NULL);
        json_object_set_new(all, "json", parsed ? parsed : json_null());
    }
    return all;
}

static json_t *evaluate_output(const struct machine_output *output, const json_t *names, struct error *error)
{
    struct error cause = {0};
    json_t *template = json_string(output->value);
    json_t *value = template_evaluate(template, names, &cause);
    json_decref(template);
    json_t *fit = value ? value_conform(output->type, output->name, value, "/", &cause) : NULL;
    json_decref(value);
    if (!fit && output->fallback)
        return json_incref((json_t *)output->fallback);
    if (!fit) {
        *error = cause;
        error_context(error, "output \"%s\"", output->name);
    }
    return fit;
}

/* `outputs:` over the answer; NULL with the error filled. */
static json_t *evaluate_outputs(const struct machine_step *step, const json_t *names, struct error *error)
{
    json_t *outputs = json_object();
    for (int i = 0; i < step->output_count; i++) {
        json_t *value = evaluate_output(&step->outputs[i], names, error);
        if (!value) {
            json_decref(outputs);
            return NULL;
        }
        json_object_set_new(outputs, step->outputs[i].name, value);
    }
    return outputs;
}

static bool is_transient_exit(const struct machine_step *step, int64_t status)
{
    size_t index;
    json_t *listed;
    json_array_foreach(step->on_exit, index, listed) if (json_integer_value(listed) == status) return true;
    return false;
}

/* What a program said, on stderr or else on stdout, without the line ends behind it: borrowed, "" where it
 * said nothing. */
static const char *said_of(const json_t *outputs, int *length)
{
    const char *said = json_text(outputs, "stderr", "");
    if (!text_trimmed_length(said))
        said = json_text(outputs, "stdout", "");
    *length = (int)text_trimmed_length(said);
    return said;
}

/* What such a step waits for, with what the last look has seen: it is kept nowhere else. */
static void say_not_yet(const struct machine_step *step, const json_t *outputs, struct error *error)
{
    char condition[CONDITION_SHOWN_BYTES], begins[LOOK_SHOWN_BYTES];
    int length;
    const char *said = said_of(outputs, &length);
    text_fit(condition, sizeof condition, "%s", step->until);
    text_fit(begins, sizeof begins, "%.*s", length, said);
    error_set(error, ERROR_NOT_YET, "%s does not hold yet", condition);
    if (json_object_get(outputs, "exit_code")) {
        struct error look = *error;
        error_set(error, ERROR_NOT_YET, "%s; the last look left with status %lld%s%s", look.message,
                  (long long)json_int(outputs, "exit_code", 0), length ? ": " : " and said nothing", begins);
    }
}

/* `until:` and `stable_for:`: true where the step is done; else *answer says when to ask again, or what
 * failed. */
static bool until_holds(const struct machine_step *step, const struct visit *visit, const json_t *names,
                        struct answer *answer)
{
    struct error error = {0};
    bool holds = false;
    if (condition_evaluate(step->until, names, &holds, &error)) {
        answer_clear(answer);
        answer_failed(answer, &error);
        return false;
    }
    if (holds && visit->single_look)
        return true; /* what would have to stay so only has to be so now */
    if (!holds)
        *visit->held_since_ms = -1;
    else if (*visit->held_since_ms < 0)
        *visit->held_since_ms = visit->now_ms;
    if (holds && visit->now_ms - *visit->held_since_ms >= step->stable_for_ms)
        return true;
    if (holds)
        error_set(&error, ERROR_NOT_YET, "it holds, but not yet for long enough");
    else
        say_not_yet(step, answer->outputs, &error);
    answer_clear(answer);
    answer_again(answer, step->every_ms ? step->every_ms : EVERY_MS);
    answer->error = error;
    return false;
}

/* Which program it was is told where it told nothing itself. */
static void fail_exit(const struct machine_step *step, const struct visit *visit, int64_t status,
                      struct answer *answer)
{
    struct error error;
    char begins[256];
    int length;
    const char *said = said_of(answer->outputs, &length);
    const json_t *program = json_array_get(json_object_get(visit->inputs, "argv"), 0);
    text_fit(begins, sizeof begins, "%.*s", length, said); /* all of it: pawl logs */
    if (length)
        error_set(&error, ERROR_EXIT_STATUS, "it left with status %lld: %s", (long long)status, begins);
    else
        error_set(&error, ERROR_EXIT_STATUS, "%s left with status %lld and said nothing",
                  json_is_string(program) ? json_string_value(program) : "it", (long long)status);
    answer_clear(answer);
    answer_failed(answer, &error);
    answer->transient = is_transient_exit(step, status);
}

static void finish_general(const struct machine_step *step, const struct visit *visit, const json_t *names,
                           struct answer *answer)
{
    json_t *all = names_with_answer(names, answer->outputs);
    int64_t status = json_int(answer->outputs, "exit_code", 0);
    struct error error = {0};
    if (step->until ? !until_holds(step, visit, all, answer) : status != 0) {
        if (!step->until)
            fail_exit(step, visit, status, answer);
    } else if (step->evaluates_outputs) {
        json_t *outputs = evaluate_outputs(step, all, &error);
        if (outputs || answer->error.code) { /* it has happened, known or not */
            answer->error = outputs ? (struct error){0} : answer->error;
            json_decref(answer->outputs);
            answer->outputs = outputs ? outputs : json_object();
        } else {
            answer_clear(answer);
            answer_failed(answer, &error);
        }
    }
    json_decref(all);
}

/* ---- bodies ---- */

void call_prepare(const struct machine_step *step, bool undo, const struct visit *visit,
                  struct answer *answer)
{
    const struct step_kind *kind = step_kind_find(undo ? step->undo.uses : step->act.uses);
    bool own_undo = undo && !step->undo.with;
    (own_undo ? kind->undo_prepare : kind->prepare)(visit, answer);
}

bool call_confirm(const struct machine_step *step, bool undo, const struct visit *visit, struct error *error)
{
    const struct step_kind *kind = step_kind_find(undo ? step->undo.uses : step->act.uses);
    return !kind->confirm || kind->confirm(visit, error);
}

void call_apply(const struct machine_step *step, const struct visit *visit, const json_t *names,
                struct answer *answer)
{
    const struct step_kind *kind = step_kind_find(step->act.uses);
    /* Asked again and again, or once as a guard: no keeper for that. */
    bool looks = step->until || visit->single_look;
    (looks && kind->ask ? kind->ask : kind->apply)(visit, answer);
    if (kind->declaration.general && answer->kind == ANSWER_DONE)
        finish_general(step, visit, names, answer);
}

void call_undo(const struct machine_step *step, const struct visit *visit, const json_t *names,
               struct answer *answer)
{
    const struct step_kind *kind = step_kind_find(step->undo.uses);
    if (!step->undo.with) {
        kind->undo(visit, answer);
        return;
    }
    static const struct machine_step plain = {.id = "undo"};
    kind->apply(visit, answer);
    if (kind->declaration.general && answer->kind == ANSWER_DONE)
        finish_general(&plain, visit, names, answer);
}

void call_mend(const struct machine_step *step, const struct visit *visit, const json_t *found,
               struct answer *answer)
{
    step_kind_find(step->act.uses)->mend(visit, found, answer);
}

/* ---- `probe:` with a kind of its own ---- */

static enum probe_kind probe_by_exit(int64_t status)
{
    switch (status) {
    case PROBE_EXIT_DONE:
        return PROBE_DONE;
    case PROBE_EXIT_NOT_YET:
        return PROBE_NOT_DONE;
    case PROBE_EXIT_BUSY:
        return PROBE_IN_PROGRESS;
    default:
        return PROBE_CANNOT_TELL;
    }
}

static enum probe_kind probe_by_expressions(const struct machine_step *step, const json_t *names,
                                            struct error *error)
{
    bool done = false, in_progress = false;
    if (condition_evaluate(step->probe_done, names, &done, error))
        return PROBE_CANNOT_TELL;
    if (done)
        return PROBE_DONE;
    if (step->probe_in_progress && condition_evaluate(step->probe_in_progress, names, &in_progress, error))
        return PROBE_CANNOT_TELL;
    return in_progress ? PROBE_IN_PROGRESS : PROBE_NOT_DONE;
}

static void read_probe_answer(const struct machine_step *step, const json_t *names,
                              const struct answer *answer, struct probe_answer *probe)
{
    if (answer->kind != ANSWER_DONE) {
        probe->kind = PROBE_CANNOT_TELL;
        probe->error = answer->error;
        error_context(&probe->error, "its probe failed");
        return;
    }
    json_t *all = names_with_answer(names, answer->outputs);
    int64_t status = json_int(answer->outputs, "exit_code", 0);
    probe->kind = step->probe_done ? probe_by_expressions(step, all, &probe->error) : probe_by_exit(status);
    if (probe->kind == PROBE_CANNOT_TELL && !probe->error.code)
        error_set(&probe->error, ERROR_EXIT_STATUS, "its probe left with status %lld, which tells nothing",
                  (long long)status);
    if (probe->kind == PROBE_DONE && step->evaluates_outputs)
        probe->outputs = evaluate_outputs(step, all, &(struct error){0});
    json_decref(all);
}

static void ask_probe(const struct machine_step *step, const struct visit *visit, const json_t *names,
                      struct probe_answer *probe)
{
    const struct step_kind *kind = step_kind_find(step->probe_uses);
    struct visit frame = *visit;
    json_t *inputs = inputs_evaluate(step->probe_uses, step->probe_with, names, "/", &probe->error);
    if (!inputs) {
        probe->kind = PROBE_CANNOT_TELL;
        return;
    }
    struct answer answer = {0};
    struct child no_child = {.state = CHILD_NONE};
    void *handle = NULL;
    frame.inputs = inputs;
    frame.checkpoint = NULL;
    frame.child = &no_child;
    frame.handle = &handle;
    frame.single_look = frame.is_probe = true;
    (kind->ask ? kind->ask : kind->apply)(&frame, &answer);
    read_probe_answer(step, names, &answer, probe);
    answer_clear(&answer);
    json_decref(inputs);
}

/* A general kind that is asked itself (a rehearsal's stand-in) gives an answer as its body would. */
static void take_outputs(const struct machine_step *step, const json_t *names, struct probe_answer *answer)
{
    json_t *all = names_with_answer(names, answer->outputs);
    json_decref(answer->outputs);
    answer->outputs = evaluate_outputs(step, all, &(struct error){0});
    json_decref(all);
}

void call_probe(const struct machine_step *step, bool undo, const struct visit *visit, const json_t *names,
                struct probe_answer *answer)
{
    const struct step_kind *kind = step_kind_find(undo ? step->undo.uses : step->act.uses);
    bool own_undo = undo && !step->undo.with;
    if (!undo && step->probe_uses) {
        ask_probe(step, visit, names, answer);
        return;
    }
    (own_undo ? kind->undo_probe : kind->probe)(visit, answer);
    if (kind->declaration.general && answer->kind == PROBE_DONE && step->evaluates_outputs)
        take_outputs(step, names, answer);
}
