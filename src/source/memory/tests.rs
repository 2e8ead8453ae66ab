//! The contract on tables in memory, and on every wrapper around them; and that the suite finds what breaks it.

use std::collections::HashMap;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::*;
use crate::source::conformance::{self, Around, BAD_ID, Change, Fixture, Mutant, Row, known_rows};
use crate::source::{Layered, Limited, Paced};

fn table(name: &str) -> TableRef {
    TableRef { schema: "main".into(), name: name.into() }
}

/// Rows as they are stored.
fn stored(rows: &[Row]) -> RecordBatch {
    let columns: [ArrayRef; 4] = [
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.n))),
        Arc::new(StringArray::from_iter(rows.iter().map(|row| row.name.clone()))),
        Arc::new(Date32Array::from_iter(rows.iter().map(|row| row.since))),
    ];
    let fields = ["id", "n", "name", "since"].into_iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(name, column)| Field::new(name, column.data_type().clone(), name != "id")).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec()).unwrap()
}

/// Ten rows, one of which has a text that is no number.
fn bad() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(401..=410));
    let text = |id: i64| if id == BAD_ID { "odd".to_owned() } else { id.to_string() };
    let values: ArrayRef = Arc::new(StringArray::from_iter_values((401..=410).map(text)));
    let declared = HashMap::from([("declared".to_owned(), "bigint".to_owned())]);
    let fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("v", DataType::Utf8, true).with_metadata(declared),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ids, values]).unwrap()
}

struct Memory {
    database: Arc<Database>,
    rows: std::sync::Mutex<Vec<Row>>,
}

impl Memory {
    fn new() -> Self {
        let rows = known_rows();
        let tables = [("one", stored(&rows)), ("two", stored(&rows)), ("bad", bad())];
        let tables = tables.map(|(name, rows)| (table(name), rows));
        let database = Arc::new(Database::new(Tables::from(tables)));
        Self { database, rows: rows.into() }
    }
}

#[async_trait]
impl Fixture for Memory {
    fn open(&self) -> Result<Arc<dyn Source>> {
        Ok(open(&self.database))
    }

    fn tables(&self) -> Vec<TableRef> {
        vec![table("one"), table("two")]
    }

    async fn change(&self, change: &Change) -> Result<()> {
        let mut rows = self.rows.lock().unwrap();
        change.apply(&mut rows);
        self.database.commit(|tables| {
            for name in self.tables() {
                tables.insert(name, stored(&rows));
            }
        });
        Ok(())
    }

    fn bad(&self) -> TableRef {
        table("bad")
    }

    fn secrets(&self) -> Vec<String> {
        vec!["a-secret".into()]
    }

    async fn statements(&self) -> Result<Option<usize>> {
        Ok(Some(self.database.in_use().1))
    }

    async fn kept(&self) -> Result<Option<usize>> {
        Ok(Some(self.database.in_use().0))
    }
}

/// Asserts the contract, and that as much of it was asserted as there is.
async fn conforms(fixture: &dyn Fixture) {
    let seen = conformance::check(fixture).await.unwrap();
    assert_eq!(seen.methods.keys().copied().collect::<Vec<_>>(), ["None", "Random", "RangeId"]);
    assert!(seen.methods["Random"] > 2, "{seen:?}");
    assert!(
        seen.pushed > 200 && seen.weakened > 0 && seen.kept > 0,
        "{} {} {}",
        seen.pushed,
        seen.weakened,
        seen.kept
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    conforms(&Memory::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_what_is_put_around_a_source() {
    let memory = Memory::new();
    conforms(&Around::new(&memory, |source| Arc::new(Layered::new(source, Limited::new(4))))).await;
    conforms(&Around::new(&memory, |source| {
        let pace = Paced::new(source.as_ref(), 1 << 40);
        Arc::new(Layered::new(source, pace))
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_contract_is_found() {
    let memory = Memory::new();
    conformance::prove(&memory, &Mutant::ALL).await.unwrap();
    let limited = Around::new(&memory, |source| Arc::new(Layered::new(source, Limited::new(4))));
    conformance::prove(&limited, &Mutant::ALL).await.unwrap();
}
