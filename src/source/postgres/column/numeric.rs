//! numeric: base-10000 digits to a decimal of fixed scale, exactly or not at all.
//!
//! Binary form, all big-endian 16 bits: number of digits n, weight w of the first digit (its unit is
//! 10000^w), sign, display scale, then n digits of 0..=9999.

use arrow::datatypes::{Decimal128Type, Decimal256Type, i256};

use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;
use crate::spec::SpecialValues;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Powers of ten that 64 bits hold.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// An absolute value as it is built up, wide enough for the target.
trait Magnitude: Copy {
    const ZERO: Self;

    /// `self * factor + addend`, none on overflow.
    fn push(self, factor: u16, addend: u16) -> Option<Self>;
}

impl Magnitude for u128 {
    const ZERO: Self = 0;

    fn push(self, factor: u16, addend: u16) -> Option<Self> {
        self.checked_mul(Self::from(factor))?.checked_add(Self::from(addend))
    }
}

impl Magnitude for i256 {
    const ZERO: Self = Self::ZERO;

    fn push(self, factor: u16, addend: u16) -> Option<Self> {
        let (factor, addend) = (Self::from_i128(factor.into()), Self::from_i128(addend.into()));
        self.checked_mul(factor)?.checked_add(addend)
    }
}

/// The parts of a finite number.
struct Finite<'a> {
    digits: &'a [[u8; 2]],
    weight: i32,
    negative: bool,
}

/// What the decimal type is, for both widths.
#[derive(Clone, Copy)]
struct Target {
    precision: u8,
    scale: i8,
    special: SpecialValues,
}

impl Target {
    /// The number, or none for a special value that becomes NULL.
    #[inline]
    fn parse<'a>(&self, value: &'a [u8]) -> Result<Option<Finite<'a>>, BadValue> {
        let Some((head, tail)) = value.split_first_chunk::<8>() else {
            return Err(BadValue::malformed("numeric", value));
        };
        let (digits, rest) = tail.as_chunks::<2>();
        if digits.len() != usize::from(u16::from_be_bytes([head[0], head[1]])) || !rest.is_empty() {
            return Err(BadValue::malformed("numeric", value));
        }
        let weight = i32::from(i16::from_be_bytes([head[2], head[3]]));
        match u16::from_be_bytes([head[4], head[5]]) {
            POSITIVE => Ok(Some(Finite { digits, weight, negative: false })),
            NEGATIVE => Ok(Some(Finite { digits, weight, negative: true })),
            sign => self.not_finite(sign, value),
        }
    }

    #[cold]
    fn not_finite<'a>(&self, sign: u16, value: &[u8]) -> Result<Option<Finite<'a>>, BadValue> {
        let name = match sign {
            NAN => "NaN",
            INFINITY => "Infinity",
            NEGATIVE_INFINITY => "-Infinity",
            _ => return Err(BadValue::malformed("numeric", value)),
        };
        BadValue::special(self.special, format!("{name} is not a {}", self.name()))
    }

    /// The scaled absolute value of up to four digits (below 10^16), or none if this is not the easy case.
    #[inline]
    fn small(&self, number: &Finite<'_>) -> Option<u128> {
        let count = number.digits.len();
        if count > 4 {
            return None;
        }
        let mut mantissa = 0u64;
        for digit in number.digits {
            let digit = u16::from_be_bytes(*digit);
            if digit > 9999 {
                return None;
            }
            mantissa = mantissa * 10_000 + u64::from(digit);
        }
        // The last digit's unit in units of the target; division by constants, for speed.
        let shift = (number.weight + 1 - count as i32) * 4 + i32::from(self.scale);
        let (quotient, remainder) = match shift {
            0..20 => return Some(u128::from(mantissa) * u128::from(POWERS[shift as usize])),
            -1 => (mantissa / 10, mantissa % 10),
            -2 => (mantissa / 100, mantissa % 100),
            -3 => (mantissa / 1000, mantissa % 1000),
            _ => return None,
        };
        (remainder == 0).then_some(u128::from(quotient))
    }

    /// The scaled absolute value of any number, or why there is none.
    fn large<M: Magnitude>(&self, number: &Finite<'_>) -> Result<M, BadValue> {
        let used = number.digits.iter().rposition(|digit| *digit != [0, 0]).map_or(0, |last| last + 1);
        let Some((last, first)) = number.digits[..used].split_last() else {
            return Ok(M::ZERO);
        };
        let too_large = || self.refuse("is too large for");
        let mut magnitude = M::ZERO;
        for digit in first {
            magnitude = magnitude.push(10_000, checked_digit(*digit)?).ok_or_else(too_large)?;
        }
        let last = checked_digit(*last)?;
        let mut shift = (number.weight - first.len() as i32) * 4 + i32::from(self.scale);
        if shift < 0 {
            // The last digit is not zero, so at least one of its four places must be above the scale.
            let unit = match shift {
                -1 => 10,
                -2 => 100,
                -3 => 1000,
                _ => return Err(self.refuse("has more decimal places than")),
            };
            if !last.is_multiple_of(unit) {
                return Err(self.refuse("has more decimal places than"));
            }
            return magnitude.push(10_000 / unit, last / unit).ok_or_else(too_large);
        }
        magnitude = magnitude.push(10_000, last).ok_or_else(too_large)?;
        while shift > 0 {
            let step = shift.min(4);
            magnitude = magnitude.push(POWERS[step as usize] as u16, 0).ok_or_else(too_large)?;
            shift -= step;
        }
        Ok(magnitude)
    }

    #[cold]
    fn refuse(&self, why: &str) -> BadValue {
        BadValue::new(format!("number {why} {}", self.name()))
    }

    fn name(&self) -> String {
        format!("decimal({},{})", self.precision, self.scale)
    }
}

