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
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast};
use datafusion::optimizer::AnalyzerRule;

use super::families::{unify, unify_columns};

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
                let rewritten = expression.transform_up(|e| rewrite(e, &schema))?;
                Ok(rewritten.update_data(|e| name.restore(e)))
            })?
            .transform_data(|node| unify_columns(node, beside_timestamp))?
            .map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "microseconds"
    }
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expression {
        Expr::Cast(Cast { expr, field }) => match micros(field.data_type()) {
            Some(data_type) => Transformed::yes(Expr::Cast(Cast::new(expr, data_type))),
            None => Transformed::no(Expr::Cast(Cast { expr, field })),
        },
        Expr::TryCast(TryCast { expr, field }) => match micros(field.data_type()) {
            Some(data_type) => Transformed::yes(Expr::TryCast(TryCast::new(expr, data_type))),
            None => Transformed::no(Expr::TryCast(TryCast { expr, field })),
        },
        Expr::ScalarFunction(_) => {
            let mut call = expression;
            let cast = unify(&mut call, schema, |_| false, beside_timestamp)?;
            match call.get_type(schema).ok().and_then(|t| micros(&t)) {
                Some(data_type) => Transformed::yes(Expr::Cast(Cast::new(Box::new(call), data_type))),
                None => Transformed::new_transformed(call, cast),
            }
        }
        mut other => {
            let cast = unify(&mut other, schema, |op| op.supports_propagation(), beside_timestamp)?;
            Transformed::new_transformed(other, cast)
        }
    })
}

/// Dates beside timestamps become timestamps of the same unit.
fn beside_timestamp(family: &[Option<DataType>], member: &DataType) -> Option<DataType> {
    let is_date = matches!(member, DataType::Date32 | DataType::Date64);
    is_date.then(|| family.iter().flatten().find(|t| matches!(t, DataType::Timestamp(_, _))).cloned())?
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
