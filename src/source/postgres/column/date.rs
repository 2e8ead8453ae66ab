//! date: days since 2000-01-01 in four bytes, the extremes meaning infinity.

use arrow::datatypes::Date32Type;

use super::decode::fixed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;
use crate::spec::SpecialValues;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;

pub(super) struct ToDate32 {
    pub(super) special: SpecialValues,
}

impl Convert for ToDate32 {
    type Sent = Bytes;
    type Arrow = Date32Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i32>, BadValue> {
        match i32::from_be_bytes(fixed("date", value)?) {
            i32::MAX => BadValue::special(self.special, "infinity is not a Parquet date"),
            i32::MIN => BadValue::special(self.special, "-infinity is not a Parquet date"),
            days => match days.checked_add(EPOCH_DAYS) {
                Some(days) => Ok(Some(days)),
                None => Err(BadValue::new("date is out of the range of 32-bit days")),
            },
        }
    }
}
