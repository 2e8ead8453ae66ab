-- Parts that were read again after an error that passes, and the last such error. Part -1 is the table as a whole.
CREATE TABLE part_retries (
    run_id        text    NOT NULL,
    source_schema text    NOT NULL,
    source_table  text    NOT NULL,
    part          bigint  NOT NULL,
    retries       bigint  NOT NULL,
    error_class   text    NOT NULL,
    error_code    text,
    error_message text    NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
);
