//! Which slices and filters there are, and how they are written.

use arrow_schema::{DataType, Field, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::{col, ident as named, lit};

use super::{Key, MysqlDialect};
use crate::catalog::{ColumnInfo, KeyValue, Leaf, Reading, Slice, TableInfo, TableKind, TableRef};
use crate::source::Dialect;
use crate::source::mysql::column::{Declared, choose};
use crate::spec::{Method, Period, SpecialValues, TypePolicy};

fn declared(name: &str, column_type: &str, collation: Option<&str>) -> Declared {
    let data_type = column_type.split(['(', ' ']).next().unwrap().to_owned();
    let inner = column_type.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let mut numbers = inner.into_iter().flat_map(|(numbers, _)| numbers.split(',')).map(|n| n.parse().ok());
    Declared {
        name: name.into(),
        position: 1,
        data_type,
        column_type: column_type.into(),
        character_set: collation.and_then(|name| name.split('_').next()).map(str::to_owned),
        collation: collation.map(str::to_owned),
        nullable: true,
        precision: numbers.next().flatten(),
        scale: numbers.next().flatten(),
        ..Declared::default()
    }
}

fn column(declared: &Declared, special_values: SpecialValues, text: bool) -> ColumnInfo {
    let policy = TypePolicy { special_values, ..TypePolicy::default() };
    choose(declared, text, &policy, true).unwrap().into_column(declared.column_type.clone()).unwrap()
}

fn table_with(special_values: SpecialValues) -> TableInfo {
    let columns = [
        ("i", "int(11)", None),
        ("l", "bigint(20)", None),
        ("u", "bigint(20) unsigned", None),
        ("dec", "decimal(12,2)", None),
        ("y", "year(4)", None),
        ("bits", "bit(8)", None),
        ("f", "float", None),
        ("dbl", "double", None),
        ("d", "date", None),
        ("t", "datetime(3)", None),
        ("z", "timestamp", None),
        ("s", "varchar(20)", Some("utf8mb4_general_ci")),
        ("c", "char(5)", Some("latin1_swedish_ci")),
        ("nopad", "char(5)", Some("utf8mb4_nopad_bin")),
        ("cp", "varchar(5)", Some("cp932_japanese_ci")),
        ("long", "longtext", Some("utf8mb4_general_ci")),
        ("uca", "varchar(20)", Some("utf8mb4_unicode_ci")),
        ("swedish", "char(20)", Some("utf8mb4_swedish_ci")),
        ("bin09", "char(20)", Some("utf8mb4_0900_bin")),
        ("modern", "varchar(20)", Some("utf8mb4_0900_ai_ci")),
        ("e", "enum('x')", Some("utf8mb4_general_ci")),
        ("bin", "binary(2)", None),
        ("uuid", "uuid", None),
        ("net", "inet6", None),
        ("tm", "time(6)", None),
        ("vec", "vector(3)", None),
    ];
    let columns = columns
        .iter()
        .map(|(name, kind, collation)| column(&declared(name, kind, *collation), special_values, false));
    let name = TableRef { schema: "a`b".into(), name: "t".into() };
    let columns = columns.chain([column(&declared("as text", "date", None), special_values, true)]).collect();
    TableInfo {
        kind: TableKind::Table,
        reading: Reading::default(),
        ..TableInfo::of_query(&name, "", columns, (0, 0))
    }
}

fn table() -> TableInfo {
    table_with(SpecialValues::Error)
}

fn slice(slice: &Slice) -> Option<String> {
    MysqlDialect::default().slice_sql(&table(), slice)
}

fn range(column: &str, lower: Option<KeyValue>, upper: Option<KeyValue>) -> String {
    slice(&Slice::Range { column: column.into(), lower, upper }).unwrap()
}

fn text(text: &str) -> KeyValue {
    KeyValue::Text(text.into())
}

const REAL: &str = "(MONTH(`d`) > 0 AND DAYOFMONTH(`d`) > 0 AND DAYOFMONTH(`d`) <= CASE MONTH(`d`) \
     WHEN 2 THEN 28 + (YEAR(`d`) % 4 = 0 AND (YEAR(`d`) % 100 <> 0 OR YEAR(`d`) % 400 = 0)) \
     WHEN 4 THEN 30 WHEN 6 THEN 30 WHEN 9 THEN 30 WHEN 11 THEN 30 ELSE 31 END)";

#[test]
fn names_are_quoted_and_the_database_is_the_schema() {
    let dialect = MysqlDialect::of_database("shop");
    assert_eq!((dialect.name(), dialect.default_schema()), ("mysql", "shop"));
    assert_eq!(dialect.table(&table().table), "`a``b`.`t`");
    assert_eq!(dialect.remainder("a`b", 7), "(((`a``b` % 7) + 7) % 7)");
    let key = |column: &str| dialect.key(&table(), column);
    let bytes = |name: &str| {
        format!("IF(LENGTH({name}) <= 500, CONCAT('0x', HEX({name})), CONCAT('sha256:', SHA2({name}, 256)))")
    };
    assert_eq!([key("s"), key("y"), key("bin")], ["`s`", "(`y` + 0)", &bytes("`bin`")]);
    assert_eq!(key("vec"), bytes("`vec`"));
}

#[test]
fn ranges_meet_in_one_text() {
    let ends = |column, value: KeyValue| {
        (range(column, None, Some(value.clone())), range(column, Some(value), None))
    };
    for (column, value, key, bound) in [
        ("i", KeyValue::Int(i64::MIN), "`i`", "(-9223372036854775808)"),
        ("u", text("18446744073709551615"), "`u`", "(18446744073709551615)"),
        ("dec", text("-1.50"), "`dec`", "(-1.50)"),
        ("y", KeyValue::Int(5), "(`y` + 0)", "(5)"),
        ("bits", KeyValue::Int(5), "(`bits` + 0)", "(5)"),
        ("f", text("1.5"), "`f`", "(1.5e0)"),
        ("s", text("a"), "`s`", "(_utf8mb4 X'61' COLLATE utf8mb4_general_ci)"),
        ("c", text("é  "), "`c`", "(CONVERT(_utf8mb4 X'C3A9' USING latin1) COLLATE latin1_swedish_ci)"),
        ("bin", text("0x00ff"), "`bin`", "X'00ff'"),
        ("tm", text("-838:59:59"), "`tm`", "TIME'-838:59:59'"),
        (
            "uuid",
            text("6b29fc40-ca47-1067-b31d-00dd010662da"),
            "`uuid`",
            "CAST('6b29fc40-ca47-1067-b31d-00dd010662da' AS UUID)",
        ),
    ] {
        let expected = (format!("{key} < {bound}"), format!("{key} >= {bound}"));
        assert_eq!(ends(column, value), expected, "{column}");
    }
    let both = range("i", Some(KeyValue::Int(1)), Some(KeyValue::Int(2)));
    assert_eq!(both, "`i` >= (1) AND `i` < (2)");
    assert_eq!(range("i", None, None), "NOT (`i` <=> NULL)");
    for (column, bytes) in [
        ("e", "CONVERT(`e` USING binary)"),
        ("nopad", "CONVERT(`nopad` USING binary)"),
        ("uca", "CONVERT(`uca` USING binary)"),
        ("swedish", "CONVERT(`swedish` USING binary)"),
        ("modern", "CONVERT(`modern` USING binary)"),
        ("bin09", "CONVERT(`bin09` USING binary)"),
        ("cp", "CONVERT(CONVERT(`cp` USING utf8mb4) USING binary)"),
        ("as text", "CONVERT(CAST(`as text` AS CHAR CHARACTER SET utf8mb4) USING binary)"),
    ] {
        let (below, from) = ends(column, text("x"));
        let ordered = format!("NOT ({bytes} <=> NULL)");
        let first = format!("({bytes} < X'78' OR (NOT (`{column}` <=> NULL) AND ({ordered}) IS NOT TRUE))");
        assert_eq!((below, from), (first, format!("{bytes} >= X'78' AND {ordered}")));
        assert_eq!(range(column, None, None), format!("NOT (`{column}` <=> NULL)"));
    }
    let (below, from) = ends("t", KeyValue::Timestamp(-1));
    let end = "TIMESTAMP'1969-12-31 23:59:59.999000'";
    assert!(below.starts_with(&format!("(`t` < {end} OR (NOT (`t` <=> NULL) AND (")), "{below}");
    assert!(from.starts_with(&format!("`t` >= {end} AND (MONTH(`t`) > 0")), "{from}");
}

#[test]
fn days_of_no_calendar_are_in_the_first_range() {
    let (one, other) = (Some(KeyValue::Date(0)), Some(KeyValue::Date(1)));
    let (first, second) = ("DATE'1970-01-01'", "DATE'1970-01-02'");
    assert_eq!(
        range("d", None, one.clone()),
        format!("(`d` < {first} OR (NOT (`d` <=> NULL) AND ({REAL}) IS NOT TRUE))")
    );
    assert_eq!(range("d", one.clone(), other), format!("`d` >= {first} AND `d` < {second} AND {REAL}"));
    assert_eq!(range("d", one, None), format!("`d` >= {first} AND {REAL}"));
    assert_eq!(range("d", None, None), "NOT (`d` <=> NULL)");
    // What comes after 9999 is after every day.
    assert_eq!(range("d", Some(KeyValue::Date(i32::MIN)), Some(KeyValue::Date(i32::MAX))), REAL);
    assert_eq!(range("z", None, Some(KeyValue::Timestamp(i64::MAX))), "NOT (`z` <=> NULL)");
    // The server takes an instant before its first for 0000-00-00.
    let (first, second) = (Some(KeyValue::Timestamp(0)), Some(KeyValue::Timestamp(1_500_000)));
    let real = REAL.replace("`d`", "`z`");
    assert_eq!(
        range("z", first.clone(), second),
        format!("`z` < TIMESTAMP'1970-01-01 00:00:01.000000' AND {real}")
    );
    assert_eq!(range("z", None, first), format!("(FALSE OR (NOT (`z` <=> NULL) AND ({real}) IS NOT TRUE))"));
    assert_eq!(range("z", Some(KeyValue::Timestamp(i64::MAX)), None), format!("FALSE AND {real}"));
}

#[test]
fn slices_that_are_none_are_refused_by_the_server() {
    let physical = Slice::Physical { from: Some(1), to: None };
    let relation = Slice::Relation { id: 1, name: "`p0`".into() };
    let wrong = |column: &str, value| Slice::Range { column: column.into(), lower: Some(value), upper: None };
    for none in [
        physical.clone(),
        relation.clone(),
        wrong("nowhere", KeyValue::Int(1)),
        wrong("i", text("one")),
        wrong("d", text("2024-01-01")),
        wrong("bin", text("0xf")),
        wrong("uuid", text("'")),
        wrong("s", KeyValue::Int(1)),
        wrong("e", KeyValue::Int(1)),
    ] {
        let sql = slice(&none).unwrap();
        assert!(sql.starts_with("`no slice of this source: ") && sql.ends_with('`'), "{none:?}: {sql}");
    }
    let leaf = Leaf { id: 1, name: "`p0`".into(), bytes: 0, blocks: None };
    let partitioned = TableInfo { leaves: vec![leaf], ..table() };
    let dialect = MysqlDialect::default();
    assert_eq!(dialect.slice_sql(&partitioned, &relation), None);
    let null = Slice::IsNull { column: "i".into() };
    let both = |one: &Slice, other: &Slice| Slice::Both(Box::new(one.clone()), Box::new(other.clone()));
    assert_eq!(slice(&Slice::IsNull { column: "vec".into() }).as_deref(), Some("`vec` IS NULL"));
    assert_eq!(range("vec", None, None), "`vec` IS NOT NULL");
    assert_eq!(dialect.slice_sql(&partitioned, &both(&relation, &null)).as_deref(), Some("`i` <=> NULL"));
    assert_eq!(slice(&both(&Slice::All, &Slice::All)), None);
    assert_eq!(dialect.methods(&partitioned)[..2], [Method::DbPartition, Method::RangeId]);
    assert_eq!(dialect.methods(&TableInfo { kind: TableKind::Foreign, ..table() }), [Method::None]);
    assert_eq!(Key::of(&table(), "nowhere").unwrap_err().kind(), crate::error::ErrorKind::Usage);
}

#[test]
fn values_are_distinguished_by_their_bytes() {
    let value = |expression: &str, value: Option<&str>| {
        slice(&Slice::Value { expression: expression.into(), value: value.map(str::to_owned) }).unwrap()
    };
    let cast = |expression| format!("CONVERT(CONVERT({expression} USING utf8mb4) USING binary)");
    assert_eq!(value("(i % 7)", Some("é")), format!("{} = X'C3A9'", cast("(i % 7)")));
    assert_eq!(value("(i % 7)", None), "(i % 7) <=> NULL");
    // What there may be an index for is asked too, unless the server puts another text in the column's place.
    assert_eq!(value("`i`", Some("007")), format!("{} = X'303037'", cast("`i`")));
    assert_eq!(value("`dec`", Some("1.50")), format!("{} = X'312E3530'", cast("`dec`")));
    assert_eq!(value("`i`", Some("-5")), format!("`i` = (-5) AND {} = X'2D35'", cast("`i`")));
    assert_eq!(
        value("`s`", Some("a")),
        format!("`s` = (_utf8mb4 X'61' COLLATE utf8mb4_general_ci) AND {} = X'61'", cast("`s`"))
    );
    assert_eq!(value("`nopad`", Some("a")), format!("{} = X'61'", cast("`nopad`")));
    assert_eq!(value("`cp`", Some("a")), format!("{} = X'61'", cast("`cp`")));
    let other = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        slice(&Slice::Other { expression: "`i`".into(), values }).unwrap()
    };
    assert_eq!(other(&[]), "NOT (`i` <=> NULL)");
    let present = "NOT (`i` <=> NULL)";
    assert_eq!(other(&["1", ""]), format!("({present} AND ({} IN (X'31', X'')) IS NOT TRUE)", cast("`i`")));
    let modulo = Slice::Modulo { column: "i".into(), of: 3, remainder: 2 };
    assert_eq!(slice(&modulo).as_deref(), Some("(((`i` % 3) + 3) % 3) = 2"));
}

