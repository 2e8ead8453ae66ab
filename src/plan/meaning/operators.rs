//! Operators by the types of their operands.

use datafusion::logical_expr::{Expr, Operator, binary_expr};

use super::common::{compare, no_operator, wider};
use super::kernel;
use super::kernels::floats::{self, Float};
use super::kernels::numbers::{self, Bits};
use super::kernels::{texts, times};
use super::kind::Kind;
use super::refusal::Refusal;
use super::types::MOST_DIGITS;
use super::value::Value;

type Result<T> = std::result::Result<T, Refusal>;

/// Digits of the decimals that every reader takes; results have no more unless an operand has.
const COMMON_DIGITS: u8 = 38;
/// Digits that a quotient has after the point beyond those of the dividend, as in DataFusion.
const QUOTIENT_DIGITS: i8 = 4;

/// What a sign between two values means; none when it is not an operator.
pub(super) fn binary(sign: &str, left: Value, right: Value) -> Option<Result<Expr>> {
    Some(match sign {
        "=" => compare(left, Operator::Eq, right),
        "<>" => compare(left, Operator::NotEq, right),
        "<" => compare(left, Operator::Lt, right),
        "<=" => compare(left, Operator::LtEq, right),
        ">" => compare(left, Operator::Gt, right),
        ">=" => compare(left, Operator::GtEq, right),
        "is distinct from" => compare(left, Operator::IsDistinctFrom, right),
        "is not distinct from" => compare(left, Operator::IsNotDistinctFrom, right),
        "text <" => by_bytes(left, Operator::Lt, right),
        "text <=" => by_bytes(left, Operator::LtEq, right),
        "text >" => by_bytes(left, Operator::Gt, right),
        "text >=" => by_bytes(left, Operator::GtEq, right),
        "+" | "-" | "*" | "/" | "%" => arithmetic(sign, left, right),
        "^" => power(left, right),
        "&" => bitwise(sign, Bits::And, left, right),
        "|" => bitwise(sign, Bits::Or, left, right),
        "#" => bitwise(sign, Bits::Xor, left, right),
        "<<" => shift(sign, Bits::Left, left, right),
        ">>" => shift(sign, Bits::Right, left, right),
        "||" => concatenation(left, right),
        _ => return None,
    })
}

/// What a sign in front of a value means; none when it is not an operator.
pub(super) fn prefix(sign: &str, value: Value) -> Option<Result<Expr>> {
    Some(match sign {
        "+" if value.kind.is_number() => Ok(value.expr),
        "-" if value.kind.is_number() => Ok(Expr::Negative(Box::new(value.expr))),
        "~" if value.kind.is_integer() => {
            let kind = value.kind;
            Ok(kernel::call("~", kind, numbers::inverted, vec![value.expr]))
        }
        "+" | "-" | "~" => Err(no_operator(sign, &[value.kind])),
        _ => return None,
    })
}

/// The pattern operators: texts by bytes, whatever their collation.
fn by_bytes(left: Value, op: Operator, right: Value) -> Result<Expr> {
    let is_text = |v: &Value| v.kind.is_string() || v.kind == Kind::Unknown;
    match is_text(&left) && is_text(&right) {
        true => compare(left, op, right),
        false => Err(no_operator(&format!("~{op}~"), &[left.kind, right.kind])),
    }
}

