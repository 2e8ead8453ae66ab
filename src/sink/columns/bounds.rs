//! The smallest and the largest value of a chunk.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::page_index::PageBounds;

/// Bytes of a bound in the footer; a longer one is cut, and the largest then rounded up.
const LENGTH: usize = 64;

/// Smallest and largest of byte strings, in the order of their bytes.
#[derive(Default)]
pub(super) struct ByteBounds {
    /// Both, with their first eight bytes as a number. One byte more than a bound has is enough to cut it, and what
    /// is equal that far has the same bound.
    both: Option<[(u64, Vec<u8>); 2]>,
}

impl ByteBounds {
    /// Takes `value` into account.
    #[inline]
    pub(super) fn add(&mut self, value: &[u8]) {
        let head = head(value);
        if let Some([(low, _), (high, _)]) = &self.both
            && *low < head
            && head < *high
        {
            return;
        }
        self.add_outer(head, value);
    }

    fn add_outer(&mut self, head: u64, value: &[u8]) {
        let value = &value[..value.len().min(LENGTH + 1)];
        let replace = |bound: &mut (u64, Vec<u8>)| {
            bound.0 = head;
            bound.1.clear();
            bound.1.extend_from_slice(value);
        };
        match &mut self.both {
            None => self.both = Some([(head, value.to_vec()), (head, value.to_vec())]),
            Some([low, high]) => {
                if value < low.1.as_slice() {
                    replace(low);
                } else if value > high.1.as_slice() {
                    replace(high);
                }
            }
        }
    }

    /// Takes all values of `other` into account.
    pub(super) fn merge(&mut self, other: &Self) {
        for (_, bound) in other.both.iter().flatten() {
            self.add(bound);
        }
    }

    /// The same for a page; `utf8` if its values are text, of which no character is cut.
    pub(super) fn of_page(&self, utf8: bool) -> PageBounds {
        let Some([(_, low), (_, high)]) = &self.both else { return PageBounds::Empty };
        match (shorten_low(low.clone(), utf8), shorten_high(high.clone(), utf8)) {
            (Some((low, _)), Some((high, _))) => PageBounds::Between(low.data().into(), high.data().into()),
            _ => PageBounds::Unknown,
        }
    }

    /// Statistics of a chunk with so many NULLs; `utf8` if its values are text, of which no character is cut.
    pub(super) fn statistics(self, utf8: bool, nulls: u64) -> Statistics {
        let [low, high] = match self.both {
            None => [None, None],
            Some([(_, low), (_, high)]) => [shorten_low(low, utf8), shorten_high(high, utf8)],
        };
        let exact = |bound: &Option<(ByteArray, bool)>| bound.as_ref().is_some_and(|(_, exact)| *exact);
        let (low_exact, high_exact) = (exact(&low), exact(&high));
        let values = ValueStatistics::new(low.map(|b| b.0), high.map(|b| b.0), None, Some(nulls), false)
            .with_min_is_exact(low_exact)
            .with_max_is_exact(high_exact);
        Statistics::ByteArray(values)
    }
}

/// The first eight bytes as a number that orders as they do; shorter values are filled with zeros.
#[inline]
fn head(value: &[u8]) -> u64 {
    match value.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            value.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)) << (8 * (8 - value.len()) % 64)
        }
    }
}

/// A bound that is not above `value`, and whether it is `value`.
fn shorten_low(mut value: Vec<u8>, utf8: bool) -> Option<(ByteArray, bool)> {
    if value.len() <= LENGTH {
        return Some((value.into(), true));
    }
    let length = cut(&value, utf8);
    value.truncate(length);
    Some((value.into(), false))
}

/// A bound that is not below `value`, and whether it is `value`; none if there is no short one.
fn shorten_high(mut value: Vec<u8>, utf8: bool) -> Option<(ByteArray, bool)> {
    if value.len() <= LENGTH {
        return Some((value.into(), true));
    }
    let length = cut(&value, utf8);
    value.truncate(length);
    let above = if utf8 { next_text(&value) } else { next_bytes(value) };
    above.map(|above| (above.into(), false))
}

