//! Values of rows, which `--hide-values` keeps out of messages, logs and the run log.
//!
//! The switch is the process's: messages are made everywhere, and data never depends on it.

use std::sync::atomic::{AtomicBool, Ordering};

static HIDDEN: AtomicBool = AtomicBool::new(false);

/// What stands in the place of a value.
pub(super) const INSTEAD: &str = "(hidden by --hide-values)";

/// From now on no message holds a value of a row.
pub fn hide_values() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// Whether values of rows are to be left out.
pub fn values_are_hidden() -> bool {
    HIDDEN.load(Ordering::Relaxed)
}
