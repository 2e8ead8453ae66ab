//! The read buffer, and the packets in it, found without copying.
//!
//! A packet of 16 MiB or more comes in parts, each with a header of its own. The headers are taken out where they lie, so
//! that the parts are one slice.

use std::io;
use std::ops::Range;

use crate::client::transport::{Stream, buffer};

/// Three bytes of length, one of the packet's number.
pub(super) const HEADER_BYTES: usize = 4;

/// Length of a part that another one follows.
pub(super) const FULL: usize = 0xff_ffff;

/// First byte of an error.
pub(super) const ERROR: u8 = 0xff;

/// Most bytes before the login is done, in one packet or in all.
const LOGIN_LIMIT: usize = 1024 * 1024;

/// Longest packet after it: servers' `max_allowed_packet` ends there.
pub(super) const PACKET_LIMIT: usize = 1 << 30;

/// Where the body of a packet lies until the next [`Packets::fill`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// The same, as indices of [`Packets::buffer`].
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Bytes received and not yet looked at, `bytes[start..end]`.
pub(super) struct Packets {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the packet at `start`, after its header, from which the headers of later parts are gone; 0 when none of
    /// its parts is complete.
    joined: usize,
    /// Number of the next packet, whoever sends it.
    number: u8,
    /// Longest packet accepted.
    limit: usize,
    /// Bytes received in all.
    received: usize,
}

impl Packets {
    /// An empty small buffer, for the packets of the login.
    pub(super) fn for_login() -> Self {
        Self {
            bytes: vec![0; 8 * 1024],
            start: 0,
            end: 0,
            joined: 0,
            number: 0,
            limit: LOGIN_LIMIT,
            received: 0,
        }
    }

    /// Takes as many packets as come from now on, of any length that a server can make.
    pub(super) fn lift_limit(&mut self) {
        self.limit = PACKET_LIMIT;
    }

    /// A command begins: its first packet has number 0.
    pub(super) fn restart(&mut self) {
        self.number = 0;
    }

    /// The header of our next packet, or part of one.
    pub(super) fn header(&mut self, length: usize) -> [u8; HEADER_BYTES] {
        let [a, b, c, ..] = length.to_le_bytes();
        let header = [a, b, c, self.number];
        self.number = self.number.wrapping_add(1);
        header
    }

    /// Whether nothing is there that was not taken.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The next complete packet; none when more bytes are needed. An error says what is wrong with the packet.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Packet>, String> {
        loop {
            let head = self.head();
            let [a, b, c, number, rest @ ..] = &self.bytes[head..self.end] else { return Ok(None) };
            let length = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
            if self.joined + length > self.limit {
                return Err(format!("a packet of more than {} bytes", self.limit));
            }
            if rest.len() < length {
                return Ok(None);
            }
            // The last words of a server that ends a connection do not wait for their turn.
            let is_error = self.joined == 0 && length > 0 && rest[0] == ERROR;
            if *number != self.number && !is_error {
                return Err(format!("packet {number} instead of {}", self.number));
            }
            self.number = number.wrapping_add(1);
            if self.joined > 0 {
                self.bytes.copy_within(head + HEADER_BYTES..self.end, head);
                self.end -= HEADER_BYTES;
            }
            self.joined += length;
            if length < FULL {
                let start = self.start + HEADER_BYTES;
                self.start = start + self.joined;
                self.joined = 0;
                return Ok(Some(Packet { start, end: self.start }));
            }
        }
    }

    /// Where the header of the next part lies, or will.
    #[inline]
    fn head(&self) -> usize {
        if self.joined == 0 { self.start } else { self.start + HEADER_BYTES + self.joined }
    }

    /// The bytes of a packet that was found since the last [`Self::fill`].
    #[inline]
    pub(super) fn body(&self, packet: Packet) -> &[u8] {
        &self.bytes[packet.start..packet.end]
    }

    /// All bytes, taken and not. Packets that were found stay where they are until the next [`Self::fill`].
    #[inline]
    pub(super) fn buffer(&self) -> &[u8] {
        &self.bytes
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
        self.limit == LOGIN_LIMIT && self.received > LOGIN_LIMIT
    }

    fn make_room(&mut self) {
        buffer::to_front(&mut self.bytes, &mut self.start, &mut self.end);
        let head = self.head();
        let wanted = match &self.bytes[head..self.end] {
            [a, b, c, _, ..] => head + HEADER_BYTES + u32::from_le_bytes([*a, *b, *c, 0]) as usize,
            _ => head + HEADER_BYTES,
        };
        buffer::make_room(&mut self.bytes, self.end, wanted, self.limit > LOGIN_LIMIT);
    }
}

#[cfg(test)]
impl Packets {
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
