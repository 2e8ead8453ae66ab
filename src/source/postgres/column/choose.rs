//! Which Arrow type, codec and verdict a column gets: the type contract as a table.

mod extension;
mod kind;

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use self::kind::{Kind, TypeRef};
use super::{Cast, Codec, CompositeField, PgColumn};
use crate::catalog::{SOURCE_TYPE_KEY, Verdict};
use crate::source::kit::choice;
use crate::spec::{NumericPolicy, SpecialValues, TypePolicy};

/// Fixed object ids of the built-in types that have a decoder.
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    /// "char".
    pub(super) const CHAR: u32 = 18;
    pub(super) const NAME: u32 = 19;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT2VECTOR: u32 = 22;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const OID: u32 = 26;
    pub(super) const XID: u32 = 28;
    pub(super) const CID: u32 = 29;
    pub(super) const OIDVECTOR: u32 = 30;
    pub(super) const JSON: u32 = 114;
    pub(super) const XML: u32 = 142;
    pub(super) const BOX: u32 = 603;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const MONEY: u32 = 790;
    pub(super) const INET: u32 = 869;
    pub(super) const BPCHAR: u32 = 1042;
    pub(super) const VARCHAR: u32 = 1043;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const INTERVAL: u32 = 1186;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

/// The first object id that initdb does not give: types from here on are of users or of extensions.
pub const FIRST_OWN_OID: u32 = 16_384;

/// The note of a column that the user has made text of.
pub const AS_ASKED: &str = "as asked by --cast";

/// The most dimensions that a PostgreSQL array can have.
const MAX_DIMENSIONS: i32 = 6;

/// Digits of the widest Arrow decimals.
const DECIMAL128_DIGITS: u8 = 38;
const DECIMAL256_DIGITS: u8 = 76;

/// Digits of the largest money value, whatever its scale (it is a 64-bit integer).
const MONEY_DIGITS: u8 = 19;

/// Decides how a column is selected, decoded and typed. Never fails: an unknown type travels as the
/// server's text.
///
/// `cast_to_text` is the user's `--cast 'table.column: text'`. `money_scale` is the number of decimal places
/// that the server's `lc_monetary` gives money.
pub fn choose(column: &PgColumn, policy: &TypePolicy, cast_to_text: bool, money_scale: i8) -> Choice {
    let kind = match cast_to_text {
        true => Kind::of_text(column.type_oid, AS_ASKED),
        false => extension::geometries(column).unwrap_or_else(|| Kind::of(column, policy, money_scale)),
    };
    let becomes_null = kind.has_special && policy.special_values == SpecialValues::Null;
    let is_text = kind.data_type == DataType::Utf8;
    let mut metadata = kind.extension;
    metadata.insert(PARQUET_FIELD_ID_META_KEY.to_owned(), column.attnum.to_string());
    metadata.insert(SOURCE_TYPE_KEY.to_owned(), column.type_name.clone());
    Choice {
        field: Field::new(&column.name, kind.data_type, !column.not_null || becomes_null)
            .with_metadata(metadata),
        codec: kind.codec,
        verdict: kind.verdict,
        note: kind.note,
        // The server compares infinity, where we would compare NULL.
        comparable: kind.comparable && !becomes_null && (!is_text || column.collation_deterministic),
    }
}

/// Whether a column is of type numeric without precision and scale.
pub fn is_bare_numeric(column: &PgColumn) -> bool {
    column.type_oid == oid::NUMERIC && column.typmod < 4
}

/// How many dimensions the lists of an array column have.
pub fn dimensions(declared: i32) -> usize {
    declared.clamp(1, MAX_DIMENSIONS).unsigned_abs() as usize
}

/// What was decided about a column.
pub type Choice = choice::Choice<Codec>;

impl Kind {
    /// A type of any kind as text.
    fn of_text(oid: u32, note: impl Into<String>) -> Self {
        match oid {
            oid::BOOL => Self::cast(Cast::Word, note),
            oid::BPCHAR => Self::cast(Cast::Trimmed, note),
            oid::INET => Self::cast(Cast::Netmask, note),
            // Arrays of boxes are not written with commas.
            oid::CHAR | oid::XML | oid::BOX => Self::cast(Cast::Other, note),
            ..FIRST_OWN_OID => Self::text(note),
            FIRST_OWN_OID.. => Self::output(note),
        }
    }

