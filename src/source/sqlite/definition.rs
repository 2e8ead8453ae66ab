//! What a table is, from the statement that made it.
//!
//! `PRAGMA table_list` would say it too, but compiles every view of the file for that, and views over views of views
//! take as long, and as much memory and stack, as their author wishes.

use crate::catalog::TableKind;

/// A relation of the schema.
pub(super) struct Definition {
    pub(super) kind: TableKind,
    pub(super) without_rowid: bool,
    pub(super) strict: bool,
}

impl Definition {
    /// Reads a statement as SQLite keeps it: however it was written, its first words are in upper case, and nothing is
    /// between them but one space.
    pub(super) fn of(sql: &str) -> Self {
        let kind = if sql.starts_with("CREATE TABLE ") {
            TableKind::Table
        } else if sql.starts_with("CREATE VIEW ") {
            TableKind::View
        } else {
            // A virtual table reads something else: other tables, files, a network. Or somebody wrote it by hand.
            TableKind::Foreign
        };
        let options = if kind == TableKind::Table { options(sql) } else { Vec::new() };
        let has = |wanted: &[&str]| {
            options.iter().any(|words| {
                words.len() == wanted.len()
                    && words.iter().zip(wanted).all(|(word, wanted)| word.eq_ignore_ascii_case(wanted))
            })
        };
        Self { kind, without_rowid: has(&["WITHOUT", "ROWID"]), strict: has(&["STRICT"]) }
    }
}

/// The words after the last parenthesis that closes, split at commas.
fn options(sql: &str) -> Vec<Vec<String>> {
    let mut options = vec![vec![]];
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => quoted(rest, first),
            '[' => quoted(rest, ']'),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            c if c.is_alphanumeric() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                if let Some(words) = options.last_mut() {
                    words.push(rest[..length].to_owned());
                }
                length
            }
            ')' => {
                options = vec![vec![]];
                1
            }
            ',' => {
                options.push(vec![]);
                1
            }
            other => other.len_utf8(),
        };
        rest = &rest[length..];
    }
    options
}

/// Bytes up to the mark that closes what begins with the first character. A doubled mark inside ends one quotation and
/// begins the next, which comes to the same.
fn quoted(text: &str, mark: char) -> usize {
    text[1..].find(mark).map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_sqlite_reads_them() {
        for (tail, note) in [
            ("(a INT)", ""),
            ("(a INT) STRICT", ""),
            ("(a INT PRIMARY KEY) WITHOUT ROWID", ""),
            ("(a INT PRIMARY KEY)without  rowid,strict", ""),
            ("(a INT PRIMARY KEY) STRICT /* ) */ , -- ) x\n WITHOUT\tROWID", ""),
            ("(a INT, \"b) STRICT\" INT)", "a name that looks like an option"),
            ("(a INT DEFAULT ') STRICT', [c) STRICT] INT, `d''` INT)", "marks"),
            ("(a INT PRIMARY KEY DEFAULT (1)) /* STRICT */ WITHOUT ROWID", "a comment"),
            ("(\"é\" INT, b TEXT CHECK (b <> 'x''y')) STRICT", "doubled marks"),
        ] {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.execute_batch(&format!("create  table \"t(\" {tail}")).unwrap();
            let sql: String =
                connection.query_row("SELECT sql FROM sqlite_schema", [], |row| row.get(0)).unwrap();
            let of_sqlite: (bool, bool) = connection
                .query_row("SELECT wr, strict FROM pragma_table_list WHERE name = 't('", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .unwrap();
            let read = Definition::of(&sql);
            assert_eq!((read.without_rowid, read.strict), of_sqlite, "{sql} {note}");
            assert_eq!(read.kind, TableKind::Table);
        }
        assert_eq!(Definition::of("CREATE VIEW v AS SELECT 1").kind, TableKind::View);
        assert_eq!(Definition::of("CREATE VIRTUAL TABLE v USING fts5(a)").kind, TableKind::Foreign);
        assert_eq!(Definition::of("CREATE/**/VIEW v AS SELECT 1").kind, TableKind::Foreign);
        Definition::of("CREATE TABLE t('é");
    }
}
