//! Statements of other sessions that run for long.
//!
//! `FLUSH TABLES WITH READ LOCK` waits for them, and when it gives up, their tables stay marked: everybody who wants to read
//! one of these tables next waits until the long statement ends. So it is not even begun while there is one.

use super::ask::{self, Answer};
use crate::client::mysql::{Connection, code};
use crate::error::Result;

/// What has run for so many seconds counts as long.
const LONG_SECONDS: u64 = 2;

/// Whether this user sees statements of others (PROCESS).
///
/// # Errors
/// Those of the connection.
pub(super) async fn sees_others(connection: &mut Connection) -> Result<bool> {
    // What takes the same right, whether it was granted or comes by a role.
    match ask::value(connection, "SELECT COUNT(*) FROM information_schema.innodb_trx").await {
        Ok(_) => Ok(true),
        Err(error) if code(&error).is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// For how many seconds the oldest statement of others has run, when that is long.
///
/// # Errors
/// What the server said.
pub(super) async fn longest(connection: &mut Connection) -> Result<Option<u64>> {
    Ok(longest_of(&ask::answer(connection, "SHOW PROCESSLIST").await?))
}

fn longest_of(list: &Answer) -> Option<u64> {
    let seconds = list.rows.iter().filter_map(|row| {
        let value = |name: &str| list.value(row, &[name]);
        let (command, user) = (value("Command")?, value("User")?);
        let is_idle = matches!(command, "Sleep" | "Daemon") || command.starts_with("Binlog Dump");
        // What a replica applies, and events, have other commands or none that differ from waiting.
        let has_text = value("Info").is_some_and(|text| !text.is_empty());
        let is_server = matches!(user, "system user" | "event_scheduler");
        let works = has_text || !is_server && matches!(command, "Query" | "Execute" | "Fetch");
        if is_idle || !works { None } else { value("Time")?.parse::<u64>().ok() }
    });
    seconds.max().filter(|longest| *longest >= LONG_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(rows: &[[&str; 4]]) -> Option<u64> {
        let row = |row: &[&str; 4]| {
            row.iter().map(|value| (!value.is_empty()).then(|| (*value).to_owned())).collect()
        };
        let columns = ["User", "Command", "Time", "Info"].map(str::to_owned).to_vec();
        longest_of(&Answer { columns, rows: rows.iter().map(row).collect() })
    }

    #[test]
    fn only_statements_that_run_count() {
        let idle = [
            ["a", "Sleep", "900", ""],
            ["event_scheduler", "Daemon", "5000", ""],
            ["repl", "Binlog Dump GTID", "7000", ""],
            ["system user", "Query", "800", ""],
            ["a", "Query", "1", "SELECT 1"],
            ["a", "Query", "-1", "SELECT 2"],
        ];
        assert_eq!(longest(&idle), None);
        for (row, seconds) in [
            (["a", "Query", "2", "SELECT 1"], 2),
            (["a", "Execute", "40", ""], 40),
            (["system user", "Query", "9", "UPDATE t"], 9),
            (["a", "Connect", "8", "CALL e()"], 8),
        ] {
            let mut rows = idle.to_vec();
            rows.push(row);
            assert_eq!(longest(&rows), Some(seconds), "{row:?}");
        }
    }
}
