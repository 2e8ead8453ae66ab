//! SQLite files: where one is.

mod config;

pub use self::config::SqliteConfig;
