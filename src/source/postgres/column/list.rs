//! Arrays: lists as deep as the catalog says.
//!
//! Binary form, all big-endian 32 bits: number of dimensions, flags, element type, then size and lower bound
//! of each dimension, then the elements row by row, each with its length (-1 for NULL). An empty array has
//! no dimensions, whatever was declared.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, FieldRef};

use super::Codec;
use super::decode::take_i32;
use crate::error::{Error, Result};
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder, LEAVE_OUT_HINT};
use crate::source::kit::primitive::Nulls;
use crate::spec::SpecialValues;

/// One dimension: where each of its lists ends in the dimension below.
struct Level {
    field: FieldRef,
    offsets: Vec<i32>,
}

/// Fills a `ListArray`, nested once per dimension.
pub(super) struct ListDecoder {
    /// Outermost first; never empty.
    levels: Vec<Level>,
    /// Of the outermost lists; an inner list is never NULL.
    nulls: Nulls,
    element: Box<dyn CellDecoder>,
    /// Elements appended since the last `finish`.
    elements: usize,
    /// A value was refused half-way: going on would shift elements between rows.
    broken: bool,
}

impl ListDecoder {
    pub(super) fn new(
        field: &Field,
        depth: usize,
        element: &Codec,
        capacity: usize,
        special: SpecialValues,
    ) -> Result<Self> {
        let mut levels = Vec::with_capacity(depth);
        let mut data_type = field.data_type();
        for _ in 0..depth {
            match data_type {
                DataType::List(child) if child.is_nullable() => {
                    let offsets = vec![0];
                    levels.push(Level { field: Arc::clone(child), offsets });
                    data_type = child.data_type();
                }
                _ => return Err(mismatch(field, depth)),
            }
        }
        let Some(innermost) = levels.last() else {
            return Err(mismatch(field, depth));
        };
        let element = element.decoder(&innermost.field, capacity, special)?;
        Ok(Self { levels, nulls: Nulls::new(capacity), element, elements: 0, broken: false })
    }

    fn try_append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let malformed = || BadValue::malformed("array", value);
        let mut rest = value;
        let dimensions = take_i32(&mut rest).ok_or_else(malformed)?;
        take_i32(&mut rest).ok_or_else(malformed)?;
        take_i32(&mut rest).ok_or_else(malformed)?;
        if dimensions == 0 {
            if !rest.is_empty() {
                return Err(malformed());
            }
            self.append_empty();
            self.nulls.append_non_null();
            return Ok(());
        }
        let depth = self.levels.len();
        if usize::try_from(dimensions) != Ok(depth) {
            return Err(BadValue::new(format!(
                "an array of {dimensions} dimensions in a column declared with {depth}"
            )));
        }
        let (sizes, elements) = rest.split_at_checked(8 * depth).ok_or_else(malformed)?;
        let count = count_elements(sizes).ok_or_else(malformed)??;
        // Each element has a length of four bytes at least, so a count beyond that is no array.
        if count == 0 || count > elements.len() / 4 {
            return Err(malformed());
        }
        if self.elements + count > i32::MAX as usize {
            return Err(BadValue {
                what: format!("an array of {count} elements does not fit the batch"),
                hint: LEAVE_OUT_HINT,
            });
        }
        self.append_elements(elements, count).ok_or_else(malformed)??;
        self.append_offsets(sizes);
        self.nulls.append_non_null();
        Ok(())
    }

    /// None when the bytes are not `count` elements exactly.
    fn append_elements(&mut self, mut rest: &[u8], count: usize) -> Option<Result<(), BadValue>> {
        for number in 1..=count {
            let length = take_i32(&mut rest)?;
            if length == -1 {
                self.element.append_null();
            } else {
                let (bytes, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                if let Err(bad) = self.element.append(bytes) {
                    let what = format!("element {number} of an array: {}", bad.what);
                    return Some(Err(BadValue { what, hint: bad.hint }));
                }
                rest = tail;
            }
        }
        self.elements += count;
        rest.is_empty().then_some(Ok(()))
    }

    /// Sizes are valid and their product fits, so nothing here overflows.
    fn append_offsets(&mut self, sizes: &[u8]) {
        let mut lists = 1;
        for (level, size) in self.levels.iter_mut().zip(sizes.as_chunks::<8>().0) {
            let size = i32::from_be_bytes([size[0], size[1], size[2], size[3]]);
            let mut end = level.offsets.last().copied().unwrap_or(0);
            for _ in 0..lists {
                end += size;
                level.offsets.push(end);
            }
            lists *= size;
        }
    }

    fn append_empty(&mut self) {
        if let Some(outermost) = self.levels.first_mut() {
            let end = outermost.offsets.last().copied().unwrap_or(0);
            outermost.offsets.push(end);
        }
    }
}

fn mismatch(field: &Field, depth: usize) -> Error {
    Error::internal(format!("an array of {depth} dimensions cannot fill {}", field.data_type()))
        .with("column", field.name())
}

/// Elements in all dimensions together; none when sizes are negative or too large to be true.
fn count_elements(mut sizes: &[u8]) -> Option<Result<usize, BadValue>> {
    let mut count = 1i32;
    while !sizes.is_empty() {
        let size = take_i32(&mut sizes)?;
        let lower_bound = take_i32(&mut sizes)?;
        if lower_bound != 1 {
            return Some(Err(BadValue::new(format!(
                "an array that starts at index {lower_bound}: a list would lose that"
            ))));
        }
        count = count.checked_mul(size).filter(|_| size >= 0)?;
    }
    usize::try_from(count).ok().map(Ok)
}

impl CellDecoder for ListDecoder {}

impl ColumnDecoder<Bytes> for ListDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        if self.broken {
            return Err(BadValue::new("an array before this one was refused"));
        }
        let result = self.try_append(value);
        self.broken = result.is_err();
        result
    }

    fn append_null(&mut self) {
        self.append_empty();
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.elements = 0;
        let mut nulls = self.nulls.finish();
        let mut array = self.element.finish();
        for (depth, level) in self.levels.iter_mut().enumerate().rev() {
            let offsets = std::mem::replace(&mut level.offsets, vec![0]);
            let nulls = if depth == 0 { nulls.take() } else { None };
            let offsets = OffsetBuffer::new(offsets.into());
            array = Arc::new(ListArray::new(Arc::clone(&level.field), offsets, array, nulls));
        }
        array
    }

    fn bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of_val(level.offsets.as_slice())).sum::<usize>()
            + self.element.bytes()
    }
}
