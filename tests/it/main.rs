//! Every integration test in one binary: each further one would link DataFusion again.
//!
//! The tests run the real program against real PostgreSQL servers that they start themselves.
//! What they need is installed by `make test-deps`; a missing piece is a failure, never a skip.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panics"
)]
#![allow(clippy::disallowed_methods, reason = "time passes for the programs and servers that are waited for")]

mod apply;
mod bad_input;
mod bounds;
mod cli_usage;
mod column_rights;
mod commit;
mod config;
mod consistency;
mod contract;
mod crash;
mod delta;
mod demo;
mod discovery;
mod documented;
mod environment;
mod every_reader;
mod exit_codes;
mod explain_layout;
mod expressions;
mod foreign;
mod formats;
mod hostile;
mod interruptions;
mod lake;
mod layout;
mod mariadb;
mod masks;
mod metadata;
mod methods;
mod mixed;
mod mysql;
mod mysql_client;
mod names;
mod nights;
mod origins;
mod owners;
mod pooler;
mod publish;
mod python_package;
mod query;
mod readers;
mod report;
mod resume;
mod retries;
mod runlog;
mod server;
mod shop;
mod source_sql;
mod sqlite;
mod standby;
mod steering;
mod storage;
mod stream;
mod structure;
mod tls;
mod tpch;
mod types;
mod verify;
mod wire;
mod work;
