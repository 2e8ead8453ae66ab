//! Flags that limit what a run asks of its source.

use clap::Args;

use crate::config::units::{parse_rate, parse_seconds};
use crate::config::window::Window;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits on the source")]
pub(in crate::cli) struct LimitArgs {
    /// End the run when its snapshot is so old: 10s, 30m, 2h. Default: never.
    ///
    /// A snapshot holds back vacuum, and on SQLite the checkpoint of the WAL. What is committed stays, the other tables
    /// fail with exit code 75; resume exports them as of a new moment. With --consistency table each table has its own.
    #[arg(long, env = "LAKEXPRESS_MAX_SNAPSHOT_AGE", value_name = "TIME", value_parser = parse_seconds)]
    pub(in crate::cli) max_snapshot_age: Option<u64>,
    /// Begin no part while replicas are further behind: 10s, 5m. Default: they are not asked.
    ///
    /// On a standby its own delay; on a primary the largest one, for which the role needs pg_monitor. The run waits for
    /// half an hour at most.
    #[arg(long, env = "LAKEXPRESS_MAX_REPLICA_LAG", value_name = "TIME", value_parser = parse_seconds)]
    pub(in crate::cli) max_replica_lag: Option<u64>,
    /// Bytes per second to read, all readers together: 5MiB, 50MB. Default: no limit.
    ///
    /// Of PostgreSQL as they come from the server, of SQLite as they are in memory.
    #[arg(long, env = "LAKEXPRESS_MAX_RATE", value_name = "RATE", value_parser = parse_rate)]
    pub(in crate::cli) max_rate: Option<u64>,
    /// Begin only at these hours: 01:00-05:00, '22:00-04:00 UTC'. Default: at any time.
    ///
    /// In local time, UTC or an offset (+02:00). A run that is started outside ends at once, exit code 75; a table that
    /// would begin later fails, and those under way are finished.
    #[arg(long, env = "LAKEXPRESS_START_BETWEEN", value_name = "HOURS", value_parser = Window::parse)]
    pub(in crate::cli) start_between: Option<Window>,
}
