//! Queries made at random: joins, groups, DISTINCT, orders, windows and set operations over two tables with NaN, -0.0,
//! NULL, padded and non-ASCII texts, compared with the server as sorted rows.
//!
//! `LAKEXPRESS_SEED` repeats a run, `LAKEXPRESS_RELATIONS` sets how many queries one has.

use std::fmt::Write as _;

use serde_json::Value;

use super::corpus::quote;
use super::generate::Random;
use super::ours::{InMemory, Ours};
use crate::lake::env_number;
use crate::server::PgServer;

const ROWS: usize = 30;
/// Differing queries that are shown.
const SHOWN: usize = 30;

/// Columns of both tables, and their values; each may be NULL. Sums of the floats are exact in any order.
const COLUMNS: &[(&str, &str, &[&str])] = &[
    ("i", "integer", &["0", "1", "2", "3", "-1", "2147483647"]),
    ("l", "bigint", &["0", "1", "2", "3", "4294967296"]),
    ("n", "numeric(12,2)", &["0", "1", "2.50", "-2.50", "12.34"]),
    ("m", "numeric(40,10)", &["0", "1", "2.5", "12.34", "0.0000000001"]),
    ("f", "double precision", &["0", "-0", "1", "2.5", "NaN", "-Infinity", "Infinity"]),
    ("r", "real", &["0", "-0", "1", "2.5", "NaN"]),
    ("t", "text", &["", "a", "A", "ab", "ab ", "ß", "Größe", "日本", "1"]),
    ("v", "varchar(10)", &["", "a", "ab", "ab ", "é", "1"]),
    ("c", "char(5)", &["", "a", "ab", "ß", "1"]),
    ("y", "bytea", &["\\x", "\\x61", "\\xff"]),
    ("b", "boolean", &["true", "false"]),
    ("d", "date", &["1970-01-01", "2024-02-29", "0044-03-15 BC"]),
    ("p", "timestamp", &["1970-01-01", "2024-02-29 12:34:56.5", "2024-02-29"]),
    ("z", "timestamptz", &["1970-01-01 00:00+00", "2024-02-29 12:34:56.5+00"]),
    ("u", "uuid", &["00000000-0000-0000-0000-000000000000", "550e8400-e29b-41d4-a716-446655440000"]),
];

/// `asked(query, columns)`: the types of a query's columns, and the rows as texts; or what is wrong.
const FUNCTION: &str = r"
CREATE FUNCTION asked(query text, columns integer) RETURNS jsonb LANGUAGE plpgsql AS $function$
DECLARE
  names text;
  texts text;
  kinds jsonb;
  found jsonb;
BEGIN
  SELECT string_agg('x' || g, ', '), string_agg('x' || g || '::text', ', ') INTO names, texts
    FROM generate_series(1, columns) g;
  BEGIN
    EXECUTE 'SELECT jsonb_build_array(' || replace(texts, '::text', '::regtype')
      || ') FROM (SELECT ' || (SELECT string_agg('pg_typeof(x' || g || ')::oid AS x' || g, ', ') FROM generate_series(1, columns) g)
      || ' FROM (VALUES (1)) one LEFT JOIN (' || query || ') q(' || names || ') ON false) k' INTO kinds;
    EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_array(' || texts || ')), ''[]'') FROM (' || query || ') q(' || names || ')'
      INTO found;
  EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('error', SQLSTATE || ' ' || SQLERRM);
  END;
  RETURN jsonb_build_object('types', kinds, 'rows', found);
END $function$;
";

fn database(server: &PgServer, db: &str, random: &mut Random) -> String {
    server.sql("postgres", &format!("DROP DATABASE IF EXISTS {db} WITH (FORCE)"));
    server.sql(
        "postgres",
        &format!("CREATE DATABASE {db} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
    );
    let mut sql = String::new();
    for table in ["one", "two"] {
        write!(sql, "CREATE TABLE {table} (id integer PRIMARY KEY").unwrap();
        for (name, kind, _) in COLUMNS {
            write!(sql, ", {name} {kind}").unwrap();
        }
        sql += ");\n";
        for id in 1..=ROWS {
            write!(sql, "INSERT INTO {table} VALUES ({id}").unwrap();
            for (_, _, values) in COLUMNS {
                sql += ", ";
                sql +=
                    &values.get(random.below(values.len() + 1)).map_or("NULL".to_owned(), |text| quote(text));
            }
            sql += ");\n";
        }
    }
    server.sql(db, &(sql + "ANALYZE;" + FUNCTION));
    server.url(db)
}

fn name(random: &mut Random) -> &'static str {
    random.of(COLUMNS).0
}