/// The largest length up to the limit at which no character is cut.
fn cut(value: &[u8], utf8: bool) -> usize {
    let is_start = |at: &usize| value[*at] & 0b1100_0000 != 0b1000_0000;
    if utf8 { (1..=LENGTH).rev().find(is_start).unwrap_or(LENGTH) } else { LENGTH }
}

/// The shortest bytes above all that begin with `value`.
fn next_bytes(mut value: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = value.pop() {
        if let Some(next) = last.checked_add(1) {
            value.push(next);
            return Some(value);
        }
    }
    None
}

/// A text above all that begin with `value`.
fn next_text(value: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(value).ok()?;
    for (at, last) in text.char_indices().rev() {
        // The numbers of surrogates are not characters.
        let next = (u32::from(last) + 1..=u32::from(last) + 0x801).find_map(char::from_u32);
        if let Some(next) = next {
            let mut above = text[..at].to_owned();
            above.push(next);
            return Some(above.into_bytes());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics_of(values: &[&[u8]], utf8: bool) -> (Option<Vec<u8>>, Option<Vec<u8>>, bool, bool) {
        let mut bounds = ByteBounds::default();
        for value in values {
            bounds.add(value);
        }
        let Statistics::ByteArray(found) = bounds.statistics(utf8, 0) else { unreachable!("byte arrays") };
        let bytes = |bound: Option<&ByteArray>| bound.map(|b| b.data().to_vec());
        (bytes(found.min_opt()), bytes(found.max_opt()), found.min_is_exact(), found.max_is_exact())
    }

    #[test]
    fn order_is_that_of_the_bytes() {
        let values: [&[u8]; 9] =
            [b"b", b"", b"abcdefgh", b"abcdefghi", b"abcdefg\0", b"\xff", b"ab\0", b"ab", b"\xff\xff"];
        for subset in 1..1u32 << values.len() {
            let chosen: Vec<&[u8]> =
                values.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1).map(|(_, v)| *v).collect();
            let (low, high, ..) = statistics_of(&chosen, false);
            assert_eq!(low.as_deref(), chosen.iter().min().copied(), "{chosen:?}");
            assert_eq!(high.as_deref(), chosen.iter().max().copied(), "{chosen:?}");
        }
        let (low, high, ..) = statistics_of(&[], true);
        assert_eq!((low, high), (None, None));
    }

    #[test]
    fn long_values_are_cut_and_still_bound() {
        let cases: [(Vec<u8>, bool); 6] = [
            (vec![b'x'; 64], true),
            (vec![b'x'; 65], true),
            ("ä".repeat(40).into_bytes(), true),
            ([b"x".to_vec(), "\u{d7ff}".repeat(30).into_bytes()].concat(), true),
            (["é".repeat(10).into_bytes(), "\u{10ffff}".repeat(30).into_bytes()].concat(), true),
            ([vec![7; 10], vec![0xff; 60]].concat(), false),
        ];
        for (value, utf8) in cases {
            let (low, high, low_exact, high_exact) = statistics_of(&[&value], utf8);
            let (low, high) = (low.expect("low"), high.expect("high"));
            assert!(low <= value && value <= high && low.len() <= LENGTH && high.len() <= LENGTH + 1);
            assert_eq!((low_exact, high_exact), (low == value, high == value));
            if utf8 {
                assert!(str::from_utf8(&low).is_ok() && str::from_utf8(&high).is_ok());
            }
        }
        let (low, high, ..) = statistics_of(&[&[0xff; 70]], false);
        assert_eq!((low, high), (Some(vec![0xff; 64]), None));
        let (_, high, ..) = statistics_of(&["\u{10ffff}".repeat(20).as_bytes()], true);
        assert_eq!(high, None);
    }
}
