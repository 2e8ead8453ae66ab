//! The only place that writes to standard output and, apart from the log, to standard error.

use std::io::{ErrorKind, Write};

use crate::plain;

/// Writes the command's result: whether all of it was taken. A reader that went away (`| head`) is no error.
///
/// What others wrote is escaped where it is put into a line; this is the last fence. JSON lets much through that a
/// terminal obeys, and what it gets instead is what JSON has for it.
pub(super) fn result(text: &str) -> std::io::Result<bool> {
    let text = plain::text(text);
    let mut out = std::io::stdout().lock();
    let ended = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{ended}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Writes a message to standard error. If that is gone there is nobody left to tell.
pub(super) fn message(text: &str) {
    let text = plain::text(text);
    let mut out = std::io::stderr().lock();
    let ended = if text.ends_with('\n') { "" } else { "\n" };
    if write!(out, "{text}{ended}").is_err() {
        tracing::debug!("standard error is closed");
    }
}
