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

use crate::error::{Error, Result};
use crate::plan::scan::SourceExec;

/// Refuses a plan that needs more than `readers` connections at once.
pub(super) fn check_connections(plan: &Arc<dyn ExecutionPlan>, readers: usize) -> Result<()> {
    let scans = scans(plan, false);
    if scans <= readers || !merges_scans(plan) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the query reads {scans} slices side by side, and there are {readers} connections to do so"
    ))
    .hint(format!("--max-connections {} or more, or fewer readers with -p", scans + 2)))
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
