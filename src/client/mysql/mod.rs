//! A client for MySQL and MariaDB: where a server is, TLS, login, statements, and what its errors mean.
//!
//! One client for all that connects (`docs/adr/0015`).

mod cancel;
mod config;
mod connect;
mod problem;
mod quote;
mod session;
mod version;
mod wire;

pub use self::cancel::{Kill, ServerMark};
pub use self::config::MysqlConfig;
pub use self::problem::code;
pub use self::quote::{ident, literal};
pub use self::session::MysqlSession;
pub use self::version::Version;
#[cfg(any(test, feature = "fuzzing"))]
pub use self::wire::fuzzing;
pub use self::wire::{
    Column, ColumnFlags, ColumnType, Connection, Row, Rows, Statement, Value, Values, find_values,
};
