//! The decoder of every fixed-size type: a plain vector, and a conversion that is inlined into its loop.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::{BadValue, Cell, ColumnDecoder};

/// NULL bits of the array that is being filled; free until the first NULL.
pub(super) type Nulls = arrow::array::builder::NullBufferBuilder;

/// From the binary form of one type to one Arrow value.
pub(super) trait Convert: Send {
    /// The Arrow type.
    type Arrow: ArrowPrimitiveType;

    /// The value, or none where a special value becomes NULL.
    fn convert(&self, value: &[u8]) -> Result<Option<<Self::Arrow as ArrowPrimitiveType>::Native>, BadValue>;
}

/// Fills a `PrimitiveArray`.
pub(super) struct PrimitiveDecoder<C: Convert> {
    convert: C,
    data_type: DataType,
    capacity: usize,
    values: Vec<<C::Arrow as ArrowPrimitiveType>::Native>,
    nulls: Nulls,
}

impl<C: Convert + 'static> PrimitiveDecoder<C> {
    /// `data_type` is the Arrow type with its parameters; it must be a kind of `C::Arrow`.
    pub(super) fn boxed(convert: C, data_type: &DataType, capacity: usize) -> Box<dyn ColumnDecoder> {
        Box::new(Self {
            convert,
            data_type: data_type.clone(),
            capacity,
            values: Vec::with_capacity(capacity),
            nulls: Nulls::new(capacity),
        })
    }
}

impl<C: Convert> ColumnDecoder for PrimitiveDecoder<C> {
    // A part of the loop of `append_all`.
    #[inline(always)]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        match self.convert.convert(value)? {
            Some(native) => {
                self.values.push(native);
                self.nulls.append_non_null();
            }
            None => self.append_null(),
        }
        Ok(())
    }

    // Without room to check and NULLs to note for each value, which is most of the work for an integer.
    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        let before = self.values.len();
        self.values.resize(before + cells.len(), Default::default());
        let plain = self.values[before..].iter_mut().zip(cells).position(|(slot, cell)| {
            match cell.of(bytes).map(|value| self.convert.convert(value)) {
                Some(Ok(Some(native))) => {
                    *slot = native;
                    false
                }
                _ => true,
            }
        });
        let plain = plain.unwrap_or(cells.len());
        self.values.truncate(before + plain);
        self.nulls.append_n_non_nulls(plain);
        for (number, cell) in cells.iter().enumerate().skip(plain) {
            match cell.of(bytes) {
                Some(value) => self.append(value).map_err(|bad| (number, bad))?,
                None => self.append_null(),
            }
        }
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.push(Default::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(self.capacity));
        let nulls: Option<NullBuffer> = self.nulls.finish();
        let array = PrimitiveArray::<C::Arrow>::new(values.into(), nulls);
        Arc::new(array.with_data_type(self.data_type.clone()))
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}
