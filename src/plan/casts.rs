//! Casts that can lose something give what PostgreSQL gives, and no optimizer rule takes them out of a comparison.
//!
//! | cast | DataFusion | here, as in PostgreSQL |
//! |---|---|---|
//! | decimal to integer | truncates | rounds, halves away from zero |
//! | float to integer | truncates | rounds, halves to even |
//! | float to decimal | multiplies by a power of ten | takes 15 digits (6 of a `real`), rounds halves away from zero |
//! | decimal to float | divides by a power of ten | takes the nearest float |
//! | `varchar(n)`, `char(n)` | ignores the length | cuts off; `char(n)` has no trailing spaces, like columns of the type |
//! | `timestamp(p)` | other units, truncates | microseconds, rounded |
//!
//! DataFusion also rewrites `CAST(column AS type) = literal` to `column = literal`, which is another question when
//! the cast makes one value of many (apache/datafusion#23095). It knows nothing about functions of this program.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TryCast, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{CharacterLength, DataType as SqlType, TimezoneInfo};

use super::conversion;

/// Metadata of a cast's type, between the planner and the rule.
const CHARACTERS: &str = "lakexpress.characters";
const PADDED: &str = "lakexpress.padded";
const FRACTION: &str = "lakexpress.fraction";

/// What a type says besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Modifier {
    /// `varchar(n)`.
    Characters(usize),
    /// `char(n)`.
    Padded(usize),
    /// Digits after the point of a second.
    Fraction(u32),
}

impl Modifier {
    fn of(field: &Field) -> Option<Self> {
        let number = |key: &str| field.metadata().get(key)?.parse::<u32>().ok();
        number(CHARACTERS)
            .map(|n| Self::Characters(n as usize))
            .or_else(|| number(PADDED).map(|n| Self::Padded(n as usize)))
            .or_else(|| number(FRACTION).map(Self::Fraction))
    }
}

/// Reads the modifiers of SQL types, which DataFusion leaves out.
#[derive(Debug)]
pub(super) struct TypeModifiers;

impl TypePlanner for TypeModifiers {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let (data_type, key, number) = match sql_type {
            SqlType::Varchar(Some(length))
            | SqlType::Nvarchar(Some(length))
            | SqlType::CharVarying(Some(length))
            | SqlType::CharacterVarying(Some(length)) => match length {
                CharacterLength::IntegerLength { length, .. } => (DataType::Utf8, CHARACTERS, *length),
                CharacterLength::Max => return Ok(None),
            },
            SqlType::Char(length) | SqlType::Character(length) => match length {
                Some(CharacterLength::IntegerLength { length, .. }) => (DataType::Utf8, PADDED, *length),
                Some(CharacterLength::Max) => return Ok(None),
                None => (DataType::Utf8, PADDED, 1),
            },
            SqlType::Timestamp(Some(digits @ 0..=6), zone) => {
                let zone =
                    matches!(zone, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone).then(|| "UTC".into());
                (DataType::Timestamp(TimeUnit::Microsecond, zone), FRACTION, *digits)
            }
            _ => return Ok(None),
        };
        if number == 0 && key != FRACTION {
            return plan_err!("the length of {sql_type} must be at least 1");
        }
        let metadata = [(key.to_owned(), number.to_string())].into();
        Ok(Some(Arc::new(Field::new("", data_type, true).with_metadata(metadata))))
    }
}

/// Replaces casts that can lose something by functions. Runs after DataFusion's type coercion.
#[derive(Debug)]
pub(super) struct LossyCasts;

impl AnalyzerRule for LossyCasts {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let replaced = expression.transform_up(|e| replace(e, &schema))?;
                Ok(replaced.update_data(|e| name.restore(e)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "lossy_casts"
    }
}

fn replace(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (inner, field, lenient) = match &expression {
        Expr::Cast(Cast { expr, field }) => (expr, field, false),
        Expr::TryCast(TryCast { expr, field }) => (expr, field, true),
        _ => return Ok(Transformed::no(expression)),
    };
    let modifier = Modifier::of(field);
    if modifier.is_none() && !loses(&inner.get_type(schema)?, field.data_type()) {
        return Ok(Transformed::no(expression));
    }
    let function = CastFunction {
        target: field.data_type().clone(),
        modifier,
        lenient,
        signature: Signature::any(1, Volatility::Immutable),
    };
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
        function,
        vec![inner.as_ref().clone()],
    ))))
}

/// Whether two numbers of type `from` can become one of type `to`, or a number none.
fn loses(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (from, to) if from == to => false,
        (from, to) if from.is_floating() => to.is_integer() || to.is_decimal(),
        (from, to) if from.is_decimal() && to.is_floating() => true,
        (from, to) => match (digits(from), digits(to)) {
            (Some((whole, scale)), Some((wider, finer))) => wider < whole || finer < scale,
            _ => false,
        },
    }
}

/// Digits before the point that every value fits in and that are sure to fit, and digits after it.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    let decimal =
        |precision: &u8, scale: &i8| Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)));
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Some((20, 0)),
        DataType::Decimal32(p, s) => decimal(p, s),
        DataType::Decimal64(p, s) => decimal(p, s),
        DataType::Decimal128(p, s) => decimal(p, s),
        DataType::Decimal256(p, s) => decimal(p, s),
        _ => None,
    }
}

/// One cast.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CastFunction {
    target: DataType,
    modifier: Option<Modifier>,
    /// NULL instead of an error.
    lenient: bool,
    signature: Signature,
}

impl CastFunction {
    fn text(&self, value: &str) -> String {
        let word = if self.lenient { "TRY_CAST" } else { "CAST" };
        let target = match self.modifier {
            None => self.target.to_string(),
            Some(Modifier::Characters(n)) => format!("varchar({n})"),
            Some(Modifier::Padded(n)) => format!("char({n})"),
            Some(Modifier::Fraction(n)) => format!("timestamp({n})"),
        };
        format!("{word}({value} AS {target})")
    }
}

impl ScalarUDFImpl for CastFunction {
    fn name(&self) -> &str {
        "cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let [value] = args else { return internal_err!("a cast has one value") };
        Ok(self.text(&value.to_string()))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        // Another one than the value's, which a plain cast has: a join puts its keys beside the columns.
        let [value] = args else { return internal_err!("a cast has one value") };
        Ok(self.text(&value.schema_name().to_string()))
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = self.lenient || args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.target.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return internal_err!("a cast of {} values", args.args.len());
        };
        let array = value.to_array(1)?;
        let converted = match self.modifier {
            Some(modifier) => conversion::limited(&array, &self.target, modifier, self.lenient),
            None => conversion::number(&array, &self.target, self.lenient),
        }?;
        Ok(match value {
            ColumnarValue::Array(_) => ColumnarValue::Array(converted),
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?),
        })
    }
}
