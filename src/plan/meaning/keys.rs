//! What rows are sorted, grouped, counted and looked for by.
//!
//! Values of types without operators travel as texts, whose order and equality are not those of the values.

use datafusion::common::{DFSchema, Result as PlanResult};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Distinct, Expr, LogicalPlan, Operator, Subquery};

use super::kind::Kind;
use super::refusal::Refusal;
use super::value::Value;

type Result<T> = std::result::Result<T, Refusal>;

/// How rows are compared by a value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum By {
    Order,
    Equality,
}

/// Refuses a key that has no order, or no equality, that is known here.
pub(super) fn check(expression: &Expr, by: By, schema: &DFSchema, word: &str) -> Result<()> {
    let value = Value::of(expression.clone(), schema)?;
    allow(value.kind, by, word)
}

fn allow(kind: Kind, by: By, word: &str) -> Result<()> {
    match kind {
        Kind::Other | Kind::AsText | Kind::Interval => Err(Refusal::of(word, format!("{word} by {kind}"))),
        Kind::Enum(_) if by == By::Order => {
            Err(Refusal::of(word, format!("{word} by the order of an enum's labels")))
        }
        _ => Ok(()),
    }
}

/// Looks at the keys of a relation whose expressions have their meaning.
pub(super) fn checked(node: &LogicalPlan) -> PlanResult<()> {
    match node {
        LogicalPlan::Sort(sort) => {
            for key in &sort.expr {
                check(&key.expr, By::Order, sort.input.schema(), "ORDER BY")?;
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            for key in groups(aggregate) {
                check(key, By::Equality, aggregate.input.schema(), "GROUP BY")?;
            }
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            for field in input.schema().fields() {
                allow(Kind::of(field), By::Equality, "DISTINCT")?;
            }
        }
        LogicalPlan::Distinct(Distinct::On(on)) => {
            for key in &on.on_expr {
                check(key, By::Equality, on.input.schema(), "DISTINCT ON")?;
            }
            for key in on.sort_expr.iter().flatten() {
                check(&key.expr, By::Order, on.input.schema(), "ORDER BY")?;
            }
        }
        LogicalPlan::Filter(filter) => {
            for condition in split_conjunction(&filter.predicate) {
                looked_for(condition)?;
            }
        }
        LogicalPlan::Subquery(_) | LogicalPlan::TableScan(_) => {}
        other => {
            for expression in other.expressions() {
                refuse_search(&expression)?;
            }
        }
    }
    Ok(())
}

fn groups(aggregate: &Aggregate) -> impl Iterator<Item = &Expr> {
    aggregate.group_expr.iter().flat_map(|key| match key {
        Expr::GroupingSet(sets) => sets.distinct_expr(),
        key => vec![key],
    })
}

/// A condition of a filter. A subquery that a value is looked for in says false where PostgreSQL says NULL unless it is
/// the whole condition: no matter where nothing negates it.
fn looked_for(condition: &Expr) -> Result<()> {
    match condition {
        Expr::InSubquery(InSubquery { subquery, .. }) => counted(subquery, "IN"),
        Expr::Exists(Exists { subquery, .. }) => counted(subquery, "EXISTS"),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            for side in [left, right] {
                match side.as_ref() {
                    Expr::InSubquery(within) if within.negated => return Err(in_subquery("NOT IN")),
                    side => looked_for(side)?,
                }
            }
            Ok(())
        }
        other => refuse_search(other),
    }
}

fn in_subquery(word: &str) -> Refusal {
    Refusal::of("in", format!("{word} (SELECT ...) inside of another expression"))
        .hint("make it a condition of WHERE that AND joins, or write EXISTS")
}

/// Refuses `IN (SELECT ...)` anywhere in an expression.
fn refuse_search(expression: &Expr) -> Result<()> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut found = Ok(());
    let _ = expression.apply(|node| {
        found = match node {
            Expr::InSubquery(within) => Err(in_subquery(if within.negated { "NOT IN" } else { "IN" })),
            Expr::Exists(Exists { subquery, .. }) => counted(subquery, "EXISTS"),
            _ => Ok(()),
        };
        Ok(if found.is_err() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// A subquery that depends on the row outside is joined, and then counts and leaves out other rows than its own.
fn counted(subquery: &Subquery, word: &str) -> Result<()> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    if subquery.outer_ref_columns.is_empty() {
        return Ok(());
    }
    let mut found = false;
    let _ = subquery.subquery.apply(|node| {
        found |= match node {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
            LogicalPlan::Limit(limit) => limit.skip.is_some() || word == "IN",
            _ => false,
        };
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    match found {
        true => Err(Refusal::of(
            word.to_lowercase(),
            format!(
                "{word} (SELECT ...) that depends on the row outside and has an aggregate, LIMIT or OFFSET"
            ),
        )),
        false => Ok(()),
    }
}
