-- The run log in PostgreSQL, version 1. A run's tables are its jobs.

CREATE TABLE schema_version (
    version    bigint      NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE runs (
    run_id          text        NOT NULL PRIMARY KEY,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    status          text        NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    error_message   text,
    source_db_type  text        NOT NULL,
    source_database text        NOT NULL,
    source          text        NOT NULL,
    destination     text        NOT NULL,
    config          text        NOT NULL,
    snapshot        text,
    version         text        NOT NULL,
    -- When the process that makes the run was last seen alive.
    heartbeat_at    timestamptz
);

CREATE INDEX runs_by_time ON runs (started_at);

CREATE TABLE jobs (
    run_id        text    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    source_schema text    NOT NULL,
    source_table  text    NOT NULL,
    status        text    NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    started_at    timestamptz,
    finished_at   timestamptz,
    row_count     bigint,
    file_count    bigint,
    bytes         bigint,
    method        text,
    parts         bigint,
    est_rows      bigint,
    directory     text,
    error_message text,
    -- Place of the table in the run's list, from 0.
    ordinal       bigint  NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table)
);

CREATE INDEX jobs_by_place ON jobs (run_id, ordinal);

CREATE TABLE files (
    run_id        text    NOT NULL,
    source_schema text    NOT NULL,
    source_table  text    NOT NULL,
    file_name     text    NOT NULL,
    part          bigint  NOT NULL,
    row_count     bigint  NOT NULL,
    bytes         bigint  NOT NULL,
    crc32         text    NOT NULL,
    slice         text    NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, file_name),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);

-- How a table is cut, kept by the user. Read-only for the program.
CREATE TABLE partition_columns (
    source_db_type           text NOT NULL,
    source_database          text,
    source_schema            text,
    source_table             text NOT NULL,
    fastbcp_method           text,
    fastbcp_parallel_degree  bigint,
    fastbcp_distribution_key text,
    env_name                 text
);
