//! A decimal literal beside a double is a double, as in every database.
//!
//! Literals with a point are read as decimals, so that `amount > 0.1` is exact. DataFusion would then
//! compare `double > 0.1` as decimals of fifteen places, which rounds the column and fails on large values.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

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
                let met = expression.transform_up(|e| Ok(meet(e, &schema)))?;
                Ok(met.update_data(|e| name.restore(e)))
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "decimal_meets_float"
    }
}

fn meet(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_float = |e: &Expr| e.get_type(schema).is_ok_and(|t| t.is_floating());
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_float(&left) || is_float(&right) => {
            let (left, right) = (double(left, schema), double(right, schema));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if is_float(&expr) || is_float(&low) || is_float(&high) =>
        {
            let [expr, low, high] = [expr, low, high].map(|e| double(e, schema));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated }) if is_float(&expr) => {
            let list = list.into_iter().map(|e| *double(Box::new(e), schema)).collect();
            Transformed::yes(Expr::InList(InList { expr, list, negated }))
        }
        other => Transformed::no(other),
    }
}

/// A decimal expression as double; any other as it is.
fn double(expression: Box<Expr>, schema: &DFSchema) -> Box<Expr> {
    if expression.get_type(schema).is_ok_and(|t| t.is_decimal()) {
        Box::new(Expr::Cast(Cast::new(expression, DataType::Float64)))
    } else {
        expression
    }
}
