//! Chunks that hold a NaN have no bounds.
//!
//! Bounds leave NaN out, as the format says, and the crate does so. But where NaN is the largest number, as in
//! PostgreSQL and DuckDB, a reader that trusts them skips rows above the bound; others skip them when asked for NaN.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, OffsetSizeTrait};
use arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use arrow_schema::DataType;
use parquet::basic::Type;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::error::Result;

/// For each leaf of a field, in the file's order, whether a NaN was seen.
pub(super) struct LeavesWithNan(Vec<bool>);

impl LeavesWithNan {
    pub(super) fn new(leaves: usize) -> Self {
        Self(vec![false; leaves])
    }

    pub(super) fn has(&self, leaf: usize) -> bool {
        self.0.get(leaf).is_some_and(|seen| *seen)
    }

    /// Takes all rows of `array` into account.
    pub(super) fn look_at(&mut self, array: &ArrayRef) {
        look_into(array, &mut self.0.iter_mut());
    }
}

/// Takes from `leaves` as many as `array` has.
fn look_into<'a>(array: &dyn Array, leaves: &mut impl Iterator<Item = &'a mut bool>) {
    match array.data_type() {
        DataType::Struct(_) => {
            for column in array.as_struct().columns() {
                look_into(column, leaves);
            }
        }
        DataType::List(_) => look_into(&elements::<i32>(array), leaves),
        DataType::LargeList(_) => look_into(&elements::<i64>(array), leaves),
        DataType::FixedSizeList(..) => look_into(array.as_fixed_size_list().values(), leaves),
        DataType::Map(..) => look_into(array.as_map().entries(), leaves),
        DataType::Dictionary(..) => look_into(array.as_any_dictionary().values(), leaves),
        flat => {
            let Some(seen) = leaves.next() else { return };
            *seen = *seen
                || match flat {
                    DataType::Float16 => any::<Float16Type>(array, |v| v.is_nan()),
                    DataType::Float32 => any::<Float32Type>(array, f32::is_nan),
                    DataType::Float64 => any::<Float64Type>(array, f64::is_nan),
                    _ => false,
                };
        }
    }
}

/// The elements of a list's rows; those of rows outside a slice are not.
fn elements<O: OffsetSizeTrait>(array: &dyn Array) -> ArrayRef {
    let list = array.as_list::<O>();
    let first = list.offsets().first().map_or(0, |first| first.as_usize());
    let last = list.offsets().last().map_or(first, |last| last.as_usize());
    list.values().slice(first, last - first)
}

/// Whether any value is one. What stands below a NULL counts too, which costs bounds at worst.
fn any<T: ArrowPrimitiveType>(array: &dyn Array, is_nan: impl Fn(T::Native) -> bool) -> bool {
    // Without an early end, so that many are looked at together.
    array.as_primitive::<T>().values().iter().fold(false, |any, value| any | is_nan(*value))
}

/// The metadata of a chunk of floating point, with its number of NULLs as the only statistic.
pub(super) fn without_bounds(chunk: ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
    let statistics = match chunk.column_type() {
        Type::FLOAT => Statistics::float(None, None, None, nulls, false),
        Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
        _ => Statistics::fixed_len_byte_array(None, None, None, nulls, false),
    };
    Ok(chunk.into_builder().set_statistics(statistics).build()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DictionaryArray, FixedSizeListArray, Float32Array, Int32Array, ListArray, StructArray,
    };
    use arrow::datatypes::Int32Type;
    use arrow_schema::Field;

    use super::*;

    fn leaves_of(array: &ArrayRef, leaves: usize) -> Vec<bool> {
        let mut nan = LeavesWithNan::new(leaves);
        nan.look_at(array);
        (0..leaves).map(|leaf| nan.has(leaf)).collect()
    }

    #[test]
    fn leaves_are_counted_as_the_file_does() {
        let lists = [Some(vec![Some(1.0), Some(f64::NAN)]), None, Some(vec![None, Some(2.0)]), Some(vec![])];
        let list = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        let pair =
            vec![Some(vec![Some(0.5), Some(1.0)]); 3].into_iter().chain([Some(vec![Some(f32::NAN), None])]);
        let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(pair, 2);
        let number = Arc::new(Int32Array::from(vec![1, 2, 3, 4])) as ArrayRef;
        let float = Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0])) as ArrayRef;
        let keys = Int32Array::from(vec![0, 1, 0, 1]);
        let words =
            DictionaryArray::<Int32Type>::new(keys, Arc::new(Float32Array::from(vec![1.0, f32::NAN])));
        let columns = [Arc::new(list) as ArrayRef, number, float, Arc::new(fixed), Arc::new(words)];
        let named = |(name, column): (&str, &ArrayRef)| {
            (Arc::new(Field::new(name, column.data_type().clone(), true)), Arc::clone(column))
        };
        let columns: Vec<_> = ["l", "n", "f", "p", "d"].into_iter().zip(&columns).map(named).collect();
        let all = Arc::new(StructArray::from(columns)) as ArrayRef;
        assert_eq!(leaves_of(&all, 5), [true, false, false, true, true]);
        // What is outside of a slice belongs to another row group.
        assert_eq!(leaves_of(&all.slice(1, 2), 5), [false, false, false, false, true]);
        assert_eq!(leaves_of(&all.slice(3, 1), 5), [false, false, false, true, true]);
    }
}
