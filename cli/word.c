#include "cli/word.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/load.h"

/* ---- the machine is asked, about a run that is thrown away ---- */

struct asking {
    struct store *store;
    struct machine *machine;
    struct run *run;
    struct live *live;
    struct decision *decision;
    const struct run_command *word;
    enum command_rank rank; /* of those that are asked about now */
    struct text *overruled;
    char *latest; /* the one that was taken before the word; NULL: none */
    bool same;    /* it says what the word says */
    bool asked;   /* the word itself has been */
};

static int asking_begin(struct asking *asking, struct store *store, int64_t run,
                        const struct run_command *word, struct error *error)
{
    *asking = (struct asking){.store = store, .word = word};
    asking->run = run_open(store, run, &asking->machine, error);
    if (!asking->run)
        return -1;
    asking->live = live_new();
    asking->live->store_uuid = store_uuid(store);
    asking->decision = memory_new(sizeof *asking->decision);
    return 0;
}

static void asking_end(struct asking *asking)
{
    if (asking->decision)
        decision_clear(asking->decision);
    free(asking->decision);
    live_free(asking->live);
    run_free(asking->run);
    machine_free(asking->machine);
    free(asking->latest);
}

static int ask(struct asking *asking, const struct run_command *word, struct error *error)
{
    asking->live->actor = word->actor;
    enum command_outcome outcome = machine_command(asking->run, asking->live, word, asking->decision, error);
    decision_clear(asking->decision);
    return outcome == COMMAND_REFUSED ? -1 : 0;
}

int word_check(struct store *store, int64_t run, const struct run_command *word, struct error *error)
{
    struct asking asking;
    int result = asking_begin(&asking, store, run, word, error);
    if (!result)
        result = ask(&asking, word, error);
    asking_end(&asking);
    return result;
}

/* ---- beside others, in the order in which they are taken up ---- */

enum answer_to_word { WORD_LATER, WORD_TAKEN, WORD_REFUSED };

static enum answer_to_word ask_row(struct asking *asking, const struct command_row *row)
{
    struct error ignored;
    json_t *body = json_read_stored(row->body, "the record", NULL);
    const struct run_command command = {.name = row->name, .body = body, .actor = row->actor};
    enum answer_to_word answer = command_rank(&command) != asking->rank ? WORD_LATER
                                 : ask(asking, &command, &ignored)      ? WORD_REFUSED
                                                                        : WORD_TAKEN;
    json_decref(body);
    return answer;
}

static bool says_the_same(const struct command_row *row, const struct run_command *word)
{
    json_t *body = json_read_stored(row->body, "the record", NULL);
    bool same = !strcmp(row->name, word->name) &&
                !strcmp(json_text(body, "step", ""), json_text(word->body, "step", ""));
    json_decref(body);
    return same;
}

static int ask_recorded(void *context, const struct command_row *row)
{
    struct asking *asking = context;
    enum answer_to_word answer = ask_row(asking, row);
    char *shown = string_format("\"%s\" by %s", row->name, row->actor);
    if (answer == WORD_REFUSED && asking->asked)
        text_format(asking->overruled, "%s%s", asking->overruled->length ? ", " : "", shown);
    if (answer == WORD_TAKEN && !asking->asked) {
        free(asking->latest);
        asking->latest = string_copy(shown);
        asking->same = says_the_same(row, asking->word);
    }
    free(shown);
    return 0;
}

static int ask_word(struct asking *asking, struct error *error)
{
    struct error why = {0};
    asking->asked = true;
    if (!ask(asking, asking->word, &why))
        return 0;
    if (!asking->latest) {
        *error = why;
        return -1;
    }
    if (asking->same)
        error_set(error, ERROR_NOT_ALLOWED_NOW, "%s is recorded already: nothing more is to be said",
                  asking->latest);
    else
        error_set(error, ERROR_NOT_ALLOWED_NOW, "%s is recorded already, and comes first: %s", asking->latest,
                  why.message);
    return error_next(error, "it is taken up by: pawl resume %lld", (long long)asking->run->id);
}

int word_check_beside_others(struct store *store, int64_t run, const struct run_command *word,
                             struct text *overruled, struct error *error)
{
    struct asking asking;
    if (word_check(store, run, word, error))
        return -1;
    int result = asking_begin(&asking, store, run, word, error);
    asking.overruled = overruled;
    for (int rank = 0; !result && rank < RANK_COUNT; rank++) {
        asking.rank = (enum command_rank)rank;
        result = store_each_command(store, run, ask_recorded, &asking, error);
        if (!result && asking.rank == command_rank(word))
            result = ask_word(&asking, error);
    }
    asking_end(&asking);
    return result;
}

struct marking {
    struct asking asking;
    json_t *recorded;
    size_t index;
};

static int mark_word(void *context, const struct command_row *row)
{
    struct marking *marking = context;
    enum answer_to_word answer = ask_row(&marking->asking, row);
    json_t *word = json_array_get(marking->recorded, marking->index++);
    if (answer != WORD_LATER)
        json_object_set_new(word, "overruled", json_boolean(answer == WORD_REFUSED));
    return 0;
}

int word_mark_overruled(struct store *store, int64_t run, json_t *recorded, struct error *error)
{
    struct marking marking = {.recorded = recorded};
    int result = asking_begin(&marking.asking, store, run, NULL, error);
    for (int rank = 0; !result && rank < RANK_COUNT; rank++) {
        marking.asking.rank = (enum command_rank)rank;
        marking.index = 0;
        result = store_each_command(store, run, mark_word, &marking, error);
    }
    asking_end(&marking.asking);
    return result;
}
