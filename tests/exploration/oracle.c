/* What must hold, said once more and apart from the engine: the oracle sees only the events that became
 * durable, the moments at which an effect leaves, and what is really so. The sentences are those of
 * docs/design.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "exploration/moment.h"

struct seeing {
    struct moment *moment;
    const struct event *event;
    struct happening *happening;
    struct step_truth *step;           /* of the event; NULL: of the run */
    const struct machine_step *policy; /* likewise */
};

#define HOLDS(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            happening_break(seeing->happening, __VA_ARGS__);                                                 \
    } while (0)

static const char *id_of(const struct seeing *seeing)
{
    return seeing->policy ? seeing->policy->id : "the run";
}

static bool is_undo(const struct seeing *seeing)
{
    return seeing->moment->rolling;
}

static struct effect *effect_of(const struct seeing *seeing)
{
    return is_undo(seeing) ? &seeing->step->undo : &seeing->step->act;
}

static const struct machine_act *act_of(const struct seeing *seeing)
{
    return is_undo(seeing) ? &seeing->policy->undo : &seeing->policy->act;
}

/* A keeper that leaves runs nothing. */
static bool child_lives_here(const struct moment *moment)
{
    return moment->child == CHILD_LIVES && !moment->foreign;
}

/* A step ends, and a person is asked, only when no body, keeper or child of it is left. */
static void nothing_is_left(struct seeing *seeing)
{
    const char *event = event_type_text(seeing->event->type);
    HOLDS(seeing->moment->body == BODY_NONE, "%s while a body is out", event);
    HOLDS(!child_lives_here(seeing->moment), "%s while a child lives", event);
}

/* Where the machine says that it leads from here: by a way, -1 where it has none, else down the list. A way
 * that is used up leads nowhere where a person has said what follows. */
static void leads_to(struct seeing *seeing, int way)
{
    const struct machine *machine = seeing->moment->machine;
    int next = way >= 0 ? way : seeing->event->step + 1;
    const char *wanted = next < machine->step_count ? machine->steps[next].id : "";
    const char *then = json_text(seeing->event->body, "then", "nowhere");
    HOLDS(!strcmp(then, wanted) || (way >= 0 && !*then), "%s leads to \"%s\", not to \"%s\"", id_of(seeing),
          then, wanted);
}

/* ---- one function an event ---- */

static void see_started(struct seeing *seeing)
{
    struct moment *moment = seeing->moment;
    const struct event *event = seeing->event;
    struct effect *effect = effect_of(seeing);
    const struct machine_act *act = act_of(seeing);
    bool undo = event->type == EVENT_UNDO_STARTED;
    char key[64];
    snprintf(key, sizeof key, "S/1/%s/%d%s", id_of(seeing), event->visit, undo ? "/undo" : "");
    HOLDS(!strcmp(json_text(event->body, "key", ""), key), "%s starts under the key %s, not %s",
          id_of(seeing), json_text(event->body, "key", ""), key);
    HOLDS(undo == moment->rolling, "%s is started while the run goes the other way", id_of(seeing));
    HOLDS(!moment->cancelling, "%s is started after a cancel was acknowledged", id_of(seeing));
    HOLDS(!moment->paused, "%s is started while the run is paused", id_of(seeing));
    HOLDS(moment->lock || !moment->recipe->lock, "%s is started without the lock", id_of(seeing));
    HOLDS(moment->body == BODY_NONE, "%s is started while a body is out", id_of(seeing));
    HOLDS(!child_lives_here(moment) || act->effect == EFFECT_OBSERVE, "%s is started while its child lives",
          id_of(seeing));
    if (event->visit != seeing->step->visit)
        seeing->step->act.failures = 0;
    seeing->step->visit = (unsigned char)event->visit;
    HOLDS(effect->failures < seeing->policy->attempts, "%s is tried again after %d failures of %d",
          id_of(seeing), effect->failures, seeing->policy->attempts);
    HOLDS(undo || !seeing->policy->approve || seeing->step->approved_visit == event->visit,
          "%s is started without the approval of this visit", id_of(seeing));
    effect->intent = true;
    effect->prepared = effect->sent = false;
    effect->agreeing = 0;
    effect->open_before = effect->open;
    effect->open = effect->open || !json_bool(event->body, "prepares", false);
    effect->by_retry = effect->granted;
    effect->granted = false;
    moment->started = true;
    moment->in_hand = (signed char)event->step;
    moment->child = NO_CHILD; /* of this start; another host's is what a person answered for */
    if (undo)
        return;
    for (int i = 0; i < moment->machine->step_count; i++) /* the newest; those above it move down */
        if (seeing->step->rank && moment->steps[i].rank > seeing->step->rank)
            moment->steps[i].rank--;
    int newest = 0;
    for (int i = 0; i < moment->machine->step_count; i++)
        if (&moment->steps[i] != seeing->step && moment->steps[i].rank > newest)
            newest = moment->steps[i].rank;
    seeing->step->rank = (unsigned char)(newest + 1);
    seeing->step->by_person = false;
}

