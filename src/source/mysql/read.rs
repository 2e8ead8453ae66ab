//! One part: a prepared SELECT whose rows are decoded where they lie in the read buffer, straight into Arrow builders.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Fields, SchemaRef};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use futures::{TryStreamExt, stream};
use tokio::sync::mpsc::Sender;

use super::column::Codec;
use super::describe;
use super::dialect::MysqlDialect;
use super::facts::TableFacts;
use super::fingerprint;
use super::moment::Reader;
use super::place::Place;
use super::running;
use super::session::SELECT;
use super::statement;
use crate::catalog::{ColumnInfo, SnapshotToken};
use crate::client::mysql::{Column, Rows, find_values, ident};
use crate::error::{Error, Result, values_are_hidden};
use crate::fingerprint::Fingerprint;
use crate::source::TableRead;
use crate::source::kit::batch::CellBatch;
use crate::source::kit::cells::{Cell, CellDecoder, Cells};
use crate::source::kit::column::BadValue;
use crate::source::kit::conditions::Conditions;
use crate::source::kit::{self, choice, user_sql};

/// Batches that wait for the encoder: one is decoded while another is encoded.
const BATCHES_AHEAD: usize = 1;
/// Longest text of a key that a message shows, in characters.
const SHOWN: usize = 60;

/// The rows of `read` as of `at`.
pub(super) fn stream(place: &Arc<Place>, read: &TableRead, at: &SnapshotToken) -> SendableRecordBatchStream {
    let schema = kit::read::schema(read);
    let job =
        Job { place: Arc::clone(place), read: read.clone(), at: at.clone(), schema: Arc::clone(&schema) };
    // Nothing happens before the stream is polled: it may have to wait for its turn.
    let begun = async move { Ok::<_, DataFusionError>(job.begin().await?.ahead()) };
    Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(stream::once(begun).try_flatten())))
}

/// The number of rows of `read` as of `at`, by the server's own count.
pub(super) async fn count(place: &Arc<Place>, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
    let counting = async {
        let mut reader = place.reader(at).await?;
        let rows = fingerprint::count(reader.connection()?.0, &relation_sql(&place.dialect, read)).await?;
        reader.ensure_in_view().map(|()| rows)
    };
    counting.await.map_err(|error: Error| error.with("table", &read.table.table))
}

/// The fingerprint of the rows of `read` as of `at`, which the server computes.
pub(super) async fn hash(
    place: &Arc<Place>,
    read: &TableRead,
    written: &Fields,
    at: &SnapshotToken,
) -> Result<Fingerprint> {
    let hashing = async {
        let special = TableFacts::of(&read.table)?.special_values;
        let relation = relation_sql(&place.dialect, read);
        let mut reader = place.reader(at).await?;
        let (connection, _) = reader.connection()?;
        let found = fingerprint::fingerprint(connection, read, written, special, &relation).await?;
        reader.ensure_in_view().map(|()| found)
    };
    hashing.await.map_err(|error: Error| error.with("table", &read.table.table))
}

/// FROM and WHERE of a read.
pub(super) fn relation_sql(dialect: &MysqlDialect, read: &TableRead) -> String {
    let all = Conditions::of(dialect, read);
    let reading = &read.table.reading;
    if let Some(sql) = reading.query() {
        return format!("FROM {}{}", user_sql::derived(sql), all.sql());
    }
    let Some(list) = reading.list() else { return stored_sql(read, all) };
    // The filter is about the columns of the list; slices are about those of the table.
    let filter = Conditions { filter: all.filter, ..Conditions::default() };
    let stored = stored_sql(read, Conditions { filter: None, ..all });
    format!("FROM {}{}", user_sql::derived(&format!("SELECT\n{list}\n{stored}")), filter.sql())
}

/// FROM and WHERE of a read of a table, with these conditions on its own columns.
fn stored_sql(read: &TableRead, conditions: Conditions<'_>) -> String {
    let table = &read.table.table;
    let name = statement::name(table);
    match read.slice.relation() {
        Some((_, partition)) => {
            format!("FROM {name} PARTITION ({partition}) AS {}{}", ident(&table.name), conditions.sql())
        }
        None => format!("FROM {name}{}", conditions.sql()),
    }
}

/// What to read, before a reader is free.
struct Job {
    place: Arc<Place>,
    read: TableRead,
    at: SnapshotToken,
    schema: SchemaRef,
}

