//! What a run exports: tables and the results of queries.

use std::sync::Arc;

use crate::catalog::{TableInfo, TableRef};
use crate::clock;
use crate::error::Error;
use crate::plan::{QueryPlan, TablePlan};
use crate::runlog::RunEvent;

/// What the run log calls the way a query is cut.
const QUERY: &str = "Query";

/// What has a directory.
pub(super) enum Item {
    Table(Box<TablePlan>),
    Query(Box<QueryItem>),
}

/// What is exported, in this order, and what cannot be.
pub(super) struct Planned {
    pub(super) items: Vec<Item>,
    pub(super) failures: Vec<(TableRef, Error)>,
}

/// A query, and the tables that all queries of the run read.
pub(super) struct QueryItem {
    pub(super) plan: QueryPlan,
    pub(super) tables: Arc<[TableInfo]>,
}

impl Item {
    pub(super) fn table(&self) -> &TableRef {
        match self {
            Self::Table(plan) => &plan.info.table,
            Self::Query(query) => &query.plan.table,
        }
    }

    /// What it is called in sentences.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::Query(_) => "query",
        }
    }

    /// Rows that it is estimated to have; 0 when that is not known.
    pub(super) fn est_rows(&self) -> u64 {
        match self {
            Self::Table(plan) => plan.info.est_rows,
            Self::Query(_) => 0,
        }
    }

    /// The event of its beginning.
    pub(super) fn started(&self, run_id: &str) -> RunEvent {
        let (method, parts) = match self {
            Self::Table(plan) => (plan.method_name().to_owned(), plan.parts.len()),
            Self::Query(_) => (QUERY.to_owned(), 1),
        };
        let est_rows = self.est_rows();
        let (run_id, table, at) = (run_id.to_owned(), self.table().clone(), clock::moment().into());
        RunEvent::TableStarted { run_id, table, at, method, parts, est_rows }
    }
}
