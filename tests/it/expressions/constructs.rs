//! Every operator and cast of the server's catalog over the types of the corpus, the functions of the documentation and
//! the forms of SQL: each in several spellings, as a column and as a condition, compared row by row.
//!
//! A table of all cells with their verdicts is left in the build directory, `expressions/constructs.txt`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use super::answers::{Answer, Theirs, ask};
use super::compare::{self, Digits, Verdict};
use super::corpus::{self, quote, types};
use super::forms;
use super::ours::InMemory;
use crate::lake::env_number;
use crate::server::PgServer;

/// Types by their names in `pg_type` whose cells count.
const CORE: &[&str] = &[
    "bool",
    "int2",
    "int4",
    "int8",
    "numeric",
    "float4",
    "float8",
    "text",
    "varchar",
    "bpchar",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "anyenum",
    "mood",
];

/// At most so many of them may be refused, in percent.
const MOST_REFUSED: usize = 15;

/// Expressions of a cell that are tried as conditions too.
const MOST_CONDITIONS: usize = 4;

const FUNCTIONS: &[&str] = &[
    "abs",
    "ceil",
    "ceiling",
    "floor",
    "round",
    "trunc",
    "sign",
    "mod",
    "power",
    "sqrt",
    "cbrt",
    "exp",
    "ln",
    "log",
    "log10",
    "length",
    "char_length",
    "character_length",
    "octet_length",
    "bit_length",
    "upper",
    "lower",
    "initcap",
    "substr",
    "substring",
    "left",
    "right",
    "btrim",
    "ltrim",
    "rtrim",
    "lpad",
    "rpad",
    "repeat",
    "replace",
    "reverse",
    "strpos",
    "split_part",
    "starts_with",
    "ascii",
    "chr",
    "translate",
    "md5",
    "overlay",
    "to_hex",
    "date_part",
    "date_trunc",
    "make_date",
    "encode",
    "decode",
    "div",
    "pi",
    "degrees",
    "radians",
    "sin",
    "cos",
    "tan",
    "isfinite",
    "date",
];

pub(super) const FIELDS: &[&str] = &[
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "week",
    "year",
];

/// A construct over argument types, with the expressions that try it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) arguments: String,
    /// Whether it is of those that may not be refused at will.
    pub(super) core: bool,
    pub(super) digits: Digits,
    pub(super) expressions: Vec<String>,
}

/// Literals for an argument of a type: values of the corpus, and some that it does not have.
fn literals(of: &str) -> Vec<String> {
    let quoted = |texts: &[&str]| texts.iter().map(|text| quote(text)).collect();
    match of {
        "bool" => vec!["true".into(), "'f'".into()],
        "int2" | "int4" => vec!["2".into(), "-1".into(), "'3'".into()],
        "int8" => vec!["2".into(), "4294967296".into(), "'3'".into()],
        "numeric" => vec!["2.5".into(), "-1".into(), "'12.34'".into()],
        "float4" | "float8" => vec!["2.5".into(), "0".into(), "'NaN'".into(), "1e3".into()],
        "text" | "varchar" => quoted(&["abc", "a%", "", "ß"]),
        "bpchar" => quoted(&["ab ", "abc", "Größe"]),
        "bytea" => quoted(&["\\x61", "", "abc"]),
        "date" => quoted(&["2024-02-29", "1969-12-31"]),
        "time" => quoted(&["12:34:56.5", "00:00"]),
        "timestamp" => quoted(&["2024-02-29 12:34:56.5", "2024-02-29 14:34:56.5+02", "2024-02-29"]),
        "timestamptz" => quoted(&["2024-02-29 12:34:56.5", "2024-02-29 14:34:56.5+02"]),
        "uuid" => quoted(&["550e8400-e29b-41d4-a716-446655440000", "{FFFFFFFF-ffff-ffff-ffffffffffffffff}"]),
        "anyenum" | "mood" => quoted(&["mid"]),
        "interval" => ["1 day", "1 month 2 days 03:00:00", "-1 year", "00:00:00.5"]
            .iter()
            .map(|text| format!("INTERVAL '{text}'"))
            .collect(),
        _ => Vec::new(),
    }
}

