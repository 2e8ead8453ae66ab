//! What a run may ask of its source. None of it decides what is written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::Consistency;
use crate::error::{Code, Error, Result};

/// Limits on the load that a run puts on its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// How old a snapshot may become, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_snapshot_age: Option<u64>,
    /// How far replicas may be behind when a part begins, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replica_lag: Option<u64>,
    /// Bytes per second that are read, by all readers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// When the hours end in which tables may begin. It is of this process: a run that is resumed may be given others.
    #[serde(skip)]
    pub closes: Option<Closing>,
}

/// The end of the hours in which tables may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Seconds since 1970, UTC.
    pub at: i64,
    /// The same as the user's clock shows it.
    pub hour: u32,
    /// Minutes past that.
    pub minute: u32,
}

impl Limits {
    /// Whether they can be kept at this level.
    ///
    /// # Errors
    /// Usage.
    pub fn check(&self, level: Consistency) -> Result<()> {
        if self.max_snapshot_age.is_some() && level == Consistency::None {
            return Err(Error::usage(
                "--max-snapshot-age is about a snapshot, and --consistency none has none that lasts",
            )
            .coded(Code::SnapshotAge)
            .hint("leave one of them out; with --consistency table each table has its own snapshot"));
        }
        Ok(())
    }
}

/// Seconds as they are given to a flag: `90s`, `30m`, `2h`.
#[derive(Debug, Clone, Copy)]
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds >= 3600 && seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            seconds if seconds >= 60 && seconds.is_multiple_of(60) => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}
