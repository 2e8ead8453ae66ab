//! A run is asked to stop: uploads are aborted and statements cancelled before it returns.

use tokio::sync::watch;

use crate::error::Error;

/// What the error of an interruption says.
pub const INTERRUPTED: &str = "the run was interrupted";

/// The side that asks.
#[derive(Debug)]
pub struct CancelSwitch(watch::Sender<bool>);

/// The side that is asked. Clones share the switch.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl CancelSwitch {
    /// A switch and what listens to it.
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancel(receiver))
    }

    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the run is asked to stop; never, when nobody can ask any more.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What a table that was stopped reports.
    pub fn error() -> Error {
        Error::unavailable(INTERRUPTED).hint("run again; nothing of this table was changed")
    }
}
