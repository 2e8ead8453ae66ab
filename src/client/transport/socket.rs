//! The TCP socket below plain and encrypted connections: waits as any other until much arrives, then naps
//! between reads.
//!
//! A server hands over 8 KiB at a time. A client that is faster than the server and wakes up for each of them
//! spends a quarter of its time on waking up, and so does the server's side of every send. Once a copy is known
//! to be large, the socket is therefore taken off the poller and read every millisecond or so, while the
//! system's buffers fill. A socket that stays silent goes back to the poller.

use std::io::{self, Read};
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Timer;

/// From one read that took all there was to the next.
const NAP: Duration = Duration::from_millis(1);
/// Naps without a byte before the poller is asked again.
const SILENT_NAPS: u32 = 8;
/// A copy of so many bytes is large: a table of a few rows never naps.
const MUCH: u64 = 1 << 20;

enum State {
    /// The poller wakes us for every byte.
    Watched(TcpStream),
    /// Nobody does.
    Napping { stream: net::TcpStream, silent: u32 },
    /// An error on the way from one to the other.
    Lost,
}

/// A connected TCP socket.
pub(in crate::client) struct Socket {
    state: State,
    /// Bytes of the copy under way; none between copies.
    copied: Option<u64>,
    nap: Timer,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { state: State::Watched(stream), copied: None, nap: Timer::after(Duration::ZERO) }
    }

    /// Whether from now on much may come, and nobody waits for the first byte of it.
    pub(super) fn expect_much(&mut self, much: bool) {
        self.copied = much.then_some(0);
    }

    /// Takes note of a read; one that took all there was may be followed by a nap.
    fn count(&mut self, bytes: usize, all: bool) -> io::Result<()> {
        let Some(copied) = &mut self.copied else { return Ok(()) };
        *copied += bytes as u64;
        if bytes == 0 || !all || *copied < MUCH {
            return Ok(());
        }
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Watched(stream) => State::Napping { stream: stream.into_std()?, silent: 0 },
            other => other,
        };
        self.nap.restart(NAP);
        Ok(())
    }

    /// Back to the poller.
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let State::Napping { .. } = &self.state
            && let State::Napping { stream, .. } = std::mem::replace(&mut self.state, State::Lost)
        {
            self.state = State::Watched(TcpStream::from_std(stream)?);
        }
        match &mut self.state {
            State::Watched(stream) => Ok(Pin::new(stream)),
            _ => Err(lost()),
        }
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the socket could not be watched")
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            match &mut this.state {
                State::Watched(stream) => {
                    ready!(Pin::new(stream).poll_read(cx, buf))?;
                    break;
                }
                State::Napping { stream, silent } => {
                    ready!(Pin::new(&mut this.nap).poll(cx));
                    match stream.read(buf.initialize_unfilled()) {
                        Ok(count) => {
                            *silent = 0;
                            buf.advance(count);
                            break;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            *silent += 1;
                            if *silent > SILENT_NAPS || this.copied.is_none() {
                                this.watched()?;
                            } else {
                                this.nap.restart(NAP);
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                State::Lost => return Poll::Ready(Err(lost())),
            }
        }
        let (count, all) = (buf.filled().len() - before, buf.remaining() > 0);
        this.count(count, all)?;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().watched()?.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Watched(stream) => Pin::new(stream).poll_flush(cx),
            // Written bytes are with the system; there is nothing to flush.
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_shutdown(cx)
    }
}
