//! Columns of a result as the server declares them: what a query gives, and whether a decoder reads it.

use super::{Characters, Codec, Declared};
use crate::client::mysql::{Column, ColumnFlags, ColumnType};
use crate::error::{Error, Result};

/// The collation of what is no text.
const BINARY: u16 = 63;
/// Digits of the widest decimal.
const MOST_DIGITS: u32 = 65;
/// Decimal places that a type declares at most: a number that has as many as it needs says more.
const MOST_PLACES: u32 = 30;

impl Declared {
    /// A column of a query's result, as if it were one of a table; it may be NULL. `characters` are those of the
    /// column's collation, by its number.
    ///
    /// # Errors
    /// Internal, when it is a text and the characters are not given.
    pub fn of_result(column: &Column, position: u32, characters: Option<&Characters>) -> Result<Self> {
        let is_text = column.collation != BINARY && may_be_text(column.kind);
        if is_text && characters.is_none() {
            return Err(Error::internal(format!("the server has no collation {}", column.collation))
                .with("column", &column.name));
        }
        let characters = characters.filter(|_| is_text);
        let unsigned = column.flags.intersects(ColumnFlags::UNSIGNED_FLAG | ColumnFlags::ZEROFILL_FLAG);
        let data_type = data_type(column, is_text);
        let scale = u32::from(column.decimals);
        let precision = match data_type {
            "decimal" => {
                let signs = u32::from(scale > 0) + u32::from(!unsigned);
                Some(column.length.saturating_sub(signs).clamp(scale.max(1), MOST_DIGITS.max(scale)))
            }
            "bit" => Some(column.length),
            _ => None,
        };
        let mut column_type = match (data_type, precision) {
            ("decimal", Some(digits)) => format!("decimal({digits},{scale})"),
            ("bit", Some(bits)) => format!("bit({bits})"),
            // Values are rounded to so many places.
            ("float" | "double", _) if scale <= MOST_PLACES => {
                format!("{data_type}({},{scale})", column.length)
            }
            _ => data_type.to_owned(),
        };
        if unsigned && is_number(column.kind) {
            column_type.push_str(" unsigned");
        }
        Ok(Self {
            name: column.name.clone(),
            position,
            data_type: data_type.to_owned(),
            column_type,
            character_set: characters.map(|of| of.charset.clone()),
            collation: characters.map(|of| of.collation.clone()),
            nullable: true,
            precision,
            scale: (data_type == "decimal").then_some(scale),
            srid: None,
            system: None,
        })
    }
}

fn is_number(kind: ColumnType) -> bool {
    use ColumnType::*;
    matches!(
        kind,
        MYSQL_TYPE_TINY
            | MYSQL_TYPE_SHORT
            | MYSQL_TYPE_INT24
            | MYSQL_TYPE_LONG
            | MYSQL_TYPE_LONGLONG
            | MYSQL_TYPE_FLOAT
            | MYSQL_TYPE_DOUBLE
            | MYSQL_TYPE_DECIMAL
            | MYSQL_TYPE_NEWDECIMAL
    )
}

/// Whether values of the kind are texts or bytes, as their collation says.
fn may_be_text(kind: ColumnType) -> bool {
    use ColumnType::*;
    matches!(
        kind,
        MYSQL_TYPE_VARCHAR
            | MYSQL_TYPE_VAR_STRING
            | MYSQL_TYPE_STRING
            | MYSQL_TYPE_ENUM
            | MYSQL_TYPE_SET
            | MYSQL_TYPE_TINY_BLOB
            | MYSQL_TYPE_BLOB
            | MYSQL_TYPE_MEDIUM_BLOB
            | MYSQL_TYPE_LONG_BLOB
    )
}

