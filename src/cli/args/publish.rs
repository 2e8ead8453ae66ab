//! `lakexpress publish`.

use clap::Args;

use super::run::OutputArgs;
use super::selection::AuthArgs;

/// Publish exported tables in a DuckLake catalog, all of them in one transaction.
///
/// The tables are those of an export with --format delta. Their files stay where they are, and none is written: the catalog
/// says which files are a table. It is a SQLite file or a PostgreSQL database, and is made where there is none. A reader of
/// the catalog sees all tables as they were before, or all as they are now. It may be repeated.
#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArgs {
    /// Directory, URL, or id of a run
    ///
    /// A table's directory, or the one that --output-dir named: then all its tables.
    #[arg(value_name = "RUN_ID|URL|PATH")]
    pub(in crate::cli) what: Option<String>,
    /// Catalog: sqlite:FILE, postgres://... or an id in the auth file. Default: none.
    ///
    /// A PostgreSQL catalog that needs a password is named by an entry of the auth file, of the form of a run log's.
    #[arg(long, env = "LAKEXPRESS_TO", value_name = "URL|ID")]
    pub(in crate::cli) to: Option<String>,
    /// Id in the auth file of the storage where the tables are. Default: none.
    #[arg(long, env = "LAKEXPRESS_TARGET_STORAGE_ID", value_name = "ID")]
    pub(in crate::cli) target_storage_id: Option<String>,
    /// Directory below the destination whose tables are published. Default: all.
    #[arg(long, env = "LAKEXPRESS_SUB_PATH", value_name = "PATH")]
    pub(in crate::cli) sub_path: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) auth: AuthArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
