//! What is known of one table of a run, and of its parts.

use serde::Serialize;
use serde_json::Value;

use crate::catalog::TableRef;
use crate::manifest::{FileCost, PartsAsOf};
use crate::runlog::{Repeated, RunStatus, Timestamp};

/// One table of a run.
#[derive(Debug, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: TableRef,
    /// How it stands.
    pub status: RunStatus,
    /// It was finished before the run was resumed, and not read again.
    pub kept: bool,
    /// Method that cut it.
    pub method: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was committed or failed.
    pub finished_at: Option<Timestamp>,
    /// Wall time in seconds, lock and commit included.
    pub seconds: Option<f64>,
    /// Rows committed by this run.
    pub rows: Option<u64>,
    /// Files committed by this run.
    pub files: Option<u64>,
    /// Bytes of them.
    pub bytes: Option<u64>,
    /// The same before compression.
    pub encoded_bytes: Option<u64>,
    /// `encoded_bytes / bytes`.
    pub compression_ratio: Option<f64>,
    /// Rows per second of its wall time.
    pub rows_per_second: Option<f64>,
    /// Times of all its parts, added up.
    pub times: Option<Times>,
    /// How often its parts, or the table as a whole, were read again.
    pub retries: Option<u64>,
    /// Which of them, and the last error of each, as far as the run log has it.
    pub retried: Vec<Repeated>,
    /// Which parts are of which point in time, when they are of several.
    pub mixed_snapshots: Vec<PartsAsOf>,
    /// What was compared with the source, as in the manifest.
    pub verification: Option<Value>,
    /// The run that committed this table after this one, if so: parts of this one may not be known any more.
    pub replaced_by: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its parts, by number.
    pub parts: Vec<PartReport>,
}

/// One file of a table.
#[derive(Debug, Serialize)]
pub struct PartReport {
    /// Number of the part.
    pub part: usize,
    /// Its file, relative to the table's directory.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The same before compression.
    pub encoded_bytes: Option<u64>,
    /// `encoded_bytes / bytes`.
    pub compression_ratio: Option<f64>,
    /// Wall time in seconds, without waiting for a connection.
    pub seconds: Option<f64>,
    /// Rows per second of that.
    pub rows_per_second: Option<f64>,
    /// Where its time went.
    pub times: Option<Times>,
    /// How often it was read again.
    pub retries: Option<u64>,
}

/// Where the time of parts went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Times {
    /// Until a connection was free.
    pub waiting: f64,
    /// Until rows came: the source, the network, decoding, expressions that are evaluated here.
    pub reading: f64,
    /// Encoding and compressing.
    pub encoding: f64,
    /// Handing bytes to the destination.
    pub storing: f64,
}

impl Times {
    pub(super) fn of(cost: &FileCost) -> Self {
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        Self {
            waiting: seconds(cost.waiting_ms),
            reading: seconds(cost.reading_ms),
            encoding: seconds(cost.encoding_ms),
            storing: seconds(cost.storing_ms),
        }
    }

    pub(super) fn work(&self) -> f64 {
        self.reading + self.encoding + self.storing
    }

    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            waiting: self.waiting + other.waiting,
            reading: self.reading + other.reading,
            encoding: self.encoding + other.encoding,
            storing: self.storing + other.storing,
        }
    }
}
