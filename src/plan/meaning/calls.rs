//! Calls as [`super::syntax`] makes them, and what each means. Between the planner and the rule they are functions
//! without a body, which know the type of their result.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow_schema::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result as PlanResult, ScalarValue, plan_err};
use datafusion::functions::core::coalesce;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Case, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility, binary_expr,
};

use super::common::{common, compare, compared_as, no_operator};
use super::kernels::times;
use super::kind::Kind;
use super::refusal::Refusal;
use super::types::Target;
use super::value::{Value, cast, parsed, scaled};
use super::{casts, functions, guards, kernel, operators};

type Result<T> = std::result::Result<T, Refusal>;

/// Operators and special forms, by the names that the syntax gives them.
const FORMS: &[&str] = &[
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "is distinct from",
    "is not distinct from",
    "text <",
    "text <=",
    "text >",
    "text >=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "&",
    "|",
    "#",
    "<<",
    ">>",
    "||",
    "@",
    "|/",
    "and",
    "or",
    "~",
    "~*",
    "!~",
    "!~*",
    "between",
    "not between",
    "in",
    "not in",
    "like",
    "not like",
    "ilike",
    "not ilike",
    "similar to",
    "not similar to",
    "case",
    "cast",
    "try_cast",
    "interval",
    "extract",
    "number",
    "collate",
];

/// Functions with rules of their own.
const FUNCTIONS: &[&str] = &[
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "concat",
    "concat_ws",
    "timezone",
    "now",
    "current_timestamp",
    "transaction_timestamp",
    "current_date",
    "localtimestamp",
    "position",
];

/// Functions with rules of their own, which a user may call.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().copied()
}

/// All of them, for a session.
pub(in crate::plan) fn stubs() -> Vec<Arc<ScalarUDF>> {
    let mut names: Vec<&str> = FORMS.iter().chain(FUNCTIONS).copied().chain(functions::names()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Arc::new(ScalarUDF::new_from_impl(Call::new(name)))).collect()
}

/// What a call means.
///
/// # Errors
/// When it means nothing that is known here.
pub(super) fn resolve(name: &str, arguments: Vec<Expr>, schema: &DFSchema) -> Result<Expr> {
    let arguments: Vec<Value> = arguments.into_iter().map(|e| Value::of(e, schema)).collect::<Result<_>>()?;
    let kinds: Vec<Kind> = arguments.iter().map(|v| v.kind).collect();
    let wrong = || no_operator(name, &kinds);
    if arguments.is_empty() && matches!(name, "coalesce" | "greatest" | "least" | "concat" | "concat_ws") {
        return Err(Refusal::because(name, format!("{name} needs arguments")));
    }
    match name {
        "coalesce" => {
            let kind = common(&arguments, name)?;
            let differ = differ(&arguments);
            let values = into_all(arguments, kind)?;
            let first = match kind {
                // DataFusion makes AND and OR of it, and evaluates both sides.
                Kind::Bool => first_of(values),
                _ => Expr::ScalarFunction(ScalarFunction::new_udf(coalesce(), values)),
            };
            Ok(marked(first, kind, differ))
        }
        "and" | "or" => {
            let op = if name == "and" { Operator::And } else { Operator::Or };
            let word = name.to_uppercase();
            let terms: Result<Vec<Expr>> = arguments.into_iter().map(|term| truth(term, &word)).collect();
            Ok(guards::chain(terms?, op))
        }
        "case" => case(arguments),
        "collate" => match <[Value; 1]>::try_from(arguments) {
            Ok([value]) if value.kind == Kind::Unknown => Ok(value.into_kind(Kind::Text)?.expr),
            // Texts are compared by bytes in any case.
            Ok([value]) if value.kind.is_string() => Ok(value.expr),
            _ => Err(wrong()),
        },
        "in" => among(arguments),
        "not in" => among(arguments).map(|e| Expr::Not(Box::new(e))),
        "greatest" | "least" => {
            let kind = common(&arguments, name)?;
            if matches!(kind, Kind::Enum(_) | Kind::Other | Kind::AsText | Kind::Interval) {
                return Err(wrong());
            }
            let body = if name == "least" {
                super::kernels::extremes::least
            } else {
                super::kernels::extremes::greatest
            };
            let differ = differ(&arguments);
            Ok(marked(kernel::call(name, kind, body, into_all(arguments, kind)?), kind, differ))
        }
        "concat" | "concat_ws" => functions::concat(name, arguments),
        "now" | "current_timestamp" | "transaction_timestamp" | "current_date" | "localtimestamp"
            if arguments.is_empty() =>
        {
            moment(name)
        }
        _ => {
            let mut list = arguments.into_iter();
            match (name, list.next(), list.next(), list.next(), list.next()) {
                ("cast" | "try_cast", Some(value), Some(target), None, None) => {
                    let target: Target = target.text().unwrap_or_default().parse()?;
                    if name == "cast" {
                        casts::explicit(value, target)
                    } else {
                        casts::lenient(value, target)
                    }
                }
                ("number", Some(digits), None, None, None) => {
                    super::value::exact(digits.text().unwrap_or_default()).map(|v| v.expr)
                }
                ("interval", Some(text), unit, None, None) => interval(&text, unit.as_ref()),
                ("extract", Some(field), Some(value), None, None) => extract(&field, value),
                ("timezone", Some(zone), Some(value), None, None) => at_time_zone(&zone, value),
                ("position", Some(what), Some(within), None, None) => {
                    functions::call("strpos", vec![within, what])
                }
                ("between" | "not between", Some(value), Some(low), Some(high), None) => {
                    between(name == "between", value, low, high)
                }
                ("@", Some(value), None, None, None) => functions::call("abs", vec![value]),
                ("|/", Some(value), None, None, None) => functions::call("sqrt", vec![value]),
                ("nullif", Some(value), Some(other), None, None) => null_if(value, other),
                (
                    "like" | "not like" | "ilike" | "not ilike" | "similar to" | "not similar to" | "~"
                    | "~*" | "!~" | "!~*",
                    Some(value),
                    Some(pattern),
                    escape,
                    None,
                ) => super::patterns::matching(name, value, pattern, escape),
                (_, Some(value), None, None, None) if is_sign(name) => {
                    operators::prefix(name, value).unwrap_or_else(|| Err(wrong()))
                }
                (_, Some(left), Some(right), None, None) if is_sign(name) => {
                    operators::binary(name, left, right).unwrap_or_else(|| Err(wrong()))
                }
                (_, first, second, third, fourth) => {
                    let all = [first, second, third, fourth].into_iter().flatten().chain(list);
                    functions::call(name, all.collect())
                }
            }
        }
    }
}

