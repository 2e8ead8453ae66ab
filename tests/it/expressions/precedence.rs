//! What belongs to what where there are no parentheses: every pair of operators, in the order of PostgreSQL's grammar.

use super::answers::{FUNCTION, ask};
use super::compare::{self, Digits, Verdict};
use super::ours::InMemory;
use crate::lake::env_number;
use crate::server::PgServer;

const ROWS: &str = "
    CREATE TABLE judge (id int PRIMARY KEY, i1 int, i2 int, i3 int, t1 text, t2 text, t3 text, b1 bool, b2 bool, b3 bool,
        p1 timestamp, p2 timestamp);
    INSERT INTO judge VALUES
        (1, 7, 2, 3, '7', '2', '3', true, false, NULL, '2024-02-29 12:00:00', '2024-03-01 00:00:00'),
        (2, 1, 1, 5, 'a%', 'ab', 'b', false, true, true, '2024-01-01 00:00:00', '2024-01-01 00:00:00'),
        (3, -6, 4, 2, '', 'true', '-6', true, true, false, NULL, '1999-12-31 23:59:59'),
        (4, 2, NULL, 2, 'x', NULL, 'x', NULL, NULL, true, '2030-05-05 05:05:05', NULL),
        (5, 3, 9, 1, 'abc', 'b', 'a.c', false, false, false, '2024-06-01 00:00:00', '2024-05-01 00:00:00');";

const BETWEEN_TWO: &[&str] = &[
    "AND",
    "OR",
    "=",
    "<>",
    "<",
    ">=",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "~",
    "!~",
    "||",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "&",
    "|",
    "#",
    "<<",
    "IS DISTINCT FROM",
    "IS NOT DISTINCT FROM",
    "SIMILAR TO",
    "^@",
];
const IN_FRONT: &[&str] = &["NOT ", "-", "+", "~ ", "@ ", "NOT NOT ", "- -"];
const BEHIND: &[&str] = &[
    " IS NULL",
    " IS NOT NULL",
    " IS TRUE",
    " IS NOT FALSE",
    " IS UNKNOWN",
    " ISNULL",
    " NOTNULL",
    "::text",
    "::bool",
    " IN (1, 2)",
    " NOT IN ('x', 'ab')",
    " IN (true)",
    " BETWEEN 1 AND 5",
    " NOT BETWEEN 'a' AND 'c'",
    " BETWEEN SYMMETRIC 5 AND 1",
    " AT TIME ZONE 'UTC'",
    " LIKE 'a#%' ESCAPE '#'",
    " COLLATE \"C\"",
];
const KINDS: &[&str] = &["i", "t", "b"];

/// `a op b op c`, with an operator in front or behind one or two of them.
fn chains() -> Vec<String> {
    let operand = |kind: &str, at: usize| format!("{kind}{at}");
    let mut all = Vec::new();
    for (a, b) in KINDS.iter().flat_map(|a| KINDS.iter().map(move |b| (operand(a, 1), operand(b, 2)))) {
        for op in BETWEEN_TWO {
            all.extend(IN_FRONT.iter().map(|front| format!("{front}{a} {op} {b}")));
            all.extend(IN_FRONT.iter().map(|front| format!("{a} {op} {front}{b}")));
            all.extend(BEHIND.iter().map(|behind| format!("{a}{behind} {op} {b}")));
            all.extend(BEHIND.iter().map(|behind| format!("{a} {op} {b}{behind}")));
            all.extend(BEHIND.iter().map(|behind| format!("{a} BETWEEN {b} AND 5 {op} 2{behind}")));
            all.push(format!("{a} BETWEEN {b} {op} 1 AND 3"));
            for (next, c) in BETWEEN_TWO.iter().flat_map(|op| KINDS.iter().map(move |c| (op, operand(c, 3))))
            {
                all.push(format!("{a} {op} {b} {next} {c}"));
            }
        }
    }
    for (a, front, behind) in KINDS
        .iter()
        .flat_map(|a| IN_FRONT.iter().flat_map(move |f| BEHIND.iter().map(move |b| (operand(a, 1), f, b))))
    {
        all.push(format!("{front}{a}{behind}"));
        all.extend(BEHIND.iter().map(|next| format!("{front}{a}{behind}{next}")));
    }
    for op in BETWEEN_TWO {
        all.push(format!("p1 AT TIME ZONE 'UTC' {op} p2 AT TIME ZONE 'UTC'"));
        all.push(format!("p1 {op} p2 IS NULL"));
    }
    all
}

#[test]
fn what_has_no_parentheses_belongs_together_as_in_postgresql() {
    let (server, db) = (PgServer::shared(), "judge_precedence");
    let url = server.create_db(db);
    server.sql(db, &format!("{ROWS}\n{FUNCTION}"));
    let ours = InMemory::read(&url, &["judge"]);
    let every = env_number("LAKEXPRESS_CONSTRUCTS_EVERY", 10);
    let seed = usize::try_from(super::seed() % 1_000_000).unwrap();
    let chosen = chains().into_iter().enumerate().filter(|(at, _)| (at + seed) % every == 0);
    let chosen: Vec<String> = chosen.map(|(_, chain)| chain).collect();
    let answers = ask(server, db, &chosen);
    let (mut proved, mut refused, mut meaningless, mut different) = (0, 0, 0, Vec::new());
    for (chain, answer) in chosen.iter().zip(&answers) {
        match compare::column(answer, &ours.column(chain), Digits::All) {
            Verdict::Proved => proved += 1,
            Verdict::Refused(_) => refused += 1,
            Verdict::Meaningless(_) => meaningless += 1,
            Verdict::Different(what) => different.push(format!("{chain}\n    {what}\n")),
        }
    }
    println!(
        "{} chains without parentheses: {proved} proved, {refused} refused, {meaningless} without meaning, {} different",
        chosen.len(),
        different.len()
    );
    assert!(proved * 40 > chosen.len(), "too few of them mean anything");
    assert!(different.is_empty(), "{}", different.concat());
}
