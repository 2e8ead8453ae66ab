//! Rows that are held until there are enough of them, and their order by keys.

use arrow::array::RecordBatch;

use super::runs::count;
use super::scatter::scattered;
use crate::error::{Error, Result};

/// Rows with the numbers of their keys.
#[derive(Default)]
pub(super) struct Held {
    batches: Vec<RecordBatch>,
    /// Of each batch: the keys of its rows.
    keys: Vec<Vec<u32>>,
    /// By keys.
    rows: Vec<usize>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes `rows`. `numbers` are those of their keys, of which there are `keys`.
    pub(super) fn add(&mut self, rows: RecordBatch, numbers: Vec<u32>, keys: usize) {
        self.rows.resize(keys.max(self.rows.len()), 0);
        for key in &numbers {
            self.rows[*key as usize] += 1;
        }
        self.batches.push(rows);
        self.keys.push(numbers);
    }

    /// How many rows `key` has.
    pub(super) fn rows(&self, key: usize) -> usize {
        self.rows.get(key).copied().unwrap_or_default()
    }

    /// The rows of `keys`, one key after the other; those of a key in the order in which they came. `keys` are all that
    /// have rows, each once.
    pub(super) fn in_order(mut self, keys: impl Iterator<Item = usize>) -> Result<RecordBatch> {
        // Where the next row of each key goes.
        let (mut next, mut end) = (vec![0_u32; self.rows.len()], 0);
        for key in keys {
            next[key] = count(end)?;
            end += std::mem::take(&mut self.rows[key]);
        }
        count(end)?;
        if self.rows.iter().any(|left| *left > 0) {
            return Err(Error::internal("rows of a key that is not asked for"));
        }
        let mut places = self.keys;
        for key in places.iter_mut().flatten() {
            let place = &mut next[*key as usize];
            *key = *place;
            *place += 1;
        }
        scattered(&self.batches, &places)
            .map_err(|error| Error::internal("rows by their keys").caused_by(error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::types::{Int64Type, IntervalMonthDayNanoType};
    use arrow::array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array,
        FixedSizeBinaryArray, Float32Array, Int8Array, Int16Array, Int64Array, IntervalMonthDayNanoArray,
        ListArray, RecordBatch, StringArray,
    };
    use arrow::compute::concat_batches;
    use arrow::datatypes::i256;
    use proptest::prelude::*;

    use super::Held;

    /// Rows `first..` with columns of several kinds, some of them NULL.
    fn rows(first: i64, number: i64) -> RecordBatch {
        let all = || first..first + number;
        let some = |i: i64| (i % 3 != 0).then_some(i);
        let wide = |i: i64| i256::from_i128(i128::from(i) << 70);
        let uuids = all().map(|i| some(i).map(|i| u128::from(i.cast_unsigned()).to_be_bytes()));
        let columns: [(&str, ArrayRef); 13] = [
            ("flag", Arc::new(BooleanArray::from_iter(all().map(|i| some(i).map(|i| i % 2 == 0))))),
            ("tiny", Arc::new(Int8Array::from_iter(all().map(|i| some(i).map(|i| (i % 100) as i8))))),
            ("small", Arc::new(Int16Array::from_iter_values(all().map(|i| i as i16)))),
            ("real", Arc::new(Float32Array::from_iter(all().map(|i| some(i).map(|i| i as f32))))),
            ("wide", Arc::new(Decimal256Array::from_iter_values(all().map(wide)))),
            ("bytes", Arc::new(BinaryArray::from_iter(all().map(|i| some(i).map(|i| i.to_le_bytes()))))),
            (
                "uuid",
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16).expect("uuids")),
            ),
            (
                "span",
                Arc::new(IntervalMonthDayNanoArray::from_iter_values(
                    all().map(|i| IntervalMonthDayNanoType::make_value(i as i32, 1, i)),
                )),
            ),
            ("id", Arc::new(Int64Array::from_iter_values(all()))),
            ("some", Arc::new(Int64Array::from_iter(all().map(some)))),
            (
                "text",
                Arc::new(StringArray::from_iter(all().map(|i| some(i).map(|i| "x".repeat(i as usize % 7))))),
            ),
            ("money", Arc::new(Decimal128Array::from_iter_values(all().map(i128::from)))),
            (
                "list",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
                    all().map(|i| some(i).map(|i| (0..i % 4).map(Some))),
                )),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, values)| (name, values, name != "id")),
        )
        .expect("rows")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        /// Few or many rows of each key, in their order or not: every row is once among those of its key, whole, and after
        /// those that came before it.
        #[test]
        fn rows_come_by_keys_and_in_their_order(
            batches in prop::collection::vec(
                (1u32..40, prop::bool::ANY, prop::collection::vec(0u32..1000, 0..300), 0usize..5),
                1..6,
            ),
            upwards in prop::bool::ANY,
        ) {
            let (mut held, mut first, mut given, mut keys_of) = (Held::default(), 0, Vec::new(), Vec::<u32>::new());
            for (keys, sorted, numbers, before) in batches {
                let mut numbers: Vec<u32> = numbers.into_iter().map(|key| key % keys).collect();
                if sorted {
                    numbers.sort_unstable();
                }
                // A slice, as batches often are.
                let count = numbers.len() as i64;
                let batch = rows(first, count + before as i64).slice(before, numbers.len());
                first += count + before as i64;
                keys_of.extend(&numbers);
                held.add(batch.clone(), numbers, keys as usize);
                given.push(batch);
            }
            let mut order: Vec<usize> = (0..40).filter(|key| held.rows(*key) > 0).collect();
            if !upwards {
                order.reverse();
            }
            let all = concat_batches(&given[0].schema(), &given).expect("all");
            let expected: Vec<RecordBatch> = order
                .iter()
                .flat_map(|key| keys_of.iter().enumerate().filter(move |(_, of)| **of as usize == *key))
                .map(|(row, _)| all.slice(row, 1))
                .collect();
            let expected = concat_batches(&all.schema(), &expected).expect("expected");
            let found = held.in_order(order.into_iter()).expect("in order");
            prop_assert!(found.column_by_name("id").expect("ids").as_primitive::<Int64Type>().null_count() == 0);
            prop_assert_eq!(found, expected);
        }
    }
}
