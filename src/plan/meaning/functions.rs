//! Functions by name and the types of their arguments.

use datafusion::logical_expr::Expr;

use super::casts;
use super::common::no_operator;
use super::kernel::{self, Kernel};
use super::kernels::floats;
use super::kernels::numbers::{self, Rounding};
use super::kernels::{lists, texts, times};
use super::kind::Kind;
use super::refusal::Refusal;
use super::value::{Value, unary};

type Result<T> = std::result::Result<T, Refusal>;

/// Functions of numbers that are no decimals.
const NUMBERS: &[Kernel] = &[
    Kernel { name: "abs", arguments: &[Kind::Int2], result: Kind::Int2, body: numbers::absolute },
    Kernel { name: "abs", arguments: &[Kind::Int4], result: Kind::Int4, body: numbers::absolute },
    Kernel { name: "abs", arguments: &[Kind::Int8], result: Kind::Int8, body: numbers::absolute },
    Kernel { name: "abs", arguments: &[Kind::Float4], result: Kind::Float4, body: floats::float_absolute },
    Kernel { name: "abs", arguments: &[Kind::Float8], result: Kind::Float8, body: floats::float_absolute },
    Kernel {
        name: "mod",
        arguments: &[Kind::Int2, Kind::Int2],
        result: Kind::Int2,
        body: numbers::remainder,
    },
    Kernel {
        name: "mod",
        arguments: &[Kind::Int4, Kind::Int4],
        result: Kind::Int4,
        body: numbers::remainder,
    },
    Kernel {
        name: "mod",
        arguments: &[Kind::Int8, Kind::Int8],
        result: Kind::Int8,
        body: numbers::remainder,
    },
    float("ceil", floats::float_ceiling),
    float("ceiling", floats::float_ceiling),
    float("floor", floats::float_floor),
    float("round", floats::float_round),
    float("trunc", floats::float_truncate),
    float("sign", floats::float_sign),
    float("sqrt", floats::square_root),
    float("exp", floats::exponential),
    float("ln", floats::natural_logarithm),
    float("log", floats::decimal_logarithm),
    float("log10", floats::decimal_logarithm),
    Kernel {
        name: "power",
        arguments: &[Kind::Float8, Kind::Float8],
        result: Kind::Float8,
        body: floats::power_of,
    },
    Kernel {
        name: "pow",
        arguments: &[Kind::Float8, Kind::Float8],
        result: Kind::Float8,
        body: floats::power_of,
    },
];

const fn float(name: &'static str, body: kernel::Body) -> Kernel {
    Kernel { name, arguments: &[Kind::Float8], result: Kind::Float8, body }
}

/// Functions that have a form for numerics, whose results have digits that are not known here.
const NUMERIC_RESULTS: &[&str] = &["sqrt", "exp", "ln", "log", "log10", "power", "pow"];

/// Functions over decimals.
const DECIMAL: &[&str] = &["abs", "ceil", "ceiling", "floor", "round", "trunc", "sign", "mod"];

fn kernels() -> impl Iterator<Item = &'static Kernel> {
    NUMBERS.iter().chain(texts::FUNCTIONS).chain(times::FUNCTIONS)
}

/// Names of functions that have entries by type.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    kernels().map(|kernel| kernel.name)
}

/// A call by the entry that PostgreSQL would choose.
///
/// # Errors
/// When there is none for these types, or more than one as good.
pub(super) fn call(name: &str, arguments: Vec<Value>) -> Result<Expr> {
    let exact = |kind: Kind| kind.is_integer() || matches!(kind, Kind::Numeric(..));
    // What counts the padding of char(n), which is not there any more.
    if name == "octet_length" && arguments.first().is_some_and(|a| a.kind == Kind::Bpchar) {
        return Err(no_operator(name, &[Kind::Bpchar]).hint("cast the argument to text"));
    }
    let is_numeric = arguments.iter().any(|a| matches!(a.kind, Kind::Numeric(..)))
        && !arguments.iter().any(|a| a.kind.is_float());
    let places = matches!(name, "round" | "trunc") && arguments.len() == 2;
    if DECIMAL.contains(&name) && arguments.first().is_some_and(|a| exact(a.kind)) && (is_numeric || places) {
        return decimal(name, arguments);
    }
    if is_numeric && NUMERIC_RESULTS.contains(&name) {
        let kinds: Vec<Kind> = arguments.iter().map(|a| a.kind).collect();
        return Err(no_operator(name, &kinds).hint("cast the argument to double precision"));
    }
    let chosen = choose(name, &arguments)?;
    let mut values = Vec::with_capacity(arguments.len());
    for (argument, kind) in arguments.into_iter().zip(chosen.arguments) {
        values.push(argument.into_kind(*kind)?.expr);
    }
    Ok(kernel::call(name, chosen.result, chosen.body, values))
}

