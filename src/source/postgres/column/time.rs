//! time without time zone: microseconds since midnight in eight bytes; 24:00:00 is a value of its own.

use arrow::datatypes::Time64MicrosecondType;

use super::decode::fixed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;
use crate::spec::SpecialValues;

const DAY_MICROSECONDS: i64 = 86_400_000_000;

pub(super) struct ToTime64 {
    pub(super) special: SpecialValues,
}

impl Convert for ToTime64 {
    type Sent = Bytes;
    type Arrow = Time64MicrosecondType;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        match i64::from_be_bytes(fixed("time", value)?) {
            micros @ 0..DAY_MICROSECONDS => Ok(Some(micros)),
            DAY_MICROSECONDS => BadValue::special(self.special, "24:00:00 is not a Parquet time"),
            _ => Err(BadValue::new("time is outside of the day")),
        }
    }
}
