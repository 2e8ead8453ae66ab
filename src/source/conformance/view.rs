//! A view as checks use it: tables that are described and read under it, and their rows as texts.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::{StreamExt, TryStreamExt};

use super::{Change, Row, Subject, ensure, known_rows};
use crate::catalog::{Consistency, Slice, SnapshotToken, TableFilter, TableInfo, TableRef};
use crate::error::{Error, Result};
use crate::source::{Snapshot, Source, TableRead};

/// Columns of [`Row`].
pub(super) const KNOWN: usize = 4;
/// Rows per batch where nothing depends on it.
const BATCH_ROWS: usize = 500;

/// Values as texts, row by row and sorted.
pub(super) type Texts = Vec<Vec<Option<String>>>;

/// A view, and the source that it is of.
pub(super) struct View {
    pub(super) source: Arc<dyn Source>,
    pub(super) held: Box<dyn Snapshot>,
}

/// A table under a view, or under its token alone.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) source: Arc<dyn Source>,
    pub(super) info: Arc<TableInfo>,
    pub(super) at: SnapshotToken,
}

impl Subject<'_> {
    /// Gives all tables the rows that they have in the beginning, and returns these.
    pub(super) async fn fill(&self) -> Result<Vec<Row>> {
        let rows = known_rows();
        self.fixture.change(&Change::Fill(rows.clone())).await?;
        Ok(rows)
    }

    /// A view of all tables.
    pub(super) async fn view(&self, level: Consistency) -> Result<View> {
        let mut tables = self.fixture.tables();
        tables.extend([self.fixture.bad(), self.fixture.large()]);
        let mut once: Vec<TableRef> = Vec::new();
        for table in tables {
            if !once.contains(&table) {
                once.push(table);
            }
        }
        View::of(&self.source, &once, level).await
    }
}

/// Connections that may read a view of the suite at once.
pub(super) const READERS: usize = 4;

impl View {
    pub(super) async fn of(
        source: &Arc<dyn Source>,
        tables: &[TableRef],
        level: Consistency,
    ) -> Result<Self> {
        let held = source.snapshot(tables, level, READERS).await?;
        ensure(held.token().level == level, "a view has the level that was asked for")?;
        let few = held.readers().is_none_or(|readers| readers <= READERS);
        ensure(few, "a view has no more readers than are allowed")?;
        Ok(Self { source: Arc::clone(source), held })
    }

    pub(super) async fn table(&self, table: &TableRef) -> Result<Table> {
        let info = self.held.describe(table, &TableFilter::default()).await?;
        ensure(info.table == *table, "a table is described under its name")?;
        Ok(Table { source: Arc::clone(&self.source), info: Arc::new(info), at: self.held.token().clone() })
    }
}

impl Table {
    /// Every row, with all columns.
    pub(super) fn all(&self) -> TableRead {
        self.of((0..self.info.columns.len()).collect())
    }

    /// Every row, with the key alone.
    pub(super) fn ids(&self) -> TableRead {
        self.of(vec![0])
    }

    /// Every row, with these columns.
    pub(super) fn of(&self, columns: Vec<usize>) -> TableRead {
        TableRead {
            table: Arc::clone(&self.info),
            columns,
            slice: Slice::All,
            filter: None,
            batch_rows: BATCH_ROWS,
        }
    }

    pub(super) fn read(&self, read: &TableRead) -> Result<SendableRecordBatchStream> {
        self.source.read(read, &self.at)
    }

    pub(super) async fn batches(&self, read: &TableRead) -> Result<Vec<RecordBatch>> {
        drain(self.read(read)?).await
    }

    pub(super) async fn texts(&self, read: &TableRead) -> Result<Texts> {
        texts(&self.batches(read).await?)
    }

    pub(super) async fn count(&self, read: &TableRead) -> Result<usize> {
        let rows = self.source.count(read, &self.at).await?;
        usize::try_from(rows).map_err(|e| Error::internal("a count").caused_by(e))
    }
}

/// All that is left of a stream.
pub(super) async fn drain(stream: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
    stream.map_err(Error::from).try_collect().await
}

/// The first batch of a stream.
pub(super) async fn first(stream: &mut SendableRecordBatchStream) -> Result<RecordBatch> {
    match stream.next().await {
        Some(batch) => Ok(batch?),
        None => Err(Error::internal("a table of the suite has no rows")),
    }
}

/// The values of batches as texts, sorted by row.
pub(super) fn texts(batches: &[RecordBatch]) -> Result<Texts> {
    let options = FormatOptions::new().with_display_error(false);
    let mut found = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<_, _>>()
            .map_err(|e| Error::internal("values as text").caused_by(e))?;
        for row in 0..batch.num_rows() {
            let values = columns
                .iter()
                .zip(batch.columns())
                .map(|(column, array)| (!array.is_null(row)).then(|| column.value(row).to_string()));
            found.push(values.collect());
        }
    }
    found.sort();
    Ok(found)
}

/// What a table with these rows gives for the columns of [`Row`].
pub(super) fn expected(rows: &[Row]) -> Texts {
    let mut texts: Texts = rows.iter().map(|row| row.texts().to_vec()).collect();
    texts.sort();
    texts
}

/// The columns of [`Row`] alone.
pub(super) fn known(mut texts: Texts) -> Texts {
    for row in &mut texts {
        row.truncate(KNOWN);
    }
    texts.sort();
    texts
}

/// Asserts that both, sorted, are the same rows, each as often.
pub(super) fn same(found: &Texts, expected: &Texts, sentence: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let lacks = |one: &Texts, other: &Texts| {
        let mut left = one.clone();
        for row in other {
            if let Ok(at) = left.binary_search(row) {
                left.remove(at);
            }
        }
        format!("{} rows, first {:?}", left.len(), left.first())
    };
    ensure(false, sentence).map_err(|error| {
        error.with("missing", lacks(expected, found)).with("too many", lacks(found, expected))
    })
}
