//! Which filters the server evaluates, and how they are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::{DataType, Field, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, ident, lit};

use super::PostgresDialect;
use crate::catalog::{ColumnInfo, Reading, TableInfo, TableKind, TableRef, Verdict};
use crate::source::Dialect;
use crate::source::postgres::facts::TableFacts;
use crate::spec::SpecialValues;

fn column(name: &str, data_type: DataType, verdict: Verdict, comparable: bool) -> ColumnInfo {
    ColumnInfo {
        field: Field::new(name, data_type, true),
        source_type: String::new(),
        verdict,
        note: String::new(),
        codec: String::new(),
        est_distinct: None,
        comparable,
        labels: Vec::new(),
    }
}

fn table(kind: TableKind, special_values: SpecialValues) -> TableInfo {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let pair = DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into());
    let columns = vec![
        column("b", DataType::Boolean, Verdict::Exact, true),
        column("h", DataType::Int16, Verdict::Exact, true),
        column("i\"", DataType::Int32, Verdict::Exact, true),
        column("l", DataType::Int64, Verdict::Exact, true),
        column("s", DataType::Utf8, Verdict::Exact, true),
        column("d", DataType::Date32, Verdict::Exact, true),
        column("t", micros(None), Verdict::Exact, true),
        column("z", micros(Some("UTC")), Verdict::Exact, true),
        column("pair", pair, Verdict::Exact, false),
        column("text", DataType::Utf8, Verdict::Text, false),
        column("loose", DataType::Int32, Verdict::Exact, false),
    ];
    let name = TableRef { schema: "public".into(), name: "t".into() };
    TableInfo {
        kind,
        facts: TableFacts { special_values, ..TableFacts::default() }.kept().unwrap(),
        ..TableInfo::of_query(&name, "", columns, (0, 0))
    }
}

/// A table whose statements run with our own search path.
fn plain() -> TableInfo {
    TableInfo { reading: Reading::default(), ..table(TableKind::Table, SpecialValues::Error) }
}

fn push(table: &TableInfo, filter: &Expr) -> Option<String> {
    PostgresDialect::default().pushdown(table, filter)
}

fn date(days: i32) -> Expr {
    Expr::Literal(ScalarValue::Date32(Some(days)), None)
}

fn moment(us: i64, zone: Option<&str>) -> Expr {
    Expr::Literal(ScalarValue::TimestampMicrosecond(Some(us), zone.map(Into::into)), None)
}

fn i() -> Expr {
    ident("i\"")
}

/// A filter, and what it is with our search path and with the user's.
fn cases() -> Vec<(Expr, &'static str, &'static str)> {
    vec![
        (i().gt(lit(5_i32)), "\"i\"\"\" > (5)", "\"i\"\"\" OPERATOR(pg_catalog.>) (5)"),
        (lit(5_i32).gt_eq(i()), "\"i\"\"\" <= (5)", "\"i\"\"\" OPERATOR(pg_catalog.<=) (5)"),
        (col("l").not_eq(lit(-1_i64)), "\"l\" <> (-1)", "\"l\" OPERATOR(pg_catalog.<>) (-1)"),
        (col("h").eq(lit(7_i16)), "\"h\" = (7)", "\"h\" OPERATOR(pg_catalog.=) (7)"),
        (col("b"), "\"b\"", "\"b\""),
        (!col("b"), "(NOT \"b\")", "(NOT \"b\")"),
        (col("b").eq(lit(true)), "\"b\" = true", "\"b\" OPERATOR(pg_catalog.=) true"),
        (
            col("s").eq(lit("o'x\\")).and(col("loose").is_null()),
            "(\"s\" = E'o''x\\\\' AND \"loose\" IS NULL)",
            "(\"s\" OPERATOR(pg_catalog.=) E'o''x\\\\' AND \"loose\" IS NULL)",
        ),
        (
            col("pair").is_null().or(col("text").is_not_null()),
            "(\"pair\" IS NOT DISTINCT FROM NULL OR \"text\" IS DISTINCT FROM NULL)",
            "(\"pair\" IS NOT DISTINCT FROM NULL OR \"text\" IS DISTINCT FROM NULL)",
        ),
        (
            col("d").between(date(0), date(1)),
            "(\"d\" BETWEEN '1970-01-01'::pg_catalog.date AND '1970-01-02'::pg_catalog.date)",
            "(\"d\" OPERATOR(pg_catalog.>=) '1970-01-01'::pg_catalog.date AND \"d\" OPERATOR(pg_catalog.<=) \
             '1970-01-02'::pg_catalog.date)",
        ),
        (
            col("l").not_between(lit(1_i64), lit(2_i64)),
            "(\"l\" NOT BETWEEN (1) AND (2))",
            "(NOT (\"l\" OPERATOR(pg_catalog.>=) (1) AND \"l\" OPERATOR(pg_catalog.<=) (2)))",
        ),
        (
            col("s").in_list(vec![lit("a"), lit("b")], false),
            "(\"s\" IN ('a', 'b'))",
            "(\"s\" OPERATOR(pg_catalog.=) 'a' OR \"s\" OPERATOR(pg_catalog.=) 'b')",
        ),
        (
            col("l").in_list(vec![lit(1_i64), lit(2_i64)], true),
            "(\"l\" NOT IN ((1), (2)))",
            "(NOT (\"l\" OPERATOR(pg_catalog.=) (1) OR \"l\" OPERATOR(pg_catalog.=) (2)))",
        ),
        (
            col("t").lt(moment(1, None)),
            "\"t\" < '1970-01-01 00:00:00.000001'::pg_catalog.timestamp",
            "\"t\" OPERATOR(pg_catalog.<) '1970-01-01 00:00:00.000001'::pg_catalog.timestamp",
        ),
        (
            moment(-1, Some("UTC")).lt_eq(col("z")),
            "\"z\" >= '1969-12-31 23:59:59.999999+00'::pg_catalog.timestamptz",
            "\"z\" OPERATOR(pg_catalog.>=) '1969-12-31 23:59:59.999999+00'::pg_catalog.timestamptz",
        ),
    ]
}

