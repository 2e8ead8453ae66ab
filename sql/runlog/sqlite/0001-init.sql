-- The run log in SQLite, version 1. Times are RFC 3339 in UTC. A run's tables are its jobs.

CREATE TABLE schema_version (
    version    INTEGER NOT NULL,
    applied_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE TABLE runs (
    run_id          TEXT NOT NULL PRIMARY KEY,
    started_at      TEXT NOT NULL,
    finished_at     TEXT,
    status          TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    error_message   TEXT,
    source_db_type  TEXT NOT NULL,
    source_database TEXT NOT NULL,
    source          TEXT NOT NULL,
    destination     TEXT NOT NULL,
    config          TEXT NOT NULL,
    snapshot        TEXT,
    version         TEXT NOT NULL
);

CREATE INDEX runs_by_time ON runs (started_at);

CREATE TABLE jobs (
    run_id        TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    source_schema TEXT    NOT NULL,
    source_table  TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    started_at    TEXT,
    finished_at   TEXT,
    row_count     INTEGER,
    file_count    INTEGER,
    bytes         INTEGER,
    method        TEXT,
    parts         INTEGER,
    est_rows      INTEGER,
    directory     TEXT,
    error_message TEXT,
    -- Place of the table in the run's list, from 0.
    ordinal       INTEGER NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table)
);

CREATE INDEX jobs_by_place ON jobs (run_id, ordinal);

CREATE TABLE files (
    run_id        TEXT    NOT NULL,
    source_schema TEXT    NOT NULL,
    source_table  TEXT    NOT NULL,
    file_name     TEXT    NOT NULL,
    part          INTEGER NOT NULL,
    row_count     INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    crc32         TEXT    NOT NULL,
    slice         TEXT    NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, file_name),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);

-- How a table is cut, kept by the user. Read-only for the program.
CREATE TABLE partition_columns (
    source_db_type           TEXT NOT NULL,
    source_database          TEXT,
    source_schema            TEXT,
    source_table             TEXT NOT NULL,
    fastbcp_method           TEXT,
    fastbcp_parallel_degree  INTEGER,
    fastbcp_distribution_key TEXT,
    env_name                 TEXT
);
