//! One point in time: several readers pinned to the same commit, proven by a watcher.
//!
//! A reader is pinned by a transaction that has read something: in WAL mode it then sees one commit
//! for as long as it lasts, in the other journal modes nobody can commit until it ends. What remains
//! is that all readers are pinned at the *same* commit. A further connection, the watcher, asks
//! `PRAGMA data_version` before the first is pinned and after the last: if it did not change, nobody
//! committed in between. If it did, all let go and try again; pinning takes well under a millisecond.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use super::connect::{failed, open, probe};
use super::pins::{Pins, Registry};
use super::{describe, statement};
use crate::blocking::blocking;
use crate::catalog::{Consistency, KeyBounds, SnapshotToken, SourceSql, TableFilter, TableInfo, TableRef};
use crate::client::sqlite::{SqliteConfig, StopOnDrop};
use crate::clock::{self, Instant};
use crate::error::Result;
use crate::source::{Snapshot, view_lost};
use crate::spec::TypePolicy;

/// Readers of one view. More reads at once than this wait for each other.
const READERS: usize = 8;
/// How long to try to pin them all between two commits, before one has to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct SqliteSnapshot {
    token: SnapshotToken,
    taken: Instant,
    config: SqliteConfig,
    policy: TypePolicy,
    pins: Arc<Pins>,
    registry: Arc<Registry>,
}

impl SqliteSnapshot {
    /// May wait for locks.
    pub(super) fn pin(
        config: SqliteConfig,
        policy: TypePolicy,
        registry: Arc<Registry>,
        (level, readers): (Consistency, usize),
    ) -> Result<Self> {
        let pinned = level != Consistency::None;
        let taken = Instant::now();
        let readers = if pinned { pin_all(&config, readers)? } else { vec![open(&config)?] };
        let pins = Arc::new(Pins::new(readers, pinned));
        let id = pinned.then(|| uuid::Uuid::new_v4().to_string());
        if let Some(id) = &id {
            registry.add(id, Arc::clone(&pins));
        }
        // A file has no clock of its own.
        let taken_at = clock::moment().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let token = SnapshotToken { level, id, position: None, taken_at, of_process: pinned };
        Ok(Self { token, taken, config, policy, pins, registry })
    }

    /// Runs `work` on a reader of the view, on a thread that may wait.
    async fn with_reader<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteConfig, &Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut reader = self.pins.take().await?;
        let config = self.config.clone();
        let guard = StopOnDrop::default();
        let stop = guard.stop();
        blocking(move || {
            let connection = reader.connection()?;
            stop.guard(connection).map_err(|e| failed(&config, e))?;
            work(&config, connection)
        })
        .await
    }
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        if let Some(id) = &self.token.id {
            self.registry.remove(id);
        }
    }
}

/// Readers that all see the same commit, `most` or [`READERS`] of them; one alone if others commit without a pause.
fn pin_all(config: &SqliteConfig, most: usize) -> Result<Vec<Connection>> {
    let wanted = most.clamp(1, READERS);
    let mut readers = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let reader = open(config)?;
        // The schema is read here, so that pinning has nothing left to do but to take its lock.
        probe(config, &reader)?;
        readers.push(reader);
    }
    let watcher = open(config)?;
    let begun = Instant::now();
    let mut attempts = 0_u32;
    loop {
        attempts += 1;
        let before = data_version(config, &watcher)?;
        for reader in &readers {
            reader.execute_batch("BEGIN").map_err(|e| failed(config, e))?;
            probe(config, reader)?;
        }
        if data_version(config, &watcher)? == before {
            tracing::debug!(attempts, seconds = begun.elapsed().as_secs_f64(), "pinned {wanted} readers");
            return Ok(readers);
        }
        if begun.elapsed() >= PATIENCE {
            tracing::warn!(
                path = %config.path.display(),
                "frequent commits by other programs allowed only one reader to be pinned: tables are read one part at a time"
            );
            readers.truncate(1);
            return Ok(readers);
        }
        for reader in &readers {
            reader.execute_batch("ROLLBACK").map_err(|e| failed(config, e))?;
        }
    }
}

/// A number that is another one whenever somebody else has committed since this connection last asked.
fn data_version(config: &SqliteConfig, watcher: &Connection) -> Result<i64> {
    watcher.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(|e| failed(config, e))
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    fn token(&self) -> &SnapshotToken {
        &self.token
    }

    fn taken(&self) -> Instant {
        self.taken
    }

    fn readers(&self) -> Option<usize> {
        self.token.id.is_some().then(|| self.pins.len())
    }

    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo> {
        let (policy, of, filter) = (self.policy.clone(), table.clone(), filter.clone());
        let described = self
            .with_reader(move |config, reader| describe::table(config, reader, &of, (&policy, &filter)))
            .await;
        described.map_err(|e| e.with("table", table))
    }

    async fn describe_query(&self, name: &TableRef, sql: &str) -> Result<TableInfo> {
        let (policy, of, sql) = (self.policy.clone(), name.clone(), sql.to_owned());
        let described = self
            .with_reader(move |config, reader| statement::query(config, reader, (&of, &sql), &policy))
            .await;
        described.map_err(|error| error.with("query", &name.name))
    }

    async fn shaped(&self, table: TableInfo, sql: &SourceSql) -> Result<TableInfo> {
        let (policy, name, sql) = (self.policy.clone(), table.table.clone(), sql.clone());
        let shaped = self
            .with_reader(move |config, reader| statement::shaped(config, reader, table, &sql, &policy))
            .await;
        shaped.map_err(|error| error.with("table", &name))
    }

    async fn bounds(&self, table: &TableInfo, column: &str) -> Result<Option<KeyBounds>> {
        let (of, key) = (table.clone(), column.to_owned());
        let bounds =
            self.with_reader(move |config, reader| describe::bounds(config, reader, &of, &key)).await;
        bounds.map_err(|e| e.with("table", &table.table).with("column", column))
    }

    async fn check(&self) -> Result<()> {
        if self.pins.is_alive() { Ok(()) } else { Err(view_lost()) }
    }
}
