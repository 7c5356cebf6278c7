/* Calling a kind's bodies, with what the engine adds around them for the general kinds: `outputs:`, `until:`,
 * `stable_for:`, `on_exit:`, `probe:` and `undo:` with kinds of their own. `names` is what expressions see;
 * it is only read. */
#ifndef PAWL_ENGINE_CALL_H
#define PAWL_ENGINE_CALL_H

#include "engine/machine.h"
#include "steps/kind.h"

void call_prepare(const struct machine_step *step, bool undo, const struct visit *visit,
                  struct answer *answer);
/* The last look before the go byte; false with the error filled. */
bool call_confirm(const struct machine_step *step, bool undo, const struct visit *visit, struct error *error);
void call_apply(const struct machine_step *step, const struct visit *visit, const json_t *names,
                struct answer *answer);
void call_undo(const struct machine_step *step, const struct visit *visit, const json_t *names,
               struct answer *answer);
void call_probe(const struct machine_step *step, bool undo, const struct visit *visit, const json_t *names,
                struct probe_answer *answer);
void call_mend(const struct machine_step *step, const struct visit *visit, const json_t *found,
               struct answer *answer);

#endif