/// Columns for an argument of a type; of one type the first and the second are both tried.
fn columns(of: &str, number: usize) -> Vec<String> {
    let name = if of == "anyenum" { "mood" } else { of };
    types(name).map(|of| of.col(number)).collect()
}

pub(super) fn is_core(types: &[&str]) -> bool {
    types.iter().all(|of| CORE.contains(of))
}

/// Rows of a catalog query, split into fields.
fn catalog(server: &PgServer, db: &str, sql: &str) -> Vec<Vec<String>> {
    let rows = server.query(db, sql);
    rows.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

fn known() -> String {
    let names = CORE.iter().chain(&["interval"]).filter(|name| **name != "mood");
    names.map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

fn operators(server: &PgServer, db: &str) -> Vec<Cell> {
    let sql = format!(
        "SELECT replace(oprname, '|', '¦'), coalesce(l.typname, ''), r.typname, t.typname FROM pg_operator o \
         LEFT JOIN pg_type l ON l.oid = oprleft JOIN pg_type r ON r.oid = oprright JOIN pg_type t ON t.oid = oprresult \
         WHERE oprleft = 0 AND r.typname IN ({0}) OR l.typname IN ({0}) AND r.typname IN ({0}) \
         ORDER BY 1, l.typname, r.typname",
        known()
    );
    let mut cells = Vec::new();
    for row in catalog(server, db, &sql) {
        let [name, left, right, result] = row.as_slice() else { panic!("{row:?}") };
        let name = name.replace('¦', "|");
        let core = is_core(&[right, result]) && (left.is_empty() || is_core(&[left]));
        cells.push(operator(&name, left, right, core));
        // varchar has no operators: those of text are meant, and mean the same.
        if (left.as_str(), right.as_str()) == ("text", "text") {
            cells.push(operator(&name, "varchar", "varchar", core));
        }
    }
    cells
}

fn operator(name: &str, left: &str, right: &str, core: bool) -> Cell {
    let mut expressions = Vec::new();
    if left.is_empty() {
        let operands = columns(right, 1).into_iter().chain(literals(right).into_iter().take(1));
        expressions.extend(operands.map(|operand| format!("{name} {operand}")));
    } else {
        for one in columns(left, 1) {
            for two in columns(right, 2) {
                expressions.push(format!("{one} {name} {two}"));
            }
        }
        let (left_column, right_column) = (columns(left, 2), columns(right, 1));
        if let (Some(one), Some(two)) = (left_column.first(), right_column.first()) {
            expressions.push(format!("{one} {name} {two}"));
        }
        for one in columns(left, 1).iter().take(1) {
            expressions.extend(literals(right).iter().map(|literal| format!("{one} {name} {literal}")));
        }
        for two in right_column.iter().take(1) {
            expressions
                .extend(literals(left).iter().take(2).map(|literal| format!("{literal} {name} {two}")));
        }
    }
    let digits =
        if name == "/" && (left == "numeric" || right == "numeric") { Digits::Common } else { Digits::All };
    Cell {
        kind: "operator",
        name: name.to_owned(),
        arguments: format!("{left}, {right}"),
        core,
        digits,
        expressions,
    }
}

const TARGETS: &[(&str, &[&str])] = &[
    ("bool", &["boolean"]),
    ("int2", &["smallint"]),
    ("int4", &["integer"]),
    ("int8", &["bigint"]),
    ("numeric", &["numeric(12,2)", "numeric(38,10)", "numeric"]),
    ("float4", &["real"]),
    ("float8", &["double precision"]),
    ("text", &["text"]),
    ("varchar", &["varchar", "varchar(3)"]),
    ("bpchar", &["char(3)", "char(12)"]),
    ("bytea", &["bytea"]),
    ("date", &["date"]),
    ("time", &["time", "time(1)"]),
    ("timestamp", &["timestamp", "timestamp(0)"]),
    ("timestamptz", &["timestamptz", "timestamptz(0)"]),
    ("uuid", &["uuid"]),
    ("mood", &["mood"]),
    ("interval", &["interval"]),
];

fn casts(server: &PgServer, db: &str) -> Vec<Cell> {
    let declared = catalog(
        server,
        db,
        "SELECT s.typname, t.typname FROM pg_cast JOIN pg_type s ON s.oid = castsource JOIN pg_type t ON t.oid = casttarget",
    );
    let is_text = |of: &str| matches!(of, "text" | "varchar" | "bpchar");
    let mut cells = Vec::new();
    for (source, _) in TARGETS.iter().filter(|(name, _)| *name != "interval") {
        for (target, spelled) in TARGETS {
            let is_declared = declared.iter().any(|row| row[0] == *source && row[1] == *target);
            if !is_declared && source != target && !is_text(source) && !is_text(target) {
                continue;
            }
            let mut expressions = Vec::new();
            for target in *spelled {
                expressions
                    .extend(columns(source, 1).iter().map(|column| format!("CAST({column} AS {target})")));
                let literal = &literals(source)[0];
                expressions.push(format!("CAST({literal} AS {target})"));
            }
            expressions.push(format!("{}::{}", columns(source, 2)[0], spelled[0]));
            cells.push(Cell {
                kind: "cast",
                name: (*target).to_owned(),
                arguments: (*source).to_owned(),
                core: is_core(&[source, target]),
                digits: Digits::All,
                expressions,
            });
        }
    }
    cells
}

/// Literals for the argument of a function after the first.
fn argument(function: &str, of: &str, position: usize) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| quote(text)).collect();
    match (function, of, position) {
        ("encode" | "decode", "text", 1) => texts(&["hex", "base64"]),
        (_, "text", 1) => texts(&["b", "abc", "ß"]),
        (_, "text", _) => texts(&["X", "", "yß"]),
        (_, "int4", _) => ["2", "1", "-1", "0"].map(str::to_owned).to_vec(),
        _ => literals(of),
    }
}

