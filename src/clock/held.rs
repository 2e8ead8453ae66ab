//! Time that a unit test holds still, on the test's own thread.
//!
//! * [`hold`] stops it. It stands until the test moves it by [`Held::advance`], which wakes those who waited for less: for
//!   tests without waits, and for those with real files and programs ([`Held::awaited`] says when it is time).
//! * [`without_waiting`] runs a test in which it stands while anything runs. When everybody waits, it is at once the time
//!   that the first of them waits for: for tests in which nothing else is waited for.
//!
//! Where it is not held, and on other threads, it passes as ever.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::Either;

use super::{Elapsed, Instant};

thread_local! {
    static HELD: RefCell<Option<State>> = const { RefCell::new(None) };
}

struct State {
    began: Instant,
    passed: Duration,
    system: SystemTime,
    /// Who waits, by when they are woken; the number keeps apart those who wait for the same moment.
    waiting: BTreeMap<(Instant, u64), Waker>,
    /// The number of the next who waits.
    next: u64,
}

impl State {
    fn now(&self) -> Instant {
        self.began + self.passed
    }
}

/// Time stands still until this is dropped.
pub(crate) struct Held(PhantomData<*const ()>);

/// Holds time still. A wait ends when [`Held::advance`] has come so far, and never by itself.
pub(crate) fn hold() -> Held {
    let (began, system) = (Instant::now(), super::system_time());
    HELD.with_borrow_mut(|held| {
        assert!(held.is_none(), "time is held already");
        *held = Some(State { began, passed: Duration::ZERO, system, waiting: BTreeMap::new(), next: 0 });
    });
    Held(PhantomData)
}

/// Runs a test in which nobody waits really: see the module.
pub(crate) fn without_waiting<T>(test: impl AsyncFnOnce(&Held) -> T) -> T {
    let time = hold();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // There is nothing to do now but to wait.
        .on_thread_park(|| {
            let next = read(|state| state.waiting.keys().next().map(|(until, _)| *until - state.now()));
            if let Some(time) = next.flatten() {
                advance(time);
            }
        })
        .build()
        .expect("a runtime");
    runtime.block_on(test(&time))
}

impl Held {
    /// Moves time on at once, without the moments in between, and wakes those who waited for them.
    pub(crate) fn advance(&self, time: Duration) {
        advance(time);
    }

    /// Resolves when somebody waits for just so long.
    pub(crate) async fn awaited(&self, time: Duration) {
        let is_awaited = || read(|state| state.waiting.keys().any(|(until, _)| *until == state.now() + time));
        while is_awaited() != Some(true) {
            tokio::task::yield_now().await;
        }
    }

    /// How far it was moved.
    pub(crate) fn passed(&self) -> Duration {
        read(|state| state.passed).expect("time is held")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.take();
    }
}

fn read<T>(of: impl FnOnce(&State) -> T) -> Option<T> {
    HELD.with_borrow(|held| held.as_ref().map(of))
}

fn advance(time: Duration) {
    let due = HELD.with_borrow_mut(|held| {
        let state = held.as_mut().expect("time is held");
        state.passed += time;
        let later = state.waiting.split_off(&(state.now(), u64::MAX));
        std::mem::replace(&mut state.waiting, later)
    });
    due.into_values().for_each(Waker::wake);
}

pub(super) fn instant() -> Option<Instant> {
    read(State::now)
}

pub(super) fn system_time() -> Option<SystemTime> {
    read(|state| state.system + state.passed)
}

/// A wait for held time.
struct Standing {
    until: Instant,
    number: u64,
}

impl Standing {
    /// None where time is not held.
    fn until(until: Instant) -> Option<Self> {
        HELD.with_borrow_mut(|held| {
            let state = held.as_mut()?;
            state.next += 1;
            Some(Self { until, number: state.next })
        })
    }
}

impl Future for Standing {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        HELD.with_borrow_mut(|held| {
            let state = held.as_mut().expect("a wait for held time is where it is held");
            if self.until <= state.now() {
                return Poll::Ready(());
            }
            state.waiting.insert((self.until, self.number), cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| {
            held.as_mut().and_then(|state| state.waiting.remove(&(self.until, self.number)))
        });
    }
}

/// See `timers`.
pub fn sleep(time: Duration) -> Timer {
    Timer::after(time)
}

/// See `timers`.
pub fn sleep_until(at: Instant) -> Timer {
    Timer(match Standing::until(at) {
        Some(standing) => Either::Left(standing),
        None => Either::Right(Box::pin(tokio::time::sleep_until(at.0.into()))),
    })
}

/// See `timers`.
pub fn timeout<F: IntoFuture>(limit: Duration, work: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
    match instant() {
        Some(now) => {
            Either::Left(Limited { work: Box::pin(work.into_future()), late: sleep_until(now + limit) })
        }
        None => Either::Right(tokio::time::timeout(limit, work).map(|done| done.map_err(|_| Elapsed))),
    }
}

/// See `timers`.
pub fn timeout_at<F: IntoFuture>(at: Instant, work: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
    match instant() {
        Some(_) => Either::Left(Limited { work: Box::pin(work.into_future()), late: sleep_until(at) }),
        None => {
            Either::Right(tokio::time::timeout_at(at.0.into(), work).map(|done| done.map_err(|_| Elapsed)))
        }
    }
}

struct Limited<F> {
    work: Pin<Box<F>>,
    late: Timer,
}

impl<F: Future> Future for Limited<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.late.poll_unpin(cx).map(|()| Err(Elapsed)),
        }
    }
}

/// Moves time on where it is held: a thread that waits does nothing else.
pub fn pause(time: Duration) {
    match instant() {
        Some(_) => advance(time),
        None => std::thread::sleep(time),
    }
}

/// See `timers`.
pub struct Timer(Either<Standing, Pin<Box<tokio::time::Sleep>>>);

impl Timer {
    /// See `timers`.
    pub fn after(time: Duration) -> Self {
        sleep_until(Instant::now() + time)
    }

    /// See `timers`.
    pub fn restart(&mut self, time: Duration) {
        *self = Self::after(time);
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_unpin(cx)
    }
}
