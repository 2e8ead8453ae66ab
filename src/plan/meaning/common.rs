//! The common type of several values, and what two values are compared as: PostgreSQL's rules for `CASE`, `UNION` and
//! operators over the types that are here.

use datafusion::logical_expr::{Expr, Operator, binary_expr};

use super::kernels::times;
use super::kind::Kind;
use super::refusal::{AS_NUMBER, Refusal};
use super::types::MOST_DIGITS;
use super::value::{Value, body};

type Result<T> = std::result::Result<T, Refusal>;

/// What values of `CASE`, `coalesce`, `greatest` and lists become: the type of the first that has one, unless a later
/// one is of the same family and wider.
///
/// # Errors
/// When they are of different families.
pub(in crate::plan) fn common(values: &[Value], word: &str) -> Result<Kind> {
    let mut found = Kind::Unknown;
    for value in values.iter().filter(|v| v.kind != Kind::Unknown) {
        found = match found {
            Kind::Unknown => value.kind,
            found => join(found, value.kind).ok_or_else(|| {
                Refusal::because(word, format!("{word}: types {found} and {} cannot be matched", value.kind))
            })?,
        };
    }
    if found.is_float() || !matches!(found, Kind::Numeric(..)) {
        return Ok(if found == Kind::Unknown { Kind::Text } else { found });
    }
    let mut digits: Vec<(u8, i8)> = values.iter().filter_map(Value::digits).collect();
    for text in values.iter().filter_map(Value::text) {
        digits.extend(super::value::exact(text)?.digits());
    }
    numeric(digits.into_iter(), word)
}

/// The narrowest numeric that holds numbers of all these digits.
fn numeric(digits: impl Iterator<Item = (u8, i8)>, word: &str) -> Result<Kind> {
    let (mut whole, mut scale) = (0, 0);
    for (p, s) in digits {
        whole = whole.max(i16::from(p) - i16::from(s));
        scale = scale.max(s);
    }
    match u8::try_from(whole + i16::from(scale)) {
        Ok(precision) if precision <= MOST_DIGITS => Ok(Kind::Numeric(precision.max(1), scale)),
        _ => Err(Refusal::of(word, format!("{word} over more than {MOST_DIGITS} digits"))),
    }
}

/// `found` is that of the values so far. Numbers and points in time widen; texts stay what the first is.
fn join(found: Kind, next: Kind) -> Option<Kind> {
    use Kind::{Date, Float4, Float8, Numeric, Timestamp, Timestamptz};
    if found == next {
        return Some(found);
    }
    Some(match (found, next) {
        (Numeric(..), Numeric(..)) => found,
        (a, b) if a.is_integer() && b.is_integer() => wider(a, b),
        (a, b @ Numeric(..)) if a.is_integer() => b,
        (a @ Numeric(..), b) if b.is_integer() => a,
        (a, b) if a.is_number() && b.is_number() => match (a, b) {
            (Float8, _) | (_, Float8) => Float8,
            _ => Float4,
        },
        (a, b) if a.is_string() && b.is_string() => found,
        (Timestamptz, Date | Timestamp) | (Date | Timestamp, Timestamptz) => Timestamptz,
        (Timestamp, Date) | (Date, Timestamp) => Timestamp,
        _ => return None,
    })
}

pub(in crate::plan) fn wider(left: Kind, right: Kind) -> Kind {
    match (left, right) {
        (Kind::Int8, _) | (_, Kind::Int8) => Kind::Int8,
        (Kind::Int4, _) | (_, Kind::Int4) => Kind::Int4,
        _ => Kind::Int2,
    }
}

/// `left op right` for operators that compare.
///
/// # Errors
/// When PostgreSQL has no such operator for the two types.
pub(in crate::plan) fn compare(left: Value, op: Operator, right: Value) -> Result<Expr> {
    let kind = compared_as(&left, op, &right)?;
    Ok(binary_expr(comparable(left, kind)?, op, comparable(right, kind)?))
}

/// A value as one side of a comparison.
fn comparable(value: Value, kind: Kind) -> Result<Expr> {
    // A date beyond the range of timestamps is later than all of them.
    if value.kind == Kind::Date && matches!(kind, Kind::Timestamp | Kind::Timestamptz) {
        let as_timestamp = body("date_as_timestamp", Kind::Timestamp, times::date_as_timestamp, value.expr);
        return Ok(match kind {
            Kind::Timestamp => as_timestamp,
            _ => body("timestamp_to_timestamptz", kind, times::timestamp_to_timestamptz, as_timestamp),
        });
    }
    Ok(value.into_kind(kind)?.expr)
}

/// What both sides of a comparison become.
pub(in crate::plan) fn compared_as(left: &Value, op: Operator, right: &Value) -> Result<Kind> {
    use Kind::{Bpchar, Date, Enum, Float4, Float8, Numeric, Text, Timestamp, Timestamptz, Unknown, Varchar};
    let kind = match (left.kind, right.kind) {
        (Unknown, Unknown) => Text,
        (Unknown, kind) | (kind, Unknown) => kind,
        (a, b) if a.is_integer() && b.is_integer() => wider(a, b),
        (Float4, Float4) => Float4,
        (a, b) if a.is_number() && b.is_number() => match (a, b) {
            (Float4 | Float8, _) | (_, Float4 | Float8) => Float8,
            _ => return numeric(left.digits().into_iter().chain(right.digits()), &op.to_string()),
        },
        (Bpchar, Bpchar | Varchar) | (Varchar, Bpchar) => Bpchar,
        (a, b) if a.is_string() && b.is_string() => Text,
        (Date, Date) => Date,
        (Date | Timestamp, Date | Timestamp) => Timestamp,
        (Date | Timestamp | Timestamptz, Date | Timestamp | Timestamptz) => Timestamptz,
        (a, b) if a == b => a,
        (a, b) => return Err(no_operator(&op.to_string(), &[a, b])),
    };
    let ordered = matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
    match kind {
        Enum(_) if ordered => {
            Err(Refusal::of(op.to_string(), "the order of an enum's labels")
                .hint("compare labels with = or IN"))
        }
        Kind::Interval | Kind::Other | Kind::AsText => {
            Err(no_operator(&op.to_string(), &[left.kind, right.kind]))
        }
        // A literal in quotes beside a numeric: both sides get room for all digits.
        Numeric(..) if left.kind == Unknown || right.kind == Unknown => {
            let (known, text) = if left.kind == Unknown { (right, left) } else { (left, right) };
            match text.text() {
                None => Ok(known.kind),
                Some(text) => {
                    let literal = super::value::exact(text)?;
                    numeric(known.digits().into_iter().chain(literal.digits()), &op.to_string())
                }
            }
        }
        kind => Ok(kind),
    }
}

/// Refuses an operator or a function for these types: PostgreSQL has none, or its meaning is not implemented.
pub(in crate::plan) fn no_operator(word: &str, kinds: &[Kind]) -> Refusal {
    let shown = match kinds {
        [left, right] if !word.starts_with(char::is_alphabetic) => format!("{left} {word} {right}"),
        kinds => {
            let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
            format!("{word}({})", names.join(", "))
        }
    };
    let refusal = Refusal::of(word, shown);
    let is_number = |kind: &Kind| kind.is_number();
    match kinds.contains(&Kind::AsText) && (kinds.iter().any(is_number) || kinds.len() == 1) {
        true => refusal.hint(AS_NUMBER),
        false => refusal,
    }
}
