//! Parts written to a real directory and read back by the Parquet reader.

use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::{Int8Type, Int32Type};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::catalog::Slice;
use crate::destination::Destination;
use crate::destination::local::LocalDirectory;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{Compression, ParquetSpec};

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

    fn target(&self, part: usize) -> PartTarget {
        let name = format!("part-{part:05}.parquet");
        let destination = Arc::clone(&self.destination);
        PartTarget {
            destination,
            path: format!("s/t/{name}"),
            name,
            part,
            slice: Slice::All,
            est_bytes: 0,
            only: false,
            fanout: Fanout::default(),
        }
    }

    /// Every file below the base, however hidden.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, into: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).expect("list") {
                let path = entry.expect("entry").path();
                if path.is_dir() { walk(&path, into) } else { into.push(path.display().to_string()) }
            }
        }
        let mut found = vec![];
        walk(self.temp.path(), &mut found);
        found
    }

    async fn read(&self, prepared: &PreparedPart) -> RecordBatch {
        let upload = &prepared.files[0].upload;
        self.destination.complete(upload).await.expect("complete");
        let content = self.destination.get(&upload.path).await.expect("get").expect("there");
        assert_eq!(content.len() as u64, upload.bytes);
        let builder = ParquetRecordBatchReaderBuilder::try_new(content).expect("parquet");
        let schema = Arc::clone(builder.schema());
        let batches: Vec<_> = builder.build().expect("reader").collect::<Result<_, _>>().expect("batches");
        concat_batches(&schema, &batches).expect("one batch")
    }
}

fn stream(schema: &SchemaRef, items: Vec<Result<RecordBatch>>) -> SendableRecordBatchStream {
    let items = futures::stream::iter(items.into_iter().map(|item| item.map_err(Into::into)));
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), items))
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns).expect("batch")
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    batch(vec![("id", Arc::new(Int64Array::from_iter_values(range)), false)])
}

fn settings(row_group_rows: usize, row_group_bytes: usize) -> WriterSettings {
    let parquet = ParquetSpec {
        compression: Compression::Snappy,
        row_group_rows,
        row_group_bytes,
        ..Default::default()
    };
    WriterSettings { parquet, dictionary_off: vec!["id".into()], ..Default::default() }
}

#[tokio::test]
async fn types_in_memory_become_plain_types_in_the_file() {
    let place = Place::new();
    let words: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("c"), Some("a")].into_iter().collect();
    let listed = DictionaryArray::<Int32Type>::from_iter(["x", "y", "x", "x", "y"]);
    let mut list = ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new());
    list.append_value(listed.downcast_dict::<StringArray>().expect("dictionary").into_iter());
    list.append_null();
    list.append_value([None, Some("y")]);
    list.append_value([] as [Option<&str>; 0]);
    let money = Decimal64Array::from(vec![Some(-125), None, Some(99_999_999_999_999_999), Some(0)])
        .with_precision_and_scale(17, 2)
        .expect("decimal");
    let views = StringViewArray::from(vec!["short", "a string that does not fit inline", "", "ü"]);
    let input = batch(vec![
        ("word", Arc::new(words), true),
        ("list", Arc::new(list.finish()), true),
        ("money", Arc::new(money), true),
        ("view", Arc::new(views), false),
    ]);
    let written = written_schema(&input.schema());
    let source = stream(&input.schema(), vec![Ok(input.slice(0, 1)), Ok(input.slice(1, 3))]);
    let prepared = write_part(source, &place.target(0), &settings(1000, 1 << 20), None).await.expect("part");
    let read = place.read(&prepared).await;
    assert_eq!(read.schema(), written, "names, types, nullability and ids");
    assert_eq!(
        read.column(0).as_string::<i32>(),
        &StringArray::from(vec![Some("a"), None, Some("c"), Some("a")])
    );
    assert_eq!(
        format!("{:?}", read.column(1).as_list::<i32>().value(2)),
        format!("{:?}", StringArray::from(vec![None, Some("y")]))
    );
    assert!(read.column(1).is_null(1));
    assert_eq!(
        read.column(2).as_primitive::<arrow::datatypes::Decimal128Type>().value_as_string(2),
        "999999999999999.99"
    );
    assert_eq!(read.column(3).as_string::<i32>().value(3), "ü");
    let columns = &prepared.files[0].entry.columns;
    let shown: Vec<_> =
        columns.iter().map(|c| (&*c.name, c.min.as_deref(), c.max.as_deref(), c.nulls)).collect();
    assert_eq!(shown[0], ("word", Some("a"), Some("c"), Some(1)));
    assert_eq!(shown[1], ("list.list.item", Some("x"), Some("y"), None));
    assert_eq!(shown[2], ("money", Some("-1.25"), Some("999999999999999.99"), Some(1)));
}

