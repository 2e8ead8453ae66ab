//! Descriptions of what was exported, for programs that do not know our manifests. Pure: manifests in, documents out.

pub mod cdm;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Path below the destination's base.
    pub path: String,
    /// Its text.
    pub content: String,
    /// Whether it names others of its directory, and is to be written after them.
    pub names_others: bool,
}