#[test]
fn filters_are_written_for_the_search_path_that_holds() {
    let view = TableInfo { kind: TableKind::View, ..plain() };
    for (filter, ours, theirs) in cases() {
        assert_eq!(push(&plain(), &filter).as_deref(), Some(ours), "{filter}");
        assert_eq!(push(&view, &filter).as_deref(), Some(theirs), "{filter}");
    }
}

#[test]
fn what_could_differ_stays_here() {
    let l = || col("l");
    for kept in [
        col("s").gt(lit("a")),
        col("s").between(lit("a"), lit("b")),
        col("s").eq(lit("a ")),
        col("s").eq(lit("a\0")),
        col("loose").eq(lit(1_i32)),
        col("loose").in_list(vec![lit(1_i32)], false),
        col("nowhere").is_null(),
        col("h").eq(lit(1.5)),
        i().eq(lit(ScalarValue::Int32(None))),
        i().eq(lit(1_i16)),
        l().eq(lit(1_i64)).and(col("s").gt(lit("a"))),
        !col("s").gt(lit("a")),
        l().in_list(vec![], false),
        l().in_list(vec![lit(1_i64), l()], false),
        l().between(lit(1_i64), l()),
        l().eq(l()),
        lit(1_i64).eq(lit(1_i64)),
        (l() + lit(1_i64)).gt(lit(5_i64)),
        (l() + lit(1_i64)).is_null(),
        l(),
        lit(true),
        col("d").eq(date(i32::MAX)),
        col("t").eq(moment(0, Some("UTC"))),
        col("z").eq(moment(0, None)),
    ] {
        assert_eq!(push(&plain(), &kept), None, "{kept}");
    }
}

#[test]
fn what_becomes_null_here_is_not_asked_there() {
    let table = TableInfo { reading: Reading::default(), ..table(TableKind::Table, SpecialValues::Null) };
    for kept in [col("d").eq(date(0)), col("d").is_null(), col("t").is_not_null(), col("pair").is_null()] {
        assert_eq!(push(&table, &kept), None, "{kept}");
    }
    for pushed in [col("l").is_null(), col("s").eq(lit("a")), col("b")] {
        assert!(push(&table, &pushed).is_some(), "{pushed}");
    }
    // Facts that cannot be read say nothing.
    let unknown = TableInfo { facts: Default::default(), ..plain() };
    assert_eq!(push(&unknown, &col("d").is_null()), None);
}

#[test]
fn characters_wait_for_the_encoding_of_the_server() {
    let umlaut = col("s").eq(lit("ä"));
    assert_eq!(push(&plain(), &umlaut), None);
    let dialect = PostgresDialect { any_character: Arc::new(AtomicBool::new(false)) };
    dialect.any_character.store(true, Ordering::Relaxed);
    assert_eq!(dialect.pushdown(&plain(), &umlaut).as_deref(), Some("\"s\" = 'ä'"));
}

#[test]
fn nothing_is_pushed_to_a_table_that_runs_functions() {
    let reading = Reading { runs: Some("a policy calls f".into()), ..Reading::default() };
    let table = TableInfo { reading, ..plain() };
    for (filter, ..) in cases() {
        assert_eq!(push(&table, &filter), None, "{filter}");
    }
}
