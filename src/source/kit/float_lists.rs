//! The decoder of lists of numbers, none of which is ever NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, FieldRef};

use super::column::BadValue;
use super::primitive::Nulls;
use crate::error::{Error, Result};

/// Fills a `FixedSizeListArray`, or a `ListArray` where the dimensions are not declared.
pub struct FloatLists {
    element: FieldRef,
    /// Dimensions of each value, if they are declared.
    dimensions: Option<i32>,
    values: Vec<f32>,
    /// Of the lists whose length may be any.
    offsets: Vec<i32>,
    nulls: Nulls,
}

impl FloatLists {
    /// Lists as `field` declares them, with room for `capacity` of them.
    ///
    /// # Errors
    /// Internal, when `field` is none of lists.
    pub fn new(field: &Field, capacity: usize) -> Result<Self> {
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
        Ok(Self { element, dimensions, values: vec![], offsets: vec![0], nulls })
    }

    /// Appends a list.
    ///
    /// # Errors
    /// It has another number of dimensions than the column, or too many for the batch.
    pub fn append(&mut self, numbers: impl ExactSizeIterator<Item = f32>) -> Result<(), BadValue> {
        let length = numbers.len();
        if let Some(declared) = self.dimensions.filter(|declared| usize::try_from(*declared) != Ok(length)) {
            return Err(BadValue::new(format!(
                "a vector of {length} dimensions in a column declared with {declared}"
            )));
        }
        let end = i32::try_from(self.values.len() + length)
            .map_err(|_| BadValue::new(format!("a vector of {length} dimensions does not fit the batch")))?;
        self.values.extend(numbers);
        if self.dimensions.is_none() {
            self.offsets.push(end);
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// Appends a NULL.
    pub fn append_null(&mut self) {
        match self.dimensions {
            // A list of fixed length has room for what is not there.
            Some(dimensions) => {
                self.values.resize(self.values.len() + dimensions.unsigned_abs() as usize, 0.0);
            }
            None => self.offsets.push(self.values.len() as i32),
        }
        self.nulls.append_null();
    }

    /// Takes what was appended.
    pub fn finish(&mut self) -> ArrayRef {
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

    /// Bytes buffered, about.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice()) + size_of_val(self.offsets.as_slice())
    }
}
