//! Values of rows, which `--hide-values` keeps out of messages, logs and the run log.
//!
//! The switch is the process's: messages are made everywhere, and data never depends on it.

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Error;

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

/// Whether the text of a cause may quote a value: what libraries say about data may. The system's words do not.
pub(super) fn may_quote(cause: &(dyn StdError + 'static)) -> bool {
    let is_of_system = cause.downcast_ref::<io::Error>().is_some_and(|error| error.get_ref().is_none());
    !is_of_system && !cause.is::<Error>()
}
