//! `lakexpress explain-layout`.

use clap::Args;

use super::run::OutputArgs;
use super::selection::AuthArgs;

/// Show what a reader skips of a table's files for a condition, and why it reads the rest.
///
/// Counts the files, row groups and pages that a reader can skip if it uses all statistics of the files: the keys of
/// key=value directories, minima and maxima of row groups and pages, Bloom filters. Only footers, page indexes and Bloom
/// filters are read. What is skipped has no row that matches the condition.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainLayoutArgs {
    /// Directory or URL of a table, or a Parquet file
    ///
    /// With a manifest, or any directory of Parquet files with or without key=value directories.
    #[arg(value_name = "URL|PATH")]
    pub(in crate::cli) what: Option<String>,
    /// Rows, as SQL: "d >= '2024-01-31'". Default: none; one is needed.
    ///
    /// It means what the --where of an export means (docs/expressions.md), over the columns and types of the files.
    #[arg(long = "where", env = "LAKEXPRESS_WHERE", value_name = "SQL")]
    pub(in crate::cli) condition: Option<String>,
    /// Id in the auth file of the storage to look at. Default: none.
    #[arg(long, env = "LAKEXPRESS_TARGET_STORAGE_ID", value_name = "ID")]
    pub(in crate::cli) target_storage_id: Option<String>,
    /// Directory of the table below the destination. Default: the destination itself.
    #[arg(long, env = "LAKEXPRESS_SUB_PATH", value_name = "PATH")]
    pub(in crate::cli) sub_path: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
