//! The SQL types that expressions are made of.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field, TimeUnit};

use crate::catalog::KIND_KEY;

const DECIMAL128_DIGITS: u8 = 38;

/// What [`KIND_KEY`] says of numerics whose scales differ from row to row there and not here: their text is another.
pub(super) const SCALES: &str = "scales";

/// The SQL type of a value, by the names that PostgreSQL's catalog has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::plan) enum Kind {
    /// A literal in quotes, or NULL: its place decides what it is.
    Unknown,
    Bool,
    Int2,
    Int4,
    Int8,
    /// Digits in all, digits after the point.
    Numeric(u8, i8),
    Float4,
    Float8,
    Text,
    /// Text, but for what it is compared with `char(n)` as.
    Varchar,
    /// `char(n)`. Values have no trailing spaces.
    Bpchar,
    Bytea,
    Date,
    Time,
    Timestamp,
    /// In UTC.
    Timestamptz,
    Uuid,
    /// A label of an enum: equal or not. The order of the labels has no meaning here.
    Enum(Labels),
    /// Months, days and microseconds: a constant beside `+` and `-`.
    Interval,
    /// A type without a counterpart here, as the database's text.
    AsText,
    /// Anything else: selected, tested for NULL, and nothing more.
    Other,
}

/// The labels of an enum in their order: what tells one enum from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::plan) struct Labels(&'static [String]);

impl Labels {
    /// Those in the metadata of a field. They stay in memory: a process sees few enums, and kinds are copied often.
    fn of(kind: &str) -> Self {
        static SEEN: LazyLock<Mutex<HashMap<String, Labels>>> = LazyLock::new(Mutex::default);
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(labels) = seen.get(kind) {
            return *labels;
        }
        let labels: Vec<String> = kind
            .strip_prefix("enum")
            .and_then(|labels| serde_json::from_str(labels).ok())
            .unwrap_or_default();
        let labels = Self(Box::leak(labels.into_boxed_slice()));
        seen.insert(kind.to_owned(), labels);
        labels
    }

    /// Whether a literal is one of them.
    pub(super) fn has(self, label: &str) -> bool {
        self.0.iter().any(|one| one == label)
    }

    /// For a message.
    pub(super) fn list(self) -> String {
        self.0.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect::<Vec<_>>().join(", ")
    }
}

impl Kind {
    /// What the values of a field are.
    pub(in crate::plan) fn of(field: &Field) -> Self {
        match field.metadata().get(KIND_KEY).map(String::as_str) {
            Some("bpchar") => return Self::Bpchar,
            Some(SCALES) | None => {}
            Some(kind) if kind.starts_with("enum") => return Self::Enum(Labels::of(kind)),
            Some("varchar") => return Self::Varchar,
            Some("interval") => return Self::Other,
            Some(_) => return Self::without_meaning(field.data_type()),
        }
        match field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str) {
            Some("arrow.uuid") | None => Self::of_type(field.data_type()),
            Some(_) => Self::without_meaning(field.data_type()),
        }
    }

    fn without_meaning(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::AsText,
            _ => Self::Other,
        }
    }

    /// What values of an Arrow type are when nothing else is known about them.
    pub(in crate::plan) fn of_type(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Unknown,
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::Int2,
            DataType::Int32 | DataType::UInt16 => Self::Int4,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Int8,
            DataType::Decimal32(p, s)
            | DataType::Decimal64(p, s)
            | DataType::Decimal128(p, s)
            | DataType::Decimal256(p, s) => Self::Numeric(*p, *s),
            DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Bytea,
            DataType::Date32 => Self::Date,
            DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Interval(_) => Self::Interval,
            _ => Self::Other,
        }
    }

    /// The Arrow type that kernels take and give for it; none where there is not one.
    pub(in crate::plan) fn arrow(self) -> Option<DataType> {
        Some(match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Numeric(p, s) if p <= DECIMAL128_DIGITS => DataType::Decimal128(p, s),
            Self::Numeric(p, s) => DataType::Decimal256(p, s),
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Text | Self::Varchar | Self::Bpchar | Self::Enum(_) | Self::AsText => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Interval => DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano),
            Self::Unknown | Self::Other => return None,
        })
    }

    /// Metadata of a field whose values are of this type, where their Arrow type does not say it.
    pub(in crate::plan) fn mark(self) -> Option<(String, String)> {
        let name = match self {
            Self::Varchar => "varchar",
            Self::Bpchar => "bpchar",
            Self::Enum(labels) => {
                return Some((KIND_KEY.to_owned(), format!("enum{}", serde_json::json!(labels.0))));
            }
            Self::AsText | Self::Other => "other",
            _ => return None,
        };
        Some((KIND_KEY.to_owned(), name.to_owned()))
    }

    pub(in crate::plan) fn is_integer(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    pub(in crate::plan) fn is_float(self) -> bool {
        matches!(self, Self::Float4 | Self::Float8)
    }

    pub(in crate::plan) fn is_number(self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, Self::Numeric(..))
    }

    pub(in crate::plan) fn is_string(self) -> bool {
        matches!(self, Self::Text | Self::Varchar | Self::Bpchar)
    }
}

/// As PostgreSQL writes it.
impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Unknown => "unknown",
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric(p, s) => return write!(f, "numeric({p},{s})"),
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Text => "text",
            Self::Varchar => "character varying",
            Self::Bpchar => "character",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Enum(_) => "an enum",
            Self::Interval => "interval",
            Self::AsText => "a type that is exported as text",
            Self::Other => "a type without operators in expressions",
        };
        f.write_str(name)
    }
}
