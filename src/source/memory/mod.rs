//! Tables in memory that are read as a database's are: what a source has to do, and nothing else.
//!
//! For tests, and to be read first by whoever writes a source: `docs/dev/recipes.md`. Its SQL is DataFusion's.

mod database;
mod dialect;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::Int64Type;
use arrow_schema::{DataType, Field};
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;

pub(crate) use self::database::{Database, Tables};
use self::dialect::MemoryDialect;
use super::{Dialect, Snapshot, Source, TableRead};
use crate::catalog::{
    ColumnInfo, Consistency, KeyBounds, KeyValue, ListedTable, PrimaryKey, Reading, SnapshotToken,
    SourceIdentity, TableFilter, TableInfo, TableKind, TableRef, Verdict,
};
use crate::clock::{self, Instant};
use crate::error::Result;

/// Opens a database, as often as wanted.
pub(crate) fn open(database: &Arc<Database>) -> Arc<dyn Source> {
    Arc::new(MemorySource(Arc::clone(database)))
}

#[derive(Debug)]
struct MemorySource(Arc<Database>);

#[async_trait]
impl Source for MemorySource {
    fn dialect(&self) -> &dyn Dialect {
        &MemoryDialect
    }

    fn location(&self) -> String {
        "memory:///".into()
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        Ok(SourceIdentity {
            kind: "memory".into(),
            version: String::new(),
            server: String::new(),
            database: String::new(),
            user: String::new(),
            identifier: None,
        })
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let listed = |table: &TableRef| ListedTable { table: table.clone(), kind: TableKind::Table };
        Ok(self.0.at(&None)?.keys().map(listed).filter(|listed| filter.matches(listed)).collect())
    }

    async fn snapshot(
        &self,
        _tables: &[TableRef],
        level: Consistency,
        _readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        // A version has all tables: none of them needs a lock of its own.
        let id = if level == Consistency::None { None } else { self.0.pin() };
        let of_process = id.is_some();
        let token = SnapshotToken { level, id, position: None, taken_at: clock::now(), of_process };
        Ok(Box::new(MemorySnapshot { database: Arc::clone(&self.0), token, taken: Instant::now() }))
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        Ok(read::stream(Arc::clone(&self.0), read.clone(), at.clone()))
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        Ok(read::selected(&self.0, read, at)?.num_rows() as u64)
    }
}

/// A view: a version that is kept until the view is dropped.
#[derive(Debug)]
struct MemorySnapshot {
    database: Arc<Database>,
    token: SnapshotToken,
    taken: Instant,
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        self.database.release(&self.token.id);
    }
}

/// What becomes of a column, decided once: of the type that it was declared with, whatever is stored in it.
fn column(stored: &Field) -> ColumnInfo {
    let declared = stored.metadata().get("declared").map(String::as_str);
    let data_type = if declared == Some("bigint") { &DataType::Int64 } else { stored.data_type() };
    ColumnInfo {
        // What is stored is compared there, and what was made of it here.
        comparable: stored.data_type() == data_type,
        field: Field::new(stored.name(), data_type.clone(), stored.is_nullable()),
        source_type: declared.unwrap_or_default().to_owned(),
        verdict: Verdict::Exact,
        note: String::new(),
        codec: String::new(),
        est_distinct: None,
        labels: Vec::new(),
    }
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn token(&self) -> &SnapshotToken {
        &self.token
    }

    fn taken(&self) -> Instant {
        self.taken
    }

    fn readers(&self) -> Option<usize> {
        None
    }

    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo> {
        filter.still_means(table, TableKind::Table).map_err(|error| error.with("table", table))?;
        let rows = self.database.rows(table, &self.token.id)?;
        let (schema, size) = (rows.schema(), rows.get_array_memory_size() as u64);
        let columns: Vec<_> = schema.fields().iter().map(|field| column(field)).collect();
        let key = columns[0].name().to_owned();
        Ok(TableInfo {
            kind: TableKind::Table,
            primary_key: Some(PrimaryKey { columns: vec![key.clone()], of_all_rows: true }),
            range_key: Some(key),
            reading: Reading::default(),
            ..TableInfo::of_query(table, "", columns, (rows.num_rows() as u64, size))
        })
    }

    async fn bounds(&self, table: &TableInfo, column: &str) -> Result<Option<KeyBounds>> {
        let rows = self.database.rows(&table.table, &self.token.id)?;
        let keys = rows.column_by_name(column).and_then(|keys| keys.as_primitive_opt::<Int64Type>());
        let bounds = keys.and_then(|keys| min(keys).zip(max(keys)));
        Ok(bounds.map(|(min, max)| KeyBounds { min: KeyValue::Int(min), max: KeyValue::Int(max) }))
    }

    async fn check(&self) -> Result<()> {
        self.database.at(&self.token.id).map(drop)
    }
}
