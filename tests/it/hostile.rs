//! Attacks by servers, by database users, and by those who can write where we write.
//!
//! Each test counts the attacks that it tried; all of them have to be stopped. `make verify-hostile` prints the sum.

mod code;
mod controls;
pub(crate) mod documents;
mod footers;
mod links;
mod login;
mod misplaced;
mod records;
mod server;
mod sqlite;
mod types;
mod values;

/// Prints how many attacks of a kind were tried and stopped, for `make verify-hostile` to add up.
pub(crate) fn stopped(what: &str, count: usize) {
    println!("hostile: {count} attacks stopped: {what}");
}

/// Whether `make verify-hostile` runs.
pub(crate) fn all_of_them() -> bool {
    std::env::var_os("LAKEXPRESS_HOSTILE").is_some()
}
