/* "And stays so for a while": what a waiting kind needs beside one look.
 *
 * The looks are 2 s apart. What held must have held at every look, without a gap in the looking: after a
 * restart, a pause or a failed look the time begins anew; it is never shortened. */
#ifndef PAWL_STEPS_STABILITY_H
#define PAWL_STEPS_STABILITY_H

#include "steps/kind.h"

#define LOOK_EVERY_MS 2000

/* After a look that found that it holds: true where it has held for `for_ms`. Else *answer is AGAIN; its
 * error says how long is missing, `what` first. */
bool stability_reached(const struct visit *visit, int64_t for_ms, const char *what, struct answer *answer);
/* After a look that found that it does not hold: AGAIN, with *why as what it waits for. */
void stability_wait(const struct visit *visit, const struct error *why, struct answer *answer);
/* After a look that failed: FAILED, or AGAIN where *error is ERROR_NOT_YET. */
void stability_failed(const struct visit *visit, const struct error *error, struct answer *answer);

#endif
