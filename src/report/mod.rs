//! What a person or a script reads after a run. Pure: values in, text out.

mod arrangement;
pub mod json;
mod outcome;
mod published;
pub mod run;
mod skipped;
pub mod text;
mod verified;
mod words;

pub use run::RunReport;

use crate::error::Error;

/// Command lines that a run prints, to be run later as they are.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// Finishes the run; empty when nothing does.
    pub resume: String,
    /// What must be added to it, when that is a secret.
    pub missing: Option<&'static str>,
    /// Writes the run's metadata.
    pub metadata: String,
}

impl Again {
    /// The error of a run as a whole, with the way to finish it.
    pub fn hinted(&self, error: Error) -> Error {
        if self.resume.is_empty() {
            return error;
        }
        let error = error.hint(format!("`{}` exports what is left", self.resume));
        self.missing.into_iter().fold(error, Error::hint)
    }
}

#[cfg(test)]
mod tests;
