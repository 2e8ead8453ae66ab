//! Everything that is wrong with a command line, said at once.

use crate::error::{Error, ErrorKind, Result};

/// Problems found on the way, so that all can be reported at once.
#[derive(Default)]
pub(in crate::cli) struct Problems(Vec<Error>);

impl Problems {
    pub(super) fn add(&mut self, error: Error) {
        self.0.push(error);
    }

    pub(in crate::cli) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Each of them.
    pub(in crate::cli) fn all(&self) -> &[Error] {
        &self.0
    }

    /// One problem comes out as it is; several as one error of the most telling kind.
    pub(in crate::cli) fn finish(mut self) -> Result<()> {
        if self.0.len() < 2 {
            return self.0.pop().map_or(Ok(()), Err);
        }
        let kinds = [ErrorKind::Internal, ErrorKind::Usage, ErrorKind::Config, ErrorKind::Denied];
        let kind = kinds.into_iter().find(|kind| self.0.iter().any(|error| error.kind() == *kind));
        // One cause that several flags run into is one problem.
        let mut list: Vec<String> = Vec::new();
        for error in self.0.iter().map(ToString::to_string) {
            if !list.contains(&error) {
                list.push(error);
            }
        }
        let message = match list.as_slice() {
            [one] => one.clone(),
            list => format!("{} problems: {}", list.len(), list.join("; ")),
        };
        let mut together = Error::new(kind.unwrap_or(ErrorKind::Unavailable), message);
        // Of several codes none is more telling than the hints.
        if let [first, others @ ..] = self.0.as_slice()
            && others.iter().all(|other| other.code() == first.code())
        {
            together = together.code_of(first);
        }
        let hints = self.0.iter().flat_map(|error| error.hints().iter().cloned());
        let mut said = Vec::new();
        for hint in hints {
            if !said.contains(&hint) {
                said.push(hint);
            }
        }
        Err(said.into_iter().fold(together, Error::hint))
    }
}
