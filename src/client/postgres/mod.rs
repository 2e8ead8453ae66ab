//! A client for PostgreSQL and the poolers in front of it: where a server is, TLS, login, statements and `COPY`.
//!
//! One client for all that connects: catalog queries need nothing that the simple protocol lacks, and connecting, TLS
//! and authentication are then one piece of code (`docs/adr/0002`).

mod config;
mod pool;
mod quote;
mod session;
mod values;
mod wire;

pub use self::config::{Binding, PostgresConfig, RootCert, SslMode};
pub use self::pool::Pool;
pub use self::quote::{ident, literal};
pub use self::session::PostgresSession;
#[cfg(any(test, feature = "fuzzing"))]
pub use self::wire::fuzzing;
pub use self::wire::{CancelToken, Connection, CopyOut, Refused, ResultColumn, Row, sqlstate};
