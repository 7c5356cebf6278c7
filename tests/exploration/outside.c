#include "exploration/outside.h"

#include "base/json.h"
#include "steps/kind.h"
#include <string.h>

/* ---- the world ---- */

void make_arrived(struct moment *moment, struct happening *happening)
{
    (void)happening;
    moment_arrive(moment, in_flight(moment));
}
void make_lost(struct moment *moment, struct happening *happening)
{
    (void)happening;
    in_flight(moment)->in_flight = false;
}
bool may_child(const struct moment *moment)
{
    return moment->child == CHILD_LIVES;
}
/* The child is that of the step in hand: a step ends only when none of it is left. */
static void end_child(struct moment *moment, enum child_truth how, bool acted)
{
    const struct machine_step *step = &moment->machine->steps[moment->run->step];
    struct step_truth *truth = &moment->steps[moment->run->step];
    bool undo = moment->rolling;
    moment->child = how;
    moment->ended_ms = moment->now_ms;
    if (acted && (undo ? step->undo : step->act).effect != EFFECT_OBSERVE)
        moment_arrive(moment, undo ? &truth->undo : &truth->act);
}
void make_child_ok(struct moment *moment, struct happening *happening)
{
    (void)happening;
    end_child(moment, EXIT_OK, true);
}
void make_child_bad(struct moment *moment, struct happening *happening)
{
    (void)happening;
    end_child(moment, EXIT_BAD, false);
}
void make_child_bad_done(struct moment *moment, struct happening *happening)
{
    (void)happening;
    end_child(moment, EXIT_BAD, true);
}
void make_child_dead(struct moment *moment, struct happening *happening)
{
    (void)happening;
    end_child(moment, CHILD_DIED, false);
}
void make_child_dead_done(struct moment *moment, struct happening *happening)
{
    (void)happening;
    end_child(moment, CHILD_DIED, true);
}

bool may_keeper_leave(const struct moment *moment)
{
    return moment->child == KEEPER_LEAVES;
}
void make_keeper_left(struct moment *moment, struct happening *happening)
{
    (void)happening;
    moment->child = NEVER_RAN;
}

static int64_t deadline_ms(const struct moment *moment)
{
    return machine_deadline_ms(moment->run, moment->live);
}
bool may_be_due(const struct moment *moment)
{
    if (!moment->live || moment->body != BODY_NONE || moment->left || moment->live->due_ms < 0)
        return false;
    int64_t due_ms = moment->live->due_ms, end_ms = deadline_ms(moment);
    return (end_ms < 0 || due_ms <= end_ms) && may_become(moment, due_ms);
}
void make_due(struct moment *moment, struct happening *happening)
{
    if (moment->live->due_ms > moment->now_ms)
        moment->now_ms = moment->live->due_ms;
    moment_tick(moment, happening);
}
/* Also while a body is out, and where the loop comes late: both are due then. */
bool may_be_late(const struct moment *moment)
{
    if (!moment->live || moment->left || deadline_ms(moment) < 0)
        return false;
    bool looks = moment->body == BODY_NONE; /* else it is only noticed when the body returns */
    return (looks || deadline_ms(moment) > moment->now_ms) && may_become(moment, deadline_ms(moment));
}
void make_late(struct moment *moment, struct happening *happening)
{
    if (deadline_ms(moment) > moment->now_ms)
        moment->now_ms = deadline_ms(moment);
    moment_tick(moment, happening);
}

/* ---- drivers ---- */

bool may_stop(const struct moment *moment)
{
    return moment->live && !moment->left && !moment->stopping && moment->faults;
}
void make_stop(struct moment *moment, struct happening *happening)
{
    moment->faults--;
    moment->stopping = true;
    moment_tick(moment, happening);
}
bool may_crash(const struct moment *moment)
{
    return moment->live && !moment->left && moment->faults && (!any_in_flight(moment) || is_once(moment));
}
void make_crash(struct moment *moment, struct happening *happening)
{
    (void)happening;
    moment->faults--;
    moment_crash(moment);
}
/* A look at any other time finds a timer that is due, or nobody. What has ended is looked at, too: whoever
 * asks is told to leave it. */
