//! Waiting, by tokio and the system.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;

use super::{Elapsed, Instant};

/// Waits for so long.
pub fn sleep(time: Duration) -> impl Future<Output = ()> {
    tokio::time::sleep(time)
}

/// Waits until then.
pub fn sleep_until(at: Instant) -> impl Future<Output = ()> {
    tokio::time::sleep_until(at.0.into())
}

/// What `work` gives, if it takes no longer than `limit`.
pub fn timeout<F: IntoFuture>(limit: Duration, work: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
    tokio::time::timeout(limit, work).map(|done| done.map_err(|_| Elapsed))
}

/// What `work` gives, if it is done by then.
pub fn timeout_at<F: IntoFuture>(at: Instant, work: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
    tokio::time::timeout_at(at.0.into(), work).map(|done| done.map_err(|_| Elapsed))
}

/// Has the thread wait for so long: not one that serves connections.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A wait that can be started again.
#[derive(Debug)]
pub struct Timer(Pin<Box<tokio::time::Sleep>>);

impl Timer {
    /// Waits for so long from now on.
    pub fn after(time: Duration) -> Self {
        Self(Box::pin(tokio::time::sleep(time)))
    }

    /// Waits for so long from now on, whatever it waited for until now.
    pub fn restart(&mut self, time: Duration) {
        self.0.as_mut().reset(tokio::time::Instant::now() + time);
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}
