//! Floats compare as in PostgreSQL: -0 is 0, and all NaN are equal and larger than every other number.
//!
//! DataFusion compares single values so, but for the sign of a NaN, which PostgreSQL does not show. Lists, windows, keys
//! of joins and groups it compares by their bits (apache/datafusion#22490).

use std::sync::Arc;

use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{InSubquery, ScalarFunction, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, Projection, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// Compares floats by values that have one form only. Runs after DataFusion's type coercion.
#[derive(Debug)]
pub(super) struct FloatComparisons;

impl AnalyzerRule for FloatComparisons {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            // What is sorted and grouped by.
            let is_key = matches!(node, LogicalPlan::Sort(_) | LogicalPlan::Aggregate(_));
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let compared = expression.transform_up(|e| compare(e, &schema))?;
                let compared = compared.transform_data(|mut e| {
                    let wrapped = is_key && !aggregates(&e) && wrap(&mut e, &schema);
                    Ok(Transformed::new_transformed(e, wrapped))
                })?;
                Ok(compared.update_data(|e| name.restore(e)))
            })?
            .transform_data(relation)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "float_comparisons"
    }
}

fn compare(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::InSubquery(InSubquery { subquery, .. }) | Expr::SetComparison(SetComparison { subquery, .. }) =
        &mut expression
        && let Some(projection) = normalised(&subquery.subquery, Names::Free)?
    {
        subquery.subquery = Arc::new(projection);
    }
    let places: Vec<&mut Expr> = match &mut expression {
        Expr::BinaryExpr(binary) if compares(binary.op) => vec![&mut binary.left, &mut binary.right],
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => std::iter::once(list.expr.as_mut()).chain(&mut list.list).collect(),
        Expr::Case(case) => match case.expr.as_deref_mut() {
            Some(base) => std::iter::once(base)
                .chain(case.when_then_expr.iter_mut().map(|(when, _)| when.as_mut()))
                .collect(),
            None => Vec::new(),
        },
        Expr::WindowFunction(window) => {
            let params = &mut window.params;
            params.partition_by.iter_mut().chain(params.order_by.iter_mut().map(|s| &mut s.expr)).collect()
        }
        Expr::AggregateFunction(call)
            if call.params.distinct || matches!(call.func.name(), "min" | "max") =>
        {
            call.params.args.iter_mut().collect()
        }
        Expr::InSubquery(within) => vec![within.expr.as_mut()],
        Expr::SetComparison(compared) => vec![compared.expr.as_mut()],
        _ => Vec::new(),
    };
    let mut wrapped = false;
    for place in places {
        wrapped |= wrap(place, schema);
    }
    Ok(Transformed::new_transformed(expression, wrapped))
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn aggregates(expression: &Expr) -> bool {
    match expression {
        Expr::Alias(alias) => aggregates(&alias.expr),
        other => matches!(other, Expr::AggregateFunction(_)),
    }
}

/// Keys of joins, and rows that are made distinct.
fn relation(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Join(mut join) => {
            let mut wrapped = false;
            for (left, right) in &mut join.on {
                wrapped |= wrap(left, join.left.schema());
                wrapped |= wrap(right, join.right.schema());
            }
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), wrapped))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => match normalised(&input, Names::Kept)? {
            Some(projection) => {
                Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::All(Arc::new(projection)))))
            }
            None => Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(input)))),
        },
        LogicalPlan::Distinct(Distinct::On(mut on)) => {
            let schema = on.input.schema();
            let mut wrapped = false;
            for key in &mut on.on_expr {
                wrapped |= wrap(key, schema);
            }
            for key in on.sort_expr.iter_mut().flatten() {
                wrapped |= wrap(&mut key.expr, schema);
            }
            Ok(Transformed::new_transformed(LogicalPlan::Distinct(Distinct::On(on)), wrapped))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What changed columns are called.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Kept,
    /// Nobody asks for them, and the optimizer wants none that are there below.
    Free,
}

/// The rows of `input` with floats in their one form; none where there are no floats.
fn normalised(input: &Arc<LogicalPlan>, names: Names) -> Result<Option<LogicalPlan>> {
    let mut found = false;
    let columns = input.schema().iter().map(|(qualifier, field)| {
        let mut column = Expr::Column(Column::from((qualifier, field)));
        if wrap(&mut column, input.schema()) {
            found = true;
            column = match names {
                Names::Kept => column.alias_qualified(qualifier.cloned(), field.name()),
                Names::Free => column.alias(format!("float value of {}", field.name())),
            };
        }
        column
    });
    let columns: Vec<Expr> = columns.collect();
    if !found {
        return Ok(None);
    }
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(input))?)))
}

/// Puts a float's one form in its place. Returns whether it is a float.
fn wrap(expression: &mut Expr, schema: &DFSchema) -> bool {
    if !matches!(expression.get_type(schema), Ok(DataType::Float32 | DataType::Float64)) {
        return false;
    }
    let inner = std::mem::take(expression);
    let function = OneForm { signature: Signature::any(1, Volatility::Immutable) };
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    *expression = Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![inner]));
    true
}

/// A float with one zero and one NaN, the latter above all others in IEEE 754's total order.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OneForm {
    signature: Signature,
}

impl ScalarUDFImpl for OneForm {
    fn name(&self) -> &str {
        "float_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    // Messages and plans show what the user wrote.
    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let [value] = args else { return internal_err!("a value has one form") };
        Ok(value.to_string())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [float @ (DataType::Float32 | DataType::Float64)] => Ok(float.clone()),
            other => internal_err!("{} of {other:?}", self.name()),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return internal_err!("{} of {} values", self.name(), args.args.len());
        };
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(one_form(array)),
            ColumnarValue::Scalar(scalar) => {
                let array = one_form(&scalar.to_array()?);
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
        })
    }
}

/// Floats with one zero and one NaN; anything else as it is.
pub(super) fn one_form(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => {
            let form = |v: f64| if v.is_nan() { f64::NAN.copysign(1.0) } else { v + 0.0 };
            let values: PrimitiveArray<Float64Type> = array.as_primitive::<Float64Type>().unary(form);
            Arc::new(values)
        }
        DataType::Float32 => {
            let form = |v: f32| if v.is_nan() { f32::NAN.copysign(1.0) } else { v + 0.0 };
            let values: PrimitiveArray<Float32Type> = array.as_primitive::<Float32Type>().unary(form);
            Arc::new(values)
        }
        _ => Arc::clone(array),
    }
}
