//! What every source can do, and what it is asked for: the traits that a database implements.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_schema::Fields;
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;
use serde::{Deserialize, Serialize};

use super::dialect::Dialect;
use super::lag::Lag;
use crate::catalog::{
    Consistency, KeyBounds, KeyQuantiles, ListedTable, Selection, Slice, SnapshotToken, SourceIdentity,
    SourceSql, TableFilter, TableInfo, TableRef, ValueCount,
};
use crate::clock::Instant;
use crate::error::{Code, Error, Result};
use crate::fingerprint::Fingerprint;

/// A database we can list, describe and read. Implementations are called concurrently.
///
/// The contract is here, on [`Snapshot`] and on [`Dialect`]; `source/conformance.rs` asserts it on every implementation and
/// wrapper.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// How this database spells SQL.
    fn dialect(&self) -> &dyn Dialect;

    /// What will be connected to: `kind://server/database`, as in [`SourceIdentity`].
    fn location(&self) -> String;

    /// Who this is. Connects.
    async fn identity(&self) -> Result<SourceIdentity>;

    /// Names only, each once, in catalog order. Reads the catalog, never table data.
    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>>;

    /// What is unwise about the rights with which this source is read, and what to do; none when there is nothing to
    /// say. Connects.
    async fn caution(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// SQL that makes `role` with the rights that an export of `tables` takes and no other; none where a source has no
    /// roles. Connects.
    async fn least_role(&self, _tables: &[TableRef], _role: &str) -> Result<Option<String>> {
        Ok(None)
    }

    /// How far replicas are behind, or this server if it is one. Connects.
    async fn replica_lag(&self) -> Result<Lag> {
        Err(without_replicas())
    }

    /// Bytes that came from the database so far; none where a source does not count them.
    fn received(&self) -> Option<u64> {
        None
    }

    /// Pins a view of `tables`, all of them at one moment unless `level` is `None`.
    ///
    /// Each table is locked against change of its definition first, alone, so that one that is
    /// denied or gone does not harm the others: [`Snapshot::describe`] returns its error. If the
    /// view cannot be pinned at `level` this is an error; it never degrades.
    ///
    /// At most `readers` connections read it at once: a source whose readers have to begin together opens no more of them,
    /// and besides those two at most.
    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>>;

    /// Rows of `read.slice` that also match `read.filter`, in batches of about `read.batch_rows`,
    /// with `read.columns` in that order and exactly the fields described.
    ///
    /// Everything it needs is in its two arguments, so that any process can call it. Nothing happens
    /// before the stream is polled. The stream ends without an error only if the server said that all
    /// rows were sent; a value that cannot be read exactly is an error of kind `Data` that names
    /// table, column and row. Dropping the stream cancels the statement on the server.
    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream>;

    /// How many rows `read` has as of `at`, by the database's own count. Reads no values.
    async fn count(&self, read: &TableRead, _at: &SnapshotToken) -> Result<u64> {
        Err(cannot_verify(&read.table, "count rows"))
    }

    /// Whether [`Self::fingerprint`] can be asked about these columns (indices into `table.columns`), which a file has as
    /// `written`. Pure.
    ///
    /// Errors: `Data`, naming the column that cannot be hashed, or that this source hashes nothing.
    fn check_fingerprint(&self, table: &TableInfo, _columns: &[usize], _written: &Fields) -> Result<()> {
        Err(cannot_verify(table, "hash rows"))
    }

    /// The fingerprint of the rows of `read` as of `at`, computed from what the database holds and not from what
    /// [`Self::read`] made of it. `written` are the columns as a file has them: with their types, or as text where
    /// [`crate::readers`] says so.
    async fn fingerprint(
        &self,
        read: &TableRead,
        _written: &Fields,
        _at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        Err(cannot_verify(&read.table, "hash rows"))
    }
}

pub(super) fn without_replicas() -> Error {
    Error::usage("--max-replica-lag: this source has no replicas")
        .coded(Code::ReplicaLag)
        .hint("leave --max-replica-lag out")
}

pub(super) fn cannot_verify(table: &TableInfo, what: &str) -> Error {
    Error::data(format!("this source cannot {what}"))
        .coded(Code::NotVerifiable).with("table", &table.table).hint(
        "leave --verify out; `lakexpress verify --read-data` still compares the files with their manifests",
    )
}