/// Whether an operator has this name; only these are not functions.
fn is_sign(name: &str) -> bool {
    FORMS.contains(&name)
}

/// Whether values of one numeric type have several scales.
pub(super) fn differ(values: &[Value]) -> bool {
    let literal = |value: &Value| value.text().and_then(|text| super::value::exact(text).ok()?.digits());
    let digits = values.iter().filter_map(|value| value.digits().or_else(|| literal(value)));
    let mut scales: Vec<i8> = digits.map(|(_, scale)| scale).collect();
    scales.dedup();
    scales.len() > 1 || values.iter().any(|value| value.scales)
}

fn into_all(values: Vec<Value>, kind: Kind) -> Result<Vec<Expr>> {
    values.into_iter().map(|value| value.into_kind(kind).map(|v| v.expr)).collect()
}

/// An expression of DataFusion's, whose type would not say that its values are of `kind`.
fn marked(expr: Expr, kind: Kind, differ: bool) -> Expr {
    match kind.mark() {
        None if differ && matches!(kind, Kind::Numeric(..)) => scaled(expr, kind),
        None => expr,
        Some(_) if kind == Kind::Other => expr,
        Some(_) => kernel::call("value", kind, kernel::same, vec![expr]),
    }
}

fn truth(value: Value, word: &str) -> Result<Expr> {
    match value.kind {
        Kind::Bool | Kind::Unknown => Ok(value.into_kind(Kind::Bool)?.expr),
        kind => Err(Refusal::because(word, format!("{word} takes a boolean and not {kind}"))),
    }
}

fn case(arguments: Vec<Value>) -> Result<Expr> {
    let (mut whens, mut results) = (Vec::new(), Vec::new());
    let last = arguments.len().saturating_sub(1);
    for (at, value) in arguments.into_iter().enumerate() {
        if at == last || at % 2 == 1 { results.push(value) } else { whens.push(value) }
    }
    // PostgreSQL looks at ELSE first.
    results.rotate_right(1);
    let kind = common(&results, "CASE")?;
    results.rotate_left(1);
    let differ = differ(&results);
    let mut results = into_all(results, kind)?;
    let otherwise = results.pop().map(Box::new);
    let mut branches = Vec::with_capacity(whens.len());
    for (when, then) in whens.into_iter().zip(results) {
        branches.push((Box::new(truth(when, "WHEN")?), Box::new(then)));
    }
    let case = Case::new(None, branches, otherwise);
    Ok(marked(guards::lazy(case, kind), kind, differ))
}

