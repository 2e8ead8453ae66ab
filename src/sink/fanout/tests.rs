//! Parts of several files, written to a real directory and read back by the Parquet reader.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, NullArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::runs::Runs;
use super::*;
use crate::catalog::Slice;
use crate::destination::Destination;
use crate::destination::local::LocalDirectory;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::sink::{Fanout, PartTarget, PreparedPart, WriterSettings, write_part};
use crate::spec::layout::HIVE_NULL;

struct Place {
    temp: tempfile::TempDir,
    destination: Arc<dyn Destination>,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("temporary directory");
        let destination = Arc::new(LocalDirectory::new(temp.path()).expect("directory"));
        Self { temp, destination }
    }

    fn target(&self, fanout: Fanout) -> PartTarget {
        PartTarget {
            destination: Arc::clone(&self.destination),
            path: "s/t/part-00003.parquet".into(),
            name: "part-00003.parquet".into(),
            part: 3,
            slice: Slice::All,
            est_bytes: 0,
            only: false,
            fanout,
        }
    }

    /// Files below the base, however hidden.
    fn files(&self) -> usize {
        walk(self.temp.path())
    }

    /// The ids in each file, by its name, in their order.
    async fn read(&self, part: &PreparedPart) -> BTreeMap<String, Vec<i64>> {
        let mut found = BTreeMap::new();
        for file in &part.files {
            self.destination.complete(&file.upload).await.expect("complete");
            let content = self.destination.get(&file.upload.path).await.expect("get").expect("there");
            assert_eq!(file.upload.path, format!("s/t/{}", file.entry.name));
            let reader = ParquetRecordBatchReaderBuilder::try_new(content).expect("parquet").build();
            let mut ids = Vec::new();
            for batch in reader.expect("reader") {
                let batch = batch.expect("batch");
                assert_eq!(batch.num_columns(), 2, "keys are in directories only");
                ids.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
                assert!(ids.is_sorted(), "rows of a file keep their order");
            }
            assert_eq!(ids.len() as u64, file.entry.rows);
            assert!(found.insert(file.entry.name.clone(), ids).is_none(), "one name");
        }
        found
    }
}

fn walk(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry").path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

/// Rows `id`, `text` and the key `k`.
fn rows(first: i64, keys: &[Option<&str>]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + keys.len() as i64));
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..keys.len()).map(|i| format!("row {}", first + i as i64))));
    let keys: ArrayRef = Arc::new(StringArray::from_iter(keys.iter().copied()));
    RecordBatch::try_from_iter_with_nullable([("id", ids, false), ("text", texts, false), ("k", keys, true)])
        .expect("batch")
}

async fn write(place: &Place, fanout: Fanout, batches: Vec<Result<RecordBatch>>) -> Result<PreparedPart> {
    let schema = rows(0, &[]).schema();
    let items = futures::stream::iter(batches.into_iter().map(|item| item.map_err(Into::into)));
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, items));
    let settings = WriterSettings::default();
    write_part(stream, &place.target(fanout), &settings, None).await
}

fn by_key(max_open_files: usize, held_bytes: usize) -> Fanout {
    Fanout { keys: vec!["k".into()], max_open_files, held_bytes, ..Fanout::default() }
}

