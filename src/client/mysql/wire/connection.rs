//! One connection: statements without parameters, and what their answers have in common.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Waker};

use mysql_common::constants::{CapabilityFlags, StatusFlags};

use super::column::Column;
use super::greeting::Greeting;
use super::link::Link;
use super::packet::{ERROR, FULL, HEADER_BYTES, Packet};
use super::reader::Reader;
use crate::client::mysql::Version;
use crate::client::mysql::problem::{self, ServerError};
use crate::client::transport::Stream;
use crate::error::{Code, Error, Result};

const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PING: u8 = 0x0e;

/// A statement that does nothing.
const NOTHING: &str = "DO 0";

const OK: u8 = 0x00;
const END: u8 = 0xfe;
/// The server wants a file of this machine: `LOAD DATA LOCAL`.
const FILE: u8 = 0xfb;

/// Length that an end which is no OK stays below.
const SHORT_END: usize = 9;

/// Most columns of a result, which is what servers allow.
pub(super) const COLUMNS: u64 = 4096;
/// Longest definition of a column: six names of 256 characters, and some numbers.
const DEFINITION_BYTES: usize = 16 * 1024;

/// A connection that is logged in. Dropping it says goodbye and closes the socket, and the server rolls back.
pub struct Connection {
    pub(super) link: Link,
    id: u32,
    version: String,
    /// Whether definitions end by themselves, and rows by an OK.
    has_short_ends: bool,
    /// A future dropped in the middle of an answer leaves packets that belong to nobody: this says which.
    pub(super) phase: Phase,
    is_in_transaction: bool,
}

/// Which packet of an answer comes next. It is set as soon as a packet was taken, with no await in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// None: the last answer was read to its end, which an error of the server's is.
    Idle,
    /// Nobody knows: a command was not sent to its end, or what came was not understood.
    Lost,
    /// The first one of the answer to a statement.
    Answer,
    /// The first one of the answer to a statement that is prepared.
    Prepared,
    /// One of so many definitions, or their end if they have one.
    Definitions { left: u64, has_end: bool, then: Then },
    /// A row, or the end.
    Rows,
}

/// What follows definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// These were parameters; the definitions of so many columns come.
    Columns(u64),
    Rows,
    Nothing,
}

/// A packet among rows.
pub(super) enum Among {
    Row,
    End,
}

