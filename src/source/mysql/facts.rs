//! What is kept of a table for its reads, beside what any database can say of one.

use serde::{Deserialize, Serialize};

use crate::catalog::TableInfo;
use crate::error::Result;
use crate::spec::SpecialValues;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TableFacts {
    /// What becomes of zero dates and of times outside of a day.
    pub(super) special_values: SpecialValues,
}

impl TableFacts {
    /// What was kept of `table`.
    ///
    /// # Errors
    /// Internal, when it is of another source or version.
    pub(super) fn of(table: &TableInfo) -> Result<Self> {
        table.facts.read()
    }
}
