//! What helps against a refusal, as rows of a table.

use crate::error::ErrorKind;

/// What a remedy is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Remedy {
    Bucket,
    Credentials,
    Endpoint,
    Rights,
    Region,
    Token,
    Clock,
    Proxy,
    DeadProxy,
    Line,
    Certificate,
    Scheme,
    Later,
    Space,
}

/// What one sort of refusal means.
pub(super) struct Row {
    /// Codes, or words in a transport error's text.
    pub(super) codes: &'static [&'static str],
    pub(super) kind: ErrorKind,
    pub(super) message: &'static str,
    pub(super) remedy: Remedy,
}

impl Row {
    /// Whether the text of an error holds one of its words.
    pub(super) fn names(&self, text: &str) -> bool {
        self.codes.iter().any(|words| text.contains(words))
    }
}

pub(super) const fn row(
    codes: &'static [&'static str],
    kind: ErrorKind,
    message: &'static str,
    remedy: Remedy,
) -> Row {
    Row { codes, kind, message, remedy }
}
