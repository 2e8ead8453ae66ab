//! Functions of texts and bytes.

use arrow::array::ArrayRef;
use arrow::datatypes::{Int32Type, Int64Type};

use super::super::kernel::{Body, Kernel};
use super::super::kind::Kind::{self, Bool, Bytea, Int4, Int8, Text};
use super::bytes::{decode, encode, md5_bytes, md5_text};
use super::letters::{initcap, lower, upper};
use super::rows::{
    MOST_BYTES, Result, bytes, int4, numbers, texts, to_bool, to_bytes, to_number, to_text, too_long, wrong,
};

/// Four bytes for each character, as PostgreSQL reckons before it knows them.
const MOST_PADDED: usize = 0x0fff_fffe;

const fn kernel(name: &'static str, arguments: &'static [Kind], result: Kind, body: Body) -> Kernel {
    Kernel { name, arguments, result, body }
}

pub(in crate::plan) const FUNCTIONS: &[Kernel] = &[
    kernel("length", &[Text], Int4, length),
    kernel("length", &[Bytea], Int4, octets),
    kernel("char_length", &[Text], Int4, length),
    kernel("character_length", &[Text], Int4, length),
    kernel("octet_length", &[Text], Int4, text_octets),
    kernel("octet_length", &[Bytea], Int4, octets),
    kernel("bit_length", &[Text], Int4, text_bits),
    kernel("bit_length", &[Bytea], Int4, bits),
    kernel("upper", &[Text], Text, upper),
    kernel("lower", &[Text], Text, lower),
    kernel("initcap", &[Text], Text, initcap),
    kernel("substr", &[Text, Int4], Text, substring),
    kernel("substr", &[Text, Int4, Int4], Text, substring),
    kernel("substr", &[Bytea, Int4], Bytea, substring_bytes),
    kernel("substr", &[Bytea, Int4, Int4], Bytea, substring_bytes),
    kernel("substring", &[Text, Int4], Text, substring),
    kernel("substring", &[Text, Int4, Int4], Text, substring),
    kernel("substring", &[Bytea, Int4], Bytea, substring_bytes),
    kernel("substring", &[Bytea, Int4, Int4], Bytea, substring_bytes),
    kernel("left", &[Text, Int4], Text, left),
    kernel("right", &[Text, Int4], Text, right),
    kernel("btrim", &[Text], Text, btrim),
    kernel("btrim", &[Text, Text], Text, btrim),
    kernel("btrim", &[Bytea, Bytea], Bytea, btrim_bytes),
    kernel("ltrim", &[Text], Text, ltrim),
    kernel("ltrim", &[Text, Text], Text, ltrim),
    kernel("rtrim", &[Text], Text, rtrim),
    kernel("rtrim", &[Text, Text], Text, rtrim),
    kernel("lpad", &[Text, Int4], Text, lpad),
    kernel("lpad", &[Text, Int4, Text], Text, lpad),
    kernel("rpad", &[Text, Int4], Text, rpad),
    kernel("rpad", &[Text, Int4, Text], Text, rpad),
    kernel("repeat", &[Text, Int4], Text, repeat),
    kernel("replace", &[Text, Text, Text], Text, replace),
    kernel("reverse", &[Text], Text, reverse),
    kernel("strpos", &[Text, Text], Int4, strpos),
    kernel("split_part", &[Text, Text, Int4], Text, split_part),
    kernel("starts_with", &[Text, Text], Bool, starts_with),
    kernel("ascii", &[Text], Int4, ascii),
    kernel("chr", &[Int4], Text, chr),
    kernel("translate", &[Text, Text, Text], Text, translate),
    kernel("md5", &[Text], Text, md5_text),
    kernel("md5", &[Bytea], Text, md5_bytes),
    kernel("overlay", &[Text, Text, Int4], Text, overlay),
    kernel("overlay", &[Text, Text, Int4, Int4], Text, overlay),
    kernel("to_hex", &[Int4], Text, int4_to_hex),
    kernel("to_hex", &[Int8], Text, int8_to_hex),
    kernel("encode", &[Bytea, Text], Text, encode),
    kernel("decode", &[Text, Text], Bytea, decode),
];

