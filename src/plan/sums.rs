//! Sums that do not fit their type are an error. DataFusion's accumulators wrap around.
//!
//! | `sum` or `avg` of | is computed as | and cast back to |
//! |---|---|---|
//! | an integer (`sum` only) | decimal(20,0) | DataFusion's type of the sum (64 bits) |
//! | decimal(p > 28, s) | decimal(76, s) | DataFusion's type of the result |
//!
//! | a float (`min`, `max`) | an integer of the same order | the float |
//!
//! The cast fails on a value that does not fit. Decimals of 28 digits or fewer cannot overflow 38 digits
//! before 10^10 rows.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Cast, Expr, ExprSchemable, LogicalPlan, Projection, Window, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use super::meaning::{float_in_order, float_order};

/// Digits up to which a 128-bit sum cannot overflow.
const SAFE_PRECISION: u8 = 28;

/// Widens the arguments of sums and casts the results back. Runs after DataFusion's type coercion.
#[derive(Debug)]
pub(super) struct CheckedSums;

impl AnalyzerRule for CheckedSums {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Aggregate(aggregate) => aggregated(aggregate),
            LogicalPlan::Window(window) => windowed(window),
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_sums"
    }
}

fn aggregated(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let Some(widened) = widen_all(&aggregate.aggr_expr, aggregate.input.schema())? else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let original = Arc::clone(&aggregate.schema);
    let wide = Aggregate::try_new(aggregate.input, aggregate.group_expr, widened)?;
    cast_back(LogicalPlan::Aggregate(wide), original).map(Transformed::yes)
}

fn windowed(window: Window) -> Result<Transformed<LogicalPlan>> {
    let Some(widened) = widen_all(&window.window_expr, window.input.schema())? else {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    };
    let original = Arc::clone(&window.schema);
    let wide = Window::try_new(widened, window.input)?;
    cast_back(LogicalPlan::Window(wide), original).map(Transformed::yes)
}

/// The expressions with wide arguments, under their old names; none when nothing needs it.
fn widen_all(expressions: &[Expr], input: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let names = NamePreserver::new_for_projection();
    let mut changed = false;
    let mut out = Vec::with_capacity(expressions.len());
    for expression in expressions {
        let name = names.save(expression);
        let widened = expression.clone().transform_down(|e| widen(e, input))?;
        changed |= widened.transformed;
        out.push(name.restore(widened.data));
    }
    Ok(changed.then_some(out))
}

fn widen(expression: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let changed = widen_argument(func.name(), &mut params.args, input)?;
            let rebuilt = Expr::AggregateFunction(AggregateFunction { func, params });
            Ok(Transformed::new_transformed(rebuilt, changed))
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, mut params } = *window;
            let changed = match &fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    widen_argument(function.name(), &mut params.args, input)?
                }
                WindowFunctionDefinition::WindowUDF(_) => false,
            };
            let rebuilt = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
            Ok(Transformed::new_transformed(rebuilt, changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn widen_argument(function: &str, args: &mut [Expr], input: &DFSchema) -> Result<bool> {
    let [argument] = args else { return Ok(false) };
    let wide = match (function, argument.get_type(input)?) {
        ("sum", t) if t.is_integer() => DataType::Decimal128(20, 0),
        ("sum" | "avg", DataType::Decimal128(p, s)) if p > SAFE_PRECISION => DataType::Decimal256(76, s),
        ("min" | "max", DataType::Float32 | DataType::Float64) => {
            *argument = float_order(std::mem::take(argument));
            return Ok(true);
        }
        _ => return Ok(false),
    };
    *argument = Expr::Cast(Cast::new(Box::new(argument.clone()), wide));
    Ok(true)
}

/// A projection over `wide` with exactly the columns of `original`.
fn cast_back(wide: LogicalPlan, original: Arc<DFSchema>) -> Result<LogicalPlan> {
    let columns = wide.schema().iter().zip(original.iter()).map(|((qualifier, field), (_, wanted))| {
        let column = Expr::Column(Column::from((qualifier, field)));
        if field.data_type() == wanted.data_type() {
            return column;
        }
        let cast = match (field.data_type(), wanted.data_type()) {
            (DataType::Int64, float) if float.is_floating() => float_in_order(column, float),
            (_, wanted) => Expr::Cast(Cast::new(Box::new(column), wanted.clone())),
        };
        cast.alias_qualified(qualifier.cloned(), wanted.name().clone())
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(wide))?))
}
