//! Rows of several batches to their places in one.
//!
//! Each value is read where it is and written where it goes, so that reading is in the order of memory and the writing goes
//! on at as many places as there are keys.

use std::sync::Arc;

use arrow::array::types::{BinaryType, ByteArrayType, Utf8Type};
use arrow::array::{Array, ArrayData, ArrayRef, AsArray, GenericByteArray, RecordBatch, make_array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{ArrowNativeType, i256};
use arrow::util::bit_util;
use arrow_schema::{ArrowError, DataType};

type Result<T> = std::result::Result<T, ArrowError>;

/// The rows of `batches`, which are one or more. `places` are those of the rows of each batch: all numbers from 0 on, each
/// once.
pub(super) fn scattered(batches: &[RecordBatch], places: &[Vec<u32>]) -> Result<RecordBatch> {
    let Some(first) = batches.first() else {
        return Err(ArrowError::InvalidArgumentError("no batches".into()));
    };
    let column = |at: usize| {
        let values: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(at)).collect();
        Column { values: &values, places, rows: places.iter().map(Vec::len).sum() }.scattered()
    };
    RecordBatch::try_new(first.schema(), (0..first.num_columns()).map(column).collect::<Result<_>>()?)
}

struct Column<'a> {
    /// By batches.
    values: &'a [&'a ArrayRef],
    places: &'a [Vec<u32>],
    /// In all batches.
    rows: usize,
}

impl Column<'_> {
    fn scattered(&self) -> Result<ArrayRef> {
        let data_type = self.values[0].data_type();
        match (data_type, data_type.primitive_width()) {
            (DataType::Utf8, _) => self.texts::<Utf8Type>(),
            (DataType::Binary, _) => self.texts::<BinaryType>(),
            // They need not lie as numbers of their width do.
            (DataType::Interval(_), _) => self.gathered(),
            (_, Some(1)) => self.of_width::<i8>(),
            (_, Some(2)) => self.of_width::<i16>(),
            (_, Some(4)) => self.of_width::<i32>(),
            (_, Some(8)) => self.of_width::<i64>(),
            (_, Some(16)) => self.of_width::<i128>(),
            (_, Some(32)) => self.of_width::<i256>(),
            _ => self.gathered(),
        }
    }

    /// Values of a fixed width, which is that of `T`.
    fn of_width<T: ArrowNativeType>(&self) -> Result<ArrayRef> {
        let mut out = vec![T::default(); self.rows];
        for (values, places) in self.values.iter().zip(self.places) {
            let data = values.to_data();
            let values = &data.buffers()[0].typed_data::<T>()[data.offset()..];
            for (value, place) in values.iter().zip(places) {
                out[*place as usize] = *value;
            }
        }
        let data = ArrayData::builder(self.values[0].data_type().clone())
            .len(self.rows)
            .add_buffer(Buffer::from_vec(out))
            .nulls(self.nulls());
        Ok(make_array(data.build()?))
    }

    fn texts<T: ByteArrayType<Offset = i32>>(&self) -> Result<ArrayRef> {
        let mut lengths = vec![0_usize; self.rows];
        for (values, places) in self.values.iter().zip(self.places) {
            for (ends, place) in values.as_bytes::<T>().value_offsets().windows(2).zip(places) {
                lengths[*place as usize] = (ends[1] - ends[0]) as usize;
            }
        }
        let bytes: usize = lengths.iter().sum();
        if i32::try_from(bytes).is_err() {
            return Err(ArrowError::OffsetOverflowError(bytes));
        }
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let mut out = vec![0_u8; bytes];
        for (values, places) in self.values.iter().zip(self.places) {
            let values = values.as_bytes::<T>();
            let bytes = values.value_data();
            for (ends, place) in values.value_offsets().windows(2).zip(places) {
                let value = &bytes[ends[0] as usize..ends[1] as usize];
                let at = offsets[*place as usize] as usize;
                out[at..at + value.len()].copy_from_slice(value);
            }
        }
        Ok(Arc::new(GenericByteArray::<T>::try_new(offsets, Buffer::from_vec(out), self.nulls())?))
    }

    /// Where values are NULL; none where there are no such.
    fn nulls(&self) -> Option<NullBuffer> {
        if self.values.iter().all(|values| values.null_count() == 0) {
            return None;
        }
        let mut valid = vec![0_u8; self.rows.div_ceil(8)];
        for (values, places) in self.values.iter().zip(self.places) {
            for (row, place) in places.iter().enumerate() {
                if values.is_valid(row) {
                    bit_util::set_bit(&mut valid, *place as usize);
                }
            }
        }
        Some(NullBuffer::new(arrow::buffer::BooleanBuffer::new(Buffer::from_vec(valid), 0, self.rows)))
    }

    /// Values of any other type, one by one from where they are.
    fn gathered(&self) -> Result<ArrayRef> {
        let mut from = vec![(0, 0); self.rows];
        for (batch, places) in self.places.iter().enumerate() {
            for (row, place) in places.iter().enumerate() {
                from[*place as usize] = (batch, row);
            }
        }
        interleave(&self.values.iter().map(|values| values.as_ref()).collect::<Vec<_>>(), &from)
    }
}
