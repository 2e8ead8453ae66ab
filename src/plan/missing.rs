//! What a column that is not there was probably meant to be.

use crate::spec::{closest, distance};

/// Signs that a word processor makes of quotes.
const TYPOGRAPHIC: &[char] = &['“', '”', '„', '‘', '’', '‚', '«', '»'];

/// What to write instead of `name`, which stands in `sql` and is none of the `columns`.
pub(super) fn remedies<'a>(name: &str, sql: &str, columns: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some(near) = closest(name, columns) else { return vec!["the table has no columns".into()] };
    let far = distance(name, near);
    if far == 0 {
        let why =
            if quoted(near) == near { "" } else { " Names that are not all lower case need double quotes" };
        return vec![format!("did you mean {}?{why}", quoted(near))];
    }
    let meant = format!("did you mean {}?", quoted(near));
    let bare = name.trim_matches(TYPOGRAPHIC);
    if bare == name && !sql.contains(&format!("\"{}\"", name.replace('"', "\"\""))) {
        return vec![meant];
    }
    let text = format!(
        "text goes in single quotes: '{}'; double quotes are for names of columns",
        bare.replace('\'', "''")
    );
    // Nearest to a text is some column or other.
    match far * 3 <= name.chars().count() {
        true => vec![meant, text],
        false => vec![text],
    }
}

/// A name as SQL must spell it.
pub(in crate::plan) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
