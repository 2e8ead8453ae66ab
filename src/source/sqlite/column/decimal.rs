//! DECIMAL(p,s), which SQLite stores as INTEGER where it can, as REAL where it must, and as TEXT where both would lose.

use arrow::datatypes::Decimal128Type;
use rusqlite::types::ValueRef;

use super::decode::Stored;
use crate::source::kit::column::BadValue;
use crate::source::kit::decimal::Decimal;
use crate::source::kit::primitive::Convert;

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
    decimal: Decimal,
    /// 10^scale as a double, if it is one exactly.
    power: Option<f64>,
}

impl ToDecimal128 {
    /// Precision 1 to 38, scale 0 to precision.
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        let power = POWERS.get(usize::from(scale.unsigned_abs())).copied();
        Self { decimal: Decimal::new(precision, scale), power }
    }

    /// The decimal of the shortest text that means this double, if it fits.
    #[inline]
    fn real(&self, value: f64) -> Option<i128> {
        if let Some(power) = self.power {
            let scaled = (value * power).round();
            // If a decimal of at most 15 digits has this double as its nearest, no other one has, so it is
            // what the shortest text says. The division is of two exact doubles, hence correctly rounded.
            if scaled.abs() < EXACT_DIGITS && scaled / power == value {
                return self.decimal.within(scaled as i128);
            }
        }
        if !value.is_finite() {
            return None;
        }
        self.decimal.text(format!("{value:e}").as_bytes())
    }
}

impl Convert for ToDecimal128 {
    type Sent = Stored;
    type Arrow = Decimal128Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<i128>, BadValue> {
        let scaled = match value {
            ValueRef::Real(v) => self.real(v),
            ValueRef::Integer(v) => self.decimal.integer(v),
            ValueRef::Text(text) => self.decimal.text(text),
            _ => None,
        };
        scaled.map(Some).ok_or_else(|| BadValue::misfit(value, &format!("a {}", self.decimal)))
    }
}