#[inline]
fn checked_digit(digit: [u8; 2]) -> Result<u16, BadValue> {
    match u16::from_be_bytes(digit) {
        digit @ 0..=9999 => Ok(digit),
        digit => Err(BadValue::new(format!("the server sent a numeric with the digit {digit}"))),
    }
}

/// numeric to Decimal128.
pub(super) struct ToDecimal128 {
    target: Target,
    /// 10^precision: the first absolute value that does not fit.
    limit: u128,
}

impl ToDecimal128 {
    pub(super) fn new(precision: u8, scale: i8, special: SpecialValues) -> Self {
        let limit = 10u128.saturating_pow(precision.into());
        Self { target: Target { precision, scale, special }, limit }
    }
}

impl ToDecimal128 {
    /// The usual number: finite, of at most three digits to the base of 10,000, and of 64 bits when scaled. None for
    /// every other one and for what is not a number at all.
    #[inline(always)]
    fn quick(&self, value: &[u8]) -> Option<i64> {
        let (head, digits) = value.split_first_chunk::<8>()?;
        let head = u64::from_be_bytes(*head);
        let digit = |high: u8, low: u8| u64::from(u16::from_be_bytes([high, low]));
        let (mantissa, largest) = match *digits {
            [a, b] => (digit(a, b), digit(a, b)),
            [a, b, c, d] => {
                let (first, second) = (digit(a, b), digit(c, d));
                (first * 10_000 + second, first.max(second))
            }
            [a, b, c, d, e, f] => {
                let (first, second, third) = (digit(a, b), digit(c, d), digit(e, f));
                ((first * 10_000 + second) * 10_000 + third, first.max(second).max(third))
            }
            [] => (0, 0),
            _ => return None,
        };
        let count = (head >> 48) as usize;
        let weight = i32::from((head >> 32) as i16);
        let sign = (head >> 16) as u16;
        if largest > 9999 || digits.len() != 2 * count || !matches!(sign, POSITIVE | NEGATIVE) {
            return None;
        }
        // The last digit's unit in units of the target; by constants, for speed.
        let shift = (weight + 1 - count as i32) * 4 + i32::from(self.target.scale);
        let (magnitude, rest) = match shift {
            -2 => (mantissa / 100, mantissa % 100),
            2 => (mantissa * 100, 0),
            0 => (mantissa, 0),
            1 => (mantissa * 10, 0),
            3 => (mantissa * 1000, 0),
            4 => (mantissa * 10_000, 0),
            -1 => (mantissa / 10, mantissa % 10),
            -3 => (mantissa / 1000, mantissa % 1000),
            _ if mantissa == 0 => (0, 0),
            _ => return None,
        };
        // Below 10^16, hence positive in 64 bits with sign.
        let signed = if sign == NEGATIVE { -(magnitude as i64) } else { magnitude as i64 };
        (rest == 0 && u128::from(magnitude) < self.limit).then_some(signed)
    }

    /// Any number.
    fn convert_any(&self, value: &[u8]) -> Result<Option<i128>, BadValue> {
        let Some(number) = self.target.parse(value)? else {
            return Ok(None);
        };
        let magnitude = match self.target.small(&number) {
            Some(magnitude) => magnitude,
            None => self.target.large::<u128>(&number)?,
        };
        if magnitude >= self.limit {
            return Err(self.target.refuse("is too large for"));
        }
        // Below 10^38, hence below 2^127.
        let magnitude = magnitude as i128;
        Ok(Some(if number.negative { -magnitude } else { magnitude }))
    }
}

impl Convert for ToDecimal128 {
    type Sent = Bytes;
    type Arrow = Decimal128Type;

    #[inline(always)]
    fn convert(&self, value: &[u8]) -> Result<Option<i128>, BadValue> {
        match self.quick(value) {
            Some(number) => Ok(Some(number.into())),
            None => self.convert_any(value),
        }
    }
}

/// numeric to Decimal256.
pub(super) struct ToDecimal256 {
    target: Target,
    /// 10^precision: the first absolute value that does not fit.
    limit: i256,
}

impl ToDecimal256 {
    pub(super) fn new(precision: u8, scale: i8, special: SpecialValues) -> Self {
        let limit = i256::from_i128(10).checked_pow(precision.into()).unwrap_or(i256::MAX);
        Self { target: Target { precision, scale, special }, limit }
    }
}

impl Convert for ToDecimal256 {
    type Sent = Bytes;
    type Arrow = Decimal256Type;

    fn convert(&self, value: &[u8]) -> Result<Option<i256>, BadValue> {
        let Some(number) = self.target.parse(value)? else {
            return Ok(None);
        };
        let magnitude = match self.target.small(&number) {
            Some(magnitude) => i256::from_parts(magnitude, 0),
            None => self.target.large::<i256>(&number)?,
        };
        if magnitude >= self.limit {
            return Err(self.target.refuse("is too large for"));
        }
        Ok(Some(if number.negative { magnitude.wrapping_neg() } else { magnitude }))
    }
}
