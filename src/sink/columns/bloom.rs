//! Bloom filters of chunks: which values are certainly not in them. Parquet's are split into blocks of 256 bits.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_schema::DataType;
use parquet::bloom_filter::{BITSET_MAX_LENGTH, Sbbf};
use twox_hash::XxHash64;

/// How often a filter may say of a value that is not in the chunk that it may be.
pub(super) const RATE: f64 = 0.001;
/// Bits for each value with which the rate holds.
const BITS: usize = 17;
/// Bits in a block.
const BLOCK_BITS: usize = 256;
/// Words in a block; a value sets one bit in each.
const WORDS: usize = 8;
/// The format's multipliers, which choose the bit of each word.
const SALT: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Whether the chunks of a column get a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum BloomChoice {
    /// None.
    #[default]
    Never,
    /// Each that has two values at least.
    Always,
    /// Each in which nearly all values differ.
    Measured,
}

/// Why columns of a type have no Bloom filter; none if they can have one. In words that follow "columns of type T".
pub(crate) fn bloom_filter_refusal(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..=18, _)
        | DataType::FixedSizeBinary(_)
        | DataType::Utf8
        | DataType::LargeUtf8 => None,
        DataType::Boolean => Some("have two values, which no filter tells apart"),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Some("have zeros and NaN that are equal and differ in their bytes")
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Some("of more than 18 digits lose rows by a filter in DataFusion before 55")
        }
        DataType::Binary | DataType::LargeBinary => {
            Some("lose rows by a filter in versions of DuckDB of 2026")
        }
        _ => Some("hold several values each"),
    }
}

/// Whether `--bloom-filter` `auto` looks at columns of a type: at those of keys and names, and not of moments.
pub(crate) fn may_have_measured_bloom_filter(data_type: &DataType) -> bool {
    let of_moments = matches!(
        data_type,
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..)
    );
    bloom_filter_refusal(data_type).is_none() && !of_moments
}

/// The values of a chunk, on their way into a filter.
pub(super) struct Bloom {
    hashes: Vec<u64>,
    /// Whether there is a filter only if nearly all values differ.
    pub(super) measured: bool,
}

impl Bloom {
    pub(super) fn of(choice: BloomChoice) -> Option<Self> {
        let measured = choice == BloomChoice::Measured;
        (choice != BloomChoice::Never).then(|| Self { hashes: Vec::new(), measured })
    }

    /// Takes a value, as Parquet stores it: numbers lowest byte first, bytes without their length.
    #[inline]
    pub(super) fn add(&mut self, value: &[u8]) {
        self.hashes.push(XxHash64::oneshot(0, value));
    }

    /// Takes all values of `array`, of a type that has no encoder here.
    pub(super) fn add_all(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::FixedSizeBinary(_) => {
                let values = array.as_fixed_size_binary();
                values.iter().flatten().for_each(|value| self.add(value));
            }
            DataType::UInt8 => self.add_numbers::<UInt8Type, 4>(array, |n| u32::from(n).to_le_bytes()),
            DataType::UInt16 => self.add_numbers::<UInt16Type, 4>(array, |n| u32::from(n).to_le_bytes()),
            DataType::UInt32 => self.add_numbers::<UInt32Type, 4>(array, u32::to_le_bytes),
            DataType::UInt64 => self.add_numbers::<UInt64Type, 8>(array, u64::to_le_bytes),
            _ => {}
        }
    }

    fn add_numbers<T: ArrowPrimitiveType, const N: usize>(
        &mut self,
        array: &ArrayRef,
        bytes: impl Fn(T::Native) -> [u8; N],
    ) {
        array.as_primitive::<T>().iter().flatten().for_each(|value| self.add(&bytes(value)));
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>()
    }

    /// The filter if at least half of the values differ, where nothing else has measured that.
    pub(super) fn into_filter_if_most_differ(mut self) -> Option<Sbbf> {
        let values = self.hashes.len();
        self.hashes.sort_unstable();
        self.hashes.dedup();
        if self.hashes.len() * 2 < values { None } else { self.into_filter() }
    }

    /// The smallest filter that keeps to the rate; none for fewer than two values, which the bounds tell as well.
    pub(super) fn into_filter(self) -> Option<Sbbf> {
        let first = self.hashes.first()?;
        if self.hashes.iter().all(|hash| hash == first) {
            return None;
        }
        let mut blocks = Blocks::for_values(self.hashes.len());
        for hash in &self.hashes {
            blocks.insert(*hash);
        }
        // There are fewer distinct values than values.
        while let Some(folded) = blocks.folded()
            && folded.rate() <= RATE
        {
            blocks = folded;
        }
        Some(Sbbf::new(&blocks.bytes()))
    }
}