#[tokio::test]
async fn row_groups_close_by_rows_and_by_bytes() {
    for (limits, least, most) in [(settings(700, 1 << 20), 15, 15), (settings(1_000_000, 8192), 5, 11)] {
        let place = Place::new();
        let seen = Arc::new(Mutex::new((0, 0)));
        let counter = Arc::clone(&seen);
        let progress: ProgressFn = Arc::new(move |rows, bytes| {
            let mut seen = counter.lock().expect("lock");
            *seen = (seen.0 + rows, seen.1 + bytes);
        });
        let batches = (0..10).map(|i| Ok(numbers(i * 1000..(i + 1) * 1000))).collect();
        let source = stream(&numbers(0..0).schema(), batches);
        let prepared = write_part(source, &place.target(3), &limits, Some(&progress)).await.expect("part");
        assert_eq!((prepared.part, prepared.rows, seen.lock().expect("lock").0), (3, 10_000, 10_000));
        assert!(seen.lock().expect("lock").1 >= 80_000);
        let read = place.read(&prepared).await;
        let expected: Vec<i64> = (0..10_000).collect();
        assert_eq!(read.column(0).as_primitive::<arrow::datatypes::Int64Type>().values(), &expected);
        let content = place.destination.get("s/t/part-00003.parquet").await.expect("get").expect("there");
        let metadata = ParquetRecordBatchReaderBuilder::try_new(content).expect("parquet").metadata().clone();
        let groups = metadata.num_row_groups();
        assert!((least..=most).contains(&groups), "{groups} row groups");
        assert!(
            metadata.file_metadata().created_by().expect("created by").starts_with("lakexpress version ")
        );
        let entry = prepared.files[0].entry.clone();
        assert_eq!(
            (entry.columns[0].min.as_deref(), entry.columns[0].max.as_deref()),
            (Some("0"), Some("9999"))
        );
    }
}

#[tokio::test]
async fn large_parts_go_out_in_blocks_and_arrive_whole() {
    let place = Place::new();
    let noise = |seed: u64| {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Int64Array::from_iter_values((0..100_000).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.cast_signed()
        }))
    };
    let batches: Vec<RecordBatch> =
        (1..=20).map(|i| batch(vec![("id", Arc::new(noise(i)), false)])).collect();
    let whole = concat_batches(&batches[0].schema(), &batches).expect("concat");
    let source = stream(&whole.schema(), batches.into_iter().map(Ok).collect());
    let prepared =
        write_part(source, &place.target(0), &settings(usize::MAX, 6 << 20), None).await.expect("part");
    assert!(prepared.files[0].upload.bytes > 16_000_000);
    assert_eq!(place.read(&prepared).await.column(0), whole.column(0));
}

#[tokio::test]
async fn empty_slices_and_errors_leave_nothing() {
    let place = Place::new();
    let schema = numbers(0..0).schema();
    let source = stream(&schema, vec![Ok(numbers(0..0))]);
    let prepared = write_part(source, &place.target(7), &settings(10, 1024), None).await.expect("part");
    assert_eq!(prepared, PreparedPart { part: 7, rows: 0, files: vec![] });

    let lost = || Error::unavailable("the server went away").with("table", "s.t");
    for before in [vec![], vec![Ok(numbers(0..50_000)), Ok(numbers(0..10))]] {
        let items = before.into_iter().chain([Err(lost())]).collect();
        let source = stream(&schema, items);
        let error =
            write_part(source, &place.target(7), &settings(1000, 1024), None).await.expect_err("lost");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "the server went away"));
        let text = error.to_string();
        assert!(
            text.contains("s.t") && text.contains("part 7") && text.contains("s/t/part-00007.parquet"),
            "{text}"
        );
    }
    assert_eq!(place.files(), Vec::<String>::new());

    let endless = futures::stream::iter((0..).map(|i| Ok(numbers(i..i + 1000))));
    let source: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema, endless));
    let (target, limits) = (place.target(0), settings(5000, 1 << 20));
    let part = write_part(source, &target, &limits, None);
    assert!(crate::clock::timeout(std::time::Duration::from_millis(100), part).await.is_err());
    assert_eq!(place.files(), Vec::<String>::new(), "a cancelled part");
}

