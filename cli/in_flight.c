#include "cli/in_flight.h"

#include <stdlib.h>

#include "base/duration.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/process.h"
#include "engine/keeper_files.h"
#include "engine/load.h"

/* A program that may finish has what is left of its step's time, and is then stopped like any other. */
static void fill_program(const struct run *run, bool ends, struct in_flight *flight)
{
    const struct machine_act *act = machine_act_in_hand(run);
    const struct machine_step *step = &run->machine->steps[run->step];
    int64_t left_ms = step->timeout_ms - run->steps[run->step].spent_ms;
    if (ends && !act->child_may_finish) {
        bool asks = !run->undoing && step->probe_uses;
        flight->what = string_format("its program is asked to stop, and killed if need be%s",
                                     asks ? ", and its probe is asked" : "");
        flight->at_most_ms = KEEPER_END_MS + (asks ? LIMIT_LAST_LOOK_MS + PROCESS_GRACE_MS : 0);
        return;
    }
    flight->what = string_format("%s may finish", act->uses);
    flight->at_most_ms = step->timeout_ms ? (left_ms > 0 ? left_ms : 0) + KEEPER_END_MS : -1;
}

static void fill(const struct run *run, bool ends, struct in_flight *flight)
{
    if (run_is_ended(run) || run->step < 0 || (run->place != PLACE_STARTED && run->place != PLACE_PREPARED))
        return;
    const struct run_act *memory = run_act_in_hand(run);
    const struct machine_act *act = machine_act_in_hand(run);
    if (!memory->unproven || !memory->acted || act->effect == EFFECT_OBSERVE)
        return;
    flight->step = string_copy(run->machine->steps[run->step].id);
    if (act->runs_child) {
        fill_program(run, ends, flight);
    } else {
        flight->what = string_copy("what it has sent is answered first");
        flight->at_most_ms = LIMIT_REQUEST_MS;
    }
}

void in_flight_read(struct store *store, int64_t run_id, bool ends, struct in_flight *flight)
{
    struct machine *machine = NULL;
    struct error ignored;
    *flight = (struct in_flight){.at_most_ms = -1};
    struct run *run = run_open(store, run_id, &machine, &ignored);
    if (run)
        fill(run, ends, flight);
    run_free(run);
    machine_free(machine);
}

char *in_flight_text(const struct in_flight *flight)
{
    char limit[DURATION_TEXT_SIZE];
    if (flight->at_most_ms < 0)
        return string_format("waits for \"%s\": %s; the step has no timeout", flight->step, flight->what);
    duration_write((flight->at_most_ms + 999) / 1000 * 1000, limit);
    return string_format("waits for \"%s\": %s, for %s at most", flight->step, flight->what, limit);
}

void in_flight_clear(struct in_flight *flight)
{
    free(flight->step);
    free(flight->what);
}