/// `text || text`
pub(in crate::plan) fn concat_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (first, second) = (texts(columns, 0)?, texts(columns, 1)?);
    to_text(columns, |row, out| {
        check_length(first.value(row).len() + second.value(row).len())?;
        out.push_str(first.value(row));
        out.push_str(second.value(row));
        Ok(())
    })
}

/// `bytea || bytea`
pub(in crate::plan) fn concat_bytes(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (first, second) = (bytes(columns, 0)?, bytes(columns, 1)?);
    to_bytes(columns, |row, out| {
        check_length(first.value(row).len() + second.value(row).len())?;
        out.extend_from_slice(first.value(row));
        out.extend_from_slice(second.value(row));
        Ok(())
    })
}

fn check_length(bytes: usize) -> Result<()> {
    if bytes > MOST_BYTES { Err(too_long()) } else { Ok(()) }
}

/// Characters.
fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// Where the character with this number begins, counted from zero; the end where there is none.
fn start_of(text: &str, character: usize) -> usize {
    match text.is_ascii() {
        true => character.min(text.len()),
        false => text.char_indices().nth(character).map_or(text.len(), |(at, _)| at),
    }
}

fn skip(text: &str, characters: usize) -> &str {
    text.get(start_of(text, characters)..).unwrap_or_default()
}

fn take(text: &str, characters: usize) -> &str {
    text.get(..start_of(text, characters)).unwrap_or_default()
}

fn length(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_number::<Int32Type>(columns, |row| int4(count(values.value(row))))
}

fn octets(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = bytes(columns, 0)?;
    to_number::<Int32Type>(columns, |row| int4(values.value(row).len()))
}

fn text_octets(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_number::<Int32Type>(columns, |row| int4(values.value(row).len()))
}

fn bits(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = bytes(columns, 0)?;
    to_number::<Int32Type>(columns, |row| int4(values.value(row).len() * 8))
}

fn text_bits(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_number::<Int32Type>(columns, |row| int4(values.value(row).len() * 8))
}

/// How much to leave out and how much to take, of what begins with position 1.
fn span(start: i32, count: Option<i32>) -> Result<(usize, usize)> {
    if count.is_some_and(|count| count < 0) {
        return Err(wrong("a negative length of substring is not allowed"));
    }
    let first = i64::from(start).max(1);
    let end = count.map_or(i64::MAX, |count| i64::from(start) + i64::from(count));
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    Ok((size(first - 1), size(end - first)))
}

/// The numbers of an argument that may be left out.
fn optional(columns: &[ArrayRef], at: usize) -> Result<impl Fn(usize) -> Option<i32>> {
    let values = if columns.len() > at { Some(numbers::<Int32Type>(columns, at)?) } else { None };
    Ok(move |row| values.map(|values| values.value(row)))
}

fn substring(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, starts, counts) =
        (texts(columns, 0)?, numbers::<Int32Type>(columns, 1)?, optional(columns, 2)?);
    to_text(columns, |row, out| {
        let (before, size) = span(starts.value(row), counts(row))?;
        out.push_str(take(skip(values.value(row), before), size));
        Ok(())
    })
}

fn substring_bytes(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, starts, counts) =
        (bytes(columns, 0)?, numbers::<Int32Type>(columns, 1)?, optional(columns, 2)?);
    to_bytes(columns, |row, out| {
        let (before, size) = span(starts.value(row), counts(row))?;
        out.extend(values.value(row).iter().skip(before).take(size));
        Ok(())
    })
}

/// A count; a negative one is of what to leave out at the other end.
fn of_all(text: &str, count_wanted: i32) -> usize {
    let size = usize::try_from(count_wanted.unsigned_abs()).unwrap_or(usize::MAX);
    if count_wanted < 0 { count(text).saturating_sub(size) } else { size }
}