    /// The type of a column, or of a field of a composite type.
    fn of(column: &PgColumn, policy: &TypePolicy, money_scale: i8) -> Self {
        let pseudo_array = matches!(column.type_oid, oid::INT2VECTOR | oid::OIDVECTOR);
        match &column.element {
            Some(element) if column.typcategory == 'A' && !pseudo_array => {
                let of = TypeRef {
                    oid: element.type_oid,
                    typmod: element.typmod,
                    typtype: element.typtype,
                    name: &element.base_type_name,
                    fields: &element.fields,
                    extension: element.extension.as_ref(),
                };
                let kind = Self::scalar(&of, policy, money_scale);
                // The server casts all elements at once, which it can only to a type that has a name.
                let own = column.type_oid >= FIRST_OWN_OID;
                match &kind.codec {
                    codec @ Codec::Composite { .. } if !codec.is_sent_as_it_is() => {
                        let note = "composite type as the database's text: the server must cast fields of it";
                        Self::array(Self::of_text(element.type_oid, note), column.ndims, own)
                    }
                    Codec::CastText(_) | Codec::Output { .. } if own => {
                        Self::own_array(kind, element.delimiter, column.ndims)
                    }
                    _ => Self::array(kind, column.ndims, own),
                }
            }
            _ => {
                let of = TypeRef {
                    oid: column.type_oid,
                    typmod: column.typmod,
                    typtype: column.typtype,
                    name: &column.base_type_name,
                    fields: &column.fields,
                    extension: column.extension.as_ref(),
                };
                Self::scalar(&of, policy, money_scale)
            }
        }
    }

