//! One connection: statements, their rows, and what may come at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use postgres_protocol::message::{backend, frontend};

use super::cancel::CancelToken;
use super::error;
use super::error::Response;
use super::frame::{Frame, Frames};
use super::row::Row;
use crate::client::network;
use crate::client::transport::Stream;
use crate::error::{Code, Error, Result};

/// Most bytes of rows that are kept of one statement. Rows to export come by COPY and are not kept.
pub(super) const RESULT_LIMIT: usize = 1 << 30;
/// What a row costs beside its values.
pub(super) const ROW_BYTES: usize = 64;
/// Most parameters, and most bytes of one, that a server reports. PostgreSQL has some twenty short ones.
pub(super) const PARAMETERS: usize = 1_000;
pub(super) const PARAMETER_BYTES: usize = 64 * 1024;

/// A connection that is logged in. Dropping it closes the socket, and the server rolls back; a statement
/// that still runs is cancelled, because the server notices a closed socket only when it has rows to send.
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) frames: Frames,
    pub(super) output: BytesMut,
    pub(super) cancel: CancelToken,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) statement: Statement,
    pub(super) received: Arc<AtomicU64>,
}

/// Whether a statement is under way, and how to end it.
pub(super) struct Statement {
    /// True from sending a statement until its ReadyForQuery: a future dropped in between leaves
    /// replies that belong to nobody.
    pub(super) runs: bool,
    pub(super) cancel: Option<CancelToken>,
}

impl Drop for Statement {
    fn drop(&mut self) {
        if let (true, Some(token), Ok(runtime)) =
            (self.runs, self.cancel.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move {
                if let Err(error) = token.cancel().await {
                    tracing::debug!(%error, "could not cancel a statement");
                }
            });
        }
    }
}

