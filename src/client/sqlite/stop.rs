//! Statements on threads that may wait, and their end when nobody waits for them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

/// Stops the statements of one use of a connection when it is dropped, however long their next row takes.
#[derive(Debug, Default)]
pub(crate) struct StopOnDrop(Arc<AtomicBool>);

/// The other end of a [`StopOnDrop`], for the thread that runs the statements.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl StopOnDrop {
    pub(crate) fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.0))
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    /// Statements of `connection` stop from now on when the other end says so, and no longer when that of
    /// an earlier use does. A reader's view outlives a statement that was stopped.
    pub(crate) fn guard(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        /// Steps of SQLite's machine between two looks: some 50 microseconds.
        const STEPS: i32 = 10_000;
        let stopped = Arc::clone(&self.0);
        connection.progress_handler(STEPS, Some(move || stopped.load(Ordering::Relaxed)))
    }
}
