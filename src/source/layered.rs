//! A source whose streams of rows go through a layer; everything else is the source itself.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_schema::Fields;
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;

use super::{Dialect, Lag, Snapshot, Source, TableRead};
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableRef,
};
use crate::error::Result;
use crate::fingerprint::Fingerprint;

/// What happens to streams between a source and their reader. A layer of the program changes neither rows nor their order.
pub trait Layer: Debug + Send + Sync {
    /// `rows` as the reader gets them. Does nothing before the stream is polled; `source` is where they come from.
    fn apply(&self, rows: SendableRecordBatchStream, source: &Arc<dyn Source>) -> SendableRecordBatchStream;
}

/// See the module.
#[derive(Debug)]
pub struct Layered<L> {
    source: Arc<dyn Source>,
    layer: L,
}

impl<L: Layer> Layered<L> {
    /// `source` with `layer` between it and its readers.
    pub fn new(source: Arc<dyn Source>, layer: L) -> Self {
        Self { source, layer }
    }
}

#[async_trait]
impl<L: Layer> Source for Layered<L> {
    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        Ok(self.layer.apply(self.source.read(read, at)?, &self.source))
    }

    fn dialect(&self) -> &dyn Dialect {
        self.source.dialect()
    }

    fn location(&self) -> String {
        self.source.location()
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        self.source.identity().await
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        self.source.list(filter).await
    }

    async fn caution(&self) -> Result<Option<String>> {
        self.source.caution().await
    }

    async fn least_role(&self, tables: &[TableRef], role: &str) -> Result<Option<String>> {
        self.source.least_role(tables, role).await
    }

    async fn replica_lag(&self) -> Result<Lag> {
        self.source.replica_lag().await
    }

    fn received(&self) -> Option<u64> {
        self.source.received()
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        self.source.snapshot(tables, level, readers).await
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        self.source.count(read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize], written: &Fields) -> Result<()> {
        self.source.check_fingerprint(table, columns, written)
    }

    async fn fingerprint(
        &self,
        read: &TableRead,
        written: &Fields,
        at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        self.source.fingerprint(read, written, at).await
    }
}
