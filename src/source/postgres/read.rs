//! One part: `COPY (SELECT ...) TO STDOUT (FORMAT binary)` straight into Arrow builders.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use futures::{TryStreamExt, stream};
use tokio::sync::mpsc::Sender;

use super::column::Codec;
use super::dialect::PostgresDialect;
use super::facts::TableFacts;
use super::guard::{self, Looked};
use super::locate;
use super::rows::{find_row, misframed};
use super::session::{is_theirs, join_sql, snapshot_gone};
use super::unplanned::{self, TextRows};
use crate::catalog::{Slice, SnapshotToken, TableKind};
use crate::client::postgres::{CopyOut, Pool, ident, literal};
use crate::error::{Code, Error, Result};
use crate::source::kit::batch::CellBatch;
use crate::source::kit::cells::Cells;
use crate::source::kit::column::BadValue;
use crate::source::kit::conditions::Conditions;
use crate::source::kit::{self, user_sql};
use crate::source::{Dialect, TableRead};

/// Batches that wait for the encoder: one is decoded while another is encoded.
const BATCHES_AHEAD: usize = 1;
/// Signature, flags and header extension length of COPY BINARY.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER_LEN: usize = 19;

/// The rows of `read` as of `at`.
pub(super) fn stream(
    pool: &Arc<Pool>,
    read: &TableRead,
    at: &SnapshotToken,
) -> Result<SendableRecordBatchStream> {
    let schema = kit::read::schema(read);
    let job = Job {
        pool: Arc::clone(pool),
        dialect: PostgresDialect::default(),
        read: read.clone(),
        at: at.clone(),
        schema: Arc::clone(&schema),
    };
    // Nothing happens before the stream is polled: it may have to wait for its turn.
    let batches = stream::once(async move { Ok::<_, DataFusionError>(job.batches().await?) }).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(batches))))
}

/// What to read, before a connection is open.
struct Job {
    pool: Arc<Pool>,
    dialect: PostgresDialect,
    read: TableRead,
    at: SnapshotToken,
    schema: SchemaRef,
}

impl Job {
    fn relation_sql(&self) -> Result<String> {
        relation_sql(&self.dialect, &self.read)
    }

    /// The rows, by one COPY or, where nothing may be planned and not all columns are sent as they are, by two.
    async fn batches(self) -> Result<SendableRecordBatchStream> {
        if self.read.table.reading.runs.is_none() {
            return Ok(self.open(None).await?.ahead());
        }
        let (mut binary, mut texts, mut forms) = (Vec::new(), Vec::new(), Vec::new());
        for (place, at) in self.read.columns.iter().enumerate() {
            let column = &self.read.table.columns[*at];
            match unplanned::text_of(column)? {
                Some(form) => {
                    texts.push(place);
                    forms.push(form);
                }
                None => binary.push(place),
            }
        }
        if texts.is_empty() {
            return Ok(self.open(None).await?.ahead());
        }
        if binary.is_empty() {
            return Ok(self.open(Some(forms)).await?.ahead());
        }
        if self.at.id.is_none() {
            // Two statements would see two moments.
            return Err(guard::refused(self.read.table.reading.runs.as_deref().unwrap_or_default())
                .hint("or leave --consistency none out"));
        }
        let binary_rows = self.of(&binary)?.open(None).await?;
        let text_rows = self.of(&texts)?.open(Some(forms)).await?;
        let places = [binary, texts].concat();
        Ok(unplanned::side_by_side(
            Arc::clone(&self.schema),
            places,
            [binary_rows.ahead(), text_rows.ahead()],
        ))
    }

    /// The same rows, of the columns at some places.
    fn of(&self, places: &[usize]) -> Result<Self> {
        let schema = self.schema.project(places).map_err(|e| Error::internal("columns").caused_by(e))?;
        let columns = places.iter().map(|place| self.read.columns[*place]).collect();
        Ok(Self {
            pool: Arc::clone(&self.pool),
            dialect: PostgresDialect::default(),
            read: TableRead { columns, ..self.read.clone() },
            at: self.at.clone(),
            schema: Arc::new(schema),
        })
    }