fn arithmetic(sign: &str, left: Value, right: Value) -> Result<Expr> {
    use Kind::{Date, Interval, Time, Timestamp, Timestamptz, Unknown};
    let (l, r) = (left.kind, right.kind);
    if l.is_number() && r.is_number() {
        return numeric(sign, left, right);
    }
    // A literal in quotes is of the other side's type.
    if l.is_number() && r == Unknown {
        let right = as_number(right, l)?;
        return numeric(sign, left, right);
    }
    if l == Unknown && r.is_number() {
        let left = as_number(left, r)?;
        return numeric(sign, left, right);
    }
    let call = |kind, body: kernel::Body, arguments: Vec<Expr>| Ok(kernel::call(sign, kind, body, arguments));
    let integer = |value: Value| value.into_kind(Kind::Int4).map(|v| v.expr);
    match (sign, l, r) {
        ("+", Date, Kind::Int2 | Kind::Int4) => {
            call(Date, times::date_add_int, vec![left.expr, integer(right)?])
        }
        ("+", Kind::Int2 | Kind::Int4, Date) => {
            call(Date, times::date_add_int, vec![right.expr, integer(left)?])
        }
        ("-", Date, Kind::Int2 | Kind::Int4) => {
            call(Date, times::date_sub_int, vec![left.expr, integer(right)?])
        }
        ("-", Date, Date) => call(Kind::Int4, times::date_sub_date, vec![left.expr, right.expr]),
        // '2024-01-01' beside a date is a date.
        ("-", Date, Unknown) => {
            let right = right.into_kind(Date)?;
            call(Kind::Int4, times::date_sub_date, vec![left.expr, right.expr])
        }
        ("-", Unknown, Date) => {
            let left = left.into_kind(Date)?;
            call(Kind::Int4, times::date_sub_date, vec![left.expr, right.expr])
        }
        ("+", Date, Time) => call(Timestamp, times::date_add_time, vec![left.expr, right.expr]),
        ("+", Time, Date) => call(Timestamp, times::date_add_time, vec![right.expr, left.expr]),
        ("+", Date, Interval) => call(Timestamp, times::date_add_interval, vec![left.expr, right.expr]),
        ("+", Interval, Date) => call(Timestamp, times::date_add_interval, vec![right.expr, left.expr]),
        ("-", Date, Interval) => call(Timestamp, times::date_sub_interval, vec![left.expr, right.expr]),
        ("+", Timestamp | Timestamptz, Interval) => call(l, later(l), vec![left.expr, right.expr]),
        ("+", Interval, Timestamp | Timestamptz) => call(r, later(r), vec![right.expr, left.expr]),
        ("-", Timestamp, Interval) => call(l, times::timestamp_sub_interval, vec![left.expr, right.expr]),
        ("-", Timestamptz, Interval) => call(l, times::timestamptz_sub_interval, vec![left.expr, right.expr]),
        ("+", Time, Interval) => call(Time, times::time_add_interval, vec![left.expr, right.expr]),
        ("+", Interval, Time) => call(Time, times::time_add_interval, vec![right.expr, left.expr]),
        ("-", Time, Interval) => call(Time, times::time_sub_interval, vec![left.expr, right.expr]),
        ("-", Timestamp | Timestamptz | Date, Timestamp | Timestamptz | Date) | ("-", Time, Time) => {
            Err(Refusal::of(sign, format!("{l} - {r}, which is an interval")))
        }
        _ => Err(no_operator(sign, &[l, r])),
    }
}

/// A literal in quotes beside a number of type `kind`: a numeric has the digits that are written.
fn as_number(literal: Value, kind: Kind) -> Result<Value> {
    match (kind, literal.text()) {
        (Kind::Numeric(..), Some(text)) => super::value::exact(text),
        _ => literal.into_kind(kind),
    }
}

fn later(kind: Kind) -> kernel::Body {
    match kind {
        Kind::Timestamp => times::timestamp_add_interval,
        _ => times::timestamptz_add_interval,
    }
}

fn numeric(sign: &str, left: Value, right: Value) -> Result<Expr> {
    let op = match sign {
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        _ => Operator::Modulo,
    };
    let (l, r) = (left.kind, right.kind);
    if l.is_float() || r.is_float() {
        return floats(sign, left, right);
    }
    if !(l.is_integer() && r.is_integer()) {
        return decimals(sign, op, left, right);
    }
    let kind = wider(l, r);
    let (left, right) = (left.into_kind(kind)?.expr, right.into_kind(kind)?.expr);
    Ok(match op {
        Operator::Modulo => kernel::call("%", kind, numbers::remainder, vec![left, right]),
        // Checked by a later rule of the session.
        op => binary_expr(left, op, right),
    })
}

fn floats(sign: &str, left: Value, right: Value) -> Result<Expr> {
    let kind = match (left.kind, right.kind) {
        (Kind::Float4, Kind::Float4) => Kind::Float4,
        _ => Kind::Float8,
    };
    let op = match sign {
        "+" => Float::Add,
        "-" => Float::Subtract,
        "*" => Float::Multiply,
        "/" => Float::Divide,
        _ => return Err(no_operator(sign, &[left.kind, right.kind])),
    };
    let arguments = vec![left.into_kind(kind)?.expr, right.into_kind(kind)?.expr];
    Ok(kernel::call(sign, kind, move |columns| floats::float(columns, op), arguments))
}

