//! Casts by source and target, explicit ones.
//!
//! | cast | PostgreSQL, and here |
//! |---|---|
//! | numeric to integer | rounds, halves away from zero |
//! | float to integer | rounds, halves to even |
//! | float to numeric | takes 15 digits (6 of a `real`), rounds halves away from zero |
//! | numeric to float | the nearest float |
//! | `varchar(n)`, `char(n)` | cuts off; `char(n)` has no trailing spaces, like columns of the type |
//! | `timestamp(p)`, `time(p)` | rounds |
//! | timestamps with and without zone, dates | in UTC |

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow_schema::{ArrowError, DataType};
use datafusion::common::Column;
use datafusion::logical_expr::Expr;

use super::kernel;
use super::kernels::conversion::{self, Limit};
use super::kernels::{bytes, floats, lists, numbers, numerals, times};
use super::kind::Kind;
use super::refusal::{AS_NUMBER, Refusal};
use super::types::Target;
use super::value::{Value, body, text_parser, unary};

type Result<T> = std::result::Result<T, Refusal>;

/// Digits of integers.
const DIGITS: [(Kind, u8); 3] = [(Kind::Int2, 5), (Kind::Int4, 10), (Kind::Int8, 19)];

/// `CAST(value AS target)`.
///
/// # Errors
/// When PostgreSQL has no such cast, or it is not known here.
pub(super) fn explicit(value: Value, target: Target) -> Result<Expr> {
    let converted = match target.bare {
        true => to_bare_numeric(value)?,
        false => convert(value, target.kind)?,
    };
    Ok(match target.limit {
        Some(limit) => limited(converted, limit),
        None => typed(converted),
    })
}

/// A cast of a literal in quotes to a type of texts is no literal in quotes any more.
fn typed(value: Value) -> Expr {
    match value.text() {
        None => value.expr,
        Some(_) => unary("text", value.kind, value.expr, |column| Ok(Arc::clone(column))),
    }
}

/// `TRY_CAST(value AS target)`: NULL for what cannot be cast.
///
/// # Errors
/// As [`explicit`].
pub(super) fn lenient(value: Value, target: Target) -> Result<Expr> {
    if matches!(value.expr, Expr::Literal(..)) {
        return explicit(value, target);
    }
    // The cast of a column that stands for the value, so that only the cast is lenient.
    let column = Expr::Column(Column::from_name("value"));
    let cast = explicit(Value::new(column.clone(), value.kind), target)?;
    kernel::lenient(cast, &column, &value.expr).map_err(|e| Refusal::because("try_cast", e.to_string()))
}

fn refused(from: Kind, to: Kind) -> Refusal {
    let refusal = Refusal::of("cast", format!("a cast of {from} to {to}"));
    match from == Kind::AsText && to.is_number() {
        true => refusal.hint(AS_NUMBER),
        false => refusal,
    }
}

/// `numeric` alone has the digits of its value, which must be known.
fn to_bare_numeric(value: Value) -> Result<Value> {
    if value.is_null() {
        return value.into_kind(Kind::Numeric(38, 0));
    }
    match (value.kind, value.text()) {
        (Kind::Unknown, Some(text)) => super::value::exact(text),
        (Kind::Numeric(..), _) => Ok(value),
        (kind, _) if kind.is_integer() => {
            let digits = DIGITS.iter().find(|(k, _)| *k == kind).map_or(19, |(_, digits)| *digits);
            value.into_kind(Kind::Numeric(digits, 0))
        }
        (kind, _) => Err(Refusal::of("numeric", format!("a cast of {kind} to numeric without precision"))
            .hint("write numeric(precision, scale)")),
    }
}

