//! float4 and float8, bit for bit: NaN, infinities and negative zero stay what they are.

use arrow::datatypes::{Float32Type, Float64Type};

use super::decode::fixed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;

pub(super) struct Float4;
pub(super) struct Float8;

impl Convert for Float4 {
    type Sent = Bytes;
    type Arrow = Float32Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<f32>, BadValue> {
        Ok(Some(f32::from_be_bytes(fixed("float4", value)?)))
    }
}

impl Convert for Float8 {
    type Sent = Bytes;
    type Arrow = Float64Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<f64>, BadValue> {
        Ok(Some(f64::from_be_bytes(fixed("float8", value)?)))
    }
}