fn decimals(sign: &str, op: Operator, left: Value, right: Value) -> Result<Expr> {
    let (Some((p, s)), Some((q, t))) = (left.digits(), right.digits()) else {
        return Err(no_operator(sign, &[left.kind, right.kind]));
    };
    let most = if p.max(q) > COMMON_DIGITS { MOST_DIGITS } else { COMMON_DIGITS };
    let (whole, scale) = match op {
        Operator::Plus | Operator::Minus => {
            ((i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(t)) + 1, i16::from(s.max(t)))
        }
        Operator::Multiply => {
            (i16::from(p) + i16::from(q) - i16::from(s) - i16::from(t), i16::from(s) + i16::from(t))
        }
        Operator::Divide => {
            let scale = (i16::from(s) + i16::from(QUOTIENT_DIGITS)).min(i16::from(most));
            (i16::from(p) - i16::from(s) + i16::from(t), scale)
        }
        _ => ((i16::from(p) - i16::from(s)).min(i16::from(q) - i16::from(t)), i16::from(s.max(t))),
    };
    let (Ok(scale), Ok(room)) = (i8::try_from(scale), u8::try_from(scale)) else {
        return Err(no_operator(sign, &[left.kind, right.kind]));
    };
    if room > most {
        return Err(Refusal::of(
            sign,
            format!("{} {sign} {}, of {room} decimal places", left.kind, right.kind),
        ));
    }
    let precision = u8::try_from(whole.max(0)).unwrap_or(MOST_DIGITS).saturating_add(room).clamp(1, most);
    let (kind, name) = (Kind::Numeric(precision, scale), format!("numeric {sign}"));
    let arguments =
        vec![left.into_kind(Kind::Numeric(p, s))?.expr, right.into_kind(Kind::Numeric(q, t))?.expr];
    Ok(kernel::call(
        name,
        kind,
        move |columns| match op {
            Operator::Divide => numbers::quotient(columns, precision, scale),
            op => numbers::decimal(columns, op, precision, scale),
        },
        arguments,
    ))
}

fn power(left: Value, right: Value) -> Result<Expr> {
    let kinds = [left.kind, right.kind];
    let numeric = |kind| matches!(kind, Kind::Numeric(..));
    let numbers = kinds.iter().all(|kind| kind.is_number());
    // Of two numbers that are exact and one of which has a point it is a numeric, with digits that are not known here.
    if !numbers || (kinds.iter().any(|k| numeric(*k)) && !kinds.iter().any(|k| k.is_float())) {
        let refusal = no_operator("^", &kinds);
        return Err(match numbers {
            true => refusal.hint("cast one side to double precision"),
            false => refusal,
        });
    }
    let arguments = vec![left.into_kind(Kind::Float8)?.expr, right.into_kind(Kind::Float8)?.expr];
    Ok(kernel::call("^", Kind::Float8, |columns| floats::float(columns, Float::Power), arguments))
}

fn bitwise(sign: &str, op: Bits, left: Value, right: Value) -> Result<Expr> {
    let kind = match (left.kind, right.kind) {
        (l, r) if l.is_integer() && r.is_integer() => wider(l, r),
        (l, Kind::Unknown) if l.is_integer() => l,
        (Kind::Unknown, r) if r.is_integer() => r,
        (l, r) => return Err(no_operator(sign, &[l, r])),
    };
    let arguments = vec![left.into_kind(kind)?.expr, right.into_kind(kind)?.expr];
    Ok(kernel::call(sign, kind, move |columns| numbers::bits(columns, op), arguments))
}

fn shift(sign: &str, op: Bits, left: Value, right: Value) -> Result<Expr> {
    let (l, r) = (left.kind, right.kind);
    if !l.is_integer() || !matches!(r, Kind::Int2 | Kind::Int4 | Kind::Unknown) {
        return Err(no_operator(sign, &[l, r]));
    }
    let arguments = vec![left.expr, right.into_kind(Kind::Int4)?.expr];
    Ok(kernel::call(sign, l, move |columns| numbers::bits(columns, op), arguments))
}

/// Text, or bytes; whatever else is beside a text becomes one.
fn concatenation(left: Value, right: Value) -> Result<Expr> {
    use Kind::{Bytea, Text, Unknown};
    let kinds = [left.kind, right.kind];
    match kinds {
        [Bytea, Bytea | Unknown] | [Unknown, Bytea] => {
            let arguments = vec![left.into_kind(Bytea)?.expr, right.into_kind(Bytea)?.expr];
            Ok(kernel::call("||", Bytea, texts::concat_bytes, arguments))
        }
        [l, r] if l.is_string() || r.is_string() || (l == Unknown && r == Unknown) => {
            let as_text = |value: Value| match value.kind {
                Unknown | Text | Kind::Varchar | Kind::Bpchar => value.into_kind(Text).map(|v| v.expr),
                kind => super::casts::as_text(value).ok_or_else(|| no_operator("||", &[kind, Text])),
            };
            let arguments = vec![as_text(left)?, as_text(right)?];
            Ok(kernel::call("||", Text, texts::concat_text, arguments))
        }
        [l, Unknown] | [Unknown, l] => Err(no_operator("||", &[l, Unknown])),
        kinds => Err(no_operator("||", &kinds)),
    }
}
