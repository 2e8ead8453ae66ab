//! Constructs that are no operator, no cast and no function of one signature.

use super::compare::Digits;
use super::constructs::{Cell, FIELDS, is_core};
use super::corpus::{self, Type, quote};

const PATTERNS: &[&str] = &[
    "'a%'",
    "'%c'",
    "'_b_'",
    "'a\\%c'",
    "'%\\\\%'",
    "''",
    "'%'",
    "'_'",
    "'%\n%'",
    "'Gr_ße'",
    "'%ß'",
    "'a#%c' ESCAPE '#'",
];

/// Name, type, and the expressions as they are.
const FIXED: &[(&str, &str, &[&str])] = &[
    (
        "AND OR NOT",
        "bool",
        &[
            "b1 AND b2",
            "b1 OR b2",
            "NOT b1",
            "b1 IS TRUE",
            "b1 IS NOT FALSE",
            "b1 IS UNKNOWN",
            "NOT (b1 AND NOT b2)",
            "(b1 OR b2) IS NOT TRUE",
            "b1 = (i1 > 0)",
            "b1 AND i1 = 0 OR b2",
        ],
    ),
    (
        "guards",
        "int4",
        &[
            "i1 = 0 OR 10 / i1 > 1",
            "i1 <> 0 AND 10 / i1 > 1",
            "CASE WHEN i1 = 0 THEN false ELSE 10 / i1 > 1 END",
            "t1 ~ '^[0-9]+$' AND CAST(t1 AS integer) > 5",
            "CASE WHEN t1 ~ '^[0-9]+$' THEN CAST(t1 AS integer) END",
            "coalesce(i1, 10 / (i1 + 1))",
            "coalesce(nullif(i1, 0), 1) / coalesce(nullif(i2, 0), 7)",
        ],
    ),
    (
        "AT TIME ZONE",
        "timestamptz",
        &["z1 AT TIME ZONE 'UTC'", "z1 AT TIME ZONE 'Europe/Paris'", "z1 AT TIME ZONE 'America/New_York'"],
    ),
    (
        "AT TIME ZONE",
        "timestamp",
        &["p1 AT TIME ZONE 'UTC'", "p1 AT TIME ZONE 'Europe/Paris'", "p1 AT TIME ZONE 'America/New_York'"],
    ),
    ("date literal", "date", &["d1 = DATE '2024-02-29'", "d1 < DATE '0001-01-01'"]),
    (
        "timestamp literal",
        "timestamp",
        &["p1 = TIMESTAMP '2024-02-29 12:34:56.5'", "p1 < TIMESTAMP '1600-01-01'"],
    ),
    (
        "timestamptz literal",
        "timestamptz",
        &["z1 = TIMESTAMPTZ '2024-02-29 13:34:56.5+01'", "z1 < TIMESTAMPTZ '1600-01-01 00:00:00+00'"],
    ),
    ("time literal", "time", &["h1 > TIME '12:00:00'"]),
    (
        "number literal",
        "numeric",
        &[
            "1",
            "1.50",
            "1e2",
            "1e-3",
            "12345678901234567890123",
            "0.1 + 0.2",
            "2147483648",
            "1e40",
            ".5",
            "5.",
        ],
    ),
    (
        "number literal with float8",
        "float8",
        &["f1 > 1e200", "f1 < 1e-200", "f1 = 0.1", "f1 * 1e300", "f1 + 0.1"],
    ),
    ("number literal with float4", "float4", &["r1 = 0.1", "r1 > 1e30", "r1 = 0.1::real"]),
    (
        "number literal with integers",
        "int4",
        &["i1 > 2.5", "i1 = 1e0", "i1 * 1.5", "i1 < 10000000000", "l1 < 1e30", "s1 + 100000"],
    ),
    (
        "number literal with numeric",
        "numeric",
        &[
            "n1 < 1e39",
            "n1 = 12.340",
            "n1 > 12.3399",
            "m1 = 0.0000000001",
            "w1 < 1e45",
            "n1 * 1.005",
            "n1 % 0.7",
        ],
    ),
];

/// Of each text type, `{}` being its column.
const TEXTS: &[(&str, &[&str])] = &[
    ("trim", &["trim({})", "trim(both 'a' from {})", "trim(leading ' ' from {})", "trim(trailing from {})"]),
    ("position", &["position('b' in {})", "position('' in {})"]),
    ("substring from for", &["substring({} from 2)", "substring({} from 0 for 3)"]),
    (
        "concat",
        &[
            "concat({}, 'x')",
            "concat({}, i1, b1)",
            "concat_ws('-', {}, t2, i1)",
            "concat({}, f1)",
            "concat({}, n1, d1)",
            "{} || i1",
            "{} || 'x' || v2",
        ],
    ),
    ("COLLATE C", &["{} COLLATE \"C\" < 'abc'"]),
];

