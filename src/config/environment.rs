//! The variables of the process that sources take defaults from.

use crate::client::Environment;

/// Those of libpq and of the `mysql` client, and where the user's files are.
///
/// A value that is not Unicode is left out: none of these can be.
pub fn of_process() -> Environment {
    let wanted = |name: &str| name == "HOME" || ["PG", "MYSQL_"].iter().any(|start| name.starts_with(start));
    Environment::of(std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        wanted(&name).then_some((name, value))
    }))
}
