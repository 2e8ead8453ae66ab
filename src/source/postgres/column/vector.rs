//! vector and halfvec of pgvector: lists of numbers, none of which is ever NULL.
//!
//! Binary form, all big-endian: dimensions and a zero in 16 bits each, then the numbers, of 32 or 16 bits.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, Float16Type};
use arrow_schema::{DataType, Field, FieldRef};

use crate::error::{Error, Result};
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::primitive::Nulls;

/// From the bytes of one number.
pub(super) trait Number: Send + 'static {
    /// Its length in bytes.
    const WIDTH: usize;

    /// The same number in 32 bits.
    fn of(bytes: &[u8]) -> f32;
}

/// A number of 16 bits.
type Float16 = <Float16Type as ArrowPrimitiveType>::Native;

/// A number of vector.
pub(super) struct Single;
/// A number of halfvec.
pub(super) struct Half;

impl Number for Single {
    const WIDTH: usize = 4;

    #[inline]
    fn of(bytes: &[u8]) -> f32 {
        bytes.try_into().map_or(f32::NAN, f32::from_be_bytes)
    }
}

impl Number for Half {
    const WIDTH: usize = 2;

    #[inline]
    fn of(bytes: &[u8]) -> f32 {
        bytes.try_into().map_or(Float16::NAN, Float16::from_be_bytes).to_f32()
    }
}

/// Fills a `FixedSizeListArray`, or a `ListArray` where the dimensions are not declared.
pub(super) struct VectorDecoder<N: Number> {
    element: FieldRef,
    /// Dimensions of each value, if they are declared.
    dimensions: Option<i32>,
    values: Vec<f32>,
    /// Of the lists whose length may be any.
    offsets: Vec<i32>,
    nulls: Nulls,
    of: PhantomData<fn() -> N>,
}

impl<N: Number> VectorDecoder<N> {
    pub(super) fn boxed(field: &Field, capacity: usize) -> Result<Box<dyn CellDecoder>> {
        let (element, dimensions) = match field.data_type() {
            DataType::List(element) => (element, None),
            DataType::FixedSizeList(element, dimensions) if *dimensions > 0 => (element, Some(*dimensions)),
            other => {
                return Err(
                    Error::internal(format!("a vector cannot fill {other}")).with("column", field.name())
                );
            }
        };
        let (element, nulls) = (Arc::clone(element), Nulls::new(capacity));
        Ok(Box::new(Self { element, dimensions, values: vec![], offsets: vec![0], nulls, of: PhantomData }))
    }

    /// The numbers of a value; none when the bytes are no vector.
    fn numbers(value: &[u8]) -> Option<&[u8]> {
        let (head, numbers) = value.split_first_chunk::<4>()?;
        let dimensions = usize::from(u16::from_be_bytes([head[0], head[1]]));
        (numbers.len() == dimensions * N::WIDTH && head[2..] == [0, 0]).then_some(numbers)
    }
}

impl<N: Number> CellDecoder for VectorDecoder<N> {}

impl<N: Number> ColumnDecoder<Bytes> for VectorDecoder<N> {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let numbers = Self::numbers(value).ok_or_else(|| BadValue::malformed("vector", value))?;
        let length = numbers.len() / N::WIDTH;
        if let Some(declared) = self.dimensions.filter(|declared| usize::try_from(*declared) != Ok(length)) {
            return Err(BadValue::new(format!(
                "a vector of {length} dimensions in a column declared with {declared}"
            )));
        }
        let end = i32::try_from(self.values.len() + length)
            .map_err(|_| BadValue::new(format!("a vector of {length} dimensions does not fit the batch")))?;
        self.values.extend(numbers.chunks_exact(N::WIDTH).map(N::of));
        if self.dimensions.is_none() {
            self.offsets.push(end);
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        match self.dimensions {
            // A list of fixed length has room for what is not there.
            Some(dimensions) => {
                self.values.resize(self.values.len() + dimensions.unsigned_abs() as usize, 0.0);
            }
            None => self.offsets.push(self.values.len() as i32),
        }
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let next = Vec::with_capacity(self.values.len());
        let values = Arc::new(Float32Array::from(std::mem::replace(&mut self.values, next)));
        let (element, nulls) = (Arc::clone(&self.element), self.nulls.finish());
        match self.dimensions {
            Some(dimensions) => Arc::new(FixedSizeListArray::new(element, dimensions, values, nulls)),
            None => {
                let offsets = std::mem::replace(&mut self.offsets, vec![0]);
                Arc::new(ListArray::new(element, OffsetBuffer::new(offsets.into()), values, nulls))
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice()) + size_of_val(self.offsets.as_slice())
    }
}
