//! SQLite files: where one is, opening it to read or to write, stopping what runs, and what its errors mean.

mod config;
mod open;
mod session;
mod stop;
#[cfg(test)]
mod tests;
mod trouble;

pub use self::config::SqliteConfig;
pub(crate) use self::open::{Unopened, to_read, to_write};
pub use self::session::SqliteSession;
pub(crate) use self::stop::{Stop, StopOnDrop};
pub(crate) use self::trouble::{Trouble, module_missing};
