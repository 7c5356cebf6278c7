/* Whether data is moving: what `iomeshctl summary cluster` says in the meta leader's container.
 *
 * It prints YAML-like lines. Six counters appear in it, at any depth and any number of times; a member may be
 * taken away only while all of them are 0. */
#ifndef PAWL_STEPS_IOMESH_SUMMARY_H
#define PAWL_STEPS_IOMESH_SUMMARY_H

#include "base/text.h"
#include "steps/kind.h"

#define SUMMARY_COUNTERS(X)                                                                                  \
    X(ongoing_recovers, "num_ongoing_recovers", "recovery", "recoveries", "going on")                        \
    X(pending_recovers, "num_pending_recovers", "recovery", "recoveries", "pending")                         \
    X(ongoing_migrates, "num_ongoing_migrates", "migration", "migrations", "going on")                       \
    X(pending_migrates, "num_pending_migrates", "migration", "migrations", "pending")                        \
    X(migrate_bytes, "pending_migrates_bytes", "byte", "bytes", "to migrate")                                \
    X(recover_bytes, "pending_recovers_bytes", "byte", "bytes", "to recover")

/* Of each counter the largest value found. */
struct iomesh_summary {
#define X(member, name, one, many, state) double member;
    SUMMARY_COUNTERS(X)
#undef X
};

/* -1 with ERROR_NOT_YET where a counter is missing or has a value that is no quantity. */
int iomesh_summary_parse(const char *output, struct iomesh_summary *out, struct error *error);
/* Asks in this pod. ERROR_NOT_YET where it cannot answer: it may no longer be the leader. */
int iomesh_summary_read(const struct visit *visit, const char *leader, struct iomesh_summary *out,
                        struct error *error);
/* Finds the leader, then asks it. */
int iomesh_summary_read_leader(const struct visit *visit, struct iomesh_summary *out, struct error *error);
bool iomesh_summary_is_idle(const struct iomesh_summary *summary);
/* "2 recoveries going on, 1048576 bytes to recover" */
void iomesh_summary_describe(const struct iomesh_summary *summary, struct text *text);

#endif
