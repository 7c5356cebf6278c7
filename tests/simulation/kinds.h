/* What the simulated kinds see of the world (world.c). */
#ifndef PAWL_TESTS_SIMULATION_KINDS_H
#define PAWL_TESTS_SIMULATION_KINDS_H

#include "simulation/simulation.h"
#include "steps/kind.h"

/* Does something go wrong here? `share`: in so many percent of the troubled calls. */
bool outside_trouble(int share);
/* Does what is cursed go wrong here? Mostly. */
bool outside_cursed(enum curse curse);
/* What the world shows about a key. */
enum probe_kind outside_probe(const char *key, struct error *error);
void outside_effect_of(const char *key, const char *via, bool foreign);

enum release_state { RELEASE_ABSENT, RELEASE_PENDING, RELEASE_DEPLOYED };
enum release_state revision_find(const char *token);
/* Whether the release of this key's step has a pending record, but one with this token. */
bool revision_is_unfinished(const char *key, const char *but_token);
void revision_remove(const char *token);

#endif