/// `coalesce` of booleans, each evaluated where those before it are NULL.
fn first_of(mut values: Vec<Expr>) -> Expr {
    let last = values.pop().map(Box::new);
    let branches = values.into_iter().map(|value| (Box::new(value.clone().is_not_null()), Box::new(value)));
    let branches: Vec<_> = branches.collect();
    match last {
        Some(only) if branches.is_empty() => *only,
        last => guards::lazy(Case::new(None, branches, last), Kind::Bool),
    }
}

/// `a IN (b, c)`: one common type of all where the list has more than one value that is no column, else `=`.
fn among(mut arguments: Vec<Value>) -> Result<Expr> {
    let value = arguments.remove(0);
    let (columns, constants): (Vec<Value>, Vec<Value>) =
        arguments.into_iter().partition(|v| v.expr.any_column_refs());
    let mut tests = Vec::new();
    if constants.len() > 1 {
        let all: Vec<Value> = std::iter::once(value.clone()).chain(constants.iter().cloned()).collect();
        let kind = common(&all, "IN")?;
        if matches!(kind, Kind::Other | Kind::AsText | Kind::Interval) {
            return Err(no_operator("IN", &[value.kind]));
        }
        let tested = value.clone().into_kind(kind)?.expr;
        tests.push(tested.in_list(into_all(constants, kind)?, false));
    } else {
        for constant in constants {
            tests.push(compare(value.clone(), Operator::Eq, constant)?);
        }
    }
    for column in columns {
        tests.push(compare(value.clone(), Operator::Eq, column)?);
    }
    match tests.is_empty() {
        true => Err(Refusal::because("IN", "an empty list")),
        false => Ok(guards::chain(tests, Operator::Or)),
    }
}

fn between(inside: bool, value: Value, low: Value, high: Value) -> Result<Expr> {
    if inside {
        let above = compare(value.clone(), Operator::GtEq, low)?;
        return Ok(guards::chain(vec![above, compare(value, Operator::LtEq, high)?], Operator::And));
    }
    let below = compare(value.clone(), Operator::Lt, low)?;
    Ok(guards::chain(vec![below, compare(value, Operator::Gt, high)?], Operator::Or))
}

fn null_if(value: Value, other: Value) -> Result<Expr> {
    let kind = compared_as(&value, Operator::Eq, &other)?;
    // What the value is, where an operator compares the two types as they are.
    let result = match (value.kind, kind) {
        (Kind::Numeric(..), Kind::Numeric(..)) => value.kind,
        (from, Kind::Int2 | Kind::Int4 | Kind::Int8) if from.is_integer() => from,
        (Kind::Float4, Kind::Float8)
        | (Kind::Date | Kind::Timestamp, Kind::Timestamp | Kind::Timestamptz) => value.kind,
        _ => kind,
    };
    let kept = value.into_kind(result)?;
    let other = other.into_kind(kind)?;
    let body = move |columns: &[ArrayRef]| super::kernels::extremes::null_if(columns, kind);
    Ok(kernel::nullable(format!("nullif as {kind}"), result, body, vec![kept.expr, other.expr]))
}

fn interval(text: &Value, unit: Option<&Value>) -> Result<Expr> {
    let text = text.text().unwrap_or_default();
    let (months, days, micros) = times::interval(text, unit.and_then(Value::text))
        .map_err(|why| Refusal::of("interval", format!("INTERVAL '{text}': {why}")))?;
    let nanos = micros
        .checked_mul(1000)
        .ok_or_else(|| Refusal::of("interval", format!("INTERVAL '{text}', which is too long")))?;
    Ok(Expr::Literal(ScalarValue::new_interval_mdn(months, days, nanos), None))
}

fn extract(field: &Value, value: Value) -> Result<Expr> {
    let field = field.text().unwrap_or_default().to_lowercase();
    let (kind, part) = times::extract(&field, value.kind).map_err(|why| Refusal::of(&field, why))?;
    let name = format!("extract {field}");
    Ok(kernel::call(name, kind, move |columns| part.body(columns), vec![value.expr]))
}

