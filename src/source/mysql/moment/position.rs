//! Where the server's log was at the moment, and when that was.

use chrono::SecondsFormat;

use super::ask;
use crate::client::mysql::{Connection, Version};
use crate::clock;
use crate::error::Result;

/// From which version on MySQL's statement has its new name.
const BINARY_LOG_STATUS: (u16, u16, u16) = (8, 2, 0);

/// The server's time as RFC 3339; all functions but this one tell the time that the session was given, in the zone of the
/// session, which is UTC. NULL when this one does too (`sysdate_is_now`).
const TIME: &str =
    "SELECT IF(SYSDATE(6) = NOW(6), NULL, CONCAT(REPLACE(CAST(SYSDATE(6) AS CHAR(26)), ' ', 'T'), 'Z'))";

/// By the server's clock, and by that of this process when the server does not tell its own.
///
/// # Errors
/// What the server said.
pub(super) async fn time(connection: &mut Connection) -> Result<String> {
    Ok(from_server(ask::value(connection, TIME).await?))
}

fn from_server(time: Option<String>) -> String {
    time.unwrap_or_else(|| clock::moment().to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Position and GTIDs of the log, as `file:position; gtid ...`. None when the server keeps no log or does not tell this
/// user. To be asked while nobody commits, or on MariaDB of a connection in its transaction, which knows where the log
/// was when it began.
pub(super) async fn read(connection: &mut Connection, version: Version) -> Option<String> {
    let (place, gtid) =
        if version.maria { maria(connection).await } else { mysql(connection, version).await };
    let gtid = gtid.map(|gtid| gtid.split_whitespace().collect::<String>()).filter(|gtid| !gtid.is_empty());
    match (place, gtid) {
        (Some(place), Some(gtid)) => Some(format!("{place}; gtid {gtid}")),
        (Some(place), None) => Some(place),
        (None, Some(gtid)) => Some(format!("gtid {gtid}")),
        (None, None) => None,
    }
}

/// An answer that not every user and every server gives.
async fn perhaps(connection: &mut Connection, sql: &str) -> Option<String> {
    ask::value(connection, sql).await.ok().flatten()
}

async fn maria(connection: &mut Connection) -> (Option<String>, Option<String>) {
    let of_snapshot = |name: &str| {
        format!("SELECT variable_value FROM information_schema.session_status WHERE variable_name = '{name}'")
    };
    let file =
        perhaps(connection, &of_snapshot("BINLOG_SNAPSHOT_FILE")).await.filter(|file| !file.is_empty());
    let at = perhaps(connection, &of_snapshot("BINLOG_SNAPSHOT_POSITION")).await;
    let (Some(file), Some(at)) = (file, at) else {
        // A replica may keep no log, and yet know how far it is.
        return (None, perhaps(connection, "SELECT @@GLOBAL.gtid_slave_pos").await);
    };
    let gtid = format!("SELECT BINLOG_GTID_POS({}, {at})", crate::client::mysql::literal(&file));
    let gtid = if at.bytes().all(|b| b.is_ascii_digit()) { perhaps(connection, &gtid).await } else { None };
    (Some(format!("{file}:{at}")), gtid)
}

async fn mysql(connection: &mut Connection, version: Version) -> (Option<String>, Option<String>) {
    let status =
        if version.number < BINARY_LOG_STATUS { "SHOW MASTER STATUS" } else { "SHOW BINARY LOG STATUS" };
    let place = match ask::answer(connection, status).await {
        Ok(answer) => answer.rows.first().and_then(|row| {
            Some(format!("{}:{}", answer.value(row, &["File"])?, answer.value(row, &["Position"])?))
        }),
        Err(_) => None,
    };
    (place, perhaps(connection, "SELECT @@GLOBAL.gtid_executed").await)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn there_is_a_time_in_any_case() {
        let server = "2024-05-06T07:08:09.123456Z".to_owned();
        assert_eq!(from_server(Some(server.clone())), server);
        let own = from_server(None);
        assert!(own.len() == server.len() && DateTime::parse_from_rfc3339(&own).is_ok(), "{own}");
    }
}
