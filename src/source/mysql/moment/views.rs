//! Views: whether a transaction reads one as of its own moment.
//!
//! It does when every table under it is known to be of an engine that has moments. A user may read a view and see neither
//! its definition nor the tables under it: nothing is known then.

use std::collections::{HashMap, HashSet};

use super::ask;
use super::kinds::{Engine, kind};
use crate::catalog::TableRef;
use crate::client::mysql::{Connection, literal};
use crate::error::Result;

/// What has to become of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All that it reads has moments.
    Safe,
    /// It reads tables without, or nobody knows what it reads.
    Lock,
    /// It reads tables of this engine, whose changes locks do not hold off.
    Foreign(String),
}

type Definitions = HashMap<TableRef, String>;
type Engines = HashMap<TableRef, Engine>;

/// Asks the catalog about `views`: nothing when there are none, and two questions otherwise.
///
/// # Errors
/// What the server said.
pub(super) async fn judge(
    connection: &mut Connection,
    views: Vec<TableRef>,
) -> Result<HashMap<TableRef, Verdict>> {
    if views.is_empty() {
        return Ok(HashMap::new());
    }
    let mut definitions = Definitions::new();
    let sql = "SELECT table_schema, table_name, view_definition FROM information_schema.views";
    for row in ask::rows(connection, sql).await? {
        if let [Some(schema), Some(view), definition] = row.as_slice() {
            let view = TableRef { schema: schema.clone(), name: view.clone() };
            definitions.insert(view, definition.clone().unwrap_or_default());
        }
    }
    let under = under(&views, &definitions);
    let list = |part: fn(&TableRef) -> &str| {
        let parts: HashSet<&str> = under.iter().map(part).collect();
        parts.into_iter().map(literal).collect::<Vec<_>>().join(", ")
    };
    let mut engines = Engines::new();
    if !under.is_empty() {
        let sql = format!(
            "SELECT table_schema, table_name, table_type, engine FROM information_schema.tables \
             WHERE table_schema IN ({}) AND table_name IN ({})",
            list(|table| &table.schema),
            list(|table| &table.name)
        );
        for row in ask::rows(connection, &sql).await? {
            if let [Some(schema), Some(table), Some(of), Some(engine)] = row.as_slice() {
                let table = TableRef { schema: schema.clone(), name: table.clone() };
                engines.insert(table, kind(of, engine));
            }
        }
    }
    let judged = |view: TableRef| {
        let verdict = verdict(&view, &definitions, &engines);
        (view, verdict)
    };
    Ok(views.into_iter().map(judged).collect())
}

/// Every table that is no view and has its name in one of `views` or in a view that they name.
fn under(views: &[TableRef], definitions: &Definitions) -> HashSet<TableRef> {
    let mut seen = HashSet::new();
    let mut left = views.to_vec();
    while let Some(table) = left.pop() {
        if seen.contains(&table) {
            continue;
        }
        if let Some(definition) = definitions.get(&table) {
            left.extend(tables_of(definition).unwrap_or_default());
        }
        seen.insert(table);
    }
    seen.retain(|table| !definitions.contains_key(table));
    seen
}

fn verdict(view: &TableRef, definitions: &Definitions, engines: &Engines) -> Verdict {
    let mut verdict = Verdict::Safe;
    let mut seen = HashSet::new();
    let mut left = vec![view.clone()];
    while let Some(table) = left.pop() {
        if !seen.insert(table.clone()) {
            continue;
        }
        if let Some(definition) = definitions.get(&table) {
            match tables_of(definition) {
                Some(tables) => left.extend(tables),
                None => verdict = Verdict::Lock,
            }
        } else if let Some(server) = of_the_server(&table) {
            return Verdict::Foreign(server.to_owned());
        } else {
            match engines.get(&table) {
                Some(Engine::OfMoments) => {}
                Some(Engine::Foreign(engine)) => return Verdict::Foreign(engine.clone()),
                Some(Engine::Lockable) | None => verdict = Verdict::Lock,
            }
        }
    }
    verdict
}

/// What the server computes when it is read is of no moment.
fn of_the_server(table: &TableRef) -> Option<&'static str> {
    let of = |schema: &&&str| table.schema.eq_ignore_ascii_case(schema);
    ["information_schema", "performance_schema"].iter().find(of).copied()
}

/// The tables that a definition reads, as the server writes it: every name quoted, and every table with its schema. None
/// when that is not known: there is no definition, a stored function is called, or names are not quoted.
///
/// Whatever stands behind a FROM or JOIN counts, wherever that stands: what is found in excess, such as in a text, makes
/// a view that is locked without need.
fn tables_of(definition: &str) -> Option<HashSet<TableRef>> {
    // With sql_quote_show_create = 0 a view is kept without quotes, and its functions without their schema.
    let is_unquoted = definition.split(" AS ").skip(1).any(|rest| !rest.starts_with('`'));
    if definition.is_empty() || is_unquoted || definition.contains("`(") {
        return None;
    }
    let lower = definition.to_ascii_lowercase();
    let mut tables = HashSet::new();
    for word in ["from", "join"] {
        for (at, _) in lower.match_indices(word) {
            // `straight_join` ends in it too.
            let begins =
                !definition[..at].ends_with(|before: char| is_name(before) && before != '_' || before == '`');
            let rest = &definition[at + word.len()..];
            if !begins || !rest.starts_with(|after: char| after.is_ascii_whitespace() || after == '(') {
                continue;
            }
            match chain(rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '(')) {
                Chain::NoTable => {}
                Chain::Alone(name) if is_common(&name, definition) => {}
                Chain::Table(table) => {
                    tables.insert(table);
                }
                Chain::Alone(_) | Chain::Unknown => return None,
            }
        }
    }
    Some(tables)
}

