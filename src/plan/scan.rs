//! The scan of a source's table: partition `i` reads slice `i`.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};

use crate::catalog::{Slice, SnapshotToken};
use crate::error::Error;
use crate::source::{Source, TableRead};

/// See the module.
#[derive(Debug)]
pub struct SourceExec {
    source: Arc<dyn Source>,
    read: TableRead,
    slices: Vec<Slice>,
    at: SnapshotToken,
    properties: Arc<PlanProperties>,
}

impl SourceExec {
    /// A scan of `slices`; the slice in `read` is replaced by each of them.
    pub fn new(
        source: Arc<dyn Source>,
        read: TableRead,
        slices: Vec<Slice>,
        at: SnapshotToken,
        schema: SchemaRef,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(slices.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { source, read, slices, at, properties }
    }

    /// The condition that the source evaluates besides the slice, in its SQL.
    pub fn pushed(&self) -> Option<&str> {
        self.read.filter.as_deref()
    }
}

impl DisplayAs for SourceExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceExec: table={}, slices={}", self.read.table.table, self.slices.len())?;
        match &self.read.filter {
            Some(filter) => write!(f, ", filter={filter}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for SourceExec {
    fn name(&self) -> &'static str {
        "SourceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let slice = self.slices.get(partition).cloned().ok_or_else(|| {
            DataFusionError::from(Error::internal(format!("the plan has no partition {partition}")))
        })?;
        let read = TableRead { slice, ..self.read.clone() };
        Ok(self.source.read(&read, &self.at)?)
    }
}
