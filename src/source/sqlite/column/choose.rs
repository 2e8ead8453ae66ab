//! Which Arrow type, codec and verdict a column gets: the type contract as a table.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::Codec;
use crate::catalog::{SOURCE_TYPE_KEY, Verdict};
use crate::source::kit::choice;
use crate::spec::{NumericPolicy, TypePolicy};

/// Digits of the widest decimal that is written.
const DECIMAL_DIGITS: i64 = 38;

/// A declared type, taken apart.
struct Declared {
    /// Upper case, one space between words, without what stood in parentheses.
    name: String,
    /// What stood in parentheses, if those were numbers.
    arguments: Vec<i64>,
}

impl Declared {
    fn parse(text: &str) -> Self {
        let (before, rest) = text.split_once('(').unwrap_or((text, ""));
        let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
        let words: Vec<String> =
            before.split_whitespace().chain(after.split_whitespace()).map(str::to_ascii_uppercase).collect();
        let arguments: Option<Vec<i64>> = inside.split(',').map(|a| a.trim().parse().ok()).collect();
        Self { name: words.join(" "), arguments: arguments.unwrap_or_default() }
    }

    fn contains(&self, any: &[&str]) -> bool {
        any.iter().any(|part| self.name.contains(part))
    }
}

/// Whether the declared type says nothing, so that the first value has to.
pub(in crate::source::sqlite) fn needs_first_value(declared: &str, strict: bool) -> bool {
    let declared = declared.trim();
    declared.is_empty() || (strict && declared.eq_ignore_ascii_case("ANY"))
}

/// Decides how a column is decoded and typed. Never fails: an unknown type travels as text.
///
/// `cast_to_text` is the user's `--cast 'table.column: text'`.
pub fn choose(column: &Column<'_>, policy: &TypePolicy, cast_to_text: bool) -> Choice {
    let declared = Declared::parse(column.declared);
    let kind = if cast_to_text {
        Kind::text(Codec::CastText, "as asked by --cast; BLOB as X'..'")
    } else if column.untyped {
        Kind::untyped(column.first_class)
    } else {
        Kind::declared(&declared, policy)
    };
    let mut metadata = kind.extension;
    metadata.insert(PARQUET_FIELD_ID_META_KEY.to_owned(), (column.ordinal + 1).to_string());
    metadata.insert(SOURCE_TYPE_KEY.to_owned(), column.declared.to_owned());
    let comparable = column.enforced
        && !column.untyped
        && match kind.codec {
            Codec::Integer => true,
            Codec::Text => column.binary_collation,
            _ => false,
        };
    Choice {
        field: Field::new(column.name, kind.data_type, !column.never_null).with_metadata(metadata),
        codec: kind.codec,
        verdict: kind.verdict,
        note: kind.note,
        comparable,
    }
}

/// A decision about a type.
struct Kind {
    data_type: DataType,
    codec: Codec,
    verdict: Verdict,
    note: String,
    extension: HashMap<String, String>,
}

impl Kind {
    fn exact(data_type: DataType, codec: Codec) -> Self {
        Self { data_type, codec, verdict: Verdict::Exact, note: String::new(), extension: HashMap::new() }
    }