#[tokio::test]
async fn an_empty_table_is_a_file_with_its_columns() {
    let place = Place::new();
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema: SchemaRef = Schema::new(vec![Field::new("at", moment, true)]).into();
    let prepared = write_empty(&schema, &place.target(0), &settings(10, 1024)).await.expect("part");
    let read = place.read(&prepared).await;
    assert_eq!((read.num_rows(), read.schema().fields()), (0, written_schema(&schema).fields()));
    // Of which calendar, for Spark.
    assert_eq!(read.schema().metadata()["org.apache.spark.version"], "3.0.0");
}

#[tokio::test]
async fn values_that_the_encoder_would_bend_are_refused() {
    let place = Place::new();
    let nullable = batch(vec![("a", Arc::new(Int64Array::from(vec![Some(1), None])), true)]);
    let required: SchemaRef = Schema::new(vec![Field::new("a", DataType::Int64, false)]).into();
    let too_long: Decimal128Array = vec![1_i128 << 70].into();
    let too_long = too_long.with_data_type(DataType::Decimal128(18, 2));
    let too_long = batch(vec![("a", Arc::new(too_long), false)]);
    let surplus = batch(vec![
        ("a", Arc::new(Int64Array::from(vec![1])), false),
        ("b", Arc::new(Int64Array::from(vec![1])), false),
    ]);
    for (schema, batch, kind) in [
        (Arc::clone(&required), nullable, ErrorKind::Data),
        (too_long.schema(), too_long, ErrorKind::Data),
        (Arc::clone(&required), surplus, ErrorKind::Internal),
        (
            Arc::clone(&required),
            batch(vec![("a", Arc::new(Int32Array::from(vec![1])), false)]),
            ErrorKind::Internal,
        ),
    ] {
        let error = write_part(stream(&schema, vec![Ok(batch)]), &place.target(0), &settings(10, 1024), None)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    assert_eq!(place.files(), Vec::<String>::new());
}

/// Texts of so many bytes in so many columns, which no codec makes smaller.
fn wide(rows: usize, columns: usize, bytes: usize) -> RecordBatch {
    let mut state = 1u64;
    let mut text = || -> String {
        let mut text = String::with_capacity(bytes);
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(char::from(33 + (state >> 57) as u8 % 90));
        }
        text
    };
    let mut column = || Arc::new((0..rows).map(|_| Some(text())).collect::<StringArray>()) as ArrayRef;
    let named: Vec<(String, ArrayRef)> = (0..columns).map(|at| (format!("c{at}"), column())).collect();
    batch(named.iter().map(|(name, array)| (name.as_str(), Arc::clone(array), false)).collect())
}

/// Bytes that the limit is about: those of pages, compressed.
#[tokio::test]
async fn row_groups_of_wide_rows_have_the_bytes_that_were_asked_for() {
    const LIMIT: usize = 4 << 20;
    let mut settings = settings(1 << 20, LIMIT);
    settings.parquet.compression = Compression::None;
    settings.dictionary_off.clear();
    // Few columns with long values, one batch above the limit, and many columns whose pages are never full.
    for (rows, columns, bytes) in [(4_000, 3, 1_500), (30, 2, 300_000), (600, 120, 200)] {
        let place = Place::new();
        let input = wide(rows, columns, bytes);
        let source = stream(&input.schema(), vec![Ok(input)]);
        let prepared = write_part(source, &place.target(0), &settings, None).await.expect("part");
        let upload = &prepared.files[0].upload;
        place.destination.complete(upload).await.expect("complete");
        let content = place.destination.get(&upload.path).await.expect("get").expect("there");
        let footer = ParquetRecordBatchReaderBuilder::try_new(content).expect("parquet").metadata().clone();
        let groups = footer.row_groups();
        assert!(groups.len() > 2, "{} row groups", groups.len());
        for group in &groups[..groups.len() - 1] {
            let found = group.compressed_size() as f64 / LIMIT as f64;
            assert!(
                (0.8..1.2).contains(&found),
                "{found} of the limit with {columns} columns of {bytes} bytes"
            );
        }
    }
}
