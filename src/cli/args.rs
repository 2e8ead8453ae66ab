//! The command line as typed text. No effects: what can fail on the world is in `resolve`.

use std::fmt;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::config::units::parse_bytes;
use crate::spec::{Compression, NumericPolicy};

use super::values::{parse_compression, parse_count, parse_numeric, parse_scale};

/// Exports databases to Parquet files: exactly, at one point in time, all or nothing per table.
///
/// Without a command, `export` runs. Every flag is also accepted with underscores, and read from the
/// environment as LAKEXPRESS_ plus its name (--n-jobs: LAKEXPRESS_N_JOBS).
///
/// Exit codes: 0 all done; 1 the run ended and some tables failed; 2 usage; 65 data; 70 internal;
/// 75 try again later; 77 denied; 78 configuration; 130 or 143 interrupted.
#[derive(Debug, Parser)]
#[command(name = "lakexpress", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Export tables to Parquet files (the default command)
    Export(Box<ExportArgs>),
    /// Show what an export would read and write, up to the first byte
    Plan(Box<ExportArgs>),
    /// Show tables, columns and how exactly each type travels
    Inspect(Box<InspectArgs>),
    /// Export the result of SQL over the source's tables
    Query(Box<QueryArgs>),
    /// Try everything that an export needs, at the source and at the destination
    Check(Box<CheckArgs>),
    /// Make a small database, export it and show what came out; needs nothing
    Demo(DemoArgs),
    /// List the latest runs
    Runs(RunsArgs),
    /// Show one run and its tables
    Status(StatusArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
}

impl Command {
    pub(super) fn output(&self) -> &OutputArgs {
        match self {
            Self::Export(args) | Self::Plan(args) => &args.output,
            Self::Inspect(args) => &args.output,
            Self::Query(args) => &args.output,
            Self::Check(args) => &args.output,
            Self::Demo(args) => &args.output,
            Self::Completions(args) => &args.output,
            Self::Runs(args) => &args.output,
            Self::Status(args) => &args.output,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
    #[command(flatten)]
    pub(super) types: TypeArgs,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) parallel: ParallelArgs,
    #[command(flatten)]
    pub(super) parquet: ParquetArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Do not draw progress lines. Default: they are drawn when standard error is a terminal.
    #[arg(long, env = "LAKEXPRESS_NO_PROGRESS", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub(super) no_progress: bool,
    #[command(flatten)]
    pub(super) ignored: IgnoredArgs,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) types: TypeArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Try everything that an export needs, at the source and at the destination.
///
/// Source: connect, pin one point in time, read no rows of every table. Destination: list, write, read, upload in
/// parts, complete, abort, lock, write under a condition, clock or free space, delete; on a probe that is removed.
/// One line each, with what to do. Name either or both; the exit code is that of the first failure.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Export the result of SQL over the source's tables.
///
/// Any DataFusion query: joins, aggregates, windows, CTEs, UNION, ORDER BY. All tables are read as of one
/// snapshot, and the result lies in <output-dir>/[sub-path/]query/<name>/, committed all or nothing. Names
/// without a schema are tables of `public` (PostgreSQL) or `main` (SQLite).
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The query; this or --script is needed
    #[arg(value_name = "SQL", conflicts_with = "script")]
    pub(super) sql: Option<String>,
    /// Name of the export. Default: none; goes with SQL.
    #[arg(long, env = "LAKEXPRESS_NAME", value_name = "NAME", help_heading = "Query")]
    pub(super) name: Option<String>,
    /// File of COPY (SELECT ...) TO 'name'; statements. Default: none.
    ///
    /// - is standard input. One export each, all as of one snapshot. Everything is checked before anything is exported.
    #[arg(long, env = "LAKEXPRESS_SCRIPT", value_name = "FILE", help_heading = "Query")]
    pub(super) script: Option<PathBuf>,
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) types: TypeArgs,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) parallel: ParallelArgs,
    #[command(flatten)]
    pub(super) parquet: ParquetArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Do not draw progress lines. Default: they are drawn when standard error is a terminal.
    #[arg(long, env = "LAKEXPRESS_NO_PROGRESS", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub(super) no_progress: bool,
}

