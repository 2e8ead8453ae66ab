-- Parts that were read again after an error that passes, and the last such error. Part -1 is the table as a whole.
CREATE TABLE IF NOT EXISTS part_retries (
    run_id        VARCHAR(64)  NOT NULL,
    source_schema VARCHAR(128) NOT NULL,
    source_table  VARCHAR(255) NOT NULL,
    part          BIGINT       NOT NULL,
    retries       BIGINT       NOT NULL,
    error_class   VARCHAR(16)  NOT NULL,
    error_code    VARCHAR(64),
    error_message LONGTEXT     NOT NULL,
    PRIMARY KEY (run_id, source_schema, source_table, part),
    FOREIGN KEY (run_id, source_schema, source_table)
        REFERENCES jobs (run_id, source_schema, source_table) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
