//! Which encoder a column has.

use std::io::Write;

use arrow::array::new_empty_array;
use arrow_schema::Field;
use parquet::basic::{LogicalType, Type};
use parquet::schema::types::ColumnDescPtr;

use super::bytes::ByteEncoder;
use super::encoder::{Choice, ChunkEncoder};
use super::integers::{Integer, IntegerEncoder};

/// How a column is encoded, by its type alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 32 bits, with a sign.
    Int32,
    /// 64 bits, with a sign.
    Int64,
    /// Bytes; text if true.
    Bytes(bool),
    /// By the `parquet` crate.
    General,
}

impl Kind {
    /// The kind of `field`, whose leaves in the file are `leaves`.
    pub(super) fn of(field: &Field, leaves: &[ColumnDescPtr]) -> Self {
        let [leaf] = leaves else {
            return Self::General;
        };
        if leaf.max_rep_level() > 0 || leaf.max_def_level() > 1 {
            return Self::General;
        }
        let empty = new_empty_array(field.data_type());
        let logical = leaf.logical_type_ref();
        match (leaf.physical_type(), logical) {
            (_, Some(LogicalType::Integer(integer))) if !integer.is_signed => Self::General,
            (Type::INT32, _) if i32::of(&empty).is_some() => Self::Int32,
            (Type::INT64, _) if i64::of(&empty).is_some() => Self::Int64,
            (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Json)) if is_bytes(field) => {
                Self::Bytes(true)
            }
            (Type::BYTE_ARRAY, None) if is_bytes(field) => Self::Bytes(false),
            _ => Self::General,
        }
    }

    /// An encoder for a chunk of `leaf`; none for a general one.
    pub(super) fn encoder<W: Write + Send>(
        self,
        leaf: &ColumnDescPtr,
        choice: Choice,
    ) -> Option<Box<dyn ChunkEncoder<W>>> {
        let leaf = ColumnDescPtr::clone(leaf);
        Some(match self {
            Self::Int32 => Box::new(IntegerEncoder::<i32>::new(leaf, choice)),
            Self::Int64 => Box::new(IntegerEncoder::<i64>::new(leaf, choice)),
            Self::Bytes(utf8) => Box::new(ByteEncoder::new(leaf, choice, utf8)),
            Self::General => return None,
        })
    }
}

fn is_bytes(field: &Field) -> bool {
    use arrow_schema::DataType::{Binary, LargeBinary, LargeUtf8, Utf8};
    matches!(field.data_type(), Utf8 | LargeUtf8 | Binary | LargeBinary)
}
