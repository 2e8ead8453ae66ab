//! NULL and nothing else.

use crate::source::mysql::column::Codec;

/// Whether a value is NULL. `IS NULL` is also true of 0000-00-00 in a column that has no NULL, and of the last number that
/// was inserted.
pub fn is_null(expression: &str) -> String {
    format!("{expression} <=> NULL")
}

/// Whether a value is not NULL.
pub fn present(expression: &str) -> String {
    format!("NOT ({expression} <=> NULL)")
}

/// Whether a column is NULL, or whether it is not. MySQL takes vectors for no argument of `<=>`; they have no value that
/// `IS NULL` is true of.
pub(super) fn null_test(codec: Option<&Codec>, name: &str, asked_for_null: bool) -> String {
    match (codec, asked_for_null) {
        (Some(Codec::Vector), true) => format!("{name} IS NULL"),
        (Some(Codec::Vector), false) => format!("{name} IS NOT NULL"),
        (_, true) => is_null(name),
        (_, false) => present(name),
    }
}
