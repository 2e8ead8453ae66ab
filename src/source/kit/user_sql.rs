//! SQL of the user's that the database evaluates: how it stands in statements of ours, and what is wrong with it.
//!
//! It is written between parentheses that stand on lines of their own, so that a comment at its end does not swallow
//! them. It must have been parsed alone first: then its own parentheses are balanced.

use std::collections::HashSet;

use crate::error::{Code, Error, Result};

/// Advice for a list that does not give each row of a table one row.
pub const ONE_ROW_EACH: &str =
    "the list must give one row for each row of the table; lakexpress query --source-sql takes any query";

/// A condition between others.
pub fn condition(sql: &str) -> String {
    format!("(\n{sql}\n)")
}

/// A query as an item of FROM.
pub fn derived(sql: &str) -> String {
    format!("(\n{sql}\n) AS lakexpress")
}

/// Checks that no two columns of a result have the same name, as the database tells names apart: `folded` makes equal
/// what it takes for equal.
///
/// # Errors
/// Usage, with the name.
pub fn distinct<'n>(names: impl IntoIterator<Item = &'n str>, folded: impl Fn(&str) -> String) -> Result<()> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| !seen.insert(folded(name))) {
        None => Ok(()),
        Some(twice) => Err(Error::usage(format!("two columns of the result are called '{twice}'"))
            .coded(Code::DuplicateColumn)
            .hint("give one of them another name with AS")),
    }
}

/// `error` with the place in the user's SQL that comes after `before`: line and column, from 1, in characters.
pub fn at_place(error: Error, before: &str) -> Error {
    let (line, column) = place_after(before);
    error.with("line", line).with("column", column)
}

fn place_after(before: &str) -> (usize, usize) {
    let last = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, last.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        assert_eq!(place_after(""), (1, 1));
        assert_eq!(place_after("SELECT 'é"), (1, 10));
        assert_eq!(place_after("SELECT 'é',\n  "), (2, 3));
    }

    #[test]
    fn names_are_told_apart_as_the_database_does() {
        let lower = |name: &str| name.to_ascii_lowercase();
        assert!(distinct(["a", "b", "A"], str::to_owned).is_ok());
        let error = distinct(["a", "b", "A"], lower).unwrap_err();
        assert!(error.message().contains("called 'A'"), "{error}");
    }
}