fn functions(server: &PgServer, db: &str) -> Vec<Cell> {
    let names: Vec<String> = FUNCTIONS.iter().map(|name| quote(name)).collect();
    let sql = format!(
        "SELECT proname, (SELECT coalesce(string_agg(t.typname, ' ' ORDER BY a.ordinality), '') \
         FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(oid, ordinality) JOIN pg_type t ON t.oid = a.oid), \
         (SELECT typname FROM pg_type WHERE oid = prorettype) FROM pg_proc \
         WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset AND proname IN ({}) ORDER BY 1, 2",
        names.join(", ")
    );
    let mut cells = Vec::new();
    for row in catalog(server, db, &sql) {
        let [name, arguments, result] = row.as_slice() else { panic!("{row:?}") };
        let kinds: Vec<&str> = arguments.split(' ').filter(|of| !of.is_empty()).collect();
        if kinds.iter().any(|of| columns(of, 1).is_empty()) {
            continue;
        }
        let core = is_core(&kinds) && is_core(&[result]);
        let mut push = |kinds: &[&str]| {
            let expressions = calls(name, kinds);
            cells.push(Cell {
                kind: "function",
                name: name.clone(),
                arguments: kinds.join(", "),
                core,
                digits: Digits::All,
                expressions,
            });
        };
        push(&kinds);
        if kinds.first() == Some(&"text") && !matches!(name.as_str(), "date_part" | "date_trunc") {
            push(&[&["varchar"], &kinds[1..]].concat());
        }
    }
    cells
}

