//! Why work under way is given up: the user asks, the view is lost, or it is as old as it may become. Either way it
//! cleans up after itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::cancel::{Cancel, CancelSwitch};
use super::limits::{Bounds, Deadline};
use crate::clock;
use crate::error::{Error, Result};
use crate::source::{Snapshot, view_lost};

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
    bounds: Bounds,
    /// Whether replicas are asked about meanwhile, and not by another watch.
    measures: bool,
    /// When the view is given up.
    deadline: Option<Deadline>,
    /// Held while the view is asked something: who drops a statement halfway loses the view.
    asking: Mutex<()>,
}

impl Stop {
    /// For work under `view`, which the watch looks after; it also stops when `asked`. `suspicion` wakes the watch when a
    /// connection breaks.
    pub(super) fn new(
        asked: &Cancel,
        suspicion: Arc<Notify>,
        bounds: &Bounds,
        view: &dyn Snapshot,
    ) -> (Watch, Self) {
        let (switch, lost) = CancelSwitch::new();
        let deadline = bounds.deadline(view);
        let watch = Watch {
            switch,
            suspicion,
            bounds: bounds.clone(),
            measures: true,
            deadline,
            asking: Mutex::default(),
        };
        (watch, Self { asked: asked.clone(), lost, deadline, bounds: bounds.clone() })
    }

    /// For work under another view, while the watch of this one goes on.
    pub(super) fn under(&self, view: &dyn Snapshot, suspicion: Arc<Notify>) -> (Watch, Self) {
        let (watch, stop) = Self::new(&self.asked, suspicion, &self.bounds, view);
        (Watch { measures: false, ..watch }, stop)
    }

    /// That the view is too old, if it is.
    pub(super) fn late(&self) -> Option<Error> {
        self.deadline.and_then(Deadline::reason)
    }

    /// Waits until a part may begin.
    ///
    /// # Errors
    /// Why none may begin any more.
    pub(super) async fn may_read(&self) -> Result<()> {
        let reason = match (self.asked.is_cancelled(), self.lost.is_cancelled()) {
            (true, _) => Some(Cancel::error()),
            (false, true) => Some(view_lost()),
            (false, false) => self.late(),
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
    /// Does `work` and looks after `view` meanwhile. When the view is lost, `work` is asked to stop, winds
    /// down, and the loss is the error.
    pub(super) async fn while_held<T>(
        &self,
        view: &dyn Snapshot,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let measuring = async {
            match self.measures {
                true => self.bounds.measure(view, &self.asking).await,
                false => std::future::pending().await,
            }
        };
        let mut looking = Box::pin(async {
            tokio::select! {
                never = measuring => match never {},
                error = lost(view, &self.suspicion, &self.asking) => error,
            }
        });
        let done = tokio::select! {
            done = &mut work => Some(done),
            error = &mut looking => {
                self.switch.cancel();
                work.await;
                return Err(error);
            }
            () = self.too_old(view) => None,
        };
        // A question that is under way ends first.
        let quiet = async move {
            tokio::select! {
                biased;
                _ = clock::timeout(ANSWER, self.asking.lock()) => {}
                _ = &mut looking => {}
            }
        };
        match done {
            Some(done) => {
                quiet.await;
                Ok(done)
            }
            None => {
                let ending = async {
                    quiet.await;
                    self.bounds.give_up(view).await;
                };
                let (done, _) = tokio::join!(work, clock::timeout(ANSWER, ending));
                Ok(done)
            }
        }
    }

    /// Resolves when the view is as old as it may become and nobody reads under it any more: it is given up, since what
    /// is being committed needs it no more.
    async fn too_old(&self, view: &dyn Snapshot) {
        let Some(deadline) = self.deadline.filter(|_| view.gives_up()) else {
            return std::future::pending().await;
        };
        deadline.reached().await;
        clock::sleep(ENDING).await;
    }
}

/// How long the answer to a question to the view is waited for when the work is done.
const ANSWER: Duration = Duration::from_secs(5);
/// From the end of reading under a view to the end of the view.
const ENDING: Duration = Duration::from_millis(200);

/// Resolves with an error when the view is lost. Asking now and then also keeps its connections alive
/// through address translators that forget silent ones.
async fn lost(view: &dyn Snapshot, suspicion: &Notify, asking: &Mutex<()>) -> Error {
    const HEARTBEAT: Duration = Duration::from_secs(20);
    loop {
        tokio::select! {
            () = clock::sleep(HEARTBEAT) => {}
            () = suspicion.notified() => {}
        }
        let _asking = asking.lock().await;
        if let Err(error) = view.check().await {
            return error;
        }
    }
}
