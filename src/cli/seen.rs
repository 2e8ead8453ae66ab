//! Who watches a command.

use indicatif::MultiProgress;

use super::signals::Stopping;

/// Who watches a command, and may stop it.
pub(super) struct Seen<'a> {
    /// Where progress lines are drawn, when `drawn`.
    pub(super) bars: &'a MultiProgress,
    pub(super) drawn: bool,
    pub(super) stopping: &'a Stopping,
}
