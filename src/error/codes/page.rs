//! What is said of a code.

use crate::error::code::Code;
use crate::error::kind::ErrorKind;

/// Codes of one area.
#[derive(Debug)]
pub struct Area {
    /// What they are about.
    pub title: &'static str,
    /// In the order of their numbers.
    pub pages: &'static [Page],
}

/// What a code means and what to do.
#[derive(Debug)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// Kinds of errors that have it; the first is the usual one.
    pub kinds: &'static [ErrorKind],
    /// In a few words.
    pub title: &'static str,
    /// What happened.
    pub happened: &'static str,
    /// What to do, the likeliest first.
    pub remedies: &'static [&'static str],
}

impl Page {
    /// The exit codes of a command that ends with it.
    pub fn exit_codes(&self) -> impl Iterator<Item = u8> {
        self.kinds.iter().map(|kind| kind.exit_code())
    }
}
