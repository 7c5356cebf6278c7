/* Has the chunk been unregistered? Asked of the cluster object and the leader's summary:
 *   the list lacks it twice, settle apart                     done
 *   listed, a counter above 0 (no status says "removing")     in progress
 *   listed, all 0, until settle after the act could last act  in progress: the status lags
 *   and after that                                            not done
 *   either cannot be read                                     cannot tell */
#ifndef PAWL_STEPS_UNREGISTER_PROBE_H
#define PAWL_STEPS_UNREGISTER_PROBE_H

#include "steps/kind.h"

void unregister_probe(const struct visit *visit, struct probe_answer *answer);
/* The answer while the command itself is still out, or has just ended: in progress; settle counts from here.
 */
void unregister_probe_in_flight(const struct visit *visit, struct probe_answer *answer);

#endif
