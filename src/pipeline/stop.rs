//! Why work under way is given up: the user asks, the view is lost, or it is as old as it may become. Either way it
//! cleans up after itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::cancel::{Cancel, CancelSwitch};
use super::limits::{Bounds, Deadline};
use super::retry::Retries;
use crate::error::{Error, Result};
use crate::source::Snapshot;

/// What work under one view listens to.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    asked: Cancel,
    lost: Cancel,
    /// When the view is too old.
    deadline: Option<Deadline>,
    pub(super) bounds: Bounds,
}

/// Tells those who work under a view that it is lost.
#[derive(Debug)]
pub(super) struct Watch {
    switch: CancelSwitch,
    /// A connection broke, perhaps the view's too.
    suspicion: Arc<Notify>,
    /// Whose replicas are asked about meanwhile; none when another watch does it.
    bounds: Option<Bounds>,
}

impl Stop {
    /// For work under `view`, which the watch looks after; it also stops when `asked`.
    pub(super) fn new(
        asked: &Cancel,
        retries: &Retries,
        bounds: &Bounds,
        view: &dyn Snapshot,
    ) -> (Watch, Self) {
        let (switch, lost) = CancelSwitch::new();
        let watch = Watch { switch, suspicion: retries.suspicion(), bounds: Some(bounds.clone()) };
        (watch, Self { asked: asked.clone(), lost, deadline: bounds.deadline(view), bounds: bounds.clone() })
    }

    /// For work under another view, while the watch of this one goes on.
    pub(super) fn under(&self, view: &dyn Snapshot, retries: &Retries) -> (Watch, Self) {
        let (watch, stop) = Self::new(&self.asked, retries, &self.bounds, view);
        (Watch { bounds: None, ..watch }, stop)
    }

    /// Waits until a part may begin.
    ///
    /// # Errors
    /// Why none may begin any more.
    pub(super) async fn may_read(&self) -> Result<()> {
        let late = || self.deadline.and_then(Deadline::reason);
        let reason = match (self.asked.is_cancelled(), self.lost.is_cancelled()) {
            (true, _) => Some(Cancel::error()),
            (false, true) => Some(view_lost()),
            (false, false) => late(),
        };
        if let Some(reason) = reason {
            return Err(reason);
        }
        tokio::select! {
            reason = self.stopped() => Err(reason),
            caught_up = self.bounds.caught_up() => caught_up,
        }
    }

    /// Waits until a table may begin.
    ///
    /// # Errors
    /// Why none may begin any more.
    pub(super) async fn may_begin(&self) -> Result<()> {
        self.may_read().await?;
        self.bounds.within_hours()
    }

    /// Resolves, with the reason, when work under way has to end.
    pub(super) async fn stopped(&self) -> Error {
        let late = async {
            match self.deadline {
                Some(deadline) => deadline.reached().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.asked.cancelled() => Cancel::error(),
            () = self.lost.cancelled() => view_lost(),
            error = late => error,
        }
    }
}

impl Watch {
    /// Does `work` and looks after `view` meanwhile. When the view is lost, `work` is told to stop, ends
    /// its way, and the loss is the error.
    pub(super) async fn while_held<T>(
        &self,
        view: &dyn Snapshot,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let measuring = async {
            match &self.bounds {
                Some(bounds) => bounds.measure(view).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = &mut work => Ok(done),
            never = measuring => match never {},
            error = lost(view, &self.suspicion) => {
                self.switch.cancel();
                work.await;
                Err(error)
            }
        }
    }
}

/// Resolves with an error when the view is lost. Asking now and then also keeps its connections alive
/// through address translators that forget silent ones.
async fn lost(view: &dyn Snapshot, suspicion: &Notify) -> Error {
    const HEARTBEAT: Duration = Duration::from_secs(20);
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = suspicion.notified() => {}
        }
        if let Err(error) = view.check().await {
            return error;
        }
    }
}

fn view_lost() -> Error {
    Error::unavailable("the run's view of the database was lost")
        .hint("`lakexpress resume` exports it as of a new moment; nothing of this table was changed")
}
