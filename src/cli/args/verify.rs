//! `lakexpress verify`, and `--verify` of an export.

use clap::Args;

use super::file::FileArgs;
use super::run::OutputArgs;
use super::selection::AuthArgs;
use crate::cli::values::parse_percent;
use crate::spec::{SafetySpec, Verify};

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(in crate::cli) struct VerifyFlag {
    /// Compare with the source: none, count or hash. Default: none.
    ///
    /// count: the table's rows, by the source's own count in the same snapshot, before the table is committed. hash: that,
    /// and a hash of all rows that the source computes, compared with the files read back from the destination; costs a
    /// second scan of the table on the server.
    #[arg(
        long,
        value_name = "LEVEL",
        hide_possible_values = true,
        env = "LAKEXPRESS_VERIFY",
        value_enum,
        default_value_t = SafetySpec::default().verify,
        ignore_case = true
    )]
    pub(in crate::cli) verify: Verify,
}

/// Prove that what lies at a destination is what its manifests say.
///
/// Compares every file that a manifest names with the listing, its size, the store's tag and its Parquet footer (rows,
/// columns, smallest and largest values, NULLs), and names files that are missing, extra, cut short or exchanged. With
/// --read-data every byte and every value too. Exit code 0 when all is well, 65 when not.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// Directory, URL, or id of a run
    ///
    /// A table's directory, or the one that --output-dir named: then all its tables.
    #[arg(value_name = "RUN_ID|URL|PATH")]
    pub(in crate::cli) what: Option<String>,
    /// Read files' bytes and values too. Default: no; alone: of all files.
    ///
    /// --read-data=10% reads such a share of each table's files. Compares the CRC-32 of the bytes, the number of rows and NULLs, and, after an export with --verify hash, the hash
    /// that the source computed. At least one file of each table is read, chosen at random.
    #[arg(
        long,
        env = "LAKEXPRESS_READ_DATA",
        value_name = "PERCENT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "100%",
        value_parser = parse_percent
    )]
    pub(in crate::cli) read_data: Option<f64>,
    /// Id in the auth file of the storage to look at. Default: none.
    #[arg(long, env = "LAKEXPRESS_TARGET_STORAGE_ID", value_name = "ID")]
    pub(in crate::cli) target_storage_id: Option<String>,
    /// Directory below the destination whose tables are looked at. Default: all.
    #[arg(long, env = "LAKEXPRESS_SUB_PATH", value_name = "PATH")]
    pub(in crate::cli) sub_path: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
