-- The run log in MySQL and MariaDB, version 1. Times are in UTC. A run's tables are its jobs.
--
-- Each CREATE commits by itself here: IF NOT EXISTS, so that what was cut short is finished by the next start.

CREATE TABLE IF NOT EXISTS schema_version (
    version    BIGINT      NOT NULL,
    applied_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS runs (
    run_id          VARCHAR(64)  NOT NULL PRIMARY KEY,
    started_at      DATETIME(3)  NOT NULL,
    finished_at     DATETIME(3),
    status          VARCHAR(16)  NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    error_message   LONGTEXT,
    source_db_type  VARCHAR(64)  NOT NULL,
    source_database LONGTEXT     NOT NULL,
    source          LONGTEXT     NOT NULL,
    destination     LONGTEXT     NOT NULL,
    config          LONGTEXT     NOT NULL,
    snapshot        LONGTEXT,
    version         VARCHAR(64)  NOT NULL,
    -- When the process that makes the run was last seen alive.
    heartbeat_at    DATETIME(3),
    INDEX runs_by_time (started_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobs (
    run_id        VARCHAR(64)  NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    status        VARCHAR(16)  NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    started_at    DATETIME(3),
    finished_at   DATETIME(3),
    row_count     BIGINT,
    file_count    BIGINT,
    bytes         BIGINT,
    method        VARCHAR(64),
    parts         BIGINT,
    est_rows      BIGINT,
    directory     LONGTEXT,
    error_message LONGTEXT,
    -- Place of the table in the run's list, from 0.
    ordinal       BIGINT       NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table),
    INDEX jobs_by_place (run_id, ordinal),
    FOREIGN KEY (run_id) REFERENCES runs (run_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS files (
    run_id        VARCHAR(64)  NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    file_name     VARCHAR(255) NOT NULL,
    part          BIGINT       NOT NULL,
    row_count     BIGINT       NOT NULL,
    bytes         BIGINT       NOT NULL,
    crc32         VARCHAR(8)   NOT NULL,
    slice         LONGTEXT     NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, file_name),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How a table is cut, kept by the user. Read-only for the program.
CREATE TABLE IF NOT EXISTS partition_columns (
    source_db_type           VARCHAR(64)  NOT NULL,
    source_database          VARCHAR(255),
    source_schema            VARCHAR(128),
    source_table             VARCHAR(255) NOT NULL,
    fastbcp_method           VARCHAR(64),
    fastbcp_parallel_degree  BIGINT,
    fastbcp_distribution_key LONGTEXT,
    env_name                 VARCHAR(255)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