impl Job {
    /// Waits for a reader of the view, or connects one of its own.
    async fn begin(self) -> Result<Reading> {
        let named = |error: Error| error.with("table", &self.read.table.table);
        let decoders = self.decoders().map_err(named)?;
        let reader = self.place.reader(&self.at).await.map_err(named)?;
        let keys = Keys::of(&self.read);
        let width = self.read.columns.len() + keys.more.len();
        let batch = CellBatch::new(Arc::clone(&self.schema), decoders, self.read.batch_rows);
        let found = Cells::new(width.max(1));
        Ok(Reading { job: self, reader, keys, found, bodies: Vec::new(), batch, rows: 0 })
    }

    fn decoders(&self) -> Result<Vec<Box<dyn CellDecoder>>> {
        let special = TableFacts::of(&self.read.table)?.special_values;
        kit::read::columns(&self.read)
            .map(|column| {
                let codec = choice::codec::<Codec>(column)?;
                codec.decoder(&column.field, self.read.batch_rows, special)
            })
            .collect()
    }

    /// The statement: the columns, what names a row, and a 1 so that the list is never empty.
    fn sql(&self, keys: &Keys) -> Result<String> {
        let mut list = Vec::with_capacity(self.read.columns.len() + keys.more.len());
        for column in kit::read::columns(&self.read) {
            let codec = choice::codec::<Codec>(column)?;
            list.push(codec.select_sql(&ident(column.name())));
        }
        list.extend(keys.more.iter().cloned());
        if list.is_empty() {
            list.push("1".to_owned());
        }
        Ok(format!("{SELECT} {} {}", list.join(", "), relation_sql(&self.place.dialect, &self.read)))
    }
}

/// What names a row in a message: the primary key, as it arrives with the row.
struct Keys {
    /// Name and place among the values that are sent.
    places: Vec<(String, usize)>,
    /// What has to be selected beside the columns.
    more: Vec<String>,
}

impl Keys {
    fn of(read: &TableRead) -> Self {
        let mut keys = Self { places: Vec::new(), more: Vec::new() };
        if read.table.reading.sql.as_ref().is_some_and(|sql| sql.query.is_some() || sql.columns.is_some()) {
            return keys;
        }
        for column in read.table.key_columns() {
            let selected = read.columns.iter().position(|at| read.table.columns[*at].name() == column.name());
            let place = match selected {
                Some(place) if shows_itself(column) => place,
                _ => {
                    keys.more.push(format!("CAST({} AS CHAR CHARACTER SET utf8mb4)", ident(column.name())));
                    read.columns.len() + keys.more.len() - 1
                }
            };
            keys.places.push((column.name().to_owned(), place));
        }
        keys
    }
}

/// Whether the value as it is sent can be shown: a whole number, or text.
fn shows_itself(column: &ColumnInfo) -> bool {
    use arrow_schema::DataType::{Int16, Int32, Int64, Utf8};
    matches!(column.field.data_type(), Int16 | Int32 | Int64 | Utf8)
}

/// A read under way.
struct Reading {
    job: Job,
    reader: Reader,
    keys: Keys,
    found: Cells,
    /// Where the rows lie that were found and not yet decoded.
    bodies: Vec<Range<usize>>,
    batch: CellBatch,
    /// Rows decoded so far, those of the open batch included.
    rows: u64,
}

/// What of a read is not the connection.
struct Decoding<'r> {
    job: &'r Job,
    keys: &'r Keys,
    found: &'r mut Cells,
    bodies: &'r mut Vec<Range<usize>>,
    batch: &'r mut CellBatch,
    rows: &'r mut u64,
}

impl Reading {
    /// Reads and decodes in a task of its own, so that the server need not wait while a batch is encoded. Dropping the
    /// stream ends the task, and with it the statement.
    fn ahead(self) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.job.schema);
        let mut ahead = RecordBatchReceiverStreamBuilder::new(schema, BATCHES_AHEAD);
        let batches = ahead.tx();
        ahead.spawn(async move { Ok(self.send_all(batches).await?) });
        ahead.build()
    }

    /// Sends every batch and returns when the server has said that there are no more, or nobody wants them.
    async fn send_all(self, to: Sender<DataFusionResult<RecordBatch>>) -> Result<()> {
        let Self { job, reader, keys, mut found, mut bodies, mut batch, mut rows } = self;
        let decoding = Decoding {
            job: &job,
            keys: &keys,
            found: &mut found,
            bodies: &mut bodies,
            batch: &mut batch,
            rows: &mut rows,
        };
        let sql = job.sql(&keys)?;
        let done = running::run(&job.place, reader, &sql, async |rows| decoding.all(rows, &to).await).await;
        done.map_err(|error| error.with("table", &job.read.table.table))
    }
}

