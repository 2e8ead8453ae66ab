//! The writer as the root of a DataFusion plan, so that EXPLAIN shows it and other machines can run it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, Partitioning, PhysicalExpr, SendableRecordBatchStream,
};

use super::part::{Kept, PartTarget, PreparedPart, ProgressFn, write_part};
use super::writer::WriterSettings;
use crate::error::{Error, Result};

/// Drains input partition `i` into target `i` and yields one row: `part` (UInt32), `prepared`, the
/// [`PreparedPart`] as JSON, and `kept`, the content of a small file that was not uploaded. Never merges or
/// moves partitions.
#[derive(Clone)]
pub struct PartWriterExec {
    input: Arc<dyn ExecutionPlan>,
    targets: Arc<[PartTarget]>,
    settings: WriterSettings,
    progress: Option<ProgressFn>,
    properties: Arc<PlanProperties>,
}

impl PartWriterExec {
    /// Writes partition `i` of `input` to `targets[i]`.
    ///
    /// Errors: `Internal` when there are not exactly as many targets as partitions.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        targets: Vec<PartTarget>,
        settings: WriterSettings,
        progress: Option<ProgressFn>,
    ) -> Result<Self> {
        Self::over(input, targets.into(), settings, progress)
    }

    fn over(
        input: Arc<dyn ExecutionPlan>,
        targets: Arc<[PartTarget]>,
        settings: WriterSettings,
        progress: Option<ProgressFn>,
    ) -> Result<Self> {
        let partitions = input.output_partitioning().partition_count();
        if partitions != targets.len() {
            let message = format!("{partitions} partitions do not match {} parts", targets.len());
            return Err(Error::internal(message));
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(output_schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { input, targets, settings, progress, properties: Arc::new(properties) })
    }

    /// The prepared parts that a batch of this plan's output holds.
    pub fn decode(batch: &RecordBatch) -> Result<Vec<PreparedPart>> {
        let column = batch.column_by_name("prepared").and_then(|column| column.as_string_opt::<i32>());
        let Some(column) = column else {
            return Err(Error::internal("the writer's result has no column 'prepared'"));
        };
        let kept = batch.column_by_name("kept").and_then(|kept| kept.as_binary_opt::<i32>());
        column
            .iter()
            .enumerate()
            .map(|(row, text)| {
                let mut part: PreparedPart =
                    serde_json::from_str(text.unwrap_or_default()).map_err(|error| {
                        Error::internal("the writer's result is not readable").caused_by(error)
                    })?;
                if let (Some(file), Some(kept)) = (&mut part.file, kept.filter(|kept| kept.is_valid(row))) {
                    file.kept = Some(Kept(Bytes::copy_from_slice(kept.value(row))));
                }
                Ok(part)
            })
            .collect()
    }
}

fn output_schema() -> SchemaRef {
    let fields = vec![
        Field::new("part", DataType::UInt32, false),
        Field::new("prepared", DataType::Utf8, false),
        Field::new("kept", DataType::Binary, true),
    ];
    Arc::new(Schema::new(fields))
}

fn encode(prepared: &PreparedPart) -> Result<RecordBatch> {
    let wrong = |error| Error::internal("the writer's result cannot be encoded").caused_by(error);
    let json = serde_json::to_string(prepared)
        .map_err(|error| Error::internal("the writer's result cannot be encoded").caused_by(error))?;
    let part = u32::try_from(prepared.part)
        .map_err(|error| Error::internal("the part's number is too large").caused_by(error))?;
    let kept =
        prepared.file.as_ref().and_then(|file| file.kept.as_ref()).map(|Kept(content)| content.as_ref());
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(UInt32Array::from(vec![part])),
        Arc::new(StringArray::from(vec![json])),
        Arc::new(BinaryArray::from_opt_vec(vec![kept])),
    ];
    RecordBatch::try_new(output_schema(), columns).map_err(wrong)
}

impl fmt::Debug for PartWriterExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartWriterExec")
            .field("input", &self.input)
            .field("targets", &self.targets)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for PartWriterExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.targets.first().map(|target| {
            let dir = target.path.rsplit_once('/').map_or("", |(dir, _)| dir);
            format!("{}/{dir}", target.destination.location().trim_end_matches('/'))
        });
        write!(
            f,
            "PartWriterExec: parts={}, compression={}, directory={}",
            self.targets.len(),
            self.settings.codec_name(),
            directory.unwrap_or_default()
        )
    }
}

impl ExecutionPlan for PartWriterExec {
    fn name(&self) -> &'static str {
        "PartWriterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::UnspecifiedDistribution])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return Err(Error::internal("a part writer has one input").into());
        };
        // Always checked anew: a rule that merged partitions below us must fail here and not drop parts.
        let (targets, settings) = (Arc::clone(&self.targets), self.settings.clone());
        Ok(Arc::new(Self::over(input, targets, settings, self.progress.clone())?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let Some(target) = self.targets.get(partition).cloned() else {
            return Err(Error::internal(format!("there is no part {partition}")).into());
        };
        let input = self.input.execute(partition, context)?;
        let (settings, progress) = (self.settings.clone(), self.progress.clone());
        let row = async move {
            let prepared = write_part(input, &target, &settings, progress.as_ref()).await?;
            Ok(encode(&prepared)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(output_schema(), futures::stream::once(row))))
    }
}
