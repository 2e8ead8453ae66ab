//! Readers that all see the same moment, lent to one read at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::client::mysql::{Connection, Kill, MysqlConfig, ServerMark};
use crate::clock;
use crate::error::{Code, Error, Result, Transient};
use crate::source::view_lost;

/// How long a reader may take to be usable again when its statement was ended, and how many bytes of rows it may have on
/// the way then.
const RECOVERY: Duration = Duration::from_secs(60);
const SKIPPED_BYTES: u64 = 1 << 30;

/// The readers of one view.
#[derive(Debug)]
pub(in crate::source::mysql) struct Pins {
    config: Arc<MysqlConfig>,
    idle: Mutex<Vec<(Connection, ServerMark)>>,
    /// Holds the locks of tables that have no moments of their own; none when there are no such tables.
    held: tokio::sync::Mutex<Option<Connection>>,
    /// Whether there are such tables.
    holds: bool,
    /// One permit per idle reader.
    permits: Arc<Semaphore>,
    /// Readers that still hold the view, idle or lent.
    alive: AtomicUsize,
    /// Told whenever `alive` becomes less.
    fewer: Notify,
    /// One visit of all readers at a time: two would wait for each other's.
    visit: tokio::sync::Mutex<()>,
    /// Whether readers are in a transaction that must not end.
    pinned: bool,
}

impl Pins {
    /// `pinned`: every reader is inside the transaction that holds the view.
    pub(super) fn new(
        config: &Arc<MysqlConfig>,
        readers: Vec<(Connection, ServerMark)>,
        held: Option<Connection>,
        pinned: bool,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            permits: Arc::new(Semaphore::new(readers.len())),
            alive: AtomicUsize::new(readers.len()),
            fewer: Notify::new(),
            visit: tokio::sync::Mutex::default(),
            idle: Mutex::new(readers),
            holds: held.is_some(),
            held: tokio::sync::Mutex::new(held),
            pinned,
        }
    }

    /// Waits for a reader that is in the view.
    ///
    /// # Errors
    /// `Unavailable` when no reader is left.
    pub(in crate::source::mysql) async fn take(self: &Arc<Self>) -> Result<Reader> {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| lost(None))?;
            if let Some(reader) = self.lend(permit).await? {
                return Ok(reader);
            }
        }
    }

    /// The reader of a permit; none when it turns out to be lost.
    async fn lend(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Option<Reader>> {
        let Some(lent) = lock(&self.idle).pop() else {
            // The view was let go since.
            permit.forget();
            return Err(lost(None));
        };
        let mut reader = Reader { lent: Some(lent), home: Some((Arc::clone(self), permit)) };
        // The answer says whether the transaction goes on: some errors end it. A reader that failed is not given back.
        match reader.connection()?.0.ping().await {
            Ok(()) if reader.is_in_view() => return Ok(Some(reader)),
            Ok(()) => tracing::debug!("a reader's transaction has ended"),
            Err(error) => tracing::debug!(%error, "a reader is lost"),
        }
        reader.lose();
        Ok(None)
    }

    /// Runs a statement with every reader that holds the view, once with each. Waits for those that are lent, for as long
    /// as they are not lost. Nobody may ask for this who has a reader.
    ///
    /// # Errors
    /// What the server said to one of them; `Unavailable` when no reader is left.
    pub(in crate::source::mysql) async fn visit(self: &Arc<Self>, sql: &str) -> Result<()> {
        let _alone = self.visit.lock().await;
        // Kept, so that none is lent again before all have had their turn.
        let mut visited = Vec::with_capacity(self.len());
        loop {
            // Counts from here on, before the number is looked at.
            let fewer = self.fewer.notified();
            if visited.len() >= self.len() {
                break;
            }
            let permit = tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => permit.map_err(|_| lost(None))?,
                () = fewer => continue,
            };
            if let Some(mut reader) = self.lend(permit).await? {
                reader.connection()?.0.execute(sql).await?;
                reader.ensure_in_view()?;
                visited.push(reader);
            }
        }
        if visited.is_empty() { Err(lost(None)) } else { Ok(()) }
    }

    /// Readers that still hold the view.
    pub(in crate::source::mysql) fn len(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// An error when the view is lost: no reader is left, or the connection that holds tables without moments is gone.
    /// Asks the server by an idle reader, if there is one.
    pub(in crate::source::mysql) async fn check(self: &Arc<Self>) -> Result<()> {
        if self.holds {
            let mut held = self.held.lock().await;
            let Some(connection) = held.as_mut() else { return Err(lost(None)) };
            if let Err(error) = connection.ping().await {
                *held = None;
                self.close();
                return Err(lost(Some(error)));
            }
        }
        // Those that are lent are heard of by those who read.
        while self.permits.available_permits() > 0 {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { break };
            let Some(lent) = lock(&self.idle).pop() else {
                permit.forget();
                break;
            };
            let mut reader = Reader { lent: Some(lent), home: Some((Arc::clone(self), permit)) };
            if reader.connection()?.0.ping().await.is_ok() && reader.is_in_view() {
                return Ok(());
            }
            reader.lose();
        }
        if self.len() == 0 { Err(lost(None)) } else { Ok(()) }
    }

    /// Lets the view go. Those who wait for a reader wait in vain from now on, and readers that are lent end when they
    /// are given back.
    pub(super) fn close(&self) {
        self.permits.close();
        self.alive.store(0, Ordering::Relaxed);
        self.fewer.notify_waiters();
        lock(&self.idle).clear();
        // A check that holds it notices by itself.
        if let Ok(mut held) = self.held.try_lock() {
            *held = None;
        }
    }

    /// Dropped in the middle of a statement, a reader is given back when that has been ended.
    fn give_back(self: Arc<Self>, lent: (Connection, ServerMark), permit: OwnedSemaphorePermit) {
        if !lent.0.is_busy() {
            return self.put_back(lent, permit);
        }
        match Handle::try_current() {
            Ok(runtime) if !self.permits.is_closed() => {
                let kill = Kill::arm(Arc::clone(&self.config), lent.1.clone(), runtime.clone());
                runtime.spawn(self.recover(lent, permit, kill));
            }
            _ => {
                drop(lent);
                self.count_out(permit);
            }
        }
    }

    async fn recover(
        self: Arc<Self>,
        mut lent: (Connection, ServerMark),
        permit: OwnedSemaphorePermit,
        kill: Kill,
    ) {
        let recovering = Box::pin(lent.0.recover(kill, SKIPPED_BYTES));
        match clock::timeout(RECOVERY, recovering).await {
            Ok(Ok(true)) => return self.put_back(lent, permit),
            Ok(Ok(false)) => tracing::debug!("a reader was left where it cannot be used again"),
            Ok(Err(error)) => tracing::debug!(%error, "a reader whose statement was to be ended is lost"),
            Err(_) => tracing::debug!("a reader's statement did not end"),
        }
        drop(lent);
        self.count_out(permit);
    }

    fn put_back(&self, lent: (Connection, ServerMark), permit: OwnedSemaphorePermit) {
        if self.pinned && !lent.0.is_in_transaction() {
            drop(lent);
            return self.count_out(permit);
        }
        let mut idle = lock(&self.idle);
        if !self.permits.is_closed() {
            idle.push(lent);
        }
        drop(idle);
        drop(permit);
    }

    fn count_out(&self, permit: OwnedSemaphorePermit) {
        permit.forget();
        let before = self.alive.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if before == Ok(1) {
            self.permits.close();
        }
        self.fewer.notify_waiters();
    }
}

