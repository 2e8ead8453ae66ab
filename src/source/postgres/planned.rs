//! Functions of database users that the server would run when it plans a statement over a table.
//!
//! The planner simplifies the expressions of a relation's indexes, partition keys, checks and statistics before it
//! looks at the statement: a call without arguments that vary is replaced by its result, for which the function runs,
//! as the role that reads. A call over a column runs for no statement of ours.

use std::collections::{HashMap, HashSet};

use super::columns::number;
use crate::client::postgres::Connection;
use crate::error::Result;

/// How deep expressions are looked into; deeper ones count as a call that runs.
const MOST_DEPTH: usize = 100;

/// For each of the relations `oids` (separated by commas) what of its planning would run a function of a database user:
/// the thing, the function and its owner. Those without are missing.
pub(super) async fn functions(now: &mut Connection, oids: &str) -> Result<HashMap<String, String>> {
    let rows = now.query(&simplified_sql(now, oids)).await?;
    let oids = rows.iter().map(|row| row.required(0)).collect::<Result<Vec<_>>>()?.join(", ");
    if oids.is_empty() { Ok(HashMap::new()) } else { functions_of(now, &oids).await }
}

/// The question which of the relations `oids` have anything that a plan simplifies: one row with the oid for each.
pub(super) fn simplified_sql(connection: &Connection, oids: &str) -> String {
    filled(include_str!("simplified.sql"), connection, oids)
}

fn filled(text: &str, connection: &Connection, oids: &str) -> String {
    let statistics =
        if connection.server_version_num() >= 140_000 { "s.stxexprs" } else { "NULL::pg_catalog.text" };
    text.replace("{oids}", oids).replace("{statistics}", statistics)
}

/// As [`functions`], of relations of which it is known that a plan simplifies something.
pub(super) async fn functions_of(view: &mut Connection, oids: &str) -> Result<HashMap<String, String>> {
    let sql = filled(include_str!("planned.sql"), view, oids);
    let mut found = HashMap::new();
    for row in view.query(&sql).await? {
        let called: u32 = number(row.required(4)?)?;
        let inlined = row.required(7)? == "t";
        if !inlined && varies_everywhere(row.required(3)?, called) {
            continue;
        }
        let what = format!(
            "{} {} calls {}, a function of {}",
            row.required(1)?,
            row.required(2)?,
            row.required(5)?,
            row.required(6)?
        );
        found.entry(row.required(0)?.to_owned()).or_insert(what);
    }
    Ok(found)
}

/// Whether each call of the function or operator `called` in the `trees` has an argument that varies with the row, so
/// that none is made when a statement is planned.
fn varies_everywhere(trees: &str, called: u32) -> bool {
    let Some(trees) = parse(trees) else { return false };
    let mut calls = Calls { called: called.to_string(), seen: 0, varying: 0 };
    calls.look(&trees);
    calls.seen > 0 && calls.seen == calls.varying
}

/// A part of the text that PostgreSQL keeps an expression as: `{FUNCEXPR :funcid 7 :args ({VAR ...})}`.
#[derive(Debug)]
enum Node {
    /// `{TAG :field value ...}`; what follows a field up to the next one.
    Record(String, Vec<(String, Vec<Self>)>),
    /// `(...)`.
    List(Vec<Self>),
    Word(String),
}

impl Node {
    fn field(&self, name: &str) -> &[Self] {
        let Self::Record(_, fields) = self else { return &[] };
        fields.iter().find(|(of, _)| of == name).map_or(&[], |(_, values)| values)
    }

    fn word(&self, name: &str) -> Option<&str> {
        match self.field(name) {
            [Self::Word(word), ..] => Some(word),
            _ => None,
        }
    }

    fn args(&self) -> &[Self] {
        match self.field("args") {
            [Self::List(args)] => args,
            _ => &[],
        }
    }

    /// Whether the value is known only when there is a row: the planner cannot simplify it away. Only what is sure.
    fn varies(&self) -> bool {
        let Self::Record(tag, _) = self else { return false };
        let constant = |arg: &Self| {
            matches!(arg, Self::Record(tag, _) if tag == "CONST") && arg.word("constisnull") == Some("false")
        };
        match tag.as_str() {
            "VAR" => true,
            "RELABELTYPE" | "COERCEVIAIO" => matches!(self.field("arg"), [arg] if arg.varies()),
            // A NULL among the arguments of a strict function would be its result.
            "FUNCEXPR" | "OPEXPR" => {
                let args = self.args();
                args.iter().any(Self::varies) && args.iter().all(|arg| arg.varies() || constant(arg))
            }
            _ => false,
        }
    }
}

struct Calls {
    called: String,
    seen: usize,
    varying: usize,
}

impl Calls {
    fn look(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::List(nodes) => self.look(nodes),
                Node::Word(_) => {}
                Node::Record(tag, fields) => {
                    let named = |field| node.word(field) == Some(self.called.as_str());
                    if named("funcid") || named("opno") {
                        self.seen += 1;
                        let plain = matches!(tag.as_str(), "FUNCEXPR" | "OPEXPR");
                        self.varying += usize::from(plain && node.varies());
                    }
                    fields.iter().for_each(|(_, values)| self.look(values));
                }
            }
        }
    }
}

