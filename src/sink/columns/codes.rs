//! When a dictionary pays, and the codes of the page that is being filled.

use parquet::basic::Encoding;

use super::chunk::Chunk;
use super::codec::Codec;
use super::hybrid::{put_codes, width};
use crate::error::Result;

/// Bytes of values after which a dictionary takes no more.
const DICTIONARY_BYTES: usize = 1 << 20;
/// Values after which it is looked whether new ones still come.
const SAMPLE: usize = 16_384;
/// What dictionary and codes may take of the plain values' bytes: reading them back has a price too, and plain values
/// compress better.
const SHARE: f64 = 0.7;

/// Codes of the values of a page.
#[derive(Default)]
pub(super) struct Codes {
    /// One per value.
    pub(super) page: Vec<u32>,
    seen: usize,
    /// Values and distinct values when half of the sample had been seen.
    half: Option<(usize, usize)>,
    decided: bool,
}

impl Codes {
    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.page.capacity() * size_of::<u32>()
    }

    /// Whether a dictionary of so many bytes takes no more values.
    pub(super) fn is_full(dictionary_bytes: usize) -> bool {
        dictionary_bytes >= DICTIONARY_BYTES
    }

    /// Notes each addition and the distinct values after it. Says once, of the second half of the sample,
    /// whether more than the share `max_new_share` were new, so that there is no use in going on.
    pub(super) fn dictionary_unlikely_to_pay(
        &mut self,
        added: usize,
        distinct: usize,
        max_new_share: f64,
    ) -> bool {
        self.seen += added;
        match self.half {
            None if self.seen >= SAMPLE / 2 => self.half = Some((self.seen, distinct)),
            Some((seen, before)) if !self.decided && self.seen >= seen + SAMPLE / 2 => {
                self.decided = true;
                return (distinct - before) as f64 > (self.seen - seen) as f64 * max_new_share;
            }
            _ => {}
        }
        false
    }

    /// Whether dictionary and codes take less than plain values of so many bytes.
    pub(super) fn pay(&self, dictionary_bytes: usize, distinct: usize, plain_bytes: usize) -> bool {
        let codes = self.page.len() * width(distinct) as usize / 8;
        ((dictionary_bytes + codes) as f64) < plain_bytes as f64 * SHARE
    }

    /// Ends the page with these codes of a dictionary of `distinct` values.
    pub(super) fn end_page(&mut self, chunk: &mut Chunk, codec: &mut Codec, distinct: usize) -> Result<()> {
        let width = width(distinct);
        chunk.end_page(codec, Encoding::RLE_DICTIONARY, |page| {
            page.push(width as u8);
            put_codes(page, &self.page, width);
        })?;
        self.page.clear();
        Ok(())
    }
}
