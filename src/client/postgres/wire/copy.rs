//! COPY out: the rows where they lie in the read buffer.

use std::ops::Range;

use postgres_protocol::message::backend;

use super::error::{self, Response};
use super::frame::Frame;
use super::{CancelToken, Connection};
use crate::error::{Code, Error, Result};

/// How far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Rows may come.
    Rows,
    /// CopyDone was seen.
    Done,
    /// `COPY n` was seen.
    Counted(u64),
    /// ReadyForQuery was seen too: this is the whole copy.
    Ended(u64),
    /// An error was returned; nothing more can be had.
    Failed,
}

/// A `COPY ... TO STDOUT` under way. Dropping it closes the connection and cancels the statement.
///
/// The loop: take messages until there is none, stop when [`Self::ended`], else [`Self::fill`].
pub struct CopyOut {
    connection: Connection,
    progress: Progress,
}

impl Connection {
    /// Starts one `COPY ... TO STDOUT`.
    ///
    /// # Errors
    /// Those of [`Self::query`]; then the connection is closed.
    pub async fn copy_out(mut self, sql: &str) -> Result<CopyOut> {
        self.send_query(sql).await?;
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                backend::COPY_OUT_RESPONSE_TAG => return Ok(CopyOut::new(self)),
                backend::ERROR_RESPONSE_TAG => {
                    return Err(Response::parse(self.frames.body(frame)).into_error());
                }
                backend::NOTICE_RESPONSE_TAG
                | backend::PARAMETER_STATUS_TAG
                | backend::NOTIFICATION_RESPONSE_TAG => self.aside(frame)?,
                tag => {
                    let what = format!("message {:?} where a COPY begins", char::from(tag));
                    return Err(error::protocol(&what).with("server", self.cancel.server()));
                }
            }
        }
    }
}

impl CopyOut {
    pub(super) fn new(mut connection: Connection) -> Self {
        connection.stream.expect_much(true);
        Self { connection, progress: Progress::Rows }
    }

    /// The payload of the next CopyData message that is complete in the buffer.
    ///
    /// None when more bytes must be read ([`Self::fill`]) or the copy has ended ([`Self::ended`]).
    /// In binary format one message is the header (with the first row), a row, or the trailer.
    ///
    /// # Errors
    /// What the server said, under [`super::sqlstate`]; the copy is over then.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>> {
        Ok(self.next_range()?.map(|range| &self.buffer()[range]))
    }

    /// As [`Self::next_message`], but where in [`Self::buffer`] the payload lies.
    ///
    /// # Errors
    /// Those of [`Self::next_message`].
    #[inline]
    pub fn next_range(&mut self) -> Result<Option<Range<usize>>> {
        if self.progress == Progress::Rows
            && let Some(frame) = self.connection.frames.next_if(backend::COPY_DATA_TAG)
        {
            return Ok(Some(frame.range()));
        }
        self.next_other()
    }

    /// What was read and is still there: all payloads found since the last [`Self::fill`], and more.
    #[inline]
    pub fn buffer(&self) -> &[u8] {
        self.connection.frames.buffer()
    }

    /// Takes what is not the payload of a row.
    #[cold]
    fn next_other(&mut self) -> Result<Option<Range<usize>>> {
        match self.advance() {
            Ok(frame) => Ok(frame.map(|frame| frame.range())),
            Err(error) => {
                self.progress = Progress::Failed;
                Err(error)
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Frame>> {
        if matches!(self.progress, Progress::Ended(_)) {
            return Ok(None);
        }
        if self.progress == Progress::Failed {
            return Err(Error::unavailable("the copy has failed before").coded(Code::ConnectionLost));
        }
        while let Some(frame) = self.connection.frames.next()? {
            let body = self.connection.frames.body(frame);
            match (frame.tag, self.progress) {
                (backend::COPY_DATA_TAG, Progress::Rows) => return Ok(Some(frame)),
                (backend::COPY_DONE_TAG, Progress::Rows) => self.progress = Progress::Done,
                (backend::COMMAND_COMPLETE_TAG, Progress::Done) => {
                    self.progress = Progress::Counted(rows_of_tag(body)?);
                }
                (backend::READY_FOR_QUERY_TAG, Progress::Counted(rows)) => {
                    self.connection.statement.runs = false;
                    self.connection.stream.expect_much(false);
                    self.progress = Progress::Ended(rows);
                    return Ok(None);
                }
                (backend::ERROR_RESPONSE_TAG, _) => return Err(Response::parse(body).into_error()),
                _ => self.connection.aside(frame)?,
            }
        }
        Ok(None)
    }

    /// Reads more bytes from the socket, about 256 KiB at most. Call only when [`Self::next_message`] gave none.
    ///
    /// # Errors
    /// `Unavailable` when the connection ends before the copy does.
    pub async fn fill(&mut self) -> Result<()> {
        if matches!(self.progress, Progress::Ended(_) | Progress::Failed) {
            return Err(Error::internal("the copy has ended"));
        }
        let filled = self.connection.read_more().await;
        if filled.is_err() {
            self.progress = Progress::Failed;
        }
        filled
    }

    /// The rows the server says it sent, once it said that the statement is complete.
    pub fn ended(&self) -> Option<u64> {
        match self.progress {
            Progress::Ended(rows) => Some(rows),
            _ => None,
        }
    }

    /// The connection, for the next statement.
    ///
    /// # Errors
    /// `Internal` when the copy has not [`ended`](Self::ended).
    pub fn into_connection(self) -> Result<Connection> {
        match self.progress {
            Progress::Ended(_) => Ok(self.connection),
            _ => Err(Error::internal("the copy has not ended")),
        }
    }

    /// What another task needs to cancel this copy.
    pub fn cancel_token(&self) -> CancelToken {
        self.connection.cancel_token()
    }
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut")
            .field("connection", &self.connection)
            .field("progress", &self.progress)
            .finish()
    }
}

/// The count of a `COPY n` tag. One that is not there must not pass for any number of rows.
fn rows_of_tag(body: &[u8]) -> Result<u64> {
    let tag = body.strip_suffix(b"\0").unwrap_or(body);
    std::str::from_utf8(tag)
        .ok()
        .and_then(|tag| tag.strip_prefix("COPY ")?.parse().ok())
        .ok_or_else(|| error::protocol(&format!("end of copy {:?}", String::from_utf8_lossy(tag))))
}
