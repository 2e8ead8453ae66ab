//! A new file, of the configuration or a plan.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Code, Error, ErrorKind, Result};
use crate::secret;

/// Writes a new file, which the user named with `flag`; one that is there stays as it is.
///
/// # Errors
/// The file is there, or cannot be written.
pub fn create(path: &Path, text: &str, flag: &str) -> Result<()> {
    let written = File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.flush()));
    written.map_err(|error| {
        let is_there = error.kind() == std::io::ErrorKind::AlreadyExists;
        let message = if is_there { "the file is there already" } else { "cannot write the file" };
        let kind = if is_there { ErrorKind::Usage } else { ErrorKind::Output };
        let failed = Error::new(kind, message)
            .coded(if is_there { Code::FlagValue } else { Code::Output })
            .with("file", secret::value(&path.to_string_lossy()));
        match is_there {
            true => failed.hint(format!("name another one with {flag}, or remove it")),
            false => failed.caused_by(error),
        }
    })
}
