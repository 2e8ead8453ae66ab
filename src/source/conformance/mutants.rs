//! A source that breaks the contract in one way: what the suite is tested with.

mod view;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow_schema::{Field, Fields, Schema};
use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, future, stream};

use self::view::Misjudged;
use super::Fixture;
use crate::catalog::{
    ColumnInfo, Consistency, KeyValue, ListedTable, Slice, SnapshotToken, SourceIdentity, TableFilter,
    TableInfo, TableRef,
};
use crate::error::{Error, Result};
use crate::source::{Dialect, Snapshot, Source, TableRead};
use crate::spec::Method;

/// One way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The last slice has no rows.
    SliceLeftOut,
    /// The bound of a slice belongs to both sides.
    BoundTwice,
    /// The first row of each batch comes twice.
    RowDoubled,
    /// The first row of each batch is missing.
    RowLost,
    /// A stream ends where it should fail.
    ErrorSwallowed,
    /// An error does not say in which row.
    RowUnnamed,
    /// Rows that do not match the filter are read.
    FilterWidened,
    /// The dialect takes over filters of which it drops the last part.
    FilterCutShort,
    /// What stands in for a filter does not hold for all of its rows.
    WeakerTooStrong,
    /// Readers see what is committed after the view was taken.
    LateRow,
    /// A count is one more than the rows.
    CountOff,
    /// A count does not heed the slice.
    CountOfAll,
    /// Columns come in the table's order.
    ColumnsInOrder,
    /// A column has another name than described.
    FieldRenamed,
    /// A row without columns is none.
    RowsWithoutColumns,
    /// All rows are one batch.
    OneBatch,
    /// Streams that are dropped go on.
    CancelIgnored,
    /// Views that are dropped stay.
    ViewKept,
    /// The view is of another level than asked for.
    Degraded,
    /// A table that is missing fails the view.
    MissingHarms,
    /// A table is listed twice.
    ListedTwice,
    /// The location is another one's.
    Elsewhere,
    /// The location has a secret in it.
    SecretShown,
    /// The time of a token is not RFC 3339.
    TimeUnknown,
    /// Readers at level none share a view.
    NoneShared,
    /// A view that was ended is not lost.
    EndIgnored,
    /// Slices end where the largest key was.
    EndsClosed,
    /// Bounds are not those of the rows.
    BoundsInvented,
    /// A view has more readers than are allowed.
    TooManyReaders,
}

impl Mutant {
    /// All that can be made of any source.
    pub const ALL: [Self; 29] = [
        Self::SliceLeftOut,
        Self::BoundTwice,
        Self::RowDoubled,
        Self::RowLost,
        Self::ErrorSwallowed,
        Self::RowUnnamed,
        Self::FilterWidened,
        Self::FilterCutShort,
        Self::WeakerTooStrong,
        Self::LateRow,
        Self::CountOff,
        Self::CountOfAll,
        Self::ColumnsInOrder,
        Self::FieldRenamed,
        Self::RowsWithoutColumns,
        Self::OneBatch,
        Self::CancelIgnored,
        Self::ViewKept,
        Self::Degraded,
        Self::MissingHarms,
        Self::ListedTwice,
        Self::Elsewhere,
        Self::SecretShown,
        Self::TimeUnknown,
        Self::NoneShared,
        Self::EndIgnored,
        Self::EndsClosed,
        Self::BoundsInvented,
        Self::TooManyReaders,
    ];

    /// The check that is meant to find it.
    pub(super) fn found_by(self) -> &'static str {
        match self {
            Self::SliceLeftOut | Self::BoundTwice => "slices",
            Self::RowDoubled | Self::RowLost => "rows",
            Self::ErrorSwallowed | Self::RowUnnamed => "errors",
            Self::FilterWidened | Self::FilterCutShort | Self::WeakerTooStrong => "pushdown",
            Self::LateRow | Self::Degraded => "moment",
            Self::CountOff | Self::RowsWithoutColumns => "counts",
            Self::CountOfAll => "slices",
            Self::ColumnsInOrder | Self::FieldRenamed => "fields",
            Self::OneBatch => "batches",
            Self::CancelIgnored => "cancel",
            Self::ViewKept => "release",
            Self::MissingHarms => "missing",
            Self::ListedTwice => "list",
            Self::Elsewhere => "identity",
            Self::SecretShown => "secrets",
            Self::TimeUnknown | Self::TooManyReaders => "token",
            Self::NoneShared => "none",
            Self::EndIgnored => "lost",
            Self::EndsClosed => "later",
            Self::BoundsInvented => "keys",
        }
    }

    /// `source`, broken in this way.
    pub(super) fn of(self, source: Arc<dyn Source>, fixture: &dyn Fixture) -> Arc<dyn Source> {
        let secret = fixture.secrets().into_iter().next().unwrap_or_default();
        let dialect = Misspelt { source: Arc::clone(&source), how: self };
        Arc::new(Broken { source, dialect, how: self, secret, kept: Mutex::default() })
    }
}

