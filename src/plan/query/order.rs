//! Whether a plan gets by with fewer connections than it has scans.
//!
//! A scan waits for a connection when it is first read and keeps it to its end. Hash joins, aggregates, sorts
//! and unions read one input to the end, or all of them independently, so whoever holds a connection goes
//! on, and all get their turn. A merge needs the first row of *every* input: were its inputs scans, those that
//! have a connection would wait for those that have none, for ever.

use std::sync::Arc;

use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

use crate::error::{Code, Error, Result};
use crate::plan::scan::SourceExec;
use crate::source::Snapshot;

/// Streams of the source that a query may have under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Readers {
    connections: usize,
    view: Option<usize>,
}

impl Readers {
    /// What `--max-connections` leaves beside the two that hold the view, or fewer if `view` has fewer.
    pub fn of(max_connections: usize, view: &dyn Snapshot) -> Self {
        Self { connections: max_connections.saturating_sub(2).max(1), view: view.readers() }
    }

    /// As a number, at least 1.
    pub fn at_once(self) -> usize {
        self.view.map_or(self.connections, |most| most.clamp(1, self.connections))
    }
}

/// Refuses a plan that must read more streams at once than it may.
pub(super) fn check_readers(plan: &Arc<dyn ExecutionPlan>, readers: Readers) -> Result<()> {
    let (scans, at_once) = (scans(plan, false), readers.at_once());
    if scans <= at_once || !merges_scans(plan) {
        return Ok(());
    }
    let refused = Error::usage(format!(
        "the query reads {scans} slices side by side, and there are {at_once} connections to do so"
    ))
    .coded(Code::ConnectionBudget);
    Err(match readers.view {
        Some(most) if most < scans => refused.hint(format!(
            "this source's view has {most} readers: fewer slices with -p, or the parts of the query one by one"
        )),
        _ => refused.hint(format!("--max-connections {} or more, or fewer readers with -p", scans + 2)),
    })
}

/// Somewhere inputs are merged in step that are scans not read to their end before.
fn merges_scans(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let in_step = if let Some(exchange) = plan.downcast_ref::<RepartitionExec>() {
        exchange.preserve_order()
    } else if plan.is::<SortPreservingMergeExec>() {
        true
    } else {
        // Joins that are not known to read one side to its end first, and operators of later versions.
        let independent = plan.is::<HashJoinExec>()
            || plan.is::<NestedLoopJoinExec>()
            || plan.is::<CrossJoinExec>()
            || plan.is::<UnionExec>()
            || plan.is::<InterleaveExec>()
            || plan.name() == "ScalarSubqueryExec"
            || plan.name() == "RecursiveQueryExec";
        plan.children().len() > 1 && !independent
    };
    (in_step && plan.children().into_iter().any(|child| scans(child, true) > 0))
        || plan.children().into_iter().any(merges_scans)
}

/// Slices read below `plan`; with `open`, only those that are not read to their end before `plan` has a row.
fn scans(plan: &Arc<dyn ExecutionPlan>, open: bool) -> usize {
    if let Some(scan) = plan.downcast_ref::<SourceExec>() {
        return scan.slices();
    }
    let reads_all_first = plan.is::<SortExec>()
        || plan
            .downcast_ref::<AggregateExec>()
            .is_some_and(|aggregate| *aggregate.input_order_mode() == InputOrderMode::Linear);
    if open && reads_all_first {
        return 0;
    }
    plan.children().into_iter().map(|child| scans(child, open)).sum()
}
