//! Floats compare as in PostgreSQL: -0 is 0, and all NaN are equal and larger than every other number.
//!
//! DataFusion compares single values so, but for the sign of a NaN, which PostgreSQL does not show. Lists, `CASE f
//! WHEN`, `nullif` and windows it compares by their bits (apache/datafusion#22490).

use std::sync::Arc;

use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, binary_expr,
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
            let is_sort = matches!(node, LogicalPlan::Sort(_));
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let compared = expression.transform_up(|e| compare(e, &schema))?;
                let compared = compared.transform_data(|mut e| {
                    let wrapped = is_sort && wrap(&mut e, &schema);
                    Ok(Transformed::new_transformed(e, wrapped))
                })?;
                Ok(compared.update_data(|e| name.restore(e)))
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "float_comparisons"
    }
}

fn compare(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
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
        Expr::ScalarFunction(call) if call.func.name() == "nullif" => return null_if(expression, schema),
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

/// `nullif(a, b)` of floats gives `a` as it is and compares what `a` means.
fn null_if(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expression else { return Ok(Transformed::no(expression)) };
    let [value, other] = call.args.as_slice() else { return Ok(Transformed::no(expression)) };
    let (mut left, mut right) = (value.clone(), other.clone());
    if !(wrap(&mut left, schema) && wrap(&mut right, schema)) {
        return Ok(Transformed::no(expression));
    }
    let equal = binary_expr(left, Operator::Eq, right);
    let null = Expr::Literal(ScalarValue::try_from(&value.get_type(schema)?)?, None);
    let case = Case::new(None, vec![(Box::new(equal), Box::new(null))], Some(Box::new(value.clone())));
    Ok(Transformed::yes(Expr::Case(case)))
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
            ColumnarValue::Array(array) => ColumnarValue::Array(one_form(array)?),
            ColumnarValue::Scalar(scalar) => {
                let array = one_form(&scalar.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
        })
    }
}

fn one_form(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Float64 => {
            let form = |v: f64| if v.is_nan() { f64::NAN.copysign(1.0) } else { v + 0.0 };
            let values: PrimitiveArray<Float64Type> = array.as_primitive::<Float64Type>().unary(form);
            Ok(Arc::new(values))
        }
        DataType::Float32 => {
            let form = |v: f32| if v.is_nan() { f32::NAN.copysign(1.0) } else { v + 0.0 };
            let values: PrimitiveArray<Float32Type> = array.as_primitive::<Float32Type>().unary(form);
            Ok(Arc::new(values))
        }
        other => internal_err!("the form of {other}"),
    }
}
