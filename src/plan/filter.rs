//! The filter of a table's export: what is left of a batch is a batch.
//!
//! DataFusion's own filter puts the rows that it keeps together, to full batches. Of values of a gigabyte three are
//! more than the 2 GiB that a column of a batch can hold.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::filter::{FilterExec, batch_filter};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::{StreamExt, future};

/// See the module.
#[derive(Debug)]
pub(super) struct BatchFilterExec {
    predicate: Arc<dyn PhysicalExpr>,
    projection: Option<Vec<usize>>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

/// The plan with filters that put nothing together.
pub(super) fn batch_by_batch(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(filter) = node.downcast_ref::<FilterExec>().filter(|_| node.fetch().is_none()) else {
            return Ok(Transformed::no(node));
        };
        let own = BatchFilterExec {
            predicate: Arc::clone(filter.predicate()),
            projection: filter.projection().as_ref().map(|columns| columns.to_vec()),
            input: Arc::clone(filter.input()),
            properties: Arc::clone(filter.properties()),
        };
        Ok(Transformed::yes(Arc::new(own) as Arc<dyn ExecutionPlan>))
    })
    .data()
}

impl BatchFilterExec {
    /// The same filter over another input.
    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a filter has one input");
        };
        let (predicate, projection) = (Arc::clone(&self.predicate), self.projection.clone());
        let properties = Arc::clone(&self.properties);
        Ok(Arc::new(Self { predicate, projection, input, properties }))
    }
}

fn kept(
    batch: &RecordBatch,
    predicate: &Arc<dyn PhysicalExpr>,
    projection: Option<&[usize]>,
) -> Result<RecordBatch> {
    let kept = batch_filter(batch, predicate)?;
    Ok(match projection {
        Some(columns) => kept.project(columns)?,
        None => kept,
    })
}

impl DisplayAs for BatchFilterExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchFilterExec: {}", self.predicate)
    }
}

impl ExecutionPlan for BatchFilterExec {
    fn name(&self) -> &'static str {
        "BatchFilterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.predicate)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (predicate, projection) = (Arc::clone(&self.predicate), self.projection.clone());
        let batches = self.input.execute(partition, context)?;
        let kept = batches.map(move |batch| kept(&batch?, &predicate, projection.as_deref()));
        let some = kept.filter(|batch| future::ready(!matches!(batch, Ok(batch) if batch.num_rows() == 0)));
        let schema: SchemaRef = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, some)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray};
    use datafusion::datasource::MemTable;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Batches of one row each, as a source gives them whose values are large.
    async fn batches(own: bool) -> Vec<usize> {
        let batch = |text: &str| {
            let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
            RecordBatch::try_from_iter([("id", Arc::clone(&texts)), ("t", texts)]).unwrap()
        };
        let rows: Vec<RecordBatch> = ["a", "b", "drop", "c", "d"].map(batch).into();
        let context = SessionContext::new();
        let table = MemTable::try_new(rows[0].schema(), vec![rows]).unwrap();
        context.register_table("large", Arc::new(table)).unwrap();
        let plan = context.sql("SELECT t FROM large WHERE upper(id) <> 'DROP'").await.unwrap();
        let mut plan = plan.create_physical_plan().await.unwrap();
        if own {
            plan = batch_by_batch(plan).unwrap();
        }
        let found = collect(plan, context.task_ctx()).await.unwrap();
        assert!(found.iter().all(|batch| batch.num_columns() == 1));
        found.iter().map(RecordBatch::num_rows).collect()
    }

    #[tokio::test]
    async fn rows_of_different_batches_are_never_put_together() {
        assert_eq!(batches(false).await, [4], "what DataFusion does");
        assert_eq!(batches(true).await, [1, 1, 1, 1]);
    }
}
