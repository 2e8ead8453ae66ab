//! What only this folder understands of a table.

use serde::{Deserialize, Serialize};

use crate::catalog::{SourceFacts, TableInfo};
use crate::error::Result;
use crate::spec::SpecialValues;

/// Facts of a table as of the view in which it was described.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct TableFacts {
    /// Object ids of the relations that made up the table, itself first; empty for a query.
    pub(super) relations: Vec<u32>,
    /// The relation of this name stores its rows itself.
    pub(super) stored: bool,
    /// Some of its rows lie on other servers.
    pub(super) foreign: bool,
    /// Columns that are computed from others.
    pub(super) generated: Vec<String>,
    /// Rights were granted column by column, and none to the table. Where a row is stored, and of which relation it is,
    /// are no columns: nothing can be asked about them then.
    pub(super) by_columns: bool,
    /// What becomes of values that the types of the columns do not have.
    pub(super) special_values: SpecialValues,
}

impl TableFacts {
    /// Those of a table that was described here.
    ///
    /// # Errors
    /// Internal, when another source or another version described it.
    pub(super) fn of(table: &TableInfo) -> Result<Self> {
        table.facts.read().map_err(|error| error.with("table", &table.table))
    }

    /// As the catalog keeps them.
    ///
    /// # Errors
    /// Internal only.
    pub(super) fn kept(&self) -> Result<SourceFacts> {
        SourceFacts::of(self)
    }
}
