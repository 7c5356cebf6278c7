/* Whether a run, as it stands, would take a person's word: asked before the word is recorded, so that one
 * that does not fit changes nothing. */
#ifndef PAWL_CLI_WORD_H
#define PAWL_CLI_WORD_H

#include "engine/decide.h"
#include "state/store.h"

/* 0, or -1 with the machine's refusal. */
int word_check(struct store *store, int64_t run, const struct run_command *word, struct error *error);

#endif