/// Make a small database, export it and show what came out; needs nothing.
///
/// Writes a TPC-H database to a SQLite file, exports it to Parquet, and asks the files a question. Always
/// the same rows; a few seconds at the default scale.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Directory to make. Default: ./lakexpress-demo.
    ///
    /// It must not exist, or be empty.
    #[arg(long, env = "LAKEXPRESS_DIR", value_name = "PATH", default_value = "./lakexpress-demo")]
    pub(super) dir: PathBuf,
    /// TPC-H scale factor. Default: 0.1.
    ///
    /// 1 is 8.7 million rows; time and space grow in proportion (0.1 is about 113 MB of SQLite).
    #[arg(long, env = "LAKEXPRESS_SCALE", value_name = "FACTOR", default_value = "0.1", value_parser = parse_scale)]
    pub(super) scale: f64,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Print the completion script of a shell.
///
/// For example: lakexpress completions bash > ~/.local/share/bash-completion/completions/lakexpress
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, ignore_case = true)]
    pub(super) shell: clap_complete::Shell,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    /// Runs to list, newest first. Default: 20.
    #[arg(long, env = "LAKEXPRESS_LIMIT", value_name = "N", default_value = "20", value_parser = parse_count)]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Id of the run; a unique beginning of it is enough
    #[arg(value_name = "RUN_ID")]
    pub(super) run_id: String,
    #[command(flatten)]
    pub(super) auth: AuthArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Auth file and run log")]
