//! An expression with its SQL type, and how one becomes a value of another type where PostgreSQL does so unasked.

use arrow::array::{ArrayRef, StringArray};
use arrow_schema::{ArrowError, DataType};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable};

use super::kernel::{self, Body};
use super::kernels::{bytes, numbers, numerals, times};
use super::kind::{Kind, SCALES};
use super::refusal::Refusal;
use super::types::MOST_DIGITS;
use crate::catalog::KIND_KEY;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Refusal>;

/// An expression and what its values are.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Value {
    pub(in crate::plan) expr: Expr,
    pub(in crate::plan) kind: Kind,
    /// A numeric whose scale differs from row to row there.
    pub(in crate::plan) scales: bool,
}

impl Value {
    /// Literals have the types that PostgreSQL gives them.
    pub(in crate::plan) fn of(expr: Expr, schema: &DFSchema) -> Result<Self> {
        if let Expr::Literal(literal, _) = &expr {
            return Ok(match literal {
                ScalarValue::Utf8(Some(_)) | ScalarValue::Null => Self::new(expr, Kind::Unknown),
                other => Self { kind: Kind::of_type(&other.data_type()), expr, scales: false },
            });
        }
        let (_, field) = expr.to_field(schema).map_err(|error| {
            Refusal::find(&error).cloned().unwrap_or_else(|| Refusal::because("", error.strip_backtrace()))
        })?;
        let scales = field.metadata().get(KIND_KEY).is_some_and(|kind| kind == SCALES);
        let kind = Kind::of(&field);
        // Numbers of rows have no sign to DataFusion, and texts of aggregates are large ones.
        let expr = match kind.arrow() {
            Some(target) if target != *field.data_type() => cast(expr, &target),
            _ => expr,
        };
        Ok(Self { kind, expr, scales })
    }

    /// Without a schema: a value whose type is known.
    pub(in crate::plan) fn new(expr: Expr, kind: Kind) -> Self {
        Self { expr, kind, scales: false }
    }

    /// The text of a literal in quotes.
    pub(in crate::plan) fn text(&self) -> Option<&str> {
        match &self.expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text),
            _ => None,
        }
    }

    pub(in crate::plan) fn is_null(&self) -> bool {
        matches!(&self.expr, Expr::Literal(literal, _) if literal.is_null())
    }

    /// As `numeric`: its digits, where it is a number that is exact.
    pub(in crate::plan) fn digits(&self) -> Option<(u8, i8)> {
        Some(match self.kind {
            Kind::Numeric(p, s) => (p, s),
            kind if kind.is_integer() => match &self.expr {
                Expr::Literal(ScalarValue::Int16(Some(n)), _) => (length(i64::from(*n)), 0),
                Expr::Literal(ScalarValue::Int32(Some(n)), _) => (length(i64::from(*n)), 0),
                Expr::Literal(ScalarValue::Int64(Some(n)), _) => (length(*n), 0),
                _ => match kind {
                    Kind::Int2 => (5, 0),
                    Kind::Int4 => (10, 0),
                    _ => (19, 0),
                },
            },
            _ => return None,
        })
    }

    /// As a value of `kind`, which PostgreSQL makes of it unasked.
    ///
    /// # Errors
    /// When it does not; and when a literal is no value of that type.
    pub(in crate::plan) fn into_kind(self, kind: Kind) -> Result<Self> {
        let Some(target) = kind.arrow() else { return self.opaque(kind) };
        if self.is_null() {
            let null = ScalarValue::try_from(&target).map_err(|e| Refusal::because("null", e.to_string()))?;
            return Ok(Self::new(Expr::Literal(null, None), kind));
        }
        if self.kind == Kind::Unknown && self.text().is_some() {
            return self.literal_as(kind);
        }
        if self.kind == Kind::Unknown {
            // A column of NULLs.
            return Ok(Self::new(cast(self.expr, &target), kind));
        }
        if self.kind == kind {
            return Ok(self);
        }
        let expr = match (self.kind, kind) {
            (from, to) if from.is_integer() && to.is_integer() && narrower(from, to) => {
                cast(self.expr, &target)
            }
            (from, Kind::Numeric(..)) if from.is_integer() => cast(self.expr, &target),
            (Kind::Numeric(..), Kind::Numeric(..)) => cast(self.expr, &target),
            (from, Kind::Float8) if from.is_integer() || from == Kind::Float4 => cast(self.expr, &target),
            (from, Kind::Float4) if from.is_integer() => cast(self.expr, &target),
            (Kind::Numeric(p, s), Kind::Float8 | Kind::Float4) => {
                let name = format!("numeric({p},{s})_to_{kind}");
                unary(name, kind, self.expr, move |column| numbers::to_float(column, kind))
            }
            (Kind::Text | Kind::Varchar, Kind::Bpchar) => {
                body("text_to_char", kind, numerals::text_to_char, self.expr)
            }
            (from, to) if from.is_string() && to.is_string() => self.expr,
            (Kind::Date, Kind::Timestamp) => {
                body("date_to_timestamp", kind, times::date_to_timestamp, self.expr)
            }
            (Kind::Date, Kind::Timestamptz) => {
                body("date_to_timestamptz", kind, times::date_to_timestamptz, self.expr)
            }
            (Kind::Timestamp, Kind::Timestamptz) => {
                body("timestamp_to_timestamptz", kind, times::timestamp_to_timestamptz, self.expr)
            }
            (from, to) => return Err(Refusal::because("", format!("{from} does not become {to} unasked"))),
        };
        let expr = folded(expr);
        let scales = self.scales && matches!(kind, Kind::Numeric(..));
        Ok(Self { expr: if scales { scaled(expr, kind) } else { expr }, kind, scales })
    }

    /// A value of a type about which nothing is known.
    fn opaque(self, kind: Kind) -> Result<Self> {
        if self.kind == kind || self.is_null() {
            return Ok(self);
        }
        Err(Refusal::because("", format!("{} does not become {kind}", self.kind)))
    }

    /// What a literal in quotes says as a value of `kind`.
    fn literal_as(self, kind: Kind) -> Result<Self> {
        let text = self.text().unwrap_or_default().to_owned();
        let literal = match kind {
            Kind::Enum(labels) if !labels.has(&text) => {
                let refusal = Refusal::because(text.clone(), format!("the enum has no label '{text}'"));
                return Err(refusal.hint(format!("its labels are {}", labels.list())));
            }
            Kind::Text | Kind::Varchar | Kind::Enum(_) | Kind::AsText => return Ok(Self { kind, ..self }),
            Kind::Bpchar => ScalarValue::Utf8(Some(text.trim_end_matches(' ').to_owned())),
            Kind::Numeric(..) => return exact(&text)?.into_kind(kind),
            _ => {
                let parse = text_parser(kind)
                    .ok_or_else(|| Refusal::of(text.clone(), format!("'{text}' as {kind}")))?;
                let column: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
                let parsed =
                    parse(&[column]).map_err(|error| Refusal::because(text.clone(), message(&error)))?;
                ScalarValue::try_from_array(&parsed, 0)
                    .map_err(|error| Refusal::because(text.clone(), error.to_string()))?
            }
        };
        let expr = Expr::Literal(literal, None);
        Ok(Self::new(expr, kind))
    }
}

