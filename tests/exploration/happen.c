#include "exploration/happen.h"

#include <string.h>

#include "exploration/outside.h"

#include "base/json.h"
#include "steps/kind.h"

#define WHY "it happens"

typedef bool may(const struct moment *moment);
typedef void make(struct moment *moment, struct happening *happening);

/* ---- what is so ---- */

static bool is_out(const struct moment *moment, enum order order)
{
    return moment->live && moment->body != BODY_NONE && moment->live->out == order;
}

const struct machine_step *step_of(const struct moment *moment)
{
    return &moment->machine->steps[moment->run->step];
}

static const struct effect *effect_of(const struct moment *moment)
{
    const struct step_truth *step = &moment->steps[moment->run->step];
    return moment->body_undo ? &step->undo : &step->act;
}

bool is_once(const struct moment *moment)
{
    return moment_act(moment)->effect == EFFECT_ONCE;
}

static bool observes(const struct moment *moment)
{
    return moment_act(moment)->effect == EFFECT_OBSERVE;
}

static bool runs_child(const struct moment *moment)
{
    return moment_act(moment)->runs_child;
}

static bool retries(const struct moment *moment)
{
    return step_of(moment)->attempts > 1;
}

static bool has_guards(const struct moment *moment)
{
    return !moment->body_undo && step_of(moment)->guard_count;
}

struct effect *in_flight(struct moment *moment)
{
    for (int i = 0; i < moment->machine->step_count; i++) {
        if (moment->steps[i].act.in_flight)
            return &moment->steps[i].act;
        if (moment->steps[i].undo.in_flight)
            return &moment->steps[i].undo;
    }
    return NULL;
}

bool any_in_flight(const struct moment *moment)
{
    return in_flight((struct moment *)moment) != NULL;
}

static bool is_settled(const struct moment *moment, int64_t at_ms)
{
    return moment->ended_ms >= 0 && at_ms >= moment->ended_ms + SETTLE_MS;
}

/* What was sent arrives, or is lost, before settle has passed; what only converges is not waited for, so it
 * is known by the return of its body. */
static bool may_stay_in_flight(const struct moment *moment)
{
    return !any_in_flight(moment) || is_once(moment);
}

bool may_become(const struct moment *moment, int64_t at_ms)
{
    return !any_in_flight(moment) || !is_settled(moment, at_ms);
}

/* ---- answers ---- */

/* Where they do not agree, it is the last that refuses. */
static json_t *guards_json(const struct moment *moment, bool agree)
{
    const struct machine_step *step = step_of(moment);
    json_t *answers = json_array();
    for (int i = 0; i < step->guard_count; i++)
        json_array_append_new(answers,
                              json_pack("{s:s,s:b}", "guard", moment->machine->steps[step->guards[i]].id,
                                        "ok", agree || i + 1 < step->guard_count));
    return answers;
}

static void give(struct moment *moment, enum stimulus_kind kind, struct answer *answer,
                 struct happening *happening)
{
    struct stimulus stimulus = {.kind = kind, .answer = answer, .error = &answer->error};
    bool asks_guards = kind == STIMULUS_PREPARED || kind == STIMULUS_GUARD_REFUSED;
    if (asks_guards && has_guards(moment))
        stimulus.guards = guards_json(moment, kind == STIMULUS_PREPARED);
    if (kind != STIMULUS_PREPARED && !answer->error.code)
        error_set(&answer->error, answer->transient ? ERROR_CLUSTER_UNREACHABLE : ERROR_REFUSED, WHY);
    moment_return(moment, &stimulus, happening);
    json_decref(stimulus.guards);
    answer_clear(answer);
}

static void fail(struct moment *moment, enum stimulus_kind kind, bool transient, struct happening *happening)
{
    give(moment, kind, &(struct answer){.kind = ANSWER_FAILED, .transient = transient}, happening);
}

static bool may_lock(const struct moment *moment)
{
    return moment->live && moment->wants_lock && !moment->left && !moment->lock;
}
static void make_lock(struct moment *moment, struct happening *happening)
{
    moment->wants_lock = false;
    moment_decide(moment, &(struct stimulus){.kind = STIMULUS_LOCK_TAKEN}, happening);
}

static bool may_plan(const struct moment *moment)
{
    return is_out(moment, ORDER_PLAN);
}
static void make_plan(struct moment *moment, struct happening *happening)
{
    give(moment, STIMULUS_PLAN_OK, &(struct answer){.kind = ANSWER_DONE}, happening);
}
static void make_plan_refused(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_PLAN_REFUSED, false, happening);
}

