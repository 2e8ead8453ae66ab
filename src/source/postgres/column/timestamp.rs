//! timestamp and timestamptz: microseconds since 2000-01-01 (UTC) in eight bytes, the extremes meaning infinity.

use arrow::datatypes::TimestampMicrosecondType;

use super::decode::fixed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;
use crate::spec::SpecialValues;

/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

pub(super) struct ToTimestamp {
    pub(super) special: SpecialValues,
}

impl Convert for ToTimestamp {
    type Sent = Bytes;
    type Arrow = TimestampMicrosecondType;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        match i64::from_be_bytes(fixed("timestamp", value)?) {
            i64::MAX => BadValue::special(self.special, "infinity is not a Parquet timestamp"),
            i64::MIN => BadValue::special(self.special, "-infinity is not a Parquet timestamp"),
            micros => match micros.checked_add(EPOCH_MICROSECONDS) {
                Some(micros) => Ok(Some(micros)),
                // The last 29 years that PostgreSQL knows, up to 294276.
                None => Err(BadValue::new("timestamp is out of the range of 64-bit microseconds since 1970")),
            },
        }
    }
}
