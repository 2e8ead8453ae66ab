//! What a run has done.

/// What became of tables so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) tables: usize,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}
