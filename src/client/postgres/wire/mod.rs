//! A small client for the PostgreSQL protocol: startup, TLS, authentication, simple query, COPY out, cancel.
//!
//! One statement at a time on one socket, no task behind it. `COPY` messages are handed out where
//! they lie in the read buffer ([`CopyOut`]), and the count in the server's `COPY n` tag is kept.

mod auth;
mod cancel;
mod connection;
mod copy;
mod error;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod negotiate;
mod prepared;
mod row;
mod startup;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use cancel::CancelToken;
pub use copy::CopyOut;
pub use error::sqlstate;
pub use prepared::{Refused, ResultColumn};
pub use row::Row;

pub use self::connection::Connection;
use self::connection::Statement;
