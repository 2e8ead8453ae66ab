//! A number as a decimal of fixed digits: exactly, or not at all.

use std::fmt;

/// The decimal type that a value must fit: at most 38 digits, of which some stand behind the point.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    precision: u8,
    scale: i8,
    /// 10^scale.
    unit: i128,
    /// 10^precision: the first absolute value that does not fit.
    limit: u128,
}

impl Decimal {
    /// Precision 1 to 38, scale 0 to precision.
    pub fn new(precision: u8, scale: i8) -> Self {
        Self {
            precision,
            scale,
            unit: 10_i128.saturating_pow(scale.unsigned_abs().into()),
            limit: 10_u128.saturating_pow(precision.into()),
        }
    }

    /// A number of units of the last place, if it fits.
    #[inline]
    pub fn within(&self, scaled: i128) -> Option<i128> {
        (scaled.unsigned_abs() < self.limit).then_some(scaled)
    }

    /// An integer in units of the last place, if it fits.
    #[inline]
    pub fn integer(&self, value: i64) -> Option<i128> {
        i128::from(value).checked_mul(self.unit).and_then(|scaled| self.within(scaled))
    }

    /// `[+-]digits[.digits][e[+-]digits]` in units of the last place, if it fits without rounding.
    pub fn text(&self, text: &[u8]) -> Option<i128> {
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

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decimal({},{})", self.precision, self.scale)
    }
}
