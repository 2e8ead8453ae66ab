//! Nothing that holds a matching row is ever skipped: random conditions over random rows in random files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use fastrand::Rng;
use parquet::file::properties::EnabledStatistics;

use super::*;
use crate::plan::condition::matching;

/// Sets of files, if `LAKEXPRESS_LAKES` does not ask for more, and conditions over each.
const LAKES: u64 = 32;
const CONDITIONS: usize = 16;
const DAY: i64 = 86_400_000_000;

/// What rows are made of.
struct Rows {
    /// Values are nearly the same, so that bounds are one value often.
    narrow: bool,
    nan: bool,
    nulls: f64,
}

impl Rows {
    fn some<T>(&self, rng: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
        (rng.f64() >= self.nulls).then(|| value(rng))
    }

    fn number(&self, rng: &mut Rng) -> i32 {
        if self.narrow { rng.i32(3..5) } else { rng.i32(-20..20) }
    }

    fn float(&self, rng: &mut Rng) -> f64 {
        match rng.u32(0..40) {
            0..8 if self.nan => [f64::NAN, -f64::NAN][rng.usize(0..2)],
            8..13 => [0.0, -0.0][rng.usize(0..2)],
            13 => [f64::INFINITY, f64::NEG_INFINITY][rng.usize(0..2)],
            _ => f64::from(self.number(rng)) / 2.0,
        }
    }

    fn text(&self, rng: &mut Rng) -> String {
        let long = "x".repeat(70);
        let start = ["", "a", "ab", "abc", "é", "\u{10ffff}", &long][rng.usize(0..7)];
        let end = ["", "a", "b", "z", "\u{7f}", "ü"][rng.usize(0..6)];
        format!("{start}{end}")
    }

    fn columns(&self, rng: &mut Rng, first: i64, rows: usize) -> RecordBatch {
        macro_rules! column {
            ($array:ty, $value:expr) => {{
                let value: fn(&Self, &mut Rng) -> _ = $value;
                let values: Vec<_> = (0..rows).map(|_| self.some(rng, |rng| value(self, rng))).collect();
                <$array>::from(values)
            }};
        }
        let ids = Int64Array::from_iter_values(first..first + i64::try_from(rows).expect("few rows"));
        let texts: Vec<Option<String>> = (0..rows).map(|_| self.some(rng, |rng| self.text(rng))).collect();
        let bytes: Vec<Option<Vec<u8>>> =
            (0..rows).map(|_| self.some(rng, |rng| vec![rng.u8(..); rng.usize(0..3)])).collect();
        let uuids: Vec<Option<[u8; 16]>> =
            (0..rows).map(|_| self.some(rng, |rng| [rng.u8(0..3) * 100; 16])).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(ids)),
            ("a", Arc::new(column!(Int32Array, |rows, rng| rows.number(rng)))),
            ("b", Arc::new(column!(Int64Array, |rows, rng| i64::from(rows.number(rng))))),
            ("c", Arc::new(column!(Int8Array, |rows, rng| rows.number(rng) as i8))),
            ("u", Arc::new(column!(UInt16Array, |rows, rng| rows.number(rng).unsigned_abs() as u16))),
            ("f", Arc::new(column!(Float64Array, |rows, rng| rows.float(rng)))),
            ("g", Arc::new(column!(Float32Array, |rows, rng| rows.float(rng) as f32))),
            ("s", Arc::new(StringArray::from(texts))),
            ("d", Arc::new(column!(Date32Array, |rows, rng| 19_000 + rows.number(rng)))),
            (
                "t",
                Arc::new(column!(TimestampMicrosecondArray, |rows, rng| DAY * 19_000
                    + DAY / 2 * i64::from(rows.number(rng)))),
            ),
            (
                "n",
                Arc::new(decimals(
                    column!(Decimal128Array, |rows, rng| i128::from(rows.number(rng)) * 50),
                    10,
                    2,
                )),
            ),
            (
                "w",
                Arc::new(decimals(
                    column!(Decimal128Array, |rows, rng| i128::from(rows.number(rng)) * 500),
                    30,
                    3,
                )),
            ),
            ("o", Arc::new(column!(BooleanArray, |_, rng| rng.bool()))),
            ("y", Arc::new(BinaryArray::from(bytes.iter().map(Option::as_deref).collect::<Vec<_>>()))),
            (
                "z",
                Arc::new(
                    FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16)
                        .expect("uuids"),
                ),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("a batch")
    }
}