fn left(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, counts) = (texts(columns, 0)?, numbers::<Int32Type>(columns, 1)?);
    to_text(columns, |row, out| {
        let text = values.value(row);
        out.push_str(take(text, of_all(text, counts.value(row))));
        Ok(())
    })
}

fn right(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, counts) = (texts(columns, 0)?, numbers::<Int32Type>(columns, 1)?);
    to_text(columns, |row, out| {
        let text = values.value(row);
        // PostgreSQL negates the smallest integer to itself, and leaves nothing out.
        let size = match counts.value(row) {
            i32::MIN => usize::MAX,
            wanted => of_all(text, wanted),
        };
        out.push_str(skip(text, count(text).saturating_sub(size)));
        Ok(())
    })
}

fn btrim(columns: &[ArrayRef]) -> Result<ArrayRef> {
    trim(columns, true, true)
}

fn ltrim(columns: &[ArrayRef]) -> Result<ArrayRef> {
    trim(columns, true, false)
}

fn rtrim(columns: &[ArrayRef]) -> Result<ArrayRef> {
    trim(columns, false, true)
}

fn trim(columns: &[ArrayRef], at_start: bool, at_end: bool) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    let sets = if columns.len() > 1 { Some(texts(columns, 1)?) } else { None };
    to_text(columns, |row, out| {
        let set = sets.map_or(" ", |sets| sets.value(row));
        let mut text = values.value(row);
        if at_start {
            text = text.trim_start_matches(|c| set.contains(c));
        }
        if at_end {
            text = text.trim_end_matches(|c| set.contains(c));
        }
        out.push_str(text);
        Ok(())
    })
}

fn btrim_bytes(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, sets) = (bytes(columns, 0)?, bytes(columns, 1)?);
    to_bytes(columns, |row, out| {
        let (value, set) = (values.value(row), sets.value(row));
        let is_kept = |byte: &u8| !set.contains(byte);
        if let (Some(first), Some(last)) = (value.iter().position(is_kept), value.iter().rposition(is_kept)) {
            out.extend_from_slice(value.get(first..=last).unwrap_or_default());
        }
        Ok(())
    })
}

fn lpad(columns: &[ArrayRef]) -> Result<ArrayRef> {
    pad(columns, true)
}

fn rpad(columns: &[ArrayRef]) -> Result<ArrayRef> {
    pad(columns, false)
}

fn pad(columns: &[ArrayRef], at_start: bool) -> Result<ArrayRef> {
    let (values, sizes) = (texts(columns, 0)?, numbers::<Int32Type>(columns, 1)?);
    let fills = if columns.len() > 2 { Some(texts(columns, 2)?) } else { None };
    to_text(columns, |row, out| {
        let (text, fill) = (values.value(row), fills.map_or(" ", |fills| fills.value(row)));
        let wanted = usize::try_from(sizes.value(row)).unwrap_or_default();
        let missing = wanted.saturating_sub(count(text));
        let text = take(text, wanted);
        if !fill.is_empty() && wanted > MOST_PADDED || text.len() > MOST_BYTES {
            return Err(too_long());
        }
        let (whole, part) = match count(fill) {
            0 => (0, ""),
            characters => (missing / characters, take(fill, missing % characters)),
        };
        if !at_start {
            out.push_str(text);
        }
        (0..whole).for_each(|_| out.push_str(fill));
        out.push_str(part);
        if at_start {
            out.push_str(text);
        }
        Ok(())
    })
}

fn repeat(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, counts) = (texts(columns, 0)?, numbers::<Int32Type>(columns, 1)?);
    to_text(columns, |row, out| {
        let times = usize::try_from(counts.value(row)).unwrap_or_default();
        let text = values.value(row);
        match text.len().checked_mul(times) {
            Some(0) => {}
            Some(1..=MOST_BYTES) => (0..times).for_each(|_| out.push_str(text)),
            _ => return Err(too_long()),
        }
        Ok(())
    })
}

