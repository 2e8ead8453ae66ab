//! How far this replica is behind its primary.

use std::time::Duration;

use super::ask;
use crate::client::mysql::{Connection, Version};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::source::Lag;

/// From which version on MySQL's statement has its new name.
const REPLICA_STATUS: (u16, u16, u16) = (8, 0, 22);

/// The largest delay among what this server replicates from; zero on a server that replicates nothing.
///
/// # Errors
/// `Denied` when this user may not see it; `Unavailable` when the replication does not run, or when the server is a
/// primary that has replicas: it does not know how far they are.
pub(in crate::source::mysql) async fn measure(connection: &mut Connection) -> Result<Lag> {
    let version = connection.version()?;
    let answer = ask::answer(connection, status(version)).await.map_err(|error| explain(error, version))?;
    let mut largest = None;
    for row in &answer.rows {
        let channel = answer.value(row, &["Connection_name", "Channel_Name"]).unwrap_or_default();
        let seconds = answer.value(row, &["Seconds_Behind_Master", "Seconds_Behind_Source"]);
        let Some(seconds) = seconds.and_then(|seconds| seconds.parse::<u64>().ok()) else {
            let error = Error::unavailable(
                "--max-replica-lag: the replication of this server does not run, so its delay is not known",
            )
            .coded(Code::ReplicaLag);
            let error = if channel.is_empty() { error } else { error.with("channel", channel) };
            return Err(error
                .hint("start the replication (START REPLICA, START SLAVE), or leave --max-replica-lag out"));
        };
        largest = largest.max(Some(seconds));
    }
    match largest {
        Some(seconds) => {
            let whose = Some("this replica".to_owned());
            Ok(Lag { behind: Duration::from_secs(seconds), whose })
        }
        None if has_replicas(connection, version).await => Err(Error::unavailable(
            "--max-replica-lag: this server has replicas, and does not know how far they are behind",
        )
        .coded(Code::ReplicaLag)
        .hint("export from a replica, or leave --max-replica-lag out")),
        None => Ok(Lag { behind: Duration::ZERO, whose: None }),
    }
}

fn status(version: Version) -> &'static str {
    match version {
        Version { maria: true, .. } => "SHOW ALL SLAVES STATUS",
        Version { number, .. } if number < REPLICA_STATUS => "SHOW SLAVE STATUS",
        _ => "SHOW REPLICA STATUS",
    }
}

fn explain(error: Error, version: Version) -> Error {
    if error.kind() != ErrorKind::Denied {
        return error;
    }
    let right = match version {
        Version { maria: true, number } if number >= (10, 5, 9) => "SLAVE MONITOR",
        _ => "REPLICATION CLIENT",
    };
    Error::denied("--max-replica-lag: this user may not see how far this server is behind")
        .coded(Code::ReplicaLag)
        .hint(format!("GRANT {right} ON *.* TO the user that exports, or leave --max-replica-lag out"))
        .caused_by(error)
}

/// Whether replicas are connected, as far as this user can know.
async fn has_replicas(connection: &mut Connection, version: Version) -> bool {
    if version.maria {
        let sql = "SELECT variable_value FROM information_schema.global_status \
             WHERE variable_name = 'SLAVES_CONNECTED'";
        return matches!(ask::value(connection, sql).await, Ok(Some(count)) if count != "0");
    }
    let sql = if version.number < REPLICA_STATUS { "SHOW SLAVE HOSTS" } else { "SHOW REPLICAS" };
    matches!(ask::rows(connection, sql).await, Ok(rows) if !rows.is_empty())
}
