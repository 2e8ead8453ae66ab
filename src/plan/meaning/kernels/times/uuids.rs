//! Uuids and their texts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringArray};
use uuid::Uuid;

use super::columns::{Result, column, fails, shown};

const BYTES: usize = 16;

pub(in crate::plan) fn uuid_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let one = |bytes: &[u8]| match Uuid::from_slice(bytes) {
        Ok(uuid) => Ok(uuid.hyphenated().to_string()),
        Err(_) => fails(format!("{} bytes are not a uuid", bytes.len())),
    };
    let values = column(columns, 0)?.as_fixed_size_binary();
    let texts = values.iter().map(|bytes| bytes.map(one).transpose()).collect::<Result<StringArray>>()?;
    Ok(Arc::new(texts))
}

pub(in crate::plan) fn text_to_uuid(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = column(columns, 0)?.as_string::<i32>();
    let mut out = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    for text in texts {
        match text.map(|text| (text, bytes_of(text))) {
            Some((_, Some(bytes))) => out.append_value(bytes)?,
            Some((text, None)) => {
                return fails(format!(
                    "{} is not a uuid: write it as 8-4-4-4-12 hexadecimal digits",
                    shown(text)
                ));
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// 32 digits, a hyphen after each four of them or not, all in braces or not.
fn bytes_of(text: &str) -> Option<[u8; BYTES]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut rest = inner.as_bytes();
    let mut bytes = [0; BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let (digits, tail) = rest.split_at_checked(2)?;
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        let may_part = at % 2 == 1 && at + 1 < BYTES;
        rest = if may_part { tail.strip_prefix(b"-").unwrap_or(tail) } else { tail };
    }
    rest.is_empty().then_some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
