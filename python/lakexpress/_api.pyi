# Made from the command line by src/cli/tests/python.rs: LAKEXPRESS_UPDATE=1 cargo test --lib cli::tests::python
import os
from typing import Callable, Iterable, Literal, Optional, Union

from ._progress import Progress
from ._results import CheckResult, InspectResult, PlanResult, RunResult, VerifyResult
from ._stream import Stream

StrPath = Union[str, "os.PathLike[str]"]


def export(
    *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ..., config: Optional[StrPath] = ...,
    auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ...,
    log_db_mode: Optional[Literal["preserve", "truncate", "drop"]] = ..., env_name: Optional[str] = ...,
    source_db_auth_id: Optional[str] = ..., source_db_name: Optional[str] = ..., source: Optional[str] = ...,
    source_schema_name: Optional[Union[str, Iterable[str]]] = ..., include: Optional[Union[str, Iterable[str]]] = ...,
    exclude: Optional[Union[str, Iterable[str]]] = ..., views: Optional[bool] = ...,
    where: Optional[Union[str, Iterable[str]]] = ..., columns: Optional[Union[str, Iterable[str]]] = ...,
    source_where: Optional[Union[str, Iterable[str]]] = ..., source_columns: Optional[Union[str, Iterable[str]]] = ...,
    mask: Optional[Union[str, Iterable[str]]] = ..., mask_key_file: Optional[StrPath] = ...,
    cast: Optional[Union[str, Iterable[str]]] = ..., special_values: Optional[Literal["error", "null"]] = ...,
    numeric: Optional[str] = ..., readers: Optional[str] = ..., output_dir: Optional[StrPath] = ...,
    target_storage_id: Optional[str] = ..., sub_path: Optional[str] = ..., n_jobs: Optional[int] = ...,
    parallel: Optional[int] = ..., max_connections: Optional[int] = ..., large_table_threshold: Optional[int] = ...,
    part_bytes: Optional[Union[int, str]] = ..., table_config: Optional[Union[str, Iterable[str]]] = ...,
    compression: Optional[str] = ..., row_group_rows: Optional[int] = ...,
    row_group_bytes: Optional[Union[int, str]] = ..., encodings: Optional[Literal["delta", "plain"]] = ...,
    column_compression: Optional[Union[str, Iterable[str]]] = ...,
    bloom_filter: Optional[Union[str, Iterable[str]]] = ..., page_index: Optional[Literal["auto", "on", "off"]] = ...,
    parquet_metadata: Optional[Union[str, Iterable[str]]] = ...,
    format: Optional[Literal["plain", "delta", "arrow"]] = ...,
    partition_by: Optional[Union[str, Iterable[str]]] = ..., max_file_bytes: Optional[Union[int, str]] = ...,
    max_open_files: Optional[int] = ..., max_partitions: Optional[int] = ...,
    sort_by: Optional[Union[str, Iterable[str]]] = ..., min_file_bytes: Optional[Union[int, str]] = ...,
    deterministic: Optional[bool] = ..., consistency: Optional[Literal["run", "table", "none"]] = ...,
    if_exists: Optional[Literal["overwrite", "replace", "error", "append"]] = ..., keep_versions: Optional[int] = ...,
    error_action: Optional[Literal["continue", "fail"]] = ..., retries: Optional[int] = ...,
    empty_tables: Optional[Literal["write", "skip"]] = ..., memory_limit: Optional[Union[int, str]] = ...,
    max_snapshot_age: Optional[str] = ..., max_replica_lag: Optional[str] = ...,
    max_rate: Optional[Union[int, str]] = ..., start_between: Optional[str] = ..., resume: Optional[str] = ...,
    accept_mixed_snapshot: Optional[bool] = ..., generate_metadata: Optional[bool] = ...,
    include_entity_files: Optional[bool] = ..., manifest_name: Optional[str] = ...,
    verify: Optional[Literal["none", "count", "hash"]] = ..., notify: Optional[str] = ...,
    notify_on: Optional[Literal["always", "failure"]] = ..., metrics_file: Optional[StrPath] = ...,
    quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> RunResult:
    """Export tables to Parquet files.

    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    log_db_mode: Keep, truncate or recreate the run log before the run. Default: preserve
    env_name: Rows of partition_columns with this env_name count. Default: those without one
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    source_schema_name: Schemas as LIKE patterns, separated by commas. Default: all but the system's
    include: Tables as LIKE patterns: 'sales.%, order_'. Default: all
    exclude: Tables to leave out, as --include. Default: none
    views: Views, materialized views and foreign tables too. Default: only those named without a wildcard
    where: Rows, as SQL: 'orders: total > 100'. Repeatable. Default: all
    columns: Columns: 'orders: a, b, c * 2 AS d'. Repeatable. Default: all
    source_where: Rows, in the database's own SQL: 'orders: total ^ 2 > 100'. Repeatable. Default: all
    source_columns: Columns, in the database's own SQL: 'orders: id, to_char(at, 'YYYY') AS y'. Repeatable. Default: all
    mask: Values to change: '%.email: hmac'. Repeatable. Default: none
    mask_key_file: File with the key of hmac, at least 16 bytes. Default: none
    cast: A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none
    special_values: NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error
    numeric: numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text
    readers: Programs that must open the files: any, modern, or names separated by commas. Default: any
    output_dir: Directory or URL to write to. Default: none; one is needed
    target_storage_id: Id in the auth file of the storage to write to. Default: none
    sub_path: Directory between the destination and the schemas' directories. Default: none
    n_jobs: Tables at once. Default: 2
    parallel: Readers per large table. Default: one per core, at most 4
    max_connections: Connections to the source in all, the snapshot's two included; at least 3. Default: 8
    large_table_threshold: Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows
    part_bytes: Size of the parts a large table is cut into, in bytes of source. Default: 256MiB
    table_config: How tables are cut: 'table:method:key:readers;...'. Repeatable. Default: automatic
    compression: zstd, gzip, brotli, snappy, lz4 or none. Default: zstd
    row_group_rows: Rows after which a row group closes. Default: 131072 rows
    row_group_bytes: Encoded bytes after which a row group closes. Default: 64MiB
    encodings: Values without a dictionary: delta or plain. Default: what --readers take
    column_compression: Codecs of single columns: 'orders: note=zstd(9), blob=none'. Repeatable. Default: --compression
    bloom_filter: Columns with a Bloom filter: 'orders: id, customer_id', 'orders: auto'. Repeatable. Default: none
    page_index: Bounds of every page, so that readers skip pages: auto, on or off. Default: auto
    parquet_metadata: A key and a value for the footer of every file. Repeatable. Default: none
    format: What the files of a table are: plain or delta. Default: plain
    partition_by: Hive partitions: 'orders: year(o_date) AS y, region'. Repeatable. Default: none
    max_file_bytes: Size at which a file ends and the next begins. Default: none, one file for each part
    max_open_files: Files of partitions that a reader writes at once. Default: 16
    max_partitions: Partitions that a table may have. Default: 10000
    sort_by: Order of rows: 'orders: o_date, o_id DESC'. Repeatable. Default: as they come
    min_file_bytes: Bytes of source that a part has at least: smaller ones are joined. Default: none
    deterministic: Same snapshot and settings, same bytes, at any number of readers. Default: off
    consistency: One point in time: run, table or none. Default: run
    if_exists: Old files: overwrite, replace, error or append. Default: overwrite
    keep_versions: Versions of a delta table that stay readable, the new one among them. Default: all
    error_action: When a table fails, go on with the others or stop. Default: continue
    retries: How often to read a part again after a transient error. Default: 3
    empty_tables: For a table without rows, write one file with its schema, or none. Default: write
    memory_limit: Memory for operators and open row groups, in bytes. Default: 1GiB
    max_snapshot_age: End the run when its snapshot is so old: 10s, 30m, 2h. Default: never
    max_replica_lag: Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked
    max_rate: Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit
    start_between: Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time
    resume: Finish the run of this id instead, as `lakexpress resume` does. Default: none
    accept_mixed_snapshot: Allow a resumed table to combine parts of different snapshots. Default: the table is exported again
    generate_metadata: Write metadata of Microsoft's Common Data Model when the tables are committed. Default: none
    include_entity_files: A document of entities for each table. Default: one for each schema
    manifest_name: manifestName of the database's manifest. Default: the database's name
    verify: Compare with the source: none, count or hash. Default: none
    notify: URL that the JSON summary is posted to when the run has ended. Default: none
    notify_on: Which runs are posted: always or failure. Default: always
    metrics_file: File for Prometheus, written when the run has ended. Default: none
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def plan(
    *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ..., config: Optional[StrPath] = ...,
    auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ...,
    log_db_mode: Optional[Literal["preserve", "truncate", "drop"]] = ..., env_name: Optional[str] = ...,
    source_db_auth_id: Optional[str] = ..., source_db_name: Optional[str] = ..., source: Optional[str] = ...,
    source_schema_name: Optional[Union[str, Iterable[str]]] = ..., include: Optional[Union[str, Iterable[str]]] = ...,
    exclude: Optional[Union[str, Iterable[str]]] = ..., views: Optional[bool] = ...,
    where: Optional[Union[str, Iterable[str]]] = ..., columns: Optional[Union[str, Iterable[str]]] = ...,
    source_where: Optional[Union[str, Iterable[str]]] = ..., source_columns: Optional[Union[str, Iterable[str]]] = ...,
    mask: Optional[Union[str, Iterable[str]]] = ..., mask_key_file: Optional[StrPath] = ...,
    cast: Optional[Union[str, Iterable[str]]] = ..., special_values: Optional[Literal["error", "null"]] = ...,
    numeric: Optional[str] = ..., readers: Optional[str] = ..., output_dir: Optional[StrPath] = ...,
    target_storage_id: Optional[str] = ..., sub_path: Optional[str] = ..., n_jobs: Optional[int] = ...,
    parallel: Optional[int] = ..., max_connections: Optional[int] = ..., large_table_threshold: Optional[int] = ...,
    part_bytes: Optional[Union[int, str]] = ..., table_config: Optional[Union[str, Iterable[str]]] = ...,
    compression: Optional[str] = ..., row_group_rows: Optional[int] = ...,
    row_group_bytes: Optional[Union[int, str]] = ..., encodings: Optional[Literal["delta", "plain"]] = ...,
    column_compression: Optional[Union[str, Iterable[str]]] = ...,
    bloom_filter: Optional[Union[str, Iterable[str]]] = ..., page_index: Optional[Literal["auto", "on", "off"]] = ...,
    parquet_metadata: Optional[Union[str, Iterable[str]]] = ...,
    format: Optional[Literal["plain", "delta", "arrow"]] = ...,
    partition_by: Optional[Union[str, Iterable[str]]] = ..., max_file_bytes: Optional[Union[int, str]] = ...,
    max_open_files: Optional[int] = ..., max_partitions: Optional[int] = ...,
    sort_by: Optional[Union[str, Iterable[str]]] = ..., min_file_bytes: Optional[Union[int, str]] = ...,
    deterministic: Optional[bool] = ..., consistency: Optional[Literal["run", "table", "none"]] = ...,
    if_exists: Optional[Literal["overwrite", "replace", "error", "append"]] = ..., keep_versions: Optional[int] = ...,
    error_action: Optional[Literal["continue", "fail"]] = ..., retries: Optional[int] = ...,
    empty_tables: Optional[Literal["write", "skip"]] = ..., memory_limit: Optional[Union[int, str]] = ...,
    max_snapshot_age: Optional[str] = ..., max_replica_lag: Optional[str] = ...,
    max_rate: Optional[Union[int, str]] = ..., start_between: Optional[str] = ..., resume: Optional[str] = ...,
    accept_mixed_snapshot: Optional[bool] = ..., generate_metadata: Optional[bool] = ...,
    include_entity_files: Optional[bool] = ..., manifest_name: Optional[str] = ...,
    verify: Optional[Literal["none", "count", "hash"]] = ..., notify: Optional[str] = ...,
    notify_on: Optional[Literal["always", "failure"]] = ..., metrics_file: Optional[StrPath] = ...,
    quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
    out: Optional[StrPath] = ...,
) -> PlanResult:
    """Show what an export would read and write, up to the first byte.

    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    log_db_mode: Keep, truncate or recreate the run log before the run. Default: preserve
    env_name: Rows of partition_columns with this env_name count. Default: those without one
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    source_schema_name: Schemas as LIKE patterns, separated by commas. Default: all but the system's
    include: Tables as LIKE patterns: 'sales.%, order_'. Default: all
    exclude: Tables to leave out, as --include. Default: none
    views: Views, materialized views and foreign tables too. Default: only those named without a wildcard
    where: Rows, as SQL: 'orders: total > 100'. Repeatable. Default: all
    columns: Columns: 'orders: a, b, c * 2 AS d'. Repeatable. Default: all
    source_where: Rows, in the database's own SQL: 'orders: total ^ 2 > 100'. Repeatable. Default: all
    source_columns: Columns, in the database's own SQL: 'orders: id, to_char(at, 'YYYY') AS y'. Repeatable. Default: all
    mask: Values to change: '%.email: hmac'. Repeatable. Default: none
    mask_key_file: File with the key of hmac, at least 16 bytes. Default: none
    cast: A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none
    special_values: NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error
    numeric: numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text
    readers: Programs that must open the files: any, modern, or names separated by commas. Default: any
    output_dir: Directory or URL to write to. Default: none; one is needed
    target_storage_id: Id in the auth file of the storage to write to. Default: none
    sub_path: Directory between the destination and the schemas' directories. Default: none
    n_jobs: Tables at once. Default: 2
    parallel: Readers per large table. Default: one per core, at most 4
    max_connections: Connections to the source in all, the snapshot's two included; at least 3. Default: 8
    large_table_threshold: Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows
    part_bytes: Size of the parts a large table is cut into, in bytes of source. Default: 256MiB
    table_config: How tables are cut: 'table:method:key:readers;...'. Repeatable. Default: automatic
    compression: zstd, gzip, brotli, snappy, lz4 or none. Default: zstd
    row_group_rows: Rows after which a row group closes. Default: 131072 rows
    row_group_bytes: Encoded bytes after which a row group closes. Default: 64MiB
    encodings: Values without a dictionary: delta or plain. Default: what --readers take
    column_compression: Codecs of single columns: 'orders: note=zstd(9), blob=none'. Repeatable. Default: --compression
    bloom_filter: Columns with a Bloom filter: 'orders: id, customer_id', 'orders: auto'. Repeatable. Default: none
    page_index: Bounds of every page, so that readers skip pages: auto, on or off. Default: auto
    parquet_metadata: A key and a value for the footer of every file. Repeatable. Default: none
    format: What the files of a table are: plain or delta. Default: plain
    partition_by: Hive partitions: 'orders: year(o_date) AS y, region'. Repeatable. Default: none
    max_file_bytes: Size at which a file ends and the next begins. Default: none, one file for each part
    max_open_files: Files of partitions that a reader writes at once. Default: 16
    max_partitions: Partitions that a table may have. Default: 10000
    sort_by: Order of rows: 'orders: o_date, o_id DESC'. Repeatable. Default: as they come
    min_file_bytes: Bytes of source that a part has at least: smaller ones are joined. Default: none
    deterministic: Same snapshot and settings, same bytes, at any number of readers. Default: off
    consistency: One point in time: run, table or none. Default: run
    if_exists: Old files: overwrite, replace, error or append. Default: overwrite
    keep_versions: Versions of a delta table that stay readable, the new one among them. Default: all
    error_action: When a table fails, go on with the others or stop. Default: continue
    retries: How often to read a part again after a transient error. Default: 3
    empty_tables: For a table without rows, write one file with its schema, or none. Default: write
    memory_limit: Memory for operators and open row groups, in bytes. Default: 1GiB
    max_snapshot_age: End the run when its snapshot is so old: 10s, 30m, 2h. Default: never
    max_replica_lag: Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked
    max_rate: Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit
    start_between: Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time
    resume: Finish the run of this id instead, as `lakexpress resume` does. Default: none
    accept_mixed_snapshot: Allow a resumed table to combine parts of different snapshots. Default: the table is exported again
    generate_metadata: Write metadata of Microsoft's Common Data Model when the tables are committed. Default: none
    include_entity_files: A document of entities for each table. Default: one for each schema
    manifest_name: manifestName of the database's manifest. Default: the database's name
    verify: Compare with the source: none, count or hash. Default: none
    notify: URL that the JSON summary is posted to when the run has ended. Default: none
    notify_on: Which runs are posted: always or failure. Default: always
    metrics_file: File for Prometheus, written when the run has ended. Default: none
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    out: File that the plan is written to, for `lakexpress apply`. Default: none
    """
    ...


def inspect(
    *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ..., config: Optional[StrPath] = ...,
    auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ..., source_db_auth_id: Optional[str] = ...,
    source_db_name: Optional[str] = ..., source: Optional[str] = ...,
    source_schema_name: Optional[Union[str, Iterable[str]]] = ..., include: Optional[Union[str, Iterable[str]]] = ...,
    exclude: Optional[Union[str, Iterable[str]]] = ..., views: Optional[bool] = ...,
    cast: Optional[Union[str, Iterable[str]]] = ..., special_values: Optional[Literal["error", "null"]] = ...,
    numeric: Optional[str] = ..., readers: Optional[str] = ..., quiet: Optional[bool] = ...,
    hide_values: Optional[bool] = ..., log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> InspectResult:
    """Show tables, columns and how exactly each type travels.

    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    source_schema_name: Schemas as LIKE patterns, separated by commas. Default: all but the system's
    include: Tables as LIKE patterns: 'sales.%, order_'. Default: all
    exclude: Tables to leave out, as --include. Default: none
    views: Views, materialized views and foreign tables too. Default: only those named without a wildcard
    cast: A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none
    special_values: NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error
    numeric: numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text
    readers: Programs that must open the files: any, modern, or names separated by commas. Default: any
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def check(
    *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ..., config: Optional[StrPath] = ...,
    auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ..., source_db_auth_id: Optional[str] = ...,
    source_db_name: Optional[str] = ..., source: Optional[str] = ...,
    source_schema_name: Optional[Union[str, Iterable[str]]] = ..., include: Optional[Union[str, Iterable[str]]] = ...,
    exclude: Optional[Union[str, Iterable[str]]] = ..., views: Optional[bool] = ...,
    where: Optional[Union[str, Iterable[str]]] = ..., columns: Optional[Union[str, Iterable[str]]] = ...,
    source_where: Optional[Union[str, Iterable[str]]] = ..., source_columns: Optional[Union[str, Iterable[str]]] = ...,
    output_dir: Optional[StrPath] = ..., target_storage_id: Optional[str] = ..., sub_path: Optional[str] = ...,
    notify: Optional[str] = ..., quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> CheckResult:
    """Check that the source and the destination are ready for an export.

    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    source_schema_name: Schemas as LIKE patterns, separated by commas. Default: all but the system's
    include: Tables as LIKE patterns: 'sales.%, order_'. Default: all
    exclude: Tables to leave out, as --include. Default: none
    views: Views, materialized views and foreign tables too. Default: only those named without a wildcard
    where: Rows, as SQL: 'orders: total > 100'. Repeatable. Default: all
    columns: Columns: 'orders: a, b, c * 2 AS d'. Repeatable. Default: all
    source_where: Rows, in the database's own SQL: 'orders: total ^ 2 > 100'. Repeatable. Default: all
    source_columns: Columns, in the database's own SQL: 'orders: id, to_char(at, 'YYYY') AS y'. Repeatable. Default: all
    output_dir: Directory or URL to write to. Default: none; one is needed
    target_storage_id: Id in the auth file of the storage to write to. Default: none
    sub_path: Directory between the destination and the schemas' directories. Default: none
    notify: URL that the JSON summary is posted to when the run has ended. Default: none
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def query(
    sql: Optional[str] = ..., *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ...,
    name: Optional[str] = ..., source_sql: Optional[str] = ..., key: Optional[str] = ...,
    script: Optional[StrPath] = ..., format: Optional[Literal["plain", "delta", "arrow"]] = ...,
    config: Optional[StrPath] = ..., auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ...,
    source_db_auth_id: Optional[str] = ..., source_db_name: Optional[str] = ..., source: Optional[str] = ...,
    cast: Optional[Union[str, Iterable[str]]] = ..., special_values: Optional[Literal["error", "null"]] = ...,
    numeric: Optional[str] = ..., readers: Optional[str] = ..., output_dir: Optional[StrPath] = ...,
    target_storage_id: Optional[str] = ..., sub_path: Optional[str] = ..., n_jobs: Optional[int] = ...,
    parallel: Optional[int] = ..., max_connections: Optional[int] = ..., large_table_threshold: Optional[int] = ...,
    part_bytes: Optional[Union[int, str]] = ..., table_config: Optional[Union[str, Iterable[str]]] = ...,
    compression: Optional[str] = ..., row_group_rows: Optional[int] = ...,
    row_group_bytes: Optional[Union[int, str]] = ..., encodings: Optional[Literal["delta", "plain"]] = ...,
    column_compression: Optional[Union[str, Iterable[str]]] = ...,
    bloom_filter: Optional[Union[str, Iterable[str]]] = ..., page_index: Optional[Literal["auto", "on", "off"]] = ...,
    parquet_metadata: Optional[Union[str, Iterable[str]]] = ...,
    partition_by: Optional[Union[str, Iterable[str]]] = ..., max_file_bytes: Optional[Union[int, str]] = ...,
    max_open_files: Optional[int] = ..., max_partitions: Optional[int] = ...,
    consistency: Optional[Literal["run", "table", "none"]] = ...,
    if_exists: Optional[Literal["overwrite", "replace", "error", "append"]] = ..., keep_versions: Optional[int] = ...,
    error_action: Optional[Literal["continue", "fail"]] = ..., retries: Optional[int] = ...,
    empty_tables: Optional[Literal["write", "skip"]] = ..., memory_limit: Optional[Union[int, str]] = ...,
    max_snapshot_age: Optional[str] = ..., max_replica_lag: Optional[str] = ...,
    max_rate: Optional[Union[int, str]] = ..., start_between: Optional[str] = ..., notify: Optional[str] = ...,
    notify_on: Optional[Literal["always", "failure"]] = ..., metrics_file: Optional[StrPath] = ...,
    quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> RunResult:
    """Export the result of SQL over the source's tables.

    name: Name of the export. Default: none; goes with SQL, unless --format is arrow
    source_sql: A query in the database's own SQL. Default: none
    key: Column of the result of --source-sql by whose ranges it is cut. Default: none, one reader
    script: File of COPY (SELECT ...) TO 'name'; statements. Default: none
    format: What the result becomes: parquet, delta or arrow. Default: parquet
    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    cast: A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none
    special_values: NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error
    numeric: numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text
    readers: Programs that must open the files: any, modern, or names separated by commas. Default: any
    output_dir: Directory or URL to write to. Default: none; one is needed
    target_storage_id: Id in the auth file of the storage to write to. Default: none
    sub_path: Directory between the destination and the schemas' directories. Default: none
    n_jobs: Tables at once. Default: 2
    parallel: Readers per large table. Default: one per core, at most 4
    max_connections: Connections to the source in all, the snapshot's two included; at least 3. Default: 8
    large_table_threshold: Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows
    part_bytes: Size of the parts a large table is cut into, in bytes of source. Default: 256MiB
    table_config: How tables are cut: 'table:method:key:readers;...'. Repeatable. Default: automatic
    compression: zstd, gzip, brotli, snappy, lz4 or none. Default: zstd
    row_group_rows: Rows after which a row group closes. Default: 131072 rows
    row_group_bytes: Encoded bytes after which a row group closes. Default: 64MiB
    encodings: Values without a dictionary: delta or plain. Default: what --readers take
    column_compression: Codecs of single columns: 'orders: note=zstd(9), blob=none'. Repeatable. Default: --compression
    bloom_filter: Columns with a Bloom filter: 'orders: id, customer_id', 'orders: auto'. Repeatable. Default: none
    page_index: Bounds of every page, so that readers skip pages: auto, on or off. Default: auto
    parquet_metadata: A key and a value for the footer of every file. Repeatable. Default: none
    partition_by: Hive partitions: 'orders: year(o_date) AS y, region'. Repeatable. Default: none
    max_file_bytes: Size at which a file ends and the next begins. Default: none, one file for each part
    max_open_files: Files of partitions that a reader writes at once. Default: 16
    max_partitions: Partitions that a table may have. Default: 10000
    consistency: One point in time: run, table or none. Default: run
    if_exists: Old files: overwrite, replace, error or append. Default: overwrite
    keep_versions: Versions of a delta table that stay readable, the new one among them. Default: all
    error_action: When a table fails, go on with the others or stop. Default: continue
    retries: How often to read a part again after a transient error. Default: 3
    empty_tables: For a table without rows, write one file with its schema, or none. Default: write
    memory_limit: Memory for operators and open row groups, in bytes. Default: 1GiB
    max_snapshot_age: End the run when its snapshot is so old: 10s, 30m, 2h. Default: never
    max_replica_lag: Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked
    max_rate: Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit
    start_between: Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time
    notify: URL that the JSON summary is posted to when the run has ended. Default: none
    notify_on: Which runs are posted: always or failure. Default: always
    metrics_file: File for Prometheus, written when the run has ended. Default: none
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def resume(
    run_id: str, *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ...,
    config: Optional[StrPath] = ..., auth: Optional[StrPath] = ..., log_db_auth_id: Optional[str] = ...,
    source: Optional[str] = ..., mask_key_file: Optional[StrPath] = ..., n_jobs: Optional[int] = ...,
    max_connections: Optional[int] = ..., error_action: Optional[Literal["continue", "fail"]] = ...,
    retries: Optional[int] = ..., max_snapshot_age: Optional[str] = ..., max_replica_lag: Optional[str] = ...,
    max_rate: Optional[Union[int, str]] = ..., start_between: Optional[str] = ...,
    accept_mixed_snapshot: Optional[bool] = ..., notify: Optional[str] = ...,
    notify_on: Optional[Literal["always", "failure"]] = ..., metrics_file: Optional[StrPath] = ...,
    quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> RunResult:
    """Finish what a run left undone.

    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    mask_key_file: File with the key of hmac, at least 16 bytes. Default: none
    n_jobs: Tables at once. Default: 2
    max_connections: Connections to the source in all, the snapshot's two included; at least 3. Default: 8
    error_action: When a table fails, go on with the others or stop. Default: continue
    retries: How often to read a part again after a transient error. Default: 3
    max_snapshot_age: End the run when its snapshot is so old: 10s, 30m, 2h. Default: never
    max_replica_lag: Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked
    max_rate: Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit
    start_between: Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time
    accept_mixed_snapshot: Allow a resumed table to combine parts of different snapshots. Default: the table is exported again
    notify: URL that the JSON summary is posted to when the run has ended. Default: none
    notify_on: Which runs are posted: always or failure. Default: always
    metrics_file: File for Prometheus, written when the run has ended. Default: none
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def verify(
    target: Optional[StrPath] = ..., *, check: bool = ..., progress: Optional[Callable[[Progress], object]] = ...,
    read_data: Optional[Union[bool, float, str]] = ..., target_storage_id: Optional[str] = ...,
    sub_path: Optional[str] = ..., config: Optional[StrPath] = ..., auth: Optional[StrPath] = ...,
    log_db_auth_id: Optional[str] = ..., quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> VerifyResult:
    """Prove that what lies at a destination is what its manifests say.

    read_data: Read files' bytes and values too. Default: no; alone: of all files
    target_storage_id: Id in the auth file of the storage to look at. Default: none
    sub_path: Directory below the destination whose tables are looked at. Default: all
    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    log_db_auth_id: Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...


def stream(
    sql: Optional[str] = ..., *, source_sql: Optional[str] = ..., key: Optional[str] = ...,
    config: Optional[StrPath] = ..., auth: Optional[StrPath] = ..., source_db_auth_id: Optional[str] = ...,
    source_db_name: Optional[str] = ..., source: Optional[str] = ..., cast: Optional[Union[str, Iterable[str]]] = ...,
    special_values: Optional[Literal["error", "null"]] = ..., numeric: Optional[str] = ...,
    readers: Optional[str] = ..., parallel: Optional[int] = ..., max_connections: Optional[int] = ...,
    large_table_threshold: Optional[int] = ..., part_bytes: Optional[Union[int, str]] = ...,
    table_config: Optional[Union[str, Iterable[str]]] = ...,
    consistency: Optional[Literal["run", "table", "none"]] = ..., retries: Optional[int] = ...,
    memory_limit: Optional[Union[int, str]] = ..., max_snapshot_age: Optional[str] = ...,
    max_replica_lag: Optional[str] = ..., max_rate: Optional[Union[int, str]] = ...,
    start_between: Optional[str] = ..., quiet: Optional[bool] = ..., hide_values: Optional[bool] = ...,
    log_level: Optional[Literal["debug", "info", "warning", "error"]] = ...,
    log_format: Optional[Literal["text", "json"]] = ..., log_dir: Optional[StrPath] = ...,
) -> Stream:
    """Read the result of SQL as Arrow record batches; nothing is written.

    source_sql: A query in the database's own SQL. Default: none
    key: Column of the result of --source-sql by whose ranges it is cut. Default: none, one reader
    config: Configuration file (TOML or YAML) with values of flags. Default: none
    auth: Auth file: one JSON object with ids as keys. Default: none
    source_db_auth_id: Id in the auth file of the database to read. Default: none
    source_db_name: Database to read instead of the one in the auth entry. Default: the entry's
    source: URL, as postgres:// or mysql://user@host/db. Default: none
    cast: A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none
    special_values: NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error
    numeric: numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text
    readers: Programs that must open the files: any, modern, or names separated by commas. Default: any
    parallel: Readers per large table. Default: one per core, at most 4
    max_connections: Connections to the source in all, the snapshot's two included; at least 3. Default: 8
    large_table_threshold: Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows
    part_bytes: Size of the parts a large table is cut into, in bytes of source. Default: 256MiB
    table_config: How tables are cut: 'table:method:key:readers;...'. Repeatable. Default: automatic
    consistency: One point in time: run, table or none. Default: run
    retries: How often to read a part again after a transient error. Default: 3
    memory_limit: Memory for operators and open row groups, in bytes. Default: 1GiB
    max_snapshot_age: End the run when its snapshot is so old: 10s, 30m, 2h. Default: never
    max_replica_lag: Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked
    max_rate: Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit
    start_between: Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time
    quiet: Only warnings and errors. Default: summary and progress too
    hide_values: Keep values of rows out of messages, logs and run log. Default: shown
    log_level: Least important messages to log. Default: info
    log_format: Form of the log lines. Default: text
    log_dir: Directory for a log file lakexpress_<date-time>.log as well. Default: no file
    """
    ...
