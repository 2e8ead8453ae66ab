//! Aggregates and windows by the types of their arguments.
//!
//! | call | of | is |
//! |---|---|---|
//! | `sum` | smallint, integer | bigint |
//! | `sum` | bigint | numeric |
//! | `avg` | integers | numeric with 16 places |
//! | `avg` | numeric | numeric with four places more |
//! | `sum`, `avg` | real | double precision |

use std::sync::Arc;

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::functions_window::all_default_window_functions;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{AggregateUDF, Expr, WindowFrameBound, WindowFunctionDefinition, WindowUDF};

use super::common::{common, no_operator};
use super::keys;
use super::kind::Kind;
use super::refusal::Refusal;
use super::value::{Value, cast};

type Result<T> = std::result::Result<T, Refusal>;

/// Places that an average of integers is computed with; the engine adds four.
const AVERAGE_PLACES: i8 = 12;

const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "string_agg",
    "array_agg",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var_samp",
    "var_pop",
    "grouping",
];

const WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Aggregates and window functions that may be called.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().chain(WINDOWS).copied()
}

/// The aggregates of a session.
pub(in crate::plan) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let taken = |name: &str| AGGREGATES.contains(&name) || WINDOWS.contains(&name);
    all_default_aggregate_functions()
        .into_iter()
        .filter(|f| taken(f.name()) || f.aliases().iter().any(|alias| taken(alias)))
        .collect()
}

/// The window functions of a session.
pub(in crate::plan) fn windows() -> Vec<Arc<WindowUDF>> {
    all_default_window_functions().into_iter().filter(|f| WINDOWS.contains(&f.name())).collect()
}

/// An aggregate with arguments of the types that it takes.
///
/// # Errors
/// When PostgreSQL has none of this name for them, or none with a meaning that is known here.
pub(super) fn aggregate(mut call: AggregateFunction, schema: &DFSchema) -> Result<Expr> {
    let name = call.func.name().to_owned();
    if WINDOWS.contains(&name.as_str()) {
        return Err(Refusal::because(
            name.clone(),
            format!("{name} is a window function: it needs OVER (...)"),
        ));
    }
    if name == "count" && call.params.args.len() > 1 {
        return Err(Refusal::of("count", "count of several values"));
    }
    for key in &call.params.order_by {
        keys::check(&key.expr, keys::By::Order, schema, "ORDER BY")?;
    }
    if call.params.distinct {
        for argument in &call.params.args {
            keys::check(argument, keys::By::Equality, schema, "DISTINCT")?;
        }
    }
    call.params.args = arguments(&name, call.params.args, schema)?;
    Ok(Expr::AggregateFunction(call))
}

/// The same for windows.
pub(super) fn window(mut call: WindowFunction, schema: &DFSchema) -> Result<Expr> {
    for key in &call.params.order_by {
        keys::check(&key.expr, keys::By::Order, schema, "ORDER BY")?;
    }
    for key in &call.params.partition_by {
        keys::check(key, keys::By::Equality, schema, "PARTITION BY")?;
    }
    let args = std::mem::take(&mut call.params.args);
    // A value that leaves the frame is taken off the sum, which of floats leaves its digits behind.
    if let (WindowFunctionDefinition::AggregateUDF(function), Some(first)) = (&call.fun, args.first()) {
        let is_sum =
            !matches!(function.name(), "count" | "min" | "max" | "first_value" | "last_value" | "nth_value");
        let from_start = matches!(
            call.params.window_frame.start_bound,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None) | ScalarValue::Null)
        );
        if is_sum && !from_start && Value::of(first.clone(), schema)?.kind.is_float() {
            let what = format!("{} of floats over a frame that moves", function.name());
            return Err(Refusal::of(function.name(), what).hint("cast the argument to numeric(p,s)"));
        }
    }
    call.params.args = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) => arguments(function.name(), args, schema)?,
        WindowFunctionDefinition::WindowUDF(function) => positional(function.name(), args, schema)?,
    };
    Ok(Expr::WindowFunction(Box::new(call)))
}