/// A column that can be summed.
fn number(random: &mut Random) -> &'static str {
    random.of::<&str>(&["i", "l", "n", "m", "f", "r"])
}

/// A column with an order that is known here.
fn orderly(random: &mut Random) -> &'static str {
    random.of::<&str>(&["i", "l", "n", "m", "f", "r", "t", "v", "c", "d", "p", "z"])
}

/// Columns of two types that compare with each other.
fn pair(random: &mut Random) -> (&'static str, &'static str) {
    let one = name(random);
    let mixed: &[(&str, &str)] = &[
        ("i", "l"),
        ("i", "n"),
        ("n", "m"),
        ("i", "f"),
        ("f", "r"),
        ("n", "f"),
        ("t", "v"),
        ("c", "v"),
        ("d", "p"),
        ("p", "z"),
    ];
    if random.below(3) == 0 { *random.of(mixed) } else { (one, one) }
}

/// A condition on the rows of `alias`.
fn condition(alias: &str, random: &mut Random) -> String {
    let (a, k) = (alias, name(random));
    match random.below(9) {
        0 => format!("{a}.{k} IS NOT NULL"),
        1 => format!("{a}.f > 0"),
        2 => format!("{a}.c = 'ab '"),
        3 => format!("{a}.i IN (0, 1, 2, 3)"),
        4 => format!("{a}.f IN (0, 1, 2.5, 3)"),
        5 => format!("{a}.t <> 'ab'"),
        6 => format!("CAST({a}.n AS integer) = 3"),
        7 => format!("{a}.b IS NOT TRUE"),
        _ => format!("{a}.{k} IS DISTINCT FROM {a}.{k}"),
    }
}

/// An aggregate over `alias`, exact in any order of rows.
fn aggregate(alias: &str, random: &mut Random) -> String {
    let (k, n, o) = (name(random), number(random), orderly(random));
    match random.below(10) {
        0 => "count(*)".to_owned(),
        1 => format!("count({alias}.{k})"),
        2 => format!("count(DISTINCT {alias}.{k})"),
        3 => format!("sum({alias}.{n})"),
        4 => format!("min({alias}.{o})"),
        5 => format!("max({alias}.{o})"),
        6 => format!("round(avg({alias}.n), 3)"),
        7 => format!("bool_or({alias}.b)"),
        8 => format!("bool_and({alias}.b)"),
        _ => format!("count(*) FILTER (WHERE {})", condition(alias, random)),
    }
}

/// A query and how many columns it has.
fn query(random: &mut Random) -> (String, usize) {
    match random.below(9) {
        0 | 1 => join(random),
        2 => {
            let kind = random.of(&["JOIN", "LEFT JOIN"]);
            let (k, k2) = (name(random), name(random));
            if k == k2 {
                return (
                    format!("SELECT {k} AS x1, a.id AS x2, b.id AS x3 FROM one a {kind} two b USING ({k})"),
                    3,
                );
            }
            (
                format!(
                    "SELECT {k} AS x1, {k2} AS x2, a.id AS x3, b.id AS x4 FROM one a {kind} two b USING ({k}, {k2})"
                ),
                4,
            )
        }
        3 => {
            let (k, one, two) = (name(random), aggregate("a", random), aggregate("a", random));
            let filter = if random.below(2) == 0 {
                format!("WHERE {}", condition("a", random))
            } else {
                String::new()
            };
            let having = if random.below(3) == 0 { "HAVING count(*) > 1" } else { "" };
            match random.below(3) {
                0 => (format!("SELECT {one} AS x1, {two} AS x2 FROM one a {filter}"), 2),
                1 => (
                    format!(
                        "SELECT a.{k} AS x1, {one} AS x2, {two} AS x3 FROM one a {filter} GROUP BY a.{k} {having}"
                    ),
                    3,
                ),
                _ => {
                    let k2 = COLUMNS.iter().map(|(name, ..)| *name).find(|other| *other != k).unwrap();
                    (
                        format!(
                            "SELECT a.{k} AS x1, a.{k2} AS x2, {one} AS x3 FROM one a {filter} GROUP BY a.{k}, a.{k2} {having}"
                        ),
                        3,
                    )
                }
            }
        }
        4 => match random.below(2) {
            0 => (format!("SELECT DISTINCT {} AS x1 FROM one a", name(random)), 1),
            _ => (
                format!(
                    "SELECT DISTINCT {} AS x1, {} AS x2 FROM one a WHERE {}",
                    name(random),
                    name(random),
                    condition("a", random)
                ),
                2,
            ),
        },
        5 => {
            let (k, way) = (orderly(random), random.of(&["", "DESC", "NULLS FIRST", "DESC NULLS LAST"]));
            let (limit, skip) = (1 + random.below(12), random.below(6));
            (
                format!(
                    "SELECT id AS x1, {k} AS x2 FROM one ORDER BY {k} {way}, id LIMIT {limit} OFFSET {skip}"
                ),
                2,
            )
        }
        6 => window(random),
        7 => set(random),
        _ => subquery(random),
    }
}

