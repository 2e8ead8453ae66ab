//! Rows that are held until there are enough of them, and their order by keys.
//!
//! Where a batch has many rows of each key, it is put in the order of its keys as it comes, while it is in the caches of
//! the processor, and ranges of rows are copied later. Where it has few, rows are copied one by one from where they are.

use arrow::array::{
    Array, ArrayData, ArrayRef, Capacities, MutableArrayData, RecordBatch, UInt32Array, make_array,
};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow_schema::{ArrowError, DataType};

use super::runs::count;
use crate::error::{Error, Result};

/// Rows of one key in a range, on average, from which ranges are copied.
const DENSE: usize = 16;

/// Rows with the numbers of their keys.
#[derive(Default)]
pub(super) struct Held {
    batches: Vec<RecordBatch>,
    /// By keys: where their rows are, in the order in which they came.
    places: Vec<Vec<Range>>,
}

/// Rows of one key that follow each other in a batch.
#[derive(Clone, Copy)]
struct Range {
    batch: u32,
    from: u32,
    rows: u32,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes `rows`. `numbers` are those of their keys, of which there are `keys`.
    pub(super) fn add(&mut self, rows: RecordBatch, numbers: &[u32], keys: usize) -> Result<()> {
        self.places.resize_with(keys.max(self.places.len()), Vec::new);
        let (batch, mut from) = (count(self.batches.len())?, 0);
        let rows = match by_keys(numbers, keys)? {
            Some(Sorted { order, keys }) => {
                for (key, rows) in keys {
                    self.places[key].push(Range { batch, from, rows });
                    from += rows;
                }
                take_record_batch(&rows, &UInt32Array::from(order)).map_err(failed)?
            }
            None => {
                for same in numbers.chunk_by(|one, next| one == next) {
                    let rows = count(same.len())?;
                    self.places[same[0] as usize].push(Range { batch, from, rows });
                    from += rows;
                }
                rows
            }
        };
        self.batches.push(rows);
        Ok(())
    }

    /// How many rows `key` has.
    pub(super) fn rows(&self, key: usize) -> usize {
        self.places.get(key).map_or(0, |places| places.iter().map(|range| range.rows as usize).sum())
    }

    /// The rows of `keys`, one key after the other; those of a key in the order in which they came.
    pub(super) fn in_order(self, keys: impl Iterator<Item = usize> + Clone) -> Result<RecordBatch> {
        let Some(first) = self.batches.first() else { return Err(Error::internal("no rows by their keys")) };
        let ranges = || keys.clone().flat_map(|key| &self.places[key]);
        let (number, rows) =
            ranges().fold((0, 0), |(number, rows), range| (number + 1, rows + range.rows as usize));
        if rows >= number * DENSE {
            let copied = |at: usize| {
                let column: Vec<&ArrayRef> = self.batches.iter().map(|batch| batch.column(at)).collect();
                copied(&column, rows, ranges())
            };
            let columns = (0..first.num_columns()).map(copied).collect::<std::result::Result<_, _>>();
            return columns.and_then(|columns| RecordBatch::try_new(first.schema(), columns)).map_err(failed);
        }
        let mut places = Vec::with_capacity(rows);
        for range in ranges() {
            let (batch, from) = (range.batch as usize, range.from as usize);
            places.extend((from..from + range.rows as usize).map(|row| (batch, row)));
        }
        interleave_record_batch(&self.batches.iter().collect::<Vec<_>>(), &places).map_err(failed)
    }
}

/// `rows` rows of a column, whose batches are `column`.
fn copied<'r>(
    column: &[&ArrayRef],
    rows: usize,
    ranges: impl Iterator<Item = &'r Range>,
) -> std::result::Result<ArrayRef, ArrowError> {
    let data: Vec<ArrayData> = column.iter().map(|values| values.to_data()).collect();
    let capacity = match data.first().map(ArrayData::data_type) {
        Some(DataType::Utf8 | DataType::Binary) => {
            let bytes =
                data.iter().map(ArrayData::get_slice_memory_size).sum::<std::result::Result<_, _>>()?;
            Capacities::Binary(rows, Some(bytes))
        }
        _ => Capacities::Array(rows),
    };
    let mut out = MutableArrayData::with_capacities(data.iter().collect(), false, capacity);
    for Range { batch, from, rows } in ranges {
        out.try_extend(*batch as usize, *from as usize, (from + rows) as usize)?;
    }
    Ok(make_array(out.freeze()))
}

/// An order of rows by the numbers of their keys.
struct Sorted {
    order: Vec<u32>,
    /// The keys, each with its number of rows.
    keys: Vec<(usize, u32)>,
}

/// The order of rows by keys, if there are many rows of each; rows of a key keep theirs.
fn by_keys(numbers: &[u32], keys: usize) -> Result<Option<Sorted>> {
    // With more keys than rows, counting costs more than it can gain.
    if keys > numbers.len() {
        return Ok(None);
    }
    let mut places = vec![0_u32; keys];
    for key in numbers {
        places[*key as usize] += 1;
    }
    let keys: Vec<(usize, u32)> = places.iter().copied().enumerate().filter(|(_, rows)| *rows > 0).collect();
    let is_sorted = numbers.chunk_by(|one, next| one == next).take(keys.len() + 1).count() <= keys.len();
    if is_sorted || numbers.len() < keys.len() * DENSE {
        return Ok(None);
    }
    // From numbers of rows to the places of the next row of each key.
    let mut next = 0;
    for rows in &mut places {
        next += std::mem::replace(rows, next);
    }
    let mut order = vec![0; numbers.len()];
    for (row, key) in numbers.iter().enumerate() {
        let place = &mut places[*key as usize];
        order[*place as usize] = count(row)?;
        *place += 1;
    }
    Ok(Some(Sorted { order, keys }))
}

fn failed(error: ArrowError) -> Error {
    Error::internal("rows by their keys").caused_by(error)
}
