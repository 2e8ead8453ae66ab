//! Rows that go wrong between the server and the file: a source that lies once, in one batch, at a random place.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Int32Type, Int64Type,
};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use lakexpress::catalog::TableFilter;
use lakexpress::destination::Destination;
use lakexpress::run::{self, CancelSwitch, Observer, Progress, RunSummary, Services};
use lakexpress::runlog::{self, RunEvent};
use lakexpress::source::{self, Layer, Layered, Source};
use lakexpress::spec::{CuttingSpec, ExportSpec, RunSpec, SafetySpec, SelectionSpec, TypePolicy, Verify};
use lakexpress::{destination, error};

use crate::lake::{env_number, manifest};
use crate::tpch::{TABLES, tpch};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lie {
    Byte,
    Drop,
    Double,
    Swap,
}

/// A layer that makes one row wrong of all that are read.
#[derive(Debug)]
struct Liar {
    lie: Lie,
    told: Arc<AtomicBool>,
}

impl Layer for Liar {
    fn apply(&self, rows: SendableRecordBatchStream, _source: &Arc<dyn Source>) -> SendableRecordBatchStream {
        let (schema, lie, told) = (rows.schema(), self.lie, Arc::clone(&self.told));
        let bent = rows.map(move |batch| {
            let batch = batch?;
            // Large batches are one of many: any of them.
            let waits = batch.num_rows() > 1000 && chance(3) != 0;
            if batch.num_rows() < 2 || waits || told.load(Ordering::SeqCst) {
                return Ok(batch);
            }
            Ok(match (0..20).find_map(|_| bend(&batch, lie)) {
                Some(bent) if !told.swap(true, Ordering::SeqCst) => bent,
                _ => batch,
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, bent))
    }
}

fn chance(below: usize) -> usize {
    (uuid::Uuid::new_v4().as_u128() % below as u128) as usize
}

/// The batch with one thing wrong; none if this place does not lend itself to it.
fn bend(batch: &RecordBatch, lie: Lie) -> Option<RecordBatch> {
    let (row, partner) = (chance(batch.num_rows()), chance(batch.num_rows()));
    let column = chance(batch.num_columns());
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    match lie {
        Lie::Drop => drop(order.remove(row)),
        Lie::Double => order.insert(row, row as u32),
        Lie::Swap => {
            order.swap(row, partner);
            let values = batch.column(column);
            let swapped = take(values, &UInt32Array::from(order), None).unwrap();
            return replaced(batch, column, swapped);
        }
        Lie::Byte => {
            let values = batch.column(column);
            let changed: ArrayRef = match values.data_type() {
                DataType::Int32 => flipped::<Int32Type>(values, row),
                DataType::Int64 => flipped::<Int64Type>(values, row),
                DataType::Date32 => flipped::<Date32Type>(values, row),
                DataType::Decimal128(_, _) => flipped::<Decimal128Type>(values, row),
                DataType::Utf8 => {
                    let mut texts: Vec<String> =
                        values.as_string::<i32>().iter().map(|text| text.unwrap_or("").to_owned()).collect();
                    let first = texts[row].chars().next()?;
                    texts[row].replace_range(..first.len_utf8(), if first == 'Z' { "Y" } else { "Z" });
                    Arc::new(StringArray::from(texts))
                }
                other => panic!("{other}"),
            };
            return replaced(batch, column, changed);
        }
    }
    Some(take_record_batch(batch, &UInt32Array::from(order)).unwrap())
}

/// Adds one to one value.
fn flipped<T: ArrowPrimitiveType>(values: &ArrayRef, row: usize) -> ArrayRef {
    let mut all = values.as_primitive::<T>().values().to_vec();
    all[row] = all[row].add_wrapping(T::Native::ONE);
    Arc::new(PrimitiveArray::<T>::new(all.into(), None).with_data_type(values.data_type().clone()))
}

fn replaced(batch: &RecordBatch, column: usize, values: ArrayRef) -> Option<RecordBatch> {
    if batch.column(column) == &values {
        return None;
    }
    let mut columns = batch.columns().to_vec();
    columns[column] = values;
    Some(RecordBatch::try_new(batch.schema(), columns).unwrap())
}

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _event: &RunEvent) {}
}

/// Exports one table of TPC-H through a source that may lie.
async fn export(table: &str, verify: Verify, dir: &Path, lie: Option<(Lie, Arc<AtomicBool>)>) -> RunSummary {
    export_to(table, verify, dir, lie, |destination| destination).await
}

