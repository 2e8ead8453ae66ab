//! Numbers and booleans as text and back, and the text of `char(n)`.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};

use super::rows::{
    Result, no_value, numbers, out_of_range, shown, texts, to_bool, to_number, to_text, wrong,
};

/// What C calls white space.
const SPACES: &[char] = &[' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

/// `text::smallint`
pub(in crate::plan) fn text_to_int2(columns: &[ArrayRef]) -> Result<ArrayRef> {
    to_integer::<Int16Type>(columns, "smallint")
}

/// `text::integer`
pub(in crate::plan) fn text_to_int4(columns: &[ArrayRef]) -> Result<ArrayRef> {
    to_integer::<Int32Type>(columns, "integer")
}

/// `text::bigint`
pub(in crate::plan) fn text_to_int8(columns: &[ArrayRef]) -> Result<ArrayRef> {
    to_integer::<Int64Type>(columns, "bigint")
}

fn to_integer<T>(columns: &[ArrayRef], kind: &str) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: std::str::FromStr,
{
    let values = texts(columns, 0)?;
    to_number::<T>(columns, |row| {
        let text = values.value(row);
        let number = text.trim_matches(SPACES);
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
            return Err(match is_newer_form(digits) {
                true => newer(kind, text),
                false => no_value(kind, text),
            });
        }
        number.parse().map_err(|_| out_of_range(kind, text))
    })
}

/// Digits with a prefix or underscores.
fn is_newer_form(digits: &str) -> bool {
    let begins = digits.bytes().next().is_some_and(|c| c.is_ascii_digit());
    begins && digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') && {
        let digits = digits.to_ascii_lowercase();
        digits.contains('_') || ["0x", "0o", "0b"].iter().any(|prefix| digits.starts_with(prefix))
    }
}

fn newer(kind: &str, text: &str) -> arrow_schema::ArrowError {
    wrong(format!(
        "{} is a value of type {kind} to some versions of PostgreSQL only: write it with decimal digits alone",
        shown(text)
    ))
}

/// `text::real`
pub(in crate::plan) fn text_to_float4(columns: &[ArrayRef]) -> Result<ArrayRef> {
    to_float::<Float32Type>(columns, "real", |value| (value.is_infinite(), value == 0.0))
}

/// `text::double precision`
pub(in crate::plan) fn text_to_float8(columns: &[ArrayRef]) -> Result<ArrayRef> {
    to_float::<Float64Type>(columns, "double precision", |value| (value.is_infinite(), value == 0.0))
}

fn to_float<T>(
    columns: &[ArrayRef],
    kind: &str,
    is_infinite_or_zero: fn(T::Native) -> (bool, bool),
) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: std::str::FromStr,
{
    let values = texts(columns, 0)?;
    to_number::<T>(columns, |row| {
        let text = values.value(row);
        let number = text.trim_matches(SPACES);
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        let is_name = ["nan", "inf", "infinity"].iter().any(|name| digits.eq_ignore_ascii_case(name));
        if !is_name && digits.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x")) {
            return Err(newer(kind, text));
        }
        if !is_name && !digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
            return Err(no_value(kind, text));
        }
        let value = number.parse().map_err(|_| no_value(kind, text))?;
        let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
        match is_infinite_or_zero(value) {
            _ if is_name => Ok(value),
            (true, _) => Err(out_of_range(kind, text)),
            (_, true) if mantissa.bytes().any(|c| matches!(c, b'1'..=b'9')) => Err(out_of_range(kind, text)),
            _ => Ok(value),
        }
    })
}

/// `text::boolean`
pub(in crate::plan) fn text_to_bool(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_bool(columns, |row| {
        let text = values.value(row);
        let word = text.trim_matches(SPACES).to_ascii_lowercase();
        match word.as_str() {
            "" | "o" => Err(no_value("boolean", text)),
            "1" | "on" => Ok(true),
            "0" | "of" | "off" => Ok(false),
            word if "true".starts_with(word) || "yes".starts_with(word) => Ok(true),
            word if "false".starts_with(word) || "no".starts_with(word) => Ok(false),
            _ => Err(no_value("boolean", text)),
        }
    })
}

/// `boolean::text`
pub(in crate::plan) fn bool_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = columns.first().and_then(|c| c.as_boolean_opt()).ok_or_else(|| wrong("no booleans"))?;
    to_text(columns, |row, out| {
        out.push_str(if values.value(row) { "true" } else { "false" });
        Ok(())
    })
}

/// `text::char(n)` but for its length.
pub(in crate::plan) fn text_to_char(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| {
        out.push_str(values.value(row).trim_end_matches(' '));
        Ok(())
    })
}

/// `real::text`
pub(in crate::plan) fn float4_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = numbers::<Float32Type>(columns, 0)?;
    to_text(columns, |row, out| {
        let value = values.value(row);
        let bits = value.abs().to_bits();
        let (fraction, exponent) = (bits & 0x7f_ffff, bits >> 23);
        let exact = Exact::of(u64::from(fraction), exponent, 23, 150);
        push_float(Float::Single(value), &exact, 6, out);
        Ok(())
    })
}

/// `double precision::text`
pub(in crate::plan) fn float8_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = numbers::<Float64Type>(columns, 0)?;
    to_text(columns, |row, out| {
        let value = values.value(row);
        let bits = value.abs().to_bits();
        let (fraction, exponent) = (bits & 0xf_ffff_ffff_ffff, bits >> 52);
        let exact = Exact::of(fraction, u32::try_from(exponent).unwrap_or_default(), 52, 1075);
        push_float(Float::Double(value), &exact, 15, out);
        Ok(())
    })
}

#[derive(Clone, Copy)]
enum Float {
    Single(f32),
    Double(f64),
}

