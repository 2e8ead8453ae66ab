//! Why work under way is given up: the user asks, or the view is lost. Either way it cleans up after itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::cancel::{Cancel, CancelSwitch};
use super::retry::Retries;
use crate::error::{Error, Result};
use crate::source::Snapshot;

/// What work under one view listens to.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    asked: Cancel,
    lost: Cancel,
}

/// Tells those who work under a view that it is lost.
#[derive(Debug)]
pub(super) struct Watch {
    switch: CancelSwitch,
    /// A connection broke, perhaps the view's too.
    suspicion: Arc<Notify>,
}

impl Stop {
    /// For work under one view, which the watch looks after; it also stops when `asked`.
    pub(super) fn new(asked: &Cancel, retries: &Retries) -> (Watch, Self) {
        let (switch, lost) = CancelSwitch::new();
        (Watch { switch, suspicion: retries.suspicion() }, Self { asked: asked.clone(), lost })
    }

    /// Why no new work may begin, if so.
    pub(super) fn reason(&self) -> Option<Error> {
        if self.asked.is_cancelled() {
            Some(Cancel::error())
        } else {
            self.lost.is_cancelled().then(view_lost)
        }
    }

    /// Resolves, with the reason, when work under way has to end.
    pub(super) async fn stopped(&self) -> Error {
        tokio::select! {
            () = self.asked.cancelled() => Cancel::error(),
            () = self.lost.cancelled() => view_lost(),
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
        tokio::select! {
            done = &mut work => Ok(done),
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