#[derive(Debug)]
struct Broken {
    source: Arc<dyn Source>,
    dialect: Misspelt,
    how: Mutant,
    secret: String,
    kept: Mutex<Vec<Box<dyn Snapshot>>>,
}

impl Broken {
    /// The read that is done instead.
    fn misread(&self, read: &TableRead) -> TableRead {
        let mut read = read.clone();
        match self.how {
            Mutant::FilterWidened => read.filter = None,
            Mutant::ColumnsInOrder => read.columns.sort_unstable(),
            Mutant::BoundTwice => widen(&mut read.slice),
            Mutant::EndsClosed => close(&mut read.slice),
            _ => {}
        }
        read
    }

    /// What is read instead as of `at`.
    fn mistaken(&self, at: &SnapshotToken) -> SnapshotToken {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match self.how {
            Mutant::LateRow => SnapshotToken { id: None, level: Consistency::None, ..at.clone() },
            Mutant::NoneShared if at.level == Consistency::None => {
                kept.last().map_or_else(|| at.clone(), |view| view.token().clone())
            }
            _ => at.clone(),
        }
    }

    fn keep(&self, view: Box<dyn Snapshot>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(view);
    }
}

/// Has a range of keys or blocks begin where the one before it has its last row.
fn widen(slice: &mut Slice) {
    match slice {
        Slice::Physical { from: Some(from), .. } => *from -= 1,
        Slice::Both(left, right) => {
            widen(left);
            widen(right);
        }
        Slice::Range { lower, .. } => *lower = None,
        _ => {}
    }
}

/// Has a range of keys without an end have one, above every row that there is in the beginning but one.
fn close(slice: &mut Slice) {
    match slice {
        Slice::Both(left, right) => {
            close(left);
            close(right);
        }
        Slice::Range { lower: Some(KeyValue::Int(_)), upper: upper @ None, .. } => {
            *upper = Some(KeyValue::Int(1 << 40));
        }
        _ => {}
    }
}

/// Whether a slice is the last of its table, or the only one for NULL.
fn is_last(slice: &Slice) -> bool {
    match slice {
        Slice::Physical { from: Some(_), to: None } | Slice::IsNull { .. } => true,
        Slice::Range { lower: Some(_), upper: None, .. } => true,
        Slice::Both(left, right) => is_last(left) || is_last(right),
        _ => false,
    }
}

fn adapt(
    schema: arrow_schema::SchemaRef,
    rows: impl futures::Stream<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(rows)))
}

/// What becomes of a stream.
fn misled(how: Mutant, read: &TableRead, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = rows.schema();
    match how {
        Mutant::SliceLeftOut if is_last(&read.slice) => adapt(schema, stream::empty()),
        Mutant::RowDoubled => {
            let twice = |batch: RecordBatch| stream::iter([Ok(batch.slice(0, 1)), Ok(batch)]);
            adapt(schema, rows.map_ok(twice).try_flatten())
        }
        Mutant::RowLost => {
            let rest = |batch: RecordBatch| batch.slice(1, batch.num_rows() - 1);
            adapt(schema, rows.map_ok(rest))
        }
        Mutant::ErrorSwallowed => adapt(schema, rows.take_while(|batch| future::ready(batch.is_ok()))),
        Mutant::RowUnnamed => adapt(schema, rows.map_err(|error| without_row(error.into()).into())),
        Mutant::FieldRenamed if !schema.fields().is_empty() => {
            let fields =
                schema.fields().iter().map(|f| f.as_ref().clone().with_name("x")).collect::<Vec<Field>>();
            let renamed = Arc::new(Schema::new(fields));
            let named = Arc::clone(&renamed);
            let rename = move |batch: RecordBatch| {
                Ok(RecordBatch::try_new(Arc::clone(&named), batch.columns().to_vec())?)
            };
            adapt(renamed, rows.and_then(move |batch| future::ready(rename(batch))))
        }
        Mutant::RowsWithoutColumns if read.columns.is_empty() => adapt(schema, stream::empty()),
        Mutant::OneBatch => {
            let all = Arc::clone(&schema);
            let one = async move {
                let batches: Vec<RecordBatch> = rows.try_collect().await?;
                Ok(concat_batches(&all, &batches)?)
            };
            adapt(schema, stream::once(one))
        }
        Mutant::CancelIgnored => unstoppable(rows),
        _ => rows,
    }
}

