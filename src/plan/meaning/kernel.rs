//! Functions over whole columns, in the place of an operator, a function or a cast. DataFusion knows nothing about
//! them, so no rule of its optimizer gives them another meaning.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::concat;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use super::kind::{Kind, SCALES};
use crate::catalog::KIND_KEY;

/// Columns of one length in, one column of that length out. Pure.
pub(in crate::plan) type Body = fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError>;

/// What a function means for arguments of given types.
///
/// `body` gets columns of exactly the Arrow types of `arguments` ([`Kind::arrow`]) and gives one of that of `result`.
/// Where PostgreSQL raises an error it returns one, with the value in its message; NULL gives NULL unless the function is
/// one of those that PostgreSQL does not call strict.
pub(in crate::plan) struct Kernel {
    /// The function's name in SQL, lower case.
    pub(in crate::plan) name: &'static str,
    pub(in crate::plan) arguments: &'static [Kind],
    pub(in crate::plan) result: Kind,
    pub(in crate::plan) body: Body,
}

type AnyBody = dyn Fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync;

/// A kernel as an expression. `name` and the types of the arguments say all about `body`.
pub(in crate::plan) fn call(
    name: impl Into<String>,
    result: Kind,
    body: impl Fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync + 'static,
    arguments: Vec<Expr>,
) -> Expr {
    function(name.into(), result, false, body).over(arguments)
}

struct Function {
    name: String,
    result: Kind,
    never_null: bool,
    may_be_null: bool,
    body: Arc<AnyBody>,
    signature: Signature,
}

impl Function {
    fn over(self, arguments: Vec<Expr>) -> Expr {
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(self)), arguments))
    }

    fn data_type(&self) -> DataType {
        self.result.arrow().unwrap_or(DataType::Null)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({} -> {})", self.name, self.result)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.result) == (&other.name, other.result)
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.result).hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        let arguments: Vec<String> = arguments.iter().map(|a| a.human_display().to_string()).collect();
        if let ([left, right], false) = (arguments.as_slice(), self.name.starts_with(char::is_alphabetic)) {
            return Ok(format!("{left} {} {right}", self.name));
        }
        Ok(format!("{}({})", self.name, arguments.join(", ")))
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.data_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable =
            self.may_be_null || (!self.never_null && args.arg_fields.iter().any(|f| f.is_nullable()));
        let field = Field::new(self.name(), self.data_type(), nullable);
        let is_scaled = |f: &FieldRef| f.metadata().get(KIND_KEY).is_some_and(|kind| kind == SCALES);
        let mark = match self.result {
            Kind::Numeric(..) if self.name == SCALES || args.arg_fields.iter().any(is_scaled) => {
                Some((KIND_KEY.to_owned(), SCALES.to_owned()))
            }
            result => result.mark(),
        };
        Ok(Arc::new(field.with_metadata(mark.into_iter().collect())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let columns = args.args.iter().map(|value| value.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = (self.body)(&columns)?;
        Ok(match is_constant && !args.args.is_empty() {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?),
            false => ColumnarValue::Array(result),
        })
    }
}

/// As [`call`] for what is never NULL.
pub(in crate::plan) fn never_null(
    name: impl Into<String>,
    result: Kind,
    body: impl Fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync + 'static,
    arguments: Vec<Expr>,
) -> Expr {
    function(name.into(), result, true, body).over(arguments)
}

/// As [`call`] for what may be NULL where no argument is.
pub(in crate::plan) fn nullable(
    name: impl Into<String>,
    result: Kind,
    body: impl Fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync + 'static,
    arguments: Vec<Expr>,
) -> Expr {
    let mut function = function(name.into(), result, false, body);
    function.may_be_null = true;
    function.over(arguments)
}

/// The value itself, known to be of another SQL type.
pub(in crate::plan) fn same(columns: &[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> {
    match columns {
        [column] => Ok(Arc::clone(column)),
        other => Err(ArrowError::InvalidArgumentError(format!("{} columns", other.len()))),
    }
}

fn function(
    name: String,
    result: Kind,
    never_null: bool,
    body: impl Fn(&[ArrayRef]) -> std::result::Result<ArrayRef, ArrowError> + Send + Sync + 'static,
) -> Function {
    let signature = Signature::new(TypeSignature::VariadicAny, Volatility::Immutable);
    Function { name, result, never_null, may_be_null: false, body: Arc::new(body), signature }
}

/// `cast` with `value` in the place of `column`, whose functions give NULL for the rows that they fail for.
pub(in crate::plan) fn lenient(cast: Expr, column: &Expr, value: &Expr) -> Result<Expr> {
    cast.transform_up(|node| match node {
        node if node == *column => Ok(Transformed::yes(value.clone())),
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Function>() {
            Some(strict) => {
                let (result, data_type) = (strict.result, strict.data_type());
                let body = Arc::clone(&strict.body);
                let each = move |columns: &[ArrayRef]| by_rows(columns, &data_type, &*body);
                let name = format!("try {}", call.func.name());
                let mut function = function(name, result, false, each);
                function.may_be_null = true;
                Ok(Transformed::yes(function.over(call.args)))
            }
            None => Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        node => Ok(Transformed::no(node)),
    })
    .data()
}

/// The rows for which `body` succeeds, and NULL for the others.
fn by_rows(
    columns: &[ArrayRef],
    data_type: &DataType,
    body: &AnyBody,
) -> std::result::Result<ArrayRef, ArrowError> {
    if let Ok(all) = body(columns) {
        return Ok(all);
    }
    let rows = columns.first().map_or(0, |column| column.len());
    let one = |row: usize| {
        let slices: Vec<ArrayRef> = columns.iter().map(|column| column.slice(row, 1)).collect();
        body(&slices).unwrap_or_else(|_| new_null_array(data_type, 1))
    };
    let parts: Vec<ArrayRef> = (0..rows).map(one).collect();
    concat(&parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>())
}
