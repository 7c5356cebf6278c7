#include "engine/runnable.h"

#include "steps/kind.h"

/* What is to be called for a step exists; one that only asks has nothing to call. */
static bool act_fits(const struct machine_step *step)
{
    const struct machine_act *act = &step->act;
    const struct step_kind *kind = step_kind_find(act->uses);
    return kind && (kind->apply || step->asks_only) && (!act->runs_child || kind->runs_child) &&
           (!act->prepares || kind->prepare) && (!act->probes || kind->probe || step->probe_uses) &&
           (!act->mends || kind->mend);
}

static bool guards_fit(const struct machine *machine, const struct machine_step *step)
{
    for (int i = 0; i < step->guard_count; i++) {
        const struct step_kind *kind = step_kind_find(machine->steps[step->guards[i]].act.uses);
        if (!kind || !kind->apply)
            return false;
    }
    return true;
}

/* An undo is another kind's step where it has inputs of its own, else the kind's. */
static bool undo_fits(const struct machine_act *undo)
{
    const struct step_kind *kind = undo->uses ? step_kind_find(undo->uses) : NULL;
    if (!undo->uses)
        return true;
    if (!kind || (undo->mends && !kind->mend) || (undo->runs_child && !kind->runs_child))
        return false;
    bool prepares = undo->with ? kind->prepare != NULL : kind->undo_prepare != NULL;
    bool probes = undo->with ? kind->probe != NULL : kind->undo_probe != NULL;
    return (undo->with ? kind->apply : kind->undo) && (!undo->prepares || prepares) &&
           (!undo->probes || probes);
}

static bool probe_fits(const struct machine_step *step)
{
    const struct step_kind *kind = step->probe_uses ? step_kind_find(step->probe_uses) : NULL;
    return !step->probe_uses || (kind && kind->apply);
}

int machine_check_kinds(const struct machine *machine, struct error *error)
{
    for (int i = 0; i < machine->step_count; i++) {
        const struct machine_step *step = &machine->steps[i];
        if (act_fits(step) && guards_fit(machine, step) && undo_fits(&step->undo) && probe_fits(step))
            continue;
        error_set(error, ERROR_STORE_CORRUPT,
                  "step \"%s\" of the stored machine asks for what the kind %s of this pawl cannot do",
                  step->id, step->act.uses);
        return error_next(error, "drive it with the pawl that it was submitted with");
    }
    return 0;
}
