//! What a transaction found in its table's directory.

use std::collections::HashSet;

use crate::format::left::Left;
use crate::manifest::Manifest;

/// What was there when the transaction began.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) old: Option<Manifest>,
    /// Names of the files that readers see.
    pub(super) visible: HashSet<String>,
    /// What is committed is this run's, and all there.
    pub(super) finished: bool,
    /// Whether old files may be deleted; they are emptied otherwise.
    pub(super) may_delete: bool,
    pub(super) left: Left,
}

impl Found {
    /// Where nothing can be read.
    pub(super) fn unknown() -> Self {
        let (visible, left) = (HashSet::new(), Left { unknown_uploads: true, ..Left::default() });
        Self { old: None, visible, finished: false, may_delete: false, left }
    }
}