fn convert(value: Value, to: Kind) -> Result<Value> {
    use Kind::{
        AsText, Bool, Bpchar, Date, Enum, Float4, Float8, Int4, Numeric, Text, Time, Timestamp, Timestamptz,
        Unknown, Varchar,
    };
    let from = value.kind;
    if value.is_null() || (from == Unknown && !matches!(to, Numeric(..))) {
        return value.into_kind(to);
    }
    let by = |kernel: kernel::Body| body(&format!("{from}_to_{to}"), to, kernel, value.expr.clone());
    let strict = |function: fn(&ArrayRef, Kind) -> std::result::Result<ArrayRef, ArrowError>| {
        unary(format!("{from}_to_{to}"), to, value.expr.clone(), move |column| function(column, to))
    };
    let expr = match (from, to) {
        (a, b) if a == b => return Ok(value),
        (Unknown, Numeric(..)) => {
            let exact = super::value::exact(value.text().unwrap_or_default())?;
            return convert(exact, to);
        }
        (a, b) if a.is_integer() && b.is_integer() => {
            if super::common::wider(a, b) == b {
                return value.into_kind(to);
            }
            strict(|column, to| numbers::to_integer(std::slice::from_ref(column), to))
        }
        (a, Numeric(..)) if a.is_integer() => strict(numeric),
        (Float4 | Float8, Numeric(..)) | (Numeric(..), Numeric(..)) => strict(numeric),
        (Numeric(..) | Float4 | Float8, b) if b.is_integer() => strict(numeric),
        (a, Float8) if a.is_number() => return value.into_kind(Float8),
        (a, Float4) if a.is_integer() || matches!(a, Numeric(..)) => return value.into_kind(Float4),
        (Float8, Float4) => by(floats::to_real),
        (Int4, Bool) => strict(|column, _| conversion::plain(column, &DataType::Boolean)),
        (Bool, Int4) => strict(|column, _| conversion::plain(column, &DataType::Int32)),
        (a, Text | Varchar) if a.is_string() || matches!(a, Enum(_) | AsText) => {
            return Ok(text_of(value, to));
        }
        (a, Bpchar) if a.is_string() || matches!(a, Enum(_)) => by(numerals::text_to_char),
        (_, Text | Varchar | Bpchar) => {
            let text = to_text(value).ok_or_else(|| refused(from, to))?;
            return convert(Value::new(text, Text), to);
        }
        (a, Numeric(..)) if a.is_string() => strict(numbers::from_text),
        (a, to) if a.is_string() && text_parser(to).is_some() && (a, to) != (Bpchar, Kind::Bytea) => {
            by(text_parser(to).ok_or_else(|| refused(from, to))?)
        }
        (Date, Timestamp | Timestamptz) | (Timestamp, Timestamptz) => return value.into_kind(to),
        (Timestamptz, Timestamp) => by(times::timestamptz_to_timestamp),
        (Timestamp, Date) => by(times::timestamp_to_date),
        (Timestamptz, Date) => by(times::timestamptz_to_date),
        (Timestamp, Time) => by(times::timestamp_to_time),
        (Timestamptz, Time) => by(times::timestamptz_to_time),
        _ => return Err(refused(from, to)),
    };
    Ok(Value::new(expr, to))
}

fn numeric(column: &ArrayRef, to: Kind) -> std::result::Result<ArrayRef, ArrowError> {
    let target = to.arrow().ok_or_else(|| numbers::out_of_range(to))?;
    conversion::number(column, &target)
}

/// A text that was a text before: nothing of its old type is left.
fn text_of(value: Value, kind: Kind) -> Value {
    if value.kind == kind {
        return value;
    }
    Value::new(unary("text", kind, value.expr, |column| Ok(Arc::clone(column))), kind)
}

/// The cast to text of a value of another type.
pub(super) fn to_text(value: Value) -> Option<Expr> {
    let kernel: kernel::Body = match value.kind {
        Kind::Bool => numerals::bool_to_text,
        Kind::Float4 => numerals::float4_to_text,
        Kind::Float8 => numerals::float8_to_text,
        Kind::Bytea => bytes::bytea_to_text,
        Kind::Date => times::date_to_text,
        Kind::Time => times::time_to_text,
        Kind::Timestamp => times::timestamp_to_text,
        Kind::Timestamptz => times::timestamptz_to_text,
        Kind::Uuid => times::uuid_to_text,
        // The places of each value are not known.
        Kind::Numeric(..) if value.scales => return None,
        kind if kind.is_integer() || matches!(kind, Kind::Numeric(..)) => {
            let plain = |column: &ArrayRef| conversion::plain(column, &DataType::Utf8);
            return Some(unary(format!("{kind}_to_text"), Kind::Text, value.expr, plain));
        }
        _ => return None,
    };
    Some(body(&format!("{}_to_text", value.kind), Kind::Text, kernel, value.expr))
}

/// Any value as text: itself, or its cast.
pub(super) fn as_text(value: Value) -> Option<Expr> {
    match value.kind {
        Kind::Text | Kind::Varchar | Kind::Bpchar | Kind::Enum(_) | Kind::AsText => {
            Some(text_of(value, Kind::Text).expr)
        }
        Kind::Unknown => value.into_kind(Kind::Text).ok().map(|v| v.expr),
        _ => to_text(value),
    }
}

/// What `concat` makes of a value: what its type's output function gives.
pub(super) fn output(value: Value) -> Option<Expr> {
    match value.kind {
        Kind::Bool => Some(body("boolean_output", Kind::Text, lists::bool_output, value.expr)),
        _ => as_text(value),
    }
}

fn limited(value: Value, limit: u32) -> Expr {
    let kind = value.kind;
    let limit = match kind {
        Kind::Text | Kind::Varchar => Limit::Characters(limit as usize),
        Kind::Bpchar => Limit::Padded(limit as usize),
        _ => Limit::Fraction(limit),
    };
    unary(format!("{limit:?}"), kind, value.expr, move |column| conversion::limited(column, limit))
}