/// The bits of a filter. Their number of blocks is a power of two: pyarrow takes no other.
struct Blocks(Vec<[u32; WORDS]>);

impl Blocks {
    fn for_values(values: usize) -> Self {
        let blocks = (values * BITS).div_ceil(BLOCK_BITS).next_power_of_two();
        Self(vec![[0; WORDS]; blocks.min(BITSET_MAX_LENGTH * 8 / BLOCK_BITS)])
    }

    #[inline]
    fn insert(&mut self, hash: u64) {
        let block = ((hash >> 32) * self.0.len() as u64) >> 32;
        for (word, salt) in self.0[block as usize].iter_mut().zip(SALT) {
            *word |= 1 << ((hash as u32).wrapping_mul(salt) >> 27);
        }
    }

    /// The same values in half as many blocks; none if there is one only. The upper half of a hash chooses the block, so
    /// that neighbours become one.
    fn folded(&self) -> Option<Self> {
        let join = |pair: &[[u32; WORDS]]| std::array::from_fn(|word| pair[0][word] | pair[1][word]);
        (self.0.len() > 1).then(|| Self(self.0.chunks_exact(2).map(join).collect()))
    }

    /// How likely a value that was not inserted seems to be there.
    fn rate(&self) -> f64 {
        let of_word = |word: &u32| f64::from(word.count_ones()) / 32.0;
        let of_block = |block: &[u32; WORDS]| block.iter().map(of_word).product::<f64>();
        self.0.iter().map(of_block).sum::<f64>() / self.0.len() as f64
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A filter of the numbers `0..distinct`, each this many times.
    fn filter(distinct: u64, times: usize) -> Option<Sbbf> {
        let mut bloom = Bloom::of(BloomChoice::Always).expect("chosen");
        for _ in 0..times {
            (0..distinct).for_each(|n| bloom.add(&n.to_le_bytes()));
        }
        bloom.into_filter()
    }

    #[test]
    fn what_is_in_is_found_and_little_else_by_the_readers_own_code() {
        for distinct in [2, 3, 100, 7_709, 30_000, 100_000] {
            let found = filter(distinct, 1).expect("a filter");
            assert!((0..distinct).all(|n| found.check(&n.cast_signed())), "{distinct}");
            let others = distinct..distinct + 200_000;
            let wrong = others.filter(|n| found.check(&n.cast_signed())).count();
            // 200 of 200,000, and what chance adds to them.
            assert!(wrong <= 260, "{wrong} of 200,000 for {distinct}");
            let bytes = found.num_blocks() * 32;
            assert!(bytes <= 64 || bytes < distinct as usize * 17 / 4, "{bytes} bytes for {distinct}");
        }
    }

    #[test]
    fn values_that_come_again_take_no_room() {
        let once = filter(1_000, 1).expect("a filter").num_blocks();
        assert_eq!(filter(1_000, 50).expect("a filter").num_blocks(), once);
        assert!(once * 32 <= 1_000 * 5, "{once} blocks");
    }

    #[test]
    fn one_value_has_no_filter() {
        assert!(filter(0, 1).is_none() && filter(1, 1).is_none() && filter(1, 9).is_none());
        assert!(filter(2, 1).is_some());
    }

    #[test]
    fn a_filter_may_ask_that_most_values_differ() {
        let values = |distinct: u32, times: u32| {
            let mut bloom = Bloom::of(BloomChoice::Measured).expect("chosen");
            (0..distinct * times).for_each(|n| bloom.add(&(n % distinct).to_le_bytes()));
            bloom.into_filter_if_most_differ()
        };
        assert!(values(100, 2).is_some() && values(100, 3).is_none());
        assert!(Bloom::of(BloomChoice::Never).is_none());
    }

    #[test]
    fn types_that_readers_answer_otherwise_have_none() {
        for refused in [
            DataType::Boolean,
            DataType::Float64,
            DataType::Decimal128(19, 0),
            DataType::Binary,
            DataType::Struct(Vec::<arrow_schema::Field>::new().into()),
        ] {
            assert!(bloom_filter_refusal(&refused).is_some(), "{refused}");
            assert!(!may_have_measured_bloom_filter(&refused), "{refused}");
        }
        for (taken, measured) in [
            (DataType::Int16, true),
            (DataType::Utf8, true),
            (DataType::FixedSizeBinary(16), true),
            (DataType::Decimal128(18, 2), true),
            (DataType::Date32, false),
        ] {
            assert_eq!(bloom_filter_refusal(&taken), None);
            assert_eq!(may_have_measured_bloom_filter(&taken), measured, "{taken}");
        }
    }
}
