//! One part: a SELECT stepped on a thread of its own, straight into Arrow builders.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::sync::mpsc;

use super::column::{Codec, Stored};
use super::connect::{failed, open, out_of_order};
use super::dialect::{SqliteDialect, ident, rowid_of};
use super::pins::{Reader, Registry};
use super::statement;
use crate::blocking::blocking;
use crate::catalog::{ColumnInfo, Slice, SnapshotToken, TableInfo, TableKind};
use crate::client::sqlite::{SqliteConfig, Stop, StopOnDrop};
use crate::error::{Error, Result, values_are_hidden};
use crate::source::TableRead;
use crate::source::kit::batch::Batch;
use crate::source::kit::conditions::Conditions;
use crate::source::kit::{self, choice};

/// Batches that wait for their reader: one is decoded while another is encoded.
const BATCHES_AHEAD: usize = 1;

/// A batch, or none after the last.
type Message = Result<Option<RecordBatch>>;

/// The rows of `read` as of `at`.
pub(super) fn stream(
    config: &SqliteConfig,
    registry: &Arc<Registry>,
    read: &TableRead,
    at: &SnapshotToken,
) -> Result<SendableRecordBatchStream> {
    let schema = kit::read::schema(read);
    let job = Job { config: config.clone(), read: read.clone(), schema: Arc::clone(&schema) };
    let (registry, view) = (Arc::clone(registry), at.id.clone());
    let batches = stream::once(async move {
        let table = job.read.table.table.clone();
        job.start(&registry, view.as_deref()).await.map_err(|e| e.with("table", table))
    })
    .map_ok(|arriving| {
        stream::try_unfold(arriving, |mut arriving| async move {
            match arriving.batches.recv().await {
                Some(Ok(Some(batch))) => Ok(Some((batch, arriving))),
                Some(Ok(None)) => Ok(None),
                Some(Err(error)) => Err(error),
                None => Err(Error::internal("a reader stopped before its last row")),
            }
        })
    })
    .try_flatten()
    .map_err(Into::into);
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(batches))))
}

/// The number of rows of `read` as of `at`, by SQLite's own count.
pub(super) async fn count(
    config: &SqliteConfig,
    registry: &Registry,
    read: &TableRead,
    at: &SnapshotToken,
) -> Result<u64> {
    let job = Job { config: config.clone(), read: read.clone(), schema: Arc::new(Schema::empty()) };
    let mut reader = match at.id.as_deref() {
        Some(id) => registry.find(id)?.take().await?,
        None => Reader::alone(open(config)?),
    };
    let guard = StopOnDrop::default();
    let stop = guard.stop();
    blocking(move || {
        let connection = reader.connection()?;
        stop.guard(connection).map_err(|e| failed(&job.config, e))?;
        let sql = format!("SELECT count(*) {}", job.relation_sql());
        let rows: i64 =
            connection.query_row(&sql, [], |row| row.get(0)).map_err(|e| failed(&job.config, e))?;
        u64::try_from(rows).map_err(|e| Error::internal("a count is negative").caused_by(e))
    })
    .await
    .map_err(|error| error.with("table", &read.table.table))
}

/// The receiving end of a read under way. Dropping it stops the statement.
struct Arriving {
    batches: mpsc::Receiver<Message>,
    _guard: StopOnDrop,
}

/// What to read.
struct Job {
    config: SqliteConfig,
    read: TableRead,
    schema: SchemaRef,
}

impl Job {
    /// Waits for a reader of the view, or opens one of its own, and lets it run.
    async fn start(self, registry: &Registry, view: Option<&str>) -> Result<Arriving> {
        let reader = match view {
            Some(id) => Some(registry.find(id)?.take().await?),
            None => None,
        };
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let guard = StopOnDrop::default();
        let stop = guard.stop();
        let arriving = Arriving { batches, _guard: guard };
        tokio::task::spawn_blocking(move || {
            let ended = match self.run(reader, &sender, &stop) {
                Ok(true) => Ok(None),
                Ok(false) => return,
                Err(error) => Err(error.with("table", &self.read.table.table)),
            };
            // Nobody listens any more: then nobody misses it.
            let _ = sender.blocking_send(ended);
        });
        Ok(arriving)
    }

    /// Sends every batch. False if nobody wants them any more.
    fn run(&self, reader: Option<Reader>, to: &mpsc::Sender<Message>, stop: &Stop) -> Result<bool> {
        let mut reader = match reader {
            Some(reader) => reader,
            None => {
                let connection = open(&self.config)?;
                // One view for the part and for the search of a bad value's row.
                connection.execute_batch("BEGIN").map_err(|e| failed(&self.config, e))?;
                Reader::alone(connection)
            }
        };
        let connection = reader.connection()?;
        stop.guard(connection).map_err(|e| failed(&self.config, e))?;
        self.rows(connection, to)
    }

