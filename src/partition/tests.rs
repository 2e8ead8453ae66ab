//! Which method, how many parts, and what keys have to be.

use arrow_schema::{Field, TimeUnit};

use super::*;
use crate::catalog::{KeyBounds, KeyValue, Slice, TableKind, TableRef, ValueCount, Verdict};
use crate::spec::ConfigRow;

fn table() -> TableInfo {
    TableInfo {
        table: TableRef { schema: "public".into(), name: "t".into() },
        kind: TableKind::Table,
        columns: vec![],
        est_rows: 1_000_000,
        est_bytes: 100_000_000,
        blocks: vec![],
        identity: None,
        compound: false,
        primary_key: None,
        foreign_keys: vec![],
        leaves: vec![],
        range_key: None,
        unreadable: vec![],
        reading: Default::default(),
        facts: Default::default(),
    }
}

#[test]
fn parts_are_as_many_as_readers_and_more_by_size() {
    let cutting = CuttingSpec { readers: 3, part_bytes: 10_000_000, ..CuttingSpec::default() };
    let parts = |cutting: &CuttingSpec, count| {
        let (able, name) = ([Method::Ctid, Method::None], |method: Method| method.name());
        let choice = choose(&table(), &able, &name, cutting, count).expect("a choice");
        (choice.method, choice.parts, choice.readers)
    };
    assert_eq!(parts(&cutting, PartCount::BySize), (Method::Ctid, 12, 3));
    assert_eq!(parts(&cutting, PartCount::ByReaders), (Method::Ctid, 3, 3));
    let whole = CuttingSpec { part_bytes: 1, ..CuttingSpec::whole_tables() };
    assert_eq!(parts(&whole, PartCount::BySize), (Method::None, 1, 1));
    let table_configs = TableConfig::parse_list("t:Ctid::2").expect("a row");
    let chosen = CuttingSpec { table_configs, ..cutting };
    assert_eq!(parts(&chosen, PartCount::BySize), (Method::Ctid, 10, 2));
    assert_eq!(parts(&chosen, PartCount::ByReaders), (Method::Ctid, 2, 2));
}

fn column(name: &str, data_type: DataType) -> ColumnInfo {
    ColumnInfo {
        field: Field::new(name, data_type, true),
        source_type: String::new(),
        verdict: Verdict::Exact,
        note: String::new(),
        codec: String::new(),
        est_distinct: None,
        comparable: true,
        labels: vec![],
    }
}

#[test]
fn keys_are_given_or_the_primary_key_and_fit_the_method() {
    let at = DataType::Timestamp(TimeUnit::Microsecond, None);
    let columns = vec![
        column("id", DataType::Int16),
        column("at", at),
        column("day", DataType::Date32),
        column("name", DataType::Utf8),
    ];
    let chosen = |row: &str, primary: Option<&str>| {
        let range_key = primary.map(str::to_owned);
        let table = TableInfo { columns: columns.clone(), range_key, ..table() };
        let table_configs = TableConfig::parse_list(row).expect(row);
        let able =
            [Method::Ntile, Method::RangeId, Method::Random, Method::DataDriven, Method::Timepartition];
        let cutting = CuttingSpec { readers: 2, table_configs, ..CuttingSpec::default() };
        choose(&table, &able, &|method| method.name(), &cutting, PartCount::ByReaders)
    };
    for (row, primary, key) in [
        ("t:RangeId::2", Some("name"), "name"),
        ("t:Ntile::2", Some("id"), "id"),
        ("t:Ntile:name:2", Some("id"), "name"),
        ("t:Random::2", Some("id"), "id"),
        ("t:DataDriven:lower(name):2", None, "lower(name)"),
        ("t:Timepartition:(at,year):2", None, "(at,year)"),
        ("t:Timepartition:(day,year,week):2", None, "(day,year,week)"),
    ] {
        let choice = chosen(row, primary).expect(row);
        assert_eq!((choice.key.as_deref(), choice.reason.as_str()), (Some(key), "--table-config"), "{row}");
    }
    for (row, primary, message, hint) in [
        ("t:RangeId::2", None, "needs a key: the table has no primary key", "'table:RangeId:column:p'"),
        ("t:Ntile::2", None, "needs a key: the table", "'table:Ntile:column:p'"),
        ("t:Random::2", Some("name"), "needs a key: the table", "'table:Random:integer column:p'"),
        ("t:DataDriven::2", Some("id"), "method DataDriven needs a key", "column or expression"),
        ("t:Timepartition::2", Some("at"), "method Timepartition needs a key", "(column,year,month)"),
        ("t:Random:name:2", None, "needs an integer column", "or another method"),
        ("t:Timepartition:(name,year):2", None, "needs a date or timestamp column", "or another method"),
        ("t:RangeId:nmae:2", None, "key column 'nmae' does not exist", "did you mean name?"),
        ("t:Ctid::2", None, "method Ctid cannot cut this table", "by: Ntile, RangeId, Random, DataDriven"),
    ] {
        let error = chosen(row, primary).expect_err(row);
        assert!(error.message().contains(message), "{row}: {error}");
        assert!(error.hints()[0].contains(hint), "{error:?}");
        assert_eq!(error.message().contains(": the table"), message.contains(": the table"), "{error}");
    }
}

