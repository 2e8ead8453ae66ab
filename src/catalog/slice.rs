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
//! | `Modulo { of: 8, remainder: 3 }` | rows whose integer key, never negative modulo 8, is 3; NULL keys left out |
//! | `Value { expression, value: Some("x") }` | rows where the source's SQL expression equals `x` |
//! | `Value { expression, value: None }` | rows where it is NULL |
//! | `Other { expression, values }` | rows where it is neither NULL nor one of `values` |
//! | `Relation { .. }` | rows stored in one leaf of a partitioned table |
//! | `Both(a, b)` | rows that are in `a` and in `b` |

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::values_are_hidden;

/// A bound of a key range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyValue {
    /// An integer key.
    Int(i64),
    /// A date key, in days since 1970-01-01.
    Date(i32),
    /// A timestamp key (with or without time zone), in microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
    /// A key of any other type that the source can order, as the source's own text. Compared by the source only.
    Text(String),
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
    /// Rows by the remainder of an integer key, which is never negative; never NULL keys.
    Modulo {
        /// Key column.
        column: String,
        /// Divisor, at least 1.
        of: u32,
        /// Remainder, below `of`.
        remainder: u32,
    },
    /// Rows for which an expression has one value.
    Value {
        /// The source's SQL.
        expression: String,
        /// The value as the source's text; none for NULL.
        value: Option<String>,
    },
    /// Rows for which an expression is not NULL and has none of these values.
    Other {
        /// The source's SQL.
        expression: String,
        /// Values as the source's text.
        values: Vec<String>,
    },
    /// Rows stored in one relation of those that make up the table.
    Relation {
        /// The source's number of it.
        id: u32,
        /// Its name as the source's SQL, quoted.
        name: String,
    },
    /// Rows that are in both slices.
    Both(Box<Self>, Box<Self>),
}

impl Slice {
    /// The parts of this slice in each of `pieces`, which are disjoint and covering; with less than two of them
    /// the slice as it is.
    pub fn in_pieces(self, pieces: Vec<Self>) -> Vec<Self> {
        if pieces.len() < 2 {
            return vec![self];
        }
        pieces.into_iter().map(|piece| Self::Both(Box::new(self.clone()), Box::new(piece))).collect()
    }

    /// The same cut without any value: what `--hide-values` leaves for the run log.
    #[must_use]
    pub fn without_values(&self) -> Self {
        match self {
            Self::Range { column, .. } => Self::Range { column: column.clone(), lower: None, upper: None },
            Self::Value { expression, .. } | Self::Other { expression, .. } => {
                Self::Other { expression: expression.clone(), values: Vec::new() }
            }
            Self::Both(left, right) => {
                Self::Both(Box::new(left.without_values()), Box::new(right.without_values()))
            }
            Self::All
            | Self::Physical { .. }
            | Self::IsNull { .. }
            | Self::Modulo { .. }
            | Self::Relation { .. } => self.clone(),
        }
    }

    /// Number and name of the one relation that holds all rows of this slice, if it is cut so.
    pub fn relation(&self) -> Option<(u32, &str)> {
        match self {
            Self::Relation { id, name } => Some((*id, name)),
            Self::Both(left, right) => left.relation().or_else(|| right.relation()),
            _ => None,
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            _ if values_are_hidden() => f.write_str("(hidden)"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Date(days) => write!(f, "day {days}"),
            Self::Timestamp(us) => write!(f, "{us} us"),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |v: Option<String>| v.unwrap_or_else(|| "..".into());
        let shown = |v: &Option<KeyValue>| open(v.as_ref().map(ToString::to_string));
        match self {
            Self::All => f.write_str("all rows"),
            Self::Physical { from, to } => write!(
                f,
                "blocks [{}, {})",
                open(from.map(|v| v.to_string())),
                open(to.map(|v| v.to_string()))
            ),
            Self::Range { column, lower, upper } => {
                write!(f, "{column} in [{}, {})", shown(lower), shown(upper))
            }
            Self::IsNull { column } => write!(f, "{column} is null"),
            Self::Modulo { column, of, remainder } => write!(f, "{column} modulo {of} = {remainder}"),
            Self::Value { expression, value: Some(_) } if values_are_hidden() => {
                write!(f, "{expression} = (hidden)")
            }
            Self::Value { expression, value: Some(value) } => write!(f, "{expression} = '{value}'"),
            Self::Value { expression, value: None } => write!(f, "{expression} is null"),
            Self::Other { expression, values } => write!(f, "{expression} none of {} values", values.len()),
            Self::Relation { name, .. } => write!(f, "relation {name}"),
            Self::Both(left, right) => write!(f, "{left} and {right}"),
        }
    }
}