/// PostgreSQL's choice among functions of one name: the most exact matches, then the most preferred types; a literal in
/// quotes is a text where that is possible.
fn choose(name: &str, arguments: &[Value]) -> Result<&'static Kernel> {
    let kinds: Vec<Kind> = arguments.iter().map(|a| a.kind).collect();
    let refused = || match kinds.is_empty() {
        true => Refusal::of(name, format!("the function {name}")),
        false => no_operator(name, &kinds),
    };
    let mut candidates: Vec<&Kernel> = kernels()
        .filter(|k| k.name == name && k.arguments.len() == kinds.len())
        .filter(|k| kinds.iter().zip(k.arguments).all(|(from, to)| becomes(*from, *to)))
        .collect();
    let exact = |k: &Kernel| kinds.iter().zip(k.arguments).filter(|(from, to)| from == to).count();
    let preferred = |k: &Kernel| {
        let pairs = kinds.iter().zip(k.arguments);
        pairs
            .filter(|(from, to)| {
                from == to || matches!(to, Kind::Float8 | Kind::Text | Kind::Timestamptz | Kind::Bool)
            })
            .count()
    };
    let texts = |k: &Kernel| {
        let pairs = kinds.iter().zip(k.arguments);
        pairs.filter(|(from, to)| **from == Kind::Unknown && **to == Kind::Text).count()
    };
    for score in [&exact as &dyn Fn(&Kernel) -> usize, &preferred, &texts] {
        let best = candidates.iter().map(|k| score(k)).max();
        candidates.retain(|k| Some(score(k)) == best);
    }
    match candidates.as_slice() {
        [only] => Ok(only),
        _ => Err(refused()),
    }
}

/// Whether PostgreSQL makes a value of one type of another unasked.
fn becomes(from: Kind, to: Kind) -> bool {
    use Kind::{
        Bpchar, Date, Float4, Float8, Int2, Int4, Int8, Text, Timestamp, Timestamptz, Unknown, Varchar,
    };
    from == to
        || matches!(
            (from, to),
            (Unknown, _)
                | (Int2, Int4 | Int8 | Float4 | Float8)
                | (Int4, Int8 | Float4 | Float8)
                | (Int8 | Kind::Numeric(..), Float4 | Float8)
                | (Float4, Float8)
                | (Bpchar | Varchar, Text)
                | (Date, Timestamp | Timestamptz)
                | (Timestamp, Timestamptz)
        )
}

fn decimal(name: &str, arguments: Vec<Value>) -> Result<Expr> {
    let kinds: Vec<Kind> = arguments.iter().map(|a| a.kind).collect();
    let refused = || no_operator(name, &kinds);
    let mut arguments = arguments.into_iter();
    let value = arguments.next().ok_or_else(refused)?;
    let Some((p, s)) = value.digits() else { return Err(refused()) };
    if name == "mod" {
        let other = arguments.next().ok_or_else(refused)?;
        return super::operators::binary("%", value, other).unwrap_or_else(|| Err(refused()));
    }
    let value = value.into_kind(Kind::Numeric(p, s))?;
    let places = match arguments.next() {
        None => 0,
        Some(places) => constant(&places).ok_or_else(|| {
            refused().hint(format!("the second argument of {name} is a number and no column"))
        })?,
    };
    let whole = |rounding| {
        // A digit more, for 9.9 rounds to 10.
        let digits = (i16::from(p) - i16::from(s)).max(0) + 1;
        let kept = i8::try_from(places.clamp(0, i32::from(s.max(0)))).unwrap_or(s);
        let most = if p > 38 { super::types::MOST_DIGITS } else { 38 };
        let precision = u8::try_from(digits + i16::from(kept)).unwrap_or(most).clamp(1, most);
        let kind = Kind::Numeric(precision, kept);
        unary(format!("{name} {places}"), kind, value.expr.clone(), move |column| {
            numbers::rounded(column, places, rounding, precision, kept)
        })
    };
    Ok(match name {
        "abs" => unary("abs", value.kind, value.expr.clone(), numbers::magnitudes),
        "sign" => unary("sign", Kind::Numeric(1, 0), value.expr.clone(), numbers::signs),
        "ceil" | "ceiling" => whole(Rounding::Up),
        "floor" => whole(Rounding::Down),
        "round" => whole(Rounding::Nearest),
        "trunc" => whole(Rounding::Truncate),
        _ => return Err(refused()),
    })
}

/// The value of an integer that is a literal.
pub(super) fn constant(value: &Value) -> Option<i32> {
    use datafusion::common::ScalarValue;
    match &value.expr {
        Expr::Literal(ScalarValue::Int16(Some(n)), _) => Some(i32::from(*n)),
        Expr::Literal(ScalarValue::Int32(Some(n)), _) => Some(*n),
        Expr::Negative(inner) => {
            constant(&Value::new(inner.as_ref().clone(), value.kind)).and_then(i32::checked_neg)
        }
        _ => None,
    }
}

/// `concat` and `concat_ws`: texts of all values, NULLs left out.
pub(super) fn concat(name: &str, arguments: Vec<Value>) -> Result<Expr> {
    let kinds: Vec<Kind> = arguments.iter().map(|a| a.kind).collect();
    let mut values = Vec::with_capacity(arguments.len());
    for value in arguments {
        if value.kind == Kind::Bpchar {
            return Err(no_operator(name, &kinds)
                .hint("PostgreSQL pads char(n) and lakexpress does not: cast it to text"));
        }
        values.push(casts::output(value).ok_or_else(|| no_operator(name, &kinds))?);
    }
    match name {
        "concat" => Ok(kernel::never_null("concat", Kind::Text, lists::concat, values)),
        _ if values.len() < 2 => Err(no_operator(name, &kinds)),
        _ => Ok(kernel::call("concat_ws", Kind::Text, lists::concat_ws, values)),
    }
}