fn calls(name: &str, kinds: &[&str]) -> Vec<String> {
    if matches!(name, "date_part" | "date_trunc") {
        let columns = columns(kinds[1], 1);
        let fields = FIELDS.iter().flat_map(|field| columns.iter().map(move |column| (field, column)));
        return fields.map(|(field, column)| format!("{name}('{field}', {column})")).collect();
    }
    let mut calls = Vec::new();
    for first in kinds.first().map_or(vec![String::new()], |of| columns(of, 1)) {
        let rest: Vec<Vec<String>> = (1..kinds.len()).map(|at| argument(name, kinds[at], at)).collect();
        for turn in 0..rest.iter().map(Vec::len).max().unwrap_or(1) {
            let rest = rest.iter().map(|texts| texts[turn % texts.len()].clone());
            let all: Vec<String> = std::iter::once(first.clone()).chain(rest).collect();
            calls.push(format!("{name}({})", all.join(", ")));
        }
    }
    // Every argument a column; of a length one that does not make texts of gigabytes.
    if kinds.len() > 1 {
        let makes_long = matches!(name, "lpad" | "rpad" | "repeat");
        let all = kinds.iter().enumerate().map(|(at, of)| {
            let of = if makes_long && *of == "int4" { "int2" } else { of };
            columns(of, 1 + at % 2)[0].clone()
        });
        calls.push(format!("{name}({})", all.collect::<Vec<_>>().join(", ")));
    }
    calls
}

/// A cell with what was found of it.
struct Judged {
    cell: Cell,
    proved: usize,
    meaningless: usize,
    refused: Vec<(String, String)>,
    different: Vec<(String, String)>,
    /// How many of those give another value, and the first of them.
    silent: usize,
    first_silent: Option<usize>,
}

impl Judged {
    fn verdict(&self) -> &'static str {
        match (self.different.len(), self.proved, self.refused.len()) {
            (0, 0, 0) => "meaningless",
            (0, 0, _) => "refused",
            (0, _, 0) => "proved",
            (0, ..) => "proved in part",
            _ => "different",
        }
    }

    fn line(&self) -> String {
        let Cell { kind, name, arguments, core, .. } = &self.cell;
        let worst = self.different.get(self.first_silent.unwrap_or_default());
        let example = worst.or(self.refused.first());
        let example = example.map_or(String::new(), |(expression, what)| format!("{expression}  =>  {what}"));
        let example = example.replace(['\n', '\t'], " ");
        format!(
            "{kind}\t{name}\t{arguments}\t{}\t{}\t{} proved, {} different, {} refused\t{example}\n",
            if self.silent > 0 { "different, silently" } else { self.verdict() },
            if *core { "core" } else { "other" },
            self.proved,
            self.different.len(),
            self.refused.len(),
        )
    }
}

/// A condition that is true of some rows where an expression has values: compared with the value of one row.
fn as_condition(expression: &str, answer: &Answer) -> Option<(String, Answer)> {
    let Answer::Rows { kind, rows } = answer else { return None };
    if kind == "boolean" {
        return Some((expression.to_owned(), answer.clone()));
    }
    let short = |text: &str| text.len() < 60 && !text.contains('\0');
    let mut texts = rows.iter().filter_map(|row| match row {
        Theirs::Text(text) if short(text) => Some(text),
        _ => None,
    });
    let wanted = texts.nth(texts.clone().count() / 2)?;
    let condition = format!("({expression}) = {}", quote(wanted));
    Some((condition, Answer::Refused(String::new())))
}

