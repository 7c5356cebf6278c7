/* The schema and its versions (PRAGMA user_version). Private to state/. */
#ifndef PAWL_STATE_MIGRATE_H
#define PAWL_STATE_MIGRATE_H

#include "state/store.h"

#define SCHEMA_VERSION 1

/* Before anything is written to the file: it is a store, or an empty file that STORE_CREATE makes one of. */
int check_is_store(struct store *store, enum store_mode mode, struct error *error);
/* Makes the schema in an empty file, or brings an older one forward, step by step, each in one transaction. A
 * newer one is ERROR_STORE_TOO_NEW and left as it is. */
int migrate(struct store *store, enum store_mode mode, struct error *error);

#endif
