//! Settings of every session, so that neither the server nor the user's account changes a value or ends a session early.

use crate::client::mysql::{Connection, code};
use crate::error::Result;

/// The longest that any statement of a session waits for a lock, in seconds.
pub(super) const LOCK_WAIT_SECONDS: u32 = 60;

/// How statements begin that read tables under a view. A table whose engine locks whole tables is held by a lock of the
/// view: on MariaDB a writer that waits for it would hold off all who read otherwise. Elsewhere it means nothing.
pub(super) const SELECT: &str = "SELECT HIGH_PRIORITY";

/// Statements that every connection of the source runs first, and that every server understands.
///
/// * `character_set_results = NULL`: texts come in the column's own character set, not converted.
/// * `sql_mode = ''`: no PAD_CHAR_TO_FULL_LENGTH, no ANSI_QUOTES, no NO_BACKSLASH_ESCAPES.
/// * Times in seconds: 2147483 is the most that every platform takes, 24 days.
/// * `lc_time_names`: the names of days and months that `date_format` writes.
/// * `completion_type`, `sql_auto_is_null`, `sql_select_limit`, `sql_big_selects`, `group_concat_max_len`: a server may
///   be set to begin a transaction after the last, to give another row than asked for, fewer rows, none, or a part of a text.
const COMMON: &[&str] = &[
    "SET NAMES utf8mb4, character_set_results = NULL",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET sql_mode = '', time_zone = '+00:00', autocommit = 1, completion_type = 'NO_CHAIN', \
     sql_auto_is_null = 0, sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, \
     group_concat_max_len = 4294967295, lc_time_names = 'en_US', wait_timeout = 2147483, net_read_timeout = 2147483, net_write_timeout = 2147483",
];

/// What MariaDB alone has. A pinned reader idles in its transaction; a query cache would answer from another moment, and
/// so would `system_versioning_asof`.
const MARIADB: &[&str] = &[
    "max_statement_time = 0",
    "idle_transaction_timeout = 0",
    "idle_readonly_transaction_timeout = 0",
    "query_cache_type = OFF",
    "system_versioning_asof = DEFAULT",
];

/// What MySQL alone has: statistics of tables are those of now, and rows come from the engine that has the moment.
const MYSQL: &[&str] =
    &["max_execution_time = 0", "information_schema_stats_expiry = 0", "use_secondary_engine = OFF"];

/// The number of an unknown system variable: forks and services leave some out.
const UNKNOWN_VARIABLE: u16 = 1193;

/// Numbers of errors by which a server refuses to have another time in a session: a right that is missing, a value that it
/// does not take, a variable that cannot be set, an option (`secure_timestamp` of MariaDB).
const NO_TIME: &[u16] = &[1227, 1231, 1238, 1290];

/// The one time that all sessions of a source have, in seconds since 1970: of a `time`, some functions make a timestamp of
/// the current day, and slices that are distinguished by such a value would not be disjoint tomorrow. The clock that runs is
/// `SYSDATE` then.
fn at(seconds: i64) -> String {
    format!("SET timestamp = {seconds}")
}

/// Gives a new connection the settings that every connection of the source has, and the time `seconds`.
///
/// # Errors
/// What the server said.
pub(super) async fn set_up(connection: &mut Connection, seconds: i64) -> Result<()> {
    for statement in COMMON {
        connection.execute(statement).await?;
    }
    match connection.execute(&at(seconds)).await {
        Err(error) if code(&error).is_some_and(|code| NO_TIME.contains(&code)) => {
            tracing::debug!("sessions have the server's own time: {error}");
        }
        done => done?,
    }
    wait_for_locks(connection, LOCK_WAIT_SECONDS).await?;
    let own = if connection.version()?.maria { MARIADB } else { MYSQL };
    let all = connection.execute(&format!("SET {}", own.join(", "))).await;
    match all {
        Err(error) if code(&error) == Some(UNKNOWN_VARIABLE) => {}
        done => return done,
    }
    for setting in own {
        match connection.execute(&format!("SET {setting}")).await {
            Err(error) if code(&error) == Some(UNKNOWN_VARIABLE) => {}
            done => done?,
        }
    }
    Ok(())
}

/// So long do statements of this connection wait for a lock from now on: of a table's definition, of a table, and of a
/// row or a table in InnoDB.
///
/// # Errors
/// What the server said.
pub(super) async fn wait_for_locks(connection: &mut Connection, seconds: u32) -> Result<()> {
    connection
        .execute(&format!("SET lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}"))
        .await
}

/// A statement of ours as [`SELECT`] begins it; others stay as they are.
pub(super) fn urgent(sql: &str) -> String {
    match sql.strip_prefix("SELECT ") {
        Some(rest) => format!("{SELECT} {rest}"),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_one_time() {
        assert_eq!(at(1_732_895_000), "SET timestamp = 1732895000");
    }
}