fn decimals(array: Decimal128Array, precision: u8, scale: i8) -> Decimal128Array {
    array.with_precision_and_scale(precision, scale).expect("room")
}

fn properties(rng: &mut Rng, nan: bool) -> WriterProperties {
    let statistics =
        [EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page, EnabledStatistics::Page];
    let mut properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rng.usize(1..60)))
        .set_data_page_row_count_limit(rng.usize(1..12))
        .set_write_batch_size(rng.usize(1..6))
        .set_dictionary_enabled(rng.bool())
        .set_statistics_enabled(statistics[rng.usize(0..4)])
        .set_statistics_truncate_length([None, Some(1), Some(5), Some(64)][rng.usize(0..4)])
        .set_column_index_truncate_length([None, Some(1), Some(5), Some(64)][rng.usize(0..4)])
        .set_bloom_filter_enabled(rng.bool());
    // Bounds of files of ours say that there is no NaN.
    if !nan && rng.bool() {
        properties = properties.set_created_by("lakexpress version 0.1.0".into());
    }
    properties.build()
}

/// A literal that a column of the name is compared with.
fn literal(rng: &mut Rng, column: &str) -> String {
    let n = rng.i32(-22..22);
    match column {
        "a" | "b" | "c" | "u" if rng.u32(0..5) == 0 => format!("{}", f64::from(n) / 4.0),
        "a" | "b" | "c" | "u" => n.to_string(),
        "f" | "g" if rng.u32(0..8) == 0 => ["'NaN'", "'Infinity'", "'-Infinity'"][rng.usize(0..3)].into(),
        "f" | "g" if rng.u32(0..6) == 0 => "0".into(),
        "f" | "g" | "n" | "w" => format!("{}", f64::from(n) / 2.0),
        "s" => {
            let rows = Rows { narrow: false, nan: false, nulls: 0.0 };
            format!("'{}'", rows.text(rng))
        }
        "d" | "t" => {
            let day = chrono::DateTime::from_timestamp(86_400 * (19_000 + i64::from(n)), 0).expect("a day");
            match rng.u32(0..3) {
                0 => {
                    format!("timestamp '{}'", (day + chrono::Duration::hours(12)).format("%Y-%m-%d %H:%M:%S"))
                }
                1 => format!("date '{}'", day.format("%Y-%m-%d")),
                _ => format!("'{}'", day.format("%Y-%m-%d")),
            }
        }
        "y" => format!("'\\x{}'", ["", "00", "7f", "ffff", "80"][rng.usize(0..5)]),
        "z" => format!("'{}'", uuid::Uuid::from_bytes([rng.u8(0..3) * 100; 16])),
        "year" => (2020 + n / 8).to_string(),
        "region" => ["'eu'", "'a/b c'", "'zz'"][rng.usize(0..3)].into(),
        other => unreachable!("{other}"),
    }
}

