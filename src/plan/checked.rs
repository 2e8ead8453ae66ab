//! Integer arithmetic that overflows is an error, as in every database. DataFusion wraps by default.
//!
//! Done on the logical plan, where every expression of every operator is at hand: columns, filters, join
//! conditions, sort keys, aggregate and window arguments. Decimals and points in time are checked by the
//! kernels themselves; sums are the matter of [`super::sums`].

use std::sync::Arc;

use arrow::compute::kernels::numeric;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;

/// Replaces `+`, `-` and `*` of integers, durations and intervals by functions that fail on overflow.
/// Runs after DataFusion's type coercion, when both sides have one type.
#[derive(Debug)]
pub(super) struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let checked = expression.transform_up(|e| Ok(check(e, &schema)))?;
                Ok(checked.update_data(|e| name.restore(e)))
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }
}

fn check(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let type_of = |e: &Expr| e.get_type(schema).ok().filter(can_wrap);
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if CheckedOperator::wraps(op)
                && type_of(&left).is_some_and(|t| type_of(&right).is_some_and(|u| t == u)) =>
        {
            Transformed::yes(CheckedOperator::call(op, *left, *right))
        }
        // The negation of the smallest integer overflows too.
        Expr::Negative(inner) => match type_of(&inner).filter(DataType::is_integer) {
            Some(data_type) => match ScalarValue::new_zero(&data_type) {
                Ok(zero) => {
                    let zero = Expr::Literal(zero, None);
                    Transformed::yes(CheckedOperator::call(Operator::Minus, zero, *inner))
                }
                Err(_) => Transformed::no(Expr::Negative(inner)),
            },
            None => Transformed::no(Expr::Negative(inner)),
        },
        other => Transformed::no(other),
    }
}

/// Types whose plain kernels wrap around.
fn can_wrap(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Duration(_) | DataType::Interval(_))
}

/// One of `+`, `-`, `*` over two values of one type, failing on overflow.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedOperator {
    op: Operator,
    signature: Signature,
}

impl CheckedOperator {
    fn wraps(op: Operator) -> bool {
        matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
    }

    fn call(op: Operator, left: Expr, right: Expr) -> Expr {
        let function = Self { op, signature: Signature::any(2, Volatility::Immutable) };
        let function = Arc::new(ScalarUDF::new_from_impl(function));
        Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![left, right]))
    }

    /// Text of the expression as if the operator were a plain one.
    fn text(&self, args: &[Expr]) -> Result<String> {
        let [left, right] = args else { return internal_err!("an operator has two sides") };
        Ok(BinaryExpr::new(Box::new(left.clone()), self.op, Box::new(right.clone())).to_string())
    }
}

impl ScalarUDFImpl for CheckedOperator {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.text(args)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [left, right] if left == right => Ok(left.clone()),
            other => internal_err!("{} of {other:?}", self.name()),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return internal_err!("{} of {} values", self.name(), args.args.len());
        };
        let kernel: fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError> = match self.op {
            Operator::Plus => numeric::add,
            Operator::Minus => numeric::sub,
            Operator::Multiply => numeric::mul,
            other => return internal_err!("{other} has no checked form"),
        };
        apply(left, right, kernel)
    }
}
