//! Prepared statements: parameters beside the SQL, and rows in the server's binary form.

use std::borrow::Cow;
use std::ops::Range;

use super::column::Column;
use super::connection::{Among, COLUMNS, Connection, Phase, Then};
use super::packet::{ERROR, Packet};
use super::reader::Reader;
use super::row::Row;
use crate::error::{Error, Result};

const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const CLOSE: u8 = 0x19;

/// No cursor: rows come as fast as they are read.
const NO_CURSOR: u8 = 0;

/// A value beside a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text in UTF-8.
    Text(Cow<'a, str>),
    /// Bytes of no character set.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The number of the type, as `ColumnType` has it.
    fn kind(&self) -> u8 {
        match self {
            Self::Null => 6,
            Self::Integer(_) => 8,
            Self::Text(_) => 253,
            Self::Bytes(_) => 252,
        }
    }

    fn write(&self, output: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Integer(number) => output.extend_from_slice(&number.to_le_bytes()),
            Self::Text(text) => counted(text.as_bytes(), output),
            Self::Bytes(bytes) => counted(bytes, output),
        }
    }
}

fn counted(bytes: &[u8], output: &mut Vec<u8>) {
    let length = bytes.len() as u64;
    let digits = length.to_le_bytes();
    match length {
        0..=0xfa => output.push(digits[0]),
        0xfb..=0xffff => {
            output.push(0xfc);
            output.extend_from_slice(&digits[..2]);
        }
        0x1_0000..=0xff_ffff => {
            output.push(0xfd);
            output.extend_from_slice(&digits[..3]);
        }
        _ => {
            output.push(0xfe);
            output.extend_from_slice(&digits);
        }
    }
    output.extend_from_slice(bytes);
}

/// A statement that the server has parsed. It is the connection's: of no use with another.
#[derive(Debug)]
pub struct Statement {
    id: u32,
    parameters: usize,
    columns: Vec<Column>,
}

impl Statement {
    /// The columns that its rows will have; none when it has no rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl Connection {
    /// Has the server parse one statement with a `?` for each value.
    ///
    /// # Errors
    /// Those of [`Self::execute`].
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement> {
        self.command(PREPARE)?.extend_from_slice(sql.as_bytes());
        self.send(Phase::Prepared).await?;
        let packet = self.link.receive().await?;
        let (id, parameters) = self.prepared(packet)?;
        let columns = self.columns().await?;
        Ok(Statement { id, parameters: parameters.into(), columns })
    }

    /// The first packet of the answer to [`PREPARE`]: the statement's number, and how many parameters it has.
    pub(super) fn prepared(&mut self, packet: Packet) -> Result<(u32, u16)> {
        self.phase = Phase::Lost;
        let body = self.link.body(packet);
        if body.first() == Some(&ERROR) {
            return Err(self.failed(packet));
        }
        let mut reader = Reader(body);
        let facts = (|| match reader.byte()? {
            0 => Some((reader.u32()?, reader.u16()?, reader.u16()?)),
            _ => None,
        })();
        let (id, columns, parameters) =
            facts.ok_or_else(|| self.link.protocol("no answer to a statement that is prepared"))?;
        if u64::from(columns) > COLUMNS {
            return Err(self.link.protocol("more columns than a result has"));
        }
        self.phase = self.definitions(parameters.into(), Then::Columns(columns.into()));
        Ok((id, parameters))
    }

