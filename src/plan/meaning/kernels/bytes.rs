//! Bytes: their text forms, and MD5.

use arrow::array::ArrayRef;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::rows::{MOST_BYTES, Result, bytes, no_value, shown, texts, to_bytes, to_text, too_long, wrong};

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Characters of base64 in a line.
const LINE: usize = 76;

pub(super) fn push_hex(bytes: &[u8], out: &mut String) -> Result<()> {
    if bytes.len() > MOST_BYTES / 2 {
        return Err(too_long());
    }
    for byte in bytes {
        for half in [byte >> 4, byte & 0xf] {
            out.push(HEX.get(usize::from(half)).copied().map_or('0', char::from));
        }
    }
    Ok(())
}

pub(super) fn md5_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| push_hex(&Md5::digest(values.value(row)), out))
}

pub(super) fn md5_bytes(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = bytes(columns, 0)?;
    to_text(columns, |row, out| push_hex(&Md5::digest(values.value(row)), out))
}

pub(super) fn encode(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, formats) = (bytes(columns, 0)?, texts(columns, 1)?);
    to_text(columns, |row, out| {
        let value = values.value(row);
        let format = formats.value(row);
        match format.to_ascii_lowercase().as_str() {
            "hex" => push_hex(value, out)?,
            "base64" => {
                if value.len() > MOST_BYTES / 3 * 2 {
                    return Err(too_long());
                }
                for line in value.chunks(LINE / 4 * 3) {
                    STANDARD.encode_string(line, out);
                    if line.len() == LINE / 4 * 3 {
                        out.push('\n');
                    }
                }
            }
            "escape" => push_escaped(value, out)?,
            _ => return Err(unknown(format)),
        }
        Ok(())
    })
}

pub(super) fn decode(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, formats) = (texts(columns, 0)?, texts(columns, 1)?);
    to_bytes(columns, |row, out| {
        let value = values.value(row);
        let format = formats.value(row);
        match format.to_ascii_lowercase().as_str() {
            "hex" => from_hex(value, value, out),
            "base64" => from_base64(value, out),
            "escape" => from_escaped(value, out),
            _ => Err(unknown(format)),
        }
    })
}

fn unknown(format: &str) -> arrow_schema::ArrowError {
    wrong(format!("{} is no encoding of bytes: use hex, base64 or escape", shown(format)))
}

fn push_escaped(value: &[u8], out: &mut String) -> Result<()> {
    if value.len() > MOST_BYTES / 4 {
        return Err(too_long());
    }
    for byte in value {
        match byte {
            0 | 0x80.. => {
                out.push('\\');
                out.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' + digit)));
            }
            b'\\' => out.push_str(r"\\"),
            _ => out.push(char::from(*byte)),
        }
    }
    Ok(())
}

/// Pairs of digits, with white space between pairs.
fn from_hex(digits: &str, whole: &str, out: &mut Vec<u8>) -> Result<()> {
    let half = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut rest = digits.bytes();
    while let Some(c) = rest.next() {
        if matches!(c, b' ' | b'\n' | b'\t' | b'\r') {
            continue;
        }
        let (Some(high), Some(low)) = (half(c), rest.next().and_then(half)) else {
            return Err(no_value("bytea", whole));
        };
        out.push(high << 4 | low);
    }
    Ok(())
}

/// Four characters at a time, with white space anywhere.
fn from_base64(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let invalid = || wrong(format!("{} is not base64", shown(text)));
    let (mut bits, mut count, mut wanted) = (0_u32, 0, 3);
    for c in text.bytes() {
        let six = match c {
            b' ' | b'\n' | b'\t' | b'\r' => continue,
            b'=' if wanted < 3 => 0,
            b'=' if count == 2 || count == 3 => {
                wanted = count - 1;
                0
            }
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(invalid()),
        };
        bits = bits << 6 | u32::from(six);
        count += 1;
        if count == 4 {
            let [_, three @ ..] = bits.to_be_bytes();
            out.extend(three.into_iter().take(wanted));
            (bits, count) = (0, 0);
        }
    }
    if count > 0 { Err(invalid()) } else { Ok(()) }
}

fn from_escaped(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                out.push((a & 7) << 6 | (b & 7) << 3 | (c & 7));
                rest
            }
            [b'\\', ..] => return Err(no_value("bytea", text)),
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

/// `text::bytea`
pub(in crate::plan) fn text_to_bytea(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_bytes(columns, |row, out| match values.value(row).strip_prefix(r"\x") {
        Some(digits) => from_hex(digits, values.value(row), out),
        None => from_escaped(values.value(row), out),
    })
}

/// `bytea::text`
pub(in crate::plan) fn bytea_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = bytes(columns, 0)?;
    to_text(columns, |row, out| {
        out.push_str(r"\x");
        push_hex(values.value(row), out)
    })
}
