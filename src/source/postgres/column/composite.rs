//! Composite types: structs with their fields.
//!
//! Binary form, all big-endian 32 bits: number of fields, then for each its type and its length (-1 for NULL) with
//! the value. Attributes that were dropped from the type are not sent.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};

use super::CompositeField;
use super::decode::take_i32;
use crate::error::{Error, Result};
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::primitive::Nulls;
use crate::spec::SpecialValues;

const ALTERED_HINT: &str = "the composite type was altered while the table was exported: run again";

/// Fills a `StructArray`.
pub(super) struct CompositeDecoder {
    fields: Fields,
    /// The type that the server must name for each field.
    sent: Vec<u32>,
    columns: Vec<Box<dyn CellDecoder>>,
    nulls: Nulls,
}

impl CompositeDecoder {
    pub(super) fn new(
        field: &Field,
        codecs: &[CompositeField],
        capacity: usize,
        special: SpecialValues,
    ) -> Result<Self> {
        let mismatch = || {
            Error::internal(format!("{} fields cannot fill {}", codecs.len(), field.data_type()))
                .with("column", field.name())
        };
        let DataType::Struct(fields) = field.data_type() else { return Err(mismatch()) };
        if fields.len() != codecs.len() || fields.is_empty() {
            return Err(mismatch());
        }
        let as_it_is = codecs.iter().all(|of| of.codec.is_sent_as_it_is());
        let sent = |of: &CompositeField| match of.codec.cast_oid() {
            Some(cast) if !as_it_is => cast,
            _ => of.type_oid,
        };
        let sent = codecs.iter().map(sent).collect();
        let columns = fields
            .iter()
            .zip(codecs)
            .map(|(field, of)| of.codec.decoder(field, capacity, special))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { fields: fields.clone(), sent, columns, nulls: Nulls::new(capacity) })
    }

    /// None when the bytes are not a record of as many fields.
    fn try_append(&mut self, value: &[u8]) -> Option<Result<(), BadValue>> {
        let mut rest = value;
        if usize::try_from(take_i32(&mut rest)?) != Ok(self.columns.len()) {
            return None;
        }
        for ((field, sent), column) in self.fields.iter().zip(&self.sent).zip(&mut self.columns) {
            let named = take_i32(&mut rest)?.cast_unsigned();
            if named != *sent {
                let what = format!(
                    "field {} of a composite value has type {named} where the catalog said {sent}",
                    field.name()
                );
                return Some(Err(BadValue { what, hint: ALTERED_HINT }));
            }
            let length = take_i32(&mut rest)?;
            if length == -1 {
                column.append_null();
                continue;
            }
            let (bytes, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            if let Err(bad) = column.append(bytes) {
                let what = format!("field {} of a composite value: {}", field.name(), bad.what);
                return Some(Err(BadValue { what, hint: bad.hint }));
            }
            rest = tail;
        }
        rest.is_empty().then_some(Ok(()))
    }
}

impl CellDecoder for CompositeDecoder {}

impl ColumnDecoder<Bytes> for CompositeDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.try_append(value).ok_or_else(|| BadValue::malformed("composite value", value))??;
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        for column in &mut self.columns {
            column.append_null();
        }
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let columns = self.columns.iter_mut().map(|column| column.finish()).collect();
        Arc::new(StructArray::new(self.fields.clone(), columns, self.nulls.finish()))
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.bytes()).sum()
    }
}