static bool guards_agree(const struct machine_step *policy, const struct effect *effect)
{
    return effect->agreeing == (1U << policy->guard_count) - 1;
}

static void see_prepared(struct seeing *seeing)
{
    struct effect *effect = effect_of(seeing);
    HOLDS(effect->intent, "%s is prepared without having been started", id_of(seeing));
    HOLDS(is_undo(seeing) || guards_agree(seeing->policy, effect), "%s is prepared without all of its guards",
          id_of(seeing));
    effect->prepared = effect->open = true;
}

static void see_guard(struct seeing *seeing)
{
    struct effect *effect = effect_of(seeing);
    int guard = machine_step_index(seeing->moment->machine, json_text(seeing->event->body, "guard", ""));
    unsigned bit = 0;
    for (int i = 0; i < seeing->policy->guard_count; i++)
        bit |= seeing->policy->guards[i] == guard ? 1U << i : 0;
    HOLDS(bit, "%s is guarded by \"%s\"", id_of(seeing), json_text(seeing->event->body, "guard", ""));
    bool agrees = json_bool(seeing->event->body, "ok", false);
    effect->agreeing = (unsigned char)(agrees ? effect->agreeing | bit : effect->agreeing & ~bit);
}

/* What became of all starts so far is known. */
static void forget(struct effect *effect)
{
    effect->open = effect->open_before = effect->left = false;
}

static void see_succeeded(struct seeing *seeing)
{
    struct step_truth *step = seeing->step;
    const char *by = json_text(seeing->event->body, "by", "");
    bool observes = seeing->policy->act.effect == EFFECT_OBSERVE;
    nothing_is_left(seeing);
    if (!strcmp(by, "body") || !strcmp(by, "probe"))
        HOLDS(observes || step->act.done, "%s succeeds by %s, and its effect has not happened", id_of(seeing),
              by);
    else if (!strcmp(by, "carried over"))
        HOLDS(step->succeeded, "%s is carried over, and never succeeded", id_of(seeing));
    else
        HOLDS(!strcmp(by, "person"), "%s succeeds by \"%s\"", id_of(seeing), by);
    if (!seeing->moment->rolling)
        leads_to(seeing, seeing->policy->next.target);
    step->by_person = step->by_person || !strcmp(by, "person");
    if (!strcmp(by, "person") || step->act.by_retry)
        step->act.in_flight = false; /* whatever arrives: a person has answered for it */
    step->succeeded = true;
    step->act.done = 0;
    step->act.intent = false;
    forget(&step->act);
}

/* What is said not to have been done must not have been. */
static void see_unacted(struct seeing *seeing)
{
    struct effect *effect = effect_of(seeing);
    bool acted = json_bool(seeing->event->body, "acted", true);
    HOLDS(acted || !effect->sent || act_of(seeing)->effect == EFFECT_OBSERVE,
          "%s says that %s has not acted, and it has", event_type_text(seeing->event->type), id_of(seeing));
    if (!acted)
        effect->open = effect->open_before;
    effect->intent = false;
}

