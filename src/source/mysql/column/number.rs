//! Numbers of fixed size, little-endian, and bit, whose bytes are big-endian.

use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};

use super::form::{fixed, malformed};
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;

/// A conversion of a number of fixed size to the same one in the Arrow type.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $sent:ty, $type_name:literal => $arrow:ty, $native:ty) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Convert for $name {
            type Sent = Bytes;
            type Arrow = $arrow;

            #[inline]
            fn convert(&self, value: &[u8]) -> Result<Option<$native>, BadValue> {
                Ok(Some(<$sent>::from_le_bytes(fixed($type_name, value)?).into()))
            }
        }
    };
}

number!(/** tinyint. */ Int1: i8, "tinyint" => Int16Type, i16);
number!(/** tinyint unsigned. */ Unsigned1: u8, "tinyint" => Int16Type, i16);
number!(/** smallint. */ Int2: i16, "smallint" => Int16Type, i16);
number!(/** smallint unsigned. */ Unsigned2: u16, "smallint" => Int32Type, i32);
number!(/** int and mediumint. */ Int4: i32, "int" => Int32Type, i32);
number!(/** int unsigned. */ Unsigned4: u32, "int" => Int64Type, i64);
number!(/** bigint. */ Int8: i64, "bigint" => Int64Type, i64);
number!(/** bigint unsigned. */ Unsigned8: u64, "bigint" => Decimal128Type, i128);
number!(/** year: from 1901 to 2155, and 0. */ Year: i16, "year" => Int16Type, i16);
number!(/** float. */ Float: f32, "float" => Float32Type, f32);
number!(/** double. */ Double: f64, "double" => Float64Type, f64);

/// Bits as a number without sign.
#[inline]
fn bits(value: &[u8]) -> Result<u64, BadValue> {
    if value.is_empty() || value.len() > 8 {
        return Err(malformed("bit", value));
    }
    Ok(value.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
}

/// bit(1) to bit(63).
pub(super) struct Bits;

impl Convert for Bits {
    type Sent = Bytes;
    type Arrow = Int64Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        bits(value)?.try_into().map(Some).map_err(|_| malformed("bit", value))
    }
}

/// bit(64).
pub(super) struct WideBits;

impl Convert for WideBits {
    type Sent = Bytes;
    type Arrow = Decimal128Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i128>, BadValue> {
        bits(value).map(|bits| Some(bits.into()))
    }
}
