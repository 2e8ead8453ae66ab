use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use parquet::basic::Compression;
use parquet::file::metadata::{FileMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterPropertiesBuilder};

use super::*;
use crate::error::ErrorKind;
use crate::skipping::bounds::{Bounds, Containers};
use crate::skipping::columns::leaf_of;
use datafusion::physical_optimizer::pruning::PruningStatistics;

/// Row groups of 100 rows, pages of 10.
fn paged() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10)
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("a batch")
}

/// `a`: 0, 2, 4, ...; `s`: a text of it.
fn numbers(rows: i64) -> RecordBatch {
    let values: Vec<i64> = (0..rows).map(|n| n * 2).collect();
    let texts: Vec<String> = values.iter().map(|n| format!("text {n}")).collect();
    batch(vec![("a", Arc::new(Int64Array::from(values))), ("s", Arc::new(StringArray::from(texts)))])
}

#[tokio::test]
async fn sorted_files_are_read_where_the_rows_are() {
    let lake = Lake::new();
    lake.write("part-00000.parquet", &numbers(1000), paged().build());
    let found = lake.explained("a >= 500 AND a < 520").await;
    assert_eq!(found.row_groups, Count { total: 10, skipped: 9, by_statistics: 9, ..Count::default() });
    assert_eq!(found.files, Count { total: 1, ..Count::default() });
    assert_eq!(found.condition_pages, PageCount { total: 100, skipped: 99 });
    assert_eq!(found.pages, PageCount { total: 200, skipped: 198 });
    assert_eq!(found.rows, Amount { total: 1000, read: 10 });
    let bytes = found.column_bytes;
    assert!(bytes.read > 0 && bytes.read * 50 < bytes.total * 2, "{bytes:?}");
    assert_eq!(
        (found.columns.as_slice(), found.keys.len(), found.manifest),
        (&["a".to_owned()][..], 0, false)
    );
    let [file] = found.listed.as_slice() else { panic!("one file: {found:?}") };
    let [group] = file.read.as_slice() else { panic!("one row group: {file:?}") };
    assert_eq!((group.row_group, group.rows, group.rows_read, group.no_bounds.len()), (2, 100, 10, 0));
    assert_eq!((group.ranges.len(), group.ranges.first()), (1, Some(&(50..60))));
    assert!(file.page_index);
    // The whole file, by the page index: between two pages there is no row, and within bounds of the row group.
    let found = lake.explained("a > 518 AND a < 520").await;
    assert_eq!((found.files.by_page_index, found.row_groups.by_page_index), (1, 1));
    assert_eq!((found.rows.read, found.column_bytes.read), (0, 0));
    let found = lake.explained("a < 0").await;
    assert_eq!((found.files.by_statistics, found.row_groups.by_statistics), (1, 10));
    assert_eq!(found.pages.skipped, 200);
    let found = lake.explained("a >= 0").await;
    assert_eq!((found.files.skipped, found.pages.skipped, found.rows.read), (0, 0, 1000));
    assert_eq!(found.column_bytes.read, found.column_bytes.total);
}

#[tokio::test]
async fn bloom_filters_say_what_is_not_there() {
    let lake = Lake::new();
    lake.write("a.parquet", &numbers(1000), paged().set_bloom_filter_fpp(0.001).build());
    lake.write("b.parquet", &numbers(1000), paged().build());
    let by = |found: &Layout| (found.files.by_bloom_filter, found.files.by_page_index, found.files.skipped);
    for sql in ["s = 'text 501'", "s IN ('text 501', 'text 503', NULL)", "s = 'text 501' OR s = 'text 503'"] {
        assert_eq!(by(&lake.explained(sql).await), (1, 0, 1), "{sql}");
    }
    // Of a whole number too, also where the condition compares wider ones.
    let found = lake.explained("a = 501").await;
    assert_eq!((found.row_groups.by_bloom_filter, found.row_groups.by_statistics), (1, 18), "{found:?}");
    let found = lake.explained("s = 'text 500'").await;
    assert_eq!(by(&found), (0, 0, 0));
    assert_eq!((found.row_groups.by_statistics, found.row_groups.by_bloom_filter), (16, 1), "{found:?}");
    assert_eq!(by(&lake.explained("s <> 'text 501'").await), (0, 0, 0));
}

