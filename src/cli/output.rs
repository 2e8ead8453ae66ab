//! The only place that writes to standard output and, apart from the log, to standard error.

use std::io::Write;

use crate::error::{Code, Error, ErrorKind, Result};
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
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
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

/// Writes the result of a command that does nothing else.
pub(super) fn print(text: &str) -> Result<()> {
    result(text).map(drop).map_err(not_printed)
}

/// Writes what a command says of work that it has done. If that cannot be written the work is done all the same, and
/// a code that asks to try again would have it done twice: a warning says what is `done`. Returns whether it was written.
pub(super) fn tell(text: &str, done: impl FnOnce() -> String) -> bool {
    result(text).unwrap_or_else(|error| {
        tracing::warn!("cannot write to standard output: {error}; {}", done());
        false
    })
}

pub(super) fn not_printed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Output, "cannot write to standard output").coded(Code::Output).caused_by(error)
}
