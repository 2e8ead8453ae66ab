//! SQLite files, read in place by many readers that all see one commit.
//!
//! The file is never opened for writing and no lock is taken that a reader of SQLite does not take
//! (`docs/sqlite.md`, `docs/adr/0004-sqlite-view-without-write-lock.md`).
//!
//! Nothing here may open the database file by other means than SQLite: closing any other descriptor
//! of it would release SQLite's POSIX locks in this process.

pub mod column;
mod connect;
mod definition;
mod describe;
pub mod dialect;
mod keys;
mod pins;
mod read;
mod snapshot;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Fields, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use rusqlite::Connection;

use self::dialect::SqliteDialect;
use self::pins::Registry;
use super::{Address, Dialect, Environment, Snapshot, Source, TableRead};
use crate::blocking::blocking;
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableRef,
};
use crate::client::sqlite::{SqliteConfig, StopOnDrop};
use crate::error::{Error, Result};
use crate::fingerprint::{Fingerprint, RowHasher, Rule};
use crate::readers::converted;
use crate::spec::TypePolicy;

/// URL schemes and `ds_type` values.
pub const NAMES: &[&str] = &["sqlite", "sqlite3"];

/// Opens a SQLite source; does not touch the file yet.
pub fn open(address: &Address, policy: &TypePolicy, _: &Environment) -> Result<Arc<dyn Source>> {
    Ok(Arc::new(SqliteSource {
        config: SqliteConfig::from_address(address)?,
        dialect: SqliteDialect,
        policy: policy.clone(),
        pinned: Arc::default(),
    }))
}

/// A SQLite file.
#[derive(Debug)]
struct SqliteSource {
    config: SqliteConfig,
    dialect: SqliteDialect,
    policy: TypePolicy,
    /// The readers of every live snapshot. A token names them by id, so it means nothing to another process.
    pinned: Arc<Registry>,
}

impl SqliteSource {
    /// Runs `work` on a connection of its own, on a thread that may wait.
    async fn with_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteConfig, &Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let config = self.config.clone();
        let guard = StopOnDrop::default();
        let stop = guard.stop();
        blocking(move || {
            let mut connection = connect::open(&config)?;
            stop.guard(&mut connection).map_err(|e| connect::failed(&config, e))?;
            work(&config, &connection)
        })
        .await
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn location(&self) -> String {
        let path = self.config.path.display().to_string();
        format!("sqlite:///{}", path.trim_start_matches('/'))
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        self.with_connection(|config, connection| {
            connect::probe(config, connection)?;
            Ok(SourceIdentity {
                kind: "sqlite".into(),
                version: rusqlite::version().into(),
                // A file has neither.
                server: String::new(),
                database: config.path.display().to_string(),
                user: String::new(),
                identifier: config.path.canonicalize().ok().map(|path| path.display().to_string()),
            })
        })
        .await
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let mut listed = self.with_connection(describe::list).await?;
        listed.retain(|t| filter.matches(t));
        Ok(listed)
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        // The view covers the whole file, its schema included: tables need no locks of their own.
        let _ = tables;
        let (config, policy) = (self.config.clone(), self.policy.clone());
        let registry = Arc::clone(&self.pinned);
        let snapshot =
            blocking(move || snapshot::SqliteSnapshot::pin(config, policy, registry, (level, readers)))
                .await?;
        Ok(Box::new(snapshot))
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        read::stream(&self.config, &self.pinned, read, at)
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        read::count(&self.config, &self.pinned, read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, _columns: &[usize], written: &Fields) -> Result<()> {
        let schema = Schema::new(written.clone());
        RowHasher::new(&schema, Rule::Md5Sum).map(drop).map_err(|error| error.with("table", &table.table))
    }

    /// SQLite is part of this process and has no hashes of its own: the rows are read once more by a statement of
    /// their own, in the same view, and hashed here.
    async fn fingerprint(
        &self,
        read: &TableRead,
        written: &Fields,
        at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        let mut rows = self.read(read, at)?;
        let written: SchemaRef = Schema::new(written.clone()).into();
        let mut hasher = RowHasher::new(&written, Rule::Md5Sum)?;
        while let Some(batch) = rows.next().await {
            hasher.add(&as_written(&batch?, &written)?)?;
            tokio::task::coop::consume_budget().await;
        }
        Ok(hasher.finish())
    }
}

/// Rows as a file has them.
fn as_written(batch: &RecordBatch, written: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(written.fields());
    let columns = columns
        .map(|(column, field)| converted(column, column.data_type(), field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(written), columns)
        .map_err(|error| Error::internal("rows are not as they are written").caused_by(error))
}
