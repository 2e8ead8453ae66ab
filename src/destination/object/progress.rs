//! Whether a request gets on: bytes that the connection takes, bytes of the answer that arrive.
//!
//! A total would fail uploads that share a slow line with others, however steadily they go on.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpErrorKind, HttpRequestBody};

use crate::clock::{self, Instant, Timer};

/// A body is handed over in pieces of this size: the HTTP client keeps up to 16 of them in memory, and what is in
/// memory says nothing about the line.
const PIECE: usize = 16 << 10;
/// What may still be on its way in buffers of the kernel and of proxies when the last piece has been taken.
const BUFFERED: u64 = 8 << 20;

/// How long a request may stand still.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// No byte of a body moves.
    pub(super) stall: Duration,
    /// For the answer, once the request has been taken.
    pub(super) answer: Duration,
    /// Buffers are emptied at this rate or faster.
    pub(super) slowest_bytes_per_second: u64,
}

impl Limits {
    /// For the answer to a request with so many bytes, once they have been taken.
    pub(super) fn answer_to(&self, bytes: u64) -> Duration {
        self.answer + Duration::from_secs(bytes.min(BUFFERED) / self.slowest_bytes_per_second)
    }
}

/// Why a request was given up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Late {
    /// The connection took no more of it.
    Stalled(Duration),
    /// It was taken and not answered.
    NoAnswer(Duration),
    /// The answer began and did not go on.
    Broken(Duration),
}

/// In every message about a request of which nothing was taken any more.
pub(super) const STALLED: &str = "no byte of the request was taken";

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled(time) => write!(f, "{STALLED} for {} seconds", time.as_secs()),
            Self::NoAnswer(time) => write!(f, "no answer within {} seconds", time.as_secs()),
            Self::Broken(time) => write!(f, "no byte of the answer came for {} seconds", time.as_secs()),
        }
    }
}

impl std::error::Error for Late {}

/// When any connection to the store took something of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    pub(super) fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// How far a body has got.
#[derive(Debug)]
pub(super) struct Progress {
    bytes: u64,
    at: Mutex<At>,
    pulse: Pulse,
}

#[derive(Debug, Clone, Copy)]
struct At {
    left: u64,
    last: Instant,
    /// What is dropped from then on has not been sent.
    given_up: bool,
}

impl Progress {
    pub(super) fn new(bytes: u64, pulse: &Pulse) -> Arc<Self> {
        let at = Mutex::new(At { left: bytes, last: Instant::now(), given_up: false });
        Arc::new(Self { bytes, at, pulse: pulse.clone() })
    }

    fn at(&self) -> At {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, bytes: usize) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if !at.given_up {
            at.left = at.left.saturating_sub(bytes as u64);
            at.last = Instant::now();
            self.pulse.beat(at.last);
        }
    }

    /// When the connection took something last.
    pub(super) fn last(&self) -> Instant {
        self.at().last
    }

    fn deadline(&self, limits: &Limits) -> (Instant, Late) {
        let At { left, last, .. } = self.at();
        if left > 0 {
            (last + limits.stall, Late::Stalled(limits.stall))
        } else {
            let limit = limits.answer_to(self.bytes);
            (last + limit, Late::NoAnswer(limit))
        }
    }

    /// The outcome of `request`, whose body reports here, unless it stands still.
    pub(super) async fn watch<T>(
        &self,
        limits: &Limits,
        request: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let mut request = pin!(request);
        loop {
            let (deadline, late) = self.deadline(limits);
            match clock::timeout_at(deadline, &mut request).await {
                Ok(outcome) => return Ok(outcome),
                // It went on meanwhile.
                Err(_) if self.deadline(limits).0 > deadline => {}
                Err(_) => {
                    self.at.lock().unwrap_or_else(PoisonError::into_inner).given_up = true;
                    return Err(late);
                }
            }
        }
    }
}

