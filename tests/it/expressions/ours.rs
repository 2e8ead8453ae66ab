//! What we answer: the plans of a real export, over rows that were read once from the real source.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat_batches, take_arrays};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_schema::{DataType, TimeUnit};
use async_trait::async_trait;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::{TryStreamExt, stream};
use lakexpress::catalog::{
    ColumnInfo, Consistency, ListedTable, Slice, SnapshotToken, SourceIdentity, TableFilter, TableInfo,
    TableRef,
};
use lakexpress::error::Result;
use lakexpress::partition::Choice;
use lakexpress::plan::query::{QueryInput, Readers, parse_query, plan_queries};
use lakexpress::plan::{self, Cut, CutSlice, TablePlan};
use lakexpress::sink::FileRules;
use lakexpress::source::{self, Address, Dialect, Environment, Snapshot, Source, TableRead};
use lakexpress::spec::{CuttingSpec, ExportSpec, Method, RunSpec, TypePolicy};
use tokio::runtime::Runtime;

use super::compare::IN_A_BATCH;

const MEMORY: u64 = 1 << 30;

/// Streams of each table that a query reads: equal keys lie in several of them.
const SLICES: [u32; 3] = [0, 1, 2];

fn of_slice(remainder: u32) -> Slice {
    Slice::Modulo { column: "id".to_owned(), of: 3, remainder }
}

/// A value of ours, as PostgreSQL writes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ours {
    Null,
    Bool(bool),
    /// An integer of so many bits.
    Integer(u8, String),
    /// A decimal, in digits.
    Number(String),
    Real(f32),
    Double(f64),
    /// The name of its class, and the text.
    Text(&'static str, String),
    Error(String),
}

/// What we say of an expression: why it is refused, or its values.
pub(super) type Said = std::result::Result<Vec<Ours>, String>;

/// Rows of tables in memory. Nothing is pushed down: every condition is evaluated here.
#[derive(Debug)]
struct Memory {
    inner: Arc<dyn Source>,
    dialect: NothingPushed,
    tables: Vec<(TableInfo, RecordBatch)>,
    /// The rows that are read; none for all.
    only: Mutex<Option<Vec<u32>>>,
}

#[derive(Debug)]
struct NothingPushed(Arc<dyn Source>);

impl Dialect for NothingPushed {
    fn name(&self) -> &'static str {
        self.0.dialect().name()
    }

    fn default_schema(&self) -> &str {
        self.0.dialect().default_schema()
    }

    fn table(&self, table: &TableRef) -> String {
        self.0.dialect().table(table)
    }

    fn column(&self, name: &str) -> String {
        self.0.dialect().column(name)
    }

    fn remainder(&self, column: &str, of: u32) -> String {
        self.0.dialect().remainder(column, of)
    }

    fn sql_type(&self, column: &ColumnInfo) -> Option<&'static str> {
        self.0.dialect().sql_type(column)
    }

    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String> {
        self.0.dialect().slice_sql(table, slice)
    }

    fn pushdown(&self, _table: &TableInfo, _filter: &Expr) -> Option<String> {
        None
    }

    fn methods(&self, table: &TableInfo) -> Vec<Method> {
        self.0.dialect().methods(table)
    }
}

#[async_trait]
impl Source for Memory {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        self.inner.identity().await
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        self.inner.list(filter).await
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        self.inner.snapshot(tables, level, readers).await
    }

    fn read(&self, read: &TableRead, _at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        assert!(read.filter.is_none(), "pushed: {:?}", read.filter);
        let (_, rows) = self.tables.iter().find(|(info, _)| info.table == read.table.table).unwrap();
        let schema = Arc::new(read.table.schema().project(&read.columns).unwrap());
        let mut columns = rows.project(&read.columns).unwrap().columns().to_vec();
        let only = match &read.slice {
            Slice::Modulo { of, remainder, .. } => {
                Some((*remainder..rows.num_rows().try_into().unwrap()).step_by(*of as usize).collect())
            }
            _ => self.only.lock().unwrap().clone(),
        };
        let only = only.map(UInt32Array::from);
        if let Some(only) = &only {
            columns = take_arrays(&columns, only, None).unwrap();
        }
        // There may be no column; and what a query reads has no field ids.
        let count = only.map_or(rows.num_rows(), |only| only.len());
        let count = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &count).unwrap();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([Ok(batch)]))))
    }
}