impl Decoding<'_> {
    async fn all(mut self, rows: &mut Rows<'_>, to: &Sender<DataFusionResult<RecordBatch>>) -> Result<()> {
        let width = rows.columns().len();
        if width != self.found.columns() {
            return Err(Error::internal("the server gives other columns than were asked for"));
        }
        for (column, sent) in kit::read::columns(&self.job.read).zip(rows.columns()) {
            if !choice::codec::<Codec>(column)?.reads(sent) {
                return Err(describe::altered().with("column", column.name()));
            }
        }
        loop {
            while let Some(body) = rows.next_range()? {
                self.find(rows, body)?;
                let enough = self.batch.is_enough(self.found.rows());
                if (enough || self.found.is_full()) && self.decode(rows)? && !self.send(to).await? {
                    return Ok(());
                }
            }
            // The next read moves the bytes.
            if self.decode(rows)? && !self.send(to).await? {
                return Ok(());
            }
            if rows.has_ended() {
                break;
            }
            rows.fill().await?;
        }
        if self.batch.rows() > 0 {
            self.send(to).await?;
        }
        Ok(())
    }

    /// Sends the batch; false if nobody wants it any more.
    async fn send(&mut self, to: &Sender<DataFusionResult<RecordBatch>>) -> Result<bool> {
        Ok(to.send(Ok(self.batch.finish()?)).await.is_ok())
    }

    /// Finds the values of a row.
    #[inline]
    fn find(&mut self, rows: &Rows<'_>, body: Range<usize>) -> Result<()> {
        let from = body.start - self.found.begin(body.start);
        let bytes = &rows.buffer()[body.clone()];
        let mut cells = self.found.next_row();
        find_values(rows.columns(), bytes, |value| {
            if let Some(cell) = cells.next() {
                *cell = match value {
                    // A packet has at most 1 GiB.
                    Some(value) => {
                        Cell { start: (from + value.start) as u32, length: (value.end - value.start) as i32 }
                    }
                    None => Cell::NULL,
                };
            }
        })?;
        drop(cells);
        self.found.add(body.end);
        self.bodies.push(body);
        Ok(())
    }

    /// Decodes the rows that were found; whether the batch is full.
    fn decode(&mut self, rows: &Rows<'_>) -> Result<bool> {
        let count = self.found.rows();
        let full = self.batch.decode(self.found, rows.buffer()).map_err(|(row, column, bad)| {
            let body = self.bodies.get(row).cloned();
            self.refused(rows, (row, body), column, bad)
        })?;
        self.bodies.clear();
        *self.rows += count as u64;
        Ok(full)
    }

    /// The error for a value, with table, column and row.
    #[cold]
    fn refused(
        &self,
        rows: &Rows<'_>,
        (row, body): (usize, Option<Range<usize>>),
        column: usize,
        bad: BadValue,
    ) -> Error {
        let read = &self.job.read;
        let error = bad.into_error(&read.table.table, &read.table.columns[read.columns[column]]);
        let key = body.and_then(|body| self.key(rows.columns(), &rows.buffer()[body]));
        error.with("row", key.unwrap_or_else(|| kit::read::nth_row(*self.rows + row as u64)))
    }

    /// `name=value` of the primary key; none without one, and when values are not to be shown.
    fn key(&self, columns: &[Column], body: &[u8]) -> Option<String> {
        if values_are_hidden() || self.keys.places.is_empty() {
            return None;
        }
        let mut values = Vec::with_capacity(columns.len());
        find_values(columns, body, |value| values.push(value)).ok()?;
        let pairs = self.keys.places.iter().map(|(name, place)| {
            let (column, value) = (columns.get(*place)?, values.get(*place)?.clone()?);
            let value = &body[value];
            let shown = match column.integer(value) {
                Some(number) => number.to_string(),
                None => {
                    let text = String::from_utf8_lossy(value);
                    format!("'{}'", text.chars().take(SHOWN).collect::<String>())
                }
            };
            Some(format!("{name}={shown}"))
        });
        Some(pairs.collect::<Option<Vec<_>>>()?.join(" "))
    }
}
