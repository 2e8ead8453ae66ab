//! Expressions mean what PostgreSQL means by them, or are refused (docs/expressions.md).
//!
//! ```text
//! text -> syntax::prepare -> calls without a body -> the planner -> Meaning -> expressions and kernels -> the optimizer
//! ```
//!
//! [`syntax`] takes the constructs that are on its list and makes calls of all that depend on types. [`Meaning`] gives
//! each call its meaning by the SQL types ([`kind`]) of its arguments: an expression of DataFusion's where that is the
//! same, a function of ours ([`kernels`]) where it is not. All casts are written out, so that nothing is left for
//! DataFusion to coerce.

pub(super) mod aggregates;
pub(super) mod calls;
mod casts;
mod common;
mod functions;
mod guards;
mod kernel;
mod kernels;
mod keys;
mod kind;
mod known;
mod operators;
mod patterns;
mod precedence;
mod refusal;
mod relations;
mod syntax;
mod types;
mod value;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

pub(super) use kernel::call;
pub(super) use kernels::ordered::{float_in_order, float_order};
pub(super) use kernels::times::first_day;
pub(super) use kind::Kind;
pub(super) use refusal::{AS_NUMBER, Refusal};
pub(super) use syntax::prepare;

use calls::Call;
use value::Value;

/// Gives every call its meaning. Runs before DataFusion's own rules.
#[derive(Debug)]
pub(super) struct Meaning;

impl AnalyzerRule for Meaning {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            // Names must stay what they are, or the plan's columns would be renamed.
            let names = NamePreserver::new(&node);
            // How many rows are taken is no value.
            let is_counted = matches!(node, LogicalPlan::Limit(_));
            let node = node.map_expressions(|expression| {
                let name = names.save(&expression);
                let expression = if is_counted { expression } else { literals(expression)? };
                let resolved = expression.transform_up(|e| meaning(e, &schema))?.data;
                Ok(Transformed::yes(name.restore(resolved)))
            })?;
            keys::checked(&node.data)?;
            node.transform_data(relations::unified)?.map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "meaning"
    }
}

/// Literals of the types that PostgreSQL gives them.
fn literals(expression: Expr) -> Result<Expr> {
    expression
        .transform_up(|node| match &node {
            Expr::Literal(literal, _) => Ok(match value::parsed(literal) {
                Some(parsed) => Transformed::yes(Expr::Literal(parsed, None)),
                None => Transformed::no(node),
            }),
            _ => Ok(Transformed::no(node)),
        })
        .data()
}

/// A value that is asked whether it is NULL. One that is never NULL would not be evaluated, and so not fail.
fn evaluated(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let value = Value::of(expression, schema)?;
    match value.kind.arrow().is_some() && guards::may_fail(&value.expr) {
        true => Ok(kernel::nullable("evaluated", value.kind, kernel::same, vec![value.expr])),
        false => Ok(value.expr),
    }
}

/// One node, whose children have their meaning.
fn meaning(node: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let truth = |expr: Box<Expr>, word: &str| -> Result<Box<Expr>> {
        let value = Value::of(*expr, schema)?;
        match value.kind {
            Kind::Bool | Kind::Unknown => Ok(Box::new(value.into_kind(Kind::Bool)?.expr)),
            kind => {
                Err(Refusal::because(word, format!("{word} takes a boolean and not a value of type {kind}"))
                    .into())
            }
        }
    };
    Ok(Transformed::yes(match node {
        Expr::ScalarFunction(function) => match Call::of(&function) {
            Some(name) => calls::resolve(name, function.args, schema)?,
            None => Expr::ScalarFunction(function),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let word = if op == Operator::And { "AND" } else { "OR" };
            Expr::BinaryExpr(BinaryExpr::new(truth(left, word)?, op, truth(right, word)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (Value::of(*left, schema)?, Value::of(*right, schema)?);
            let sign = op.to_string().to_lowercase();
            let sign = if sign == "!=" { "<>" } else { &sign };
            operators::binary(sign, left, right)
                .unwrap_or_else(|| Err(Refusal::of(sign, format!("the operator {sign}"))))?
        }
        Expr::Not(inner) => Expr::Not(truth(inner, "NOT")?),
        Expr::IsTrue(inner) => Expr::IsTrue(truth(inner, "IS TRUE")?),
        Expr::IsFalse(inner) => Expr::IsFalse(truth(inner, "IS FALSE")?),
        Expr::IsUnknown(inner) => Expr::IsUnknown(truth(inner, "IS UNKNOWN")?),
        Expr::IsNotTrue(inner) => Expr::IsNotTrue(truth(inner, "IS NOT TRUE")?),
        Expr::IsNotFalse(inner) => Expr::IsNotFalse(truth(inner, "IS NOT FALSE")?),
        Expr::IsNotUnknown(inner) => Expr::IsNotUnknown(truth(inner, "IS NOT UNKNOWN")?),
        Expr::IsNull(inner) => Expr::IsNull(Box::new(evaluated(*inner, schema)?)),
        Expr::IsNotNull(inner) => Expr::IsNotNull(Box::new(evaluated(*inner, schema)?)),
        Expr::AggregateFunction(call) => aggregates::aggregate(call, schema)?,
        Expr::WindowFunction(call) => aggregates::window(*call, schema)?,
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let (expr, subquery) = relations::looked_for(*expr, Operator::Eq, subquery, schema)?;
            Expr::InSubquery(InSubquery::new(Box::new(expr), subquery, negated))
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
            let (expr, subquery) = relations::looked_for(*expr, op, subquery, schema)?;
            Expr::SetComparison(SetComparison::new(Box::new(expr), subquery, op, quantifier))
        }
        Expr::Like(_)
        | Expr::SimilarTo(_)
        | Expr::Between(_)
        | Expr::TryCast(_)
        | Expr::Placeholder(_)
        | Expr::ScalarVariable(..)
        | Expr::Unnest(_) => {
            let shown = node.to_string();
            return Err(Refusal::of(shown.clone(), shown).into());
        }
        other => return Ok(Transformed::no(other)),
    }))
}