/// The name of the type; one that [`choose`](super::choose) does not know for what has none.
fn data_type(column: &Column, is_text: bool) -> &'static str {
    use ColumnType::*;
    match column.kind {
        MYSQL_TYPE_TINY => "tinyint",
        MYSQL_TYPE_SHORT => "smallint",
        MYSQL_TYPE_INT24 => "mediumint",
        MYSQL_TYPE_LONG => "int",
        MYSQL_TYPE_LONGLONG => "bigint",
        MYSQL_TYPE_YEAR => "year",
        MYSQL_TYPE_BIT => "bit",
        MYSQL_TYPE_FLOAT => "float",
        MYSQL_TYPE_DOUBLE => "double",
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL => "decimal",
        MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE => "date",
        MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2 => "datetime",
        MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2 => "timestamp",
        MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2 => "time",
        MYSQL_TYPE_JSON => "json",
        MYSQL_TYPE_VECTOR => "vector",
        MYSQL_TYPE_GEOMETRY => "geometry",
        kind if may_be_text(kind) => match (is_text, kind) {
            _ if column.flags.contains(ColumnFlags::ENUM_FLAG) => "enum",
            _ if column.flags.contains(ColumnFlags::SET_FLAG) => "set",
            (true, MYSQL_TYPE_STRING) => "char",
            (true, _) => "text",
            (false, _) => "blob",
        },
        MYSQL_TYPE_NULL => "null",
        _ => "unknown",
    }
}

impl Codec {
    /// Whether the decoder reads what the server says that it sends for [`Self::select_sql`].
    pub fn reads(&self, column: &Column) -> bool {
        use ColumnType::*;
        let unsigned = column.flags.contains(ColumnFlags::UNSIGNED_FLAG);
        match self {
            Self::Int1 => column.kind == MYSQL_TYPE_TINY && !unsigned,
            Self::Unsigned1 => column.kind == MYSQL_TYPE_TINY && unsigned,
            Self::Int2 => column.kind == MYSQL_TYPE_SHORT && !unsigned,
            Self::Unsigned2 => column.kind == MYSQL_TYPE_SHORT && unsigned,
            // A mediumint without sign is below 2^24.
            Self::Int4 => column.kind == MYSQL_TYPE_INT24 || column.kind == MYSQL_TYPE_LONG && !unsigned,
            Self::Unsigned4 => column.kind == MYSQL_TYPE_LONG && unsigned,
            Self::Int8 => column.kind == MYSQL_TYPE_LONGLONG && !unsigned,
            Self::Unsigned8 => column.kind == MYSQL_TYPE_LONGLONG && unsigned,
            Self::Year => column.kind == MYSQL_TYPE_YEAR,
            Self::Bit => column.kind == MYSQL_TYPE_BIT,
            Self::Float => column.kind == MYSQL_TYPE_FLOAT,
            Self::Double => column.kind == MYSQL_TYPE_DOUBLE,
            Self::Decimal => matches!(column.kind, MYSQL_TYPE_NEWDECIMAL | MYSQL_TYPE_DECIMAL),
            Self::Date => matches!(column.kind, MYSQL_TYPE_DATE | MYSQL_TYPE_NEWDATE),
            Self::DateTime => matches!(column.kind, MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATETIME2),
            Self::Timestamp => matches!(column.kind, MYSQL_TYPE_TIMESTAMP | MYSQL_TYPE_TIMESTAMP2),
            Self::Time => matches!(column.kind, MYSQL_TYPE_TIME | MYSQL_TYPE_TIME2),
            Self::Json => column.kind == MYSQL_TYPE_JSON,
            Self::Geometry { .. } => column.kind == MYSQL_TYPE_GEOMETRY,
            // MariaDB sends it as bytes.
            Self::Vector => column.kind == MYSQL_TYPE_VECTOR || may_be_text(column.kind),
            Self::Bytes => may_be_text(column.kind) && column.collation == BINARY,
            Self::Text(_)
            | Self::Char(_)
            | Self::Label(_)
            | Self::Set(_)
            | Self::Uuid
            | Self::Address
            | Self::CastText(_) => may_be_text(column.kind),
        }
    }
}