fn replace(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, froms, tos) = (texts(columns, 0)?, texts(columns, 1)?, texts(columns, 2)?);
    to_text(columns, |row, out| {
        let (text, from, to) = (values.value(row), froms.value(row), tos.value(row));
        if from.is_empty() {
            out.push_str(text);
            return Ok(());
        }
        for (number, part) in text.split(from).enumerate() {
            if number > 0 {
                out.push_str(to);
            }
            out.push_str(part);
            check_length(out.len())?;
        }
        Ok(())
    })
}

fn reverse(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| {
        out.extend(values.value(row).chars().rev());
        Ok(())
    })
}

fn strpos(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, wanted) = (texts(columns, 0)?, texts(columns, 1)?);
    to_number::<Int32Type>(columns, |row| {
        let text = values.value(row);
        let before = text.find(wanted.value(row)).and_then(|at| text.get(..at));
        before.map_or(Ok(0), |before| int4(count(before) + 1))
    })
}

fn split_part(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, separators) = (texts(columns, 0)?, texts(columns, 1)?);
    let fields = numbers::<Int32Type>(columns, 2)?;
    to_text(columns, |row, out| {
        let (text, separator, field) = (values.value(row), separators.value(row), fields.value(row));
        let number = usize::try_from(field.unsigned_abs()).unwrap_or(usize::MAX);
        let Some(skipped) = number.checked_sub(1) else {
            return Err(wrong("split_part: the number of the field must not be zero"));
        };
        let part = match separator.is_empty() {
            true => Some(text).filter(|_| skipped == 0),
            false if field > 0 => text.split(separator).nth(skipped),
            false => {
                let fields = text.split(separator).count();
                fields.checked_sub(number).and_then(|skipped| text.split(separator).nth(skipped))
            }
        };
        out.push_str(part.unwrap_or_default());
        Ok(())
    })
}

fn starts_with(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, starts) = (texts(columns, 0)?, texts(columns, 1)?);
    to_bool(columns, |row| Ok(values.value(row).starts_with(starts.value(row))))
}

fn ascii(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_number::<Int32Type>(columns, |row| {
        let first = values.value(row).chars().next();
        Ok(first.and_then(|c| i32::try_from(u32::from(c)).ok()).unwrap_or_default())
    })
}

fn chr(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = numbers::<Int32Type>(columns, 0)?;
    to_text(columns, |row, out| {
        let number = values.value(row);
        let character = u32::try_from(number).ok().filter(|number| *number > 0).and_then(char::from_u32);
        out.push(character.ok_or_else(|| wrong(format!("chr: {number} is no character")))?);
        Ok(())
    })
}

fn translate(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, froms, tos) = (texts(columns, 0)?, texts(columns, 1)?, texts(columns, 2)?);
    to_text(columns, |row, out| {
        let (from, to) = (froms.value(row), tos.value(row));
        for c in values.value(row).chars() {
            match from.chars().position(|other| other == c) {
                None => out.push(c),
                Some(at) => out.extend(to.chars().nth(at)),
            }
        }
        Ok(())
    })
}

fn overlay(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, parts, starts) = (texts(columns, 0)?, texts(columns, 1)?, numbers::<Int32Type>(columns, 2)?);
    let sizes = optional(columns, 3)?;
    to_text(columns, |row, out| {
        let (text, part, start) = (values.value(row), parts.value(row), starts.value(row));
        let size = sizes(row).map_or_else(|| int4(count(part)), Ok)?;
        if start < 1 {
            return Err(wrong("overlay: positions begin with 1"));
        }
        let end = start.checked_add(size).ok_or_else(|| wrong("overlay: integer out of range"))?;
        out.push_str(take(text, span(start, None)?.0));
        out.push_str(part);
        out.push_str(skip(text, span(end, None)?.0));
        Ok(())
    })
}

fn int4_to_hex(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = numbers::<Int32Type>(columns, 0)?;
    to_text(columns, |row, out| {
        out.push_str(&format!("{:x}", values.value(row)));
        Ok(())
    })
}

fn int8_to_hex(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = numbers::<Int64Type>(columns, 0)?;
    to_text(columns, |row, out| {
        out.push_str(&format!("{:x}", values.value(row)));
        Ok(())
    })
}

#[cfg(test)]
mod tests;
