//! The read buffer of a client: how it grows and shrinks.

/// Bytes asked of the socket in one read, and the usual size of the buffer.
pub(in crate::client) const READ_BYTES: usize = 256 * 1024;
/// A buffer that one huge message made larger than this shrinks afterwards.
const KEEP_BYTES: usize = 16 * READ_BYTES;

/// Moves the bytes from `start` to `end`, which were not taken yet, to the front of `bytes`.
pub(in crate::client) fn to_front(bytes: &mut [u8], start: &mut usize, end: &mut usize) {
    if *start > 0 {
        bytes.copy_within(*start..*end, 0);
        *end -= *start;
        *start = 0;
    }
}

/// Makes room after `end` for a message that takes `wanted` bytes from the front. `is_trusted`: the login is done.
pub(in crate::client) fn make_room(bytes: &mut Vec<u8>, end: usize, wanted: usize, is_trusted: bool) {
    // Doubling follows what really arrives; a length field alone must not make us allocate gigabytes.
    let size = bytes.len();
    let enough = wanted.max(end) + READ_BYTES;
    if size > KEEP_BYTES && enough < size / 4 {
        bytes.truncate(enough.max(READ_BYTES));
        bytes.shrink_to_fit();
    } else if size < READ_BYTES && is_trusted {
        bytes.resize(READ_BYTES, 0);
    } else if size - end < size / 4 {
        bytes.resize(enough.min(size * 2).max(size), 0);
    }
}
