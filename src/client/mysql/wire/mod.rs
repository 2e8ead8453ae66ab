//! A small client for the protocol of MySQL and MariaDB: TLS, login, statements with and without parameters.
//!
//! One statement at a time on one socket, no task behind it. Rows are handed out where they lie in the read buffer
//! ([`Rows`]), in the binary form: the text form rounds `FLOAT`. Names, flags and scrambles are `mysql_common`'s; what
//! servers send is read here, because its readers panic on some of what a hostile one may send.

mod auth;
mod column;
mod connection;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod greeting;
mod link;
mod packet;
mod reader;
mod row;
mod rsa;
mod startup;
mod statement;
#[cfg(test)]
mod tests;

pub(super) use self::auth::{Login, PublicKey};
pub use self::column::{Column, ColumnFlags, ColumnType};
pub use self::connection::Connection;
pub use self::row::{Row, Values, find_values};
pub(super) use self::startup::{Encryption, log_in};
pub use self::statement::{Rows, Statement, Value};
