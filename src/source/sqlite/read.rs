//! One part: a SELECT stepped on a thread of its own, straight into Arrow builders.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::sync::mpsc;

use super::column::{BadValue, Codec, ColumnDecoder};
use super::connect::{failed, open, out_of_order};
use super::dialect::{SqliteDialect, ident, rowid_of};
use super::pins::{Reader, Registry};
use super::statement;
use crate::catalog::{ColumnInfo, Slice, SnapshotToken, TableInfo, TableKind};
use crate::client::sqlite::{SqliteConfig, Stop, StopOnDrop, blocking};
use crate::error::{Error, Result, values_are_hidden};
use crate::source::{Dialect, TableRead};

/// A batch closes at this many bytes even when it has few rows.
const BATCH_BYTES: usize = 4 << 20;
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
    let fields: Vec<_> = read.columns.iter().map(|i| read.table.columns[*i].field.clone()).collect();
    let schema: SchemaRef = Schema::new(fields).into();
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
        let mut decoders = Vec::with_capacity(self.read.columns.len());
        for column in self.columns() {
            let codec: Codec = serde_json::from_str(&column.codec)
                .map_err(|e| Error::internal("unknown codec").caused_by(e))?;
            decoders.push(codec.decoder(&column.field, self.read.batch_rows)?);
        }
        // The rowid comes last, for messages; a 1 keeps the list from being empty.
        let sql = format!("SELECT {} {}", self.list(&[rowid.unwrap_or("1").to_owned()]), self.relation_sql());
        let mut statement = connection.prepare(&sql).map_err(wrong)?;
        let mut rows = statement.query([]).map_err(wrong)?;
        let (mut batch_rows, mut number) = (0_usize, 0_u64);
        let mut heavy = false;
        let mut last = None;
        let in_order = self.in_rowid_order();
        while let Some(row) = rows.next().map_err(wrong)? {
            if in_order {
                let rowid =
                    row.get_ref(decoders.len()).and_then(|value| Ok(value.as_i64()?)).map_err(wrong)?;
                // Pages that are named twice give rows twice, or without end.
                if last.replace(rowid).is_some_and(|last| last >= rowid) {
                    return Err(out_of_order(&self.config, rowid));
                }
            }
            for (index, decoder) in decoders.iter_mut().enumerate() {
                let value = row.get_ref(index).map_err(wrong)?;
                heavy |=
                    matches!(value, ValueRef::Text(b) | ValueRef::Blob(b) if b.len() >= BATCH_BYTES / 64);
                if let Err(bad) = decoder.append(value) {
                    let place = match (rowid, row.get_ref(decoders.len()).map_err(wrong)?) {
                        // It may be the primary key.
                        (Some(_), ValueRef::Integer(rowid)) if !values_are_hidden() => {
                            format!("rowid {rowid}")
                        }
                        _ => self.locate(connection, number),
                    };
                    return Err(self.explain(index, bad, &place));
                }
            }
            number += 1;
            batch_rows += 1;
            // Rows with a large value are weighed each, others now and then.
            let weigh = std::mem::take(&mut heavy) || batch_rows.is_multiple_of(64);
            if batch_rows >= self.read.batch_rows || (weigh && bytes(&decoders) >= BATCH_BYTES) {
                let batch = self.batch(&mut decoders, batch_rows)?;
                batch_rows = 0;
                if to.blocking_send(Ok(Some(batch))).is_err() {
                    return Ok(false);
                }
            }
        }
        if batch_rows > 0 {
            let batch = self.batch(&mut decoders, batch_rows)?;
            return Ok(to.blocking_send(Ok(Some(batch))).is_ok());
        }
        Ok(true)
    }

    fn columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.read.columns.iter().map(|i| &self.read.table.columns[*i])
    }

    /// The columns to select, and `more` after them.
    fn list(&self, more: &[String]) -> String {
        let columns = self.columns().map(|c| ident(c.name()));
        columns.chain(more.iter().cloned()).collect::<Vec<_>>().join(", ")
    }

    /// FROM and WHERE of the part.
    fn relation_sql(&self) -> String {
        let table = &self.read.table;
        let conditions: Vec<String> = SqliteDialect
            .slice_sql(table, &self.read.slice)
            .into_iter()
            .chain(
                table
                    .reading
                    .condition()
                    .filter(|_| table.reading.list().is_none())
                    .map(statement::condition),
            )
            .chain(self.read.filter.iter().map(|f| format!("({f})")))
            .collect();
        let mut sql = format!("FROM {}", statement::relation(table));
        if self.in_rowid_order() {
            // An index that holds all columns would be read instead, and a damaged one has other rows.
            sql.push_str(" NOT INDEXED");
        }
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        sql
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

    fn batch(&self, decoders: &mut [Box<dyn ColumnDecoder>], rows: usize) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = decoders.iter_mut().map(|d| d.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| Error::internal("the rows contradict the table's description").caused_by(e))
    }

    /// An error that names column, row and remedy; the caller names the table.
    fn explain(&self, index: usize, bad: BadValue, place: &str) -> Error {
        let table = &self.read.table.table;
        let column = &self.read.table.columns[self.read.columns[index]];
        let error = Error::data(bad.what)
            .with("table", table)
            .with("column", column.name())
            .with("type", &column.source_type)
            .with("row", place);
        if bad.cast_helps {
            error.hint(format!(
                "--cast '{table}.{}: text' keeps every value of the column as SQLite's own text",
                column.name()
            ))
        } else {
            error.hint("repair the value in the database, or leave the column out with --columns")
        }
    }

    /// The key of row `number` (from 0) of the part, by the same statement: same rows, same order.
    fn locate(&self, connection: &Connection, number: u64) -> String {
        let table: &TableInfo = &self.read.table;
        let plain = format!("number {} of its part", number + 1);
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

fn bytes(decoders: &[Box<dyn ColumnDecoder>]) -> usize {
    decoders.iter().map(|d| d.bytes()).sum()
}