/// What stands behind a FROM or JOIN.
enum Chain {
    /// A derived table, a function's table, or a value.
    NoTable,
    /// A name without a schema.
    Alone(String),
    Table(TableRef),
    Unknown,
}

fn chain(mut rest: &str) -> Chain {
    let mut names = Vec::new();
    let mut is_quoted = true;
    loop {
        if rest.starts_with('`') {
            let Some((name, after)) = quoted(rest) else { return Chain::Unknown };
            names.push(name);
            rest = after;
        } else {
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            is_quoted = false;
            names.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => break,
        }
    }
    match names.as_slice() {
        [schema, name] | [schema, name, _] if is_quoted => {
            Chain::Table(TableRef { schema: schema.clone(), name: name.clone() })
        }
        [name] if is_quoted => Chain::Alone(name.clone()),
        [word] => {
            let is_word = |known: &&str| word.eq_ignore_ascii_case(known);
            let is_known = ["", "select", "values", "value", "with", "lateral", "dual"].iter().any(is_word);
            let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
            if is_known || is_number || rest.starts_with('(') {
                Chain::NoTable
            } else {
                Chain::Alone(word.clone())
            }
        }
        _ => Chain::Unknown,
    }
}

/// A name in backticks, and what comes behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let end = rest.find('`')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('`') {
            Some(after) => {
                name.push('`');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Whether a name is that of a common table expression of the definition: real tables have their schema before them.
fn is_common(name: &str, definition: &str) -> bool {
    definition.match_indices(name).any(|(at, _)| {
        let rest = definition[at + name.len()..].trim_start_matches('`').trim_start();
        let rest = match rest.strip_prefix('(') {
            Some(columns) => columns.split_once(')').map_or("", |(_, rest)| rest).trim_start(),
            None => rest,
        };
        rest.starts_with("as (")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableRef {
        TableRef { schema: "d".into(), name: name.into() }
    }

    fn names(definition: &str) -> Option<Vec<String>> {
        let mut names: Vec<String> = tables_of(definition)?.into_iter().map(|table| table.name).collect();
        names.sort();
        Some(names)
    }

    #[test]
    fn every_table_behind_from_and_join_is_found() {
        for (definition, expected) in [
            ("select `d`.`i`.`a` AS `a` from `d`.`i`", vec!["i"]),
            (
                "select `j`.`x` AS `x` from (`d`.`i` `j` join (`d`.`m` left join `d`.`o``o` on(1)))",
                vec!["i", "m", "o`o"],
            ),
            (
                "select 1 AS `a` from `d`.`i` straight_join (select `d`.`m`.`a` AS `a` from `d`.`m`) `x`",
                vec!["i", "m"],
            ),
            ("select trim(both 'x' from `d`.`i`.`a`) AS `t`,trim(1 from 2) AS `u` from `d`.`i`", vec!["i"]),
            (
                "with c(`k`) as (select `d`.`i`.`a` AS `k` from `d`.`i`)select `c`.`k` AS `k` from `c`",
                vec!["i"],
            ),
            ("select 'from `d`.`z`' AS `s`,`d`.`i`.`from` AS `from` from `d`.`i`", vec!["i", "z"]),
            (
                "select `jt`.`x` AS `x` from `d`.`i` join JSON_TABLE('[1]', '$[*]' COLUMNS (`x` int path '$')) `jt`",
                vec!["i"],
            ),
            ("select 1 AS `1`", vec![]),
        ] {
            assert_eq!(
                names(definition),
                Some(expected.into_iter().map(str::to_owned).collect()),
                "{definition}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_not_known() {
        for definition in [
            "",
            "select `d`.`e`() AS `x`",
            "select d.i.a AS a,e() AS x from d.i",
            "select 1 AS `a` from i",
            "select 1 AS `a` from `i`",
            "select 1 AS `a` from d.`i`",
        ] {
            assert_eq!(tables_of(definition), None, "{definition}");
        }
    }

    #[test]
    fn a_view_is_as_safe_as_what_it_reads() {
        let view = |name: &str, under: &str| (table(name), format!("select 1 AS `a` from {under}"));
        let definitions = Definitions::from([
            view("safe", "`d`.`i`"),
            view("over", "`d`.`safe`"),
            view("direct", "(`d`.`m` join `d`.`i`)"),
            view("twice", "`d`.`direct`"),
            view("unseen", "`other`.`i`"),
            view("foreign", "(`d`.`m` join `d`.`f`)"),
            view("server", "`information_schema`.`tables`"),
            (table("secret"), String::new()),
        ]);
        let engines = Engines::from([
            (table("i"), Engine::OfMoments),
            (table("m"), Engine::Lockable),
            (table("f"), Engine::Foreign("FEDERATED".into())),
        ]);
        let judged = |name: &str| verdict(&table(name), &definitions, &engines);
        assert_eq!([judged("safe"), judged("over")], [Verdict::Safe, Verdict::Safe]);
        for name in ["direct", "twice", "unseen", "secret"] {
            assert_eq!(judged(name), Verdict::Lock, "{name}");
        }
        assert_eq!(judged("foreign"), Verdict::Foreign("FEDERATED".into()));
        assert_eq!(judged("server"), Verdict::Foreign("information_schema".into()));
        assert_eq!(under(&[table("twice")], &definitions), HashSet::from([table("i"), table("m")]));
    }
}
