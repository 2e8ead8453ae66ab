//! The codes of the page that is being filled.

use parquet::basic::Encoding;

use super::chunk::Chunk;
use super::codec::Codec;
use super::error::Result;
use super::hybrid::{put_codes, width};

/// Codes of the values of a page.
#[derive(Default)]
pub(super) struct Codes {
    /// One per value.
    pub(super) page: Vec<u32>,
}

impl Codes {
    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.page.capacity() * size_of::<u32>()
    }

    /// Bytes of the codes in a page, of a dictionary of `distinct` values.
    pub(super) fn encoded(&self, distinct: usize) -> usize {
        self.page.len() * width(distinct) as usize / 8
    }

    /// Gives each code of the page once, of a dictionary of `distinct` values.
    pub(super) fn each(&self, distinct: usize, mut take: impl FnMut(u32)) {
        let mut seen = vec![0u64; distinct.div_ceil(64)];
        for code in &self.page {
            let (word, bit) = (&mut seen[*code as usize / 64], 1 << (code % 64));
            if *word & bit == 0 {
                *word |= bit;
                take(*code);
            }
        }
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
