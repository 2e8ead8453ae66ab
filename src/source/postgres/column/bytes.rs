//! bytea.

use arrow::datatypes::BinaryType;

use super::BadValue;
use super::variable::Checked;

impl Checked for BinaryType {
    #[inline]
    fn check(value: &[u8]) -> Result<&[u8], BadValue> {
        Ok(value)
    }
}
