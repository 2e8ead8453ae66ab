//! How values of a PostgreSQL column become Arrow values: one small decoder per type family, chosen once per column.
//!
//! | PostgreSQL | Arrow | verdict |
//! |---|---|---|
//! | bool, int2, int4, int8, float4, float8 | Boolean, Int16, Int32, Int64, Float32, Float64 | exact |
//! | oid, xid, cid | Int64 | widened |
//! | numeric(p,s) up to 38 / 76 digits | Decimal128 / Decimal256 | exact; widened when s < 0 or s > p |
//! | numeric without precision | Utf8, or what `--numeric` asks for | text |
//! | money | Decimal128(19, scale of the session's `lc_monetary`) | exact |
//! | text, varchar, name, char(n), json, jsonb | Utf8 | exact |
//! | bytea, uuid | Binary, FixedSizeBinary(16) | exact |
//! | date, time, timestamp, timestamptz | Date32, Time64(us), Timestamp(us), Timestamp(us, UTC) | exact |
//! | enum | Utf8, the label | text |
//! | vector(n), vector (pgvector) | FixedSizeList, List of Float32 | exact |
//! | halfvec(n), halfvec | the same | widened |
//! | geometry, geography (PostGIS; a column itself) | Binary, ISO WKB | exact |
//! | arrays of the above | List, as deep as declared | as their elements |
//! | composite types | Struct of their fields by this table | as the least of their fields |
//! | everything else | Utf8, the server's own text | text |
//!
//! The text of a built-in type is its cast to text, which only a superuser can define. That of any other type is what its
//! output function gives: a cast, and every operator, of such a type may be a function of the type's owner, which the
//! server would run as the role that exports.
//!
//! A domain counts as its base type. To add a type, give it a file with its decoder, a variant of [`Codec`],
//! and a row in `choose.rs`.

mod boolean;
mod choose;
mod codec;
mod composite;
mod date;
mod decode;
mod described;
mod float;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod geometry;
mod integer;
mod interval;
mod list;
mod numeric;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod timestamp;
mod uuid;
mod vector;

use arrow::datatypes::{BinaryType, Utf8Type};
use arrow_schema::{DataType, Field, TimeUnit};

pub(super) use self::codec::steady_array;
pub use self::codec::{Cast, Codec, CompositeField};
pub use self::described::{Extension, PgColumn, PgElement, SpatialFacts};

pub use choose::{AS_ASKED, Choice, FIRST_OWN_OID, choose, dimensions, is_bare_numeric};
pub use style::Styles;

use crate::error::{Error, Result};
use crate::source::kit::boolean::BooleanDecoder;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::primitive::PrimitiveDecoder;
use crate::source::kit::variable::VariableDecoder;
use crate::spec::SpecialValues;
use vector::VectorDecoder;

impl Codec {
    /// A decoder that fills arrays of exactly `field`'s data type, with room for `capacity_rows` values.
    ///
    /// # Errors
    /// Internal, when `field` is not of a type that this codec fills.
    pub fn decoder(
        &self,
        field: &Field,
        capacity_rows: usize,
        special: SpecialValues,
    ) -> Result<Box<dyn CellDecoder>> {
        let rows = capacity_rows;
        let data_type = field.data_type();
        Ok(match (self, data_type) {
            (Self::Boolean, DataType::Boolean) => Box::new(BooleanDecoder::new(boolean::Bool, rows)),
            (Self::Int2, DataType::Int16) => Box::new(PrimitiveDecoder::new(integer::Int2, data_type, rows)),
            (Self::Int4, DataType::Int32) => Box::new(PrimitiveDecoder::new(integer::Int4, data_type, rows)),
            (Self::Int8, DataType::Int64) => Box::new(PrimitiveDecoder::new(integer::Int8, data_type, rows)),
            (Self::Unsigned4, DataType::Int64) => {
                Box::new(PrimitiveDecoder::new(integer::Unsigned4, data_type, rows))
            }
            (Self::Float4, DataType::Float32) => {
                Box::new(PrimitiveDecoder::new(float::Float4, data_type, rows))
            }
            (Self::Float8 | Self::Double, DataType::Float64) => {
                Box::new(PrimitiveDecoder::new(float::Float8, data_type, rows))
            }
            (Self::Money, DataType::Decimal128(..)) => {
                Box::new(PrimitiveDecoder::new(integer::Money, data_type, rows))
            }
            (Self::Numeric, DataType::Decimal128(precision, scale)) => Box::new(PrimitiveDecoder::new(
                numeric::ToDecimal128::new(*precision, *scale, special),
                data_type,
                rows,
            )),
            (Self::Numeric, DataType::Decimal256(precision, scale)) => Box::new(PrimitiveDecoder::new(
                numeric::ToDecimal256::new(*precision, *scale, special),
                data_type,
                rows,
            )),
            (Self::Text | Self::Label | Self::CastText(_) | Self::Output { .. }, DataType::Utf8) => {
                Box::new(VariableDecoder::<Utf8Type>::new(rows))
            }
            (Self::Interval, DataType::Utf8) => Box::new(interval::IntervalDecoder::new(rows)),
            (Self::Padded, DataType::Utf8) => Box::new(text::PaddedDecoder::new(rows)),
            (Self::Jsonb, DataType::Utf8) => Box::new(text::JsonbDecoder::new(rows)),
            (Self::Bytes, DataType::Binary) => Box::new(VariableDecoder::<BinaryType>::new(rows)),
            (Self::Uuid, DataType::FixedSizeBinary(16)) => Box::new(uuid::UuidDecoder::new(rows)),
            (Self::Date, DataType::Date32) => {
                Box::new(PrimitiveDecoder::new(date::ToDate32 { special }, data_type, rows))
            }
            (Self::Time, DataType::Time64(TimeUnit::Microsecond)) => {
                Box::new(PrimitiveDecoder::new(time::ToTime64 { special }, data_type, rows))
            }
            (Self::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
                Box::new(PrimitiveDecoder::new(timestamp::ToTimestamp { special }, data_type, rows))
            }
            (Self::Vector, _) => VectorDecoder::<vector::Single>::boxed(field, rows)?,
            (Self::Geometry { srid, simple, .. }, DataType::Binary) => {
                let promise = geometry::Promise { srid: *srid, simple: *simple };
                Box::new(geometry::GeometryDecoder::new(promise, rows))
            }
            (Self::HalfVector, _) => VectorDecoder::<vector::Half>::boxed(field, rows)?,
            (Self::Composite { fields }, DataType::Struct(_)) => {
                Box::new(composite::CompositeDecoder::new(field, fields, rows, special)?)
            }
            (Self::List { depth, element, .. }, DataType::List(_)) => {
                Box::new(list::ListDecoder::new(field, *depth, element, rows, special)?)
            }
            _ => {
                return Err(Error::internal(format!("codec {self:?} cannot fill {data_type}"))
                    .with("column", field.name()));
            }
        })
    }
}