fn judge(server: &PgServer, db: &str, ours: &InMemory, cells: Vec<Cell>) -> Vec<Judged> {
    let expressions: Vec<String> = cells.iter().flat_map(|cell| cell.expressions.iter().cloned()).collect();
    println!("{} expressions", expressions.len());
    let answers = ask(server, db, &expressions);
    println!("the server has answered");
    let conditions: Vec<Option<(String, Answer)>> = expressions
        .iter()
        .zip(&answers)
        .map(|(expression, answer)| as_condition(expression, answer))
        .collect();
    let unknown = conditions.iter().flatten().filter(|(_, answer)| matches!(answer, Answer::Refused(_)));
    let unknown: Vec<String> = unknown.map(|(condition, _)| condition.clone()).collect();
    let mut known = ask(server, db, &unknown).into_iter();
    let mut at = answers.into_iter().zip(conditions);
    let mut judged = Vec::new();
    let mut table = std::fs::File::create(report()).unwrap();
    for cell in cells {
        let mut found = Judged {
            proved: 0,
            meaningless: 0,
            refused: Vec::new(),
            different: Vec::new(),
            silent: 0,
            first_silent: None,
            cell,
        };
        let expressions = found.cell.expressions.clone();
        let columns = ours.columns(&expressions);
        for (number, (expression, said)) in expressions.into_iter().zip(columns).enumerate() {
            let (answer, condition) = at.next().unwrap();
            let verdict = compare::column(&answer, &said, found.cell.digits);
            found.add(expression.clone(), verdict);
            if let Some((condition, answer)) = condition {
                let answer = match answer {
                    Answer::Refused(_) => known.next().unwrap(),
                    rows => rows,
                };
                let is_quotient = found.cell.digits == Digits::Common && condition != expression;
                if number >= MOST_CONDITIONS || is_quotient {
                    continue;
                }
                let verdict = compare::condition(&answer, &ours.condition(&condition));
                found.add(format!("WHERE {condition}"), verdict);
            }
        }
        table.write_all(found.line().as_bytes()).unwrap();
        judged.push(found);
    }
    judged
}

impl Judged {
    fn add(&mut self, expression: String, verdict: Verdict) {
        if verdict.is_silent() {
            self.silent += 1;
            self.first_silent.get_or_insert(self.different.len());
        }
        match verdict {
            Verdict::Proved => self.proved += 1,
            Verdict::Meaningless(_) => self.meaningless += 1,
            Verdict::Refused(why) => self.refused.push((expression, why)),
            Verdict::Different(what) => self.different.push((expression, what)),
        }
    }
}

/// Where the table of cells goes.
fn report() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let dir = target.join("expressions");
    std::fs::create_dir_all(&dir).unwrap();
    dir.join("constructs.txt")
}

#[test]
fn every_construct_means_what_postgresql_means_or_is_refused() {
    let (server, db) = (PgServer::shared(), "judge_constructs");
    let url = corpus::database(server, db, corpus::Extent::Full);
    let ours = InMemory::read(&url, &["judge"]);
    let mut cells = operators(server, db);
    cells.extend(casts(server, db));
    cells.extend(functions(server, db));
    cells.extend(forms::all());
    // One cell in so many; which of them changes with the seed. The long form takes all.
    let every = env_number("LAKEXPRESS_CONSTRUCTS_EVERY", 10);
    let seed = usize::try_from(super::seed() % 1_000_000).unwrap();
    let all = cells.len();
    let cells: Vec<Cell> = cells
        .into_iter()
        .enumerate()
        .filter(|(at, _)| (at + seed) % every == 0)
        .map(|(_, cell)| cell)
        .collect();
    let judged = judge(server, db, &ours, cells);
    let mut shares: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for cell in &judged {
        *shares.entry((cell.cell.core, cell.verdict())).or_default() += 1;
    }
    let tried: usize = judged.iter().map(|cell| cell.cell.expressions.len()).sum();
    let mut summary = format!("{} of {all} cells, {tried} expressions\n", judged.len());
    for ((core, verdict), many) in &shares {
        writeln!(summary, "{} {verdict}: {many}", if *core { "core" } else { "other" }).unwrap();
    }
    let silent = judged.iter().filter(|cell| cell.silent > 0).count();
    println!("{summary}{silent} differ silently\n{}", report().display());
    let different: Vec<String> =
        judged.iter().filter(|c| !c.different.is_empty()).map(Judged::line).collect();
    let of = |verdict: &str| shares.get(&(true, verdict)).copied().unwrap_or_default();
    let core = of("proved") + of("proved in part") + of("refused") + of("different");
    assert!(different.is_empty(), "{} cells differ:\n{}", different.len(), different.concat());
    let most = core * MOST_REFUSED / 100;
    assert!(every > 1 || of("refused") <= most, "{} of {core} cells are refused", of("refused"));
}
