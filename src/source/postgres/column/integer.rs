//! int2, int4, int8, the four-byte types without sign (oid, xid, cid), which Int64 holds, and money, an int8 of which
//! the catalog of the session says how many decimal places it has.

use arrow::datatypes::{Decimal128Type, Int16Type, Int32Type, Int64Type};

use super::decode::fixed;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;

pub(super) struct Int2;
pub(super) struct Int4;
pub(super) struct Int8;
pub(super) struct Unsigned4;
pub(super) struct Money;

impl Convert for Int2 {
    type Sent = Bytes;
    type Arrow = Int16Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i16>, BadValue> {
        Ok(Some(i16::from_be_bytes(fixed("int2", value)?)))
    }
}

impl Convert for Int4 {
    type Sent = Bytes;
    type Arrow = Int32Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i32>, BadValue> {
        Ok(Some(i32::from_be_bytes(fixed("int4", value)?)))
    }
}

impl Convert for Int8 {
    type Sent = Bytes;
    type Arrow = Int64Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        Ok(Some(i64::from_be_bytes(fixed("int8", value)?)))
    }
}

impl Convert for Unsigned4 {
    type Sent = Bytes;
    type Arrow = Int64Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        Ok(Some(i64::from(u32::from_be_bytes(fixed("oid", value)?))))
    }
}

impl Convert for Money {
    type Sent = Bytes;
    type Arrow = Decimal128Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i128>, BadValue> {
        Ok(Some(i128::from(i64::from_be_bytes(fixed("money", value)?))))
    }
}
