//! Connections to MySQL and MariaDB: where a server is, TLS, and what its errors mean.

mod config;
mod problem;

pub(crate) use self::config::{MysqlConfig, Tls};
pub(crate) use self::problem::{cannot_connect, problem};
