//! Flags that say from where, what and to where.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::cli::values::{parse_numeric, parse_readers};
use crate::readers::Readers;
use crate::spec::{NumericPolicy, Origin, ParquetSpec, SpecialValues, TypePolicy};

#[derive(Debug, Args)]
#[command(next_help_heading = "Auth file and run log")]
pub(in crate::cli) struct AuthArgs {
    /// Auth file: one JSON object with ids as keys. Default: none.
    #[arg(short = 'a', long, env = "LAKEXPRESS_AUTH", value_name = "FILE", alias = "auth-file")]
    pub(in crate::cli) auth: Option<PathBuf>,
    /// Id in the auth file of the database that records runs: sqlite, postgres, mysql, mariadb.
    ///
    /// Default: a SQLite file in your state directory, $XDG_STATE_HOME/lakexpress/runlog.sqlite.
    #[arg(long, env = "LAKEXPRESS_LOG_DB_AUTH_ID", value_name = "ID", alias = "lxdb-auth-id")]
    pub(in crate::cli) log_db_auth_id: Option<String>,
}

impl AuthArgs {
    /// The same, with the auth file of a record where none is given.
    pub(in crate::cli) fn or_recorded(&self, origin: &Origin) -> Self {
        Self {
            auth: self.auth.clone().or_else(|| origin.auth.clone().map(Into::into)),
            log_db_auth_id: self.log_db_auth_id.clone(),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(in crate::cli) struct SourceArgs {
    /// Id in the auth file of the database to read. Default: none.
    ///
    /// This or --source is needed.
    #[arg(long, env = "LAKEXPRESS_SOURCE_DB_AUTH_ID", value_name = "ID")]
    pub(in crate::cli) source_db_auth_id: Option<String>,
    /// Database to read instead of the one in the auth entry. Default: the entry's.
    #[arg(long, env = "LAKEXPRESS_SOURCE_DB_NAME", value_name = "NAME")]
    pub(in crate::cli) source_db_name: Option<String>,
    /// URL, as postgres:// or mysql://user@host/db. Default: none.
    ///
    /// The alternative to --auth and --source-db-auth-id. Other users of this machine can see command lines:
    /// a URL with a password belongs in the environment variable.
    #[arg(long, env = "LAKEXPRESS_SOURCE", value_name = "URL", hide_env_values = true)]
    pub(in crate::cli) source: Option<SourceUrl>,
}

/// The text of `--source`, which may hold a password. Debug shows nothing of it.
#[derive(Clone)]
pub(in crate::cli) struct SourceUrl(pub(in crate::cli) String);

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
pub(in crate::cli) struct SelectionArgs {
    /// Schemas as LIKE patterns, separated by commas. Default: all but the system's.
    #[arg(long, env = "LAKEXPRESS_SOURCE_SCHEMA_NAME", value_name = "PATTERNS")]
    pub(in crate::cli) source_schema_name: Vec<String>,
    /// Tables as LIKE patterns: 'sales.%, order_'. Default: all.
    ///
    /// Separated by commas; a pattern with a dot is for `schema.table`. Costs nothing: tables left out are not locked.
    #[arg(short = 'i', long, env = "LAKEXPRESS_INCLUDE", value_name = "PATTERNS")]
    pub(in crate::cli) include: Vec<String>,
    /// Tables to leave out, as --include. Default: none.
    ///
    /// Wins over --include.
    #[arg(short = 'e', long, env = "LAKEXPRESS_EXCLUDE", value_name = "PATTERNS")]
    pub(in crate::cli) exclude: Vec<String>,
    /// Views, materialized views and foreign tables too. Default: only those named without a wildcard.
    #[arg(long, env = "LAKEXPRESS_VIEWS", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) views: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(in crate::cli) struct RuleArgs {
    /// Rows, as SQL: 'orders: total > 100'. Repeatable. Default: all.
    ///
    /// The server evaluates what it answers exactly as DataFusion does; for the rest every row travels and is
    /// tested here. `plan` shows which is which.
    #[arg(long = "where", env = "LAKEXPRESS_WHERE", value_name = "TABLE: SQL")]
    pub(in crate::cli) wheres: Vec<String>,
    /// Columns: 'orders: a, b, c * 2 AS d'. Repeatable. Default: all.
    ///
    /// Only columns that are used are read; expressions are computed here.
    #[arg(long, env = "LAKEXPRESS_COLUMNS", value_name = "TABLE: COLUMNS")]
    pub(in crate::cli) columns: Vec<String>,
    /// Rows, in the database's own SQL: 'orders: total ^ 2 > 100'. Repeatable. Default: all.
    ///
    /// Passed on as it is and evaluated there. Holds in addition to --where.
    #[arg(long = "source-where", env = "LAKEXPRESS_SOURCE_WHERE", value_name = "TABLE: SQL")]
    pub(in crate::cli) source_wheres: Vec<String>,
    /// Columns, in the database's own SQL: 'orders: id, to_char(at, 'YYYY') AS y'. Repeatable. Default: all.
    ///
    /// Passed on as it is and evaluated there. --where and --columns then see these columns.
    #[arg(long, env = "LAKEXPRESS_SOURCE_COLUMNS", value_name = "TABLE: COLUMNS")]
    pub(in crate::cli) source_columns: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Types")]
pub(in crate::cli) struct TypeArgs {
    /// A column to export as the database's own text: 'table.column: text'. Repeatable. Default: none.
    #[arg(long, env = "LAKEXPRESS_CAST", value_name = "TABLE.COLUMN: TYPE")]
    pub(in crate::cli) cast: Vec<String>,
    /// NaN, infinite dates, 24:00:00: fail the table, or write NULL. Default: error.
    #[arg(long, env = "LAKEXPRESS_SPECIAL_VALUES", value_enum, default_value_t = TypePolicy::default().special_values, ignore_case = true)]
    pub(in crate::cli) special_values: SpecialValues,
    /// numeric without precision: text, measure, double, or decimal:PRECISION,SCALE (digits). Default: text.
    ///
    /// text keeps every value and is the largest; measure reads each such column once more, before the export, for the
    /// smallest decimal that holds it; double rounds; decimal fails on the first value that does not fit. Decimals of more
    /// than 38 digits are text unless --readers modern is given.
    #[arg(long, env = "LAKEXPRESS_NUMERIC", value_name = "TYPE", default_value_t = TypePolicy::default().numeric, value_parser = parse_numeric)]
    pub(in crate::cli) numeric: NumericPolicy,
    /// Programs that must open the files: any, modern, or names separated by commas. Default: any.
    ///
    /// any writes what every reader of docs/readers.md takes: uuid, time and decimals of more than 38 digits as text, JSON
    /// as plain text, plain encodings. modern keeps every type and makes smaller files. Names (spark,duckdb) keep what all
    /// of these take.
    #[arg(long, env = "LAKEXPRESS_READERS", value_name = "NAMES", default_value_t = ParquetSpec::default().readers, value_parser = parse_readers)]
    pub(in crate::cli) readers: Readers,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Destination")]
pub(in crate::cli) struct TargetArgs {
    /// Directory or URL to write to. Default: none; one is needed.
    ///
    /// Or a storage of the auth file with --target-storage-id instead. A URL is s3://bucket/path, gs://bucket/path, abfss://container@account.dfs.core.windows.net/path or
    /// onelake://workspace/lakehouse/path; credentials come from the environment then.
    #[arg(long, env = "LAKEXPRESS_OUTPUT_DIR", value_name = "PATH")]
    pub(in crate::cli) output_dir: Option<String>,
    /// Id in the auth file of the storage to write to. Default: none.
    #[arg(long, env = "LAKEXPRESS_TARGET_STORAGE_ID", value_name = "ID")]
    pub(in crate::cli) target_storage_id: Option<String>,
    /// Directory between the destination and the schemas' directories. Default: none.
    #[arg(long, env = "LAKEXPRESS_SUB_PATH", value_name = "PATH")]
    pub(in crate::cli) sub_path: Option<String>,
}

/// A source and which of its tables are described.
#[derive(Debug, Args)]
pub(in crate::cli) struct DescribedArgs {
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    #[command(flatten)]
    pub(in crate::cli) selection: SelectionArgs,
    #[command(flatten)]
    pub(in crate::cli) types: TypeArgs,
}