fn arguments(name: &str, args: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let values: Vec<Value> = args.into_iter().map(|e| Value::of(e, schema)).collect::<Result<_>>()?;
    let kinds: Vec<Kind> = values.iter().map(|v| v.kind).collect();
    let refused = || no_operator(name, &kinds);
    let [first, ..] = kinds.as_slice() else {
        return Ok(values.into_iter().map(|v| v.expr).collect());
    };
    let allowed = match name {
        "count" | "grouping" | "first_value" | "last_value" | "nth_value" | "array_agg" => true,
        "sum" | "avg" => first.is_number(),
        "min" | "max" => {
            first.is_number()
                || matches!(
                    first,
                    Kind::Text
                        | Kind::Varchar
                        | Kind::Date
                        | Kind::Time
                        | Kind::Timestamp
                        | Kind::Timestamptz
                )
        }
        "bool_and" | "bool_or" => *first == Kind::Bool,
        "string_agg" => {
            let text =
                |kind: &Kind| matches!(kind, Kind::Text | Kind::Varchar | Kind::Bpchar | Kind::Unknown);
            kinds.iter().all(text)
        }
        // Of numbers that are exact they are numerics with many digits.
        _ => first.is_float(),
    };
    if !allowed {
        let refusal = refused();
        return Err(match first.is_number() {
            true => refusal.hint("cast the argument to double precision"),
            false => refusal,
        });
    }
    let digits = values.first().and_then(Value::digits);
    let wide = match (name, first, digits) {
        ("sum", Kind::Int8, _) => Some(Kind::Numeric(20, 0)),
        ("avg", kind, Some((p, _))) if kind.is_integer() => {
            Some(Kind::Numeric(p + AVERAGE_PLACES.unsigned_abs(), AVERAGE_PLACES))
        }
        ("sum" | "avg", Kind::Float4, _) => Some(Kind::Float8),
        ("string_agg", ..) => Some(Kind::Text),
        ("count", ..) => None,
        (_, Kind::Unknown, _) => Some(Kind::Text),
        _ => None,
    };
    let convert = |value: Value| match wide.and_then(Kind::arrow) {
        Some(target) if value.kind != Kind::Unknown && Some(value.kind) != wide => {
            Ok(cast(value.expr, &target))
        }
        _ => match wide {
            Some(kind) if value.kind == Kind::Unknown => value.into_kind(kind).map(|v| v.expr),
            _ => Ok(value.expr),
        },
    };
    values.into_iter().map(convert).collect()
}

/// Window functions that take a value, how many rows away, and what stands for a row that is not there.
fn positional(name: &str, args: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let values: Vec<Value> = args.iter().map(|e| Value::of(e.clone(), schema)).collect::<Result<_>>()?;
    // The engine takes these as the parser has them.
    let count = |at: usize| -> Result<Expr> {
        let whole = values.get(at).and_then(super::functions::constant).map(i64::from);
        let least = if matches!(name, "lag" | "lead") { i64::MIN } else { 1 };
        match whole.filter(|n| *n >= least) {
            Some(n) => Ok(Expr::Literal(ScalarValue::Int64(Some(n)), None)),
            None => Err(Refusal::of(name, format!("{name} with a number that is no positive constant"))),
        }
    };
    let mut args = args;
    let at = usize::from(name != "ntile");
    if matches!(name, "lag" | "lead" | "nth_value" | "ntile") && args.len() > at {
        args[at] = count(at)?;
    }
    match (name, values.as_slice()) {
        ("lag" | "lead", [value, _, otherwise]) => {
            let kind = common(&[value.clone(), otherwise.clone()], name)?;
            let mut out = args.clone();
            out[0] = value.clone().into_kind(kind)?.expr;
            out[2] = otherwise.clone().into_kind(kind)?.expr;
            Ok(out)
        }
        _ => Ok(args),
    }
}