/// In UTC only: the database's own tables of zones are not here.
fn at_time_zone(zone: &Value, value: Value) -> Result<Expr> {
    let name = zone.text().unwrap_or_default();
    if !["UTC", "GMT", "Z", "UCT", "ZULU", "ETC/UTC"].contains(&name.to_uppercase().as_str()) {
        return Err(Refusal::of("zone", format!("a time zone other than 'UTC' ({name})")));
    }
    match value.kind {
        Kind::Timestamptz => casts::explicit(value, Target::plain(Kind::Timestamp)),
        Kind::Timestamp | Kind::Date => Ok(match value.kind {
            Kind::Timestamp => value.into_kind(Kind::Timestamptz)?.expr,
            _ => {
                let moment = value.into_kind(Kind::Timestamptz)?;
                casts::explicit(moment, Target::plain(Kind::Timestamp))?
            }
        }),
        kind => Err(no_operator("AT TIME ZONE", &[kind])),
    }
}

/// The moment at which the query begins.
fn moment(name: &str) -> Result<Expr> {
    let now = datafusion::functions::datetime::now(&Default::default());
    let now = Expr::ScalarFunction(ScalarFunction::new_udf(now, Vec::new()));
    let target = Kind::Timestamptz.arrow().unwrap_or(DataType::Null);
    let moment = Value::new(cast(now, &target), Kind::Timestamptz);
    match name {
        "current_date" => casts::explicit(moment, Target::plain(Kind::Date)),
        "localtimestamp" => casts::explicit(moment, Target::plain(Kind::Timestamp)),
        _ => Ok(moment.expr),
    }
}

/// A call whose meaning is still to be found.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    name: &'static str,
    signature: Signature,
}

impl Call {
    fn new(name: &'static str) -> Self {
        let any = TypeSignature::OneOf(vec![TypeSignature::VariadicAny, TypeSignature::Nullary]);
        Self { name, signature: Signature::new(any, Volatility::Immutable) }
    }

    /// The name of a call, when a function is one.
    pub(super) fn of(function: &ScalarFunction) -> Option<&'static str> {
        function.func.inner().downcast_ref::<Self>().map(|call| call.name)
    }
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, arguments: &[Expr]) -> PlanResult<String> {
        Ok(match (operator(self.name), self.name, arguments) {
            (Some(op), _, [left, right]) => {
                BinaryExpr::new(Box::new(left.clone()), op, Box::new(right.clone())).to_string()
            }
            (_, "and" | "or", terms) => {
                let op = if self.name == "and" { Operator::And } else { Operator::Or };
                let joined = terms.iter().cloned().reduce(|left, right| binary_expr(left, op, right));
                joined.map_or_else(String::new, |all| all.to_string())
            }
            (None, "cast" | "try_cast", [value, _]) => value.schema_name().to_string(),
            (None, "-", [value]) => format!("(- {})", value.schema_name()),
            _ => {
                let arguments: Vec<String> = arguments.iter().map(|a| a.schema_name().to_string()).collect();
                format!("{}({})", self.name, arguments.join(","))
            }
        })
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        plan_err!("the type of {}({arguments:?}) depends on its arguments", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> PlanResult<FieldRef> {
        // The same question as later, over columns without names.
        let columns: Vec<FieldRef> = args
            .arg_fields
            .iter()
            .enumerate()
            .map(|(at, field)| Arc::new(field.as_ref().clone().with_name(format!("{at}"))))
            .collect();
        let schema = DFSchema::from_unqualified_fields(columns.into(), Default::default())?;
        let arguments = args.scalar_arguments.iter().enumerate().map(|(at, scalar)| match scalar {
            Some(literal) => Expr::Literal(parsed(literal).unwrap_or_else(|| (*literal).clone()), None),
            None => Expr::Column(datafusion::common::Column::from_name(format!("{at}"))),
        });
        let meaning = resolve(self.name, arguments.collect(), &schema)?;
        let (_, field) = meaning.to_field(&schema)?;
        Ok(Arc::new(field.as_ref().clone().with_name(self.name)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        plan_err!("{} has not been given a meaning", self.name)
    }
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        "=" => Operator::Eq,
        "<>" => Operator::NotEq,
        "<" => Operator::Lt,
        "<=" => Operator::LtEq,
        ">" => Operator::Gt,
        ">=" => Operator::GtEq,
        "is distinct from" => Operator::IsDistinctFrom,
        "is not distinct from" => Operator::IsNotDistinctFrom,
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "%" => Operator::Modulo,
        "&" => Operator::BitwiseAnd,
        "|" => Operator::BitwiseOr,
        "#" => Operator::BitwiseXor,
        "<<" => Operator::BitwiseShiftLeft,
        ">>" => Operator::BitwiseShiftRight,
        "||" => Operator::StringConcat,
        "~" => Operator::RegexMatch,
        "~*" => Operator::RegexIMatch,
        "!~" => Operator::RegexNotMatch,
        "!~*" => Operator::RegexNotIMatch,
        _ => return None,
    })
}
