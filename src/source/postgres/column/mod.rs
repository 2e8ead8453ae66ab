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
mod bytes;
mod choose;
mod composite;
mod date;
mod float;
mod geometry;
mod integer;
mod interval;
mod list;
mod numeric;
mod primitive;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod timestamp;
mod uuid;
mod variable;
mod vector;

use arrow::array::ArrayRef;
use arrow::datatypes::{BinaryType, Utf8Type};
use arrow_schema::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::catalog::{ColumnInfo, Verdict};
use crate::error::{Error, Result};
use crate::spec::SpecialValues;

pub use choose::{AS_ASKED, FIRST_OWN_OID, choose, dimensions, is_bare_numeric};
pub use style::Styles;

use super::dialect::ident;
use primitive::PrimitiveDecoder;
use variable::VariableDecoder;
use vector::VectorDecoder;

/// A column as the catalog describes it.
#[derive(Debug, Clone)]
pub struct PgColumn {
    /// `attname`.
    pub name: String,
    /// `attnum`; becomes the Parquet field id.
    pub attnum: i16,
    /// Type as declared, which may be a domain.
    pub declared_oid: u32,
    /// Type after unwrapping domains.
    pub type_oid: u32,
    /// Type modifier after unwrapping domains; -1 for none.
    pub typmod: i32,
    /// `format_type()` of the declared type, for example `numeric(12,2)` or `my_domain`.
    pub type_name: String,
    /// `pg_type.typname` of the base type, for example `numeric`, `hstore`, `_int4`.
    pub base_type_name: String,
    /// `pg_type.typtype` of the base type: `b`, `e`, `c`, `r`, `m` or `p`.
    pub typtype: char,
    /// `pg_type.typcategory` of the base type; `A` for arrays.
    pub typcategory: char,
    /// The labels of an enum, in their order.
    pub labels: Vec<String>,
    /// The fields of a composite type, each like a column.
    pub fields: Vec<Self>,
    /// What a true array (category `A`, with `typelem`, `typlen` -1) holds.
    pub element: Option<Box<PgElement>>,
    /// `attndims`; 0 when nobody declared it.
    pub ndims: i32,
    /// A validated NOT NULL holds.
    pub not_null: bool,
    /// The column's collation is deterministic (or it has none).
    pub collation_deterministic: bool,
    /// The base type lives in `pg_catalog`.
    pub in_pg_catalog: bool,
    /// The extension that brought the base type.
    pub extension: Option<Extension>,
    /// What is known of a geometry or geography of PostGIS.
    pub spatial: Option<SpatialFacts>,
}

/// What the catalog does not say of a column of PostGIS by its type alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpatialFacts {
    /// It is a geography.
    pub geography: bool,
    /// The SRID of all values: declared, or that of the first; 0 for none.
    pub srid: i32,
    /// The name of that coordinate system, or its number where it has none; none for SRID 0.
    pub crs: Option<String>,
}

/// The extension that a type belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name, `vector` for example.
    pub name: String,
    /// The schema of its type, and so of its functions.
    pub schema: String,
}

/// The element type of an array column, domains unwrapped.
#[derive(Debug, Clone)]
pub struct PgElement {
    /// Type of the elements.
    pub type_oid: u32,
    /// Its modifier: the column's, or that of the domain the elements are of; -1 for none.
    pub typmod: i32,
    /// Its `pg_type.typtype`.
    pub typtype: char,
    /// Its `pg_type.typname`.
    pub base_type_name: String,
    /// Its fields, if it is a composite type.
    pub fields: Vec<PgColumn>,
    /// The extension that brought it.
    pub extension: Option<Extension>,
    /// Its `pg_type.typdelim`, which stands between elements in the text of an array.
    pub delimiter: char,
}

/// What was decided about a column.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Name, Arrow type, nullability and metadata (`PARQUET:field_id`, `lakexpress:source_type`, extension types).
    pub field: Field,
    /// How to select and decode it.
    pub codec: Codec,
    /// How faithfully values travel.
    pub verdict: Verdict,
    /// Why the verdict is not `exact`, or which values would be refused; empty when there is nothing to say.
    pub note: String,
    /// May the server compare this column with the same result as DataFusion does here? For text this means
    /// equality only.
    pub comparable: bool,
}

