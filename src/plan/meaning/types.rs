//! The SQL types that a cast may name.

use std::str::FromStr;

use datafusion::sql::sqlparser::ast::{
    CharacterLength, DataType as SqlType, ExactNumberInfo, ObjectNamePart, TimezoneInfo,
};

use super::kind::Kind;
use super::refusal::Refusal;

/// Digits of the widest decimal.
pub(super) const MOST_DIGITS: u8 = 76;
/// Digits after the point of a second.
const MOST_FRACTION: u64 = 6;

/// What a cast makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::plan) struct Target {
    pub(in crate::plan) kind: Kind,
    /// The length of `varchar(n)` and `char(n)`, the digits of `timestamp(n)` and `time(n)`.
    pub(in crate::plan) limit: Option<u32>,
    /// `numeric` without precision and scale; those of `kind` are not meant.
    pub(in crate::plan) bare: bool,
}

/// The name of a type as [`Target`] reads it.
///
/// # Errors
/// For types that expressions do not have.
pub(super) fn name_of(sql: &SqlType) -> Result<String, Refusal> {
    let exact = |info: &ExactNumberInfo| match info {
        ExactNumberInfo::None => "numeric".to_owned(),
        ExactNumberInfo::Precision(p) => format!("numeric({p},0)"),
        ExactNumberInfo::PrecisionAndScale(p, s) => format!("numeric({p},{s})"),
    };
    let limited = |name: &str, length: &Option<CharacterLength>, none: &str| match length {
        None => Ok(none.to_owned()),
        Some(CharacterLength::IntegerLength { length, unit: None }) => Ok(format!("{name}({length})")),
        Some(other) => Err(Refusal::of(name, format!("the type {name}({other})"))),
    };
    let fraction = |name: &str, digits: &Option<u64>| match digits {
        None => name.to_owned(),
        Some(digits) => format!("{name}({})", digits.min(&MOST_FRACTION)),
    };
    Ok(match sql {
        SqlType::Bool | SqlType::Boolean => "boolean".into(),
        SqlType::SmallInt(None) | SqlType::Int2(None) => "smallint".into(),
        SqlType::Int(None) | SqlType::Integer(None) | SqlType::Int4(None) => "integer".into(),
        SqlType::BigInt(None) | SqlType::Int8(None) => "bigint".into(),
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => exact(info),
        SqlType::Real | SqlType::Float4 => "real".into(),
        SqlType::Float8 | SqlType::DoublePrecision | SqlType::Double(ExactNumberInfo::None) => {
            "double precision".into()
        }
        SqlType::Float(ExactNumberInfo::None) => "double precision".into(),
        SqlType::Float(ExactNumberInfo::Precision(1..=24)) => "real".into(),
        SqlType::Float(ExactNumberInfo::Precision(25..=53)) => "double precision".into(),
        SqlType::Text => "text".into(),
        SqlType::Varchar(length) | SqlType::CharVarying(length) | SqlType::CharacterVarying(length) => {
            limited("varchar", length, "varchar")?
        }
        SqlType::Char(length) | SqlType::Character(length) => limited("char", length, "char(1)")?,
        SqlType::Bytea => "bytea".into(),
        SqlType::Date => "date".into(),
        SqlType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => fraction("time", digits),
        SqlType::Timestamp(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            fraction("timestamp", digits)
        }
        SqlType::Timestamp(digits, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            fraction("timestamptz", digits)
        }
        SqlType::Uuid => "uuid".into(),
        SqlType::Custom(name, modifiers) => {
            let parts: Vec<&str> = name
                .0
                .iter()
                .filter_map(ObjectNamePart::as_ident)
                .map(|ident| ident.value.as_str())
                .collect();
            match (parts.as_slice(), modifiers.as_slice()) {
                (["bpchar"] | ["pg_catalog", "bpchar"], []) => "bpchar".into(),
                (["pg_catalog", name], []) if Target::from_str(name).is_ok() => (*name).to_owned(),
                _ => return Err(unknown(sql)),
            }
        }
        other => return Err(unknown(other)),
    })
}

fn unknown(sql: &SqlType) -> Refusal {
    let shown = sql.to_string();
    let word = shown.split(['(', ' ']).next().unwrap_or_default().to_owned();
    Refusal::of(word, format!("a cast to {shown}"))
}

impl FromStr for Target {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::of(name, format!("a cast to {name}"));
        let (base, modifiers) = match name.split_once('(') {
            None => (name, Vec::new()),
            Some((base, rest)) => {
                let numbers = rest.trim_end_matches(')').split(',').map(str::parse::<i64>);
                (base, numbers.collect::<Result<Vec<i64>, _>>().map_err(|_| wrong())?)
            }
        };
        let limit = modifiers.first().and_then(|n| u32::try_from(*n).ok());
        let plain = |kind| Self { kind, limit: None, bare: false };
        let limited = |kind| Self { kind, limit, bare: false };
        Ok(match base {
            "boolean" | "bool" => plain(Kind::Bool),
            "smallint" | "int2" => plain(Kind::Int2),
            "integer" | "int4" => plain(Kind::Int4),
            "bigint" | "int8" => plain(Kind::Int8),
            "numeric" => return Self::numeric(&modifiers),
            "real" | "float4" => plain(Kind::Float4),
            "double precision" | "float8" => plain(Kind::Float8),
            "text" => plain(Kind::Text),
            "varchar" | "char" if limit == Some(0) => {
                return Err(Refusal::because(base, format!("length for type {base} must be at least 1")));
            }
            "varchar" => limited(Kind::Varchar),
            "char" => limited(Kind::Bpchar),
            "bpchar" => plain(Kind::Bpchar),
            "bytea" => plain(Kind::Bytea),
            "date" => plain(Kind::Date),
            "time" => limited(Kind::Time),
            "timestamp" => limited(Kind::Timestamp),
            "timestamptz" => limited(Kind::Timestamptz),
            "uuid" => plain(Kind::Uuid),
            _ => return Err(wrong()),
        })
    }
}

impl Target {
    /// A type without a limit.
    pub(super) fn plain(kind: Kind) -> Self {
        Self { kind, limit: None, bare: false }
    }

    fn numeric(modifiers: &[i64]) -> Result<Self, Refusal> {
        let (precision, scale) = match modifiers {
            [] => return Ok(Self { kind: Kind::Numeric(38, 0), limit: None, bare: true }),
            [precision, scale] => (*precision, *scale),
            _ => return Err(Refusal::of("numeric", "a cast to this numeric")),
        };
        let shown = format!("numeric({precision},{scale})");
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(p @ 1..=MOST_DIGITS), Ok(s)) if s >= 0 && s.unsigned_abs() <= p => {
                Ok(Self { kind: Kind::Numeric(p, s), limit: None, bare: false })
            }
            _ => Err(Refusal::of("numeric", format!("a cast to {shown}"))
                .hint(format!("the precision is 1 to {MOST_DIGITS}, the scale 0 to the precision"))),
        }
    }
}
