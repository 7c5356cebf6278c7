-- pawl's store, schema version 1. `events` is the truth; `runs` and `steps` are projections of it.
CREATE TABLE store (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    uuid       TEXT NOT NULL,
    records    INTEGER NOT NULL,          -- how many events there are
    head       BLOB NOT NULL              -- the chain over all of them
) STRICT;

CREATE TABLE jobs (
    digest     TEXT PRIMARY KEY,
    source     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE machines (
    digest     TEXT PRIMARY KEY,
    json       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id         INTEGER PRIMARY KEY,       -- the order of all commits
    run        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,          -- 1, 2, 3 … within the run
    time_ms    INTEGER NOT NULL,
    event      TEXT NOT NULL,
    step       TEXT,
    visit      INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    body       TEXT NOT NULL,             -- canonical JSON
    hash       BLOB NOT NULL              -- SHA-256 over the run's previous hash and this record
) STRICT;
CREATE UNIQUE INDEX events_of_run ON events (run, seq);

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE runs (
    run            INTEGER PRIMARY KEY,
    job            TEXT NOT NULL,
    job_digest     TEXT NOT NULL,
    machine_digest TEXT NOT NULL,
    status         TEXT NOT NULL,
    step           TEXT,
    waiting        TEXT,
    error          TEXT,
    cluster        TEXT NOT NULL,
    params         TEXT NOT NULL,
    lock           TEXT,
    key            TEXT,
    driver         TEXT,
    actor          TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    submitted_ms   INTEGER NOT NULL,
    finished_ms    INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    head           BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX runs_by_key ON runs (key) WHERE key IS NOT NULL;
-- Spelled out: for NOT IN SQLite makes a temporary table at every change.
CREATE INDEX open_runs ON runs (run) WHERE status <> 'succeeded' AND status <> 'cancelled' AND status <> 'rolled_back';

CREATE TABLE steps (
    run         INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    step        TEXT NOT NULL,
    uses        TEXT NOT NULL,
    status      TEXT NOT NULL,
    visit       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    started_ms  INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL,
    outputs     TEXT,
    error       TEXT,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE locks (
    identity   TEXT NOT NULL,             -- of the cluster
    name       TEXT NOT NULL,             -- NAMESPACE/NAME
    run        INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (identity, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run        INTEGER NOT NULL,
    time_ms    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    body       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    uid        INTEGER NOT NULL,
    outcome    TEXT,                      -- NULL: not taken up; accepted; refused
    answer     TEXT
) STRICT;
CREATE INDEX open_commands ON commands (run, id) WHERE outcome IS NULL;
