//! Policies of the type contract that a user can choose.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Policies of the type contract that a user can choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TypePolicy {
    /// NaN and infinities in numeric, infinite dates and timestamps, 24:00:00.
    pub special_values: SpecialValues,
    /// numeric without precision.
    pub numeric: NumericPolicy,
    /// Columns to be exported as the database's own text: (`schema.table` or `table` pattern, column).
    pub cast_text: Vec<(String, String)>,
}

/// What becomes of values that the target type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialValues {
    /// The table fails with an error naming column and row.
    #[default]
    Error,
    /// The value becomes NULL.
    Null,
}

/// What becomes of `numeric` without precision and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumericPolicy {
    /// The database's text.
    #[default]
    Text,
    /// `decimal(precision, scale)`; a value that does not fit exactly is an error.
    Decimal(u8, i8),
    /// Double; the user accepts rounding.
    Double,
    /// The smallest decimal that holds every value of the column, found by reading all of them.
    Measure,
}

impl fmt::Display for NumericPolicy {
    /// As `--numeric` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Decimal(precision, scale) => write!(f, "decimal:{precision},{scale}"),
            Self::Double => f.write_str("double"),
            Self::Measure => f.write_str("measure"),
        }
    }
}