static bool may_prepare(const struct moment *moment)
{
    return is_out(moment, ORDER_PREPARE);
}
static bool may_prepare_child(const struct moment *moment)
{
    return may_prepare(moment) && runs_child(moment);
}
static bool may_prepare_and_crash(const struct moment *moment)
{
    return may_prepare_child(moment) && moment->faults;
}
static void make_prepared(struct moment *moment, struct happening *happening)
{
    struct answer answer = {.kind = ANSWER_DONE};
    if (moment_act(moment)->prepares)
        answer.checkpoint = json_pack("{s:i}", "before", 1);
    if (runs_child(moment)) {
        moment->child = KEEPER_READY;
        moment->foreign = false;
    }
    give(moment, STIMULUS_PREPARED, &answer, happening);
}
static void make_prepared_and_crash(struct moment *moment, struct happening *happening)
{
    moment->faults--;
    happening->crashes = true;
    make_prepared(moment, happening);
}
static void make_prepared_in_vain(struct moment *moment, struct happening *happening)
{
    moment->faults--;
    happening->keeper_dies = true;
    make_prepared(moment, happening);
}
static bool may_prepare_again(const struct moment *moment)
{
    return may_prepare(moment) && retries(moment);
}
static bool may_really_prepare(const struct moment *moment)
{
    return may_prepare(moment) && moment_act(moment)->prepares;
}
static void make_prepare_failed(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_PREPARE_FAILED, false, happening);
}
static void make_prepare_failed_again(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_PREPARE_FAILED, true, happening);
}
/* With what it prepared, or before a body that has waited acts. */
static bool may_refuse(const struct moment *moment)
{
    const struct live *live = moment->live;
    bool asked_again = is_out(moment, ORDER_APPLY) && moment->body == BODY_OUT && live->checkpoint &&
                       !live->acting;
    return (may_prepare(moment) || asked_again) && has_guards(moment);
}
static bool may_refuse_again(const struct moment *moment)
{
    return may_refuse(moment) && retries(moment);
}
static void make_refused(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_GUARD_REFUSED, false, happening);
}
static void make_refused_again(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_GUARD_REFUSED, true, happening);
}

/* ---- bodies ---- */

static bool may_send(const struct moment *moment)
{
    return is_out(moment, ORDER_APPLY) && moment->body == BODY_OUT && !runs_child(moment) &&
           !observes(moment) && !moment->gate_closed;
}
static void make_sent(struct moment *moment, struct happening *happening)
{
    moment_send(moment, happening);
}
static bool may_be_turned_back(const struct moment *moment)
{
    bool passes = is_out(moment, ORDER_MEND) ||
                  (is_out(moment, ORDER_APPLY) && !runs_child(moment) && !observes(moment));
    return passes && moment->gate_closed && (moment->body == BODY_OUT || may_stay_in_flight(moment));
}
static void make_turned_back(struct moment *moment, struct happening *happening)
{
    moment_return(moment, &(struct stimulus){.kind = STIMULUS_TURNED_BACK}, happening);
}

