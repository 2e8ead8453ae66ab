//! The places of an expression whose values get one common type.
//!
//! | expression | families |
//! |---|---|
//! | `a + b`, `a < b` | `a, b` |
//! | `a BETWEEN b AND c` | `a, b, c` |
//! | `a IN (b, c)` | `a, b, c` |
//! | `CASE a WHEN b THEN c ELSE d END` | `a, b` and `c, d` |
//! | `coalesce(a, b)`, `nullif`, `greatest`, `least`, `nvl` | `a, b` |
//! | `a IN (SELECT b ...)`, `a = ANY (SELECT b ...)` | `a, b` |
//! | `... UNION ...` | each column of all branches |
//! | `JOIN ... USING (a)`, `INTERSECT`, `EXCEPT` | each key of both sides |

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr_schema::cast_subquery;
use datafusion::logical_expr::{
    Cast, Expr, ExprSchemable, Join, LogicalPlan, Operator, Projection, Subquery, Union,
};

/// Functions whose arguments all get one type.
const UNIFYING: &[&str] = &["coalesce", "nullif", "greatest", "least", "nvl", "ifnull"];

/// Which binary operators bring their two sides to one type, for the rule at hand.
pub(super) type Operators = fn(Operator) -> bool;

/// Sees the types of a whole family (none where one is not known yet) and says what a member of a given
/// type is cast to, if anything.
pub(super) type Common = fn(&[Option<DataType>], &DataType) -> Option<DataType>;

/// Casts members of the families in an expression. Returns whether something was cast.
pub(super) fn unify(
    expression: &mut Expr,
    schema: &DFSchema,
    operators: Operators,
    common: Common,
) -> Result<bool> {
    let mut cast = unify_subquery(expression, schema, common)?;
    for mut family in families(expression, operators) {
        let types: Vec<Option<DataType>> = family.iter().map(|e| e.get_type(schema).ok()).collect();
        for (member, data_type) in family.iter_mut().zip(&types) {
            if let Some(target) = data_type.as_ref().and_then(|t| common(&types, t)) {
                cast_to(member, target);
                cast = true;
            }
        }
    }
    Ok(cast)
}

fn cast_to(expression: &mut Expr, target: DataType) {
    let inner = std::mem::take(expression);
    *expression = Expr::Cast(Cast::new(Box::new(inner), target));
}

/// A value and the column of a subquery that it is looked for in.
fn unify_subquery(expression: &mut Expr, schema: &DFSchema, common: Common) -> Result<bool> {
    let (value, subquery) = match expression {
        Expr::InSubquery(within) => (&mut *within.expr, &mut within.subquery),
        Expr::SetComparison(compared) => (&mut *compared.expr, &mut compared.subquery),
        _ => return Ok(false),
    };
    let column = subquery.subquery.schema().fields().first().map(|field| field.data_type().clone());
    let types = [value.get_type(schema).ok(), column];
    let targets = types.each_ref().map(|member| common(&types, member.as_ref()?));
    let [of_value, of_column] = targets;
    let cast = of_value.is_some() || of_column.is_some();
    if let Some(target) = of_value {
        cast_to(value, target);
    }
    if let Some(target) = of_column {
        let empty = Subquery { outer_ref_columns: Vec::new(), ..subquery.clone() };
        *subquery = cast_subquery(std::mem::replace(subquery, empty), &target)?;
    }
    Ok(cast)
}

/// Casts the columns of unions and the keys of joins.
pub(super) fn unify_columns(plan: LogicalPlan, common: Common) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Union(union) => unify_branches(union, common),
        LogicalPlan::Join(join) => Ok(unify_keys(join, common)),
        other => Ok(Transformed::no(other)),
    }
}

fn unify_branches(union: Union, common: Common) -> Result<Transformed<LogicalPlan>> {
    let width = union.inputs.iter().map(|input| input.schema().fields().len()).min().unwrap_or(0);
    let families: Vec<Vec<Option<DataType>>> = (0..width)
        .map(|at| union.inputs.iter().map(|i| Some(i.schema().field(at).data_type().clone())).collect())
        .collect();
    let mut inputs = Vec::with_capacity(union.inputs.len());
    let mut cast = false;
    for (branch, input) in union.inputs.iter().enumerate() {
        let targets: Vec<Option<DataType>> =
            families.iter().map(|family| common(family, family[branch].as_ref()?)).collect();
        if targets.iter().all(Option::is_none) {
            inputs.push(Arc::clone(input));
            continue;
        }
        cast = true;
        let columns = input.schema().iter().enumerate().map(|(at, (qualifier, field))| {
            let mut column = Expr::Column(Column::from((qualifier, field)));
            if let Some(target) = targets.get(at).cloned().flatten() {
                cast_to(&mut column, target);
                column = column.alias_qualified(qualifier.cloned(), field.name());
            }
            column
        });
        inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(
            columns.collect(),
            Arc::clone(input),
        )?)));
    }
    // The union was made before its branches were rewritten.
    let stale = inputs.first().is_some_and(|first| {
        let own = union.schema.fields().iter();
        own.zip(first.schema().fields()).any(|(own, field)| own.data_type() != field.data_type())
    });
    if !cast && !stale {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

fn unify_keys(mut join: Join, common: Common) -> Transformed<LogicalPlan> {
    let mut cast = false;
    for (left, right) in &mut join.on {
        let types = [left.get_type(join.left.schema()).ok(), right.get_type(join.right.schema()).ok()];
        for (key, member) in [left, right].into_iter().zip(&types) {
            if let Some(target) = member.as_ref().and_then(|t| common(&types, t)) {
                cast_to(key, target);
                cast = true;
            }
        }
    }
    Transformed::new_transformed(LogicalPlan::Join(join), cast)
}

fn families(expression: &mut Expr, operators: Operators) -> Vec<Vec<&mut Expr>> {
    match expression {
        Expr::BinaryExpr(binary) if operators(binary.op) => vec![vec![&mut binary.left, &mut binary.right]],
        Expr::Between(between) => vec![vec![&mut between.expr, &mut between.low, &mut between.high]],
        Expr::InList(list) => {
            vec![std::iter::once(list.expr.as_mut()).chain(&mut list.list).collect()]
        }
        Expr::Case(case) => {
            let (mut whens, mut thens): (Vec<&mut Expr>, Vec<&mut Expr>) =
                case.when_then_expr.iter_mut().map(|(when, then)| (when.as_mut(), then.as_mut())).unzip();
            thens.extend(case.else_expr.as_deref_mut());
            match case.expr.as_deref_mut() {
                Some(base) => {
                    whens.push(base);
                    vec![whens, thens]
                }
                // Without a base they are conditions.
                None => vec![thens],
            }
        }
        Expr::ScalarFunction(call) if UNIFYING.contains(&call.func.name()) => {
            vec![call.args.iter_mut().collect()]
        }
        _ => Vec::new(),
    }
}