static void see_failed(struct seeing *seeing)
{
    struct effect *effect = effect_of(seeing);
    nothing_is_left(seeing);
    see_unacted(seeing);
    effect->failures = json_bool(seeing->event->body, "looked", false) ? 1 : effect->failures + 1;
    if (json_object_get(seeing->event->body, "then"))
        leads_to(seeing, seeing->policy->failure_way.target);
}

static void see_skipped(struct seeing *seeing)
{
    HOLDS(!seeing->step->act.intent, "%s is skipped after it was started", id_of(seeing));
    leads_to(seeing, -1);
}

static void see_interrupted(struct seeing *seeing)
{
    if (seeing->step && !json_bool(seeing->event->body, "rests", false))
        see_unacted(seeing);
}

static void see_probed(struct seeing *seeing)
{
    bool undo = json_bool(seeing->event->body, "undo", false);
    struct effect *effect = undo ? &seeing->step->undo : &seeing->step->act;
    const struct machine_act *act = undo ? &seeing->policy->undo : &seeing->policy->act;
    bool not_done = !strcmp(json_text(seeing->event->body, "answer", ""), "not_done");
    bool again = json_bool(seeing->event->body, "again", false);
    bool never_ran = !strcmp(json_text(seeing->event->body, "why", ""), "its program was never started");
    HOLDS(!never_ran || seeing->moment->child == NEVER_RAN, "%s is said never to have run, and it did",
          id_of(seeing));
    HOLDS(!not_done || act->effect != EFFECT_ONCE || (!effect->done && !effect->in_flight),
          "%s is believed not done, and it is%s", id_of(seeing), effect->done ? "" : " on its way");
    if (not_done)
        effect->sent = effect->open = effect->open_before = false;
    effect->left = effect->left || json_bool(seeing->event->body, "mend", false);
    if (not_done || again)
        effect->intent = false;
}

static void see_removed(struct seeing *seeing)
{
    seeing->step->act.left = seeing->step->undo.left = false;
}

static void see_decision(struct seeing *seeing)
{
    nothing_is_left(seeing);
    effect_of(seeing)->intent = false;
}

static void see_resolved(struct seeing *seeing)
{
    nothing_is_left(seeing);
    effect_of(seeing)->failures = 0;
    if (!strcmp(json_text(seeing->event->body, "how", ""), "retry"))
        effect_of(seeing)->granted = true;
    else
        seeing->step->by_person = true;
    if (seeing->moment->rolling)
        seeing->step->several = false; /* a person answers for the earlier ones */
    effect_of(seeing)->intent = false;
}

static void see_approved(struct seeing *seeing)
{
    seeing->step->approved_visit = (unsigned char)seeing->event->visit;
}

static void see_paused(struct seeing *seeing)
{
    HOLDS(!seeing->moment->cancelling, "a cancelled run is paused");
    seeing->moment->paused = true;
}

static void see_resumed(struct seeing *seeing)
{
    seeing->moment->failed = false;
    seeing->moment->paused = false;
    for (int i = 0; i < seeing->moment->machine->step_count; i++)
        seeing->moment->steps[i].act.failures = seeing->moment->steps[i].undo.failures = 0;
    if (json_object_get(seeing->event->body, "from")) {
        nothing_is_left(seeing);
        HOLDS(!seeing->moment->rolling, "--from in a rollback");
    }
}

static void see_cancelling(struct seeing *seeing)
{
    seeing->moment->cancelling = true;
    seeing->moment->paused = false;
}

/* Every step that may have left something is on the list, the one that was started last first. */
static void see_rollback(struct seeing *seeing)
{
    struct moment *moment = seeing->moment;
    const json_t *list = json_object_get(seeing->event->body, "steps");
    int before = STEPS_MOST + 1;
    unsigned listed = 0;
    size_t index;
    json_t *id;
    nothing_is_left(seeing);
    HOLDS(!moment->rolling && !moment->cancelling, "a rollback begins where none may");
    json_array_foreach(list, index, id)
    {
        int step = machine_step_index(moment->machine, json_string_value(id));
        HOLDS(moment->steps[step].rank && moment->steps[step].rank < before, "%s is undone out of order",
              json_string_value(id));
        before = moment->steps[step].rank;
        listed |= 1U << step;
    }
    for (int i = 0; i < moment->machine->step_count; i++) {
        const struct step_truth *step = &moment->steps[i];
        bool left = step->present || step->act.in_flight || step->act.done;
        HOLDS(!left || (listed & (1U << i)), "%s has left something, and is not undone",
              moment->machine->steps[i].id);
        moment->steps[i].act.intent = false;
    }
    moment->rolling = true;
    moment->paused = false;
}

