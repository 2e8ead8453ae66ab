//! How far this standby is behind its primary, or the replicas of this primary behind it.

use std::time::Duration;

use crate::client::postgres::Connection;
use crate::error::{Code, Error, Result};
use crate::source::Lag;

/// Asks a connection with the settings of [`super::session::SESSION`]. `clock_timestamp`, because `now()`
/// is the beginning of the transaction.
const SQL: &str = "SELECT pg_is_in_recovery(), \
      pg_last_wal_receive_lsn() IS NULL, \
      CASE WHEN pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() \
          OR NOT EXISTS (SELECT 1 FROM pg_stat_get_wal_receiver() AS w(pid) WHERE w.pid IS NOT NULL) \
        THEN extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) \
        ELSE 0 END, \
      pg_has_role('pg_read_all_stats', 'USAGE'), \
      r.application_name, extract(epoch FROM r.replay_lag) \
    FROM (SELECT 1) one LEFT JOIN LATERAL \
      (SELECT application_name, coalesce(replay_lag, interval '0') AS replay_lag FROM pg_stat_replication \
       ORDER BY 2 DESC LIMIT 1) r ON NOT pg_is_in_recovery()";

/// The largest delay.
///
/// # Errors
/// `Denied` when this role may not see replicas; `Unavailable` on a standby that nothing is sent to.
pub(super) async fn measure(connection: &mut Connection) -> Result<Lag> {
    // A transaction sees the replicas that it saw first, and not those that have connected again.
    connection.execute("SELECT pg_catalog.pg_stat_clear_snapshot()").await?;
    let rows = connection.query(SQL).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the server returned no row"))?;
    if row.required(0)? == "t" {
        if row.required(1)? == "t" {
            return Err(Error::unavailable(
                "--max-replica-lag: this standby has no WAL receiver, so its delay is not known",
            )
            .coded(Code::ReplicaLag)
            .hint("wait until it streams from its primary, or leave --max-replica-lag out"));
        }
        return Ok(Lag { behind: seconds(row.required(2)?)?, whose: Some("this standby".to_owned()) });
    }
    if row.required(3)? != "t" {
        return Err(Error::denied("--max-replica-lag: this role may not see how far replicas are behind")
            .coded(Code::ReplicaLag)
            .hint("GRANT pg_monitor TO the user that exports, or leave --max-replica-lag out"));
    }
    let whose = row.get(4).map(|name| format!("the replica '{name}'"));
    Ok(Lag { behind: row.get(5).map_or(Ok(Duration::ZERO), seconds)?, whose })
}

/// Clocks of two machines may differ: less than nothing is nothing.
fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().map_err(|error| Error::internal("not a number").caused_by(error))?;
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}
