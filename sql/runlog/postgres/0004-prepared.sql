-- For runs that end early: plans of tables whose parts can be used again, parts that are complete and not visible, and
-- which parts of a table are of which point in time when they are of several. JSON. The first two are removed when
-- the table is done.
CREATE TABLE table_plans (
    run_id        text NOT NULL,
    source_schema text NOT NULL,
    source_table  text NOT NULL,
    plan          text NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);

CREATE TABLE prepared_parts (
    run_id        text NOT NULL,
    source_schema text NOT NULL,
    source_table  text NOT NULL,
    part          bigint NOT NULL,
    prepared      text NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);

CREATE TABLE part_snapshots (
    run_id        text NOT NULL,
    source_schema text NOT NULL,
    source_table  text NOT NULL,
    part          bigint NOT NULL,
    snapshot      text NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);