    /// The COPY of a relation as it is, which the server does not plan; none where anything else is wanted.
    fn unplanned(&self, expressions: &[String], as_text: bool, facts: &TableFacts) -> Option<String> {
        let (read, info) = (&self.read, &self.read.table);
        let relation = match &read.slice {
            // Not otherwise: of their generated columns nothing is known, and foreign tables cannot be copied.
            Slice::Relation { name, .. } if info.reading.runs.is_some() && !facts.foreign => name.clone(),
            // Without others that inherit from it, of which it would give nothing.
            _ if info.reading.sql.is_some() => return None,
            Slice::All if facts.stored && facts.relations.len() == 1 => self.dialect.table(&info.table),
            _ => return None,
        };
        let mut columns = Vec::with_capacity(expressions.len());
        for (at, expression) in read.columns.iter().zip(expressions) {
            let name = info.columns[*at].name();
            let quoted = ident(name);
            let as_it_is = as_text || quoted == *expression;
            if !as_it_is || facts.generated.iter().any(|column| column == name) {
                return None;
            }
            columns.push(quoted);
        }
        let wanted = read.filter.is_none() && !columns.is_empty();
        let format = if as_text { "text" } else { "binary" };
        wanted.then(|| format!("COPY {relation} ({}) TO STDOUT (FORMAT {format})", columns.join(", ")))
    }

    /// Begins the COPY: in binary, or as text of these forms.
    async fn open(self, texts: Option<Vec<unplanned::Text>>) -> Result<Reader> {
        let table = self.read.table.table.clone();
        let context = |e: Error| e.with("table", &table);
        let facts = TableFacts::of(&self.read.table)?;
        let mut expressions = Vec::with_capacity(self.read.columns.len());
        let mut decoders = Vec::with_capacity(self.read.columns.len());
        for column in kit::read::columns(&self.read) {
            let codec = Codec::of(column)?;
            expressions.push(codec.select_expr(&ident(column.name())));
            decoders.push(codec.decoder(&column.field, self.read.batch_rows, facts.special_values)?);
        }
        let mut connection = self.pool.take().await.map_err(context)?;
        let (sql, looked) = match self.unplanned(&expressions, texts.is_some(), &facts) {
            Some(sql) => {
                connection
                    .execute(&join_sql(&self.at, &self.read.table)?)
                    .await
                    .map_err(|e| context(snapshot_gone(e)))?;
                (sql, None)
            }
            None => {
                let looked = guard::join(&mut connection, &self.at, &self.read).await.map_err(context)?;
                let sql = format!(
                    "COPY (SELECT {} {}) TO STDOUT (FORMAT binary)",
                    expressions.join(", "),
                    self.relation_sql()?
                );
                (sql, Some(looked))
            }
        };
        let copy = connection.copy_out(&sql).await.map_err(context)?;
        let found = Cells::new(decoders.len());
        let batch = CellBatch::new(Arc::clone(&self.schema), decoders, self.read.batch_rows);
        let texts = texts.map(TextRows::new);
        let state = if texts.is_none() { State::Header } else { State::Rows };
        Ok(Reader { job: self, copy, looked, texts, found, batch, rows: 0, state })
    }
}

