//! Which Arrow type, codec and verdict a column gets: the type contract as a table.

mod kind;

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use self::kind::Kind;
use super::codec::Encoding;
use super::{Cast, Characters, Codec, Declared};
use crate::catalog::{Geometries, SOURCE_TYPE_KEY, Verdict};
use crate::error::{Error, Result};
use crate::source::kit::choice;
use crate::spec::{SpecialValues, TypePolicy};

/// The note of a column that the user has made text of.
pub const AS_ASKED: &str = "as asked by --cast";

/// Digits of the widest Arrow decimals.
const DECIMAL128_DIGITS: u8 = 38;
const DECIMAL256_DIGITS: u8 = 76;

/// Digits of the largest number of 64 bits without sign.
const UNSIGNED8: DataType = DataType::Decimal128(20, 0);

/// What was decided about a column.
pub type Choice = choice::Choice<Codec>;

/// Decides how a column is selected, decoded and typed. An unknown type travels as the server's text.
///
/// `text` is the user's `--cast 'table.column: text'`; `maria` says that the server is MariaDB.
///
/// # Errors
/// Internal, when the catalog does not say how many digits a decimal has.
pub fn choose(column: &Declared, text: bool, policy: &TypePolicy, maria: bool) -> Result<Choice> {
    let kind = Kind::of(column, policy, maria)?;
    let kind = if text { kind.into_text() } else { kind };
    let becomes_null = kind.has_special && policy.special_values == SpecialValues::Null;
    let mut metadata = kind.extension;
    metadata.insert(PARQUET_FIELD_ID_META_KEY.to_owned(), column.position.to_string());
    metadata.insert(SOURCE_TYPE_KEY.to_owned(), column.column_type.clone());
    Ok(Choice {
        field: Field::new(&column.name, kind.data_type, column.nullable || becomes_null)
            .with_metadata(metadata),
        codec: kind.codec,
        verdict: kind.verdict,
        note: kind.note,
        // The server compares zero dates, where we would compare NULL.
        comparable: kind.comparable && !becomes_null,
    })
}

impl Kind {
    /// The same column as text, because the user wants it.
    fn into_text(self) -> Self {
        let cast = match self.codec {
            Codec::Text(_)
            | Codec::Char(_)
            | Codec::Label(_)
            | Codec::Set(_)
            | Codec::Json
            | Codec::Address => {
                // They are text.
                return Self { verdict: Verdict::Text, note: AS_ASKED.to_owned(), ..self };
            }
            Codec::CastText(cast) => cast,
            Codec::Bytes | Codec::Vector | Codec::Geometry { .. } => Cast::Hexadecimal,
            Codec::Bit => Cast::Bits,
            Codec::Float => Cast::Float,
            Codec::Double => Cast::Double,
            _ => Cast::Plain,
        };
        let note = match cast {
            Cast::Plain | Cast::Double => AS_ASKED.to_owned(),
            Cast::Bits => format!("{AS_ASKED}; the bits as a number"),
            Cast::Float => format!("{AS_ASKED}; the number with all its digits"),
            Cast::Hexadecimal => format!("{AS_ASKED}; bytes as 0x and hexadecimal digits"),
        };
        Self::text(cast, note)
    }

