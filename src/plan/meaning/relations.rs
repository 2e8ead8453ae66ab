//! Columns of several relations that become one: `UNION`, keys of joins, values looked for in a subquery.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, JoinType, Result as PlanResult};
use datafusion::logical_expr::{
    Expr, Join, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, Union,
};

use super::calls::differ;
use super::common::{common, compared_as};
use super::kind::Kind;
use super::refusal::Refusal;
use super::value::{Value, cast, scaled};

type Result<T> = std::result::Result<T, Refusal>;

/// A relation whose columns have the types that PostgreSQL gives them.
pub(super) fn unified(node: LogicalPlan) -> PlanResult<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Union(union) => columns(union),
        LogicalPlan::Join(join) if counts_rows_once(&join) => set_operation(join),
        LogicalPlan::Join(mut join) => {
            for (left, right) in &mut join.on {
                let one = Value::of(std::mem::take(left), join.left.schema())?;
                let other = Value::of(std::mem::take(right), join.right.schema())?;
                let kind = compared_as(&one, Operator::Eq, &other)?;
                *left = one.into_kind(kind)?.expr;
                *right = other.into_kind(kind)?.expr;
            }
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
        node @ (LogicalPlan::Window(_) | LogicalPlan::Aggregate(_)) => computed(node),
        // Made of literals whose types are others by now.
        LogicalPlan::Values(values) => {
            let rows = LogicalPlanBuilder::values(values.values)?.build()?;
            Ok(Transformed::yes(rows))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The results of windows and aggregates, in the types that PostgreSQL gives them: numbers of rows, which have no sign to
/// DataFusion, are bigint, those of `ntile` integer; large texts are texts; a numeric of several scales stays one.
fn computed(node: LogicalPlan) -> PlanResult<Transformed<LogicalPlan>> {
    let (functions, input) = match &node {
        LogicalPlan::Window(window) => (&window.window_expr, &window.input),
        LogicalPlan::Aggregate(aggregate) => (&aggregate.aggr_expr, &aggregate.input),
        _ => return Ok(Transformed::no(node)),
    };
    let first = node.schema().fields().len() - functions.len();
    let mut changes = false;
    let mut list = Vec::with_capacity(node.schema().fields().len());
    for (at, (qualifier, field)) in node.schema().iter().enumerate() {
        let column = Expr::Column(Column::from((qualifier, field)));
        let function = at.checked_sub(first).and_then(|at| functions.get(at));
        let is_ntile = function.is_some_and(|f| f.clone().unalias().to_string().starts_with("ntile"));
        let changed = match (field.data_type(), Kind::of(field)) {
            (DataType::UInt64, _) if is_ntile => Some(cast(column.clone(), &DataType::Int32)),
            (DataType::UInt64, _) => Some(cast(column.clone(), &DataType::Int64)),
            (DataType::LargeUtf8, _) => Some(cast(column.clone(), &DataType::Utf8)),
            (_, kind @ Kind::Numeric(..)) if function.is_some_and(|f| has_scales(f, input.schema())) => {
                Some(scaled(column.clone(), kind))
            }
            _ => None,
        };
        changes |= changed.is_some();
        list.push(match changed {
            Some(expr) => expr.alias_qualified(qualifier.cloned(), field.name()),
            None => column,
        });
    }
    Ok(match changes {
        true => Transformed::yes(LogicalPlan::Projection(Projection::try_new(list, Arc::new(node))?)),
        false => Transformed::no(node),
    })
}

/// Whether the first argument of an aggregate or window function is a numeric of several scales.
fn has_scales(function: &Expr, schema: &DFSchema) -> bool {
    let argument = match function.clone().unalias() {
        Expr::AggregateFunction(call) => call.params.args.into_iter().next(),
        Expr::WindowFunction(call) => call.params.args.into_iter().next(),
        _ => None,
    };
    argument.is_some_and(|argument| Value::of(argument, schema).is_ok_and(|value| value.scales))
}

/// `INTERSECT` and `EXCEPT` before the optimizer: joins by all columns.
fn counts_rows_once(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.on.len() == join.left.schema().fields().len()
}

/// A set operation whose columns have the common type of both sides.
fn set_operation(mut join: Join) -> PlanResult<Transformed<LogicalPlan>> {
    let mut changes = false;
    let (mut list, mut keys) = (Vec::new(), Vec::new());
    for (at, (left, right)) in join.on.iter().enumerate() {
        let one = Value::of(left.clone(), join.left.schema())?;
        let other = Value::of(right.clone(), join.right.schema())?;
        let kind = match one.kind {
            Kind::Other | Kind::AsText if one.kind == other.kind => one.kind,
            _ => common(&[one.clone(), other.clone()], "INTERSECT and EXCEPT")?,
        };
        // Two values could become one after they were counted.
        if kind.is_float() && !one.kind.is_float() && one.kind != Kind::Unknown {
            let what = format!("INTERSECT and EXCEPT of {} and {}", one.kind, other.kind);
            return Err(Refusal::of("select", what).hint(format!("cast the first to {kind}")).into());
        }
        let (qualifier, field) = join.left.schema().qualified_field(at);
        let same = kind.arrow().is_none_or(|target| target == *field.data_type());
        changes |= !same;
        list.push(match same {
            true => one.expr,
            false => one.into_kind(kind)?.expr.alias_qualified(qualifier.cloned(), field.name()),
        });
        keys.push((Expr::Column(Column::from((qualifier, field))), other.into_kind(kind)?.expr));
    }
    if changes {
        join.left = Arc::new(LogicalPlan::Projection(Projection::try_new(list, Arc::clone(&join.left))?));
        join.on = keys;
        return Ok(Transformed::yes(LogicalPlan::Join(join).recompute_schema()?));
    }
    join.on = keys;
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

fn columns(union: Union) -> PlanResult<Transformed<LogicalPlan>> {
    let mut kinds = Vec::with_capacity(union.schema.fields().len());
    let mut scales = Vec::with_capacity(kinds.capacity());
    for at in 0..union.schema.fields().len() {
        let values: Vec<Value> =
            union.inputs.iter().map(|input| column(input.schema(), at)).collect::<Result<_>>()?;
        scales.push(differ(&values));
        kinds.push(match values.iter().all(|v| v.kind == Kind::Other) {
            true => Kind::Other,
            false => common(&values, "UNION")?,
        });
    }
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in &union.inputs {
        let mut changes = false;
        let mut list = Vec::with_capacity(kinds.len());
        for (at, kind) in kinds.iter().enumerate() {
            let (qualifier, field) = input.schema().qualified_field(at);
            let value = column(input.schema(), at)?;
            let same = kind.arrow().is_none_or(|target| target == *field.data_type());
            let is_scaled = scales[at] && matches!(kind, Kind::Numeric(..));
            if same && value.kind == *kind && !is_scaled {
                list.push(value.expr);
                continue;
            }
            changes = true;
            let expr = value.into_kind(*kind)?.expr;
            let expr = if is_scaled { scaled(expr, *kind) } else { expr };
            list.push(expr.alias_qualified(qualifier.cloned(), field.name()));
        }
        inputs.push(match changes {
            true => Arc::new(LogicalPlan::Projection(Projection::try_new(list, Arc::clone(input))?)),
            false => Arc::clone(input),
        });
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

fn column(schema: &DFSchema, at: usize) -> Result<Value> {
    let (qualifier, field) = schema.qualified_field(at);
    let expr = Expr::Column(Column::from((qualifier, field)));
    Value::of(expr, schema)
}

/// `value op ANY (subquery)`: both as what they are compared as.
pub(super) fn looked_for(
    value: Expr,
    op: Operator,
    mut within: Subquery,
    schema: &DFSchema,
) -> PlanResult<(Expr, Subquery)> {
    let value = Value::of(value, schema)?;
    if within.subquery.schema().fields().len() != 1 {
        return Ok((value.expr, within));
    }
    let found = column(within.subquery.schema(), 0)?;
    let kind = compared_as(&value, op, &found)?;
    if found.kind != kind {
        let found = found.into_kind(kind)?.expr.alias(format!("as {kind}"));
        within.subquery = Arc::new(LogicalPlan::Projection(Projection::try_new(
            vec![found],
            Arc::clone(&within.subquery),
        )?));
    }
    Ok((value.into_kind(kind)?.expr, within))
}
