//! Readers that all see the same commit, lent to one read at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Error, Result};
use crate::source::view_lost;

/// The readers of one view.
#[derive(Debug)]
pub(super) struct Pins {
    idle: Mutex<Vec<Connection>>,
    /// One permit per idle reader.
    permits: Arc<Semaphore>,
    /// Readers that still hold the view, idle or lent.
    alive: AtomicUsize,
    /// Whether readers are in a transaction that must not end.
    pinned: bool,
}

impl Pins {
    /// `pinned`: every reader is inside the transaction that holds the view.
    pub(super) fn new(readers: Vec<Connection>, pinned: bool) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(readers.len())),
            alive: AtomicUsize::new(readers.len()),
            idle: Mutex::new(readers),
            pinned,
        }
    }

    /// Waits for a reader.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Reader> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| view_lost())?;
        let connection =
            lock(&self.idle).pop().ok_or_else(|| Error::internal("a permit without a reader"))?;
        Ok(Reader { connection: Some(connection), home: Some((Arc::clone(self), permit)) })
    }

    /// Readers that still hold the view.
    pub(super) fn len(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether any reader still holds the view.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed) > 0
    }

    /// Those who wait for a reader wait in vain from now on.
    fn close(&self) {
        self.permits.close();
    }

    fn give_back(&self, connection: Connection, permit: OwnedSemaphorePermit) {
        // SQLite ends the transaction itself after some errors: this reader would see another commit.
        if self.pinned && connection.is_autocommit() {
            permit.forget();
            if self.alive.fetch_sub(1, Ordering::Relaxed) == 1 {
                self.close();
            }
            return;
        }
        lock(&self.idle).push(connection);
        drop(permit);
    }
}

/// A reader, given back when dropped.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Option<Connection>,
    home: Option<(Arc<Pins>, OwnedSemaphorePermit)>,
}

impl Reader {
    /// A reader that belongs to no view.
    pub(super) fn alone(connection: Connection) -> Self {
        Self { connection: Some(connection), home: None }
    }

    pub(super) fn connection(&mut self) -> Result<&mut Connection> {
        self.connection.as_mut().ok_or_else(|| Error::internal("a reader without its connection"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let (Some(connection), Some((pins, permit))) = (self.connection.take(), self.home.take()) {
            pins.give_back(connection, permit);
        }
    }
}

/// The live views of this process, by the id in their token.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<HashMap<String, Arc<Pins>>>);

impl Registry {
    pub(super) fn add(&self, id: &str, pins: Arc<Pins>) {
        lock(&self.0).insert(id.to_owned(), pins);
    }

    pub(super) fn find(&self, id: &str) -> Result<Arc<Pins>> {
        let found = lock(&self.0).get(id).cloned();
        found.ok_or_else(|| {
            Error::unavailable(
                "a snapshot of a SQLite file cannot be read by another process than the one that took it",
            )
            .coded(Code::SnapshotLost)
            .with("snapshot", id)
            .hint("run again; with --consistency none any process can read the file")
        })
    }

    pub(super) fn remove(&self, id: &str) {
        if let Some(pins) = lock(&self.0).remove(id) {
            pins.close();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
