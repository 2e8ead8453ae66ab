//! SQL of the user's under a view: it may read only what is of the view's moment.
//!
//! Names are looked for in its text, so that a name that stands for something else there is refused without need.

use super::ask;
use super::engines::Without;
use super::names::name;
use super::views::{self, Verdict};
use crate::catalog::TableRef;
use crate::client::mysql::Connection;
use crate::error::{Code, Error, Result};

/// Refuses `sql` when it may read a table of no moment that is not among `locked`; a name without a schema is of
/// `database`. To be asked when the tables that it
/// reads are open in a transaction, so that their definitions stay as they are.
///
/// # Errors
/// Usage, with what it may read; and what the server said.
pub(in crate::source::mysql) async fn refuse(
    connection: &mut Connection,
    sql: &str,
    locked: &[TableRef],
    database: &str,
) -> Result<()> {
    refuse_the_servers_own(connection, sql, database).await?;
    let is_named = |table: &TableRef| !locked.contains(table) && mentions(sql, &table.name);
    let here = TableRef { schema: database.to_owned(), name: String::new() };
    let without = Without::of(connection, &[here]).await?;
    if let Some((table, _)) = without.tables.iter().find(|(table, _)| is_named(table)) {
        return Err(refused("SQL of yours may read a table whose engine has no snapshots")
            .with("such a table", table)
            .hint("convert it to InnoDB"));
    }
    let views = without.views.into_iter().filter(is_named).collect();
    let judged = views::judge(connection, views).await?;
    if let Some((view, _)) = judged.iter().find(|(_, verdict)| **verdict != Verdict::Safe) {
        return Err(refused(
            "SQL of yours may read a view, and not all tables under it are known to have snapshots",
        )
        .with("such a view", view)
        .hint(format!(
            "GRANT SHOW VIEW, SELECT ON {} TO the user that exports, and SELECT on the tables under it",
            name(view)
        )));
    }
    // Those of `sys` compute from their arguments and from what the server says of itself.
    let functions = "SELECT routine_schema, routine_name FROM information_schema.routines \
         WHERE routine_type <> 'PROCEDURE' AND routine_schema <> 'sys'";
    for row in ask::rows(connection, functions).await? {
        let [Some(schema), Some(function)] = row.as_slice() else { continue };
        if calls(sql, function) {
            return Err(refused("SQL of yours calls a stored function, and it is not known what that reads")
                .with("function", format!("{schema}.{function}"))
                .hint("leave the function out"));
        }
    }
    Ok(())
}

/// What the server keeps for itself is of no moment.
async fn refuse_the_servers_own(connection: &mut Connection, sql: &str, database: &str) -> Result<()> {
    let is_read = |schema: &&&str| schema.eq_ignore_ascii_case(database) || qualifies(sql, schema);
    let found = ["mysql", "information_schema", "performance_schema"].iter().find(is_read);
    // Functions of `sys` are no reads; its views are.
    let views = match found {
        None if qualifies(sql, "sys") => {
            let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sys'";
            ask::rows(connection, sql).await?
        }
        _ => Vec::new(),
    };
    let view = views.iter().flatten().flatten().find(|view| mentions(sql, view));
    match found.copied().or(view.map(|_| "sys")) {
        None => Ok(()),
        Some(schema) => {
            Err(refused("SQL of yours reads what the server keeps for itself, which has no snapshots")
                .with("schema", schema))
        }
    }
}

fn refused(message: &str) -> Error {
    Error::usage(message.to_owned())
        .coded(Code::NoOneMoment)
        .hint("--consistency none reads every part at its own moment")
}

/// Whether `name` is a word of `sql`, quoted or not, in any case.
fn mentions(sql: &str, name: &str) -> bool {
    let sql = sql.to_lowercase();
    // In quotes a backtick stands twice.
    let name = name.to_lowercase().replace('`', "``");
    sql.match_indices(name.as_str()).any(|(at, found)| {
        let ends = |c: Option<char>| !c.is_some_and(is_word);
        ends(sql[..at].chars().next_back()) && ends(sql[at + found.len()..].chars().next())
    })
}

/// Comments, which may hide anything.
const COMMENTS: [&str; 3] = ["/*", "--", "#"];

/// Whether `sql` has `function` as a word with a parenthesis behind it, or a comment that may hide one; a name of a package
/// has a function behind it.
fn calls(sql: &str, function: &str) -> bool {
    followed(sql, function, &["(", "."])
}

/// Whether `sql` has `schema` as a word with a name behind it, or a comment that may hide one.
fn qualifies(sql: &str, schema: &str) -> bool {
    followed(sql, schema, &["."])
}

/// Whether `word` stands in `sql` before one of `signs` or a comment. The server takes letters with and without accents for
/// the same in names of functions: each letter beyond ASCII is taken for any.
fn followed(sql: &str, word: &str, signs: &[&str]) -> bool {
    let sql: Vec<char> = sql.chars().collect();
    let word: Vec<char> = word.replace('`', "``").chars().collect();
    let same = |(a, b): (&char, &char)| a.eq_ignore_ascii_case(b) || !a.is_ascii() || !b.is_ascii();
    sql.windows(word.len().max(1)).enumerate().any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| sql.get(at)).copied();
        if before.is_some_and(is_word) || !window.iter().zip(&word).all(same) {
            return false;
        }
        let rest = sql.get(at + window.len()..).unwrap_or_default();
        let rest = rest.strip_prefix(&['`']).unwrap_or(rest);
        let blank = rest.iter().take_while(|c| c.is_whitespace()).count();
        let rest = rest.get(blank..).unwrap_or_default();
        let comes = |text: &str| rest.iter().copied().take(text.len()).eq(text.chars());
        signs.iter().chain(&COMMENTS).copied().any(comes)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_by_a_word() {
        for sql in [
            "a IN (SELECT b FROM Logs)",
            "EXISTS (SELECT 1 FROM x.`logs`)",
            "logs.a",
            "SELECT 1 FROM/**/logs",
        ] {
            assert!(mentions(sql, "LOGS"), "{sql}");
        }
        for sql in ["catalogs = 1", "logs_old = 2", "log = 1", "élogs"] {
            assert!(!mentions(sql, "logs"), "{sql}");
        }
        assert!(mentions("SELECT * FROM `a``b`", "a`b"));
    }

    #[test]
    fn a_schema_of_the_server_is_named_before_a_point() {
        for sql in ["SELECT 1 FROM mysql.user", "`MySQL`.`user`", "mysql . user", "mysql/**/.user"] {
            assert!(qualifies(sql, "mysql"), "{sql}");
        }
        for sql in ["mysql = 1", "is_mysql.a", "mysql", "'mysql'"] {
            assert!(!qualifies(sql, "mysql"), "{sql}");
        }
    }

    #[test]
    fn a_function_is_called_whatever_its_accents_and_comments() {
        for sql in ["e(1)", "D.`E` (1)", "é()", "e/* 1 */(1)", "e -- x\n(1)", "e#\n()", "e.f()"] {
            assert!(calls(sql, "e"), "{sql}");
        }
        for sql in ["e = 1", "fe(1)", "ef(1)", "(e)", "SELECT e FROM t", "e - 1", ""] {
            assert!(!calls(sql, "e"), "{sql}");
        }
    }
}
