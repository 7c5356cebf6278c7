#include "cli/advice.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/report.h"

/* What the one who found the cause says to do. True where that is all that can be done with the run: it names
 * the `command` itself. */
static bool say_next(const json_t *error, const char *command, struct text *out)
{
    const char *next = json_text(error, "next", "");
    char *clean = line_cleaned(next);
    if (*next)
        text_format(out, "  %s\n", clean);
    free(clean);
    return strstr(next, command) != NULL;
}

/* ---- a run that waits ---- */

/* In a rollback the question is what is left to undo, and the answers are about that. */
static void say_undo_decision(const struct run *run, const char *step, struct text *out)
{
    long long id = run->id;
    text_format(out, "  pawl resolve %lld %s --done  --reason \"…\"    %s\n", id, step,
                "if nothing of it is left: it never happened, or you have undone it by hand");
    if (machine_act_in_hand(run)->uses)
        text_format(out, "  pawl resolve %lld %s --retry --reason \"…\"    %s\n", id, step,
                    "if it has happened: runs its undo");
}

static void say_decision(const struct run *run, struct text *out)
{
    long long id = run->id;
    const char *step = json_text(run->question, "step", "");
    text_format(out, "waits for a decision at \"%s\"%s:\n", step,
                run->undoing ? ", which it is to undo" : "");
    if (say_next(json_object_get(run->question, "error"), "pawl resolve", out))
        return;
    if (run->undoing && run->step >= 0) {
        say_undo_decision(run, step, out);
        return;
    }
    text_format(out, "  pawl resolve %lld %s --done  --reason \"…\"    if it has happened\n", id, step);
    text_format(out, "  pawl resolve %lld %s --retry --reason \"…\"    if it has not: starts it again\n", id,
                step);
}

void advice_say_approval(int64_t id, const char *step, struct text *out)
{
    text_format(out, "waits for approval: pawl approve %lld %s, or pawl reject %lld %s --reason \"…\"\n",
                (long long)id, step, (long long)id, step);
}

void advice_say_wait(const struct run *run, struct text *out)
{
    long long id = run->id;
    if (run->waiting == WAIT_APPROVAL)
        advice_say_approval(run->id, json_text(run->question, "step", ""), out);
    else if (run->waiting == WAIT_DECISION)
        say_decision(run, out);
    else if (run->waiting == WAIT_PAUSED)
        text_format(out, "is paused. Continue with: pawl resume %lld\n", id);
}

/* ---- a run that has failed ---- */

/* Whether a rollback would undo something, and not stop at a step that cannot be undone. */
static bool can_undo(const struct run *run)
{
    if (run_rollback_stop(run) >= 0)
        return false;
    for (int i = 0; i < run->machine->step_count; i++)
        if (run->steps[i].act.started_seq && run->machine->steps[i].undo.uses)
            return true;
    return false;
}

/* It may have happened, nothing can be asked whether it has, and it must never be repeated blindly: a resume
 * would only ask. */
static bool resume_will_ask(const struct run *run)
{
    if (run->step < 0 || run->undoing)
        return false;
    const struct machine_act *act = machine_act_in_hand(run);
    const struct run_act *memory = run_act_in_hand(run);
    return act->effect == EFFECT_ONCE && !act->probes && memory->unproven && memory->acted &&
           !memory->granted;
}

static void say_that_it_will_ask(const struct run *run, const struct machine_step *step, struct text *out)
{
    long long id = run->id;
    text_format(out,
                "  \"%s\" may have happened all the same, and nothing can ask whether it has (no probe:): "
                "look, and say it; pawl resume %lld asks until then\n",
                step->id, id);
    text_format(
        out, "  pawl resolve %lld %s --done  --reason \"…\"    if it has happened, then: pawl resume %lld\n",
        id, step->id, id);
    text_format(out,
                "  pawl resolve %lld %s --retry --reason \"…\"    if it has not: pawl resume %lld starts it "
                "again\n",
                id, step->id, id);
}

/* How it goes on. */
static void say_how_on(const struct run *run, const struct machine_step *step, struct text *out)
{
    long long id = run->id;
    const char *code = json_text(run->error, "code", "");
    if (run->undoing && step)
        text_format(out,
                    "  put it right, then: pawl resume %lld; or undo it by hand, then: "
                    "pawl resolve %lld %s --done --reason \"…\"\n",
                    id, id, step->id);
    else if (step && resume_will_ask(run))
        say_that_it_will_ask(run, step, out);
    else if (!strcmp(code, error_code_text(ERROR_REJECTED)))
        text_format(out, "  pawl resume %lld asks again\n", id);
    else
        text_format(out, "  put it right, then: pawl resume %lld\n", id);
}

/* What a resume does not change may be the cause. */
static void say_what_stays(const struct run *run, struct text *out)
{
    bool asserts = !strcmp(json_text(run->error, "code", ""), error_code_text(ERROR_ASSERTION));
    if (!run->undoing && (asserts || !run->began))
        text_add(out, "  the job and its params stay as they were submitted: for others, submit a new run\n");
}

static void say_how_to_end(const struct run *run, struct text *out)
{
    long long id = run->id;
    text_add(out, "  or end it: ");
    if (!run->undoing && can_undo(run))
        text_format(out, "pawl rollback %lld --reason \"…\" undoes what it can; ", id);
    text_format(out, "pawl cancel %lld --reason \"…\" undoes nothing\n", id);
}

void advice_say_failure(const struct run *run, struct text *out)
{
    const struct machine_step *step = run->step >= 0 ? &run->machine->steps[run->step] : NULL;
    bool said = say_next(run->error, run->undoing ? "pawl resolve" : "pawl resume", out);
    if (!said)
        say_how_on(run, step, out);
    say_what_stays(run, out);
    bool ran = step && machine_act_in_hand(run)->runs_child &&
               json_array_size(run_act_in_hand(run)->prepared);
    if (ran)
        text_format(out, "  what its program printed: pawl logs %lld %s\n", (long long)run->id, step->id);
    if (run->undoing || !said)
        say_how_to_end(run, out);
}
