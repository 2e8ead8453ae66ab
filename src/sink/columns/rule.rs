//! When a dictionary pays. Everything that decides it is here: before a file by what is known of a column, after a
//! sample of its values, and at the end of a chunk.

use arrow_schema::DataType;

use super::hybrid::width;

/// Bytes of values after which a dictionary takes no more.
const DICTIONARY_BYTES: usize = 1 << 20;
/// What dictionary and codes may take of the plain values' bytes: hashing and reading back have a price too, and plain
/// values compress better.
const SHARE: f64 = 0.7;
/// Values after which the share of new ones decides.
const SAMPLE: usize = 16_384;

/// New values of a sample's second half above which integers go on without a dictionary: packed differences are nearly
/// as small.
pub(super) const NEW_INTEGERS: f64 = 0.5;
/// The same of byte strings.
pub(super) const NEW_BYTES: f64 = 0.8;

/// Whether to begin with a dictionary, in a row group of `rows` rows of a column that is thought to have `distinct`
/// values. At the very limit it is tried: [`pays`] has the last word.
pub(crate) fn dictionary_may_pay(distinct: f64, rows: f64, data_type: &DataType) -> bool {
    // Decimals of few digits are written as 32 or 64 bits; texts are taken for 16 bytes and their length.
    let width = match data_type {
        DataType::Decimal128(..=9, _) => 4.0,
        DataType::Decimal128(..=18, _) => 8.0,
        other => other.primitive_width().map_or(20.0, |bytes| bytes as f64),
    };
    let dictionary = distinct.min(rows) * width;
    let codes = rows * distinct.min(rows).max(2.0).log2().ceil() / 8.0;
    dictionary <= DICTIONARY_BYTES as f64 && dictionary + codes <= rows * width * SHARE
}

/// Whether a dictionary of so many bytes takes no more values.
pub(super) fn is_full(dictionary_bytes: usize) -> bool {
    dictionary_bytes >= DICTIONARY_BYTES
}

/// Whether a dictionary of `distinct` values and the codes of `values` values take enough less than plain values of
/// `plain_bytes` bytes.
pub(super) fn pays(dictionary_bytes: usize, distinct: usize, values: usize, plain_bytes: usize) -> bool {
    let codes = values * width(distinct) as usize / 8;
    ((dictionary_bytes + codes) as f64) < plain_bytes as f64 * SHARE
}

/// The first values of a chunk, as they are added to a dictionary.
#[derive(Default)]
pub(super) struct Sample {
    seen: usize,
    /// Values and distinct values when half of the sample had been seen.
    half: Option<(usize, usize)>,
    decided: bool,
}

impl Sample {
    /// Notes each addition and the distinct values after it. Says once, of the second half of the sample, whether more
    /// than the share `max_new` were new, so that there is no use in going on.
    pub(super) fn unlikely_to_pay(&mut self, added: usize, distinct: usize, max_new: f64) -> bool {
        self.seen += added;
        match self.half {
            None if self.seen >= SAMPLE / 2 => self.half = Some((self.seen, distinct)),
            Some((seen, before)) if !self.decided && self.seen >= seen + SAMPLE / 2 => {
                self.decided = true;
                return (distinct - before) as f64 > (self.seen - seen) as f64 * max_new;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_for_many_rows_have_a_dictionary() {
        const ROWS: f64 = 131_072.0;
        for (distinct, rows, data_type) in [
            (3.0, ROWS, DataType::Utf8),
            (2_500.0, ROWS, DataType::Date32),
            (10_000.0, ROWS, DataType::Int32),
            (11.0, ROWS, DataType::Decimal128(15, 2)),
            (7.0, 1_000.0, DataType::Utf8),
            // At the limit: 138 values of eight bytes and 240 codes of one, of 1,920 bytes.
            (138.0, 240.0, DataType::Int64),
        ] {
            assert!(dictionary_may_pay(distinct, rows, &data_type), "{distinct} of {rows} {data_type}");
        }
        for (distinct, rows, data_type) in [
            (6e6, ROWS, DataType::Int32),
            (200_000.0, ROWS, DataType::Int32),
            (100_000.0, ROWS, DataType::Decimal128(15, 2)),
            (10_000.0, 10_000.0, DataType::Utf8),
            (25.0, 25.0, DataType::Int32),
            (139.0, 240.0, DataType::Int64),
        ] {
            assert!(!dictionary_may_pay(distinct, rows, &data_type), "{distinct} of {rows} {data_type}");
        }
    }

    #[test]
    fn what_was_made_must_save_more_than_the_limit() {
        // Codes of one byte for 129 to 256 values.
        assert!(pays(137 * 8, 137, 240, 240 * 8));
        assert!(!pays(138 * 8, 138, 240, 240 * 8));
        assert!(is_full(1 << 20) && !is_full((1 << 20) - 1));
    }

    #[test]
    fn the_second_half_of_a_sample_decides_once() {
        let says = |new_share: f64| {
            let (mut sample, mut distinct) = (Sample::default(), 0);
            let mut said = Vec::new();
            for piece in 0..6 {
                // Whatever comes in the first half is new, and in the second what the share says.
                distinct += if piece < 2 { 4_096 } else { (4_096.0 * new_share) as usize };
                said.push(sample.unlikely_to_pay(4_096, distinct, NEW_INTEGERS));
            }
            said
        };
        assert_eq!(says(0.6), [false, false, false, true, false, false]);
        assert_eq!(says(0.4), [false; 6]);
    }
}