    /// A struct of the fields, each of which may be NULL.
    fn composite(columns: &[PgColumn], policy: &TypePolicy, money_scale: i8) -> Self {
        let (mut fields, mut codecs, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut verdict = Verdict::Exact;
        for column in columns {
            let kind = Self::of(column, policy, money_scale);
            let mut metadata = kind.extension;
            metadata.insert(SOURCE_TYPE_KEY.to_owned(), column.type_name.clone());
            fields.push(Field::new(&column.name, kind.data_type, true).with_metadata(metadata));
            codecs.push(CompositeField {
                name: column.name.clone(),
                type_oid: column.declared_oid,
                codec: kind.codec,
            });
            if !kind.note.is_empty() {
                notes.push(format!("{}: {}", column.name, kind.note));
            }
            verdict = match (verdict, kind.verdict) {
                (Verdict::Text, _) | (_, Verdict::Text) => Verdict::Text,
                (Verdict::Widened, _) | (_, Verdict::Widened) => Verdict::Widened,
                _ => Verdict::Exact,
            };
        }
        let codec = Codec::Composite { fields: codecs };
        Self::exact(DataType::Struct(fields.into()), codec).verdict(verdict, notes.join("; "))
    }

    fn scalar(pg: &TypeRef<'_>, policy: &TypePolicy, money_scale: i8) -> Self {
        let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        match pg.oid {
            oid::BOOL => Self::exact(DataType::Boolean, Codec::Boolean).comparable(),
            oid::INT2 => Self::exact(DataType::Int16, Codec::Int2).comparable(),
            oid::INT4 => Self::exact(DataType::Int32, Codec::Int4).comparable(),
            oid::INT8 => Self::exact(DataType::Int64, Codec::Int8).comparable(),
            oid::OID | oid::XID | oid::CID => Self::exact(DataType::Int64, Codec::Unsigned4)
                .verdict(Verdict::Widened, "32 bits without sign as 64-bit integer"),
            oid::FLOAT4 => Self::exact(DataType::Float32, Codec::Float4),
            oid::FLOAT8 => Self::exact(DataType::Float64, Codec::Float8),
            oid::NUMERIC => Self::numeric(pg.typmod, policy),
            oid::MONEY => Self::money(money_scale),
            oid::TEXT | oid::VARCHAR => Self::exact(DataType::Utf8, Codec::Text).comparable(),
            oid::BPCHAR => Self::exact(DataType::Utf8, Codec::Padded).comparable(),
            oid::NAME => Self::exact(DataType::Utf8, Codec::Text),
            oid::JSON => Self::exact(DataType::Utf8, Codec::Text).extension("arrow.json", Some("")),
            oid::JSONB => Self::exact(DataType::Utf8, Codec::Jsonb).extension("arrow.json", Some("")),
            oid::BYTEA => Self::exact(DataType::Binary, Codec::Bytes),
            oid::UUID => {
                Self::exact(DataType::FixedSizeBinary(16), Codec::Uuid).extension("arrow.uuid", None)
            }
            oid::DATE => {
                Self::exact(DataType::Date32, Codec::Date).comparable().special("infinity is", policy)
            }
            oid::TIMESTAMP => {
                Self::exact(micros(None), Codec::Timestamp).comparable().special("infinity is", policy)
            }
            oid::TIMESTAMPTZ => {
                Self::exact(micros(Some("UTC")), Codec::Timestamp).comparable().special("infinity is", policy)
            }
            oid::TIME => Self::exact(DataType::Time64(TimeUnit::Microsecond), Codec::Time)
                .special("24:00:00 is", policy),
            oid::INTERVAL => {
                Self::exact(DataType::Utf8, Codec::Interval).verdict(Verdict::Text, "as ISO 8601 text")
            }
            _ => match pg.typtype {
                'e' => Self::exact(DataType::Utf8, Codec::Label).verdict(Verdict::Text, "enum as its label"),
                // A type without fields has no struct.
                'c' if pg.fields.is_empty() => Self::of_text(pg.oid, "composite type as the database's text"),
                'c' => Self::composite(pg.fields, policy, money_scale),
                _ => extension::choose(pg)
                    .unwrap_or_else(|| Self::of_text(pg.oid, format!("{} as the database's text", pg.name))),
            },
        }
    }

    /// numeric(p,s), or numeric alone.
    fn numeric(typmod: i32, policy: &TypePolicy) -> Self {
        // A valid modifier is precision and scale (11 bits with sign) behind the four bytes of a header.
        if typmod < 4 {
            return Self::bare_numeric(policy);
        }
        let precision = ((typmod - 4) >> 16) & 0xffff;
        let scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
        // Places to the left of a negative scale are zeros that an integer needs; places to the right of
        // the precision are digits that a decimal's scale needs.
        let (digits, places) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
        match (u8::try_from(digits), i8::try_from(places)) {
            (Ok(digits @ 1..=DECIMAL256_DIGITS), Ok(places)) => {
                let kind = Self::decimal(digits, places);
                let kind = if scale < 0 || scale > precision {
                    kind.verdict(Verdict::Widened, format!("numeric({precision},{scale}) in a wider decimal"))
                } else {
                    kind
                };
                kind.special("NaN is", policy)
            }
            _ => Self::text(format!("more than {DECIMAL256_DIGITS} digits have no Parquet decimal")),
        }
    }

    fn bare_numeric(policy: &TypePolicy) -> Self {
        match policy.numeric {
            NumericPolicy::Text => Self::text(
                "numeric without precision; --numeric measure, decimal:P,S or double makes it a number",
            ),
            NumericPolicy::Measure => Self::text(
                "numeric without precision; --numeric measure found no decimal for it, or it is inside another type",
            ),
            NumericPolicy::Double => Self::exact(DataType::Float64, Codec::Double)
                .verdict(Verdict::Widened, "rounded to double, as asked by --numeric"),
            NumericPolicy::Decimal(digits @ 1..=DECIMAL256_DIGITS, places @ 0..)
                if places.unsigned_abs() <= digits =>
            {
                let mut kind = Self::decimal(digits, places);
                kind.note = "a value that does not fit exactly is refused".to_owned();
                kind.special("NaN and infinity are", policy)
            }
            NumericPolicy::Decimal(digits, places) => {
                Self::text(format!("there is no Parquet decimal({digits},{places})"))
            }
        }
    }

    fn money(scale: i8) -> Self {
        if !(0..=MONEY_DIGITS as i8).contains(&scale) {
            return Self::text("the server's lc_monetary gives money no usable scale");
        }
        Self { codec: Codec::Money, ..Self::decimal(MONEY_DIGITS, scale) }
    }

    fn decimal(digits: u8, places: i8) -> Self {
        let data_type = match digits {
            ..=DECIMAL128_DIGITS => DataType::Decimal128(digits, places),
            _ => DataType::Decimal256(digits, places),
        };
        Self::exact(data_type, Codec::Numeric)
    }

    /// An array whose type is not built in, of elements that are text by the server. Where its text is not written with
    /// commas, and there are dimensions between the elements, it stays one text.
    fn own_array(element: Self, delimiter: char, declared_dimensions: i32) -> Self {
        let delimited = delimiter != ',';
        if delimited && declared_dimensions > 1 {
            return Self::output("array as the database's text");
        }
        Self::array(Self { codec: Codec::Output { delimited }, ..element }, declared_dimensions, true)
    }

    /// An array; its elements may always be NULL, so special elements need nothing more.
    fn array(element: Self, declared_dimensions: i32, own: bool) -> Self {
        let depth = dimensions(declared_dimensions);
        let mut field = Field::new("element", element.data_type, true).with_metadata(element.extension);
        for _ in 1..depth {
            field = Field::new("element", DataType::List(Arc::new(field)), true);
        }
        let shape = format!("an array with other than {depth} dimension(s) or not starting at 1 is refused");
        let note =
            if element.note.is_empty() { shape } else { format!("elements: {}; {shape}", element.note) };
        let codec = Codec::List { depth, element: Box::new(element.codec), own };
        Self::exact(DataType::List(Arc::new(field)), codec).verdict(element.verdict, note)
    }
}
