//! What reads a server's bytes, for `fuzz/` and the test that feeds its seeds.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};

use super::column::{Cast, Codec, CompositeField};
use super::read::skip_header;
use super::rows::find_row;
use super::unplanned::{Text, TextRows};
use crate::error::Result;
use crate::source::kit::cells::Cells;
use crate::spec::SpecialValues;

/// Rows of a COPY. The first byte says how many columns there are, one more each says of which kind.
///
/// # Errors
/// Those of the reader.
pub fn copy(data: &[u8]) -> Result<()> {
    let Some((count, rest)) = data.split_first() else { return Ok(()) };
    let columns = usize::from(count % 4);
    let Some((kinds, stream)) = rest.split_at_checked(columns) else { return Ok(()) };
    if count & 0x40 != 0 {
        return text(kinds, stream);
    }
    let special = if count & 0x80 == 0 { SpecialValues::Error } else { SpecialValues::Null };
    let all = codecs();
    let mut decoders = Vec::new();
    for kind in kinds {
        let (codec, data_type) = &all[usize::from(*kind) % all.len()];
        decoders.push(codec.decoder(&Field::new("c", data_type.clone(), true), 16, special)?);
    }
    let mut at = if stream.first() == Some(&b'P') { skip_header(stream)? } else { 0 };
    let mut found = Cells::new(columns);
    while at < stream.len() {
        if found.is_full() && found.decode(stream, &mut decoders).is_err() {
            return Ok(());
        }
        match find_row(&mut found, stream, at, stream.len())? {
            Some(next) => at = next,
            None => break,
        }
    }
    if found.decode(stream, &mut decoders).is_ok() {
        let arrays: Vec<_> = decoders.iter_mut().map(|decoder| decoder.finish()).collect();
        // What was accepted must be an array that every reader can trust.
        for array in arrays {
            if let Err(error) = array.to_data().validate_full() {
                return Err(crate::error::Error::internal("an array that is none").caused_by(error));
            }
        }
    }
    Ok(())
}

/// Rows of a COPY that is text.
fn text(kinds: &[u8], stream: &[u8]) -> Result<()> {
    let forms = [Text::Value, Text::Array, Text::Cast(Cast::Netmask), Text::Cast(Cast::Trimmed)];
    let mut rows = TextRows::new(kinds.iter().map(|kind| forms[usize::from(*kind) % forms.len()]).collect());
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let start = rows.push(line)?;
        // What became of it is a row of as many columns, and nothing behind it.
        let end = find_row(&mut Cells::new(kinds.len()), rows.buffer(), start, rows.buffer().len())?;
        if end != Some(rows.buffer().len()) {
            return Err(crate::error::Error::internal("a row that ends elsewhere"));
        }
    }
    Ok(())
}

/// One codec of each kind, with a type that it fills.
fn codecs() -> Vec<(Codec, DataType)> {
    let item = |of: DataType, nullable| Arc::new(Field::new("element", of, nullable));
    let list = |of: DataType| DataType::List(item(of, true));
    let nested = |depth, element: Codec| Codec::List { depth, element: Box::new(element), own: false };
    let geometry = |srid, simple| Codec::Geometry { schema: "public".into(), geography: false, srid, simple };
    let field = |name: &str, type_oid, codec| CompositeField { name: name.into(), type_oid, codec };
    let pair = vec![field("a", 23, Codec::Int4), field("b", 25, Codec::Text)];
    let fields: Vec<Field> =
        vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)];
    let pair_type = DataType::Struct(fields.into());
    vec![
        (Codec::Boolean, DataType::Boolean),
        (Codec::Int2, DataType::Int16),
        (Codec::Int4, DataType::Int32),
        (Codec::Int8, DataType::Int64),
        (Codec::Unsigned4, DataType::Int64),
        (Codec::Float4, DataType::Float32),
        (Codec::Float8, DataType::Float64),
        (Codec::Double, DataType::Float64),
        (Codec::Numeric, DataType::Decimal128(38, 10)),
        (Codec::Numeric, DataType::Decimal128(5, 0)),
        (Codec::Numeric, DataType::Decimal256(76, 30)),
        (Codec::Money, DataType::Decimal128(19, 2)),
        (Codec::Text, DataType::Utf8),
        (Codec::Padded, DataType::Utf8),
        (Codec::CastText(Cast::Output), DataType::Utf8),
        (Codec::Jsonb, DataType::Utf8),
        (Codec::Bytes, DataType::Binary),
        (Codec::Uuid, DataType::FixedSizeBinary(16)),
        (Codec::Date, DataType::Date32),
        (Codec::Time, DataType::Time64(TimeUnit::Microsecond)),
        (Codec::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        (Codec::Vector, DataType::FixedSizeList(item(DataType::Float32, false), 3)),
        (Codec::Vector, DataType::List(item(DataType::Float32, false))),
        (Codec::HalfVector, DataType::List(item(DataType::Float32, false))),
        (geometry(0, true), DataType::Binary),
        (geometry(4326, false), DataType::Binary),
        (Codec::Composite { fields: pair.clone() }, pair_type.clone()),
        (nested(1, Codec::Int4), list(DataType::Int32)),
        (nested(3, Codec::Text), list(list(list(DataType::Utf8)))),
        (nested(1, Codec::Composite { fields: pair }), list(pair_type)),
        (nested(2, Codec::Numeric), list(list(DataType::Decimal128(20, 4)))),
    ]
}

pub use super::column::fuzzing::{arrays, numeric};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_has_its_type() {
        for kind in 0..codecs().len() {
            // One row with a NULL, and the trailer.
            let row = [1, kind as u8, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
            copy(&row).unwrap_or_else(|error| panic!("{kind}: {error}"));
        }
        copy(b"\x42\x00\x01a\t{b,NULL}\n\\N\t[2:2]={c}\n").unwrap();
    }
}
