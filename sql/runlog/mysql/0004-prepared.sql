-- For runs that end early: plans of tables whose parts can be used again, parts that are complete and not visible, and
-- which parts of a table are of which point in time when they are of several. JSON. The first two are removed when
-- the table is done.
CREATE TABLE IF NOT EXISTS table_plans (
    run_id        VARCHAR(64) NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    plan          LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS prepared_parts (
    run_id        VARCHAR(64) NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    part          BIGINT NOT NULL,
    prepared      LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS part_snapshots (
    run_id        VARCHAR(64) NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    part          BIGINT NOT NULL,
    snapshot      LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