impl Connection {
    /// Runs one or more statements with the simple protocol.
    ///
    /// Returns the rows of the last statement that returned any, as the server's text. After a
    /// server error the connection is usable again (in a failed transaction, if one was open).
    ///
    /// # Errors
    /// What the server said, with its code under [`sqlstate`]; `Unavailable` when the connection is lost.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.send_query(sql).await?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut failure = None;
        loop {
            let frame = match self.receive().await {
                Ok(frame) => frame,
                // The server says why it ends a connection before it does.
                Err(lost) => return Err(failure.unwrap_or(lost)),
            };
            match frame.tag {
                backend::ROW_DESCRIPTION_TAG => rows.clear(),
                backend::DATA_ROW_TAG => {
                    let body = self.frames.body(frame);
                    bytes += body.len() + ROW_BYTES;
                    if bytes > RESULT_LIMIT {
                        // The statement is left under way, so that dropping the connection cancels it.
                        return Err(Error::data("the result of a statement is larger than 1 GiB")
                            .coded(Code::TooLarge)
                            .with("server", self.cancel.server()));
                    }
                    match Row::parse(body) {
                        Ok(row) => rows.push(row),
                        Err(error) => failure = failure.or(Some(error)),
                    }
                }
                backend::ERROR_RESPONSE_TAG => {
                    let error = Response::parse(self.frames.body(frame)).into_error();
                    failure = failure.or(Some(error));
                }
                backend::COPY_IN_RESPONSE_TAG => {
                    frontend::copy_fail("COPY FROM STDIN is not supported", &mut self.output)
                        .map_err(|error| Error::internal("cannot end COPY").caused_by(error))?;
                    self.send().await?;
                }
                backend::READY_FOR_QUERY_TAG => {
                    self.statement.runs = false;
                    return failure.map_or(Ok(rows), Err);
                }
                backend::COMMAND_COMPLETE_TAG
                | backend::EMPTY_QUERY_RESPONSE_TAG
                | backend::COPY_OUT_RESPONSE_TAG
                | backend::COPY_DATA_TAG
                | backend::COPY_DONE_TAG => {}
                _ => self.aside(frame)?,
            }
        }
    }

    /// As [`Self::query`], for statements whose rows do not matter.
    ///
    /// # Errors
    /// Those of [`Self::query`].
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        self.query(sql).await.map(drop)
    }

    /// Adds the bytes that come from now on to a count that others share.
    pub fn count_into(&mut self, received: &Arc<AtomicU64>) {
        self.received = Arc::clone(received);
    }

    /// What another task needs to cancel the statement that runs here.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// The server's version as it says it, such as `15.18 (Debian 15.18-0+deb12u1)`; empty when it does not.
    pub fn server_version(&self) -> &str {
        self.parameter("server_version").unwrap_or("")
    }

    /// The version as a number that compares: 150018 for 15.18, 90624 for 9.6.24, 0 when unknown.
    pub fn server_version_num(&self) -> u32 {
        version_number(self.server_version())
    }

    /// A parameter the server reports on its own, such as `server_encoding` or `TimeZone`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether the connection is encrypted by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.stream.is_tls()
    }

    /// Says goodbye and closes. Not needed for correctness, but keeps the server's log quiet.
    pub async fn close(mut self) {
        frontend::terminate(&mut self.output);
        if self.send().await.is_ok() {
            self.stream.shutdown().await;
        }
    }

    pub(super) async fn send_query(&mut self, sql: &str) -> Result<()> {
        if self.statement.runs {
            return Err(Error::unavailable("the connection was left in the middle of a statement")
                .coded(Code::ConnectionLost)
                .with("server", self.cancel.server()));
        }
        self.output.clear();
        frontend::query(sql, &mut self.output).map_err(|error| {
            Error::usage("a statement cannot be sent").coded(Code::SourceSqlRefused).caused_by(error)
        })?;
        self.statement = Statement { runs: true, cancel: Some(self.cancel.clone()) };
        match self.send().await {
            Ok(()) => Ok(()),
            Err(lost) => Err(self.last_words().await.unwrap_or(lost)),
        }
    }

    /// Writes the output buffer to the socket.
    pub(super) async fn send(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.output).await;
        self.output.clear();
        sent.map_err(|error| network::lost(error, &self.cancel.server()))
    }

    /// Why the server ended the connection, if it said so before we tried to write.
    pub(super) async fn last_words(&mut self) -> Option<Error> {
        loop {
            let frame = self.receive().await.ok()?;
            if frame.tag == backend::ERROR_RESPONSE_TAG {
                return Some(Response::parse(self.frames.body(frame)).into_error());
            }
        }
    }

    /// The next message, whatever it is.
    pub(super) async fn receive(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return Ok(frame);
            }
            self.read_more().await?;
        }
    }

    pub(super) async fn read_more(&mut self) -> Result<()> {
        match self.frames.fill(&mut self.stream).await {
            Ok(0) => Err(network::closed(&self.cancel.server())),
            Ok(_) if self.frames.is_flooded() => {
                Err(error::protocol("more than 1 MiB before the login is done")
                    .with("server", self.cancel.server()))
            }
            Ok(bytes) => {
                self.received.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(network::lost(error, &self.cancel.server())),
        }
    }

    /// Takes a message that may come at any time; any other is an error.
    pub(super) fn aside(&mut self, frame: Frame) -> Result<()> {
        let body = self.frames.body(frame);
        match frame.tag {
            backend::PARAMETER_STATUS_TAG => {
                if body.len() > PARAMETER_BYTES || self.parameters.len() >= PARAMETERS {
                    return Err(error::protocol("more parameters than a server has"));
                }
                let mut texts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
                if let (Some(name), Some(value)) = (texts.next(), texts.next()) {
                    self.parameters.insert(name.into_owned(), value.into_owned());
                }
            }
            backend::NOTICE_RESPONSE_TAG => {
                tracing::debug!(notice = %Response::parse(body).into_error(), "server notice");
            }
            backend::NOTIFICATION_RESPONSE_TAG => {}
            tag => return Err(error::protocol(&format!("message {:?}", char::from(tag)))),
        }
        Ok(())
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.cancel.server()).finish_non_exhaustive()
    }
}

/// `15.18 (Debian ...)` is 150018, `16beta1` 160000, `9.6.24` 90624; 0 when it does not start with a number.
pub(super) fn version_number(version: &str) -> u32 {
    let first = version.split_whitespace().next().unwrap_or("");
    let mut parts = first.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse::<u32>().unwrap_or(0).min(9_999)
    });
    let mut part = || parts.next().unwrap_or(0);
    let (major, minor) = (part(), part());
    if major >= 10 { major * 10_000 + minor } else { major * 10_000 + minor * 100 + part() }
}