fn join(random: &mut Random) -> (String, usize) {
    let kind = random.of(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let (k1, k2) = pair(random);
    let also = match (random.below(4), *kind) {
        (0, "JOIN" | "LEFT JOIN") => format!(" AND {}", condition("b", random)),
        (1, "JOIN") => " AND a.i < b.l".to_owned(),
        _ => String::new(),
    };
    let filter =
        if random.below(2) == 0 { format!(" WHERE {}", condition("a", random)) } else { String::new() };
    (
        format!(
            "SELECT a.id AS x1, b.id AS x2, a.{k1} AS x3, b.{k2} AS x4 FROM one a {kind} two b ON a.{k1} = b.{k2}{also}{filter}"
        ),
        4,
    )
}

fn window(random: &mut Random) -> (String, usize) {
    let (k, o, n, other) = (name(random), orderly(random), number(random), name(random));
    let way = random.of(&["", "DESC", "NULLS FIRST"]);
    let partition = if random.below(3) == 0 { String::new() } else { format!("PARTITION BY {k}") };
    let call = match random.below(10) {
        0 => format!("row_number() OVER ({partition} ORDER BY {o} {way}, id)"),
        1 => format!("rank() OVER ({partition} ORDER BY {o} {way})"),
        2 => format!("dense_rank() OVER ({partition} ORDER BY {o} {way})"),
        3 => format!("lag({other}) OVER ({partition} ORDER BY {o} {way}, id)"),
        4 => format!("lead({other}, 2) OVER ({partition} ORDER BY {o} {way}, id)"),
        5 => format!("sum({n}) OVER ({partition} ORDER BY {o} {way}, id)"),
        6 => format!("count(*) OVER ({partition} ORDER BY {o} {way})"),
        7 => format!(
            "sum(i) OVER ({partition} ORDER BY {o} {way}, id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"
        ),
        8 => format!("first_value({other}) OVER ({partition} ORDER BY {o} {way}, id)"),
        _ => format!("max({o}) OVER ({partition})"),
    };
    (format!("SELECT id AS x1, {call} AS x2 FROM one"), 2)
}

fn set(random: &mut Random) -> (String, usize) {
    let word = random.of(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"]);
    let (a1, b1) = pair(random);
    if random.below(2) == 0 {
        return (format!("SELECT {a1} AS x1 FROM one {word} SELECT {b1} FROM two"), 1);
    }
    let (a2, b2) = pair(random);
    (format!("SELECT {a1} AS x1, {a2} AS x2 FROM one {word} SELECT {b1}, {b2} FROM two"), 2)
}

fn subquery(random: &mut Random) -> (String, usize) {
    let (k1, k2) = pair(random);
    let inner = condition("b", random);
    let sql = match random.below(6) {
        0 => format!("SELECT id AS x1 FROM one a WHERE a.{k1} IN (SELECT b.{k2} FROM two b WHERE {inner})"),
        1 => {
            format!("SELECT id AS x1 FROM one a WHERE a.{k1} NOT IN (SELECT b.{k2} FROM two b WHERE {inner})")
        }
        2 => format!(
            "SELECT id AS x1 FROM one a WHERE EXISTS (SELECT 1 FROM two b WHERE a.{k1} = b.{k2} AND {inner})"
        ),
        3 => format!(
            "SELECT id AS x1 FROM one a WHERE NOT EXISTS (SELECT 1 FROM two b WHERE a.{k1} = b.{k2} AND {inner})"
        ),
        4 => {
            let many = "(SELECT count(*) FROM two b WHERE a.K1 = b.K2)".replace("K1", k1).replace("K2", k2);
            return (format!("SELECT id AS x1, {many} AS x2 FROM one a"), 2);
        }
        _ => format!(
            "WITH g AS (SELECT {k2} AS k, count(*) AS many FROM two GROUP BY {k2}) SELECT a.id AS x1 FROM one a JOIN g ON a.{k1} = g.k WHERE g.many > 1"
        ),
    };
    (sql, 1)
}

/// A value in one spelling for both sides: -0 is 0, because groups and joins may show either.
fn spelled(kind: &str, text: Option<&str>) -> String {
    let Some(text) = text else { return "NULL".to_owned() };
    match kind {
        "smallint" | "integer" | "bigint" | "numeric" => format!("number {}", digits(text)),
        "real" => real(text.parse().unwrap()),
        "double precision" => float(text.parse().unwrap()),
        "boolean" => format!("boolean {text}"),
        "bytea" | "date" => format!("{kind} {text}"),
        "timestamp without time zone" => format!("timestamp {text}"),
        "timestamp with time zone" => format!("timestamptz {text}"),
        _ => format!("text {text}"),
    }
}

/// A number like any other: sets and joins of integers and floats may keep the type of one side.
fn float(value: f64) -> String {
    if value == 0.0 { "number 0".to_owned() } else { format!("number {value}") }
}

fn real(value: f32) -> String {
    if value == 0.0 { "number 0".to_owned() } else { format!("number {value}") }
}

fn digits(number: &str) -> String {
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    number.strip_prefix("-0").filter(|rest| rest.is_empty()).map_or(number, |_| "0").to_owned()
}

fn ours_spelled(ours: &Ours) -> String {
    match ours {
        Ours::Null => "NULL".to_owned(),
        Ours::Bool(value) => format!("boolean {value}"),
        Ours::Integer(_, number) | Ours::Number(number) => format!("number {}", digits(number)),
        Ours::Real(value) => real(*value),
        Ours::Double(value) => float(*value),
        Ours::Text(class, text) => format!("{class} {text}"),
        Ours::Error(error) => format!("ERROR {error}"),
    }
}

/// The server's rows, sorted; or its error.
fn theirs(json: &Value) -> Result<Vec<String>, String> {
    if let Some(error) = json["error"].as_str() {
        return Err(error.to_owned());
    }
    let kinds: Vec<&str> =
        json["types"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    let row = |row: &Value| {
        let values = row.as_array().unwrap().iter().zip(&kinds);
        values.map(|(value, kind)| spelled(kind, value.as_str())).collect::<Vec<_>>().join(" | ")
    };
    let mut rows: Vec<String> = json["rows"].as_array().unwrap().iter().map(row).collect();
    rows.sort();
    Ok(rows)
}

#[test]
fn generated_queries_have_the_rows_of_postgresql_or_are_refused() {
    let (server, db, seed) = (PgServer::shared(), "judge_relations", super::seed());
    let mut random = Random(seed);
    let url = database(server, db, &mut random);
    let ours = InMemory::read(&url, &["one", "two"]);
    let queries: Vec<(String, usize)> =
        (0..env_number("LAKEXPRESS_RELATIONS", 30)).map(|_| query(&mut random)).collect();
    let mut sql = String::new();
    for (query, columns) in &queries {
        writeln!(sql, "SELECT asked($query${query}$query$, {columns});").unwrap();
    }
    let answers = server.query(db, &sql);
    let (mut proved, mut refused) = (0, 0);
    let mut different = Vec::new();
    for ((query, _), answer) in queries.iter().zip(answers.lines()) {
        let said = ours.query(query);
        match (theirs(&serde_json::from_str(answer).unwrap()), said) {
            (_, Err(why)) if why != "PANIC" => {
                println!("refused: {query}\n    {}", why.lines().next().unwrap_or_default());
                refused += 1;
            }
            (_, Err(_)) => different.push(format!("{query}\n    a panic when planned")),
            (Err(error), Ok(rows)) => match rows.first().and_then(|row| row.first()) {
                Some(Ours::Error(here)) if here != "PANIC" => proved += 1,
                _ => different.push(format!("{query}\n    PostgreSQL: {error}, here {} rows", rows.len())),
            },
            (Ok(theirs), Ok(rows)) => {
                let spelled = |row: &Vec<Ours>| row.iter().map(ours_spelled).collect::<Vec<_>>().join(" | ");
                let mut rows: Vec<String> = rows.iter().map(spelled).collect();
                rows.sort();
                if rows == theirs {
                    proved += 1;
                    continue;
                }
                let less: Vec<&String> = theirs.iter().filter(|row| !rows.contains(row)).take(3).collect();
                let more: Vec<&String> = rows.iter().filter(|row| !theirs.contains(row)).take(3).collect();
                different.push(format!(
                    "{query}\n    {} rows, here {}; only PostgreSQL has {less:?}, only we {more:?}",
                    theirs.len(),
                    rows.len()
                ));
            }
        }
    }
    let all = queries.len();
    println!("{all} queries: {proved} proved, {refused} refused, {} different", different.len());
    let shown = different.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "LAKEXPRESS_SEED={seed}: {} of {all} differ\n{shown}", different.len());
    assert!(proved * 2 > all, "only {proved} of {all} queries are taken");
}
