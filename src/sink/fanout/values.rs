//! A value as the name of a Hive directory.
//!
//! | value | directory of key `k` |
//! |---|---|
//! | NULL | `k=__HIVE_DEFAULT_PARTITION__` |
//! | boolean | `k=true`, `k=false` |
//! | integers, decimals | `k=-7`, `k=12.50` |
//! | date | `k=2024-02-29` |
//! | timestamp | `k=2024-02-29 12%3A00%3A00`, with a fraction if it has one |
//! | uuid | `k=0190a1b2-…` |
//! | text | the text; `%`, `/`, `\`, `:`, `*`, `?`, `"`, `'`, `#`, `=`, `{`, `[`, `]`, `^`, `<`, `>`, `\|` and ASCII control characters become `%XX` (each UTF-8 byte) |
//!
//! The empty text and the text `__HIVE_DEFAULT_PARTITION__` are errors: readers take both for NULL.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, TimeDelta};

use crate::error::{Code, Error, Result};
use crate::spec::layout::HIVE_NULL;

/// Bytes that a name of a directory may have on every file system.
const NAME_BYTES: usize = 255;

/// Whether values of `data_type` can be names of directories.
pub fn can_be_key(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Decimal128(_, _)
        | T::Date32
        | T::Timestamp(TimeUnit::Microsecond, None)
        | T::Utf8
        | T::LargeUtf8
        | T::Utf8View
        | T::FixedSizeBinary(16) => true,
        T::Dictionary(_, values) => can_be_key(values),
        _ => false,
    }
}

/// The directories of the keys of a row, each with a slash behind it.
///
/// Errors: `Data` for a value that readers would take for another one, naming its key.
pub(super) fn directory(names: &[String], columns: &[ArrayRef], row: usize) -> Result<String> {
    let mut directories = String::new();
    for (name, column) in names.iter().zip(columns) {
        let value = text(column, row).map_err(|error| error.with("partition", name))?;
        let level = format!("{}={}", escape(name), value.as_deref().map_or(HIVE_NULL.to_owned(), escape));
        if level.len() > NAME_BYTES {
            return Err(wrong(format!("the directory of a partition would have a name of {} bytes", level.len()))
                .with("partition", name)
                .hint("file systems take 255 bytes: partition by a shorter expression, left(column, 50) AS name for example"));
        }
        directories.push_str(&level);
        directories.push('/');
    }
    Ok(directories)
}

fn wrong(message: String) -> Error {
    Error::data(message).coded(Code::PartitionValue)
}

/// The value as text; `None` for NULL.
fn text(column: &ArrayRef, row: usize) -> Result<Option<String>> {
    if column.is_null(row) {
        return Ok(None);
    }
    macro_rules! number {
        ($type:ty) => {
            column.as_primitive::<$type>().value(row).to_string()
        };
    }
    Ok(Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Decimal128(_, _) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row))?,
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row))?
        }
        DataType::Utf8 => named(column.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => named(column.as_string::<i64>().value(row))?,
        DataType::Utf8View => named(column.as_string_view().value(row))?,
        DataType::FixedSizeBinary(16) => {
            let bytes = column.as_fixed_size_binary().value(row);
            let id = uuid::Uuid::from_slice(bytes).map_err(|e| Error::internal("a uuid").caused_by(e))?;
            id.hyphenated().to_string()
        }
        DataType::Dictionary(_, _) => {
            let plain = column.as_any_dictionary();
            let values = plain.values();
            return text(values, plain.normalized_keys()[row]);
        }
        other => return Err(Error::internal("a type that cannot be a partition").with("type", other)),
    }))
}

/// A text, unless readers would take it for NULL.
fn named(text: &str) -> Result<String> {
    match text {
        "" => Err(wrong("a partition would be the empty text, which readers take for NULL".into())
            .hint("nullif(column, '') AS name writes it as NULL; coalesce(nullif(column, ''), 'none') AS name as a word")),
        HIVE_NULL => Err(wrong(format!("a partition would be the text {HIVE_NULL}, which readers take for NULL"))
            .hint("partition by an expression that has another value")),
        text => Ok(text.to_owned()),
    }
}

fn date(days: i32) -> Result<String> {
    let day = TimeDelta::try_days(days.into())
        .and_then(|days| NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(days));
    day.filter(|day| day.to_string().len() == 10).map(|day| day.to_string()).ok_or_else(|| beyond("date"))
}

fn timestamp(microseconds: i64) -> Result<String> {
    let moment = DateTime::from_timestamp_micros(microseconds).ok_or_else(|| beyond("timestamp"))?;
    let text = moment.format("%Y-%m-%d %H:%M:%S%.f").to_string();
    if text.as_bytes().get(4) == Some(&b'-') { Ok(text) } else { Err(beyond("timestamp")) }
}

fn beyond(what: &str) -> Error {
    wrong(format!(
        "a partition would be a {what} outside of the years 0 to 9999, which readers do not understand"
    ))
    .hint("cast the expression to text, or leave such rows out with --where")
}

/// A name or a value as a part of a directory's name, by the table above.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let special = c.is_ascii_control()
            || matches!(
                c,
                '%' | '/'
                    | '\\'
                    | ':'
                    | '*'
                    | '?'
                    | '"'
                    | '\''
                    | '#'
                    | '='
                    | '{'
                    | '['
                    | ']'
                    | '^'
                    | '<'
                    | '>'
                    | '|'
            );
        if special {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}
