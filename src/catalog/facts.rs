//! What a source keeps of a table for itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// What only the source that described a table understands, as a value that can be stored. Its type is known in the
/// source's folder alone; empty for sources that keep nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceFacts(Value);

impl SourceFacts {
    /// Keeps `facts`.
    ///
    /// # Errors
    /// Internal, when they are nothing that JSON can hold.
    pub fn of(facts: &impl Serialize) -> Result<Self> {
        let value = serde_json::to_value(facts);
        value.map(Self).map_err(|error| Error::internal("facts of a table cannot be stored").caused_by(error))
    }

    /// What was kept.
    ///
    /// # Errors
    /// Internal, when it is of another type: of another source, or of a version that had other facts.
    pub fn read<'f, T: Deserialize<'f>>(&'f self) -> Result<T> {
        T::deserialize(&self.0).map_err(|error| {
            Error::internal("what the source keeps of a table is of another version of lakexpress")
                .caused_by(error)
        })
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_null()
    }
}