/// The view that a run reads under is gone: what is not finished can only be read as of another moment.
pub fn view_lost() -> Error {
    Error::unavailable("the run's view of the database was lost").coded(Code::SnapshotLost).hint(
        "`lakexpress resume` finishes the run as of a new moment; nothing of an unfinished table was changed",
    )
}

/// A pinned view. Dropping it releases locks and view.
#[async_trait]
pub trait Snapshot: Debug + Send + Sync {
    /// The view as a value that workers join.
    fn token(&self) -> &SnapshotToken;

    /// When the view was taken.
    fn taken(&self) -> Instant;

    /// Whether [`Self::give_up`] does something.
    fn gives_up(&self) -> bool {
        false
    }

    /// Ends what is held at the source: nothing can be read under the view any more, and [`Self::check`] fails.
    async fn give_up(&self) {}

    /// As [`Source::replica_lag`], over a connection that the view has. Not to be dropped before it has ended: the view
    /// would be lost.
    async fn replica_lag(&self) -> Result<Lag> {
        Err(without_replicas())
    }

    /// How many reads of this view can be under way at once; `None`: unlimited.
    fn readers(&self) -> Option<usize>;

    /// Columns, sizes and the ways to cut `table`, as of this view; or why it cannot be read. One whose kind `filter`
    /// does not mean is not read: what was listed as a table may be a view by now.
    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo>;

    /// Columns of the result of `sql`, a query in the source's own SQL that is exported as `name`.
    ///
    /// # Errors
    /// Usage, with line and column, when it is not one query, or when the source cannot plan it.
    async fn describe_query(&self, name: &TableRef, _sql: &str) -> Result<TableInfo> {
        Err(Error::usage("this source has no SQL that could be passed on")
            .coded(Code::SourceSqlRefused)
            .with("query", &name.name))
    }

    /// `table` with the rows and columns that `sql` gives of it.
    ///
    /// # Errors
    /// Usage, with line and column, when a condition or a list is none, or when the source cannot plan it.
    async fn shaped(&self, table: TableInfo, _sql: &SourceSql) -> Result<TableInfo> {
        Err(Error::usage("this source has no SQL that could be passed on")
            .coded(Code::SourceSqlRefused)
            .with("table", &table.table))
    }

    /// Smallest and largest key, inclusive, where [`Self::quantiles`] does not know more; none when every key is NULL or
    /// the table is empty.
    async fn bounds(&self, _table: &TableInfo, _column: &str) -> Result<Option<KeyBounds>> {
        Ok(None)
    }

    /// About how the keys of `column` lie, at `points` steps of rank: of a sample, or of `every` row. None when this
    /// source does not know; slices are then cut by [`Self::bounds`].
    async fn quantiles(
        &self,
        _table: &TableInfo,
        _column: &str,
        _points: usize,
        _every: bool,
    ) -> Result<Option<KeyQuantiles>> {
        Ok(None)
    }

    /// The values of an expression in the source's SQL, most frequent first and at most `most` of them: of `every`
    /// row, or of a sample. Empty when this source does not know.
    async fn values(
        &self,
        _table: &TableInfo,
        _expression: &str,
        _most: usize,
        _every: bool,
    ) -> Result<Vec<ValueCount>> {
        Ok(Vec::new())
    }

    /// About where the rows of `slice` lie: the blocks at which to cut it into `pieces` of as many rows each. Empty
    /// when the table cannot be cut by [`Slice::Physical`].
    async fn blocks(&self, _table: &TableInfo, _slice: &Slice, _pieces: usize) -> Result<Vec<u64>> {
        Ok(Vec::new())
    }

    /// What the source expects of reading the rows of `table` that match `condition`, in its own SQL; none when it does
    /// not know.
    async fn selection(&self, _table: &TableInfo, _condition: &str) -> Result<Option<Selection>> {
        Ok(None)
    }

    /// An error if rows of `table` may have been read as of another type than it has in this view. For when all of it
    /// has been read.
    async fn unchanged(&self, _table: &TableInfo) -> Result<()> {
        Ok(())
    }

    /// An error if the view has been lost (its connection ended), so that the run stops.
    async fn check(&self) -> Result<()>;
}

/// One read as a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRead {
    /// The table as described.
    pub table: Arc<TableInfo>,
    /// Which columns, as indices into `table.columns`; may be empty (rows are still counted).
    pub columns: Vec<usize>,
    /// Which rows.
    pub slice: Slice,
    /// Further condition in the source's SQL, made by its [`Dialect`].
    pub filter: Option<String>,
    /// Rows per batch, about.
    pub batch_rows: usize,
}
