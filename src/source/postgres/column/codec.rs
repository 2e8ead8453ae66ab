//! How a column is selected, as a value that says how it is decoded too.

use serde::{Deserialize, Serialize};

use crate::catalog::ColumnInfo;
use crate::client::postgres::ident;
use crate::error::Result;
use crate::source::kit::choice;

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
        choice::codec(column)
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
    pub(super) fn is_sent_as_it_is(&self) -> bool {
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
    pub(super) fn cast_oid(&self) -> Option<u32> {
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
}

/// What the output function of the value's type gives, whatever casts there are; NULL for NULL.
pub(super) fn output_sql(value: &str) -> String {
    format!("CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {value}) END")
}

/// An array, to be cast to one of a built-in type. One that is `own` goes through its text, which is what the cast of
/// its elements would do: a cast of the array itself may have been defined by a user.
pub(in crate::source::postgres) fn steady_array(array: &str, own: bool) -> String {
    if own { format!("({})", output_sql(array)) } else { array.to_owned() }
}

/// The texts of an array's elements, of one dimension. An array of another shape becomes one of that shape, which the
/// decoder refuses.
pub(super) fn each_output_sql(array: &str) -> String {
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
