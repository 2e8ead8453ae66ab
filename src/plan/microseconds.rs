//! Timestamps in expressions are microseconds, as all timestamps of the sources are.
//!
//! DataFusion makes nanoseconds of `TIMESTAMP '...'`, of casts and of `now()`. Nanoseconds end in the year
//! 2262, so that a comparison with 9999-12-31, which databases are full of, would be refused.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, TryCast};
use datafusion::optimizer::AnalyzerRule;

/// Rewrites nanosecond timestamps to microseconds. Runs before DataFusion's own type coercion.
#[derive(Debug)]
pub(super) struct Microseconds;

impl AnalyzerRule for Microseconds {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            // Names must stay what they are, or the plan's columns would be renamed.
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let rewritten = expression.transform_up(|e| Ok(rewrite(e, &schema)))?;
                Ok(rewritten.update_data(|e| name.restore(e)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "microseconds"
    }
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expression {
        Expr::Cast(Cast { expr, field }) => match micros(field.data_type()) {
            Some(data_type) => Transformed::yes(Expr::Cast(Cast::new(expr, data_type))),
            None => Transformed::no(Expr::Cast(Cast { expr, field })),
        },
        Expr::TryCast(TryCast { expr, field }) => match micros(field.data_type()) {
            Some(data_type) => Transformed::yes(Expr::TryCast(TryCast::new(expr, data_type))),
            None => Transformed::no(Expr::TryCast(TryCast { expr, field })),
        },
        Expr::ScalarFunction(_) => match expression.get_type(schema).ok().and_then(|t| micros(&t)) {
            Some(data_type) => Transformed::yes(Expr::Cast(Cast::new(Box::new(expression), data_type))),
            None => Transformed::no(expression),
        },
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            let [left, right] = same_unit([left, right], schema);
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let [expr, low, high] = same_unit([expr, low, high], schema);
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        other => Transformed::no(other),
    }
}

/// Dates that are compared with timestamps become timestamps of the same unit.
fn same_unit<const N: usize>(sides: [Box<Expr>; N], schema: &DFSchema) -> [Box<Expr>; N] {
    let types = sides.each_ref().map(|side| side.get_type(schema).ok());
    let Some(timestamp) = types.iter().flatten().find(|t| matches!(t, DataType::Timestamp(_, _))) else {
        return sides;
    };
    let mut sides = sides;
    for (side, data_type) in sides.iter_mut().zip(&types) {
        if matches!(data_type, Some(DataType::Date32 | DataType::Date64)) {
            **side = Expr::Cast(Cast::new(side.clone(), timestamp.clone()));
        }
    }
    sides
}

/// The microsecond type that takes the place of a nanosecond one.
fn micros(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(TimeUnit::Nanosecond, tz) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, tz.clone()))
        }
        _ => None,
    }
}