/// A database whose rows are in memory.
pub(super) struct InMemory {
    runtime: Runtime,
    memory: Arc<Memory>,
    plan: TablePlan,
    at: SnapshotToken,
    readers: Readers,
    rows: usize,
}

/// A plan and what it runs in.
type Planned = (Arc<dyn ExecutionPlan>, Arc<TaskContext>);

impl InMemory {
    /// Reads `tables` of the database at `url`; the first is the one that expressions are about.
    pub(super) fn read(url: &str, tables: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = Address::Url(url::Url::parse(url).unwrap());
        let inner = source::open(&address, &TypePolicy::default(), &Environment::of([])).unwrap();
        let schema = inner.dialect().default_schema().to_owned();
        let refs: Vec<TableRef> =
            tables.iter().map(|name| TableRef { schema: schema.clone(), name: (*name).to_owned() }).collect();
        let (held, at, readers) = runtime.block_on(async {
            let snapshot = inner.snapshot(&refs, Consistency::Run, 4).await.unwrap();
            let mut held = Vec::new();
            for table in &refs {
                let info = snapshot.describe(table, &TableFilter::default()).await.unwrap();
                let read = TableRead {
                    columns: (0..info.columns.len()).collect(),
                    table: Arc::new(info.clone()),
                    slice: Slice::All,
                    filter: None,
                    batch_rows: 4096,
                };
                let batches: Vec<RecordBatch> =
                    inner.read(&read, snapshot.token()).unwrap().try_collect().await.unwrap();
                let rows = concat_batches(&info.schema(), &batches).unwrap();
                held.push((info, rows));
            }
            (held, snapshot.token().clone(), Readers::of(8, snapshot.as_ref()))
        });
        let rows = held[0].1.num_rows();
        let dialect = NothingPushed(Arc::clone(&inner));
        let memory = Arc::new(Memory { inner, dialect, tables: held, only: Mutex::new(None) });
        let choice = Choice { method: Method::None, key: None, parts: 1, readers: 1, reason: String::new() };
        let cut = Cut { choice, slices: vec![CutSlice { slice: Slice::All, directory: None }] };
        let source: Arc<dyn Source> = Arc::<Memory>::clone(&memory);
        let info = memory.tables[0].0.clone();
        let spec = spec();
        let rules = FileRules::default();
        let plan = plan::plan_table(&source, info, at.clone(), cut, &spec, &rules);
        let plan = runtime.block_on(plan).unwrap();
        Self { runtime, memory, plan, at, readers, rows }
    }

    /// The values of expressions as columns, row by row. They are tried in one plan, and alone where that fails.
    pub(super) fn columns(&self, expressions: &[String]) -> Vec<Said> {
        let list: Vec<String> = expressions
            .iter()
            .enumerate()
            .map(|(at, expression)| format!("({expression}) AS e{at}"))
            .collect();
        if let Ok(planned) = self.plan(None, Some(&list.join(", ")))
            && let Ok(batches) = self.collect(&planned, None)
            && batches.iter().map(RecordBatch::num_rows).sum::<usize>() == self.rows
        {
            let column = |at| Ok(batches.iter().flat_map(|batch| values(batch.column(at))).collect());
            return (0..expressions.len()).map(column).collect();
        }
        expressions.iter().map(|expression| self.column(expression)).collect()
    }

    /// The values of an expression as a column, row by row.
    pub(super) fn column(&self, expression: &str) -> Said {
        let planned = self.plan(None, Some(&format!("({expression}) AS e")))?;
        Ok(self.row_by_row(|only| {
            let rows = only.map_or(self.rows, <[u32]>::len);
            let batches = self.collect(&planned, only)?;
            let all: Vec<Ours> = batches.iter().flat_map(|batch| values(batch.column(0))).collect();
            if all.len() == rows { Ok(all) } else { Err(format!("{} rows of {rows}", all.len())) }
        }))
    }