#[test]
fn without_being_asked_large_tables_are_cut_by_the_first_method_that_can() {
    let key = Some("id".to_owned());
    let automatic = |able: &[Method], range_key: &Option<String>, large_table_rows| {
        let table = TableInfo { range_key: range_key.clone(), ..table() };
        let cutting = CuttingSpec { readers: 2, large_table_rows, ..CuttingSpec::default() };
        let choice = choose(&table, able, &|method| method.name(), &cutting, PartCount::ByReaders);
        choice.map(|choice| (choice.method, choice.parts, choice.reason)).expect("a choice")
    };
    let all = [Method::RangeId, Method::DbPartition, Method::Ctid, Method::None];
    for (able, range_key, rows, method, words) in [
        (&all[..], &key, 1_000_001, Method::None, "about 1000000 rows, fewer than"),
        (
            &all[..3],
            &key,
            1_000_001,
            Method::RangeId,
            "automatic: about 1000000 rows, ranges of the primary key",
        ),
        (&all[..], &key, 1_000_000, Method::RangeId, "ranges of the primary key"),
        (&all[..], &None, 1, Method::DbPartition, "the partitions it has in the database"),
        (&all[2..], &None, 1, Method::Ctid, "ranges of storage blocks"),
        (&[Method::Ntile, Method::None], &key, 1, Method::None, "offers no way to cut it"),
    ] {
        let (chosen, parts, reason) = automatic(able, range_key, rows);
        assert_eq!((chosen, parts), (method, if method == Method::None { 1 } else { 2 }), "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn parts_are_a_multiple_of_the_readers_and_have_five_digits() {
    for (wanted, readers, expected) in [
        (0, 0, 1),
        (1, 3, 3),
        (10, 4, 12),
        (12, 4, 12),
        (u64::MAX, 7, MOST_PARTS),
        (1, usize::MAX, MOST_PARTS),
    ] {
        assert_eq!(parts(wanted, readers), expected, "{wanted} for {readers}");
    }
}

#[test]
fn one_reader_is_enough_where_all_of_them_would_be_slower() {
    let table = table();
    let (method, reason) = (Method::Ctid, String::new());
    let choice = Choice { method, key: None, parts: 8, readers: 4, reason };
    let enough = |rows, effort| one_is_enough(&choice, &table, 1_000_000, Selection { rows, effort });
    let one = enough(10_000, 0.25).expect("a quarter of the work for one of four, and a part full of rows");
    assert_eq!((one.method, one.parts, one.readers), (Method::None, 1, 1));
    assert!(one.reason.contains("10000 of about 1000000 rows, for 25.0 %"), "{}", one.reason);
    for (rows, effort) in [(10_000, 0.26), (10_001, 0.01), (1_000_000, 1.0), (1, f64::NAN)] {
        assert_eq!(enough(rows, effort), None, "{rows} {effort}");
    }
}

#[test]
fn ranges_of_a_key_are_of_one_width_and_the_largest_key_counts() {
    for (min, max, parts, expected) in [
        (1000, 1099, 4, vec![1025, 1050, 1075]),
        (-50, 49, 2, vec![0]),
        (7, 9, 8, vec![8, 9]),
        (i64::MIN, i64::MAX, 2, vec![0]),
        (5, 5, 3, vec![]),
    ] {
        let bounds = KeyBounds { min: KeyValue::Int(min), max: KeyValue::Int(max) };
        let lowers =
            range::cut("k", Some(&bounds), parts, false).into_iter().filter_map(|slice| match slice {
                Slice::Range { lower, .. } => lower,
                _ => None,
            });
        let expected: Vec<KeyValue> = expected.into_iter().map(KeyValue::Int).collect();
        assert_eq!(lowers.collect::<Vec<_>>(), expected, "{min} to {max} in {parts}");
    }
}

#[test]
fn cuts_at_the_first_block_or_at_the_same_one_make_no_empty_slice() {
    let blocks = |from, to| Slice::Physical { from, to };
    assert_eq!(
        physical::between(vec![5, 0, 3, 5]),
        [blocks(None, Some(3)), blocks(Some(3), Some(5)), blocks(Some(5), None)]
    );
    assert_eq!(physical::between(vec![0]), [blocks(None, None)]);
}

#[test]
fn the_reason_names_a_row_of_partition_columns_that_sets_the_readers_alone() {
    let reason = |row: Option<&str>, readers| {
        let row = row.map(|name| ConfigRow { table: table().table, name: name.into() });
        let config = TableConfig { pattern: "t".into(), method: None, key: None, readers, row };
        let cutting = CuttingSpec { table_configs: vec![config], ..CuttingSpec::default() };
        let name = |method: Method| method.name();
        choose(&table(), &[Method::Ctid], &name, &cutting, PartCount::ByReaders).expect("a choice").reason
    };
    let cut = "automatic: about 1000000 rows, ranges of storage blocks";
    assert_eq!(reason(None, Some(2)), cut);
    assert_eq!(reason(Some("(t, 2)"), None), cut);
    assert_eq!(reason(Some("(t, 2)"), Some(2)), format!("{cut}, readers by partition_columns row (t, 2)"));
}

#[test]
fn a_value_is_cut_into_pieces_by_the_rows_that_have_it() {
    let count = |value: Option<&str>, rows| ValueCount { value: value.map(str::to_owned), rows };
    for (counts, pieces) in [
        ([count(Some("a"), 75), count(Some("b"), 5), count(None, 20)], [3, 1, 1, 1]),
        ([count(Some("b"), 10), count(None, 90), count(Some("a"), 0)], [1, 1, 4, 1]),
    ] {
        let portions = values::cut("e", &counts, 4);
        let found: Vec<usize> = portions.iter().map(|portion| portion.pieces).collect();
        assert_eq!(found, pieces, "{portions:?}");
    }
}
