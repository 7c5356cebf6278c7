/* A run and its steps as `list` and `status` show them: the stored rows, and what they mean now that a driver
 * is there or is not. */
#ifndef PAWL_CLI_RUN_VIEW_H
#define PAWL_CLI_RUN_VIEW_H

#include <jansson.h>

#include "state/store.h"

/* The status to show: the stored one, or "interrupted" where no driver is there and the run could go on by
 * itself, so also once a person has answered. */
const char *run_shown_status(struct store *store, const struct run_row *row);
/* Whether a person has the word; not for an approval, where `approves` says that --yes gives it. */
bool run_waits_for_person(const struct run_row *row, bool approves);
/* As docs/pawl.1 (JSON) has them; new references. `shown` is the status. */
json_t *run_view_json(const struct run_row *row, const char *shown);
json_t *step_view_json(const struct step_row *row);
/* Where a run acts, for people: the context, else the file or the server; borrowed from `cluster`. */
const char *cluster_name(const json_t *cluster);
/* RFC 3339, or null for 0; a new reference. */
json_t *instant_json(int64_t wall_ms);
/* "2026-11-24 03:00:01.120" (UTC), for people. */
#define SHOWN_TIME_SIZE 32
void shown_time(int64_t wall_ms, char text[SHOWN_TIME_SIZE]);
/* Whether a run of this status has ended for good. */
bool status_is_over(const char *status);
/* A run's status in words for people. */
const char *status_shown(const char *status);
/* Outputs and params as "id=4 ip=192.168.29.23"; long values are left out and counted; free() it. */
char *values_shown(const json_t *values);

#endif
