//! The decoder of every fixed-size type: a plain vector, and a conversion that is inlined into its loop.

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, Field};
use rusqlite::types::ValueRef;

use super::{BadValue, ColumnDecoder};

/// From a value that is not NULL to one Arrow value.
pub(super) trait Convert: Send {
    /// The Arrow type.
    type Arrow: ArrowPrimitiveType;

    /// The value, if it can be kept exactly.
    fn convert(&self, value: ValueRef<'_>) -> Result<<Self::Arrow as ArrowPrimitiveType>::Native, BadValue>;
}

/// Fills a `PrimitiveArray`.
pub(super) struct PrimitiveDecoder<C: Convert> {
    convert: C,
    data_type: DataType,
    nullable: bool,
    capacity: usize,
    values: Vec<<C::Arrow as ArrowPrimitiveType>::Native>,
    nulls: NullBufferBuilder,
}

impl<C: Convert + 'static> PrimitiveDecoder<C> {
    /// `field` has the Arrow type with its parameters; it must be a kind of `C::Arrow`.
    pub(super) fn boxed(convert: C, field: &Field, capacity: usize) -> Box<dyn ColumnDecoder> {
        Box::new(Self {
            convert,
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
            capacity,
            values: Vec::with_capacity(capacity),
            nulls: NullBufferBuilder::new(capacity),
        })
    }
}

impl<C: Convert> ColumnDecoder for PrimitiveDecoder<C> {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        if value == ValueRef::Null && self.nullable {
            self.values.push(Default::default());
            self.nulls.append_null();
        } else {
            self.values.push(self.convert.convert(value)?);
            self.nulls.append_non_null();
        }
        Ok(())
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