/// Goes on when nobody reads any more.
fn unstoppable(mut rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let schema = rows.schema();
    tokio::spawn(async move {
        while let Some(batch) = rows.next().await {
            if sender.send(batch).await.is_err() {
                future::pending::<()>().await;
            }
        }
    });
    adapt(schema, stream::unfold(receiver, |mut rows| async move { Some((rows.recv().await?, rows)) }))
}

fn without_row(error: Error) -> Error {
    let context = error.context().iter().filter(|(key, _)| *key != "row");
    let bare = Error::new(error.kind(), error.message()).hints_of(&error);
    context.fold(bare, |bare, (key, value)| bare.with(key, value))
}

#[async_trait]
impl Source for Broken {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn location(&self) -> String {
        match self.how {
            Mutant::SecretShown => format!("{}?password={}", self.source.location(), self.secret),
            Mutant::Elsewhere => "elsewhere".into(),
            _ => self.source.location(),
        }
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        self.source.identity().await
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let mut listed = self.source.list(filter).await?;
        if self.how == Mutant::ListedTwice {
            listed.extend(listed.first().cloned());
        }
        Ok(listed)
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        match self.how {
            Mutant::ViewKept => {
                self.keep(self.source.snapshot(tables, level, readers).await?);
            }
            Mutant::NoneShared => self.keep(self.source.snapshot(tables, Consistency::Run, readers).await?),
            Mutant::TimeUnknown | Mutant::EndIgnored | Mutant::BoundsInvented | Mutant::TooManyReaders => {
                let view = self.source.snapshot(tables, level, readers).await?;
                return Ok(Box::new(Misjudged::new(view, self.how)));
            }
            Mutant::Degraded => return self.source.snapshot(tables, Consistency::None, readers).await,
            Mutant::MissingHarms => {
                let view = self.source.snapshot(tables, level, readers).await?;
                for table in tables {
                    view.describe(table, &TableFilter::default()).await?;
                }
                return Ok(view);
            }
            _ => {}
        }
        self.source.snapshot(tables, level, readers).await
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        Ok(misled(self.how, read, self.source.read(&self.misread(read), &self.mistaken(at))?))
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        let all = TableRead { slice: Slice::All, ..read.clone() };
        match self.how {
            Mutant::CountOff => Ok(self.source.count(read, at).await? + 1),
            Mutant::CountOfAll => self.source.count(&all, at).await,
            _ => self.source.count(read, at).await,
        }
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize], written: &Fields) -> Result<()> {
        self.source.check_fingerprint(table, columns, written)
    }
}

/// The dialect of a source that is broken.
#[derive(Debug)]
struct Misspelt {
    source: Arc<dyn Source>,
    how: Mutant,
}

impl Misspelt {
    fn of(&self) -> &dyn Dialect {
        self.source.dialect()
    }
}

impl Dialect for Misspelt {
    fn name(&self) -> &'static str {
        self.of().name()
    }

    fn default_schema(&self) -> &str {
        self.of().default_schema()
    }

    fn table(&self, table: &TableRef) -> String {
        self.of().table(table)
    }

    fn column(&self, name: &str) -> String {
        self.of().column(name)
    }

    fn key(&self, table: &TableInfo, column: &str) -> String {
        self.of().key(table, column)
    }

    fn remainder(&self, column: &str, of: u32) -> String {
        self.of().remainder(column, of)
    }

    fn period(&self, table: &TableInfo, column: &str, period: crate::spec::Period) -> Option<String> {
        self.of().period(table, column, period)
    }

    fn sql_type(&self, column: &ColumnInfo) -> Option<&'static str> {
        self.of().sql_type(column)
    }

    fn slice_sql(&self, table: &TableInfo, slice: &Slice) -> Option<String> {
        self.of().slice_sql(table, slice)
    }

    fn pushdown(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        match (self.how, filter) {
            (Mutant::FilterCutShort, Expr::BinaryExpr(binary))
                if matches!(*binary.left, Expr::BinaryExpr(_)) =>
            {
                self.of().pushdown(table, &binary.left)
            }
            _ => self.of().pushdown(table, filter),
        }
    }

    fn weaker(&self, table: &TableInfo, filter: &Expr) -> Option<String> {
        let exact = self.pushdown(table, filter);
        match (self.how, filter) {
            // As if what is left of an OR were enough.
            (Mutant::WeakerTooStrong, Expr::BinaryExpr(binary)) if exact.is_none() => {
                self.of().weaker(table, &binary.left).or_else(|| self.of().weaker(table, &binary.right))
            }
            (Mutant::FilterCutShort, _) => exact,
            _ => self.of().weaker(table, filter),
        }
    }

    fn methods(&self, table: &TableInfo) -> Vec<Method> {
        self.of().methods(table)
    }

    fn check_steady(&self, expression: &str) -> Result<()> {
        self.of().check_steady(expression)
    }

    fn method_name(&self, method: Method) -> &'static str {
        self.of().method_name(method)
    }
}
