//! vector and halfvec of pgvector: lists of numbers, none of which is ever NULL.
//!
//! Binary form, all big-endian: dimensions and a zero in 16 bits each, then the numbers, of 32 or 16 bits.

use std::marker::PhantomData;

use arrow::array::ArrayRef;
use arrow::datatypes::{ArrowPrimitiveType, Float16Type};
use arrow_schema::Field;

use crate::error::Result;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::float_lists::FloatLists;

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
    lists: FloatLists,
    of: PhantomData<fn() -> N>,
}

impl<N: Number> VectorDecoder<N> {
    pub(super) fn boxed(field: &Field, capacity: usize) -> Result<Box<dyn CellDecoder>> {
        Ok(Box::new(Self { lists: FloatLists::new(field, capacity)?, of: PhantomData }))
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
        self.lists.append(numbers.chunks_exact(N::WIDTH).map(N::of))
    }

    fn append_null(&mut self) {
        self.lists.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.lists.finish()
    }

    fn bytes(&self) -> usize {
        self.lists.bytes()
    }
}
