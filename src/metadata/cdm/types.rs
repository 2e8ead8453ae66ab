//! Arrow types as data formats of the Common Data Model.
//!
//! | Arrow | data format |
//! |---|---|
//! | Boolean | Boolean |
//! | Int8, UInt8, Int16 | Int16 |
//! | UInt16, Int32 | Int32 |
//! | UInt32, Int64 | Int64 |
//! | UInt64 | Decimal of 20 digits |
//! | Float16, Float32; Float64 | Float; Double |
//! | decimals | Decimal, with precision and scale |
//! | Date32, Date64; times; timestamps without, with a zone | Date; Time; DateTime; DateTimeOffset |
//! | texts, dictionaries of them; from json and jsonb | String; Json |
//! | binaries; 16 bytes from uuid | Binary; Guid |
//! | lists, structs, maps, intervals | none: the Common Data Model has no such format |
//!
//! Formats and not data types, whose names (`date`, `time`) a reader would look up among the entities first: a table
//! may be called so.

use arrow_schema::DataType;

use crate::catalog::SourceIdentity;
use crate::manifest::ManifestColumn;

/// What the Common Data Model says of a column.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Shape {
    pub(super) format: Option<&'static str>,
    /// Precision and scale.
    pub(super) decimal: Option<(u8, i8)>,
    /// Characters.
    pub(super) maximum_length: Option<u32>,
}

pub(super) fn shape(column: &ManifestColumn, source: &SourceIdentity) -> Shape {
    let Ok(data_type) = column.arrow_type.parse::<DataType>() else { return Shape::default() };
    let source_type = column.source_type.as_deref().unwrap_or("");
    let decimal = match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((precision, scale)),
        DataType::UInt64 => Some((20, 0)),
        _ => None,
    };
    let format = format(&data_type, source_type);
    // SQLite keeps texts of any length, whatever is declared.
    let bound = format == Some("String") && source.kind != "sqlite";
    let maximum_length = if bound { declared_length(source_type) } else { None };
    Shape { format, decimal, maximum_length }
}

fn format(data_type: &DataType, source_type: &str) -> Option<&'static str> {
    Some(match data_type {
        DataType::Boolean => "Boolean",
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "Int16",
        DataType::UInt16 | DataType::Int32 => "Int32",
        DataType::UInt32 | DataType::Int64 => "Int64",
        DataType::Float16 | DataType::Float32 => "Float",
        DataType::Float64 => "Double",
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "Decimal",
        DataType::Date32 | DataType::Date64 => "Date",
        DataType::Time32(_) | DataType::Time64(_) => "Time",
        DataType::Timestamp(_, None) => "DateTime",
        DataType::Timestamp(_, Some(_)) => "DateTimeOffset",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match source_type {
            "json" | "jsonb" => "Json",
            _ => "String",
        },
        DataType::FixedSizeBinary(16) if source_type.eq_ignore_ascii_case("uuid") => "Guid",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "Binary"
        }
        DataType::Dictionary(_, values) => return format(values, source_type),
        _ => return None,
    })
}

/// 25 for `character varying(25)`.
fn declared_length(source_type: &str) -> Option<u32> {
    let (name, length) = source_type.strip_suffix(')')?.split_once('(')?;
    matches!(name, "character varying" | "character" | "varchar" | "char").then(|| length.parse().ok())?
}