/// The nodes of a text; none where it is not of this form, or too deep.
fn parse(text: &str) -> Option<Vec<Node>> {
    let mut words = words(text).into_iter();
    sequence(&mut words, None, MOST_DEPTH)
}

fn sequence(words: &mut std::vec::IntoIter<String>, end: Option<&str>, depth: usize) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    loop {
        let Some(word) = words.next() else { return end.is_none().then_some(nodes) };
        match word.as_str() {
            word if Some(word) == end => return Some(nodes),
            "{" => nodes.push(record(sequence(words, Some("}"), depth.checked_sub(1)?)?)?),
            "(" => nodes.push(Node::List(sequence(words, Some(")"), depth.checked_sub(1)?)?)),
            "}" | ")" => return None,
            _ => nodes.push(Node::Word(word)),
        }
    }
}

fn record(nodes: Vec<Node>) -> Option<Node> {
    let mut nodes = nodes.into_iter();
    let Some(Node::Word(tag)) = nodes.next() else { return None };
    let mut fields: Vec<(String, Vec<Node>)> = Vec::new();
    for node in nodes {
        match (node, fields.last_mut()) {
            (Node::Word(word), _) if word.starts_with(':') => fields.push((word[1..].to_owned(), Vec::new())),
            (node, Some((_, values))) => values.push(node),
            (_, None) => return None,
        }
    }
    let names: HashSet<&String> = fields.iter().map(|(name, _)| name).collect();
    // A field that is there twice would be looked at once.
    (names.len() == fields.len()).then_some(Node::Record(tag, fields))
}

/// Words and brackets. A backslash takes the meaning from the character behind it.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                // So that an escaped word is no bracket and no field.
                word.push('\\');
                word.extend(characters.next());
            }
            '{' | '}' | '(' | ')' => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                words.push(character.to_string());
            }
            _ if character.is_whitespace() => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            _ => word.push(character),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAR: &str = "{VAR :varno 1 :varattno 2 :vartype 23}";
    const SEVEN: &str = "{CONST :consttype 23 :constisnull false :constvalue 4 [ 7 0 0 0 0 0 0 0 ]}";
    const NULL: &str = "{CONST :consttype 23 :constisnull true :constvalue <>}";

    fn call(id: u32, args: &[&str]) -> String {
        format!("{{FUNCEXPR :funcid {id} :funcresulttype 23 :args ({}) :location 9}}", args.join(" "))
    }

    fn op(id: u32, args: &[&str]) -> String {
        format!("{{OPEXPR :opno {id} :opfuncid 65 :args ({}) :location 9}}", args.join(" "))
    }

    #[test]
    fn a_call_over_a_column_does_not_run() {
        let relabelled = format!("{{RELABELTYPE :arg {VAR} :resulttype 25}}");
        let case = format!(
            "{{CASEEXPR :arg <> :args ({{CASEWHEN :expr {SEVEN} :result {SEVEN}}}) :defresult {VAR}}}"
        );
        for (tree, safe) in [
            (call(16_500, &[VAR]), true),
            (call(16_500, &[&relabelled, SEVEN]), true),
            (call(16_500, &[&call(870, &[VAR])]), true),
            (op(16_500, &[VAR, SEVEN]), true),
            (format!("({} {})", call(16_500, &[VAR]), VAR), true),
            (call(16_500, &[]), false),
            (call(16_500, &[SEVEN]), false),
            (call(16_500, &[VAR, NULL]), false),
            (call(16_500, &[&call(870, &[VAR, NULL])]), false),
            (call(16_500, &[&case]), false),
            (op(551, &[&call(16_500, &[SEVEN]), VAR]), false),
            (format!("({} {})", call(16_500, &[VAR]), call(16_500, &[SEVEN])), false),
            // Not where it was looked for: a comparison of rows, for example.
            (format!("{{ROWCOMPAREEXPR :opnos (o 16500) :largs ({VAR}) :rargs ({VAR})}}"), false),
            (format!("{{DISTINCTEXPR :opno 16500 :args ({VAR} {VAR})}}"), false),
            (call(16_501, &[VAR]), false),
            (call(16_500, &[VAR])[1..].to_owned(), false),
            (format!("{}{}", "(".repeat(200), ")".repeat(200)), false),
            (String::new(), false),
        ] {
            assert_eq!(varies_everywhere(&tree, 16_500), safe, "{tree}");
        }
    }

    #[test]
    fn escaped_words_are_no_brackets() {
        let nodes = parse(r"{A :name a\ \)b\{ :x (1 2) :y <>}").unwrap();
        assert_eq!(nodes[0].word("name"), Some(r"a\ \)b\{"));
        assert_eq!(nodes[0].field("x").len(), 1);
        assert!(parse("{A :x 1 :x 2}").is_none() && parse("(").is_none() && parse("{1 2}").is_none());
    }
}
