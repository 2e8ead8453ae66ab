//! A decimal literal beside a double is a double, as in every database.
//!
//! Literals with a point are read as decimals, so that `amount > 0.1` is exact. DataFusion would then
//! compare `double > 0.1` as decimals of fifteen places, which rounds the column and fails on large values.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::families::{unify, unify_columns};

/// Casts decimals that meet a float to double. Runs before DataFusion's own type coercion.
#[derive(Debug)]
pub(super) struct DecimalMeetsFloat;

impl AnalyzerRule for DecimalMeetsFloat {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let met = expression.transform_up(|e| meet(e, &schema))?;
                Ok(met.update_data(|e| name.restore(e)))
            })?
            .transform_data(|node| unify_columns(node, beside_float))?
            .map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "decimal_meets_float"
    }
}

fn meet(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let cast = unify(&mut expression, schema, |_| true, beside_float)?;
    Ok(Transformed::new_transformed(expression, cast))
}

fn beside_float(family: &[Option<DataType>], member: &DataType) -> Option<DataType> {
    let beside_float = family.iter().flatten().any(DataType::is_floating);
    (beside_float && member.is_decimal()).then_some(DataType::Float64)
}
