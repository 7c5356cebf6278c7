/* What happens around the steps: to the world, to drivers, and what people say. Each function makes one
 * happening, or says whether it may; the table of happen.c lists them. */
#ifndef PAWL_TESTS_OUTSIDE_H
#define PAWL_TESTS_OUTSIDE_H

#include "exploration/happen.h"

/* What is so: happen.c. */
bool any_in_flight(const struct moment *moment);
bool is_once(const struct moment *moment);
struct effect *in_flight(struct moment *moment);
bool may_become(const struct moment *moment, int64_t at_ms);
const struct machine_step *step_of(const struct moment *moment);

void make_arrived(struct moment *moment, struct happening *happening);
void make_lost(struct moment *moment, struct happening *happening);
bool may_child(const struct moment *moment);
void make_child_ok(struct moment *moment, struct happening *happening);
void make_child_bad(struct moment *moment, struct happening *happening);
void make_child_bad_done(struct moment *moment, struct happening *happening);
void make_child_dead(struct moment *moment, struct happening *happening);
void make_child_dead_done(struct moment *moment, struct happening *happening);
bool may_keeper_leave(const struct moment *moment);
void make_keeper_left(struct moment *moment, struct happening *happening);
bool may_be_due(const struct moment *moment);
void make_due(struct moment *moment, struct happening *happening);
bool may_be_late(const struct moment *moment);
void make_late(struct moment *moment, struct happening *happening);
bool may_stop(const struct moment *moment);
void make_stop(struct moment *moment, struct happening *happening);
bool may_crash(const struct moment *moment);
void make_crash(struct moment *moment, struct happening *happening);
bool may_look_again(const struct moment *moment);
bool may_be_cut_off(const struct moment *moment);
void make_cut_off(struct moment *moment, struct happening *happening);
bool may_go(const struct moment *moment);
void make_gone(struct moment *moment, struct happening *happening);
bool may_claim(const struct moment *moment);
void make_claim(struct moment *moment, struct happening *happening);
bool may_claim_elsewhere(const struct moment *moment);
void make_claim_elsewhere(struct moment *moment, struct happening *happening);
bool may_claim_back(const struct moment *moment);
void make_claim_back(struct moment *moment, struct happening *happening);
bool may_answer(const struct moment *moment);
void make_approve(struct moment *moment, struct happening *happening);
void make_reject(struct moment *moment, struct happening *happening);
bool may_say(const struct moment *moment);
bool may_resolve(const struct moment *moment);
void make_resolve_done(struct moment *moment, struct happening *happening);
void make_resolve_retry(struct moment *moment, struct happening *happening);
void make_pause(struct moment *moment, struct happening *happening);
void make_cancel(struct moment *moment, struct happening *happening);
void make_rollback(struct moment *moment, struct happening *happening);
bool may_resume(const struct moment *moment);
void make_resume(struct moment *moment, struct happening *happening);
bool may_go_back_a(const struct moment *moment);
void make_back_a(struct moment *moment, struct happening *happening);
bool may_go_back_b(const struct moment *moment);
void make_back_b(struct moment *moment, struct happening *happening);

#endif
