//! Clients of databases: how a server or a file is reached, whatever is read or written there.
//!
//! One folder per kind of database, for the folders of the same name in `source/` and `runlog/`.

mod address;
mod environment;
mod fields;
pub mod mysql;
mod network;
pub mod password;
pub mod postgres;
pub mod sqlite;
mod statements;
mod transport;

/// For `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub use mysql::fuzzing as mysql_fuzzing;
/// For `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub use postgres::fuzzing as postgres_fuzzing;

pub use self::address::Address;
pub use self::environment::Environment;
pub use self::statements::{Row, Statements, Value};
