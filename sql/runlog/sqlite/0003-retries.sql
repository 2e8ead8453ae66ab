-- Parts that were read again after an error that passes, and the last such error. Part -1 is the table as a whole.
CREATE TABLE part_retries (
    run_id        TEXT    NOT NULL,
    source_schema TEXT    NOT NULL,
    source_table  TEXT    NOT NULL,
    part          INTEGER NOT NULL,
    retries       INTEGER NOT NULL,
    error_class   TEXT    NOT NULL,
    error_code    TEXT,
    error_message TEXT    NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);