    /// Whether each row is selected by a condition.
    pub(super) fn condition(&self, expression: &str) -> Said {
        let planned = self.plan(Some(expression), Some("id"))?;
        Ok(self.row_by_row(|only| {
            let mut selected = vec![false; self.rows];
            for id in self.collect(&planned, only)?.iter().flat_map(|batch| values(batch.column(0))) {
                let Ours::Integer(_, id) = id else { return Err(format!("{id:?} is no id")) };
                selected[id.parse::<usize>().unwrap() - 1] = true;
            }
            let of = |row: &u32| Ours::Bool(selected[*row as usize]);
            Ok(only.map_or_else(
                || selected.iter().copied().map(Ours::Bool).collect(),
                |some| some.iter().map(of).collect(),
            ))
        }))
    }

    /// What `tried` gives for all rows. If it fails the rows are tried one by one, and then those together that did not
    /// fail alone: one row's error hides no other, and an error that only a batch has is seen.
    fn row_by_row(
        &self,
        tried: impl Fn(Option<&[u32]>) -> std::result::Result<Vec<Ours>, String>,
    ) -> Vec<Ours> {
        if let Ok(all) = tried(None) {
            return all;
        }
        let all: Vec<u32> = (0..u32::try_from(self.rows).unwrap()).collect();
        let alone = |row: &u32| tried(Some(&[*row])).map_or_else(Ours::Error, |mut one| one.remove(0));
        let mut values: Vec<Ours> = all.iter().map(alone).collect();
        let good: Vec<u32> =
            all.into_iter().filter(|row| !matches!(values[*row as usize], Ours::Error(_))).collect();
        if let Err(error) = tried(Some(&good)) {
            for row in good {
                values[row as usize] = Ours::Error(format!("{IN_A_BATCH}{error}"));
            }
        }
        values
    }

    /// The rows of a query, as texts of its values.
    pub(super) fn query(&self, sql: &str) -> std::result::Result<Vec<Vec<Ours>>, String> {
        let planned = self.caught(async {
            let statement = parse_query(sql, "q").map_err(|e| e.to_string())?;
            let inputs: Vec<QueryInput> = (self.memory.tables.iter())
                .map(|(info, _)| QueryInput { info: info.clone(), slices: SLICES.map(of_slice).to_vec() })
                .collect();
            let source: Arc<dyn Source> = Arc::<Memory>::clone(&self.memory);
            let spec = ExportSpec {
                cutting: CuttingSpec { readers: SLICES.len(), ..CuttingSpec::default() },
                ..spec()
            };
            let planned = plan_queries(&[statement], &source, &inputs, &self.at, self.readers, &spec).await;
            let mut plans = planned.map_err(|e| e.to_string())?;
            let plan = plans.pop().unwrap();
            plan.physical(plan::query::Frugality::Fast).await.map_err(|e| e.to_string())
        })?;
        match self.collect(&planned, None) {
            Ok(batches) => Ok(batches
                .iter()
                .flat_map(|batch| {
                    let columns: Vec<Vec<Ours>> = batch.columns().iter().map(values).collect();
                    (0..batch.num_rows())
                        .map(move |row| columns.iter().map(|c| c[row].clone()).collect())
                        .collect::<Vec<Vec<Ours>>>()
                })
                .collect()),
            Err(error) => Ok(vec![vec![Ours::Error(error)]]),
        }
    }

    /// The plan of an export with this filter and these columns: `plan` is that of the whole table.
    fn plan(&self, filter: Option<&str>, projection: Option<&str>) -> std::result::Result<Planned, String> {
        let mut plan = self.plan.clone();
        plan.filter = filter.map(str::to_owned);
        plan.projection = projection.map(str::to_owned);
        plan.memory_bytes = MEMORY;
        let source: Arc<dyn Source> = Arc::<Memory>::clone(&self.memory);
        self.caught(async { plan::physical(&plan, &plan.parts, &source).await.map_err(|e| e.to_string()) })
    }