/// The view is gone, and why if that is known.
fn lost(why: Option<Error>) -> Error {
    let error = view_lost().as_transient(Transient::View);
    match why {
        Some(why) => error.caused_by(why),
        None => error,
    }
}

/// A reader, given back when dropped. Where it was in the middle of a statement, that is ended at the server first. One
/// whose transaction has ended is closed instead, and the view has one reader less.
#[derive(Debug)]
pub(in crate::source::mysql) struct Reader {
    lent: Option<(Connection, ServerMark)>,
    home: Option<(Arc<Pins>, OwnedSemaphorePermit)>,
}

impl Reader {
    /// A reader that belongs to no view.
    pub(in crate::source::mysql) fn alone(connection: Connection, mark: ServerMark) -> Self {
        Self { lent: Some((connection, mark)), home: None }
    }

    /// The connection, with which to run statements that do not end its transaction, and where it is, to end a statement
    /// from outside.
    ///
    /// # Errors
    /// `Internal` in no case that is known.
    pub(in crate::source::mysql) fn connection(&mut self) -> Result<(&mut Connection, &ServerMark)> {
        match &mut self.lent {
            Some((connection, mark)) => Ok((connection, mark)),
            None => Err(Error::internal("a reader without its connection")),
        }
    }

    /// What the statements so far have read is of the view's moment. To be asked when a statement has ended, before its
    /// rows count: a server ends a transaction itself after some errors, and what follows sees another moment.
    ///
    /// # Errors
    /// `Unavailable` when the transaction has ended.
    pub(in crate::source::mysql) fn ensure_in_view(&self) -> Result<()> {
        if self.is_in_view() { Ok(()) } else { Err(lost(None)) }
    }

    /// Whether it is in a transaction that holds a view.
    pub(in crate::source::mysql) fn is_pinned(&self) -> bool {
        self.home.as_ref().is_some_and(|(pins, _)| pins.pinned)
    }

    fn is_in_view(&self) -> bool {
        !self.is_pinned() || self.lent.as_ref().is_some_and(|(connection, _)| connection.is_in_transaction())
    }

    /// It is not to be given back.
    fn lose(mut self) {
        self.lent = None;
        if let Some((pins, permit)) = self.home.take() {
            pins.count_out(permit);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let (Some(lent), Some((pins, permit))) = (self.lent.take(), self.home.take()) {
            pins.give_back(lent, permit);
        }
    }
}

/// The live views of this process, by the id in their token.
#[derive(Debug, Default)]
pub(in crate::source::mysql) struct Registry(Mutex<HashMap<String, Arc<Pins>>>);

impl Registry {
    pub(super) fn add(&self, id: &str, pins: Arc<Pins>) {
        lock(&self.0).insert(id.to_owned(), pins);
    }

    /// The readers of a view.
    ///
    /// # Errors
    /// `Unavailable` when the view is another process's, or was let go.
    pub(in crate::source::mysql) fn find(&self, id: &str) -> Result<Arc<Pins>> {
        let found = lock(&self.0).get(id).cloned();
        found.ok_or_else(|| {
            Error::unavailable(
                "a snapshot of a MySQL or MariaDB server cannot be read by another process than the one that took it",
            ).coded(Code::SnapshotLost)
            .with("snapshot", id)
            .hint("run again; with --consistency none any process can read the server")
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
