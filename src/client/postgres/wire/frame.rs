//! The read buffer, and the messages in it, found without copying.

use std::io;
use std::ops::Range;

use super::error;
use crate::client::transport::{Stream, buffer};
use crate::error::Result;

/// Tag and length of a message.
const HEADER_BYTES: usize = 5;

/// Most bytes before the login is done, in one message or in all: more means that no PostgreSQL server answers.
pub(super) const STARTUP_LIMIT: usize = 1024 * 1024;

/// Longest message after it. PostgreSQL makes none of a gigabyte: its own buffers end there.
const MESSAGE_LIMIT: usize = 1 << 30;

/// One message: what it is, and where its body lies until the next [`Frames::fill`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) tag: u8,
    start: usize,
    end: usize,
}

impl Frame {
    /// Where its body lies in [`Frames::buffer`].
    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Bytes received and not yet looked at, `bytes[start..end]`.
pub(super) struct Frames {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Longest message accepted.
    limit: usize,
    /// Bytes received in all.
    received: usize,
}

impl Frames {
    /// An empty small buffer, for the messages of the login.
    pub(super) fn for_startup() -> Self {
        Self { bytes: vec![0; 8 * 1024], start: 0, end: 0, limit: STARTUP_LIMIT, received: 0 }
    }

    /// Takes as many messages as come from now on, of any length that a server can make.
    pub(super) fn lift_limit(&mut self) {
        self.limit = MESSAGE_LIMIT;
    }

    /// The next complete message; none when more bytes are needed.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        let [tag, a, b, c, d, rest @ ..] = &self.bytes[self.start..self.end] else { return Ok(None) };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if length < 4 || length > self.limit {
            return Err(error::protocol(&format!("message {:?} of {length} bytes", char::from(*tag))));
        }
        if rest.len() < length - 4 {
            return Ok(None);
        }
        let start = self.start + HEADER_BYTES;
        let frame = Frame { tag: *tag, start, end: start + length - 4 };
        self.start = frame.end;
        Ok(Some(frame))
    }

    /// The body of a message of kind `tag`, if that is what comes next and it is complete.
    #[inline]
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Frame> {
        match &self.bytes[self.start..self.end] {
            [first, a, b, c, d, rest @ ..] if *first == tag => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                if length < 4 || rest.len() < length - 4 {
                    return None;
                }
                let start = self.start + HEADER_BYTES;
                self.start = start + length - 4;
                Some(Frame { tag, start, end: self.start })
            }
            _ => None,
        }
    }

    /// The bytes of a message that was found since the last [`Self::fill`].
    #[inline]
    pub(super) fn body(&self, frame: Frame) -> &[u8] {
        &self.bytes[frame.start..frame.end]
    }

    /// All bytes that were read and are still there.
    #[inline]
    pub(super) fn buffer(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// Reads once from the socket, after moving what is left to the front; 0 at the end of the stream.
    pub(super) async fn fill(&mut self, stream: &mut Stream) -> io::Result<usize> {
        self.make_room();
        let count = stream.read(&mut self.bytes[self.end..]).await?;
        self.end += count;
        self.received = self.received.saturating_add(count);
        Ok(count)
    }

    /// Whether more came before the login was done than any server sends.
    pub(super) fn is_flooded(&self) -> bool {
        self.limit == STARTUP_LIMIT && self.received > STARTUP_LIMIT
    }

    fn make_room(&mut self) {
        buffer::to_front(&mut self.bytes, &mut self.start, &mut self.end);
        let wanted = match &self.bytes[..self.end] {
            [_, a, b, c, d, ..] => 1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize,
            _ => HEADER_BYTES,
        };
        buffer::make_room(&mut self.bytes, self.end, wanted, self.limit > STARTUP_LIMIT);
    }
}

#[cfg(test)]
impl Frames {
    /// Puts bytes in as if they had been read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(1024) {
            self.make_room();
            self.bytes[self.end..self.end + chunk.len()].copy_from_slice(chunk);
            self.end += chunk.len();
        }
    }

    /// Bytes held by the buffer.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}
