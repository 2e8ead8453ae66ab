//! Parquet's DELTA_BINARY_PACKED: differences of neighbours, less the smallest of their block, in as few bits as each
//! quarter of a block needs.

use super::hybrid::{Bits, put_varint};

/// Values in a block.
const BLOCK: usize = 128;
/// Values in a quarter of a block, which has a width of its own.
const MINIBLOCK: usize = 32;

/// An integer as Parquet stores it. Differences wrap around in its own width, as they do when they are added up again.
pub(super) trait Delta: Copy {
    /// `self - before`, wrapped, with its sign.
    fn minus(self, before: Self) -> i64;
    /// `difference - smallest`, wrapped, as bits.
    fn above(difference: i64, smallest: i64) -> u64;
    /// The value with its sign.
    fn wide(self) -> i64;
}

impl Delta for i32 {
    #[inline]
    fn minus(self, before: Self) -> i64 {
        i64::from(self.wrapping_sub(before))
    }
    #[inline]
    fn above(difference: i64, smallest: i64) -> u64 {
        u64::from(difference.wrapping_sub(smallest) as u32)
    }
    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }
}

impl Delta for i64 {
    #[inline]
    fn minus(self, before: Self) -> i64 {
        self.wrapping_sub(before)
    }
    #[inline]
    fn above(difference: i64, smallest: i64) -> u64 {
        difference.wrapping_sub(smallest).cast_unsigned()
    }
    #[inline]
    fn wide(self) -> i64 {
        self
    }
}

/// Appends `values`, at least one.
pub(super) fn put_deltas<T: Delta>(out: &mut Vec<u8>, values: &[T]) {
    put_varint(out, BLOCK as u64);
    put_varint(out, (BLOCK / MINIBLOCK) as u64);
    put_varint(out, values.len() as u64);
    put_zigzag(out, values.first().map_or(0, |first| first.wide()));
    let mut differences = [0i64; BLOCK];
    let mut at = 1;
    while at < values.len() {
        let count = BLOCK.min(values.len() - at);
        for ((difference, pair), _) in differences.iter_mut().zip(values[at - 1..].windows(2)).zip(0..count) {
            *difference = pair[1].minus(pair[0]);
        }
        put_block::<T>(out, &differences[..count]);
        at += count;
    }
}

fn put_block<T: Delta>(out: &mut Vec<u8>, differences: &[i64]) {
    let smallest = differences.iter().copied().min().unwrap_or(0);
    put_zigzag(out, smallest);
    let mut widths = [0u8; BLOCK / MINIBLOCK];
    for (width, part) in widths.iter_mut().zip(differences.chunks(MINIBLOCK)) {
        let bits = part.iter().fold(0, |bits, difference| bits | T::above(*difference, smallest));
        *width = (u64::BITS - bits.leading_zeros()) as u8;
    }
    out.extend_from_slice(&widths);
    for (width, part) in widths.into_iter().zip(differences.chunks(MINIBLOCK)) {
        // A quarter is whole, though the last may hold fewer values.
        let end = out.len() + MINIBLOCK * usize::from(width) / 8;
        let mut bits = Bits::default();
        if width > 0 {
            for difference in part {
                bits.put(out, T::above(*difference, smallest), u32::from(width));
            }
        }
        bits.finish(out);
        out.resize(end, 0);
    }
}

fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}
