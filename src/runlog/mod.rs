//! The record of runs. It records; it never decides whether data is good.
//!
//! One folder per database it can live in; each offers a [`session::Session`] and a dialect of a few words, and
//! the statements are the same for all. Tables are in `sql/runlog/`, what they mean in `docs/run-log.md`.
//!
//! A new event is a variant of [`RunEvent`], its row in [`RunEvent::run_id`] and [`RunEvent::of_table`], and what it
//! changes in `append.rs`. A new column: `docs/dev/recipes.md`.

mod append;
pub mod conformance;
mod contract;
mod database;
mod event;
mod json;
mod manage;
mod migrate;
mod mysql;
mod partition;
mod postgres;
mod private;
mod query;
mod session;
mod spool;
mod sqlite;
mod steps;
mod timestamp;

use std::path::Path;
use std::sync::Arc;

pub use json::Document;
pub use partition::PartitionRow;
pub use spool::Spooled;
pub use timestamp::Timestamp;

pub use self::contract::RunLog;
pub use self::event::{
    HEARTBEAT, JobRecord, PreparedTable, Repeated, RunEvent, RunRecord, RunStatus, sub_path_of,
};
use crate::client::Address;
use crate::error::{Code, Error, Result};

/// Opens a run log on a server; checks the address, does not connect yet.
pub type OpenFn = fn(&Address) -> Result<Arc<dyn RunLog>>;

/// Servers that can hold the run log: `ds_type` values and how to open it. SQLite files are [`open_file`].
pub const SERVERS: &[(&[&str], OpenFn)] = &[(postgres::NAMES, postgres::open), (mysql::NAMES, mysql::open)];

/// Opens the run log at an entry of the auth file; does not connect yet.
///
/// # Errors
/// Those of the entry; `Config` for a kind that is none of [`SERVERS`].
pub fn open_server(address: &Address) -> Result<Arc<dyn RunLog>> {
    let kind = match address {
        Address::Url(url) => url.scheme(),
        Address::Entry { kind, .. } => kind,
    };
    match SERVERS.iter().find(|(names, _)| names.contains(&kind)) {
        Some((_, open)) => open(address),
        None => Err(Error::config(format!("'{kind}' cannot hold a run log")).coded(Code::RunLogUnfit)),
    }
}

/// Opens the run log in a SQLite file; makes it when it is first needed.
pub fn open_file(path: &Path) -> Arc<dyn RunLog> {
    Arc::new(sqlite::open(path))
}