/// Of every type: `{1}` and `{2}` are its columns, `{low}` and `{high}` two values, `{few}`, `{some}` and `{many}` lists.
const ANY: &[(&str, &[&str])] = &[
    ("IN", &["{1} IN ({few})", "{1} IN ({many})", "{1} IN ({some}, NULL)", "{1} IN ({2}, {high})"]),
    ("NOT IN", &["{1} NOT IN ({few})", "{1} NOT IN ({many})", "{1} NOT IN ({some}, NULL)"]),
    (
        "BETWEEN",
        &["{1} BETWEEN {low} AND {high}", "{1} NOT BETWEEN {low} AND {high}", "{1} BETWEEN {2} AND {high}"],
    ),
    (
        "IS DISTINCT FROM",
        &[
            "{1} IS DISTINCT FROM {2}",
            "{1} IS NOT DISTINCT FROM {2}",
            "{1} IS DISTINCT FROM {high}",
            "{1} IS NOT DISTINCT FROM NULL",
        ],
    ),
    ("IS NULL", &["{1} IS NULL", "{1} IS NOT NULL"]),
    (
        "CASE",
        &[
            "CASE {1} WHEN {low} THEN 'low' WHEN {high} THEN 'high' ELSE 'other' END",
            "CASE {1} WHEN {2} THEN 1 END",
            "CASE WHEN b1 THEN {1} ELSE {2} END",
            "CASE WHEN b1 THEN {1} WHEN b2 THEN {high} END",
            "CASE WHEN b1 THEN {1} ELSE {2} END = {high}",
        ],
    ),
    ("coalesce", &["coalesce({1}, {2})", "coalesce({1}, {high})"]),
    ("nullif", &["nullif({1}, {2})", "nullif({1}, {high})", "nullif({1}, {low})"]),
    ("greatest", &["greatest({1}, {2})", "greatest({1}, {2}, {high})"]),
    ("least", &["least({1}, {2})", "least({1}, {low})"]),
    ("column", &["{1}", "{2}"]),
];

fn cell(name: &str, of: &str, expressions: Vec<String>) -> Cell {
    Cell {
        kind: "form",
        name: name.to_owned(),
        core: is_core(&[of]),
        arguments: of.to_owned(),
        digits: Digits::All,
        expressions,
    }
}

/// All of them, with their cells.
pub(super) fn all() -> Vec<Cell> {
    let mut cells: Vec<Cell> = corpus::TYPES.iter().flat_map(of_type).collect();
    let fixed =
        FIXED.iter().map(|(name, of, texts)| cell(name, of, texts.iter().map(|t| (*t).to_owned()).collect()));
    cells.extend(fixed);
    for (of, column) in [("text", "t1"), ("varchar", "v1"), ("bpchar", "c1")] {
        for word in ["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "SIMILAR TO", "NOT SIMILAR TO"] {
            cells.push(cell(
                word,
                of,
                PATTERNS.iter().map(|pattern| format!("{column} {word} {pattern}")).collect(),
            ));
        }
        let texts = TEXTS.iter();
        cells
            .extend(texts.map(|(name, texts)| {
                cell(name, of, texts.iter().map(|t| t.replace("{}", column)).collect())
            }));
    }
    for (of, column) in [("date", "d1"), ("timestamp", "p1"), ("timestamptz", "z1"), ("time", "h1")] {
        cells.push(cell(
            "extract",
            of,
            FIELDS.iter().map(|field| format!("extract({field} FROM {column})")).collect(),
        ));
    }
    cells
}

fn of_type(of: &Type) -> Vec<Cell> {
    let values: Vec<String> = of.values.iter().map(|text| quote(text)).collect();
    let list = |from: usize, many: usize| -> String {
        let around = values.iter().cycle().skip(from);
        around.take(many.min(values.len())).cloned().collect::<Vec<_>>().join(", ")
    };
    let filled = |text: &&str| {
        text.replace("{1}", &of.col(1))
            .replace("{2}", &of.col(2))
            .replace("{low}", &values[0])
            .replace("{high}", &values[values.len() / 2])
            .replace("{few}", &list(0, 2))
            .replace("{some}", &list(0, 4))
            .replace("{many}", &list(1, 5))
    };
    ANY.iter().map(|(name, texts)| cell(name, of.name, texts.iter().map(filled).collect())).collect()
}