pub(super) struct AuthArgs {
    /// Auth file: one JSON object with ids as keys. Default: none.
    #[arg(short = 'a', long, env = "LAKEXPRESS_AUTH", value_name = "FILE", alias = "auth-file")]
    pub(super) auth: Option<PathBuf>,
    /// Id in the auth file of the database that records runs (so far sqlite).
    ///
    /// Default: a SQLite file in your state directory, $XDG_STATE_HOME/lakexpress/runlog.sqlite.
    #[arg(long, env = "LAKEXPRESS_LOG_DB_AUTH_ID", value_name = "ID", alias = "lxdb-auth-id")]
    pub(super) log_db_auth_id: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(super) struct SourceArgs {
    /// Id in the auth file of the database to read. Default: none.
    ///
    /// This or --source is needed.
    #[arg(long, env = "LAKEXPRESS_SOURCE_DB_AUTH_ID", value_name = "ID")]
    pub(super) source_db_auth_id: Option<String>,
    /// Database to read instead of the one in the auth entry. Default: the entry's.
    #[arg(long, env = "LAKEXPRESS_SOURCE_DB_NAME", value_name = "NAME")]
    pub(super) source_db_name: Option<String>,
    /// URL of the database: postgres://user@host/db. Default: none.
    ///
    /// The alternative to --auth and --source-db-auth-id. Other users of this machine can see command lines:
    /// a URL with a password belongs into the environment variable.
    #[arg(long, env = "LAKEXPRESS_SOURCE", value_name = "URL", hide_env_values = true)]
    pub(super) source: Option<SourceUrl>,
}

/// The text of `--source`, which may hold a password. Debug shows nothing of it.
#[derive(Clone)]
pub(super) struct SourceUrl(pub(super) String);

impl From<String> for SourceUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceUrl")
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionArgs {
    /// Schemas as LIKE patterns, separated by commas. Default: all but the system's.
    #[arg(long, env = "LAKEXPRESS_SOURCE_SCHEMA_NAME", value_name = "PATTERNS")]
    pub(super) source_schema_name: Vec<String>,
    /// Tables as LIKE patterns: 'sales.%, order_'. Default: all.
    ///
    /// Separated by commas; a pattern with a dot is for `schema.table`. Costs nothing: tables left out are not locked.
    #[arg(short = 'i', long, env = "LAKEXPRESS_INCLUDE", value_name = "PATTERNS")]
    pub(super) include: Vec<String>,
    /// Tables to leave out, as --include. Default: none.
    ///
    /// Wins over --include.
    #[arg(short = 'e', long, env = "LAKEXPRESS_EXCLUDE", value_name = "PATTERNS")]
    pub(super) exclude: Vec<String>,
    /// Views, materialized views and foreign tables too. Default: only those named without a wildcard.
    #[arg(long, env = "LAKEXPRESS_VIEWS", value_parser = FalseyValueParser::new())]
    pub(super) views: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(super) struct RuleArgs {
    /// Rows, as SQL: 'orders: total > 100'. Repeatable. Default: all.
    ///
    /// The server evaluates what it answers exactly as DataFusion does; for the rest every row travels and is
    /// tested here. `plan` shows which is which.
    #[arg(long = "where", env = "LAKEXPRESS_WHERE", value_name = "TABLE: SQL")]
    pub(super) wheres: Vec<String>,
    /// Columns: 'orders: a, b, c * 2 AS d'. Repeatable. Default: all.
    ///
    /// Only columns that are used are read; expressions are computed here.
    #[arg(long, env = "LAKEXPRESS_COLUMNS", value_name = "TABLE: COLUMNS")]
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Types")]
pub(super) struct TypeArgs {
    /// A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none.
    #[arg(long, env = "LAKEXPRESS_CAST", value_name = "TABLE.COLUMN: TYPE")]
    pub(super) cast: Vec<String>,
    /// NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error.
    #[arg(long, env = "LAKEXPRESS_SPECIAL_VALUES", value_enum, default_value = "error", ignore_case = true)]
    pub(super) special_values: SpecialValuesArg,
    /// numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text.
    ///
    /// text keeps every value and is the largest; measure reads each such column once more, before the export, for the
    /// smallest decimal that holds it; double rounds; decimal fails on the first value that does not fit.
    #[arg(long, env = "LAKEXPRESS_NUMERIC", value_name = "TYPE", default_value = "text", value_parser = parse_numeric)]
    pub(super) numeric: NumericPolicy,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Destination")]
pub(super) struct TargetArgs {
    /// Directory or URL to write to. Default: none; one is needed.
    ///
    /// Or a storage of the auth file with --target-storage-id instead. A URL is s3://bucket/path, gs://bucket/path, abfss://container@account.dfs.core.windows.net/path or
    /// onelake://workspace/lakehouse/path; credentials come from the environment then.
    #[arg(long, env = "LAKEXPRESS_OUTPUT_DIR", value_name = "PATH")]
    pub(super) output_dir: Option<String>,
    /// Id in the auth file of the storage to write to. Default: none.
    #[arg(long, env = "LAKEXPRESS_TARGET_STORAGE_ID", value_name = "ID")]
    pub(super) target_storage_id: Option<String>,
    /// Directory between the destination and the schemas' directories. Default: none.
    #[arg(long, env = "LAKEXPRESS_SUB_PATH", value_name = "PATH")]
    pub(super) sub_path: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Parallelism")]
pub(super) struct ParallelArgs {
    /// Tables at once. Default: 2.
    ///
    /// Each takes up to -p connections and as many open row groups. Queries run one after the other.
    #[arg(long, env = "LAKEXPRESS_N_JOBS", value_name = "TABLES", default_value = "2", value_parser = parse_count)]
    pub(super) n_jobs: usize,
    /// Readers per large table. Default: one per core, at most 4.
    ///
    /// 0: one per core; -K: cores / K. Each costs one connection, one backend of the server and one open row group.
    #[arg(
        short = 'p',
        long,
        env = "LAKEXPRESS_FASTBCP_P",
        value_name = "READERS",
        alias = "parallel",
        allow_negative_numbers = true
    )]
    pub(super) fastbcp_p: Option<i64>,
    /// Connections to the source in all, the snapshot's two included; at least 3. Default: 8.
    ///
    /// Readers wait when there are fewer than --n-jobs times -p and two.
    #[arg(
        long,
        env = "LAKEXPRESS_MAX_CONNECTIONS",
        value_name = "CONNECTIONS",
        default_value = "8",
        value_parser = parse_count
    )]
    pub(super) max_connections: usize,
    /// Tables with fewer (estimated) rows are read by one reader. Default: 100000 rows.
    #[arg(long, env = "LAKEXPRESS_LARGE_TABLE_THRESHOLD", value_name = "ROWS", default_value = "100000")]
    pub(super) large_table_threshold: u64,
    /// Size of the parts a large table is cut into, in bytes of source. Default: 256MiB.
    ///
    /// Smaller parts spread better over readers and cost a statement and a file each.
    #[arg(long, env = "LAKEXPRESS_PART_BYTES", value_name = "SIZE", default_value = "256MiB", value_parser = parse_bytes)]
    pub(super) part_bytes: u64,
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
    pub(super) table_config: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Parquet files")]
pub(super) struct ParquetArgs {
    /// zstd, gzip, brotli, snappy, lz4 or none. Default: zstd(1).
    ///
    /// Costs processor time: snappy and lz4 least, zstd(1) a little more for smaller files, gzip and brotli
    /// much more. A level may follow in parentheses, zstd(3). Levels: zstd 1 to 22 (1), gzip 0 to 9 (6), brotli 0 to 11 (1).
    #[arg(
        long,
        env = "LAKEXPRESS_COMPRESSION",
        value_name = "CODEC",
        default_value = "zstd(1)",
        alias = "compression-type",
        value_parser = parse_compression
    )]
    pub(super) compression: Compression,
    /// Rows after which a row group closes. Default: 131072 rows.
    ///
    /// Every reader holds one open row group, encoded, in memory.
    #[arg(
        long,
        env = "LAKEXPRESS_ROW_GROUP_ROWS",
        value_name = "ROWS",
        default_value = "131072",
        value_parser = parse_count
    )]
    pub(super) row_group_rows: usize,
    /// Encoded bytes after which a row group closes. Default: 64MiB.
    #[arg(
        long,
        env = "LAKEXPRESS_ROW_GROUP_BYTES",
        value_name = "SIZE",
        default_value = "64MiB",
        value_parser = parse_bytes
    )]
    pub(super) row_group_bytes: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(super) struct RunArgs {
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
        default_value = "run",
        ignore_case = true
    )]
    pub(super) consistency: ConsistencyArg,
    /// Old files: overwrite, error or append. Default: overwrite.
    ///
    /// When a table's directory already holds files. overwrite replaces what the last manifest lists, and nothing else.
    #[arg(
        long,
        value_name = "ACTION",
        hide_possible_values = true,
        env = "LAKEXPRESS_IF_EXISTS",
        value_enum,
        default_value = "overwrite",
        ignore_case = true
    )]
    pub(super) if_exists: IfExistsArg,
    /// When a table fails, go on with the others or stop. Default: continue.
    #[arg(long, env = "LAKEXPRESS_ERROR_ACTION", value_enum, default_value = "continue", ignore_case = true)]
    pub(super) error_action: ErrorActionArg,
    /// For a table without rows, write one file with its schema, or none. Default: write.
    #[arg(long, env = "LAKEXPRESS_EMPTY_TABLES", value_enum, default_value = "write", ignore_case = true)]
    pub(super) empty_tables: EmptyTablesArg,
    /// Memory for operators and open row groups, in bytes. Default: 1GiB.
    ///
    /// Sorts, aggregates and joins of `query` that need more spill to the system's temporary directory (TMPDIR).
    #[arg(
        long,
        env = "LAKEXPRESS_MEMORY_LIMIT",
        value_name = "SIZE",
        default_value = "1GiB",
        value_parser = parse_bytes
    )]
    pub(super) memory_limit: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// One JSON document on standard output. Default: text.
    ///
    /// Everything else goes to standard error.
    #[arg(long, env = "LAKEXPRESS_JSON", value_parser = FalseyValueParser::new())]
    pub(super) json: bool,
    /// Only warnings and errors. Default: summary and progress too.
    #[arg(short = 'q', long, env = "LAKEXPRESS_QUIET", value_parser = FalseyValueParser::new())]
    pub(super) quiet: bool,
    /// Least important messages to log. Default: info.
    #[arg(long, env = "LAKEXPRESS_LOG_LEVEL", value_enum, default_value = "info", ignore_case = true)]
    pub(super) log_level: LogLevelArg,
    /// Form of the log lines. Default: text.
    #[arg(long, env = "LAKEXPRESS_LOG_FORMAT", value_enum, default_value = "text", ignore_case = true)]
    pub(super) log_format: LogFormatArg,
    /// Directory for a log file lakexpress_<date-time>.log as well. Default: no file.
    #[arg(long, env = "LAKEXPRESS_LOG_DIR", value_name = "PATH")]
    pub(super) log_dir: Option<PathBuf>,
}

/// Flags of LakeXpress that have no meaning here. Accepted so that old command lines work.
#[derive(Debug, Args)]
pub(super) struct IgnoredArgs {
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "PATH")]
    pub(super) fastbcp_dir_path: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "TEXT")]
    pub(super) license: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, value_name = "PATH")]
    pub(super) license_file: Option<String>,
    /// No meaning here, ignored
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(super) no_banner: bool,
    /// No meaning here, ignored
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(super) quiet_fbcp: bool,
}

/// `--special-values`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SpecialValuesArg {
    Error,
    Null,
}

/// `--consistency`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ConsistencyArg {
    Run,
    Table,
    None,
}

/// `--if-exists`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum IfExistsArg {
    Overwrite,
    Error,
    Append,
}

/// `--error-action`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ErrorActionArg {
    Continue,
    Fail,
}

/// `--empty-tables`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum EmptyTablesArg {
    Write,
    Skip,
}

/// `--log-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum LogLevelArg {
    Debug,
    Info,
    #[value(alias = "warn")]
    Warning,
    #[value(alias = "critical")]
    Error,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormatArg {
    Text,
    Json,
}