/// How one column is selected and decoded. Travels in `ColumnInfo::codec` as JSON.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// bool.
    Boolean,
    /// int2.
    Int2,
    /// int4.
    Int4,
    /// int8.
    Int8,
    /// oid, xid, cid: four bytes without sign.
    Unsigned4,
    /// float4.
    Float4,
    /// float8.
    Float8,
    /// numeric that the server casts to float8, because the user accepts rounding.
    Double,
    /// numeric; precision and scale are the field's.
    Numeric,
    /// money: a 64-bit count of the smallest fraction, of which the field's scale says how small it is. Not through
    /// the server's cast to numeric, which divides by whatever `lc_monetary` says in its own session.
    Money,
    /// Built-in types whose binary form is their text: text, varchar, name, json.
    Text,
    /// An enum: its binary form is its label.
    Label,
    /// char(n): text whose trailing spaces do not count.
    Padded,
    /// A built-in type, through the server's cast to text.
    CastText(Cast),
    /// A type that is not built in, through its output function.
    Output {
        /// Its arrays are not written with commas, as arrays of text are.
        delimited: bool,
    },
    /// jsonb: a version byte, then text.
    Jsonb,
    /// bytea.
    Bytes,
    /// uuid.
    Uuid,
    /// interval: microseconds, days and months, written as ISO 8601.
    Interval,
    /// date.
    Date,
    /// time without time zone.
    Time,
    /// timestamp and timestamptz.
    Timestamp,
    /// vector of pgvector: numbers of 32 bits.
    Vector,
    /// halfvec of pgvector: numbers of 16 bits.
    HalfVector,
    /// geometry or geography of PostGIS, as ISO WKB.
    Geometry {
        /// The schema of PostGIS.
        schema: String,
        /// It is a geography.
        geography: bool,
        /// The SRID that each value must have.
        srid: i32,
        /// No value may be a curve or a surface or have M, which GeoParquet does not have.
        simple: bool,
    },
    /// A composite value.
    Composite {
        /// Its fields, at least one.
        fields: Vec<CompositeField>,
    },
    /// An array of `depth` dimensions.
    List {
        /// Dimensions, at least 1.
        depth: usize,
        /// Its elements.
        element: Box<Self>,
        /// The array's type is not built in: it is of a user's type, or of a domain.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        own: bool,
    },
}

/// What the cast of a built-in type to text gives, beside its output function.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// The same.
    Output,
    /// The netmask of an address always.
    Netmask,
    /// `true` and `false`.
    Word,
    /// No spaces at the end.
    Trimmed,
    /// Something else.
    Other,
}

/// One field of a composite type.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CompositeField {
    /// Its name.
    pub name: String,
    /// Its type as declared, which the server names in every value.
    pub type_oid: u32,
    /// How it is selected and decoded.
    pub codec: Codec,
}

impl Codec {
    /// How a column is read, as it was decided when its table was described.
    ///
    /// # Errors
    /// Internal, when that is not a decision of this source.
    pub fn of(column: &ColumnInfo) -> Result<Self> {
        serde_json::from_str(&column.codec)
            .map_err(|error| Error::internal("unknown codec").caused_by(error).with("column", column.name()))
    }

    /// What to select so that the server sends what [`Self::decoder`] reads: `"c"`, `"c"::pg_catalog.text`,
    /// `"c"::pg_catalog.text[]`. `quoted_column` is the column, already quoted and qualified as needed.
    pub fn select_expr(&self, quoted_column: &str) -> String {
        if let (Self::Composite { fields }, false) = (self, self.is_sent_as_it_is()) {
            let field =
                |of: &CompositeField| of.codec.select_expr(&format!("({quoted_column}).{}", ident(&of.name)));
            let fields: Vec<String> = fields.iter().map(field).collect();
            // `IS NULL` would also be true of a value whose fields are all NULL.
            return format!(
                "CASE WHEN {quoted_column} IS DISTINCT FROM NULL THEN ROW({}) END",
                fields.join(", ")
            );
        }
        match self {
            Self::Output { .. } => output_sql(quoted_column),
            Self::List { element, .. } if **element == (Self::Output { delimited: true }) => {
                each_output_sql(quoted_column)
            }
            Self::List { element, own, .. } => match element.cast() {
                Some(target) => format!("{}::pg_catalog.{target}[]", steady_array(quoted_column, *own)),
                None => quoted_column.to_owned(),
            },
            _ => match self.cast() {
                Some(target) => format!("{quoted_column}::pg_catalog.{target}"),
                None => quoted_column.to_owned(),
            },
        }
    }

    /// The value as text, by no function that a database user could have defined; NULL for NULL.
    pub fn text_sql(&self, quoted_column: &str) -> String {
        match self.is_built_in() {
            true => format!("{quoted_column}::pg_catalog.text"),
            false => output_sql(quoted_column),
        }
    }

    /// Whether the column's type is built in, so that its casts and operators are.
    pub fn is_built_in(&self) -> bool {
        match self {
            Self::List { own, .. } => !own,
            Self::Label
            | Self::Output { .. }
            | Self::Vector
            | Self::HalfVector
            | Self::Geometry { .. }
            | Self::Composite { .. } => false,
            _ => true,
        }
    }