#[tokio::test]
async fn zeros_and_widths_are_looked_up_as_they_are_stored() {
    let lake = Lake::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("f", Arc::new(Float64Array::from(vec![-0.0, 5.0]))),
        ("i", Arc::new(Int32Array::from(vec![1, 9]))),
    ];
    lake.write("x.parquet", &batch(columns), paged().set_bloom_filter_enabled(true).build());
    for (sql, skipped) in [
        ("f = 0", 0),
        ("f = 3", 1),
        ("f IN (2, 0)", 0),
        ("i = 9", 0),
        ("i = 3", 1),
        ("i::bigint = 9", 0),
        ("i::bigint = 3", 1),
        ("i = 3.0", 1),
        ("i = 9.0", 0),
    ] {
        let found = lake.explained(sql).await;
        assert_eq!(found.files.by_bloom_filter, skipped, "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn keys_of_directories_are_columns() {
    let lake = Lake::new();
    for directory in [
        "year=2023/region=eu",
        "year=2024/region=eu",
        "year=2024/region=a%2Fb",
        "year=2024/region=__HIVE_DEFAULT_PARTITION__",
    ] {
        lake.write(&format!("{directory}/part.parquet"), &numbers(100), paged().build());
    }
    for (sql, skipped) in [
        ("year = 2023", 3),
        ("year = '2023'", 3),
        ("year > 2023 AND region = 'eu'", 3),
        ("region = 'a/b'", 3),
        ("region IS NULL", 3),
        ("region <> 'eu'", 3),
        ("upper(region) = 'EU'", 2),
        ("year LIKE '%23'", 3),
        ("year % 2 = 0", 1),
        ("year = 2025", 4),
        ("year = 2023 OR a = 10", 0),
    ] {
        let found = lake.explained(sql).await;
        assert_eq!((found.files.by_directory, found.files.total), (skipped, 4), "{sql}");
        assert_eq!(found.undecided, [""; 0], "{sql}");
    }
    // Each part where it can be decided.
    let found = lake.explained("year = 2023 AND a < 0").await;
    assert_eq!((found.files.by_directory, found.files.by_statistics), (3, 1));
    assert_eq!(
        (found.keys.as_slice(), found.columns.as_slice()),
        (&["year".to_owned()][..], &["a".to_owned()][..])
    );
    let found = lake.explained("year = 2023 OR a = 10").await;
    assert_eq!(found.rows, Amount { total: 400, read: 130 });
    // A file in such a directory, named by itself.
    let above = ["lake", "year=2024", "region=eu"].map(str::to_owned).to_vec();
    let place = Place {
        directory: "year=2024/region=eu".into(),
        file: Some("part.parquet".into()),
        above,
        ..lake.place()
    };
    assert_eq!(explain(&place, "year = 2023").await.expect("a file").files.by_directory, 1);
}

#[tokio::test]
async fn nulls_are_told_from_values() {
    let lake = Lake::new();
    let values: Vec<Option<i64>> = (0..100).map(|n| (n < 30).then_some(n)).collect();
    lake.write("x.parquet", &batch(vec![("a", Arc::new(Int64Array::from(values)))]), paged().build());
    for (sql, read) in [
        ("a IS NULL", 70),
        ("a IS NOT NULL", 30),
        ("a > 15", 20),
        ("a < 5 OR a IS NULL", 80),
        ("NOT a > 15", 20),
    ] {
        assert_eq!(lake.explained(sql).await.rows.read, read, "{sql}");
    }
}

#[tokio::test]
async fn without_a_page_index_pages_are_not_counted() {
    let lake = Lake::new();
    let properties = paged().set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true);
    lake.write("x.parquet", &numbers(200), properties.build());
    let found = lake.explained("a = 20 AND upper(s) = 'TEXT 20'").await;
    assert_eq!((found.files_without_page_index, found.pages), (1, PageCount::default()));
    assert_eq!((found.row_groups.skipped, found.rows.read), (1, 100));
    assert_eq!(found.undecided.len(), 1, "{found:?}");
    let properties = paged().set_statistics_enabled(EnabledStatistics::None).set_offset_index_disabled(true);
    lake.write("x.parquet", &numbers(200), properties.build());
    let found = lake.explained("a = 20").await;
    assert_eq!(found.row_groups.skipped, 0);
    assert_eq!(found.listed[0].read[0].no_bounds, ["a"]);
}

#[tokio::test]
async fn what_stands_behind_a_guard_counts() {
    let lake = Lake::new();
    lake.write("x.parquet", &numbers(1000), paged().build());
    for (sql, read, undecided) in [
        ("10 / a > 1 AND a < 10", 10, 1),
        ("a < 10 AND 10 / a > 1", 10, 1),
        ("10 / a > 1 AND upper(s) = 'X' AND a < 10", 10, 2),
        ("a < 10 OR 10 / (a + 1) > 1", 1000, 1),
        ("NOT (a >= 10 OR 10 / (a + 1) > 1)", 10, 1),
    ] {
        let found = lake.explained(sql).await;
        assert_eq!(
            (found.rows.read, found.undecided.len()),
            (read, undecided),
            "{sql}: {:?}",
            found.undecided
        );
        assert!(found.undecided.iter().all(|part| !part.contains("CASE")), "{:?}", found.undecided);
    }
}