static bool may_be_done(const struct moment *moment)
{
    if (!is_out(moment, ORDER_APPLY))
        return false;
    if (runs_child(moment))
        return moment->child == EXIT_OK;
    bool there = effect_of(moment)->done && !effect_of(moment)->in_flight;
    return observes(moment) || (there && (moment->body == BODY_SENT || !is_once(moment)));
}
static void make_done(struct moment *moment, struct happening *happening)
{
    struct answer answer = {.kind = ANSWER_DONE, .outputs = json_object()};
    if (step_of(moment)->output_count)
        json_object_set_new(answer.outputs, "o", json_string("x"));
    give(moment, STIMULUS_BODY_DONE, &answer, happening);
}
static bool may_fail(const struct moment *moment)
{
    if (!is_out(moment, ORDER_APPLY))
        return false;
    if (runs_child(moment))
        return moment->child == EXIT_BAD;
    return moment->body == BODY_OUT || may_stay_in_flight(moment);
}
static bool may_fail_again(const struct moment *moment)
{
    return may_fail(moment) && retries(moment);
}
static void make_failed(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_BODY_FAILED, false, happening);
}
static void make_failed_again(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_BODY_FAILED, true, happening);
}
static void again(struct moment *moment, bool acting, struct happening *happening)
{
    struct answer answer = {.kind = ANSWER_AGAIN, .after_ms = AGAIN_MS, .acting = acting};
    answer.checkpoint = json_pack("{s:i}", "waits", 1);
    error_set(&answer.error, ERROR_NOT_YET, "not yet");
    give(moment, STIMULUS_BODY_AGAIN, &answer, happening);
}
static bool may_wait(const struct moment *moment)
{
    return is_out(moment, ORDER_APPLY) &&
           (runs_child(moment) ? moment_child_is_held(moment) : moment->body == BODY_OUT);
}
static void make_wait(struct moment *moment, struct happening *happening)
{
    again(moment, runs_child(moment), happening);
}
static bool may_wait_for_effect(const struct moment *moment)
{
    return is_out(moment, ORDER_APPLY) && moment->body == BODY_SENT && may_stay_in_flight(moment);
}
static void make_wait_for_effect(struct moment *moment, struct happening *happening)
{
    again(moment, true, happening);
}
static bool may_never_know(const struct moment *moment)
{
    if (!is_out(moment, ORDER_APPLY))
        return false;
    if (runs_child(moment))
        return moment->child == CHILD_DIED || moment->child == NEVER_RAN;
    return observes(moment) || (moment->body == BODY_SENT && may_stay_in_flight(moment));
}
static void make_unknown(struct moment *moment, struct happening *happening)
{
    give(moment, STIMULUS_BODY_UNKNOWN, &(struct answer){.kind = ANSWER_UNKNOWN}, happening);
}
/* As with a probe that cannot be reached: once by itself, and from there until the machine has had enough. */
static bool may_be_unknown(const struct moment *moment)
{
    return may_never_know(moment) && !moment->live->blind_looks;
}
static bool may_be_blind(const struct moment *moment)
{
    return may_never_know(moment) && observes(moment);
}
static void make_blind(struct moment *moment, struct happening *happening)
{
    do {
        make_unknown(moment, happening);
        if (!may_be_due(moment))
            return;
        make_due(moment, happening);
        if (may_prepare(moment))
            make_prepared(moment, happening);
        if (may_child(moment))
            make_child_dead(moment, happening);
    } while (may_be_blind(moment) && moment->live->blind_looks);
}

/* ---- probes and mends ---- */

static void tell(struct moment *moment, enum stimulus_kind kind, struct probe_answer *probe,
                 struct happening *happening)
{
    probe->kind = (enum probe_kind)(kind - STIMULUS_PROBE_DONE);
    moment_return(moment, &(struct stimulus){.kind = kind, .probe = probe}, happening);
    probe_answer_clear(probe);
}
static bool may_find_done(const struct moment *moment)
{
    return is_out(moment, ORDER_PROBE) && effect_of(moment)->done;
}
static void make_found_done(struct moment *moment, struct happening *happening)
{
    tell(moment, STIMULUS_PROBE_DONE, &(struct probe_answer){.outputs = json_pack("{s:s}", "o", "x")},
         happening);
}
static bool may_find_done_alone(const struct moment *moment)
{
    return may_find_done(moment) && step_of(moment)->output_count && !moment->body_undo;
}
static void make_found_done_alone(struct moment *moment, struct happening *happening)
{
    tell(moment, STIMULUS_PROBE_DONE, &(struct probe_answer){.outputs = json_object()}, happening);
}
/* Until settle has passed, what has happened need not show; and the answer may be a late one. */
static bool may_find_not_done(const struct moment *moment)
{
    if (!is_out(moment, ORDER_PROBE))
        return false;
    const struct effect *effect = effect_of(moment);
    bool lags = is_once(moment) && !is_settled(moment, moment->asked_ms);
    return lags || (!effect->done && !effect->in_flight);
}
static void make_found_not_done(struct moment *moment, struct happening *happening)
{
    tell(moment, STIMULUS_PROBE_NOT_DONE, &(struct probe_answer){.mend = false}, happening);
}
static bool may_find_mend(const struct moment *moment)
{
    return may_find_not_done(moment) && moment_act(moment)->mends;
}
static void make_found_mend(struct moment *moment, struct happening *happening)
{
    struct probe_answer answer = {.mend = true, .found = json_pack("{s:i}", "revision", 13)};
    tell(moment, STIMULUS_PROBE_NOT_DONE, &answer, happening);
}
static bool may_probe(const struct moment *moment)
{
    return is_out(moment, ORDER_PROBE);
}
static void make_in_progress(struct moment *moment, struct happening *happening)
{
    struct probe_answer answer = {.after_ms = AGAIN_MS};
    error_set(&answer.error, ERROR_NOT_YET, WHY);
    tell(moment, STIMULUS_PROBE_IN_PROGRESS, &answer, happening);
}
static void make_cannot_tell(struct moment *moment, struct happening *happening)
{
    struct probe_answer answer = {.mend = false};
    error_set(&answer.error, ERROR_REFUSED, WHY);
    tell(moment, STIMULUS_PROBE_CANNOT_TELL, &answer, happening);
}
static void make_cannot_reach(struct moment *moment, struct happening *happening)
{
    struct probe_answer answer = {.mend = false};
    error_set(&answer.error, ERROR_CLUSTER_UNREACHABLE, WHY);
    tell(moment, STIMULUS_PROBE_CANNOT_TELL, &answer, happening);
}
/* Once by itself, and from there until the machine has had enough: what lies between is the same. */
static bool may_not_reach(const struct moment *moment)
{
    return may_probe(moment) && !moment->live->probe_failures;
}
static void make_never_reached(struct moment *moment, struct happening *happening)
{
    do {
        make_cannot_reach(moment, happening);
        if (!may_be_due(moment))
            return;
        make_due(moment, happening);
    } while (may_probe(moment) && moment->live->probe_failures);
}
static bool may_mend(const struct moment *moment)
{
    return is_out(moment, ORDER_MEND);
}
static void make_mended(struct moment *moment, struct happening *happening)
{
    give(moment, STIMULUS_MENDED, &(struct answer){.kind = ANSWER_DONE}, happening);
}
static void make_mend_failed(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_MEND_FAILED, false, happening);
}
static bool may_not_mend(const struct moment *moment)
{
    return may_mend(moment) && !moment->live->probe_failures;
}
static void make_mend_failed_again(struct moment *moment, struct happening *happening)
{
    fail(moment, STIMULUS_MEND_FAILED, true, happening);
}