#[tokio::test]
async fn each_key_has_its_directory_and_null_is_hives() {
    let place = Place::new();
    let batches = vec![
        Ok(rows(0, &[Some("a"), None, Some("b/c"), Some("a")])),
        Ok(rows(4, &[Some("ü=1"), Some("b/c"), None])),
    ];
    let part = write(&place, by_key(16, 1 << 20), batches).await.expect("written");
    assert_eq!(part.rows, 7);
    let found = place.read(&part).await;
    let expected: BTreeMap<String, Vec<i64>> = [
        ("k=__HIVE_DEFAULT_PARTITION__", vec![1, 6]),
        ("k=a", vec![0, 3]),
        ("k=b%2Fc", vec![2, 5]),
        ("k=ü%3D1", vec![4]),
    ]
    .into_iter()
    .map(|(dir, ids)| (format!("{dir}/part-00003.parquet"), ids))
    .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn values_that_readers_take_for_null_are_errors_and_leave_nothing() {
    for (value, held) in [("", 1 << 20), (HIVE_NULL, 1), (&"x".repeat(254), 1)] {
        let place = Place::new();
        let batches = vec![Ok(rows(0, &[Some("a"), Some("b")])), Ok(rows(2, &[Some(value)]))];
        let error = write(&place, by_key(1, held), batches).await.expect_err("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Data, Code::PartitionValue), "{error}");
        assert_eq!(place.files(), 0, "{error}");
    }
}

#[tokio::test]
async fn more_partitions_than_allowed_and_errors_of_the_source_leave_nothing() {
    let place = Place::new();
    let keys: Vec<String> = (0..20).map(|key| key.to_string()).collect();
    let keys: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
    let fanout = Fanout { max_partitions: 19, ..by_key(4, 1) };
    let error = write(&place, fanout, vec![Ok(rows(0, &keys))]).await.expect_err("too many");
    assert_eq!(error.code(), Code::TooManyPartitions);
    assert_eq!(place.files(), 0);
    for open in [1, 100] {
        // Files are closed, open, and wait when the source fails.
        let some = |first| Ok(rows(first, &[Some("a"), Some("b")]));
        let mut batches: Vec<_> = (0..8).map(|i| some(i * 2)).collect();
        batches.push(Ok(rows(16, &[Some("c")])));
        batches.push(Ok(rows(17, &[Some("c")])));
        batches.push(Ok(rows(18, &[Some("c"), Some("d")])));
        batches.push(Err(Error::denied("no more")));
        let error = write(&place, by_key(open, 1), batches).await.expect_err("the source's");
        assert_eq!(error.message(), "no more");
        assert_eq!(place.files(), 0);
    }
}

#[tokio::test]
async fn a_part_that_is_dropped_leaves_nothing_of_closed_files() {
    let place = Place::new();
    let schema = rows(0, &[]).schema();
    let some: Vec<_> = (0..4).map(|i| Ok(rows(i * 2, &[Some("a"), Some("b")]))).collect();
    let more: Vec<_> = (4..8).map(|i| Ok(rows(i, &[Some("c")]))).collect();
    let endless = futures::StreamExt::chain(
        futures::stream::iter(some.into_iter().chain(more)),
        futures::stream::pending(),
    );
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, endless));
    let (target, settings) = (place.target(by_key(2, 1)), WriterSettings::default());
    let writing = write_part(stream, &target, &settings, None);
    let ended = crate::clock::timeout(std::time::Duration::from_millis(500), writing).await;
    assert!(ended.is_err(), "still reading");
    place.destination.settle().await;
    assert_eq!(place.files(), 0);
}

