#include "cli/word.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/load.h"

/* The machine itself is asked, about a run that is thrown away. */
static int ask_machine(struct run *run, const char *store_uuid, const struct run_command *word,
                       struct error *error)
{
    struct live *live = live_new();
    struct decision *decision = memory_new(sizeof *decision);
    live->actor = word->actor;
    live->store_uuid = store_uuid;
    enum command_outcome outcome = machine_command(run, live, word, decision, error);
    decision_clear(decision);
    free(decision);
    live_free(live);
    return outcome == COMMAND_REFUSED ? -1 : 0;
}

int word_check(struct store *store, int64_t run_id, const struct run_command *word, struct error *error)
{
    struct machine *machine = NULL;
    struct run *run = run_open(store, run_id, &machine, error);
    int result = run ? ask_machine(run, store_uuid(store), word, error) : -1;
    run_free(run);
    machine_free(machine);
    return result;
}
