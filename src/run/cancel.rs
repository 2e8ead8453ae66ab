//! A run is asked to stop: uploads are aborted and statements cancelled before it returns, and all that has one
//! deadline, which begins when it is asked.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{self, Instant};
use crate::error::{Code, Error, Result};

/// From the moment that a run is asked to stop to the end of its process. Container runtimes kill after ten seconds.
pub const LONGEST: Duration = Duration::from_secs(8);
/// Of these, how long the destination gets to take back what is not committed. The rest is for the run log.
const CLEARING: Duration = Duration::from_secs(5);
/// How long the last words to the run log may take, in all.
const RECORDING: Duration = Duration::from_secs(7);

/// What the error of an interruption says.
pub const INTERRUPTED: &str = "the run was interrupted";

/// The side that asks.
#[derive(Debug)]
pub struct CancelSwitch(watch::Sender<Option<Instant>>);

/// The side that is asked. Clones share the switch.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<Option<Instant>>);

impl CancelSwitch {
    /// A switch and what listens to it.
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Cancel(receiver))
    }

    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.0.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert_with(Instant::now);
            first
        });
    }
}

impl Cancel {
    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Resolves when the run is asked to stop; never, when nobody can ask any more.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What `work` gives, or at once the error of a run that was stopped: for what leaves nothing behind.
    ///
    /// # Errors
    /// That of `work`; [`Cancel::error`].
    pub(super) async fn or_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.cancelled() => Err(Self::error()),
        }
    }

    /// What `work` at the destination gives; none when the run was asked to stop and the time for clearing is over.
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.within(CLEARING, work).await
    }

    /// The same for the run log, which comes last.
    pub(super) async fn at_last<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.within(RECORDING, work).await
    }

    /// What `work` gives, which may take `time` from the moment that the run is asked to stop.
    pub async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        let late = async {
            self.cancelled().await;
            let asked = *self.0.borrow();
            clock::sleep_until(asked.unwrap_or_else(Instant::now) + time).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = late => None,
        }
    }

    /// What a table that was stopped reports.
    pub fn error() -> Error {
        Error::unavailable(INTERRUPTED)
            .coded(Code::Interrupted)
            .hint("run again; nothing of this table was changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_begins_when_the_run_is_asked_to_stop() {
        clock::without_waiting(async |_| {
            let (switch, cancel) = CancelSwitch::new();
            assert!(cancel.in_time(clock::sleep(2 * LONGEST)).await.is_some(), "nobody asked");
            let long = std::future::pending::<()>;
            let begun = Instant::now();
            switch.cancel();
            assert!(cancel.in_time(long()).await.is_none());
            assert_eq!(begun.elapsed(), CLEARING);
            let asked = *cancel.0.borrow();
            switch.cancel();
            assert!(cancel.in_time(long()).await.is_none());
            assert_eq!(*cancel.0.borrow(), asked, "asked twice, one deadline");
            assert_eq!(begun.elapsed(), CLEARING, "it is over");
            assert!(cancel.at_last(long()).await.is_none());
            assert_eq!(begun.elapsed(), RECORDING, "both begin when the run is asked");
            assert_eq!(cancel.in_time(async { 1 }).await, Some(1), "what needs no time is done all the same");
            assert!(cancel.or_stopped(std::future::pending::<Result<()>>()).await.is_err());
            assert!(CLEARING < RECORDING && RECORDING < LONGEST);
        });
    }
}
