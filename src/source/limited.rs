//! Any source, reading over so many connections at once and no more.

use std::sync::Arc;

use arrow_schema::Fields;
use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{Dialect, Lag, Snapshot, Source, TableRead};
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableRef,
};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

/// A source whose streams wait for one of `readers` permits when they are first polled and give it back when
/// they end or are dropped.
///
/// `readers` must not be more than the view they read has ([`Snapshot::readers`]). The reader of such streams must never leave one that has begun while it waits for another: see
/// `plan::query`, which refuses plans that could.
#[derive(Debug)]
pub struct Limited {
    inner: Arc<dyn Source>,
    permits: Arc<Semaphore>,
}

impl Limited {
    /// `inner` with at most `readers` streams under way.
    pub fn new(inner: Arc<dyn Source>, readers: usize) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(readers.max(1))) }
    }
}

#[async_trait]
impl Source for Limited {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        self.inner.identity().await
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        self.inner.list(filter).await
    }

    async fn caution(&self) -> Result<Option<String>> {
        self.inner.caution().await
    }

    async fn least_role(&self, tables: &[TableRef], role: &str) -> Result<Option<String>> {
        self.inner.least_role(tables, role).await
    }

    async fn replica_lag(&self) -> Result<Lag> {
        self.inner.replica_lag().await
    }

    fn received(&self) -> Option<u64> {
        self.inner.received()
    }

    async fn snapshot(&self, tables: &[TableRef], level: Consistency) -> Result<Box<dyn Snapshot>> {
        self.inner.snapshot(tables, level).await
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        let rows = self.inner.read(read, at)?;
        let schema = rows.schema();
        let permits = Arc::clone(&self.permits);
        let begun = async move {
            let closed = |e| DataFusionError::from(Error::internal("no more connections").caused_by(e));
            let permit = permits.acquire_owned().await.map_err(closed)?;
            Ok::<_, DataFusionError>((permit, rows))
        };
        let batches = stream::once(begun).map_ok(|(permit, rows)| {
            rows.map(move |batch| {
                // Lives as long as the stream of rows.
                let _held = &permit;
                batch
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten())))
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        self.inner.count(read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize], written: &Fields) -> Result<()> {
        self.inner.check_fingerprint(table, columns, written)
    }

    async fn fingerprint(
        &self,
        read: &TableRead,
        written: &Fields,
        at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        self.inner.fingerprint(read, written, at).await
    }
}