#[test]
fn periods_are_those_of_our_calendar() {
    let period = |column: &str, period| MysqlDialect::default().period(&table(), column, period);
    let month = period("d", Period::Month).unwrap();
    assert!(month.starts_with(&format!("(CASE WHEN {REAL} THEN ((TO_DAYS(`d`) - 719528")), "{month}");
    assert!(period("z", Period::Week).is_some() && period("t", Period::Year).is_some());
    assert_eq!(period("i", Period::Day), None);
    assert_eq!(period("as text", Period::Day), None);
}

fn push(filter: &Expr) -> Option<String> {
    MysqlDialect::default().pushdown(&table(), filter)
}

fn weaker(filter: &Expr) -> Option<String> {
    MysqlDialect::default().weaker(&table(), filter)
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

fn like(column: &str, pattern: &str, negated: bool) -> Expr {
    Expr::Like(Like::new(negated, Box::new(col(column)), Box::new(lit(pattern)), None, false))
}

#[test]
fn filters_are_written_so_that_nothing_is_converted() {
    let general = |hex: &str| format!("(_utf8mb4 X'{hex}' COLLATE utf8mb4_general_ci)");
    let latin = "CONVERT(CONVERT(`c` USING utf8mb4) USING binary)";
    let micros =
        |us, zone: Option<&str>| literal(ScalarValue::TimestampMicrosecond(Some(us), zone.map(Into::into)));
    let decimal = |value, precision, scale| literal(ScalarValue::Decimal128(Some(value), precision, scale));
    for (filter, expected) in [
        (col("i").gt(lit(5_i32)), "`i` > (5)".to_owned()),
        (lit(5_i64).gt_eq(col("l")), "`l` <= (5)".into()),
        (col("u").eq(decimal(18_446_744_073_709_551_615, 20, 0)), "`u` = (18446744073709551615)".into()),
        (col("dec").lt(decimal(-5, 12, 2)), "`dec` < (-0.05)".into()),
        (cast(col("dec"), DataType::Decimal128(14, 3)).lt(decimal(1500, 14, 3)), "`dec` < (1.50)".into()),
        (cast(col("i"), DataType::Int64).eq(lit(2_000_000_000_i64)), "`i` = (2000000000)".into()),
        (col("y").eq(lit(5_i16)), "(`y` + 0) = (5)".into()),
        (col("bits").not_eq(lit(5_i64)), "(`bits` + 0) <> (5)".into()),
        (col("f").gt(lit(1.1_f32)), "`f` > (1.100000023841858e0)".into()),
        (cast(col("f"), DataType::Float64).gt(lit(1.1_f64)), "`f` > (1.1e0)".into()),
        (col("dbl").lt(lit(-0.0_f64)), "`dbl` < (-0e0)".into()),
        (col("d").lt(literal(ScalarValue::Date32(Some(1)))), "`d` < DATE'1970-01-02'".into()),
        (col("t").lt(micros(1_000, None)), "`t` < TIMESTAMP'1970-01-01 00:00:00.001000'".into()),
        (col("z").lt(micros(1_000_000, Some("UTC"))), "`z` < TIMESTAMP'1970-01-01 00:00:01.000000'".into()),
        (
            col("s").eq(lit("é")),
            format!("(`s` = {} AND CONVERT(`s` USING binary) = X'C3A9')", general("C3A9")),
        ),
        (
            col("s").in_list(vec![lit("a"), lit("")], false),
            format!(
                "(`s` IN ({}, {}) AND CONVERT(`s` USING binary) IN (X'61', X''))",
                general("61"),
                general("")
            ),
        ),
        (col("s").not_eq(lit("a")), "CONVERT(`s` USING binary) <> X'61'".into()),
        (col("s").gt(lit("a")), "CONVERT(`s` USING binary) > X'61'".into()),
        (!col("s").gt(lit("a")), "(NOT (CONVERT(`s` USING binary) > X'61'))".into()),
        (
            col("c").eq(lit("日")),
            format!(
                "(`c` = (CONVERT(_utf8mb4 X'E697A5' USING latin1) COLLATE latin1_swedish_ci) AND {latin} = X'E697A5')"
            ),
        ),
        (col("c").lt_eq(lit("b")), format!("{latin} <= X'62'")),
        (col("cp").eq(lit("b")), "CONVERT(CONVERT(`cp` USING utf8mb4) USING binary) = X'62'".into()),
        // An index of char under this collation loses rows.
        (col("bin09").eq(lit("b")), "CONVERT(`bin09` USING binary) = X'62'".into()),
        (col("long").gt(lit("")), "CONVERT(`long` USING binary) > X''".into()),
        (col("e").not_eq(lit("x")), "CONVERT(`e` USING binary) <> X'78'".into()),
        (
            col("bin").between(
                literal(ScalarValue::Binary(Some(vec![0]))),
                literal(ScalarValue::Binary(Some(vec![255, 1]))),
            ),
            "(`bin` BETWEEN X'00' AND X'FF01')".into(),
        ),
        (
            col("uuid").eq(literal(ScalarValue::FixedSizeBinary(16, Some(vec![0x11; 16])))),
            "`uuid` = CAST('11111111-1111-1111-1111-111111111111' AS UUID)".into(),
        ),
        (col("i").gt(lit(5_i32)).is_not_true(), "((`i` > (5)) IS NOT TRUE)".into()),
        (col("i").gt(lit(5_i32)).is_unknown(), "((`i` > (5)) IS UNKNOWN)".into()),
        (like("s", "a%", false), "LEFT(CONVERT(`s` USING binary), 1) = X'61'".into()),
        (like("s", "é%%", true), "LEFT(CONVERT(`s` USING binary), 2) <> X'C3A9'".into()),
        (col("net").is_null(), "`net` <=> NULL".into()),
        (col("vec").is_null(), "`vec` IS NULL".into()),
        (col("vec").is_not_null(), "`vec` IS NOT NULL".into()),
        (named("as text").is_not_null(), "NOT (`as text` <=> NULL)".into()),
    ] {
        assert_eq!(push(&filter).as_deref(), Some(expected.as_str()), "{filter}");
        assert_eq!(weaker(&filter).as_deref(), Some(expected.as_str()), "{filter}");
    }
}

#[test]
fn what_could_differ_stays_here() {
    let micros =
        |us, zone: Option<&str>| literal(ScalarValue::TimestampMicrosecond(Some(us), zone.map(Into::into)));
    let binary = |name: &str| Expr::Column(Column::new_unqualified(name));
    for kept in [
        col("i").eq(lit(1.5)),
        col("i").eq(literal(ScalarValue::Int32(None))),
        cast(col("i"), DataType::Int64).eq(lit(3_000_000_000_i64)),
        cast(col("i"), DataType::Decimal128(12, 1)).eq(literal(ScalarValue::Decimal128(Some(14), 12, 1))),
        cast(col("dec"), DataType::Decimal128(14, 3)).eq(literal(ScalarValue::Decimal128(Some(1428), 14, 3))),
        col("i").eq(col("l")),
        (col("i") + lit(1_i32)).gt(lit(1_i32)),
        cast(col("dec"), DataType::Decimal128(12, 1)).eq(literal(ScalarValue::Decimal128(Some(1), 12, 1))),
        cast(col("dec"), DataType::Int64).eq(lit(1_i64)),
        cast(col("l"), DataType::Int32).eq(lit(1_i32)),
        cast(col("l"), DataType::Float64).eq(lit(1.5)),
        col("dbl").eq(lit(f64::NAN)),
        col("dbl").lt(lit(f64::INFINITY)),
        col("t").eq(micros(1, None)),
        col("t").eq(micros(0, Some("UTC"))),
        col("z").eq(micros(1_000_000, None)),
        col("z").gt(micros(0, Some("UTC"))),
        col("d").eq(literal(ScalarValue::Date32(Some(i32::MAX)))),
        // 0000-02-29, which the server's year 0 does not have.
        col("d").eq(literal(ScalarValue::Date32(Some(-719_469)))),
        col("t").lt_eq(micros(-719_469 * 86_400_000_000, None)),
        col("e").gt(lit("x")),
        col("net").eq(lit("::1")),
        col("nowhere").is_null(),
        like("s", "%a", false),
        like("s", "a_%", true),
        like("s", "a\\_%", true),
        binary("i"),
        lit(true),
    ] {
        assert_eq!(push(&kept), None, "{kept}");
        assert_eq!(weaker(&kept), None, "{kept}");
    }
    // Half of a condition is weaker than the whole, and so is the beginning of a pattern.
    let odd = || (col("i") + lit(1_i32)).gt(lit(1_i32));
    let both = col("i").gt(lit(5_i32)).and(odd());
    assert_eq!((push(&both), weaker(&both).as_deref()), (None, Some("`i` > (5)")));
    assert_eq!(weaker(&col("i").gt(lit(5_i32)).or(odd())), None);
    assert_eq!(weaker(&!both), None);
    let inner = like("s", "ab_c%", false);
    assert_eq!(weaker(&inner).as_deref(), Some("LEFT(CONVERT(`s` USING binary), 2) = X'6162'"));
    assert_eq!(push(&inner), None);
}

#[test]
fn what_becomes_null_here_is_not_asked_there() {
    let table = table_with(SpecialValues::Null);
    let dialect = MysqlDialect::default();
    for kept in [
        col("d").is_null(),
        col("d").eq(literal(ScalarValue::Date32(Some(0)))),
        col("t").is_not_null(),
        col("z").is_null(),
        col("tm").is_null(),
    ] {
        assert_eq!(dialect.pushdown(&table, &kept), None, "{kept}");
    }
    for pushed in [col("i").is_null(), col("s").eq(lit("a"))] {
        assert!(dialect.pushdown(&table, &pushed).is_some(), "{pushed}");
    }
}

#[test]
fn types_that_arrow_does_not_tell_have_a_name() {
    let table = table();
    let kind = |name: &str| MysqlDialect::default().sql_type(table.column(name).unwrap());
    assert_eq!(
        [kind("s"), kind("c"), kind("long"), kind("net")],
        [Some("varchar"), Some("bpchar"), None, Some("other")]
    );
    // Labels that are not known are a text without operators.
    assert_eq!([kind("e"), kind("as text"), kind("i")], [Some("other"), None, None]);
    let mut labelled = table.column("e").unwrap().clone();
    labelled.labels = vec!["x".into()];
    assert_eq!(MysqlDialect::default().sql_type(&labelled), Some("enum"));
    let field = Field::new("x", DataType::Timestamp(TimeUnit::Microsecond, None), true);
    assert_eq!(
        MysqlDialect::default().sql_type(&ColumnInfo { field, codec: String::new(), ..labelled }),
        None
    );
}