impl Connection {
    pub(super) fn new(link: Link, greeting: Greeting, capabilities: CapabilityFlags) -> Self {
        Self {
            link,
            id: greeting.id,
            version: greeting.version,
            has_short_ends: !capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF),
            phase: Phase::Idle,
            is_in_transaction: false,
        }
    }

    /// The connection's number at the server, for `KILL QUERY`.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The server's version as it says it, such as `9.7.4` or `5.5.5-10.11.14-MariaDB-0+deb12u2`.
    pub fn server_version(&self) -> &str {
        &self.version
    }

    /// The same, understood.
    ///
    /// # Errors
    /// `Config` when it is in no form that servers have.
    pub fn version(&self) -> Result<Version> {
        Version::parse(&self.version)
            .ok_or_else(|| problem::odd_version(&self.version).with("server", &self.link.server))
    }

    /// Adds the bytes that come from now on to a count that others share.
    pub fn count_into(&mut self, received: &Arc<AtomicU64>) {
        self.link.received = Arc::clone(received);
    }

    /// Whether the connection is in the middle of a statement: no other can be run.
    pub fn is_busy(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Whether the last statement that ended without an error left the connection in a transaction. Some errors end one,
    /// and do not say so: [`Self::ping`] finds out.
    pub fn is_in_transaction(&self) -> bool {
        self.is_in_transaction
    }

    /// Reads on to the end of an answer that was left, wherever that was, and throws away what comes: at most so many
    /// bytes. Whether the connection can run another statement then; it can after an error of the server's too, such as
    /// that of a `KILL QUERY`. It cannot after a command that was not sent to its end.
    pub async fn skip_rest(&mut self, most_bytes: u64) -> bool {
        let mut skipped = 0_u64;
        while !matches!(self.phase, Phase::Idle | Phase::Lost) && skipped <= most_bytes {
            let Ok(packet) = self.link.receive().await else {
                self.phase = Phase::Lost;
                break;
            };
            skipped = skipped.saturating_add((HEADER_BYTES + packet.range().len()) as u64);
            if let Err(error) = self.skip(packet) {
                tracing::trace!(%error, "an answer that was left ended");
            }
        }
        self.link.stream.expect_much(false);
        !self.is_busy()
    }

    /// Takes a packet that nobody waits for. The phase says whether an error is an end.
    fn skip(&mut self, packet: Packet) -> Result<()> {
        match self.phase {
            Phase::Idle | Phase::Lost => Ok(()),
            Phase::Answer => self.answer(packet),
            Phase::Prepared => self.prepared(packet).map(|_| ()),
            Phase::Definitions { .. } => self.definition(packet).map(|_| ()),
            Phase::Rows => self.among(packet).map(|_| ()),
        }
    }

    /// Takes up what a `KILL QUERY` left that came after its statement had ended: it would end the next one. To be
    /// called once the `KILL` is known to be done.
    ///
    /// # Errors
    /// Those of [`Self::execute`].
    pub async fn settle(&mut self) -> Result<()> {
        match self.execute(NOTHING).await {
            Err(error) if problem::code(&error) == Some(problem::INTERRUPTED) => self.execute(NOTHING).await,
            done => done,
        }
    }

    /// Whether the connection is encrypted by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.link.stream.is_tls()
    }

    /// Asks whether the server is there.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    pub async fn ping(&mut self) -> Result<()> {
        self.command(PING)?;
        self.send(Phase::Answer).await?;
        self.begin_answer().await?;
        if self.is_busy() {
            self.phase = Phase::Lost;
            return Err(self.link.protocol("rows to a ping"));
        }
        Ok(())
    }

    /// Runs one statement whose rows do not matter. After an error of the server's before the first row the connection
    /// is usable again.
    ///
    /// # Errors
    /// What the server said, with its number under [`super::super::code`]; `Unavailable` when the connection is lost.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        self.command(QUERY)?.extend_from_slice(sql.as_bytes());
        self.send(Phase::Answer).await?;
        self.begin_answer().await?;
        self.columns().await?;
        while self.phase == Phase::Rows {
            let packet = self.link.receive().await?;
            self.among(packet)?;
        }
        Ok(())
    }

    /// Where a command is to be written, which is followed by [`Self::send`].
    pub(super) fn command(&mut self, code: u8) -> Result<&mut Vec<u8>> {
        if self.is_busy() {
            return Err(Error::unavailable("the connection was left in the middle of a statement")
                .coded(Code::ConnectionLost)
                .with("server", &self.link.server));
        }
        self.phase = Phase::Lost;
        Ok(self.link.command(code))
    }

    /// Sends the command that was written; `next` comes then.
    pub(super) async fn send(&mut self, next: Phase) -> Result<()> {
        self.link.send().await?;
        self.phase = next;
        Ok(())
    }

    /// The first packet of the answer to a statement. Without columns it is the last one.
    pub(super) async fn begin_answer(&mut self) -> Result<()> {
        let packet = self.link.receive().await?;
        self.answer(packet)
    }

    fn answer(&mut self, packet: Packet) -> Result<()> {
        self.phase = Phase::Lost;
        let body = self.link.body(packet);
        match body {
            [OK, rest @ ..] => {
                let mut reader = Reader(rest);
                let status = reader.number().and_then(|_| reader.number()).and_then(|_| reader.u16());
                self.end(status)
            }
            [ERROR, ..] => Err(self.failed(packet)),
            [FILE, ..] => Err(self.link.protocol("it asks for a file of this machine")),
            _ => {
                let mut reader = Reader(body);
                match reader.number() {
                    Some(count @ 1..=COLUMNS) if reader.0.is_empty() => {
                        self.phase = self.definitions(count, Then::Rows);
                        Ok(())
                    }
                    _ => Err(self.link.protocol("no answer to a statement")),
                }
            }
        }
    }

    /// The definitions of a result's columns; none of an answer that has ended. Those of parameters say nothing.
    pub(super) async fn columns(&mut self) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        while let Phase::Definitions { then, .. } = self.phase {
            let packet = self.link.receive().await?;
            let column = self.definition(packet)?;
            if !matches!(then, Then::Columns(_)) {
                columns.extend(column);
            }
        }
        Ok(columns)
    }

    /// The phase in which so many definitions come. Without any there is no end of them.
    pub(super) fn definitions(&self, count: u64, then: Then) -> Phase {
        match (count, then) {
            (0, then) => self.after(then),
            (left, then) => Phase::Definitions { left, has_end: self.has_short_ends, then },
        }
    }

    fn after(&self, then: Then) -> Phase {
        match then {
            Then::Columns(count) => self.definitions(count, Then::Nothing),
            Then::Rows => Phase::Rows,
            Then::Nothing => Phase::Idle,
        }
    }

    /// A packet that comes among definitions: none is their end.
    fn definition(&mut self, packet: Packet) -> Result<Option<Column>> {
        let Phase::Definitions { left, has_end, then } = self.phase else {
            return Err(Error::internal("definitions are read out of turn"));
        };
        self.phase = Phase::Lost;
        let column = match self.link.body(packet) {
            [ERROR, ..] => return Err(self.failed(packet)),
            body @ [END, ..] if left == 0 && body.len() < SHORT_END => None,
            _ if left == 0 => return Err(self.link.protocol("no end of the definitions")),
            body if body.len() > DEFINITION_BYTES => {
                return Err(self.link.protocol("a long definition of a column"));
            }
            body => match Column::parse(body) {
                None => return Err(self.link.protocol("no definition of a column")),
                column => column,
            },
        };
        self.phase = match left.checked_sub(1) {
            None => self.after(then),
            Some(0) if !has_end => self.after(then),
            Some(left) => Phase::Definitions { left, has_end, then },
        };
        Ok(column)
    }

    /// The server's error, which ends its answer.
    #[cold]
    pub(super) fn failed(&mut self, packet: Packet) -> Error {
        self.phase = Phase::Idle;
        ServerError::parse(self.link.body(packet)).into_error()
    }

    /// What a packet that comes among rows is, by its first byte and its length. After an end and after an error the
    /// connection is free for the next command.
    ///
    /// # Errors
    /// The server's error, if it is one.
    #[inline]
    pub(super) fn among(&mut self, packet: Packet) -> Result<Among> {
        let body = self.link.body(packet);
        match body {
            [END, rest @ ..] if body.len() < if self.has_short_ends { SHORT_END } else { FULL } => {
                let mut reader = Reader(rest);
                let status = if self.has_short_ends {
                    reader.u16().and_then(|_| reader.u16())
                } else {
                    reader.number().and_then(|_| reader.number()).and_then(|_| reader.u16())
                };
                self.end(status)?;
                Ok(Among::End)
            }
            [ERROR, ..] => Err(self.failed(packet)),
            _ => Ok(Among::Row),
        }
    }

    /// Takes note of what the server says at an end. We never allow several results.
    fn end(&mut self, status: Option<u16>) -> Result<()> {
        self.phase = Phase::Lost;
        match status.map(StatusFlags::from_bits_retain) {
            Some(status) if !status.contains(StatusFlags::SERVER_MORE_RESULTS_EXISTS) => {
                self.is_in_transaction = status.contains(StatusFlags::SERVER_STATUS_IN_TRANS);
                self.phase = Phase::Idle;
                Ok(())
            }
            Some(_) => Err(self.link.protocol("more than one result")),
            None => Err(self.link.protocol("a short end")),
        }
    }
}

/// A server that is left without goodbye writes a warning to its log.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_busy() {
            return;
        }
        self.link.packets.restart();
        let header = self.link.packets.header(1);
        let goodbye = [header.as_slice(), &[QUIT]].concat();
        // Nothing else is on its way, so that the socket takes it at once or never.
        let writing = pin!(self.link.stream.write_all(&goodbye));
        let _ = writing.poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Link { server, stream, .. } = &self.link;
        let is_tls = matches!(stream, Stream::Tls(_));
        f.debug_struct("Connection").field("server", server).field("tls", &is_tls).finish_non_exhaustive()
    }
}
