//! What stands behind a guard is evaluated where the guard lets it.
//!
//! `i = 0 OR 10 / i > 1` and `CASE WHEN i = 0 THEN false ELSE 10 / i > 1 END` are answered by PostgreSQL. DataFusion
//! evaluates both sides of `OR`, and makes `AND` and `OR` of a `CASE` of booleans. A `CASE` of numbers it leaves alone,
//! and evaluates each branch for its own rows only: so the side that may fail is put into one.
//!
//! ```text
//! a OR b   ->   a OR truth(CASE WHEN a IS NOT TRUE THEN number(b) ELSE 1 END)
//! ```

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int16Array};
use arrow::datatypes::Int16Type;
use arrow_schema::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Case, Expr, Operator, binary_expr};

use super::kernel;
use super::kind::Kind;

/// Kernels that never fail.
const SAFE: &[&str] = &[
    "scales",
    "value",
    "text",
    "truth",
    "number",
    "length",
    "char_length",
    "character_length",
    "octet_length",
    "btrim",
    "ltrim",
    "rtrim",
    "reverse",
    "strpos",
    "starts_with",
    "boolean_output",
    "date_as_timestamp",
    "timestamp_to_timestamptz",
    "greatest",
    "least",
];

/// `AND` or `OR` of terms that have their meaning: in their order, those that may fail behind those before them.
pub(super) fn chain(terms: Vec<Expr>, op: Operator) -> Expr {
    // Subqueries become joins, and so do their conditions on the outside: these must stay conditions.
    let joins = |e: &Expr| {
        matches!(
            e,
            Expr::OuterReferenceColumn(..)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
        )
    };
    let is_joined = terms.iter().any(|term| mentions(term, joins));
    let is_safe: Vec<bool> = terms.iter().map(|term| is_joined || !may_fail(term)).collect();
    if is_safe.iter().all(|safe| *safe) {
        return joined(terms, op).unwrap_or_default();
    }
    // What is safe may go to the source too, whatever stands before it.
    let first = is_safe.iter().position(|safe| !safe).unwrap_or(terms.len());
    let later =
        terms.iter().zip(&is_safe).skip(first).filter(|(_, safe)| **safe).map(|(term, _)| term.clone());
    let later = joined(later.collect(), op);
    let mut behind: Option<Expr> = None;
    let mut is_risky = false;
    for (term, safe) in terms.into_iter().zip(is_safe).rev() {
        behind = Some(match behind {
            None => term,
            Some(rest) if is_risky => guard(term, op, rest),
            Some(rest) => binary_expr(term, op, rest),
        });
        is_risky |= !safe;
    }
    let all = behind.unwrap_or_default();
    match later {
        Some(later) if op == Operator::And => binary_expr(all, op, later),
        _ => all,
    }
}

fn joined(terms: Vec<Expr>, op: Operator) -> Option<Expr> {
    terms.into_iter().reduce(|left, right| binary_expr(left, op, right))
}

/// `first op second`, the second evaluated where the first does not decide.
fn guard(first: Expr, op: Operator, second: Expr) -> Expr {
    let (undecided, decided) = match op {
        Operator::And => (Expr::IsNotFalse(Box::new(first.clone())), 0),
        _ => (Expr::IsNotTrue(Box::new(first.clone())), 1),
    };
    let decided = Expr::Literal(ScalarValue::Int16(Some(decided)), None);
    let case =
        Case::new(None, vec![(Box::new(undecided), Box::new(number(second)))], Some(Box::new(decided)));
    binary_expr(first, op, truth(Expr::Case(case)))
}

/// Whether the evaluation of an expression may end in an error.
pub(super) fn may_fail(expression: &Expr) -> bool {
    // What has no columns is evaluated once, before all rows. Subqueries are evaluated by themselves.
    mentions(expression, |node| {
        let fails = match node {
            Expr::ScalarFunction(call) => !SAFE.contains(&call.func.name()) && call.func.name() != "coalesce",
            Expr::BinaryExpr(binary) => matches!(
                binary.op,
                Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo
            ),
            Expr::Negative(_) => true,
            _ => false,
        };
        fails && mentions(node, |e| matches!(e, Expr::Column(_) | Expr::OuterReferenceColumn(..)))
    })
}

fn mentions(expression: &Expr, what: impl Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    let _ = expression.apply(|node| {
        found |= what(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// A `CASE` whose branches stay branches.
pub(super) fn lazy(case: Case, kind: Kind) -> Expr {
    let results = || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    let may_fail_later = case.when_then_expr.iter().skip(1).any(|(when, _)| may_fail(when));
    if kind != Kind::Bool || !(may_fail_later || results().any(|result| may_fail(result))) {
        return Expr::Case(case);
    }
    let branches = case.when_then_expr.into_iter().map(|(when, then)| (when, Box::new(number(*then))));
    let otherwise = case.else_expr.map(|e| Box::new(number(*e)));
    truth(Expr::Case(Case::new(None, branches.collect(), otherwise)))
}

fn number(truth: Expr) -> Expr {
    let body = |columns: &[ArrayRef]| -> Result<ArrayRef, ArrowError> {
        let values = first(columns)?.as_boolean();
        let numbers: Int16Array = values.iter().map(|value| value.map(i16::from)).collect();
        Ok(Arc::new(numbers))
    };
    kernel::call("number", Kind::Int2, body, vec![truth])
}

fn truth(number: Expr) -> Expr {
    let body = |columns: &[ArrayRef]| -> Result<ArrayRef, ArrowError> {
        let values = first(columns)?.as_primitive::<Int16Type>();
        let truths: BooleanArray = values.iter().map(|value| value.map(|n| n != 0)).collect();
        Ok(Arc::new(truths))
    };
    kernel::call("truth", Kind::Bool, body, vec![number])
}

fn first(columns: &[ArrayRef]) -> Result<&ArrayRef, ArrowError> {
    columns.first().ok_or_else(|| ArrowError::ComputeError("no column".into()))
}
