//! How far replicas are behind.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The largest delay; zero where all is replayed.
    pub behind: Duration,
    /// Whose it is, for messages: `this standby`, `the replica walreceiver`; none when there are no replicas.
    pub whose: Option<String>,
}
