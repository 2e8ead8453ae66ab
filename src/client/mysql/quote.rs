//! Names and texts as SQL that means the same in every `sql_mode`.

use std::fmt::Write;

/// A quoted identifier.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text literal of the character set utf8mb4: in hexadecimal, because `sql_mode` decides what quotes and backslashes
/// mean.
pub fn literal(text: &str) -> String {
    let mut sql = String::with_capacity(12 + 2 * text.len());
    sql.push_str("_utf8mb4 X'");
    for byte in text.bytes() {
        // A String takes everything.
        let _ = write!(sql, "{byte:02X}");
    }
    sql.push('\'');
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_doubled_and_nothing_else() {
        assert_eq!(ident("order"), "`order`");
        assert_eq!(ident("a`b``c\"'\\ é"), "`a``b````c\"'\\ é`");
        assert_eq!(ident(""), "``");
    }

    #[test]
    fn texts_are_their_bytes() {
        assert_eq!(literal(""), "_utf8mb4 X''");
        assert_eq!(literal("hé'\\\0\n"), "_utf8mb4 X'68C3A9275C000A'");
        assert_eq!(literal("\u{1d11e}"), "_utf8mb4 X'F09D849E'");
    }
}