/// A body that tells [`Progress`] what the connection has taken of it.
pub(super) struct Counted {
    content: HttpRequestBody,
    /// Of the last block of `content`.
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Counted {
    pub(super) fn new(content: HttpRequestBody, progress: Arc<Progress>) -> Self {
        Self { content, rest: Bytes::new(), progress }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        while self.rest.is_empty() {
            match Pin::new(&mut self.content).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.rest = frame.into_data().unwrap_or_default(),
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        let bytes = self.rest.split_to(length);
        let piece = Piece { bytes, progress: Arc::clone(&self.progress) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.content.size_hint().exact() {
            Some(more) => SizeHint::with_exact(self.rest.len() as u64 + more),
            None => SizeHint::default(),
        }
    }
}

/// Bytes that are dropped when they have been written to the connection, not when they are asked for.
struct Piece {
    bytes: Bytes,
    progress: Arc<Progress>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.progress.moved(self.bytes.len());
    }
}

/// The body of an answer that must go on.
pub(super) struct Arriving<B: Body> {
    content: B,
    stall: Duration,
    error: fn(B::Error) -> HttpError,
    /// Since it has been waited for.
    idle: Option<Timer>,
}

impl<B: Body> Arriving<B> {
    pub(super) fn new(content: B, stall: Duration, error: fn(B::Error) -> HttpError) -> Self {
        Self { content, stall, error, idle: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Arriving<B> {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.content).poll_frame(cx) {
            self.idle = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(self.error)));
        }
        let stall = self.stall;
        let idle = self.idle.get_or_insert_with(|| Timer::after(stall));
        Pin::new(idle)
            .poll(cx)
            .map(|()| Some(Err(HttpError::new(HttpErrorKind::Timeout, Late::Broken(stall)))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        stall: Duration::from_secs(60),
        answer: Duration::from_secs(50),
        slowest_bytes_per_second: 32 << 10,
    };
    const ALMOST: Duration = Duration::from_secs(59);

    #[test]
    fn a_request_is_given_up_a_minute_after_its_last_byte_and_not_before() {
        clock::without_waiting(async |time| {
            let progress = Progress::new(100, &Pulse::default());
            let moves = async {
                for _ in 0..10 {
                    clock::sleep(ALMOST).await;
                    progress.moved(1);
                }
                std::future::pending::<()>().await;
            };
            let late = progress.watch(&LIMITS, moves).await.expect_err("it stands still");
            assert!(matches!(late, Late::Stalled(stall) if stall == LIMITS.stall), "{late}");
            assert_eq!(time.passed(), 10 * ALMOST + LIMITS.stall);
            progress.moved(90);
            assert_eq!(progress.last().elapsed(), LIMITS.stall, "what is dropped after that was not sent");
        });
    }

    #[test]
    fn an_answer_may_take_as_long_as_buffers_take_to_empty() {
        clock::without_waiting(async |time| {
            let progress = Progress::new(2 * BUFFERED, &Pulse::default());
            progress.moved(2 * BUFFERED as usize);
            let limit = Duration::from_secs(50 + 256);
            let answer = clock::sleep(limit - Duration::from_millis(1));
            assert!(progress.watch(&LIMITS, answer).await.is_ok(), "the last moment");
            let late = progress.watch(&LIMITS, std::future::pending::<()>()).await.expect_err("no answer");
            assert!(matches!(late, Late::NoAnswer(time) if time == limit), "{late}");
            assert_eq!(time.passed(), limit);
        });
    }

    #[test]
    fn the_body_of_an_answer_must_go_on() {
        clock::without_waiting(async |time| {
            let slowing = Slowing(ALMOST, Timer::after(ALMOST));
            let mut body = Arriving::new(slowing, LIMITS.stall, |error| error);
            let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            assert!(next().await.is_some_and(|frame| frame.is_ok()));
            let error = next().await.and_then(Result::err).expect("it stands still");
            assert_eq!(error.kind(), HttpErrorKind::Timeout);
            assert_eq!(time.passed(), ALMOST + LIMITS.stall);
        });
    }

    /// Each byte takes twice as long as the one before.
    struct Slowing(Duration, Timer);

    impl Body for Slowing {
        type Data = Bytes;
        type Error = HttpError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
            std::task::ready!(Pin::new(&mut self.1).poll(cx));
            self.0 *= 2;
            let next = self.0;
            self.1.restart(next);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }
}
