//! What is wrong with bytes that no value of their type has.

use crate::source::kit::column::BadValue;

/// Bytes that the server's type never has.
#[cold]
pub(super) fn malformed(type_name: &str, value: &[u8]) -> BadValue {
    BadValue::new(format!("the server sent {} bytes that are no {type_name}", value.len()))
}

/// The `N` bytes of a value of fixed size.
#[inline]
pub(super) fn fixed<const N: usize>(type_name: &str, value: &[u8]) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| malformed(type_name, value))
}