fn atom(rng: &mut Rng) -> String {
    const COLUMNS: [&str; 18] =
        ["f", "f", "g", "a", "b", "c", "u", "f", "g", "s", "d", "t", "n", "w", "y", "z", "year", "region"];
    let column = COLUMNS[rng.usize(0..COLUMNS.len())];
    let op = ["=", "<>", "<", "<=", ">", ">="][rng.usize(0..6)];
    match rng.u32(0..22) {
        0 => format!("{column} IS {}NULL", ["", "NOT "][rng.usize(0..2)]),
        1 => {
            ["o", "NOT o", "o IS TRUE", "o IS NOT TRUE", "o IS UNKNOWN", "o = false"][rng.usize(0..6)].into()
        }
        2 | 3 => {
            let mut list: Vec<String> = (0..rng.usize(1..6)).map(|_| literal(rng, column)).collect();
            if rng.u32(0..6) == 0 {
                list.push("NULL".into());
            }
            format!("{column} {}IN ({})", ["", "NOT "][rng.usize(0..2)], list.join(", "))
        }
        4 | 5 => {
            let not = ["", "NOT "][rng.usize(0..2)];
            format!("{column} {not}BETWEEN {} AND {}", literal(rng, column), literal(rng, column))
        }
        6 => {
            let pattern =
                ["a%", "ab%", "abc", "%b", "é%", "", "%", "a_c%", "xxx%", "\u{10ffff}%"][rng.usize(0..10)];
            format!("s {}LIKE '{pattern}'", ["", "NOT "][rng.usize(0..2)])
        }
        7 => {
            let not = ["", "NOT "][rng.usize(0..2)];
            let value = if rng.u32(0..4) == 0 { "NULL".into() } else { literal(rng, column) };
            format!("{column} IS {not}DISTINCT FROM {value}")
        }
        8 => [
            "a < b",
            "a = b",
            "a + 1 > b",
            "f > g",
            "upper(s) = 'AB'",
            "year > a",
            "d < t",
            "10 / (a + 100) > 0",
        ][rng.usize(0..8)]
        .into(),
        9 => format!("a::bigint {op} {}", literal(rng, "b")),
        10 => format!("a::double precision {op} {}", literal(rng, "f")),
        11 => format!("{} {op} {column}", literal(rng, column)),
        12 => format!("n::double precision {op} {}", literal(rng, "f")),
        13 => {
            format!("(f < {} AND a > {}) OR f > {}", literal(rng, "f"), literal(rng, "a"), literal(rng, "f"))
        }
        _ => format!("{column} {op} {}", literal(rng, column)),
    }
}

fn condition(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 || rng.u32(0..4) == 0 {
        return atom(rng);
    }
    let (left, right) = (condition(rng, depth - 1), condition(rng, depth - 1));
    match rng.u32(0..10) {
        0 => format!("NOT ({left})"),
        1 => format!("({left}) IS {}", ["TRUE", "FALSE", "NOT TRUE", "NOT FALSE"][rng.usize(0..4)]),
        2..=6 => format!("({left}) AND ({right})"),
        _ => format!("({left}) OR ({right})"),
    }
}

/// Rows as they lie in a file: the first row's id, how many, and the keys of its directory.
struct Written {
    name: String,
    ids: Vec<i64>,
}

/// Files in directories, and all their rows with the keys as columns.
fn write(rng: &mut Rng, lake: &Lake) -> (Vec<Written>, RecordBatch) {
    let rows = Rows { narrow: rng.u32(0..3) == 0, nan: rng.bool(), nulls: [0.0, 0.1, 0.6][rng.usize(0..3)] };
    let mut written: Vec<Written> = Vec::new();
    let mut batches = Vec::new();
    for file in 0..rng.usize(1..4) {
        let length = rng.usize(0..90);
        let mut batch = rows.columns(rng, 1000 * file as i64, length);
        if rng.bool() {
            let by = batch.column(rng.usize(1..13));
            let order = arrow::compute::sort_to_indices(by, None, None).expect("an order");
            batch = take_record_batch(&batch, &order).expect("taken");
        }
        let year = [Some(2019), Some(2020), Some(2021), None][rng.usize(0..4)];
        let region = [Some(("eu", "eu")), Some(("a%2Fb c", "a/b c")), None][rng.usize(0..3)];
        const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
        let directory = format!(
            "year={}/region={}",
            year.map_or(NULL.to_owned(), |year| year.to_string()),
            region.map_or(NULL, |(directory, _)| directory)
        );
        let name = format!("{directory}/part-{file:05}.parquet");
        lake.write(&name, &batch, properties(rng, rows.nan));
        let ids = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(batch.column(0));
        written.push(Written { name, ids: ids.values().to_vec() });
        let mut columns: Vec<(String, ArrayRef, bool)> = batch
            .schema()
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| (field.name().clone(), Arc::clone(column), true))
            .collect();
        columns.push(("year".into(), Arc::new(Int64Array::from(vec![year; length])), true));
        let region = region.map(|(_, value)| value);
        columns.push(("region".into(), Arc::new(StringArray::from(vec![region; length])), true));
        batches.push(RecordBatch::try_from_iter_with_nullable(columns).expect("a batch"));
    }
    let all = concat_batches(&batches[0].schema(), &batches).expect("one batch");
    (written, all)
}

