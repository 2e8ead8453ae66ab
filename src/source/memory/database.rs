//! What is read: tables in versions. A change makes a new version, a view keeps the one that it was taken of.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::DFSchema;
use datafusion::prelude::SessionContext;

use crate::catalog::TableRef;
use crate::error::{Error, Result};

/// All tables at one moment. The first column of each is its primary key.
pub(crate) type Tables = BTreeMap<TableRef, RecordBatch>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Database {
    /// By the view that keeps them; the newest by none.
    versions: Mutex<HashMap<Option<String>, Arc<Tables>>>,
    /// Held by each statement that runs.
    pub(super) statement: Arc<()>,
}

impl Database {
    pub(crate) fn new(tables: Tables) -> Self {
        let versions = Mutex::new(HashMap::from([(None, Arc::new(tables))]));
        Self { versions, statement: Arc::default() }
    }

    fn versions(&self) -> MutexGuard<'_, HashMap<Option<String>, Arc<Tables>>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what `change` makes of the newest version.
    pub(crate) fn commit(&self, change: impl FnOnce(&mut Tables)) {
        self.versions().entry(None).and_modify(|newest| change(Arc::make_mut(newest)));
    }

    /// Keeps the newest version; the id under which it is found.
    pub(super) fn pin(&self) -> Option<String> {
        let (id, mut versions) = (Some(uuid::Uuid::new_v4().to_string()), self.versions());
        let newest = versions.get(&None).cloned().unwrap_or_default();
        versions.insert(id.clone(), newest);
        id
    }

    pub(super) fn release(&self, id: &Option<String>) {
        self.versions().retain(|kept, _| kept.is_none() || kept != id);
    }

    /// The version that is kept under an id.
    pub(super) fn at(&self, id: &Option<String>) -> Result<Arc<Tables>> {
        let found = self.versions().get(id).cloned();
        found.ok_or_else(|| Error::unavailable("the run's view of the database was lost").hint("run again"))
    }

    /// The rows of a table in that version.
    pub(super) fn rows(&self, table: &TableRef, id: &Option<String>) -> Result<RecordBatch> {
        let found = self.at(id)?.get(table).cloned();
        found.ok_or_else(|| Error::data("the table does not exist").with("table", table))
    }

    /// Versions that are kept, and statements that run.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        (self.versions().len() - 1, Arc::strong_count(&self.statement) - 1)
    }
}

/// The values of an expression, one for each row.
pub(super) fn evaluate(sql: &str, rows: &RecordBatch) -> Result<ArrayRef> {
    static ENGINE: LazyLock<SessionContext> = LazyLock::new(SessionContext::new);
    let schema = DFSchema::try_from(rows.schema())?;
    let expression = ENGINE.create_physical_expr(ENGINE.parse_sql_expr(sql, &schema)?, &schema)?;
    Ok(expression.evaluate(rows)?.into_array(rows.num_rows())?)
}