bool may_look_again(const struct moment *moment)
{
    const struct live *live = moment->live;
    bool waits = live && !moment->left && (moment->body != BODY_NONE || live->due_ms > moment->now_ms);
    return waits || (!live && moment->ended);
}
bool may_go(const struct moment *moment)
{
    return moment->live && moment->left;
}
void make_gone(struct moment *moment, struct happening *happening)
{
    (void)happening;
    moment_let_go(moment);
}
bool may_claim(const struct moment *moment)
{
    return !moment->live && !moment->ended;
}
void make_claim(struct moment *moment, struct happening *happening)
{
    moment_claim(moment, true, happening);
}
/* A take-over of what another host had: what runs there can be neither seen nor stopped. */
bool may_claim_elsewhere(const struct moment *moment)
{
    return may_claim(moment) && !moment->run->clean && moment->faults && !moment->foreign &&
           moment->child != NO_CHILD;
}
void make_claim_elsewhere(struct moment *moment, struct happening *happening)
{
    moment->faults--;
    moment->foreign = true;
    moment_claim(moment, true, happening);
}
/* The person who takes it over answers for the driver there: it sends nothing any more. */
bool may_be_cut_off(const struct moment *moment)
{
    return may_crash(moment) && !moment->foreign && moment->child != NO_CHILD;
}
void make_cut_off(struct moment *moment, struct happening *happening)
{
    moment_crash(moment);
    make_claim_elsewhere(moment, happening);
}
/* Where the child was started: it is seen again. */
bool may_claim_back(const struct moment *moment)
{
    return may_claim(moment) && moment->foreign;
}
void make_claim_back(struct moment *moment, struct happening *happening)
{
    moment->foreign = false;
    moment_claim(moment, true, happening);
}

/* ---- people ---- */

/* Where nobody drives, the word comes with a claim; one that does not fit leaves the run as it is. */
static void say(struct moment *moment, const char *name, json_t *body, bool costs,
                struct happening *happening)
{
    bool claims = !moment->live;
    if (claims)
        moment_claim(moment, false, happening);
    if (!moment->live || moment->ended) {
        json_decref(body);
        return;
    }
    bool taken = moment_say(moment, name, body, happening);
    moment->words -= taken && costs;
    if (!taken && claims && moment->live && !strcmp(name, "resume"))
        moment_crash(moment);
    else if (!taken && claims && moment->live)
        moment_tick(moment, happening);
}

static json_t *about_step(const struct moment *moment, const char *how)
{
    json_t *body = json_pack("{s:s}", "step", step_of(moment)->id);
    if (how)
        json_object_set_new(body, "how", json_string(how));
    if (how && !strcmp(how, "done") && step_of(moment)->output_count)
        json_object_set_new(body, "outputs", json_pack("{s:s}", "o", "x"));
    return body;
}
bool may_answer(const struct moment *moment)
{
    return moment->run->place == PLACE_APPROVAL;
}
void make_approve(struct moment *moment, struct happening *happening)
{
    say(moment, "approve", about_step(moment, NULL), false, happening);
}
void make_reject(struct moment *moment, struct happening *happening)
{
    say(moment, "reject", about_step(moment, NULL), false, happening);
}
bool may_say(const struct moment *moment)
{
    return !moment->ended && moment->words;
}
/* Who decides about a step whose program was started on another host answers for it: there, it has ended. */
bool may_resolve(const struct moment *moment)
{
    const struct run *run = moment->run;
    bool stands = run->place == PLACE_UNKNOWN || run->place == PLACE_STOPPED ||
                  run->place == PLACE_APPROVAL || (run->place == PLACE_ENTER && run->paused);
    return may_say(moment) && run->step >= 0 && stands && !moment_child_is_held_elsewhere(moment);
}
void make_resolve_done(struct moment *moment, struct happening *happening)
{
    say(moment, "resolve", about_step(moment, "done"), true, happening);
}
void make_resolve_retry(struct moment *moment, struct happening *happening)
{
    say(moment, "resolve", about_step(moment, "retry"), true, happening);
}
void make_pause(struct moment *moment, struct happening *happening)
{
    say(moment, "pause", json_object(), true, happening);
}
void make_cancel(struct moment *moment, struct happening *happening)
{
    say(moment, "cancel", json_object(), true, happening);
}
void make_rollback(struct moment *moment, struct happening *happening)
{
    say(moment, "rollback", json_object(), true, happening);
}
bool may_resume(const struct moment *moment)
{
    return may_say(moment) && !moment->live && (moment->run->place == PLACE_STOPPED || moment->run->paused);
}
void make_resume(struct moment *moment, struct happening *happening)
{
    say(moment, "resume", json_object(), true, happening);
}
static bool may_go_back(const struct moment *moment, int step)
{
    return may_say(moment) && !moment->live && step < moment->machine->step_count &&
           moment->run->steps[step].visit;
}
static void go_back(struct moment *moment, int step, struct happening *happening)
{
    say(moment, "resume", json_pack("{s:s}", "from", moment->machine->steps[step].id), true, happening);
}
bool may_go_back_a(const struct moment *moment)
{
    return may_go_back(moment, 0);
}
void make_back_a(struct moment *moment, struct happening *happening)
{
    go_back(moment, 0, happening);
}
bool may_go_back_b(const struct moment *moment)
{
    return may_go_back(moment, 1);
}
void make_back_b(struct moment *moment, struct happening *happening)
{
    go_back(moment, 1, happening);
}
