//! bool: one byte, 0 or 1.

use crate::source::kit::boolean::Truth;
use crate::source::kit::column::{BadValue, Bytes};

pub(super) struct Bool;

impl Truth for Bool {
    type Sent = Bytes;

    #[inline]
    fn is_true(&self, value: &[u8]) -> Result<bool, BadValue> {
        match value {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(BadValue::malformed("bool", value)),
        }
    }
}
