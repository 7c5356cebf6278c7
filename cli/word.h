/* Whether a run, as it stands, would take a person's word: asked before the word is recorded, so that one
 * that does not fit changes nothing. */
#ifndef PAWL_CLI_WORD_H
#define PAWL_CLI_WORD_H

#include <jansson.h>

#include "base/text.h"
#include "engine/decide.h"
#include "state/store.h"

/* 0, or -1 with the machine's refusal. */
int word_check(struct store *store, int64_t run, const struct run_command *word, struct error *error);
/* The same of a word beside those that are recorded and that nobody has taken up: it must not be one that
 * will then be refused. Those that it overrules are added to `overruled`, as "approve" by ops@bastion. */
int word_check_beside_others(struct store *store, int64_t run, const struct run_command *word,
                             struct text *overruled, struct error *error);
/* Of the words that are recorded and that nobody has taken up (as many as `recorded` has objects, in their
 * order), sets "overruled": the next driver will refuse it, for what the others say. */
int word_mark_overruled(struct store *store, int64_t run, json_t *recorded, struct error *error);

#endif