static void see_undone(struct seeing *seeing)
{
    struct step_truth *step = seeing->step;
    const char *by = json_text(seeing->event->body, "by", "");
    nothing_is_left(seeing);
    if (!strcmp(by, "nothing to undo"))
        HOLDS(!step->present && !step->act.in_flight,
              "%s has left something, and there is \"nothing to undo\"", id_of(seeing));
    else if (strcmp(by, "person"))
        HOLDS(step->undo.done, "%s is undone by %s, and its undo has not happened", id_of(seeing), by);
    step->by_person = step->by_person || !strcmp(by, "person");
    if (!strcmp(by, "person"))
        step->act.in_flight = step->undo.in_flight = false;
    step->act.done = step->undo.done = 0;
    step->act.intent = step->undo.intent = false;
    forget(&step->act);
    forget(&step->undo);
}

static void see_lock(struct seeing *seeing)
{
    seeing->moment->lock = true;
}

static void see_unlock(struct seeing *seeing)
{
    struct moment *moment = seeing->moment;
    HOLDS(moment->ended || (moment->failed && !moment->started), "the lock is let go before the end");
    moment->lock = false;
}

static void see_run_failed(struct seeing *seeing)
{
    nothing_is_left(seeing);
    seeing->moment->failed = true;
}

static void see_end(struct seeing *seeing)
{
    nothing_is_left(seeing);
    seeing->moment->ended = true;
}

static bool may_go_on(const struct effect *effect)
{
    return effect->in_flight || effect->done;
}

static bool is_unsettled(const struct effect *effect)
{
    return effect->open || effect->left;
}

/* What may still be going on, or has happened without a record, is named; and nothing that was never begun,
 * or of which is recorded what became of it. */
static void see_cancelled(struct seeing *seeing)
{
    const struct moment *moment = seeing->moment;
    const json_t *half_done = json_object_get(seeing->event->body, "half_done");
    see_end(seeing);
    for (int i = 0; i < moment->machine->step_count; i++) {
        const struct machine_step *policy = &moment->machine->steps[i];
        const struct step_truth *step = &moment->steps[i];
        bool lives = moment->child == CHILD_LIVES && moment->in_hand == i;
        bool open = may_go_on(&step->act) || may_go_on(&step->undo) || lives;
        HOLDS(!open || policy->act.effect == EFFECT_OBSERVE || json_list_has(half_done, policy->id),
              "cancelled: %s may be half done, and is not named", policy->id);
        HOLDS(!json_list_has(half_done, policy->id) || is_unsettled(&step->act) || is_unsettled(&step->undo),
              "cancelled: %s is named as half done, and is not", policy->id);
    }
}

static void see_rolled_back(struct seeing *seeing)
{
    struct moment *moment = seeing->moment;
    see_end(seeing);
    for (int i = 0; i < moment->machine->step_count; i++)
        HOLDS(!(moment->steps[i].present || moment->steps[i].several) || moment->steps[i].by_person,
              "rolled back, and what %s did is still there", moment->machine->steps[i].id);
}

static void see_claimed(struct seeing *seeing)
{
    for (int i = 0; i < seeing->moment->machine->step_count; i++) /* a new driver acts on its own intents */
        seeing->moment->steps[i].act.intent = seeing->moment->steps[i].undo.intent = false;
}

static void see_succeeded_run(struct seeing *seeing)
{
    see_end(seeing);
    HOLDS(!seeing->moment->rolling && !seeing->moment->cancelling, "a run succeeds that a person has ended");
}

