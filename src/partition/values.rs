//! Slices by the value of a column or an expression.

use super::share::Portion;
use crate::catalog::{Slice, ValueCount};
use crate::error::{Error, Result};

/// Functions that give the same for the same arguments, whoever asks and when.
const STEADY: &[&str] = &[
    "abs",
    "ascii",
    "btrim",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "date_part",
    "date_trunc",
    "div",
    "extract",
    "floor",
    "greatest",
    "hashtext",
    "in",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "mod",
    "nullif",
    "position",
    "replace",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "split_part",
    "strpos",
    "substr",
    "substring",
    "to_char",
    "trim",
    "trunc",
    "upper",
    "width_bucket",
];
/// Keywords that may stand before a parenthesis or between operands.
const WORDS: &[&str] =
    &["and", "or", "not", "case", "when", "then", "else", "end", "between", "like", "is", "from"];
/// What depends on the moment or the session; the last four as literals.
const UNSTEADY: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
    "select",
    "operator",
    "now",
    "today",
    "tomorrow",
    "yesterday",
];

/// Refuses an expression that may give another value in the next statement: each slice is a statement of its own,
/// and rows would be in two of them or in none. `expression` is the source's SQL and not a column alone.
///
/// # Errors
/// Usage, naming the first word that is not known to be steady.
pub fn check_steady(expression: &str) -> Result<()> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '"');
    if expression.contains("--") || expression.contains("/*") {
        return Err(Error::usage("the expression of method DataDriven holds a comment")
            .hint("leave the comment out; two minus signs in a row need a space between them"));
    }
    let mut rest = expression;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |at| start + at);
        let (word, tail) = (rest[start..end].to_lowercase(), &rest[end..]);
        let called = tail.trim_start().starts_with('(');
        let known = STEADY.contains(&word.as_str()) || WORDS.contains(&word.as_str());
        if UNSTEADY.contains(&word.as_str()) || (called && !known) {
            return Err(Error::usage(format!(
                "'{word}' in the expression of method DataDriven may give another value in another statement"
            ))
            .hint(format!(
                "each slice is a statement of its own: name a column, or use only {}",
                STEADY.join(", ")
            )));
        }
        rest = tail;
    }
    Ok(())
}

/// One slice for each value, one for NULL, and one for every other value, which holds nothing when `counts`
/// names all there are. Values that very many rows have are to be cut into pieces.
pub fn cut(expression: &str, counts: &[ValueCount], parts: usize) -> Vec<Portion> {
    let all: u64 = counts.iter().map(|c| c.rows).sum();
    let parts = parts.max(counts.len());
    let mut values: Vec<String> = counts.iter().filter_map(|c| c.value.clone()).collect();
    values.sort();
    values.dedup();
    let rows = |value: Option<&str>| -> u64 {
        counts.iter().filter(|c| c.value.as_deref() == value).map(|c| c.rows).sum()
    };
    let slice = |value: Option<String>| {
        let share = rows(value.as_deref()) as f64 / all.max(1) as f64;
        Portion::new(Slice::Value { expression: expression.to_owned(), value }, share, parts)
    };
    let mut portions: Vec<Portion> = values.iter().cloned().map(Some).map(&slice).collect();
    portions.push(slice(None));
    portions.push(Portion::whole(Slice::Other { expression: expression.to_owned(), values }));
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_between_statements_is_refused() {
        for steady in [
            "id % 7",
            "lower(country)",
            "extract(year FROM at)",
            "date_trunc ('month', at)::date",
            "(a + b) IN (1, 2)",
            "CASE WHEN n > 0 THEN 'more' ELSE 'less' END",
            "\"now_or_never\"",
        ] {
            assert!(check_steady(steady).is_ok(), "{steady}");
        }
        for unsteady in [
            "(random() * 7)::int",
            "at > now() - interval '1 day'",
            "current_date - day",
            "CURRENT_TIMESTAMP > at",
            "age(at)",
            "at > 'today'",
            "at > ' Now '::timestamp",
            "public.mine(id)",
            "pg_catalog . random (  )",
            "\"random\"()",
            "(SELECT max(x) FROM t)",
            "clock_timestamp/**/ ()",
        ] {
            assert!(check_steady(unsteady).is_err(), "{unsteady}");
        }
    }
}
