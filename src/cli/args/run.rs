//! Flags that say how: parallelism, Parquet, the run, its output.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};

use super::choices::{CompressionArg, LogFormatArg, LogLevelArg};
use crate::catalog::Consistency;
use crate::cli::values::{parse_compression, parse_count};
use crate::config::units::Size;
use crate::spec::{
    CuttingSpec, EmptyTables, Encodings, ErrorAction, FilesSpec, IfExists, OutputSpec, PageIndex,
    ParquetSpec, RunSpec, SafetySpec,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Parallelism")]
pub(in crate::cli) struct ParallelArgs {
    /// Tables at once. Default: 2.
    ///
    /// Each takes up to -p connections and as many open row groups. Queries run one after the other.
    #[arg(long, env = "LAKEXPRESS_N_JOBS", value_name = "TABLES", default_value_t = RunSpec::default().n_jobs, value_parser = parse_count)]
    pub(in crate::cli) n_jobs: usize,
    /// Readers per large table. Default: one per core, at most 4.
    ///
    /// 0: one per core; -K: cores / K. Each costs one connection, one backend of the server and one open row group.
    #[arg(
        short = 'p',
        long,
        env = "LAKEXPRESS_PARALLEL",
        value_name = "READERS",
        alias = "fastbcp-p",
        allow_negative_numbers = true
    )]
    pub(in crate::cli) parallel: Option<i64>,
    /// Connections to the source in all, the snapshot's two included; at least 3. Default: 8.
    ///
    /// Readers queue when this is below (--n-jobs * -p) + 2.
    #[arg(
        long,
        env = "LAKEXPRESS_MAX_CONNECTIONS",
        value_name = "CONNECTIONS",
        default_value_t = RunSpec::default().max_connections,
        value_parser = parse_count
    )]
    pub(in crate::cli) max_connections: usize,
    /// Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows.
    #[arg(long, env = "LAKEXPRESS_LARGE_TABLE_THRESHOLD", value_name = "ROWS", default_value_t = CuttingSpec::default().large_table_rows)]
    pub(in crate::cli) large_table_threshold: u64,
    /// Size of the parts a large table is cut into, in bytes of source. Default: 256MiB.
    ///
    /// Smaller parts spread better over readers and cost a statement and a file each.
    #[arg(long, env = "LAKEXPRESS_PART_BYTES", value_name = "SIZE", default_value_t = Size(CuttingSpec::default().part_bytes))]
    pub(in crate::cli) part_bytes: Size,
    /// How tables are cut: 'table:method:key:readers;...'. Repeatable. Default: automatic.
    ///
    /// Methods: None, Ctid (also Rowid, Physical, Physloc), DBPartition, RangeId, Ntile, Random (also Modulo), DataDriven
    /// (a column or an expression), Timepartition ('(column,year,month)'). An empty field means its default.
    #[arg(
        long,
        env = "LAKEXPRESS_TABLE_CONFIG",
        value_name = "RULES",
        visible_alias = "fastbcp-table-config"
    )]
    pub(in crate::cli) table_config: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Parquet files")]
