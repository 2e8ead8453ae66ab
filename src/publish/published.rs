//! What a publication did.

use serde::Serialize;

/// What a publication did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The catalog, without secrets.
    pub catalog: String,
    /// Where the files are.
    pub destination: String,
    /// The catalog's snapshot that shows the tables.
    pub snapshot: u64,
    /// Whether this publication made it; the tables were published before otherwise.
    pub changed: bool,
    /// Points in time that the tables show. More than one when they were not written by one run with `--consistency run`.
    pub moments: usize,
    /// The tables, by directory.
    pub tables: Vec<PublishedTable>,
}

/// A table of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedTable {
    /// `schema.table`.
    pub table: String,
    /// Its directory below the destination.
    pub directory: String,
    /// The run that wrote what is published.
    pub run_id: String,
    /// The point in time that it shows.
    pub taken_at: String,
    /// Its rows.
    pub rows: u64,
    /// Its files.
    pub files: usize,
    /// What the publication did.
    pub done: Done,
}

/// What a publication did with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It is new in the catalog.
    Created,
    /// Its columns or partitions are others, so it is another table of the same name.
    Recreated,
    /// It has other files.
    Updated,
    /// The catalog has it so already.
    Unchanged,
}
