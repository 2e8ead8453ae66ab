//! One part of a table as data, without SQL.
//!
//! | slice | rows |
//! |---|---|
//! | `All` | every row |
//! | `Physical { from: Some(0), to: Some(100) }` | rows stored in blocks 0 to 99 |
//! | `Physical { from: Some(100), to: None }` | rows stored in block 100 and after |
//! | `Range { lower: None, upper: Some(10) }` | key < 10, NULL keys left out |
//! | `Range { lower: Some(10), upper: None }` | key >= 10, NULL keys left out |
//! | `IsNull` | rows whose key is NULL |

use std::fmt;

use serde::{Deserialize, Serialize};

/// A bound of a key range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyValue {
    /// An integer key.
    Int(i64),
    /// A date key, in days since 1970-01-01.
    Date(i32),
    /// A timestamp key (with or without time zone), in microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
}

/// One part of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slice {
    /// Every row.
    All,
    /// Rows by place of storage, in blocks: `from` inclusive, `to` exclusive, none means unbounded.
    Physical {
        /// First block, none from the start.
        from: Option<u64>,
        /// Block after the last, none to the end.
        to: Option<u64>,
    },
    /// Rows by key: `lower` inclusive, `upper` exclusive, none means unbounded; never NULL keys.
    Range {
        /// Key column.
        column: String,
        /// Smallest key, inclusive.
        lower: Option<KeyValue>,
        /// Key after the largest, exclusive.
        upper: Option<KeyValue>,
    },
    /// Rows whose key is NULL.
    IsNull {
        /// Key column.
        column: String,
    },
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(v) => write!(f, "{v}"),
            Self::Date(days) => write!(f, "day {days}"),
            Self::Timestamp(us) => write!(f, "{us} us"),
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |v: Option<String>| v.unwrap_or_else(|| "..".into());
        match self {
            Self::All => f.write_str("all rows"),
            Self::Physical { from, to } => write!(
                f,
                "blocks [{}, {})",
                open(from.map(|v| v.to_string())),
                open(to.map(|v| v.to_string()))
            ),
            Self::Range { column, lower, upper } => write!(
                f,
                "{column} in [{}, {})",
                open(lower.map(|v| v.to_string())),
                open(upper.map(|v| v.to_string()))
            ),
            Self::IsNull { column } => write!(f, "{column} is null"),
        }
    }
}