    /// Whether the server's own binary form of the value is what the decoder reads.
    fn is_sent_as_it_is(&self) -> bool {
        match self {
            Self::Composite { fields } => fields.iter().all(|field| field.codec.is_sent_as_it_is()),
            Self::List { element, .. } => element.is_sent_as_it_is(),
            other => other.cast().is_none(),
        }
    }

    /// Whether there are intervals in it.
    pub fn holds_interval(&self) -> bool {
        match self {
            Self::Interval => true,
            Self::List { element, .. } => element.holds_interval(),
            Self::Composite { fields } => fields.iter().any(|field| field.codec.holds_interval()),
            _ => false,
        }
    }

    /// Whether [`Self::select_expr`] takes values apart by the names of their fields.
    pub fn names_fields(&self) -> bool {
        matches!(self, Self::Composite { .. }) && !self.is_sent_as_it_is()
    }

    fn cast(&self) -> Option<&'static str> {
        match self {
            Self::CastText(_) | Self::Output { .. } => Some("text"),
            Self::Double => Some("float8"),
            _ => None,
        }
    }

    /// The type that the server says it sends after [`Self::cast`]; none where nothing is cast.
    fn cast_oid(&self) -> Option<u32> {
        const RECORD: u32 = 2249;
        match self {
            Self::Composite { .. } => (!self.is_sent_as_it_is()).then_some(RECORD),
            Self::List { element, .. } => match element.as_ref() {
                Self::CastText(_) | Self::Output { .. } => Some(1009),
                Self::Double => Some(1022),
                _ => None,
            },
            Self::CastText(_) | Self::Output { .. } => Some(25),
            Self::Double => Some(701),
            _ => None,
        }
    }

    /// A decoder that fills arrays of exactly `field`'s data type, with room for `capacity_rows` values.
    ///
    /// # Errors
    /// Internal, when `field` is not of a type that this codec fills.
    pub fn decoder(
        &self,
        field: &Field,
        capacity_rows: usize,
        special: SpecialValues,
    ) -> Result<Box<dyn ColumnDecoder>> {
        let rows = capacity_rows;
        let data_type = field.data_type();
        Ok(match (self, data_type) {
            (Self::Boolean, DataType::Boolean) => Box::new(boolean::BooleanDecoder::new(rows)),
            (Self::Int2, DataType::Int16) => PrimitiveDecoder::boxed(integer::Int2, data_type, rows),
            (Self::Int4, DataType::Int32) => PrimitiveDecoder::boxed(integer::Int4, data_type, rows),
            (Self::Int8, DataType::Int64) => PrimitiveDecoder::boxed(integer::Int8, data_type, rows),
            (Self::Unsigned4, DataType::Int64) => {
                PrimitiveDecoder::boxed(integer::Unsigned4, data_type, rows)
            }
            (Self::Float4, DataType::Float32) => PrimitiveDecoder::boxed(float::Float4, data_type, rows),
            (Self::Float8 | Self::Double, DataType::Float64) => {
                PrimitiveDecoder::boxed(float::Float8, data_type, rows)
            }
            (Self::Money, DataType::Decimal128(..)) => {
                PrimitiveDecoder::boxed(integer::Money, data_type, rows)
            }
            (Self::Numeric, DataType::Decimal128(precision, scale)) => PrimitiveDecoder::boxed(
                numeric::ToDecimal128::new(*precision, *scale, special),
                data_type,
                rows,
            ),
            (Self::Numeric, DataType::Decimal256(precision, scale)) => PrimitiveDecoder::boxed(
                numeric::ToDecimal256::new(*precision, *scale, special),
                data_type,
                rows,
            ),
            (Self::Text | Self::Label | Self::CastText(_) | Self::Output { .. }, DataType::Utf8) => {
                Box::new(VariableDecoder::<Utf8Type>::new(rows))
            }
            (Self::Interval, DataType::Utf8) => Box::new(interval::IntervalDecoder::new(rows)),
            (Self::Padded, DataType::Utf8) => Box::new(text::PaddedDecoder::new(rows)),
            (Self::Jsonb, DataType::Utf8) => Box::new(text::JsonbDecoder::new(rows)),
            (Self::Bytes, DataType::Binary) => Box::new(VariableDecoder::<BinaryType>::new(rows)),
            (Self::Uuid, DataType::FixedSizeBinary(16)) => Box::new(uuid::UuidDecoder::new(rows)),
            (Self::Date, DataType::Date32) => {
                PrimitiveDecoder::boxed(date::ToDate32 { special }, data_type, rows)
            }
            (Self::Time, DataType::Time64(TimeUnit::Microsecond)) => {
                PrimitiveDecoder::boxed(time::ToTime64 { special }, data_type, rows)
            }
            (Self::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
                PrimitiveDecoder::boxed(timestamp::ToTimestamp { special }, data_type, rows)
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

/// What the output function of the value's type gives, whatever casts there are; NULL for NULL.
fn output_sql(value: &str) -> String {
    format!("CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {value}) END")
}

/// An array, to be cast to one of a built-in type. One that is `own` goes through its text, which is what the cast of
/// its elements would do: a cast of the array itself may have been defined by a user.
pub(super) fn steady_array(array: &str, own: bool) -> String {
    if own { format!("({})", output_sql(array)) } else { array.to_owned() }
}

/// The texts of an array's elements, of one dimension. An array of another shape becomes one of that shape, which the
/// decoder refuses.
fn each_output_sql(array: &str) -> String {
    // A name that no column has: it hides those of the table.
    let dimension = "\"$dimension\"";
    let of_each = |function: &str| {
        format!(
            "ARRAY(SELECT pg_catalog.{function}({array}, {dimension}) \
             FROM pg_catalog.generate_series(1, pg_catalog.array_ndims({array})) AS {dimension})"
        )
    };
    format!(
        "CASE WHEN pg_catalog.cardinality({array}) OPERATOR(pg_catalog.=) 0 \
             OR pg_catalog.array_ndims({array}) OPERATOR(pg_catalog.=) 1 \
             AND pg_catalog.array_lower({array}, 1) OPERATOR(pg_catalog.=) 1 \
         THEN ARRAY(SELECT {} FROM pg_catalog.unnest({array}) WITH ORDINALITY AS e(v, at) ORDER BY e.at) \
         WHEN {array} IS DISTINCT FROM NULL THEN pg_catalog.array_fill(''::pg_catalog.text, {}, {}) END",
        output_sql("e.v"),
        of_each("array_length"),
        of_each("array_lower")
    )
}

/// Appends COPY BINARY values of one column to an Arrow array.
///
/// Shapes: one call of [`Self::append`] or [`Self::append_null`] per row, then [`Self::finish`]. After an
/// error the decoder must not be used any more: the value may have been appended in part.
pub trait ColumnDecoder: Send {
    /// Appends one value: exactly its bytes, the length already stripped. Where `SpecialValues::Null` holds,
    /// a special value is appended as NULL.
    ///
    /// # Errors
    /// The value cannot be kept exactly, or is not of this type's binary form.
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue>;

    /// Appends a NULL.
    fn append_null(&mut self);

    /// Appends the values of several rows, which lie in `bytes`. It is here so that every decoder has a loop of
    /// its own.
    ///
    /// # Errors
    /// The number of the refused value in `cells`, and why; those before it were appended.
    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        for (number, cell) in cells.iter().enumerate() {
            match cell.of(bytes) {
                Some(value) => self.append(value).map_err(|bad| (number, bad))?,
                None => self.append_null(),
            }
        }
        Ok(())
    }

    /// Takes what was appended and is ready for the next batch. The array has exactly the field's data type.
    fn finish(&mut self) -> ArrayRef;

    /// Bytes buffered, about; cheap. A reader closes its batch well before variable-length data reaches
    /// 2 GiB (the offsets are 32 bits), where `append` would refuse the value.
    fn bytes(&self) -> usize;
}

/// Where a value lies in the bytes of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Its first byte.
    pub start: u32,
    /// Its length in bytes; -1 for NULL.
    pub length: i32,
}

impl Cell {
    /// No value.
    pub const NULL: Self = Self { start: 0, length: -1 };

    /// The value in the bytes of its rows; none for NULL.
    #[inline(always)]
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let length = usize::try_from(self.length).ok()?;
        Some(&bytes[self.start as usize..][..length])
    }
}

/// A value that cannot be kept exactly. The caller knows the table, the column and the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// What is wrong, for example `infinity is not a Parquet date`.
    pub what: String,
    /// What to change, in the words of the flag.
    pub hint: &'static str,
}

const CAST_HINT: &str = "--cast 'table.column: text' keeps it as the database's own text";
const SPECIAL_HINT: &str =
    "--special-values null makes it NULL, --cast 'table.column: text' keeps it as the database's own text";

impl BadValue {
    #[cold]
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: CAST_HINT }
    }

    #[cold]
    fn malformed(type_name: &str, value: &[u8]) -> Self {
        Self::new(format!("the server sent {} bytes that are not a binary {type_name}", value.len()))
    }

    /// A value that the target type does not have: NULL, or refused.
    #[cold]
    fn special<T>(special: SpecialValues, what: impl Into<String>) -> Result<Option<T>, Self> {
        match special {
            SpecialValues::Null => Ok(None),
            SpecialValues::Error => Err(Self { what: what.into(), hint: SPECIAL_HINT }),
        }
    }
}

/// The `N` bytes of a value of fixed size.
#[inline]
fn fixed<const N: usize>(type_name: &str, value: &[u8]) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| BadValue::malformed(type_name, value))
}
