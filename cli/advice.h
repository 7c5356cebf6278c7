/* What a person can do about a run that has failed, or waits for one: said in one place, for `status`, and
 * for whoever has just let the run go. */
#ifndef PAWL_CLI_ADVICE_H
#define PAWL_CLI_ADVICE_H

#include "base/text.h"
#include "engine/run.h"

/* "waits for approval: pawl approve 7 ask, or …": lines, the first one to stand behind "run 7 ". Nothing
 * where it waits for no person. */
void advice_say_wait(const struct run *run, struct text *out);
/* Its words for an approval, where no more is known of the run. */
void advice_say_approval(int64_t id, const char *step, struct text *out);
/* What to do about a failure, in lines that are set in. */
void advice_say_failure(const struct run *run, struct text *out);

#endif
