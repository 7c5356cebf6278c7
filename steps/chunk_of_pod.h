/* Which chunk a pod serves: the one whose data IP is among the addresses of the pod's network namespace.
 * Never by number: chunk ids follow the order in which chunks registered, not the pods' ordinals. */
#ifndef PAWL_STEPS_CHUNK_OF_POD_H
#define PAWL_STEPS_CHUNK_OF_POD_H

#include "steps/iomesh_object.h"
#include "steps/kind.h"

/* A pod that cannot be asked (no container of it runs, or it is not ready and lets nobody in) is known by the
 * addresses that its object tells, and by `known_ip`, its last known data IP (NULL: not known).
 *
 * *out: the chunk, borrowed from `object`; NULL where none of those listed has one of its addresses. More
 * than one is ERROR_REFUSED, a pod that cannot be asked ERROR_NOT_YET. */
int chunk_of_pod(const struct visit *visit, const struct iomesh_object *object, const json_t *pod,
                 const char *known_ip, const struct chunk **out, struct error *error);
/* IPv4 addresses but for 127.*, each once, out of what `ip -o -4 addr` or /proc/net/fib_trie printed: an
 * array of texts, a new reference. */
json_t *addresses_of_ip(const char *output);
json_t *addresses_of_fib_trie(const char *output);

#endif
