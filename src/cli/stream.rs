//! `lakexpress query --format arrow`: the result goes to standard output, for a program that reads it while it comes.

use std::io::{BufWriter, IsTerminal, PipeWriter, stdout};
use std::os::fd::AsFd;
use std::thread;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::args::QueryArgs;
use super::export::STOPPED;
use super::signals::Orderly;
use super::{Seen, not_printed, resolve};
use crate::catalog::SnapshotToken;
use crate::error::{Code, Error, Result};
use crate::readers::Readers;
use crate::report::text::things;
use crate::run::{self, Cancel, Rows};
use crate::sink::ArrowStream;

/// Batches that wait for the reader of the stream.
const WAITING: usize = 1;
/// Bytes that a batch of the stream has at most, unless one row has more.
const BATCH_BYTES: usize = 16 << 20;
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
        tokio::select! {
            biased;
            finished = pipe.finish() => finished?,
            () = cancel.cancelled() => return Err(Cancel::error()),
        }
        info!("{} streamed, as of {}", things(streamed.rows, "row"), streamed.snapshot.taken_at);
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

/// Standard output, written by a separate thread: a signal must not wait for a program that does not read.
struct Pipe {
    messages: mpsc::Sender<Message>,
    ended: oneshot::Receiver<Result<()>>,
}

impl Pipe {
    /// Writes the schema.
    fn open(schema: &SchemaRef, readers: Readers, snapshot: &SnapshotToken) -> Result<Self> {
        let (messages, mut waiting) = mpsc::channel(WAITING);
        let (tell, ended) = oneshot::channel();
        // Not std's own: that takes an error of a file that is not open for writing for a success, and its lock would keep
        // others waiting who say how the program ends.
        let out = stdout().as_fd().try_clone_to_owned().map(PipeWriter::from).map_err(not_printed)?;
        let (schema, snapshot) = (schema.clone(), snapshot.clone());
        let write = move || {
            let out = BufWriter::with_capacity(BUFFER, out);
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
        for rows in portions(&rows) {
            if self.messages.send(Message::Rows(rows)).await.is_err() {
                return Err(self.failure().await);
            }
        }
        Ok(())
    }
}

/// The rows in batches that are small enough to be held, and encoded, several times over. None of the values is copied.
fn portions(rows: &RecordBatch) -> impl Iterator<Item = RecordBatch> + Send + use<> {
    let all = rows.num_rows();
    let at_once = (all * BATCH_BYTES / rows.get_array_memory_size().max(1)).clamp(1, all.max(1));
    let rows = rows.clone();
    (0..all).step_by(at_once).map(move |first| rows.slice(first, at_once.min(all - first)))
}

fn stopped() -> Error {
    Error::internal("the writer of the stream stopped")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn large_batches_are_sent_in_portions() {
        let rows = |number: usize, bytes: usize| {
            let text: ArrayRef =
                Arc::new(StringArray::from_iter_values((0..number).map(|_| "x".repeat(bytes))));
            RecordBatch::try_from_iter([("text", text)]).expect("a batch")
        };
        let numbers = |batch: &RecordBatch| portions(batch).map(|rows| rows.num_rows()).collect::<Vec<_>>();
        assert_eq!(numbers(&rows(1000, 10)), [1000]);
        assert_eq!(numbers(&rows(3, BATCH_BYTES)), [1, 1, 1]);
        let some = numbers(&rows(1000, 64 << 10));
        assert_eq!(some.iter().sum::<usize>(), 1000);
        assert!(some.len() >= 4 && some.iter().all(|rows| rows * (64 << 10) <= BATCH_BYTES), "{some:?}");
        assert!(numbers(&rows(0, 0)).is_empty());
    }
}
