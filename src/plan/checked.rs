//! Integer arithmetic that overflows is an error, as in every database. DataFusion wraps by default.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal, NegativeExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Rewrites every arithmetic expression of projections and filters to its checked form.
#[derive(Debug)]
pub(super) struct CheckedArithmetic;

impl PhysicalOptimizerRule for CheckedArithmetic {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                let expressions = projection
                    .expr()
                    .iter()
                    .map(|e| {
                        Ok(ProjectionExpr {
                            expr: checked(&e.expr, projection.input())?,
                            alias: e.alias.clone(),
                        })
                    })
                    .collect::<Result<Vec<_>>>()?;
                let rebuilt = ProjectionExec::try_new(expressions, Arc::clone(projection.input()))?;
                return Ok(Transformed::yes(Arc::new(rebuilt)));
            }
            if let Some(filter) = node.downcast_ref::<FilterExec>() {
                let predicate = checked(filter.predicate(), filter.input())?;
                let rebuilt = FilterExecBuilder::from(filter).with_predicate(predicate).build()?;
                return Ok(Transformed::yes(Arc::new(rebuilt)));
            }
            Ok(Transformed::no(node))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    /// Off: `-a` keeps the metadata of `a`, the checked `0 - a` rightly has none.
    fn schema_check(&self) -> bool {
        false
    }
}

fn checked(expr: &Arc<dyn PhysicalExpr>, input: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = input.schema();
    Arc::clone(expr)
        .transform_up(|node| {
            if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
                use Operator::{Divide, Minus, Modulo, Multiply, Plus};
                if matches!(binary.op(), Plus | Minus | Multiply | Divide | Modulo) {
                    let rebuilt =
                        BinaryExpr::new(Arc::clone(binary.left()), *binary.op(), Arc::clone(binary.right()));
                    let rebuilt: Arc<dyn PhysicalExpr> = Arc::new(rebuilt.with_fail_on_overflow(true));
                    return Ok(Transformed::yes(rebuilt));
                }
            }
            if let Some(negative) = node.downcast_ref::<NegativeExpr>() {
                let data_type = negative.arg().data_type(&schema)?;
                if data_type.is_integer() {
                    // The negation of the smallest integer overflows too, and has no checked form.
                    let zero = Arc::new(Literal::new(ScalarValue::new_zero(&data_type)?));
                    let rebuilt = BinaryExpr::new(zero, Operator::Minus, Arc::clone(negative.arg()));
                    let rebuilt: Arc<dyn PhysicalExpr> = Arc::new(rebuilt.with_fail_on_overflow(true));
                    return Ok(Transformed::yes(rebuilt));
                }
            }
            Ok(Transformed::no(node))
        })
        .data()
}
