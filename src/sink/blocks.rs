//! The bytes of a file, as they go to its upload.

use std::io::Write;

use bytes::Bytes;

/// Bytes of the encoder, in blocks that go to the upload as they are.
pub(super) struct Blocks {
    full: std::collections::VecDeque<Vec<u8>>,
    last: Vec<u8>,
    bytes: usize,
}

impl Blocks {
    /// Blocks of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { full: std::collections::VecDeque::new(), last: Vec::new(), bytes }
    }

    pub(super) fn next(&mut self, all: bool) -> Option<Bytes> {
        let block = match self.full.pop_front() {
            Some(block) => block,
            None if all && !self.last.is_empty() => std::mem::take(&mut self.last),
            None => return None,
        };
        Some(Bytes::from(block))
    }
}

impl Write for Blocks {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let room = self.bytes - self.last.len();
        let taken = data.len().min(room);
        // A block never grows, so that no byte is copied twice; pages that are not used cost no memory.
        if self.last.capacity() == 0 {
            self.last.reserve_exact(self.bytes);
        }
        self.last.extend_from_slice(&data[..taken]);
        if self.last.len() == self.bytes {
            self.full.push_back(std::mem::take(&mut self.last));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Bytes handed to the upload at once.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// The same, of files of which many are open.
pub(super) const SMALL_BLOCK_BYTES: usize = 1 << 17;