    fn of(column: &Declared, policy: &TypePolicy, maria: bool) -> Result<Self> {
        let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        let zero_dates = "zero and invalid dates are";
        Ok(match column.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" => Self::integer(column),
            "year" => Self::widened(DataType::Int16, Codec::Year, "year as 16-bit integer"),
            "bit" => Self::bit(column),
            "float" => Self::exact(DataType::Float32, Codec::Float),
            "double" | "real" => Self::exact(DataType::Float64, Codec::Double),
            "decimal" | "numeric" => Self::decimal(column)?,
            "date" => Self::exact(DataType::Date32, Codec::Date).comparable().special(zero_dates, policy),
            "datetime" => Self::exact(micros(None), Codec::DateTime).comparable().special(zero_dates, policy),
            "timestamp" => {
                Self::exact(micros(Some("UTC")), Codec::Timestamp).comparable().special(zero_dates, policy)
            }
            "time" => Self::exact(DataType::Time64(TimeUnit::Microsecond), Codec::Time)
                .special("times outside of a day are", policy),
            "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                Self::characters(column, Codec::Text)
            }
            "char" => Self::characters(column, Codec::Char),
            "enum" => Self::labels(column, Codec::Label, "enum as its label"),
            "set" => Self::labels(column, Codec::Set, "set as its labels"),
            "json" => Self::exact(DataType::Utf8, Codec::Json).extension("arrow.json", Some("")),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                Self::exact(DataType::Binary, Codec::Bytes)
            }
            "uuid" => Self::exact(DataType::FixedSizeBinary(16), Codec::Uuid).extension("arrow.uuid", None),
            "inet4" | "inet6" => Self::exact(DataType::Utf8, Codec::Address)
                .verdict(Verdict::Text, format!("{} as the database's text", column.data_type)),
            "vector" => Self::vector(column, maria),
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => Self::geometry(column),
            name => Self::text(Cast::Plain, format!("{name} as the database's text")),
        })
    }

    fn integer(column: &Declared) -> Self {
        let unsigned = column.is_unsigned();
        match (column.data_type.as_str(), unsigned) {
            ("tinyint", false) => Self::widened(DataType::Int16, Codec::Int1, "8 bits as 16-bit integer"),
            ("tinyint", true) => {
                Self::widened(DataType::Int16, Codec::Unsigned1, "8 bits without sign as 16-bit integer")
            }
            ("smallint", false) => Self::exact(DataType::Int16, Codec::Int2),
            ("smallint", true) => {
                Self::widened(DataType::Int32, Codec::Unsigned2, "16 bits without sign as 32-bit integer")
            }
            ("mediumint", false) => Self::widened(DataType::Int32, Codec::Int4, "24 bits as 32-bit integer"),
            ("mediumint", true) => {
                Self::widened(DataType::Int32, Codec::Int4, "24 bits without sign as 32-bit integer")
            }
            ("bigint", false) => Self::exact(DataType::Int64, Codec::Int8),
            ("bigint", true) => {
                Self::widened(UNSIGNED8, Codec::Unsigned8, "64 bits without sign as decimal of 20 digits")
            }
            (_, false) => Self::exact(DataType::Int32, Codec::Int4),
            (_, true) => {
                Self::widened(DataType::Int64, Codec::Unsigned4, "32 bits without sign as 64-bit integer")
            }
        }
        .comparable()
    }

    fn bit(column: &Declared) -> Self {
        // Without a length it is the widest that there is.
        match column.precision.or_else(|| column.length()) {
            Some(bits @ 1..=63) => {
                Self::widened(DataType::Int64, Codec::Bit, &format!("{bits} bits as 64-bit integer"))
            }
            _ => Self::widened(UNSIGNED8, Codec::Bit, "64 bits as decimal of 20 digits"),
        }
    }

    fn decimal(column: &Declared) -> Result<Self> {
        let digits = column.precision.and_then(|digits| u8::try_from(digits).ok());
        let places = column.scale.and_then(|places| i8::try_from(places).ok());
        let data_type = match (digits, places) {
            (Some(digits @ 1..=DECIMAL128_DIGITS), Some(places)) if places.unsigned_abs() <= digits => {
                DataType::Decimal128(digits, places)
            }
            (Some(digits @ 1..=DECIMAL256_DIGITS), Some(places)) if places.unsigned_abs() <= digits => {
                DataType::Decimal256(digits, places)
            }
            _ => {
                return Err(Error::internal("the catalog does not say how many digits a decimal has")
                    .with("column", &column.name)
                    .with("type", &column.column_type));
            }
        };
        Ok(Self::exact(data_type, Codec::Decimal).comparable())
    }

    fn characters(column: &Declared, codec: impl Fn(Characters) -> Codec) -> Self {
        let characters = Characters {
            charset: column.character_set.clone().unwrap_or_else(|| "binary".to_owned()),
            collation: column.collation.clone().unwrap_or_else(|| "binary".to_owned()),
        };
        let (exact, encoding) = (characters.is_exact(), characters.encoding());
        let note = match encoding {
            Encoding::Converted => format!("{} as the server converts it to UTF-8", characters.charset),
            _ => String::new(),
        };
        let codec = codec(characters);
        let comparable = exact && matches!(codec, Codec::Text(_));
        Self { comparable, ..Self::exact(DataType::Utf8, codec).verdict(Verdict::Exact, note) }
    }

    fn labels(column: &Declared, codec: impl Fn(Characters) -> Codec, note: &str) -> Self {
        let kind = Self::characters(column, codec);
        let note = if kind.note.is_empty() { note.to_owned() } else { format!("{note}; {}", kind.note) };
        kind.verdict(Verdict::Text, note)
    }

    /// A list of numbers. MariaDB has as many as declared in each; MySQL at most so many.
    fn vector(column: &Declared, maria: bool) -> Self {
        let element = Arc::new(Field::new("element", DataType::Float32, false));
        let length = column.length().filter(|_| maria).and_then(|length| i32::try_from(length).ok());
        let data_type = match length {
            Some(length @ 1..) => DataType::FixedSizeList(element, length),
            _ => DataType::List(element),
        };
        Self::exact(data_type, Codec::Vector)
    }

    fn geometry(column: &Declared) -> Self {
        let srid = column.srid.unwrap_or(0);
        let types = match column.data_type.as_str() {
            "point" => vec!["Point"],
            "linestring" => vec!["LineString"],
            "polygon" => vec!["Polygon"],
            "multipoint" => vec!["MultiPoint"],
            "multilinestring" => vec!["MultiLineString"],
            "multipolygon" => vec!["MultiPolygon"],
            // A collection may be one of points, lines or polygons.
            _ => vec![],
        };
        let system = column.system.as_ref().filter(|_| srid != 0);
        let crs = match system {
            // Coordinates that may be in another order than files have them: nothing is said of them.
            Some(system) => system.name(),
            None => (srid != 0).then(|| srid.to_string()),
        };
        let shown = crs.clone().filter(|crs| crs.contains(':')).unwrap_or_else(|| format!("SRID {srid}"));
        let geometries = Geometries {
            crs,
            spherical: system.is_some_and(super::SpatialSystem::is_geographic),
            types: Some(types.into_iter().map(str::to_owned).collect()),
        };
        let mut kind = Self::exact(DataType::Binary, Codec::Geometry { srid })
            .verdict(Verdict::Exact, format!("ISO WKB, {shown}; another SRID is refused"));
        kind.extension = geometries.metadata();
        kind
    }
}
