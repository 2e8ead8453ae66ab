//! How values of a MySQL or MariaDB column become Arrow values: one small decoder per type family, chosen once per column.
//!
//! | MySQL, MariaDB | Arrow | verdict |
//! |---|---|---|
//! | smallint, int, bigint | Int16, Int32, Int64 | exact |
//! | tinyint, mediumint, year | Int16, Int32, Int16 | widened |
//! | tinyint, smallint, mediumint, int, bigint unsigned | Int16, Int32, Int32, Int64, Decimal128(20,0) | widened |
//! | bit(n) up to 63, bit(64) | Int64, Decimal128(20,0) | widened |
//! | float, double | Float32, Float64 | exact |
//! | decimal(p,s) up to 38 / 65 digits | Decimal128 / Decimal256 | exact |
//! | date, time, datetime, timestamp | Date32, Time64(us), Timestamp(us), Timestamp(us, UTC) | exact |
//! | char, varchar, tinytext to longtext, json | Utf8 | exact |
//! | enum, set | Utf8, the label or labels | text |
//! | binary, varbinary, tinyblob to longblob | Binary | exact |
//! | geometry, point to geometrycollection | Binary, ISO WKB | exact |
//! | uuid (MariaDB) | FixedSizeBinary(16) | exact |
//! | inet4, inet6 (MariaDB) | Utf8 | text |
//! | vector(n) | List of Float32; FixedSizeList in MariaDB, where each value has n numbers | exact |
//! | everything else | Utf8, the server's own text | text |
//!
//! Texts come in the character set of their column. Those in UTF-8, ASCII and latin1 are decoded here; every other is
//! converted by the server, which also has to show that nothing was lost.
//!
//! To add a type, give it a file with its decoder, a variant of [`Codec`], and a row in `choose.rs`.

mod choose;
mod codec;
mod decimal;
mod declared;
mod form;
mod geometry;
mod number;
mod result;
mod temporal;
#[cfg(test)]
mod tests;
mod text;
mod uuid;
mod vector;

use arrow::datatypes::{BinaryType, Utf8Type};
use arrow_schema::{DataType, Field, TimeUnit};

pub use self::choose::{AS_ASKED, Choice, choose};
use self::codec::Encoding;
pub use self::codec::{Cast, Characters, Codec};
pub use self::declared::{Declared, SpatialSystem, first_srid_sql, labels};
use self::text::{Ascii, Converted, Latin1, TextDecoder};
use crate::error::{Error, Result};
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::Bytes;
use crate::source::kit::primitive::{Convert, PrimitiveDecoder};
use crate::source::kit::variable::VariableDecoder;
use crate::spec::SpecialValues;

fn primitive<C: Convert<Sent = Bytes> + 'static>(
    convert: C,
    of: &DataType,
    rows: usize,
) -> Box<dyn CellDecoder> {
    Box::new(PrimitiveDecoder::new(convert, of, rows))
}

impl Codec {
    /// A decoder that fills arrays of exactly `field`'s data type, with room for `rows` values.
    ///
    /// # Errors
    /// Internal, when `field` is not of a type that this codec fills.
    pub fn decoder(
        &self,
        field: &Field,
        rows: usize,
        special: SpecialValues,
    ) -> Result<Box<dyn CellDecoder>> {
        let of = field.data_type();
        let micros = TimeUnit::Microsecond;
        Ok(match (self, of) {
            (Self::Int1, DataType::Int16) => primitive(number::Int1, of, rows),
            (Self::Unsigned1, DataType::Int16) => primitive(number::Unsigned1, of, rows),
            (Self::Int2, DataType::Int16) => primitive(number::Int2, of, rows),
            (Self::Unsigned2, DataType::Int32) => primitive(number::Unsigned2, of, rows),
            (Self::Int4, DataType::Int32) => primitive(number::Int4, of, rows),
            (Self::Unsigned4, DataType::Int64) => primitive(number::Unsigned4, of, rows),
            (Self::Int8, DataType::Int64) => primitive(number::Int8, of, rows),
            (Self::Unsigned8, DataType::Decimal128(20, 0)) => primitive(number::Unsigned8, of, rows),
            (Self::Year, DataType::Int16) => primitive(number::Year, of, rows),
            (Self::Bit, DataType::Int64) => primitive(number::Bits, of, rows),
            (Self::Bit, DataType::Decimal128(20, 0)) => primitive(number::WideBits, of, rows),
            (Self::Float, DataType::Float32) => primitive(number::Float, of, rows),
            (Self::Double, DataType::Float64) => primitive(number::Double, of, rows),
            (Self::Decimal, DataType::Decimal128(precision, scale)) => {
                primitive(decimal::ToDecimal128::new(*precision, *scale), of, rows)
            }
            (Self::Decimal, DataType::Decimal256(precision, scale)) => {
                primitive(decimal::ToDecimal256::new(*precision, *scale), of, rows)
            }
            (Self::Date, DataType::Date32) => primitive(temporal::ToDate32 { special }, of, rows),
            (Self::DateTime, DataType::Timestamp(unit, None)) if *unit == micros => {
                primitive(temporal::ToTimestamp { special }, of, rows)
            }
            (Self::Timestamp, DataType::Timestamp(unit, Some(_))) if *unit == micros => {
                primitive(temporal::ToTimestamp { special }, of, rows)
            }
            (Self::Time, DataType::Time64(unit)) if *unit == micros => {
                primitive(temporal::ToTime64 { special }, of, rows)
            }
            (Self::CastText(_), DataType::Utf8) => Box::new(TextDecoder::new(Converted::to_text(), rows)),
            (Self::Json, DataType::Utf8) => Box::new(VariableDecoder::<Utf8Type>::new(rows)),
            (Self::Address, DataType::Utf8) => Box::new(TextDecoder::new(Ascii, rows)),
            (Self::Text(of) | Self::Char(of) | Self::Label(of) | Self::Set(of), DataType::Utf8) => {
                match of.encoding() {
                    Encoding::Utf8 => Box::new(VariableDecoder::<Utf8Type>::new(rows)),
                    Encoding::Ascii => Box::new(TextDecoder::new(Ascii, rows)),
                    Encoding::Latin1 => Box::new(TextDecoder::new(Latin1, rows)),
                    Encoding::Converted => Box::new(TextDecoder::new(Converted::from(&of.charset), rows)),
                }
            }
            (Self::Bytes, DataType::Binary) => Box::new(VariableDecoder::<BinaryType>::new(rows)),
            (Self::Geometry { srid }, DataType::Binary) => {
                Box::new(geometry::GeometryDecoder::new(*srid, rows))
            }
            (Self::Uuid, DataType::FixedSizeBinary(16)) => Box::new(uuid::UuidDecoder::new(rows)),
            (Self::Vector, _) => Box::new(vector::VectorDecoder::new(field, rows)?),
            _ => {
                return Err(
                    Error::internal(format!("codec {self:?} cannot fill {of}")).with("column", field.name())
                );
            }
        })
    }
}
