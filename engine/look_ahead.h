/* The look at the start of a run: the `plan` of each step that has one, in order, each seeing what those
 * before it found and would change. What cannot be known yet is passed over; what would only be waited for is
 * no refusal. */
#ifndef PAWL_ENGINE_LOOK_AHEAD_H
#define PAWL_ENGINE_LOOK_AHEAD_H

#include "engine/run.h"
#include "steps/kind.h"

/* True where a step cannot be done: *error says which and why. `visit` is the frame that plans are called
 * with; what it lists in `permissions` (NULL: nobody wants to know) is added to. */
bool look_ahead_refuses(const struct run *run, const struct visit *visit, struct error *error);
/* The same look, told step by step: `pawl plan`. An array of
 * {"id","uses","state","summary","changes","error","approve","question","undo","point_of_no_return"}; a new
 * reference. *refused is set where one cannot be done. */
json_t *look_ahead(const struct run *run, const struct visit *visit, bool *refused, struct error *error);

#endif
