//! The decoder of every fixed-size type: a plain vector, and a conversion that is inlined into its loop.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::DataType;

use super::cells::{Cell, CellDecoder};
use super::column::{BadValue, Bytes, ColumnDecoder, Sent};

/// NULL bits of the array that is being filled; free until the first NULL.
pub type Nulls = arrow::array::builder::NullBufferBuilder;

/// From a value that is not NULL to one Arrow value.
pub trait Convert: Send {
    /// What the database sends.
    type Sent: Sent;
    /// The Arrow type.
    type Arrow: ArrowPrimitiveType;

    /// The value, or none where a special value becomes NULL.
    ///
    /// # Errors
    /// The value cannot be kept exactly, or is none of the column's type.
    fn convert(
        &self,
        value: <Self::Sent as Sent>::Value<'_>,
    ) -> Result<Option<<Self::Arrow as ArrowPrimitiveType>::Native>, BadValue>;
}

/// Fills a `PrimitiveArray`.
pub struct PrimitiveDecoder<C: Convert> {
    convert: C,
    data_type: DataType,
    capacity: usize,
    values: Vec<<C::Arrow as ArrowPrimitiveType>::Native>,
    nulls: Nulls,
}

impl<C: Convert> PrimitiveDecoder<C> {
    /// `data_type` is the Arrow type with its parameters; it must be a kind of `C::Arrow`.
    pub fn new(convert: C, data_type: &DataType, capacity: usize) -> Self {
        Self {
            convert,
            data_type: data_type.clone(),
            capacity,
            values: Vec::with_capacity(capacity),
            nulls: Nulls::new(capacity),
        }
    }
}

impl<C: Convert> ColumnDecoder<C::Sent> for PrimitiveDecoder<C> {
    // A part of the loop over values.
    #[inline(always)]
    fn append(&mut self, value: <C::Sent as Sent>::Value<'_>) -> Result<(), BadValue> {
        match self.convert.convert(value)? {
            Some(native) => {
                self.values.push(native);
                self.nulls.append_non_null();
            }
            None => self.append_null(),
        }
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.push(Default::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(self.capacity));
        let array = PrimitiveArray::<C::Arrow>::new(values.into(), self.nulls.finish());
        Arc::new(array.with_data_type(self.data_type.clone()))
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}

impl<C: Convert<Sent = Bytes>> CellDecoder for PrimitiveDecoder<C> {
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
}
