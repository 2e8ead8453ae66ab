//! decimal: `-123.45`, with as many digits behind the point as the type has, to a decimal of that scale.

use arrow::datatypes::{Decimal128Type, Decimal256Type, i256};

use super::form::malformed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;

/// Digits that 64 bits always hold.
const CHUNK: usize = 19;

/// Sign, and the digits before and behind the point.
#[inline]
fn parts(text: &[u8], scale: usize) -> Option<(bool, &[u8], &[u8])> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if scale == 0 {
        return (!digits.is_empty()).then_some((negative, digits, &[]));
    }
    let (whole, rest) = digits.split_at_checked(digits.len().checked_sub(scale + 1)?)?;
    match rest {
        [b'.', fraction @ ..] => Some((negative, whole, fraction)),
        _ => None,
    }
}

/// The number of at most [`CHUNK`] digits.
#[inline]
fn chunk(digits: &[u8]) -> Option<u64> {
    let (mut number, mut wrong) = (0_u64, false);
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        wrong |= digit > 9;
        number = number.wrapping_mul(10).wrapping_add(digit.into());
    }
    (!wrong).then_some(number)
}

/// The number of digits, if it is below 2^127.
#[inline]
fn number(digits: &[u8]) -> Option<i128> {
    if digits.len() <= CHUNK {
        return chunk(digits).map(i128::from);
    }
    let mut number = 0_i128;
    for part in digits.chunks(CHUNK) {
        let power = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        number = number.checked_mul(power)?.checked_add(chunk(part)?.into())?;
    }
    Some(number)
}

/// The number of digits, if it is below 2^255.
fn wide_number(digits: &[u8]) -> Option<i256> {
    let mut number = i256::ZERO;
    for part in digits.chunks(CHUNK) {
        let power = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let part = i256::from_i128(chunk(part)?.into());
        number = number.checked_mul(i256::from_i128(power))?.checked_add(part)?;
    }
    Some(number)
}

/// To at most 38 digits.
pub(super) struct ToDecimal128 {
    scale: usize,
    /// 10^scale.
    unit: i128,
    /// 10^precision: the first absolute value that does not fit.
    limit: i128,
}

impl ToDecimal128 {
    /// Precision 1 to 38, scale 0 to precision.
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        let scale = scale.unsigned_abs();
        Self {
            scale: scale.into(),
            unit: 10_i128.saturating_pow(scale.into()),
            limit: 10_i128.saturating_pow(precision.into()),
        }
    }

    #[inline]
    fn parse(&self, text: &[u8]) -> Option<i128> {
        let (negative, whole, fraction) = parts(text, self.scale)?;
        let scaled = number(whole)?.checked_mul(self.unit)?.checked_add(number(fraction)?)?;
        (scaled < self.limit).then_some(if negative { -scaled } else { scaled })
    }
}

impl Convert for ToDecimal128 {
    type Sent = Bytes;
    type Arrow = Decimal128Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i128>, BadValue> {
        self.parse(value).map(Some).ok_or_else(|| malformed("decimal of the column's digits", value))
    }
}

/// To at most 76 digits.
pub(super) struct ToDecimal256 {
    scale: usize,
    unit: i256,
    limit: i256,
}

impl ToDecimal256 {
    /// Precision 1 to 76, scale 0 to precision.
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        let scale = scale.unsigned_abs();
        let ten = i256::from_i128(10);
        Self {
            scale: scale.into(),
            unit: ten.wrapping_pow(scale.into()),
            limit: ten.wrapping_pow(precision.into()),
        }
    }

    fn parse(&self, text: &[u8]) -> Option<i256> {
        let (negative, whole, fraction) = parts(text, self.scale)?;
        let scaled = wide_number(whole)?.checked_mul(self.unit)?.checked_add(wide_number(fraction)?)?;
        if scaled >= self.limit {
            return None;
        }
        if negative { scaled.checked_neg() } else { Some(scaled) }
    }
}

impl Convert for ToDecimal256 {
    type Sent = Bytes;
    type Arrow = Decimal256Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i256>, BadValue> {
        self.parse(value).map(Some).ok_or_else(|| malformed("decimal of the column's digits", value))
    }
}