static void (*const SEEN[EVENT_TYPE_COUNT])(struct seeing *) = {
    [EVENT_RUN_CLAIMED] = see_claimed,
    [EVENT_LOCK_ACQUIRED] = see_lock,
    [EVENT_LOCK_RELEASED] = see_unlock,
    [EVENT_STEP_STARTED] = see_started,
    [EVENT_UNDO_STARTED] = see_started,
    [EVENT_STEP_PREPARED] = see_prepared,
    [EVENT_GUARD_ASKED] = see_guard,
    [EVENT_STEP_SUCCEEDED] = see_succeeded,
    [EVENT_STEP_FAILED] = see_failed,
    [EVENT_UNDO_FAILED] = see_failed,
    [EVENT_STEP_SKIPPED] = see_skipped,
    [EVENT_STEP_INTERRUPTED] = see_interrupted,
    [EVENT_STEP_PROBED] = see_probed,
    [EVENT_RECORD_REMOVED] = see_removed,
    [EVENT_DECISION_REQUESTED] = see_decision,
    [EVENT_RESOLVED] = see_resolved,
    [EVENT_APPROVED] = see_approved,
    [EVENT_PAUSED] = see_paused,
    [EVENT_RESUMED] = see_resumed,
    [EVENT_CANCEL_REQUESTED] = see_cancelling,
    [EVENT_ROLLBACK_STARTED] = see_rollback,
    [EVENT_STEP_UNDONE] = see_undone,
    [EVENT_RUN_SUCCEEDED] = see_succeeded_run,
    [EVENT_RUN_FAILED] = see_run_failed,
    [EVENT_RUN_CANCELLED] = see_cancelled,
    [EVENT_RUN_ROLLED_BACK] = see_rolled_back,
};

void oracle_event(struct moment *moment, const struct event *event, struct happening *happening)
{
    struct seeing see = {.moment = moment, .event = event, .happening = happening}, *seeing = &see;
    if (event->step >= 0) {
        see.step = &moment->steps[event->step];
        see.policy = &moment->machine->steps[event->step];
    }
    HOLDS(!moment->ended || event->type == EVENT_LOCK_RELEASED, "%s follows the end",
          event_type_text(event->type));
    if (SEEN[event->type])
        SEEN[event->type](seeing);
    if (moment->ended || event->type == EVENT_ROLLBACK_STARTED || event->type == EVENT_DECISION_REQUESTED)
        moment->rollback_row = false; /* answered in the same commit */
}

void oracle_send(struct moment *moment, struct happening *happening)
{
    struct seeing see = {.moment = moment, .happening = happening}, *seeing = &see;
    HOLDS(moment->in_hand == moment->run->step && moment->rolling == moment->body_undo,
          "the effect of %s leaves, and it is not what was started last",
          moment->machine->steps[moment->run->step].id);
    if (happening->broken[0])
        return;
    see.step = &moment->steps[moment->in_hand];
    see.policy = &moment->machine->steps[moment->in_hand];
    const struct effect *effect = effect_of(seeing);
    const struct machine_act *act = act_of(seeing);
    bool guards = !moment->rolling && see.policy->guard_count;
    HOLDS(effect->intent, "the effect of %s leaves without a durable intent", id_of(seeing));
    HOLDS(effect->prepared || !(act->prepares || guards),
          "the effect of %s leaves before step_prepared is durable", id_of(seeing));
    HOLDS(!guards || guards_agree(see.policy, effect),
          "the effect of %s leaves, and not all of its guards have agreed", id_of(seeing));
    HOLDS(moment->lock || !moment->recipe->lock, "the effect of %s leaves without the lock", id_of(seeing));
    HOLDS(!moment->cancelling && !moment->paused && !moment->ended, "the effect of %s leaves after %s",
          id_of(seeing),
          moment->ended    ? "the end"
          : moment->paused ? "a pause"
                           : "a cancel");
    HOLDS(act->effect != EFFECT_ONCE || effect->by_retry || (!effect->done && !effect->in_flight),
          "the effect of %s leaves a second time, and nobody said retry", id_of(seeing));
}