    fn text(codec: Codec, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Text, note: note.into(), ..Self::exact(DataType::Utf8, codec) }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    fn declared(declared: &Declared, policy: &TypePolicy) -> Self {
        let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        match declared.name.as_str() {
            "BOOL" | "BOOLEAN" => {
                Self::exact(DataType::Boolean, Codec::Boolean).note("other than 0 and 1 is refused")
            }
            "DATE" => Self::exact(DataType::Date32, Codec::Date).note("other than YYYY-MM-DD is refused"),
            "TIME" | "TIME WITHOUT TIME ZONE" => {
                Self::exact(DataType::Time64(TimeUnit::Microsecond), Codec::Time)
                    .note("other than HH:MM:SS is refused")
            }
            "DATETIME" | "DATETIME2" | "SMALLDATETIME" | "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => {
                Self::exact(micros(None), Codec::Timestamp).note("other than YYYY-MM-DD HH:MM:SS is refused")
            }
            "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "DATETIMEOFFSET" => {
                Self::exact(micros(Some("UTC")), Codec::Timestamp)
                    .note("without an offset from UTC is refused")
            }
            "DECIMAL" | "NUMERIC" | "DEC" | "NUMBER" | "FIXED" | "NUM" => Self::numeric(declared, policy),
            "JSON" => Self::json(),
            // From here on SQLite's own rules for a column's affinity, in their order.
            _ if declared.contains(&["INT"]) => Self::exact(DataType::Int64, Codec::Integer),
            _ if declared.contains(&["CHAR", "CLOB", "TEXT"]) => Self::exact(DataType::Utf8, Codec::Text),
            _ if declared.contains(&["BLOB"]) => Self::exact(DataType::Binary, Codec::Bytes),
            _ if declared.contains(&["REAL", "FLOA", "DOUB"]) => Self::exact(DataType::Float64, Codec::Real),
            name => Self::text(Codec::AnyText, format!("{name} as SQLite's text; a BLOB is refused")),
        }
    }

    /// JSON has NUMERIC affinity: SQLite turns a document that is a number into one.
    fn json() -> Self {
        let mut kind = Self::exact(DataType::Utf8, Codec::Json);
        kind.extension.insert(EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.json".to_owned());
        kind.extension.insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new());
        kind
    }

    fn numeric(declared: &Declared, policy: &TypePolicy) -> Self {
        let (digits, places) = match declared.arguments.as_slice() {
            [digits] => (*digits, 0),
            [digits, places] => (*digits, *places),
            _ => return Self::bare_numeric(policy),
        };
        match (u8::try_from(digits), i8::try_from(places)) {
            (Ok(p), Ok(s)) if (1..=DECIMAL_DIGITS).contains(&digits) && (0..=digits).contains(&places) => {
                Self::exact(DataType::Decimal128(p, s), Codec::Decimal)
                    .note("a value that does not fit exactly is refused")
            }
            _ => Self::text(
                Codec::AnyText,
                format!(
                    "{}({digits},{places}) has no Parquet decimal of {DECIMAL_DIGITS} digits",
                    declared.name
                ),
            ),
        }
    }

    fn bare_numeric(policy: &TypePolicy) -> Self {
        match policy.numeric {
            NumericPolicy::Text => Self::text(
                Codec::AnyText,
                "a number without precision; --numeric decimal:P,S or double makes it one",
            ),
            NumericPolicy::Measure => {
                Self::text(Codec::AnyText, "a number without precision; --numeric measure is for PostgreSQL")
            }
            NumericPolicy::Double => Self {
                verdict: Verdict::Widened,
                note: "rounded to double, as asked by --numeric".into(),
                ..Self::exact(DataType::Float64, Codec::Double)
            },
            NumericPolicy::Decimal(digits, places)
                if (1..=DECIMAL_DIGITS).contains(&digits.into())
                    && (0..=digits.into()).contains(&i64::from(places)) =>
            {
                Self::exact(DataType::Decimal128(digits, places), Codec::Decimal)
                    .note("a value that does not fit exactly is refused")
            }
            NumericPolicy::Decimal(digits, places) => {
                Self::text(Codec::AnyText, format!("decimal({digits},{places}) is not written for SQLite"))
            }
        }
    }

    /// A column without a declared type.
    fn untyped(first: Option<StorageClass>) -> Self {
        let note = "no declared type: that of the first value; others are refused";
        match first {
            Some(StorageClass::Integer) => Self::exact(DataType::Int64, Codec::Integer).note(note),
            Some(StorageClass::Real) => Self::exact(DataType::Float64, Codec::Real).note(note),
            Some(StorageClass::Blob) => Self::exact(DataType::Binary, Codec::Bytes).note(note),
            Some(StorageClass::Text) => Self::exact(DataType::Utf8, Codec::Text).note(note),
            None => Self::exact(DataType::Utf8, Codec::Text).note("no declared type and no value"),
        }
    }
}

/// SQLite's storage classes, without NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    /// 64-bit integer.
    Integer,
    /// Double.
    Real,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

impl StorageClass {
    /// What `typeof()` says; none for `null`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "integer" => Some(Self::Integer),
            "real" => Some(Self::Real),
            "text" => Some(Self::Text),
            "blob" => Some(Self::Blob),
            _ => None,
        }
    }
}

/// A column as the schema describes it.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Place in the table, from 0; the Parquet field id is one more.
    pub ordinal: i64,
    /// The declared type, as written; may be empty.
    pub declared: &'a str,
    /// SQLite lets no NULL in.
    pub never_null: bool,
    /// SQLite lets no other storage class in than the declared one.
    pub enforced: bool,
    /// Equal texts have equal bytes.
    pub binary_collation: bool,
    /// The declared type says nothing: see [`needs_first_value`].
    pub untyped: bool,
    /// Of the first value that is not NULL, where the column is untyped.
    pub first_class: Option<StorageClass>,
}

/// What was decided about a column.
pub type Choice = choice::Choice<Codec>;
