//! What a run may use at once, and what it does when something fails. None of it decides which rows are written.

use serde::{Deserialize, Serialize};

/// Tables, connections and memory at once; attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Tables at once.
    pub n_jobs: usize,
    /// Connections in all, the two that hold the snapshot included.
    pub max_connections: usize,
    /// Memory that DataFusion operators and open row groups may use together, in bytes.
    pub memory_limit_bytes: u64,
    /// How often a part is read again after a transient error. Older runs, whose records do not have it, never did.
    #[serde(default)]
    pub retries: u32,
    /// What to do with the other tables when one fails.
    pub error_action: ErrorAction,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            n_jobs: 2,
            max_connections: 8,
            memory_limit_bytes: 1 << 30,
            retries: 3,
            error_action: ErrorAction::default(),
        }
    }
}

/// What to do with the other tables when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorAction {
    /// Go on.
    #[default]
    Continue,
    /// Stop.
    Fail,
}