pub(in crate::cli) struct ParquetArgs {
    /// zstd, gzip, brotli, snappy, lz4 or none. Default: zstd.
    ///
    /// Costs processor time: snappy and lz4 least, zstd(1) a little more for smaller files, gzip and brotli
    /// much more. A level may follow in parentheses, zstd(3). Levels: zstd 1 to 22 (3, with --encodings delta 1), gzip 0 to 9
    /// (6), brotli 0 to 11 (1).
    #[arg(
        long,
        env = "LAKEXPRESS_COMPRESSION",
        value_name = "CODEC",
        default_value = "zstd",
        alias = "compression-type",
        value_parser = parse_compression
    )]
    pub(in crate::cli) compression: CompressionArg,
    /// Rows after which a row group closes. Default: 131072 rows.
    ///
    /// Every reader holds one open row group, encoded, in memory.
    #[arg(
        long,
        env = "LAKEXPRESS_ROW_GROUP_ROWS",
        value_name = "ROWS",
        default_value_t = ParquetSpec::default().row_group_rows,
        value_parser = parse_count
    )]
    pub(in crate::cli) row_group_rows: usize,
    /// Encoded bytes after which a row group closes. Default: 64MiB.
    #[arg(
        long,
        env = "LAKEXPRESS_ROW_GROUP_BYTES",
        value_name = "SIZE",
        default_value_t = Size::from(ParquetSpec::default().row_group_bytes)
    )]
    pub(in crate::cli) row_group_bytes: Size,
    /// Values without a dictionary: delta or plain. Default: what --readers take.
    ///
    /// delta packs the differences of integers and the lengths of texts, which makes files smaller; not every reader
    /// knows it (fastparquet, Spark before 3.4, Iceberg before 1.11). plain is known to all.
    #[arg(
        long,
        env = "LAKEXPRESS_ENCODINGS",
        value_name = "NAME",
        hide_possible_values = true,
        value_enum,
        ignore_case = true
    )]
    pub(in crate::cli) encodings: Option<Encodings>,
    /// Codecs of single columns: 'orders: note=zstd(9), blob=none'. Repeatable. Default: --compression.
    ///
    /// The column is one of the files, in double quotes if its name has a comma.
    #[arg(long, env = "LAKEXPRESS_COLUMN_COMPRESSION", value_name = "TABLE: COLUMN=CODEC")]
    pub(in crate::cli) column_compression: Vec<String>,
    /// Columns with a Bloom filter: 'orders: id, customer_id', 'orders: auto'. Repeatable. Default: none.
    ///
    /// Readers skip row groups that do not have the value they look for, except for at most 0.1 % of absent values. A filter
    /// takes 2 to 4 bytes for each distinct value. auto: columns of integers, texts, uuids and decimals, in row groups where
    /// nearly all values differ.
    #[arg(long, env = "LAKEXPRESS_BLOOM_FILTER", value_name = "TABLE: COLUMNS")]
    pub(in crate::cli) bloom_filter: Vec<String>,
    /// Bounds of every page, so that readers skip pages: auto, on or off. Default: auto.
    ///
    /// auto: for files whose rows are sorted. Pages then have 16,384 rows at most.
    #[arg(
        long,
        env = "LAKEXPRESS_PAGE_INDEX",
        value_name = "WHEN",
        hide_possible_values = true,
        value_enum,
        default_value_t = FilesSpec::default().page_index,
        ignore_case = true
    )]
    pub(in crate::cli) page_index: PageIndex,
    /// A key and a value for the footer of every file. Repeatable. Default: none.
    ///
    /// Keys that readers give a meaning are refused: ARROW:schema, geo, pandas, lakexpress:*, org.apache.spark.*.
    #[arg(long, env = "LAKEXPRESS_PARQUET_METADATA", value_name = "KEY=VALUE")]
    pub(in crate::cli) parquet_metadata: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(in crate::cli) struct RunArgs {
    /// One point in time: run, table or none. Default: run.
    ///
    /// For the whole run, for each table, or for nothing. run keeps one transaction open on the server from the
    /// first row to the last, which holds back vacuum.
    #[arg(
        long,
        value_name = "LEVEL",
        hide_possible_values = true,
        env = "LAKEXPRESS_CONSISTENCY",
        value_enum,
        default_value_t = SafetySpec::default().consistency,
        ignore_case = true
    )]
    pub(in crate::cli) consistency: Consistency,
    /// Old files: overwrite, replace, error or append. Default: overwrite.
    ///
    /// When a table's directory already holds files. overwrite replaces what the last manifest lists, and nothing else, if
    /// the same table of the same source (or a query of the same name) wrote it; replace does so in any case.
    #[arg(
        long,
        value_name = "ACTION",
        hide_possible_values = true,
        env = "LAKEXPRESS_IF_EXISTS",
        value_enum,
        default_value_t = OutputSpec::default().if_exists,
        ignore_case = true
    )]
    pub(in crate::cli) if_exists: IfExists,
    /// Versions of a delta table that stay readable, the new one among them. Default: all.
    ///
    /// Files that only older versions name are deleted after the commit. The log stays.
    #[arg(long, env = "LAKEXPRESS_KEEP_VERSIONS", value_name = "COUNT", value_parser = parse_count)]
    pub(in crate::cli) keep_versions: Option<usize>,
    /// When a table fails, go on with the others or stop. Default: continue.
    #[arg(long, env = "LAKEXPRESS_ERROR_ACTION", value_enum, default_value_t = RunSpec::default().error_action, ignore_case = true)]
    pub(in crate::cli) error_action: ErrorAction,
    /// How often to read a part again after a transient error. Default: 3.
    ///
    /// A broken connection, a deadlock, a conflict on a standby: after a pause that grows, and only the part that failed.
    /// 0: never. While the server has no connection free, readers wait in any case.
    #[arg(long, env = "LAKEXPRESS_RETRIES", value_name = "TIMES", default_value_t = RunSpec::default().retries)]
    pub(in crate::cli) retries: u32,
    /// For a table without rows, write one file with its schema, or none. Default: write.
    #[arg(long, env = "LAKEXPRESS_EMPTY_TABLES", value_enum, default_value_t = OutputSpec::default().empty_tables, ignore_case = true)]
    pub(in crate::cli) empty_tables: EmptyTables,
    /// Memory for operators and open row groups, in bytes. Default: 1GiB.
    ///
    /// Sorts, aggregates and joins of `query` that need more spill to the system's temporary directory (TMPDIR).
    #[arg(
        long,
        env = "LAKEXPRESS_MEMORY_LIMIT",
        value_name = "SIZE",
        default_value_t = Size(RunSpec::default().memory_limit_bytes)
    )]
    pub(in crate::cli) memory_limit: Size,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ProgressArgs {
    /// Do not draw progress lines. Default: they are drawn when standard error is a terminal.
    #[arg(long, env = "LAKEXPRESS_NO_PROGRESS", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub(in crate::cli) no_progress: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputArgs {
    /// One JSON document on standard output. Default: text.
    ///
    /// Everything else goes to standard error.
    #[arg(long, env = "LAKEXPRESS_JSON", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) json: bool,
    /// Only warnings and errors. Default: summary and progress too.
    #[arg(short = 'q', long, env = "LAKEXPRESS_QUIET", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) quiet: bool,
    /// Keep values of rows out of messages, logs and run log. Default: shown.
    ///
    /// Errors then name table, part, column, place and kind, and of a server's error its SQLSTATE. Plans of tables are not
    /// recorded, so that `resume --accept-mixed-snapshot` exports an unfinished table whole.
    #[arg(long, env = "LAKEXPRESS_HIDE_VALUES", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) hide_values: bool,
    /// Least important messages to log. Default: info.
    #[arg(long, env = "LAKEXPRESS_LOG_LEVEL", value_enum, default_value = "info", ignore_case = true)]
    pub(in crate::cli) log_level: LogLevelArg,
    /// Form of the log lines. Default: text.
    #[arg(long, env = "LAKEXPRESS_LOG_FORMAT", value_enum, default_value = "text", ignore_case = true)]
    pub(in crate::cli) log_format: LogFormatArg,
    /// Directory for a log file lakexpress_<date-time>.log as well. Default: no file.
    #[arg(long, env = "LAKEXPRESS_LOG_DIR", value_name = "PATH")]
    pub(in crate::cli) log_dir: Option<PathBuf>,
}

/// Flags of LakeXpress that have no meaning here. Accepted so that old command lines work.
#[derive(Debug, Args)]
pub(in crate::cli) struct IgnoredArgs {
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "PATH")]
    pub(in crate::cli) fastbcp_dir_path: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "TEXT")]
    pub(in crate::cli) license: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "PATH")]
    pub(in crate::cli) license_file: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(in crate::cli) no_banner: bool,
    /// No meaning here, ignored
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(in crate::cli) quiet_fbcp: bool,
}
