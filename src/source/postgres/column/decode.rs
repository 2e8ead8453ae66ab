//! Values in the server's binary form.

use crate::source::kit::column::BadValue;

impl BadValue {
    /// Bytes that the server's type never has.
    #[cold]
    pub(super) fn malformed(type_name: &str, value: &[u8]) -> Self {
        Self::new(format!("the server sent {} bytes that are not a binary {type_name}", value.len()))
    }
}

/// The `N` bytes of a value of fixed size.
#[inline]
pub(super) fn fixed<const N: usize>(type_name: &str, value: &[u8]) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| BadValue::malformed(type_name, value))
}

/// The next four bytes as a number, which are then behind; none when there are fewer.
pub(super) fn take_i32(rest: &mut &[u8]) -> Option<i32> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(i32::from_be_bytes(*head))
}