    /// Runs a prepared statement. Its rows are to be read to their end: rows that are dropped, or not understood, leave a
    /// connection that nobody can use before [`Self::skip_rest`]. An error of the server's is an end.
    ///
    /// # Errors
    /// Those of [`Self::execute`].
    pub async fn run(&mut self, statement: &Statement, values: &[Value<'_>]) -> Result<Rows<'_>> {
        if values.len() != statement.parameters {
            let (given, wanted) = (values.len(), statement.parameters);
            let what = format!("a statement with {wanted} parameters, where {given} values are given");
            return Err(self.link.protocol(&what));
        }
        let output = self.command(EXECUTE)?;
        output.extend_from_slice(&statement.id.to_le_bytes());
        output.push(NO_CURSOR);
        // How often: once.
        output.extend_from_slice(&1_u32.to_le_bytes());
        if !values.is_empty() {
            for eight in values.chunks(8) {
                let bit = |(at, value): (usize, &Value<'_>)| u8::from(*value == Value::Null) << at;
                output.push(eight.iter().enumerate().map(bit).sum());
            }
            // Types follow.
            output.push(1);
            values.iter().for_each(|value| output.extend_from_slice(&[value.kind(), 0]));
            values.iter().for_each(|value| value.write(output));
        }
        self.send(Phase::Answer).await?;
        self.begin_answer().await?;
        let columns = self.columns().await?;
        let state = if self.phase == Phase::Rows { State::Open } else { State::Ended };
        Ok(Rows { connection: self, columns, state })
    }

    /// Has the server forget a prepared statement.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    pub async fn forget(&mut self, statement: Statement) -> Result<()> {
        self.command(CLOSE)?.extend_from_slice(&statement.id.to_le_bytes());
        // There is no answer.
        self.send(Phase::Idle).await
    }
}

/// The rows of a statement, in the connection's buffer one after the other.
#[derive(Debug)]
pub struct Rows<'c> {
    connection: &'c mut Connection,
    columns: Vec<Column>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl Rows<'_> {
    /// The rows' columns; none when the statement has no rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the server has said that there are no more.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The next row, when it has come; none at the end.
    ///
    /// # Errors
    /// What the server said; `Unavailable` when the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Row<'_>>> {
        loop {
            if let Some(packet) = self.packet()? {
                return self.row(packet).map(Some);
            }
            if self.has_ended() {
                return Ok(None);
            }
            self.fill().await?;
        }
    }

    /// The next row that was read from the socket already; none at the end, and when [`Self::fill`] is to be called.
    ///
    /// # Errors
    /// Those of [`Self::next`].
    pub fn next_read(&mut self) -> Result<Option<Row<'_>>> {
        match self.packet()? {
            Some(packet) => self.row(packet).map(Some),
            None => Ok(None),
        }
    }

    /// Reads more bytes from the socket, about 256 KiB at most. Call only when [`Self::next_read`] gave none.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    pub async fn fill(&mut self) -> Result<()> {
        let filled = self.connection.link.fill().await;
        self.noting(filled)
    }

    /// As [`Self::next_read`], but where in [`Self::buffer`] the row's body lies, for [`super::find_values`]. Rows that
    /// were found lie there until the next [`Self::fill`].
    ///
    /// # Errors
    /// Those of [`Self::next`].
    #[inline]
    pub fn next_range(&mut self) -> Result<Option<Range<usize>>> {
        Ok(self.packet()?.map(Packet::range))
    }

    /// The bytes in which [`Self::next_range`] finds rows.
    #[inline]
    pub fn buffer(&self) -> &[u8] {
        self.connection.link.packets.buffer()
    }

    /// Says that many rows may come, and that nobody waits for the first byte of each read: the socket may nap.
    pub fn expect_much(&mut self) {
        self.connection.link.stream.expect_much(self.state == State::Open);
    }

    /// See [`Connection::skip_rest`].
    pub async fn skip_rest(self, most_bytes: u64) -> bool {
        self.connection.skip_rest(most_bytes).await
    }

    fn row(&self, packet: Packet) -> Result<Row<'_>> {
        let link = &self.connection.link;
        Row::of(&self.columns, link.body(packet)).ok_or_else(|| link.protocol("a short row"))
    }

    /// The next row's packet, if it is there.
    #[inline]
    fn packet(&mut self) -> Result<Option<Packet>> {
        match self.state {
            State::Open => {}
            State::Ended => return Ok(None),
            State::Failed => return Err(Error::internal("rows are read after an error")),
        }
        let found = self.connection.link.next();
        let Some(packet) = self.noting(found)? else { return Ok(None) };
        let among = self.connection.among(packet);
        match self.noting(among)? {
            Among::Row => Ok(Some(packet)),
            Among::End => {
                self.end(State::Ended);
                Ok(None)
            }
        }
    }

    #[inline]
    fn noting<T>(&mut self, done: Result<T>) -> Result<T> {
        if done.is_err() {
            self.end(State::Failed);
        }
        done
    }

    #[cold]
    fn end(&mut self, state: State) {
        self.state = state;
        self.connection.link.stream.expect_much(false);
    }
}
