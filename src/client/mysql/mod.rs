//! Connections to MySQL and MariaDB: where a server is, TLS, login, and what its errors mean.

mod config;
mod connect;
mod problem;

pub(crate) use self::config::MysqlConfig;
pub(crate) use self::problem::{code, of_statement};