/// FROM and WHERE of a read.
///
/// The plan of a COPY is made from the catalog of the moment, not of the snapshot: a partition that was
/// attached since, or a table that inherits since, would be read too. So the relations are fixed.
///
/// # Errors
/// As [`TableFacts::of`].
pub(super) fn relation_sql(dialect: &PostgresDialect, read: &TableRead) -> Result<String> {
    let info = &read.table;
    let all = Conditions::of(dialect, read);
    if let Some(sql) = info.reading.query() {
        return Ok(format!("FROM {}{}", user_sql::derived(sql), all.sql()));
    }
    let Some(list) = info.reading.list() else { return stored_sql(dialect, read, all) };
    // The filter is about the columns of the list.
    let filter = Conditions { filter: all.filter, ..Conditions::default() };
    let stored = stored_sql(dialect, read, Conditions { filter: None, ..all })?;
    Ok(format!("FROM {}{}", user_sql::derived(&format!("SELECT\n{list}\n{stored}")), filter.sql()))
}

/// FROM and WHERE of a read of a table, with these conditions on its own columns.
fn stored_sql(dialect: &PostgresDialect, read: &TableRead, conditions: Conditions<'_>) -> Result<String> {
    let info = &read.table;
    let facts = TableFacts::of(info)?;
    let oids: Vec<String> = facts.relations.iter().map(ToString::to_string).collect();
    if let Some((_, leaf)) = read.slice.relation() {
        // Alone, so that the server does not open the others to find that they hold none of these rows.
        // SQL of the user's may name the table.
        let name = if info.reading.sql.is_some() {
            format!(" AS {}", ident(&info.table.name))
        } else {
            String::new()
        };
        return Ok(format!("FROM ONLY {leaf}{name}{}", conditions.sql()));
    }
    let (only, members) = match (info.kind, oids.as_slice()) {
        (TableKind::Table | TableKind::Partition, [_]) => ("ONLY ", None),
        // The relation of a row takes the right to the table; at the end `structure::unchanged` looks instead.
        _ if facts.by_columns => ("", None),
        (TableKind::Table | TableKind::Partitioned | TableKind::Partition, [_, ..]) => {
            let theirs = is_theirs(info);
            let each =
                || oids.iter().map(|oid| format!("tableoid OPERATOR(pg_catalog.=) {oid}::pg_catalog.oid"));
            let members = match theirs {
                true => format!("({})", each().collect::<Vec<_>>().join(" OR ")),
                false => format!("tableoid IN ({})", oids.join(", ")),
            };
            ("", Some(members))
        }
        _ => ("", None),
    };
    let conditions = Conditions { own: members, ..conditions };
    Ok(format!("FROM {only}{}{}", dialect.table(&info.table), conditions.sql()))
}

const NUMERIC_HINT: &str = "a double holds nothing beyond 1.8e308 nor between 0 and 4.9e-324: leave --numeric double out, or use \
    --numeric measure, or --cast 'table.column: text' for this column";

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Rows,
    Trailer,
}

/// A COPY under way.
struct Reader {
    job: Job,
    copy: CopyOut,
    /// What the plan depends on; none where there is no plan.
    looked: Option<Looked>,
    /// Where the rows are, if the server sends text.
    texts: Option<TextRows>,
    found: Cells,
    batch: CellBatch,
    /// Rows decoded so far, those of the open batch included.
    rows: u64,
    state: State,
}

