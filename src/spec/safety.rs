//! How strongly parts belong together, and how that is proved.

use serde::{Deserialize, Serialize};

use crate::catalog::Consistency;

/// What a run promises of the rows that it writes. By default one point in time for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SafetySpec {
    /// How strongly parts belong together.
    pub consistency: Consistency,
    /// What is compared with the source after a table was written.
    #[serde(default)]
    pub verify: Verify,
    /// Whether a table may have parts of several points in time when the run is resumed.
    #[serde(default)]
    pub accept_mixed_snapshot: bool,
}

/// What is compared with the source after a table was written, in the snapshot of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Nothing.
    #[default]
    None,
    /// How many rows the table has, before it is committed.
    Count,
    /// That, and a hash of all rows that the source computes itself, with the files read back from the destination.
    Hash,
}
