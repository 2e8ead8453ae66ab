//! One connection: statements without parameters, and what their answers have in common.

use std::pin::pin;
use std::task::{Context, Waker};

use mysql_common::constants::{CapabilityFlags, StatusFlags};

use super::column::Column;
use super::greeting::Greeting;
use super::link::Link;
use super::packet::{ERROR, FULL};
use super::reader::Reader;
use crate::client::mysql::problem::ServerError;
use crate::client::transport::Stream;
use crate::error::{Error, Result};

const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PING: u8 = 0x0e;

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
    /// True from sending a command until its answer was read to its end without an error in the middle: a future dropped
    /// in between leaves replies that belong to nobody.
    pub(super) is_busy: bool,
}

/// How the answer to a statement begins.
pub(super) enum Answer {
    /// There are no rows.
    Done,
    /// So many columns, which are not read yet.
    Columns(u64),
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
            is_busy: false,
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
        self.link.send().await?;
        match self.begin_answer().await? {
            Answer::Done => Ok(()),
            Answer::Columns(_) => Err(self.link.protocol("rows to a ping")),
        }
    }

    /// Runs one statement whose rows do not matter. After an error of the server's before the first row the connection
    /// is usable again.
    ///
    /// # Errors
    /// What the server said, with its number under [`super::super::code`]; `Unavailable` when the connection is lost.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        self.command(QUERY)?.extend_from_slice(sql.as_bytes());
        self.link.send().await?;
        let Answer::Columns(count) = self.begin_answer().await? else { return Ok(()) };
        self.columns(count).await?;
        loop {
            let packet = self.link.receive().await?;
            if let Among::End = self.among(self.link.body(packet))? {
                self.is_busy = false;
                return Ok(());
            }
        }
    }

    /// Where a command is to be written.
    pub(super) fn command(&mut self, code: u8) -> Result<&mut Vec<u8>> {
        if self.is_busy {
            return Err(Error::unavailable("the connection was left in the middle of a statement")
                .with("server", &self.link.server));
        }
        self.is_busy = true;
        Ok(self.link.command(code))
    }

    /// The first packet of the answer to a statement.
    pub(super) async fn begin_answer(&mut self) -> Result<Answer> {
        let packet = self.link.receive().await?;
        let body = self.link.body(packet);
        match body {
            [OK, rest @ ..] => {
                let mut reader = Reader(rest);
                let status = reader.number().and_then(|_| reader.number()).and_then(|_| reader.u16());
                self.check_end(status)?;
                self.is_busy = false;
                Ok(Answer::Done)
            }
            [ERROR, ..] => {
                let error = ServerError::parse(body).into_error();
                self.is_busy = false;
                Err(error)
            }
            [FILE, ..] => Err(self.link.protocol("it asks for a file of this machine")),
            _ => {
                let mut reader = Reader(body);
                match reader.number() {
                    Some(count @ 1..=COLUMNS) if reader.0.is_empty() => Ok(Answer::Columns(count)),
                    _ => Err(self.link.protocol("no answer to a statement")),
                }
            }
        }
    }

    /// The definitions of a result's columns.
    pub(super) async fn columns(&mut self, count: u64) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(self.definition().await?);
        }
        self.end_definitions(count).await?;
        Ok(columns)
    }

    /// Passes over the definitions of parameters, which say nothing.
    pub(super) async fn parameters(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.definition().await?;
        }
        self.end_definitions(count).await
    }

    async fn definition(&mut self) -> Result<Column> {
        let packet = self.link.receive().await?;
        match self.link.body(packet) {
            body @ [ERROR, ..] => Err(ServerError::parse(body).into_error()),
            body if body.len() > DEFINITION_BYTES => Err(self.link.protocol("a long definition of a column")),
            body => Column::parse(body).ok_or_else(|| self.link.protocol("no definition of a column")),
        }
    }

    async fn end_definitions(&mut self, count: u64) -> Result<()> {
        if count == 0 || !self.has_short_ends {
            return Ok(());
        }
        let packet = self.link.receive().await?;
        match self.link.body(packet) {
            body @ [END, ..] if body.len() < SHORT_END => Ok(()),
            _ => Err(self.link.protocol("no end of the definitions")),
        }
    }

    /// What a packet that comes among rows is, by its first byte and its length.
    ///
    /// # Errors
    /// The server's error, if it is one.
    #[inline]
    pub(super) fn among(&self, body: &[u8]) -> Result<Among> {
        match body {
            [END, rest @ ..] if body.len() < if self.has_short_ends { SHORT_END } else { FULL } => {
                let mut reader = Reader(rest);
                let status = if self.has_short_ends {
                    reader.u16().and_then(|_| reader.u16())
                } else {
                    reader.number().and_then(|_| reader.number()).and_then(|_| reader.u16())
                };
                self.check_end(status)?;
                Ok(Among::End)
            }
            [ERROR, ..] => Err(ServerError::parse(body).into_error()),
            _ => Ok(Among::Row),
        }
    }

    /// We never allow several results.
    fn check_end(&self, status: Option<u16>) -> Result<()> {
        match status.map(StatusFlags::from_bits_retain) {
            Some(status) if !status.contains(StatusFlags::SERVER_MORE_RESULTS_EXISTS) => Ok(()),
            Some(_) => Err(self.link.protocol("more than one result")),
            None => Err(self.link.protocol("a short end")),
        }
    }
}

/// A server that is left without goodbye writes a warning to its log.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_busy {
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
