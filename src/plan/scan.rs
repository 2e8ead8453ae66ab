//! The scan of a source's table: partition `i` reads slice `i`.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, DataFusionError, Result, Statistics};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::StatisticsArgs;
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

    /// Rows and bytes of one in `share` parts, as far as the catalog knows. Estimates only ever choose which
    /// side of a join is held in memory, so they are never given as exact.
    fn estimate(&self, share: usize) -> Statistics {
        let table = &self.read.table;
        let mut statistics = Statistics::new_unknown(self.properties.eq_properties.schema());
        if table.est_rows == 0 {
            return statistics;
        }
        // A guess, and DataFusion's own for conditions it knows nothing about.
        let selected = if self.read.filter.is_some() { 5 } else { 1 };
        let rows = (usize::try_from(table.est_rows).unwrap_or(usize::MAX) / share / selected).max(1);
        let bytes_per_row = usize::try_from(table.est_bytes / table.est_rows).unwrap_or(usize::MAX).max(1);
        let width = bytes_per_row * self.read.columns.len() / table.columns.len().max(1);
        statistics.num_rows = Precision::Inexact(rows);
        statistics.total_byte_size = Precision::Inexact(rows.saturating_mul(width.max(1)));
        statistics.column_statistics = self
            .read
            .columns
            .iter()
            .map(|index| {
                let distinct = table.columns.get(*index).and_then(|c| c.est_distinct);
                let distinct = distinct
                    .map_or(Precision::Absent, |n| Precision::Inexact((n.max(1.0) as usize).min(rows)));
                ColumnStatistics { distinct_count: distinct, ..ColumnStatistics::new_unknown() }
            })
            .collect();
        statistics
    }

    /// How many slices are read.
    pub fn slices(&self) -> usize {
        self.slices.len()
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

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let share = if args.partition().is_some() { self.slices.len().max(1) } else { 1 };
        Ok(Arc::new(self.estimate(share)))
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let slice = self.slices.get(partition).cloned().ok_or_else(|| {
            DataFusionError::from(Error::internal(format!("the plan has no partition {partition}")))
        })?;
        let read = TableRead { slice, ..self.read.clone() };
        Ok(self.source.read(&read, &self.at)?)
    }
}