/// Why a read stopped.
enum Failure {
    /// The connection or the protocol.
    Read(Error),
    /// A value: its column among those read, and what is wrong.
    Value(usize, BadValue),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl Reader {
    /// Reads and decodes in a task of its own, so that the server need not wait while a batch is encoded.
    /// Dropping the stream ends the task, and with it the statement.
    fn ahead(self) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.job.schema);
        let mut ahead = RecordBatchReceiverStreamBuilder::new(schema, BATCHES_AHEAD);
        let batches = ahead.tx();
        ahead.spawn(async move { Ok(self.send_all(batches).await?) });
        ahead.build()
    }

    /// Sends every batch and returns when the server has said that there are no more, or nobody wants them.
    async fn send_all(mut self, to: Sender<DataFusionResult<RecordBatch>>) -> Result<()> {
        loop {
            match self.next_batch().await {
                Ok(Some(batch)) => {
                    if to.send(Ok(batch)).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(None) => return self.finish().await,
                Err(failure) => return Err(self.explain(failure).await),
            }
        }
    }

    /// The next batch; none after the last.
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            while let Some(message) = self.next_message()? {
                self.find(message)?;
                // Large rows are weighed each, small ones now and then.
                let enough = self.batch.is_enough(self.found.rows());
                if (enough || self.found.is_full()) && self.decode()? {
                    return Ok(Some(self.batch()?));
                }
            }
            // The next read moves the bytes.
            if self.decode()? {
                return Ok(Some(self.batch()?));
            }
            if self.copy.ended().is_some() {
                return Ok(if self.batch.rows() > 0 { Some(self.batch()?) } else { None });
            }
            self.copy.fill().await?;
        }
    }

    /// Where the next message lies. Before an error, the rows that came first are decoded: they tell its place.
    #[inline]
    fn next_message(&mut self) -> Result<Option<Range<usize>>, Failure> {
        match self.copy.next_range() {
            Ok(range) => Ok(range),
            Err(error) => {
                self.decode()?;
                Err(error.into())
            }
        }
    }

    /// Finds the rows of a message: the server sends one per message, the first with the header before it.
    #[inline]
    fn find(&mut self, message: Range<usize>) -> Result<(), Failure> {
        if self.texts.is_some() {
            return self.find_text(message);
        }
        let (mut at, end) = (message.start, message.end);
        if self.state == State::Header {
            at += header(&self.copy.buffer()[message])?;
            self.state = State::Rows;
        }
        while at < end {
            if self.state == State::Trailer {
                return Err(misframed("bytes after the trailer").into());
            }
            if self.found.is_full() {
                self.decode()?;
            }
            match find_row(&mut self.found, self.copy.buffer(), at, end)? {
                Some(next) => at = next,
                None => {
                    at += 2;
                    self.state = State::Trailer;
                }
            }
        }
        Ok(())
    }

    /// As [`Self::find`], of a row that is text.
    fn find_text(&mut self, message: Range<usize>) -> Result<(), Failure> {
        if self.found.is_full() {
            self.decode()?;
        }
        let Some(texts) = &mut self.texts else { return Ok(()) };
        let start = texts.push(&self.copy.buffer()[message])?;
        let rows = texts.buffer();
        find_row(&mut self.found, rows, start, rows.len())?;
        Ok(())
    }

    /// Decodes the rows that were found; whether the batch is full.
    fn decode(&mut self) -> Result<bool, Failure> {
        let rows = self.found.rows();
        let buffer = self.texts.as_ref().map_or_else(|| self.copy.buffer(), TextRows::buffer);
        let is_full = self.batch.decode(&mut self.found, buffer).map_err(|(row, column, bad)| {
            self.rows += row as u64;
            Failure::Value(column, bad)
        })?;
        self.texts.iter_mut().for_each(TextRows::clear);
        self.rows += rows as u64;
        Ok(is_full)
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        self.batch.finish().map_err(|error| error.with("table", &self.job.read.table.table))
    }

    /// After the last row: trailer seen, and as many rows as the server says it sent.
    async fn finish(self) -> Result<()> {
        let table = &self.job.read.table.table;
        let sent = self.copy.ended();
        if self.texts.is_none()
            && self.state != State::Trailer
            && !(self.state == State::Header && sent == Some(0))
        {
            return Err(misframed("the trailer is missing").with("table", table));
        }
        if sent != Some(self.rows) {
            return Err(Error::data(format!(
                "the server says it sent {} rows but {} arrived",
                sent.unwrap_or(0),
                self.rows
            ))
            .coded(Code::RowsContradict)
            .with("table", table));
        }
        let mut connection = self.copy.into_connection()?;
        let info = &self.job.read.table;
        if info.kind == TableKind::Query {
            connection.execute("COMMIT").await.map_err(|e| e.with("table", table))?;
            self.job.pool.give_back(connection);
            return Ok(());
        }
        let (expected, name) = match self.job.read.slice.relation() {
            Some((oid, name)) => (Some(oid), name.to_owned()),
            None => {
                let itself = TableFacts::of(info)?.relations.first().copied();
                (itself, self.job.dialect.table(table))
            }
        };
        // A lock of a table does not keep others from renaming its schema.
        let end = format!("SELECT pg_catalog.to_regclass({})::pg_catalog.oid; COMMIT", literal(&name));
        let rows = match &self.looked {
            Some(looked) => looked.end(&mut connection, &self.job.at, &end).await,
            None => connection.query(&end).await,
        };
        let rows = rows.map_err(|e| e.with("table", table))?;
        let relation = rows.first().and_then(|row| row.get(0)).and_then(|oid| oid.parse().ok());
        if relation != expected {
            return Err(guard::renamed().with("table", table));
        }
        self.job.pool.give_back(connection);
        Ok(())
    }

    /// Turns a failure into an error that names table, column and row.
    async fn explain(self, failure: Failure) -> Error {
        let (pool, at, read) = (&self.job.pool, &self.job.at, &self.job.read);
        let table = &read.table.table;
        let from_where = match self.job.relation_sql() {
            Ok(sql) => sql,
            Err(error) => return error,
        };
        let mut row = locate::Row { from_where: &from_where, read, column: None, number: self.rows };
        let error = match failure {
            Failure::Value(index, bad) => {
                let column = &read.table.columns[read.columns[index]];
                row.column = Some(column.name());
                bad.into_error(table, column)
            }
            Failure::Read(error) if locate::is_untranslatable(&error) => {
                let columns = read.columns.iter().filter_map(|i| {
                    let column = &read.table.columns[*i];
                    Some((column.name(), Codec::of(column).ok()?.text_sql(&ident(column.name()))))
                });
                row.column = locate::failing(pool, at, &row, columns, locate::is_untranslatable).await;
                match row.column {
                    Some(column) => error.with("table", table).with("column", column),
                    None => error.with("table", table),
                }
            }
            Failure::Read(error) if locate::is_out_of_range(&error) => {
                let casts = read.columns.iter().filter_map(|i| {
                    let name = read.table.columns[*i].name();
                    let codec = Codec::of(&read.table.columns[*i]).ok()?;
                    let expression = codec.select_expr(&ident(name));
                    (expression != ident(name)).then_some((name, expression))
                });
                row.column = locate::failing(pool, at, &row, casts, locate::is_out_of_range).await;
                let Some(column) = row.column else { return error.with("table", table) };
                // The server's message holds the number, which may have a hundred thousand digits.
                Error::data("the number is out of range for the double that --numeric double makes of it")
                    .coded(Code::NumericRange)
                    .with("table", table)
                    .with("column", column)
                    .hint(NUMERIC_HINT)
            }
            Failure::Read(error) => return error.with("table", table),
        };
        // The statement is stopped first, so that the search does not compete with it.
        drop(self.copy);
        match locate::describe(pool, at, &row).await {
            Some(place) => error.with("row", place),
            None => error.with("row", kit::read::nth_row(self.rows)),
        }
    }
}

/// As [`header`], for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn skip_header(message: &[u8]) -> Result<usize> {
    header(message).map_err(|_| misframed("no signature"))
}

/// Checks the file header; its length.
fn header(message: &[u8]) -> Result<usize, Failure> {
    let extension = message
        .get(HEADER_LEN - 4..HEADER_LEN)
        .and_then(|b| b.try_into().ok())
        .map(i32::from_be_bytes)
        .and_then(|n| usize::try_from(n).ok());
    match extension {
        Some(extension) if message.starts_with(SIGNATURE) && message.len() >= HEADER_LEN + extension => {
            Ok(HEADER_LEN + extension)
        }
        _ => Err(misframed("no signature").into()),
    }
}
