//! Whose files lie in a table's directory: what may be replaced or added to.

use std::fmt;

use crate::catalog::{SourceIdentity, TableRef};
use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;
use crate::spec::IfExists;

/// Where rows come from: a table of a source, or a query over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The source.
    pub source: SourceIdentity,
    /// The table; of a query schema `query` and its name.
    pub table: TableRef,
    /// Whether it is a query's result.
    pub is_query: bool,
}

impl Owner {
    /// Whose rows `manifest` names.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            source: manifest.source.clone(),
            table: manifest.table.clone(),
            is_query: manifest.query.is_some(),
        }
    }

    /// Whether `manifest` is that of this table, or of the query of this name, of whatever source.
    pub fn is_named_by(&self, manifest: &Manifest) -> bool {
        self.table == manifest.table && self.is_query == manifest.query.is_some()
    }

    /// An error if `old`, which is committed, is another's and `if_exists` does not say that this is meant.
    pub(super) fn may_change(&self, old: &Manifest, if_exists: IfExists) -> Result<()> {
        let same_source = self.source.is_same(&old.source);
        let wanted = match if_exists {
            IfExists::Overwrite | IfExists::Append => false,
            // It is refused in any case, or in none.
            IfExists::Error | IfExists::Replace => true,
        };
        if wanted || (same_source && self.is_named_by(old)) {
            return Ok(());
        }
        let theirs = Self::of(old);
        let restored = !same_source
            && (&self.source.kind, &self.source.database) == (&theirs.source.kind, &theirs.source.database);
        let whose = if restored { "a database of the same name on another server: " } else { "" };
        let error = Error::data(format!("the files that are there come from {whose}{theirs}"))
            .coded(Code::OthersFiles)
            .with("to be written", self)
            .hint(match if_exists {
                IfExists::Append => {
                    "--if-exists append adds rows of the same table only; use another --output-dir or --sub-path"
                }
                _ => {
                    "use another --output-dir or --sub-path; or --if-exists replace, which replaces what this \
                     manifest names, of any source"
                }
            });
        let is_file = self.source.server.is_empty() && theirs.source.server.is_empty();
        Err(match (restored, if_exists) {
            (true, IfExists::Append) => error.hint(
                "if it is the same database (after pg_upgrade, or restored from a dump), remove \"identifier\" from \
                 \"source\" in _manifest.json: then the database's name alone is compared",
            ),
            (true, _) => error.hint(
                "if it is the same database (after pg_upgrade, or restored from a dump), say --if-exists replace once",
            ),
            (false, IfExists::Overwrite) if is_file && !same_source => error.hint(
                "if the file was moved, say --if-exists replace once; a link that keeps its name and leads to the \
                 newest file counts as one source",
            ),
            _ => error,
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceIdentity { kind, server, database, .. } = &self.source;
        write!(f, "{kind} database {database}")?;
        if !server.is_empty() {
            write!(f, " at {server}")?;
        }
        if self.is_query {
            write!(f, ", query {}", self.table.name)
        } else {
            write!(f, ", table {}", self.table)
        }
    }
}