impl Float {
    /// The shortest digits that say it, or so many, correctly rounded: `1.25e-7`.
    fn scientific(self, digits: Option<usize>) -> String {
        match (self, digits) {
            (Self::Single(value), None) => format!("{value:e}"),
            (Self::Single(value), Some(digits)) => format!("{value:.*e}", digits - 1),
            (Self::Double(value), None) => format!("{value:e}"),
            (Self::Double(value), Some(digits)) => format!("{value:.*e}", digits - 1),
        }
    }

    fn is_said_by(self, text: &str) -> bool {
        match self {
            Self::Single(value) => text.parse() == Ok(value),
            Self::Double(value) => text.parse() == Ok(value),
        }
    }

    fn most_digits(self) -> usize {
        match self {
            Self::Single(_) => 9,
            Self::Double(_) => 17,
        }
    }
}

/// A float exactly, and the borders of the numbers that are read as it: integers times powers of two.
struct Exact {
    value: (u64, i32),
    edges: [(u64, i32); 2],
}

impl Exact {
    fn of(fraction: u64, exponent: u32, fraction_bits: u32, bias: i32) -> Self {
        let whole = if exponent > 0 { fraction | 1 << fraction_bits } else { fraction };
        let power = i32::try_from(exponent.max(1)).unwrap_or_default() - bias;
        // Below a power of two, floats are twice as dense.
        let below = match fraction == 0 && exponent > 1 {
            true => ((whole * 4).saturating_sub(1), power - 2),
            false => ((whole * 2).saturating_sub(1), power - 1),
        };
        Self { value: (whole, power), edges: [below, (whole * 2 + 1, power - 1)] }
    }

    fn is_edge(&self, digits: u64, power: i32) -> bool {
        self.edges.iter().any(|edge| is_same((digits, power), *edge))
    }

    /// Whether the float is halfway between two numbers of so many digits, whose sum this is.
    fn is_halfway(&self, sum: u64, power: i32) -> bool {
        let (whole, twos) = self.value;
        is_same((sum, power), (whole, twos + 1))
    }
}

/// Whether an integer times a power of ten is another one times a power of two.
fn is_same((digits, tens): (u64, i32), (whole, twos): (u64, i32)) -> bool {
    // 5^27 is beyond all odd numbers of 64 bits.
    if digits == 0 || whole == 0 || tens.unsigned_abs() > 27 {
        return false;
    }
    let (odd, more_twos) = odd_part(digits);
    let (whole, whole_twos) = odd_part(whole);
    let fives = 5_u128.pow(tens.unsigned_abs());
    tens + more_twos == twos + whole_twos
        && if tens >= 0 {
            odd.checked_mul(fives) == Some(whole)
        } else {
            whole.checked_mul(fives) == Some(odd)
        }
}

fn odd_part(number: u64) -> (u128, i32) {
    let twos = number.trailing_zeros();
    (u128::from(number >> twos), i32::try_from(twos).unwrap_or_default())
}

/// The shortest text that says a float, where PostgreSQL does not count the borders between two floats as either: other
/// programs might read them as the other one. Exponents are written from `most` digits before the point.
fn push_float(value: Float, exact: &Exact, most: i32, out: &mut String) {
    let shortest = value.scientific(None);
    let (sign, unsigned) = match shortest.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", shortest.as_str()),
    };
    match unsigned {
        "NaN" => return out.push_str("NaN"),
        "inf" => {
            out.push_str(sign);
            return out.push_str("Infinity");
        }
        "0e0" => {
            out.push_str(sign);
            return out.push('0');
        }
        _ => {}
    }
    let (mut digits, mut exponent) = parts(unsigned);
    let is_inside = |digits: u64, power: i32| {
        !exact.is_edge(digits, power) && value.is_said_by(&format!("{sign}{digits}e{power}"))
    };
    if exact.is_edge(digits, exponent) {
        let first = digits.to_string().len();
        let inside = (first..=value.most_digits()).find_map(|count| {
            let (near, power) = parts(value.scientific(Some(count)).trim_start_matches('-'));
            let candidates = [near, near + 1, near.saturating_sub(1)];
            candidates.into_iter().find(|digits| is_inside(*digits, power)).map(|digits| (digits, power))
        });
        (digits, exponent) = inside.unwrap_or((digits, exponent));
    } else if digits % 2 == 1 {
        // Of two that are equally near, the even one.
        let even =
            [digits - 1, digits + 1].into_iter().find(|other| exact.is_halfway(digits + other, exponent));
        digits = even.filter(|even| is_inside(*even, exponent)).unwrap_or(digits);
    }
    while digits % 10 == 0 && digits > 0 {
        (digits, exponent) = (digits / 10, exponent + 1);
    }
    out.push_str(sign);
    push_digits(&digits.to_string(), exponent, most, out);
}

/// The digits and the power of ten of `1.25e-7`: 125 and -9.
fn parts(scientific: &str) -> (u64, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}").parse().unwrap_or_default();
    let power: i32 = exponent.parse().unwrap_or_default();
    (digits, power - i32::try_from(fraction.len()).unwrap_or_default())
}

fn push_digits(digits: &str, power: i32, most: i32, out: &mut String) {
    let count = i32::try_from(digits.len()).unwrap_or_default();
    // Of the first digit.
    let exponent = power + count - 1;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    if !(-4..most).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs()));
    } else if exponent < 0 {
        out.push_str("0.");
        out.push_str(&zeros(-exponent - 1));
        out.push_str(digits);
    } else if power >= 0 {
        out.push_str(digits);
        out.push_str(&zeros(power));
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or_default());
        out.push_str(&format!("{whole}.{fraction}"));
    }
}