#[tokio::test]
async fn files_end_near_their_largest_size() {
    let place = Place::new();
    let limit = 200_000;
    let fanout = Fanout { max_file_bytes: Some(limit), ..Fanout::default() };
    // Texts without a pattern, so that they do not shrink to nothing.
    let text = |i: i64| format!("{:x}", md5_like(i));
    let batches = (0..60).map(|batch| {
        let ids = (batch * 1000)..(batch * 1000 + 1000);
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.clone()));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(ids.map(text)));
        let columns = [("id", id, false), ("text", texts, false)];
        RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| Error::internal(error.to_string()))
    });
    let batches: Vec<Result<RecordBatch>> = batches.collect();
    let schema = batches[0].as_ref().expect("batch").schema();
    let items = futures::stream::iter(batches.into_iter().map(|item| item.map_err(Into::into)));
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, items));
    let part =
        write_part(stream, &place.target(fanout), &WriterSettings::default(), None).await.expect("part");
    assert!(part.files.len() > 3, "{}", part.files.len());
    for (at, file) in part.files.iter().enumerate() {
        assert_eq!(file.entry.name, format!("part-00003-{at:03}.parquet"));
        let bytes = file.entry.bytes;
        assert!(bytes <= limit * 11 / 10, "{bytes}");
        assert!(
            at + 1 == part.files.len() || bytes >= limit * 9 / 10,
            "file {at} of {} has {bytes}",
            part.files.len()
        );
    }
    let found: Vec<i64> = place.read(&part).await.into_values().flatten().collect();
    assert_eq!(found, (0..60_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_of_many_rows_wait_on_disk_in_pieces_and_go_into_files_of_the_largest_size() {
    for limit in [None, Some(5_000)] {
        let place = Place::new();
        let keys = |batch: i64| (0..500).map(move |row| ["a", "b", "c"][((batch * 7 + row) % 3) as usize]);
        let batches = (0..60).map(|batch| {
            let keys: Vec<Option<&str>> = keys(batch).map(Some).collect();
            Ok(rows(batch * 500, &keys))
        });
        let fanout = Fanout { max_file_bytes: limit, ..by_key(1, 400_000) };
        let part = write(&place, fanout, batches.collect()).await.expect("written");
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let files = place.read(&part).await;
        let sizes: Vec<u64> = part.files.iter().map(|file| file.entry.bytes).collect();
        assert!(limit.is_none() || sizes.len() > 3, "{sizes:?}");
        for (name, ids) in files {
            found.entry(name.split('/').next().expect("a directory").to_owned()).or_default().extend(ids);
        }
        let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for batch in 0..60 {
            for (row, key) in keys(batch).enumerate() {
                expected.entry(format!("k={key}")).or_default().push(batch * 500 + row as i64);
            }
        }
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn rows_without_bytes_come_back_from_disk_and_lost_ones_are_an_error() {
    let nothing: ArrayRef = Arc::new(NullArray::new(5));
    let rows = RecordBatch::try_from_iter_with_nullable([("nothing", nothing, true)]).expect("rows");
    let mut runs = Runs::default();
    for _ in 0..2 {
        runs.put(rows.clone(), vec![(0, 3), (2, 2)]).await.expect("put away");
    }
    let mut order = VecDeque::from([0, 1, 2]);
    let mut found = Vec::new();
    while let Some((key, pieces)) = runs.next(&mut order, 4, 1 << 20).await.expect("read") {
        found.push((key, pieces.iter().map(RecordBatch::num_rows).sum::<usize>()));
    }
    assert_eq!(found, [(0, 6), (2, 4)]);
    runs.put(rows, vec![(0, 3), (2, 2)]).await.expect("put away");
    let mut order = VecDeque::from([0]);
    assert!(runs.next(&mut order, 4, 1 << 20).await.expect("read").is_some());
    assert!(runs.next(&mut order, 4, 1 << 20).await.is_err());
}

fn md5_like(i: i64) -> u128 {
    let mut x = (i as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).wrapping_add(0x1234_5678);
    x ^= x >> 61;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93_a5b3_4f1b_9d2c_17e5);
    x ^ (x >> 67)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the limits: every row is once in the directory of its key, and rows of a key keep their order within files
    /// and over the numbers of its files.
    #[test]
    fn every_row_is_once_in_its_directory(
        batches in prop::collection::vec(prop::collection::vec(prop::option::of(0u8..12), 0..40), 0..12),
        open in 1usize..14,
        held in prop::sample::select(vec![1usize, 2_000, 20_000, 1 << 20]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let place = Place::new();
            let names: Vec<String> = (0..12).map(|key| format!("key {key}")).collect();
            let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            let mut first = 0;
            let mut given = Vec::new();
            for batch in &batches {
                let keys: Vec<Option<&str>> =
                    batch.iter().map(|key| key.map(|key| names[usize::from(key)].as_str())).collect();
                for (at, key) in keys.iter().enumerate() {
                    let dir = format!("k={}", key.map_or(HIVE_NULL.to_owned(), escape));
                    expected.entry(dir).or_default().push(first + at as i64);
                }
                given.push(Ok(rows(first, &keys)));
                first += keys.len() as i64;
            }
            let part = write(&place, by_key(open, held), given).await.expect("written");
            let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            for (name, ids) in place.read(&part).await {
                let (dir, file) = name.split_once('/').expect("a directory");
                prop_assert!(file == "part-00003.parquet" || file.starts_with("part-00003-0"), "{}", name);
                found.entry(dir.to_owned()).or_default().extend(ids);
            }
            for ids in found.values_mut() {
                ids.sort_unstable();
            }
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }
}
