//! Values in the text of a statement: the simple protocol has no parameters.

use chrono::SecondsFormat;

use super::literal;
use crate::client::Value;
use crate::error::{Error, Result};

/// `sql` with each `?` replaced by the literal of its value. Our statements have no other question marks.
pub(super) fn with_values(sql: &str, values: &[Value]) -> Result<String> {
    let mut out = String::with_capacity(sql.len() + values.len() * 24);
    let mut pieces = sql.split('?');
    out.push_str(pieces.next().unwrap_or(""));
    let mut left = values.iter();
    for piece in pieces {
        let value = left.next().ok_or_else(|| Error::internal("a statement with too few values"))?;
        push_literal(&mut out, value);
        out.push_str(piece);
    }
    match left.next() {
        None => Ok(out),
        Some(_) => Err(Error::internal("a statement with too many values")),
    }
}

fn push_literal(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("NULL"),
        // In parentheses, so that a minus sign never meets another and begins a comment.
        Value::Integer(number) => out.push_str(&format!("({number})")),
        Value::Text(text) => push_text(out, text),
        Value::Time(at) => push_text(out, &at.to_rfc3339_opts(SecondsFormat::Millis, true)),
    }
}

/// A text literal, apart from what stands before it. PostgreSQL's texts cannot hold the character NUL; it becomes
/// U+FFFD.
fn push_text(out: &mut String, text: &str) {
    out.push(' ');
    out.push_str(&literal(&text.replace('\0', "\u{fffd}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> String {
        with_values("?", &[Value::text(text)]).expect("one value")
    }

    #[test]
    fn hostile_texts_stay_literals() {
        for (text, expected) in [
            ("", " ''"),
            ("plain", " 'plain'"),
            ("it's", " 'it''s'"),
            ("'); DROP TABLE runs; --", " '''); DROP TABLE runs; --'"),
            ("a\\", " E'a\\\\'"),
            ("\\'", " E'\\\\'''"),
            ("a\0b", " 'a\u{fffd}b'"),
            ("🦀 ' \\ \n\r\t", " E'🦀 '' \\\\ \n\r\t'"),
            ("what?", " 'what?'"),
            ("$$ $1 /* */ -- E'", " '$$ $1 /* */ -- E'''"),
        ] {
            assert_eq!(literal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn values_take_their_places() {
        let values = [Value::text("?"), Value::Integer(-3), Value::Null];
        let sql = with_values("SELECT ?, 1-?, ?", &values).expect("three");
        assert_eq!(sql, "SELECT  '?', 1-(-3), NULL");
        assert!(with_values("?", &[]).is_err());
        assert!(with_values("", &values).is_err());
    }
}