    fn collect(
        &self,
        (plan, context): &Planned,
        only: Option<&[u32]>,
    ) -> std::result::Result<Vec<RecordBatch>, String> {
        *self.memory.only.lock().unwrap() = only.map(<[u32]>::to_vec);
        let collected = self.caught(async {
            let collected = datafusion::physical_plan::collect(Arc::clone(plan), Arc::clone(context)).await;
            collected.map_err(|e| e.strip_backtrace())
        });
        *self.memory.only.lock().unwrap() = None;
        collected
    }

    /// A panic is an answer too, and never the right one.
    fn caught<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, String>>,
    ) -> std::result::Result<T, String> {
        catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(work)))
            .unwrap_or_else(|_| Err("PANIC".to_owned()))
    }
}

pub(crate) fn spec() -> ExportSpec {
    ExportSpec {
        cutting: CuttingSpec { readers: 1, ..CuttingSpec::whole_tables() },
        run: RunSpec {
            n_jobs: 1,
            max_connections: 4,
            memory_limit_bytes: MEMORY,
            retries: 0,
            ..RunSpec::default()
        },
        ..ExportSpec::default()
    }
}

/// The values of a column.
pub(super) fn values(column: &ArrayRef) -> Vec<Ours> {
    let column = match column.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => arrow::compute::cast(column, &DataType::Utf8).unwrap(),
        DataType::BinaryView | DataType::LargeBinary => {
            arrow::compute::cast(column, &DataType::Binary).unwrap()
        }
        DataType::Dictionary(_, of) => arrow::compute::cast(column, of).unwrap(),
        _ => Arc::clone(column),
    };
    (0..column.len()).map(|row| if column.is_null(row) { Ours::Null } else { one(&column, row) }).collect()
}

fn one(column: &ArrayRef, row: usize) -> Ours {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    match column.data_type() {
        DataType::Null => Ours::Null,
        DataType::Boolean => Ours::Bool(column.as_boolean().value(row)),
        DataType::Int16 => Ours::Integer(16, column.as_primitive::<Int16Type>().value(row).to_string()),
        DataType::Int32 => Ours::Integer(32, column.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => Ours::Integer(64, column.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Decimal128(..) => {
            Ours::Number(column.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(..) => {
            Ours::Number(column.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Float32 => Ours::Real(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Ours::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Ours::Text("text", column.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Ours::Text("bytea", format!("\\x{}", hex(column.as_binary::<i32>().value(row)))),
        DataType::FixedSizeBinary(16) => {
            let digits = hex(column.as_fixed_size_binary().value(row));
            let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            Ours::Text("text", parts.join("-"))
        }
        DataType::Date32 => {
            let days = i64::from(column.as_primitive::<Date32Type>().value(row));
            let (date, era) = date(days);
            Ours::Text("date", date + era)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            Ours::Text("time", time(column.as_primitive::<Time64MicrosecondType>().value(row)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let value = column.as_primitive::<TimestampMicrosecondType>().value(row);
            let (date, era) = date(value.div_euclid(86_400_000_000));
            let (class, offset) = match zone {
                None => ("timestamp", ""),
                Some(_) => ("timestamptz", "+00"),
            };
            Ours::Text(class, format!("{date} {}{offset}{era}", time(value.rem_euclid(86_400_000_000))))
        }
        other => Ours::Error(format!("a column of type {other}")),
    }
}

/// A date as PostgreSQL writes it, and the end of its text.
fn date(days: i64) -> (String, &'static str) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let rest = day - (365 * year + year / 4 - year / 100);
    let month = (5 * rest + 2) / 153;
    let day = rest - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

fn time(microseconds: i64) -> String {
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        write!(text, ".{fraction:06}").unwrap();
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}
