//! bytea.

use arrow::datatypes::BinaryType;

use super::BadValue;
use super::variable::Checked;

impl Checked for BinaryType {
    #[inline]
    fn check(_value: &[u8]) -> Result<(), BadValue> {
        Ok(())
    }

    fn plain(_values: &[u8]) -> bool {
        true
    }
}
