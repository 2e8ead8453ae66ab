//! SQL of the user's under a view: it may read only what is of the view's moment.
//!
//! Names are looked for in its text, so that a name that stands for something else there is refused without need.

use super::ask;
use super::engines::Without;
use super::names::name;
use super::views::{self, Verdict};
use crate::catalog::TableRef;
use crate::client::mysql::Connection;
use crate::error::{Error, Result};

/// Refuses `sql` when it may read a table of no moment that is not among `locked`. To be asked when the tables that it
/// reads are open in a transaction, so that their definitions stay as they are.
///
/// # Errors
/// Usage, with what it may read; and what the server said.
pub(in crate::source::mysql) async fn refuse(
    connection: &mut Connection,
    sql: &str,
    locked: &[TableRef],
) -> Result<()> {
    let is_named = |table: &TableRef| !locked.contains(table) && mentions(sql, &table.name);
    let without = Without::of(connection, &[]).await?;
    if let Some((table, _)) = without.tables.iter().find(|(table, _)| is_named(table)) {
        return Err(refused("SQL of yours may read a table whose engine keeps no old rows")
            .with("such a table", table)
            .hint("convert it to InnoDB"));
    }
    let views = without.views.into_iter().filter(is_named).collect();
    let judged = views::judge(connection, views).await?;
    if let Some((view, _)) = judged.iter().find(|(_, verdict)| **verdict != Verdict::Safe) {
        return Err(refused(
            "SQL of yours may read a view, and not all tables under it are known to keep old rows",
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

fn refused(message: &str) -> Error {
    Error::usage(message.to_owned()).hint("--consistency none reads every part at its own moment")
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

/// Whether `sql` has `function` as a word with a parenthesis behind it, or a comment that may hide one. The server takes
/// letters with and without accents for the same in names of functions: each letter beyond ASCII is taken for any.
fn calls(sql: &str, function: &str) -> bool {
    let sql: Vec<char> = sql.chars().collect();
    let function: Vec<char> = function.replace('`', "``").chars().collect();
    let same = |(a, b): (&char, &char)| a.eq_ignore_ascii_case(b) || !a.is_ascii() || !b.is_ascii();
    let package = |rest: &[char]| rest.first() == Some(&'.');
    sql.windows(function.len().max(1)).enumerate().any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| sql.get(at)).copied();
        if before.is_some_and(is_word) || !window.iter().zip(&function).all(same) {
            return false;
        }
        let rest = sql.get(at + window.len()..).unwrap_or_default();
        let rest = rest.strip_prefix(&['`']).unwrap_or(rest);
        let blank = rest.iter().take_while(|c| c.is_whitespace()).count();
        let rest = rest.get(blank..).unwrap_or_default();
        let comes = |text: &str| rest.iter().copied().take(text.len()).eq(text.chars());
        package(rest) || ["(", "/*", "--", "#"].into_iter().any(comes)
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
    fn a_function_is_called_whatever_its_accents_and_comments() {
        for sql in ["e(1)", "D.`E` (1)", "é()", "e/* 1 */(1)", "e -- x\n(1)", "e#\n()", "e.f()"] {
            assert!(calls(sql, "e"), "{sql}");
        }
        for sql in ["e = 1", "fe(1)", "ef(1)", "(e)", "SELECT e FROM t", "e - 1", ""] {
            assert!(!calls(sql, "e"), "{sql}");
        }
    }
}
