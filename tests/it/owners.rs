//! Who has which database of a server. Tests run at the same time: one that creates a database of another's name drops
//! what the other reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// By the directory of the server and the name of the database: the name of the test, which its thread has.
static OWNERS: LazyLock<Mutex<HashMap<(PathBuf, String), String>>> = LazyLock::new(Mutex::default);

/// Notes that this test has this database. Threads without a name, which a test starts, are not asked.
///
/// # Panics
/// When another test has it.
#[track_caller]
pub(crate) fn take(server: &Path, database: &str) {
    let Some(test) = thread::current().name().map(str::to_owned) else { return };
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (server.to_owned(), database.to_owned());
    let owner = owners.entry(key).or_insert_with(|| test.clone()).clone();
    drop(owners);
    assert_eq!(owner, test, "two tests of one server have a database {database}");
}