/// Rows of a file that are read, by their ids.
fn read(file: &FileLayout, written: &Written, lake: &Lake) -> BTreeSet<i64> {
    let bytes = bytes::Bytes::from(fs::read(lake.path(&written.name)).expect("read"));
    let reader = parquet::file::metadata::ParquetMetaDataReader::new();
    let metadata = reader.parse_and_finish(&bytes).expect("a footer");
    let mut first = 0;
    let mut ids = BTreeSet::new();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for read in file.read.iter().filter(|read| read.row_group == number as u64) {
            assert_eq!(read.rows_read, read.ranges.iter().map(|range| range.end - range.start).sum::<u64>());
            for range in &read.ranges {
                ids.extend(&written.ids[first + range.start as usize..first + range.end as usize]);
            }
        }
        first += group.num_rows() as usize;
    }
    ids
}

#[tokio::test]
async fn what_holds_a_matching_row_is_never_skipped() {
    let (mut asked, mut refused) = (0, Vec::new());
    let mut skipped = Count::default();
    let mut pages = PageCount::default();
    let lakes = std::env::var("LAKEXPRESS_LAKES").map_or(LAKES, |lakes| lakes.parse().expect("a number"));
    for seed in 0..lakes {
        let mut rng = Rng::with_seed(seed);
        let lake = Lake::new();
        let (written, all) = write(&mut rng, &lake);
        for _ in 0..CONDITIONS {
            let depth = [0, 0, 1, 2, 3][rng.usize(0..5)];
            let sql = condition(&mut rng, depth);
            // Comparisons that PostgreSQL does not have either, and keys without values.
            let (found, expected) = (lake.explain(&sql).await, matching(&sql, &all).await);
            let (found, expected) = match (found, expected) {
                (Ok(found), Ok(expected)) => (found, expected),
                (found, expected) => {
                    let found = found.err().map(|error| error.to_string());
                    refused.push(format!("{sql}: {found:?} {:?}", expected.err().map(|e| e.to_string())));
                    continue;
                }
            };
            asked += 1;
            let mut kept = BTreeSet::new();
            for file in &found.listed {
                let of = written.iter().find(|written| written.name == file.file).expect("a file");
                assert_eq!(file.row_groups.total - file.row_groups.skipped, file.read.len() as u64);
                assert_eq!(file.skipped_by.is_some(), file.read.is_empty());
                kept.extend(read(file, of, &lake));
            }
            let lost: Vec<&i64> = expected.iter().filter(|id| !kept.contains(id)).collect();
            let mut shown = String::new();
            for file in found.listed.iter().filter(|_| !lost.is_empty()) {
                let _ = writeln!(shown, "{file:?}");
            }
            assert!(lost.is_empty(), "seed {seed}: {sql}: {lost:?} are skipped\n{shown}");
            assert_eq!(found.rows.read, kept.len() as u64);
            skipped.sum(&found.row_groups);
            pages.add(found.pages);
        }
    }
    let all = lakes as usize * CONDITIONS;
    assert!(asked * 10 > all * 8, "{asked} of {all} conditions were asked: {refused:#?}");
    // Otherwise the test could not fail.
    let by = [skipped.by_directory, skipped.by_statistics, skipped.by_bloom_filter, skipped.by_page_index];
    assert!(by.iter().all(|by| *by > 5), "{skipped:?}");
    assert!(pages.skipped > pages.total / 10 && pages.skipped < pages.total, "{pages:?}");
}
