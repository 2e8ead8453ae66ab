//! `lakexpress query --format arrow`: the result goes to standard output, for a program that reads it while it comes.

use std::io::{BufWriter, IsTerminal, stdout};
use std::thread;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::args::QueryArgs;
use super::export::STOPPED;
use super::signals::Orderly;
use super::{Seen, resolve};
use crate::catalog::SnapshotToken;
use crate::error::{Code, Error, Result};
use crate::readers::Readers;
use crate::report::text::count;
use crate::run::{self, Rows};
use crate::sink::ArrowStream;

/// Batches that wait for the reader of the stream.
const WAITING: usize = 2;
/// Bytes that are written at once.
const BUFFER: usize = 1 << 18;

/// Streams the result of one query. Code 0 only when all rows, and the end marker after them, were taken.
pub(super) async fn run(args: &QueryArgs, seen: &Seen<'_>) -> Result<u8> {
    let resolved = resolve::stream(args)?;
    if stdout().is_terminal() {
        return Err(Error::usage("--format arrow writes bytes, and standard output is a terminal")
            .coded(Code::FlagConflict)
            .hint("send it to a file or a program: lakexpress query --format arrow ... > result.arrows"));
    }
    let (spec, cancel) = (&resolved.spec, seen.stopping.cancel());
    let orderly = Orderly { what: "the stream", run_id: None, destination: None, remedy: "", so_far: None };
    let work = async {
        let readers = spec.parquet.readers.clone();
        let open = |schema: &SchemaRef, snapshot: &SnapshotToken| Pipe::open(schema, readers, snapshot);
        let streaming = run::stream(spec, &resolved.statement, &resolved.source, &cancel, open);
        let (pipe, streamed) = Box::pin(streaming).await?;
        pipe.finish().await?;
        info!("{} rows streamed, as of {}", count(streamed.rows), streamed.snapshot.taken_at);
        Ok(0)
    };
    let ended = seen.stopping.orderly(orderly, Box::pin(work), Result::is_ok).await;
    ended.unwrap_or(Ok(STOPPED))
}

/// What the writing thread gets.
enum Message {
    Rows(RecordBatch),
    End,
}

/// Standard output, written by a thread of its own: a program that does not read must not keep a signal waiting.
struct Pipe {
    messages: mpsc::Sender<Message>,
    ended: oneshot::Receiver<Result<()>>,
}

impl Pipe {
    /// Writes the schema.
    fn open(schema: &SchemaRef, readers: Readers, snapshot: &SnapshotToken) -> Result<Self> {
        let (messages, mut waiting) = mpsc::channel(WAITING);
        let (tell, ended) = oneshot::channel();
        let (schema, snapshot) = (schema.clone(), snapshot.clone());
        let mut write = move || {
            let out = BufWriter::with_capacity(BUFFER, stdout().lock());
            let mut stream = ArrowStream::new(out, &schema, &readers, &snapshot)?;
            while let Some(message) = waiting.blocking_recv() {
                match message {
                    Message::Rows(rows) => stream.write(&rows)?,
                    Message::End => return stream.finish(),
                }
            }
            // What sends has failed, and says why: the stream gets no end marker.
            Ok(())
        };
        // Nobody hears how it ended when the work was dropped.
        let writing = move || drop(tell.send(write()));
        thread::Builder::new().name("arrow".to_owned()).spawn(writing).map_err(|error| {
            Error::unavailable("cannot start threads").coded(Code::SystemLimits).caused_by(error)
        })?;
        Ok(Self { messages, ended })
    }

    /// Writes the end marker and waits until all is written.
    async fn finish(mut self) -> Result<()> {
        if self.messages.send(Message::End).await.is_err() {
            return Err(self.failure().await);
        }
        (&mut self.ended).await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Why the thread takes no more.
    async fn failure(&mut self) -> Error {
        match (&mut self.ended).await {
            Ok(Err(error)) => error,
            _ => stopped(),
        }
    }
}

#[async_trait]
impl Rows for Pipe {
    async fn take(&mut self, rows: RecordBatch) -> Result<()> {
        match self.messages.send(Message::Rows(rows)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }
}

fn stopped() -> Error {
    Error::internal("the writer of the stream stopped")
}