    fn rows(&self, connection: &Connection, to: &mpsc::Sender<Message>) -> Result<bool> {
        let wrong = |e| failed(&self.config, e);
        let table = &self.read.table;
        let rowid = rowid_of(table);
        let (mut batch, width) = (self.batch()?, self.read.columns.len());
        // The rowid comes last, for messages; a 1 keeps the list from being empty.
        let sql = format!("SELECT {} {}", self.list(&[rowid.unwrap_or("1").to_owned()]), self.relation_sql());
        let mut statement = connection.prepare(&sql).map_err(wrong)?;
        let mut rows = statement.query([]).map_err(wrong)?;
        let mut number = 0_u64;
        let mut last = None;
        let in_order = self.in_rowid_order();
        while let Some(row) = rows.next().map_err(wrong)? {
            if in_order {
                let rowid = row.get_ref(width).and_then(|value| Ok(value.as_i64()?)).map_err(wrong)?;
                // Pages that are named twice give rows twice, or without end.
                if last.replace(rowid).is_some_and(|last| last >= rowid) {
                    return Err(out_of_order(&self.config, rowid));
                }
            }
            for index in 0..width {
                let value = match row.get_ref(index).map_err(wrong)? {
                    ValueRef::Null => None,
                    value => Some(value),
                };
                if let Err(bad) = batch.append(index, value) {
                    let place = match (rowid, row.get_ref(width).map_err(wrong)?) {
                        // It may be the primary key.
                        (Some(_), ValueRef::Integer(rowid)) if !values_are_hidden() => {
                            format!("rowid {rowid}")
                        }
                        _ => self.locate(connection, number),
                    };
                    let column = &table.columns[self.read.columns[index]];
                    return Err(bad.into_error(&table.table, column).with("row", place));
                }
            }
            number += 1;
            if batch.end_row() && to.blocking_send(Ok(Some(batch.finish()?))).is_err() {
                return Ok(false);
            }
        }
        Ok(batch.rows() == 0 || to.blocking_send(Ok(Some(batch.finish()?))).is_ok())
    }

    /// An empty batch.
    fn batch(&self) -> Result<Batch<Stored>> {
        let decoders = kit::read::columns(&self.read)
            .map(|column| choice::codec::<Codec>(column)?.decoder(&column.field, self.read.batch_rows))
            .collect::<Result<_>>()?;
        Ok(Batch::new(Arc::clone(&self.schema), decoders, self.read.batch_rows))
    }

    /// The columns to select, and `more` after them.
    fn list(&self, more: &[String]) -> String {
        let columns = kit::read::columns(&self.read).map(|c| ident(c.name()));
        columns.chain(more.iter().cloned()).collect::<Vec<_>>().join(", ")
    }

    /// FROM and WHERE of the part.
    fn relation_sql(&self) -> String {
        let table = &self.read.table;
        let mut conditions = Conditions::of(&SqliteDialect, &self.read);
        if table.reading.list().is_some() {
            // The relation has it, below the list.
            conditions.theirs = None;
        }
        // An index that holds all columns would be read instead, and a damaged one has other rows.
        let by_rowid = if self.in_rowid_order() { " NOT INDEXED" } else { "" };
        format!("FROM {}{by_rowid}{}", statement::relation(table), conditions.sql())
    }

    /// Whether the part is a range of rowids, for which no index is of use.
    fn in_rowid_order(&self) -> bool {
        let table = &self.read.table;
        let by_rowid = match &self.read.slice {
            Slice::All | Slice::Physical { .. } => true,
            Slice::Range { column, .. } => table.range_key.as_ref() == Some(column),
            _ => false,
        };
        table.kind == TableKind::Table
            && rowid_of(table).is_some()
            && by_rowid
            && self.read.filter.is_none()
            && table.reading.sql.is_none()
    }

    /// The key of row `number` (from 0) of the part, by the same statement: same rows, same order.
    fn locate(&self, connection: &Connection, number: u64) -> String {
        let table: &TableInfo = &self.read.table;
        let plain = kit::read::nth_row(number);
        let key: Vec<&str> = table.key_columns().map(ColumnInfo::name).collect();
        if key.is_empty() || values_are_hidden() {
            return plain;
        }
        let keys: Vec<String> = key.iter().map(|k| format!("quote({})", ident(k))).collect();
        let sql = format!("SELECT {} {} LIMIT 1 OFFSET {number}", self.list(&keys), self.relation_sql());
        let first = self.read.columns.len();
        let found = connection.query_row(&sql, [], |row| {
            let pairs = key
                .iter()
                .enumerate()
                .map(|(i, name)| Ok(format!("{name}={}", row.get::<_, String>(first + i)?)));
            pairs.collect::<rusqlite::Result<Vec<String>>>()
        });
        found.map_or(plain, |pairs| pairs.join(" "))
    }
}