/// The message of an error in a value.
pub(in crate::plan) fn message(error: &ArrowError) -> String {
    match error {
        ArrowError::ParseError(text)
        | ArrowError::CastError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text)
        | ArrowError::ArithmeticOverflow(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reads texts as values of `kind`.
pub(in crate::plan) fn text_parser(kind: Kind) -> Option<Body> {
    Some(match kind {
        Kind::Bool => numerals::text_to_bool,
        Kind::Int2 => numerals::text_to_int2,
        Kind::Int4 => numerals::text_to_int4,
        Kind::Int8 => numerals::text_to_int8,
        Kind::Float4 => numerals::text_to_float4,
        Kind::Float8 => numerals::text_to_float8,
        Kind::Bytea => bytes::text_to_bytea,
        Kind::Date => times::text_to_date,
        Kind::Time => times::text_to_time,
        Kind::Timestamp => times::text_to_timestamp,
        Kind::Timestamptz => times::text_to_timestamptz,
        Kind::Uuid => times::text_to_uuid,
        _ => return None,
    })
}

/// A number as the parser has it, of the type that PostgreSQL gives it.
pub(in crate::plan) fn parsed(literal: &ScalarValue) -> Option<ScalarValue> {
    match literal {
        ScalarValue::Int64(Some(n)) => i32::try_from(*n).ok().map(|n| ScalarValue::Int32(Some(n))),
        ScalarValue::UInt64(Some(n)) => Some(ScalarValue::Decimal128(Some(i128::from(*n)), 20, 0)),
        _ => None,
    }
}

/// A number that a text writes, with all of its digits.
pub(in crate::plan) fn exact(text: &str) -> Result<Value> {
    let wrong = || Refusal::because(text, format!("invalid input syntax for type numeric: \"{text}\""));
    let (negative, digits, scale) = numbers::digits_of(text).ok_or_else(wrong)?;
    let too_wide = || Refusal::of(text, format!("a number of more than {MOST_DIGITS} digits"));
    let scale = i8::try_from(scale).map_err(|_| too_wide())?;
    let precision = u8::try_from(digits.len()).map_err(|_| too_wide())?.max(scale.unsigned_abs()).max(1);
    if precision > MOST_DIGITS {
        return Err(too_wide());
    }
    let kind = Kind::Numeric(precision, scale);
    let literal = numbers::literal(negative, &digits, precision, scale).ok_or_else(too_wide)?;
    Ok(Value::new(Expr::Literal(literal, None), kind))
}

fn length(n: i64) -> u8 {
    n.unsigned_abs().checked_ilog10().map_or(1, |digits| u8::try_from(digits + 1).unwrap_or(u8::MAX))
}

fn narrower(from: Kind, to: Kind) -> bool {
    let rank = |kind| match kind {
        Kind::Int2 => 0,
        Kind::Int4 => 1,
        _ => 2,
    };
    rank(from) < rank(to)
}

pub(in crate::plan) fn cast(expr: Expr, target: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), target.clone()))
}

/// A numeric chosen from several of different scales.
pub(in crate::plan) fn scaled(expr: Expr, kind: Kind) -> Expr {
    kernel::call(SCALES, kind, kernel::same, vec![expr])
}

/// A cast of a literal is a literal.
fn folded(expr: Expr) -> Expr {
    if let Expr::Cast(Cast { expr: inner, field }) = &expr
        && let Expr::Literal(literal, _) = inner.as_ref()
        && let Ok(cast) = literal.cast_to(field.data_type())
    {
        return Expr::Literal(cast, None);
    }
    expr
}

pub(in crate::plan) fn body(name: &str, kind: Kind, body: Body, expr: Expr) -> Expr {
    kernel::call(name, kind, body, vec![expr])
}

pub(in crate::plan) fn unary(
    name: impl Into<String>,
    kind: Kind,
    expr: Expr,
    body: impl Fn(&ArrayRef) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync + 'static,
) -> Expr {
    let first = move |columns: &[ArrayRef]| match columns {
        [column] => body(column),
        other => Err(ArrowError::InvalidArgumentError(format!("{} columns", other.len()))),
    };
    kernel::call(name, kind, first, vec![expr])
}