static void make_never_mended(struct moment *moment, struct happening *happening)
{
    do {
        make_mend_failed_again(moment, happening);
        if (!may_be_due(moment))
            return;
        make_due(moment, happening);
    } while (may_mend(moment) && moment->live->probe_failures);
}

/* ---- the table ---- */

static const struct {
    const char *name; /* as a scenario says it, where it can */
    may *may;
    make *make;
    enum happen_kind kind;
} ROWS[] = {
    {"lock taken", may_lock, make_lock, HAPPEN_ON},
    {"plan ok", may_plan, make_plan, HAPPEN_ON},
    {"plan refused why", may_plan, make_plan_refused, HAPPEN_ON},
    {"prepared", may_prepare, make_prepared, HAPPEN_ON},
    {"prepared; its keeper dies", may_prepare_and_crash, make_prepared_in_vain, HAPPEN_FAULT},
    {"prepared; the driver dies before it says go", may_prepare_and_crash, make_prepared_and_crash,
     HAPPEN_FAULT},
    {"prepare-failed why", may_really_prepare, make_prepare_failed, HAPPEN_ON},
    {"prepare-failed why transient", may_prepare_again, make_prepare_failed_again, HAPPEN_ON},
    {"guard-refused why", may_refuse, make_refused, HAPPEN_ON},
    {"guard-refused why transient", may_refuse_again, make_refused_again, HAPPEN_ON},
    {"acts", may_send, make_sent, HAPPEN_ON},
    {"body turned-back", may_be_turned_back, make_turned_back, HAPPEN_ON},
    {"body done", may_be_done, make_done, HAPPEN_ON},
    {"body failed why", may_fail, make_failed, HAPPEN_ON},
    {"body failed why transient", may_fail_again, make_failed_again, HAPPEN_ON},
    {"body again 40s", may_wait, make_wait, HAPPEN_AGAIN},
    {"body again 40s acting", may_wait_for_effect, make_wait_for_effect, HAPPEN_AGAIN},
    {"body unknown why", may_be_unknown, make_unknown, HAPPEN_AGAIN},
    {"body unknown why (again and again)", may_be_blind, make_blind, HAPPEN_ON},
    {"probe done {\"o\":\"x\"}", may_find_done, make_found_done, HAPPEN_ON},
    {"probe done", may_find_done_alone, make_found_done_alone, HAPPEN_ON},
    {"probe not-done", may_find_not_done, make_found_not_done, HAPPEN_ON},
    {"probe not-done mend", may_find_mend, make_found_mend, HAPPEN_ON},
    {"probe in-progress 40s", may_probe, make_in_progress, HAPPEN_AGAIN},
    {"probe cannot-tell why", may_probe, make_cannot_tell, HAPPEN_ON},
    {"probe cannot-tell why transient", may_not_reach, make_cannot_reach, HAPPEN_AGAIN},
    {"probe cannot-tell why transient (again and again)", may_probe, make_never_reached, HAPPEN_ON},
    {"mended", may_mend, make_mended, HAPPEN_ON},
    {"mend-failed why", may_mend, make_mend_failed, HAPPEN_ON},
    {"mend-failed why transient", may_not_mend, make_mend_failed_again, HAPPEN_AGAIN},
    {"mend-failed why transient (again and again)", may_mend, make_never_mended, HAPPEN_ON},
    {"(what was sent arrives)", any_in_flight, make_arrived, HAPPEN_ON},
    {"(what was sent is lost)", any_in_flight, make_lost, HAPPEN_ON},
    {"(its keeper, which ran nothing, is gone)", may_keeper_leave, make_keeper_left, HAPPEN_ON},
    {"child exited (0)", may_child, make_child_ok, HAPPEN_ON},
    {"child exited (1, without an effect)", may_child, make_child_bad, HAPPEN_ON},
    {"child exited (1, after its effect)", may_child, make_child_bad_done, HAPPEN_ON},
    {"child lost (without an effect)", may_child, make_child_dead, HAPPEN_ON},
    {"child lost (after its effect)", may_child, make_child_dead_done, HAPPEN_ON},
    {"after (until it is due)", may_be_due, make_due, HAPPEN_ON},
    {"after (until its time is up)", may_be_late, make_late, HAPPEN_ON},
    {"(the driver looks once more)", may_look_again, moment_look_again, HAPPEN_AGAIN},
    {"stop", may_stop, make_stop, HAPPEN_FAULT},
    {"(the driver is killed)", may_crash, make_crash, HAPPEN_FAULT},
    {"(the driver is cut off); claim (on another host)", may_be_cut_off, make_cut_off, HAPPEN_FAULT},
    {"(the driver leaves)", may_go, make_gone, HAPPEN_ON},
    {"claim", may_claim, make_claim, HAPPEN_ON},
    {"claim (on another host)", may_claim_elsewhere, make_claim_elsewhere, HAPPEN_FAULT},
    {"claim (back on the first host)", may_claim_back, make_claim_back, HAPPEN_ON},
    {"say approve", may_answer, make_approve, HAPPEN_WORD},
    {"say reject", may_answer, make_reject, HAPPEN_WORD},
    {"say resolve how=done", may_resolve, make_resolve_done, HAPPEN_WORD},
    {"say resolve how=retry", may_resolve, make_resolve_retry, HAPPEN_WORD},
    {"say pause", may_say, make_pause, HAPPEN_WORD},
    {"say cancel", may_say, make_cancel, HAPPEN_WORD},
    {"say rollback", may_say, make_rollback, HAPPEN_WORD},
    {"say resume", may_resume, make_resume, HAPPEN_WORD},
    {"say resume from=a", may_go_back_a, make_back_a, HAPPEN_WORD},
    {"say resume from=b", may_go_back_b, make_back_b, HAPPEN_WORD},
};

int happen_count(void)
{
    return (int)(sizeof ROWS / sizeof *ROWS);
}

const char *happen_name(int row)
{
    return ROWS[row].name;
}

bool happen_may(const struct moment *moment, int row)
{
    return ROWS[row].may(moment);
}

void happen_make(struct moment *moment, int row, struct happening *happening)
{
    ROWS[row].make(moment, happening);
}

bool moment_rests(const struct moment *moment)
{
    const struct run *run = moment->run;
    bool asks = run->place == PLACE_APPROVAL || run->place == PLACE_UNKNOWN || run->place == PLACE_STOPPED ||
                run->paused;
    return moment->ended || (asks && !moment->rollback_row && (!moment->live || moment->left));
}

/* A look at a child that lives, and a claim of what waits for a person, lead back to where they began. */
enum happen_kind happen_kind_of(const struct moment *moment, int row)
{
    bool idles = ROWS[row].make == make_due && moment_child_is_held(moment);
    bool claims = ROWS[row].make == make_claim || ROWS[row].make == make_claim_back;
    bool in_vain = claims && moment_rests(moment);
    return idles || in_vain ? HAPPEN_AGAIN : ROWS[row].kind;
}
