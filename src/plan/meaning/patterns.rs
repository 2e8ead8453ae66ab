//! `LIKE`, `SIMILAR TO` and regular expressions.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Like;
use regex::Regex;

use super::common::no_operator;
use super::kernel;
use super::kernels::{like as wildcards, regular};
use super::kind::Kind;
use super::refusal::Refusal;
use super::value::{Value, unary};

type Result<T> = std::result::Result<T, Refusal>;

/// `value name pattern [ESCAPE escape]`.
pub(super) fn matching(name: &str, value: Value, pattern: Value, escape: Option<Value>) -> Result<Expr> {
    let (negated, name) = match name.strip_prefix("not ").or_else(|| name.strip_prefix('!')) {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let refused = || no_operator(name, &[value.kind, pattern.kind]);
    // char(n) keeps its spaces here, which are not there any more.
    let texts =
        [&value, &pattern].into_iter().all(|v| matches!(v.kind, Kind::Text | Kind::Varchar | Kind::Unknown));
    let bytes = name == "like"
        && matches!(value.kind, Kind::Bytea | Kind::Unknown)
        && matches!(pattern.kind, Kind::Bytea | Kind::Unknown)
        && !(value.kind == Kind::Unknown && pattern.kind == Kind::Unknown);
    if !texts && !bytes {
        let refusal = refused();
        return Err(match [value.kind, pattern.kind].contains(&Kind::Bpchar) {
            true => refusal.hint("PostgreSQL pads char(n) and lakexpress does not: cast it to text"),
            false => refusal,
        });
    }
    let matched = match name {
        "like" if bytes => {
            let sides = vec![value.into_kind(Kind::Bytea)?.expr, pattern.into_kind(Kind::Bytea)?.expr];
            match escape {
                None => kernel::call("like bytes", Kind::Bool, wildcards::like_bytes, sides),
                Some(_) => return Err(Refusal::of("escape", "LIKE of bytes with ESCAPE")),
            }
        }
        "like" | "ilike" => like(name == "ilike", value, pattern, escape)?,
        _ => regular(name, value, &pattern, escape.as_ref())?,
    };
    Ok(if negated { Expr::Not(Box::new(matched)) } else { matched })
}

fn like(ignore_case: bool, value: Value, pattern: Value, escape: Option<Value>) -> Result<Expr> {
    let plain = |text: &str| !text.contains(['\\', '_']);
    if !ignore_case && escape.is_none() && pattern.text().is_some_and(plain) {
        let (value, pattern) = (value.into_kind(Kind::Text)?.expr, pattern.into_kind(Kind::Text)?.expr);
        return Ok(Expr::Like(Like::new(false, Box::new(value), Box::new(pattern), None, false)));
    }
    let mut sides = vec![value.into_kind(Kind::Text)?.expr, pattern.into_kind(Kind::Text)?.expr];
    let name = if ignore_case { "ilike" } else { "like" };
    Ok(match escape {
        None => {
            let body = if ignore_case { wildcards::ilike } else { wildcards::like };
            kernel::call(name, Kind::Bool, body, sides)
        }
        Some(escape) => {
            sides.push(escape.into_kind(Kind::Text)?.expr);
            let body = if ignore_case { wildcards::ilike_escape } else { wildcards::like_escape };
            kernel::call(format!("{name} escape"), Kind::Bool, body, sides)
        }
    })
}

fn regular(name: &str, value: Value, pattern: &Value, escape: Option<&Value>) -> Result<Expr> {
    if pattern.is_null() || value.is_null() {
        return Ok(Value::new(null(), Kind::Unknown).into_kind(Kind::Bool)?.expr);
    }
    let Some(text) = pattern.text() else {
        return Err(Refusal::of(name, format!("{name} with a pattern that is no literal")));
    };
    let escape = match escape.map(|e| e.text().map(|t| t.chars().collect::<Vec<_>>())) {
        None => Some('\\'),
        Some(Some(chars)) if chars.is_empty() => None,
        Some(Some(chars)) if chars.len() == 1 => chars.first().copied(),
        _ => return Err(Refusal::of("escape", "an escape that is not one character")),
    };
    let regex = match name {
        "similar to" => regular::similar(text, escape),
        name => regular::regex(text, name.ends_with('*')),
    };
    let regex: Regex = regex.map_err(|why| Refusal::of(name, format!("the pattern '{text}' ({why})")))?;
    let matches = move |column: &ArrayRef| {
        let texts = column.as_string::<i32>();
        let found: BooleanArray = texts.iter().map(|text| text.map(|text| regex.is_match(text))).collect();
        Ok(Arc::new(found) as ArrayRef)
    };
    let shown = format!("{name} '{text}'{}", escape.map_or_else(String::new, |e| format!(" escape {e}")));
    Ok(unary(shown, Kind::Bool, value.into_kind(Kind::Text)?.expr, matches))
}

fn null() -> Expr {
    Expr::Literal(datafusion::common::ScalarValue::Null, None)
}
