//! How many partitions a table would have, before anything of it is written.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;

use super::{PartPlan, TablePlan, logical, session};
use crate::catalog::Slice;
use crate::error::{Code, Error, Result};
use crate::manifest::PartitionColumn;
use crate::sink::fanout::fewer;
use crate::source::Source;

/// Rows that are looked at for each partition that a table may have.
const ROWS_FOR_EACH: usize = 16;
/// Of more than so many the number is not found out.
const MOST_COUNTED: usize = 1_000_000;

/// Refuses a table whose first rows already have more partitions than it may have, and says how many all rows have. What
/// it does not find the writer refuses. Takes one connection.
///
/// # Errors
/// `Data`; those of the source and of the expressions.
pub async fn check_number(plan: &TablePlan, source: &Arc<dyn Source>) -> Result<()> {
    let most = plan.arrangement.files.max_partitions;
    if plan.arrangement.partition.is_empty() || plan.info.est_rows <= most as u64 {
        return Ok(());
    }
    if distinct(plan, source, Some(most.saturating_mul(ROWS_FOR_EACH))).await? <= most {
        return Ok(());
    }
    let all = match distinct(plan, source, None).await? {
        many if many > MOST_COUNTED => format!("more than {MOST_COUNTED}"),
        counted => counted.to_string(),
    };
    Err(too_many(&plan.arrangement.partition, most, &all))
}

/// Refuses what was written with the keys `partition`: each part has few enough partitions, and all parts together may
/// have more than `most`. `files` are the names of the files.
///
/// # Errors
/// `Data`.
pub fn check_written(partition: &[PartitionColumn], most: usize, files: &[String]) -> Result<()> {
    let directories: HashSet<&str> =
        files.iter().map(|name| name.rsplit_once('/').map_or("", |(directory, _)| directory)).collect();
    match directories.len() {
        many if many > most => Err(too_many(partition, most, &many.to_string())),
        _ => Ok(()),
    }
}

fn too_many(partition: &[PartitionColumn], most: usize, all: &str) -> Error {
    let names: Vec<&str> = partition.iter().map(|key| key.name.as_str()).collect();
    Error::data(format!("the table would have {all} partitions"))
        .coded(Code::TooManyPartitions)
        .with("partition", names.join(", "))
        .hint(fewer(most))
}

/// Partitions of the first `rows`, or of all, as far as they are counted.
async fn distinct(plan: &TablePlan, source: &Arc<dyn Source>, rows: Option<usize>) -> Result<usize> {
    let whole = PartPlan {
        part: 0,
        slice: Slice::All,
        condition: None,
        est_bytes: plan.info.est_bytes,
        file: String::new(),
    };
    let (context, keyed) = logical(plan, &[whole], source).await?;
    let columns = keyed.schema().columns();
    let keys = columns[columns.len() - plan.arrangement.partition.len()..].iter().cloned().map(Expr::Column);
    let keys = LogicalPlanBuilder::from(keyed).project(keys.collect::<Vec<_>>())?;
    let keys = if rows.is_some() { keys.limit(0, rows)? } else { keys };
    let found = keys.distinct()?.limit(0, Some(MOST_COUNTED + 1))?.build()?;
    let physical = session::state(&context, &plan.snapshot).create_physical_plan(&found).await?;
    let mut stream = execute_stream(physical, context.task_ctx())?;
    let mut count = 0;
    while let Some(batch) = stream.try_next().await? {
        count += batch.num_rows();
    }
    Ok(count)
}