/// As [`export`], to a destination that `wrap` changes.
pub(super) async fn export_to(
    table: &str,
    verify: Verify,
    dir: &Path,
    lie: Option<(Lie, Arc<AtomicBool>)>,
    wrap: impl FnOnce(Arc<dyn Destination>) -> Arc<dyn Destination>,
) -> RunSummary {
    let address = source::Address::Url(tpch().parse().unwrap());
    let mut source = source::open(&address, &TypePolicy::default(), &source::Environment::default()).unwrap();
    if let Some((lie, told)) = lie {
        source = Arc::new(Layered::new(source, Liar { lie, told }));
    }
    let location = dir.join("out").display().to_string();
    let (_switch, cancel) = CancelSwitch::new();
    let services = Services {
        source,
        destination: wrap(destination::open(&destination::Address::Location(location)).unwrap()),
        runlog: runlog::open_file(&dir.join("runs.db")),
        observer: Arc::new(Nobody),
        progress: Arc::new(Progress::default()),
        cancel,
    };
    let filter = TableFilter { include: vec![table.to_owned()], ..TableFilter::default() };
    let spec = ExportSpec {
        selection: SelectionSpec { filter, ..SelectionSpec::default() },
        cutting: CuttingSpec {
            readers: 2,
            large_table_rows: 10_000,
            part_bytes: 1 << 20,
            ..CuttingSpec::default()
        },
        safety: SafetySpec { verify, ..SafetySpec::default() },
        run: RunSpec { n_jobs: 1, max_connections: 4, ..RunSpec::default() },
        ..ExportSpec::default()
    };
    let run_id = uuid::Uuid::new_v4().to_string();
    Box::pin(run::run(&spec, &run_id, &services)).await.unwrap()
}

/// All tables, all lies, some rounds: a wrong number of rows is not committed, other rows are reported and marked.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_goes_wrong_on_its_way_is_found() {
    let rounds = env_number("LAKEXPRESS_VERIFY_ROUNDS", 1);
    let mut found = 0;
    for table in TABLES {
        for lie in [Lie::Byte, Lie::Drop, Lie::Double, Lie::Swap] {
            for _ in 0..rounds {
                let place = tempfile::tempdir().unwrap();
                let told = Arc::new(AtomicBool::new(false));
                // A lie has its chance in each batch; a small table may need another run.
                let mut summary;
                loop {
                    summary = export(table, Verify::Hash, place.path(), Some((lie, Arc::clone(&told)))).await;
                    if told.load(Ordering::SeqCst) {
                        break;
                    }
                    assert!(summary.tables[0].error.is_none(), "{table} {lie:?}: a false alarm");
                }
                let error = summary.tables[0].error.as_ref();
                let error = error.unwrap_or_else(|| panic!("{table} {lie:?} was not found"));
                assert_eq!(error.kind(), error::ErrorKind::Data);
                let text = error.to_string();
                let dir = place.path().join("out/public").join(table);
                match lie {
                    Lie::Drop | Lie::Double => assert!(text.contains("the source counts"), "{text}"),
                    Lie::Byte | Lie::Swap => {
                        assert!(text.contains("its hash is") && text.contains("part-0"), "{text}");
                        assert_eq!(manifest(&dir)["verification"]["hash"], "differs");
                        let said = super::problems(
                            &super::verify(&place.path().join("out"), &["--read-data"]).exits(super::DATA),
                        );
                        assert!(
                            said.iter().any(|p| p.ends_with(" hash")) && said.contains(&"- verdict".into())
                        );
                    }
                }
                // And the next export is whole again.
                assert!(export(table, Verify::Hash, place.path(), None).await.tables[0].error.is_none());
                assert_eq!(manifest(&dir)["verification"]["hash"], "equal");
                found += 1;
            }
        }
    }
    println!("{found} wrong rows found on their way");
}

/// A table with a wrong number of rows is not committed, and what was there before stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_count_leaves_the_old_table() {
    let place = tempfile::tempdir().unwrap();
    assert!(export("nation", Verify::Count, place.path(), None).await.tables[0].error.is_none());
    let dir = place.path().join("out/public/nation");
    let before = manifest(&dir);
    assert_eq!(before["verification"]["source_rows"], 25);
    for lie in [Lie::Drop, Lie::Double] {
        let told = Arc::new(AtomicBool::new(false));
        while !told.load(Ordering::SeqCst) {
            let old = manifest(&dir);
            let summary = export("nation", Verify::Count, place.path(), Some((lie, Arc::clone(&told)))).await;
            if told.load(Ordering::SeqCst) {
                let error = summary.tables[0].error.as_ref().expect("found").to_string();
                assert!(error.contains("the source counts 25 rows"), "{error}");
                assert_eq!(manifest(&dir), old);
            }
        }
    }
}
