//! Functions over whole columns, in the place of an operator, a function or a cast. DataFusion knows nothing about
//! them, so no rule of its optimizer gives them another meaning.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::kind::Kind;

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
    let function = Function {
        name: name.into(),
        result,
        lenient: false,
        shows: None,
        body: Arc::new(body),
        signature: Signature::any(arguments.len(), Volatility::Immutable),
    };
    function.over(arguments)
}

/// One of them, under the name and with the text that the user wrote.
struct Function {
    name: String,
    result: Kind,
    /// NULL for values that have no result.
    lenient: bool,
    shows: Option<String>,
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
        (&self.name, self.result, self.lenient) == (&other.name, other.result, other.lenient)
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.result, self.lenient).hash(state);
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
        if let Some(text) = &self.shows {
            return Ok(text.clone());
        }
        let arguments: Vec<String> = arguments.iter().map(|a| a.human_display().to_string()).collect();
        Ok(format!("{}({})", self.name, arguments.join(", ")))
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.data_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = self.lenient || args.arg_fields.iter().any(|f| f.is_nullable());
        let field = Field::new(self.name(), self.data_type(), nullable);
        Ok(Arc::new(field.with_metadata(self.result.mark().into_iter().collect())))
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
