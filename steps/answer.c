/* How bodies answer, and how they read a duration among their inputs (kind.h, "for bodies"). */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "steps/kind.h"

void summary_set(struct summary *summary, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(summary->text, sizeof summary->text, format, arguments);
    va_end(arguments);
}

void answer_done(struct answer *answer, json_t *outputs)
{
    answer->kind = ANSWER_DONE;
    answer->outputs = outputs ? outputs : json_object();
    answer->error = (struct error){0};
}

void answer_again(struct answer *answer, int64_t after_ms)
{
    answer->kind = ANSWER_AGAIN;
    answer->after_ms = after_ms;
}

void answer_failed(struct answer *answer, const struct error *error)
{
    answer->kind = ANSWER_FAILED;
    answer->error = *error;
    answer->transient = error_is_transient(error->code);
}

void answer_unknown(struct answer *answer, const struct error *error)
{
    answer->kind = ANSWER_UNKNOWN;
    answer->error = *error;
}

bool visit_passes(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (visit->pass(visit, &error))
        return true;
    if (error.code)
        answer_failed(answer, &error);
    else
        answer->kind = ANSWER_TURNED_BACK;
    return false;
}

void answer_clear(struct answer *answer)
{
    json_decref(answer->outputs);
    json_decref(answer->checkpoint);
    *answer = (struct answer){0};
}

void probe_answer_clear(struct probe_answer *answer)
{
    json_decref(answer->outputs);
    json_decref(answer->checkpoint);
    json_decref(answer->found);
    *answer = (struct probe_answer){0};
}

void plan_answer_clear(struct plan_answer *answer)
{
    json_decref(answer->outputs);
    json_decref(answer->changes);
    json_decref(answer->world);
    *answer = (struct plan_answer){0};
}

void plan_answer_failed(struct plan_answer *answer, const struct error *error)
{
    answer->kind = error_is_transient(error->code) ? PLAN_UNKNOWN : PLAN_REFUSED;
    answer->error = *error;
    summary_set(&answer->summary, "%s%s", answer->kind == PLAN_UNKNOWN ? "not now: " : "", error->message);
}

int64_t input_duration_ms(const struct visit *visit, const char *name)
{
    int64_t ms = 0;
    const char *text = json_text(visit->inputs, name, NULL);
    bool is_duration = text && duration_read(text, &ms);
    assert(is_duration || !text); /* the checker and the recorded inputs admit nothing else */
    return is_duration ? ms : 0;
}
