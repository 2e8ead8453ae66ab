//! DECIMAL(p,s), which SQLite stores as INTEGER where it can, as REAL where it must, and as TEXT where both would lose.

use arrow::datatypes::Decimal128Type;
use rusqlite::types::ValueRef;

use super::BadValue;
use super::primitive::Convert;

/// The largest scale whose power of ten is a double without rounding.
const EXACT_SCALE: usize = 22;
const POWERS: [f64; EXACT_SCALE + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Decimals of up to 15 digits are told apart by every double.
const EXACT_DIGITS: f64 = 1e15;

/// Numbers to Decimal128, exactly.
pub(super) struct ToDecimal128 {
    precision: u8,
    scale: i8,
    /// 10^scale.
    unit: i128,
    /// 10^precision: the first absolute value that does not fit.
    limit: u128,
    /// 10^scale as a double, if it is one exactly.
    power: Option<f64>,
}

impl ToDecimal128 {
    /// Precision 1 to 38, scale 0 to precision.
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        let places = scale.unsigned_abs();
        Self {
            precision,
            scale,
            unit: 10_i128.saturating_pow(places.into()),
            limit: 10_u128.saturating_pow(precision.into()),
            power: POWERS.get(usize::from(places)).copied(),
        }
    }

    #[inline]
    fn within(&self, scaled: i128) -> Option<i128> {
        (scaled.unsigned_abs() < self.limit).then_some(scaled)
    }

    /// The decimal of the shortest text that means this double, if it fits.
    #[inline]
    fn real(&self, value: f64) -> Option<i128> {
        if let Some(power) = self.power {
            let scaled = (value * power).round();
            // If a decimal of at most 15 digits has this double as its nearest, no other one has, so it is
            // what the shortest text says. The division is of two exact doubles, hence correctly rounded.
            if scaled.abs() < EXACT_DIGITS && scaled / power == value {
                return self.within(scaled as i128);
            }
        }
        if !value.is_finite() {
            return None;
        }
        self.text(format!("{value:e}").as_bytes())
    }

    /// `[+-]digits[.digits][e[+-]digits]`, if it fits without rounding.
    fn text(&self, text: &[u8]) -> Option<i128> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match text.iter().position(|c| matches!(c, b'e' | b'E')) {
            Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|c| *c == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut magnitude = 0_u128;
        // Zeros not yet multiplied in, because nothing but zeros may follow.
        let mut zeros = 0_u32;
        for digit in whole.iter().chain(fraction) {
            let digit = digit.wrapping_sub(b'0');
            match digit {
                0 if magnitude == 0 => {}
                0 => zeros = zeros.checked_add(1)?,
                1..=9 => {
                    let power = 10_u128.checked_pow(zeros + 1)?;
                    magnitude = magnitude.checked_mul(power)?.checked_add(digit.into())?;
                    zeros = 0;
                }
                _ => return None,
            }
        }
        if magnitude == 0 {
            return Some(0);
        }
        let shift = i64::from(zeros) + i64::from(exponent) + i64::from(self.scale);
        let shift = shift - i64::try_from(fraction.len()).ok()?;
        // The last digit is not zero: below the scale it would be lost.
        let power = 10_u128.checked_pow(u32::try_from(shift).ok()?)?;
        let magnitude = magnitude.checked_mul(power).filter(|m| *m < self.limit)?;
        // Below 10^38, hence below 2^127.
        let magnitude = magnitude.cast_signed();
        Some(if negative { -magnitude } else { magnitude })
    }
}

impl Convert for ToDecimal128 {
    type Arrow = Decimal128Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<i128, BadValue> {
        let scaled = match value {
            ValueRef::Real(v) => self.real(v),
            ValueRef::Integer(v) => i128::from(v).checked_mul(self.unit).and_then(|v| self.within(v)),
            ValueRef::Text(text) => self.text(text),
            _ => None,
        };
        scaled
            .ok_or_else(|| BadValue::misfit(value, &format!("a decimal({},{})", self.precision, self.scale)))
    }
}