#[tokio::test]
async fn what_may_be_nan_is_larger_than_all_bounds() {
    let lake = Lake::new();
    let rows = batch(vec![("f", Arc::new(Float64Array::from(vec![1.0, f64::NAN, 3.0])))]);
    lake.write("x.parquet", &rows, WriterProperties::builder().build());
    for (sql, skipped) in [
        ("f > 100", 0),
        ("f = 'NaN'", 0),
        ("f <> 2", 0),
        ("f > 100 AND f < 200", 1),
        ("f = 100", 1),
        ("f < 0", 1),
        ("f BETWEEN 5 AND 7", 1),
        ("f BETWEEN 5 AND 'NaN'", 0),
        ("NOT (f <= 100)", 0),
        ("f IN (7, 8)", 1),
    ] {
        assert_eq!(lake.explained(sql).await.files.skipped, skipped, "{sql}");
    }
    assert_eq!(lake.explained("f > 100").await.listed[0].read[0].no_bounds, ["f"]);
    // Files of ours that have a page index have bounds only where there is none; older ones say no more than others.
    let ours = || WriterProperties::builder().set_created_by("lakexpress version 0.1.0".into());
    lake.write("x.parquet", &rows, ours().set_offset_index_disabled(true).build());
    assert_eq!(lake.explained("f > 100").await.files.skipped, 0);
    let rows = batch(vec![("f", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])))]);
    lake.write("x.parquet", &rows, ours().build());
    assert_eq!(lake.explained("f > 100").await.files.by_statistics, 1);
}

#[test]
fn bounds_without_a_declared_order_are_those_of_signed_numbers() {
    let mut bytes = Vec::new();
    let rows = numbers(10);
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("closed");
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(bytes)).expect("a footer");
    let file = metadata.file_metadata();
    let old = FileMetaData::new(
        file.version(),
        file.num_rows(),
        None,
        file.key_value_metadata().cloned(),
        file.schema_descr_ptr(),
        None,
    );
    let old = ParquetMetaDataBuilder::new(old).set_row_groups(metadata.row_groups().to_vec()).build();
    let known = |metadata: &parquet::file::metadata::ParquetMetaData, name: &str| {
        let schema = schema_of(metadata).expect("a schema");
        let leaf = leaf_of(name, &schema, metadata);
        let bounds =
            Bounds::of_groups(leaf.as_ref(), schema.field_with_name(name).unwrap().data_type(), metadata);
        !bounds.is_unknown(0, 10)
    };
    assert_eq!(["a", "s"].map(|name| known(&metadata, name)), [true, true]);
    assert_eq!(["a", "s"].map(|name| known(&old, name)), [true, false]);
}

#[test]
fn what_no_value_is_has_no_statistics() {
    let containers = Containers { rows: vec![1].into(), bounds: Vec::new(), absent: None };
    assert!(containers.min_values(&"v0".into()).is_none() && containers.max_values(&"x".into()).is_none());
}

#[tokio::test]
async fn errors_name_what_is_wrong() {
    let lake = Lake::new();
    let error = lake.explain("a = 1").await.expect_err("no files");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Usage, Code::NoParquetFile), "{error:?}");
    let place = Place { file: Some("none.parquet".into()), ..lake.place() };
    assert_eq!(explain(&place, "a = 1").await.expect_err("no file").code(), Code::NoParquetFile);
    lake.write("a.parquet", &numbers(10), paged().build());
    for (sql, code, part) in [
        ("A_ = 1", Code::UnknownColumn, "did you mean a?"),
        ("sum(a) > 1", Code::NotOneRow, "no aggregates"),
        ("a = 'x'", Code::SqlTypes, "no value of type bigint"),
        ("a =", Code::SqlSyntax, "--where"),
    ] {
        let error = lake.explain(sql).await.expect_err(sql);
        assert_eq!(error.code(), code, "{sql}: {error:?}");
        assert!(format!("{error:?}").contains(part), "{sql}: {error:?}");
    }
    let other = batch(vec![
        ("a", Arc::new(StringArray::from(vec!["x"]))),
        ("s", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    lake.write("b.parquet", &other, paged().build());
    let error = lake.explain("a = 1").await.expect_err("types differ");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Data, Code::SchemasDiffer));
    assert!(error.to_string().contains("'a' is Int64 in a.parquet and Utf8 in b.parquet"), "{error}");
    lake.write("b.parquet", &batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]), paged().build());
    let error = lake.explain("a = 1").await.expect_err("a column less");
    assert!(error.to_string().contains("'s' is only in a.parquet"), "{error}");
    fs::remove_file(lake.path("b.parquet")).expect("removed");
    lake.write("year=2024/b.parquet", &numbers(10), paged().build());
    let error = lake.explain("a = 1").await.expect_err("other keys");
    assert!(error.to_string().contains("different keys: none and year"), "{error}");
    fs::remove_dir_all(lake.path("year=2024")).expect("removed");
    lake.put("b.parquet", b"PAR1 is not enough PAR1");
    let error = lake.explain("a = 1").await.expect_err("no Parquet");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Data, Code::FileDamaged));
    assert!(error.to_string().contains("b.parquet"), "{error}");
    // What no reader takes for data is not looked at.
    fs::remove_file(lake.path("b.parquet")).expect("removed");
    lake.put("_b.parquet", b"x");
    lake.put("notes.txt", b"x");
    assert_eq!(lake.explained("a = 1").await.files.total, 1);
}
