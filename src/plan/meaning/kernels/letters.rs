//! Upper and lower case, and what belongs to a word: as PostgreSQL 15 has it under C.UTF-8, character by character.

use arrow::array::ArrayRef;
use arrow_schema::ArrowError;

use super::rows::{Result, texts, to_text, wrong};

/// Letters that newer versions of Unicode have a capital of, 55 in all. Servers differ about them.
const NEW_SMALL: &[(u32, u32)] = &[
    (0x19b, 0x19b),
    (0x264, 0x264),
    (0x1c8a, 0x1c8a),
    (0xa7cd, 0xa7cd),
    (0xa7cf, 0xa7cf),
    (0xa7d3, 0xa7d3),
    (0xa7d5, 0xa7d5),
    (0xa7db, 0xa7db),
    (0x10d70, 0x10d85),
    (0x16ebb, 0x16ed3),
];

/// The capitals, 55 in all.
const NEW_CAPITAL: &[(u32, u32)] = &[
    (0x1c89, 0x1c89),
    (0xa7cb, 0xa7cc),
    (0xa7ce, 0xa7ce),
    (0xa7d2, 0xa7d2),
    (0xa7d4, 0xa7d4),
    (0xa7da, 0xa7da),
    (0xa7dc, 0xa7dc),
    (0x10d50, 0x10d65),
    (0x16ea0, 0x16eb8),
];

/// Where `char::is_alphanumeric` says yes and the server no: numbers that are no digits, and what is newer than its
/// Unicode.
#[rustfmt::skip]
const NO_WORD: &[(u32, u32)] = &[
    (0xb2, 0xb3), (0xb9, 0xb9), (0xbc, 0xbe), (0x363, 0x36f), (0x88f, 0x897),
    (0x9f4, 0x9f9), (0xb72, 0xb77), (0xbf0, 0xbf2), (0xc04, 0xc04), (0xc5c, 0xc5c),
    (0xc78, 0xc7e), (0xcdc, 0xcdc), (0xcf3, 0xcf3), (0xd58, 0xd5e), (0xd70, 0xd78),
    (0xf2a, 0xf33), (0xf82, 0xf83), (0x1369, 0x137c), (0x17f0, 0x17f9), (0x19da, 0x19da),
    (0x1c89, 0x1c8a), (0x1dd3, 0x1de6), (0x2070, 0x2070), (0x2074, 0x2079), (0x2080, 0x2089),
    (0x2150, 0x215f), (0x2189, 0x249b), (0x24ea, 0x2793), (0x2cfd, 0x2cfd), (0x3192, 0x3195),
    (0x3220, 0x32bf), (0xa7cb, 0xa7cf), (0xa7d2, 0xa7d2), (0xa7d4, 0xa7d4), (0xa7da, 0xa7f1),
    (0xa830, 0xa835), (0x10107, 0x10133), (0x10175, 0x1018b), (0x102e1, 0x102fb), (0x10320, 0x10323),
    (0x105c0, 0x105f3), (0x10858, 0x1085f), (0x10879, 0x1087f), (0x108a7, 0x108af), (0x108fb, 0x108ff),
    (0x10916, 0x1091b), (0x10940, 0x10959), (0x109bc, 0x109bd), (0x109c0, 0x109ff), (0x10a40, 0x10a48),
    (0x10a7d, 0x10a7e), (0x10a9d, 0x10a9f), (0x10aeb, 0x10aef), (0x10b58, 0x10b5f), (0x10b78, 0x10b7f),
    (0x10ba9, 0x10baf), (0x10cfa, 0x10cff), (0x10d40, 0x10e7e), (0x10ec2, 0x10efc), (0x10f1d, 0x10f26),
    (0x10f51, 0x10f54), (0x10fc5, 0x10fcb), (0x11052, 0x11065), (0x11080, 0x11081), (0x111e1, 0x111f4),
    (0x1123f, 0x11241), (0x11380, 0x113d3), (0x116d0, 0x116e3), (0x1173a, 0x1173b), (0x118ea, 0x118f2),
    (0x11b60, 0x11bf9), (0x11c5a, 0x11c6c), (0x11db0, 0x11de9), (0x11f00, 0x11f59), (0x11fc0, 0x11fd4),
    (0x1342f, 0x143fa), (0x16100, 0x16139), (0x16b5b, 0x16b61), (0x16d40, 0x16d79), (0x16e80, 0x16ed3),
    (0x16ff2, 0x16ff6), (0x187f8, 0x187ff), (0x18cff, 0x18cff), (0x18d09, 0x18df2), (0x1b132, 0x1b132),
    (0x1b155, 0x1b155), (0x1ccf0, 0x1d378), (0x1df25, 0x1df2a), (0x1e030, 0x1e08f), (0x1e4d0, 0x1e6ff),
    (0x1e8c7, 0x1e8cf), (0x1ec71, 0x1ed3d), (0x1f100, 0x1f10c), (0x2b739, 0x2b73f), (0x2cea2, 0x2cead),
    (0x2ebf0, 0x2ee5d), (0x31350, 0x33479),
];

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    // The first range that does not end before the character.
    let at = ranges.partition_point(|(_, last)| *last < c);
    ranges.get(at).is_some_and(|(first, _)| *first <= c)
}

/// The capital of a character, itself if there is none. None where servers differ.
pub(super) fn upper_of(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c.to_ascii_uppercase());
    }
    if is_in(NEW_SMALL, c) {
        return None;
    }
    match c {
        // Greek letters with iota: one character, where full case mapping has two.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(c) + 8)
        }
        '\u{1fb3}' => Some('\u{1fbc}'),
        '\u{1fc3}' => Some('\u{1fcc}'),
        '\u{1ff3}' => Some('\u{1ffc}'),
        _ => Some(only(c.to_uppercase()).unwrap_or(c)),
    }
}

/// The small letter of a character, itself if there is none. None where servers differ.
pub(super) fn lower_of(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c.to_ascii_lowercase());
    }
    match c {
        '\u{130}' => Some('i'),
        _ if is_in(NEW_CAPITAL, c) => None,
        _ => Some(only(c.to_lowercase()).unwrap_or(c)),
    }
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    match characters.next() {
        None => first,
        Some(_) => None,
    }
}

/// A letter or a digit.
pub(super) fn is_alphanumeric(c: char) -> bool {
    c.is_alphanumeric() && !is_in(NO_WORD, c)
}

/// A letter that PostgreSQL 15 does not know as one.
fn is_new_letter(c: char) -> bool {
    c.is_alphabetic() && is_in(NO_WORD, c)
}

fn doubtful(function: &str, c: char) -> ArrowError {
    wrong(format!(
        "{function}: the result for the character {c} (U+{:04X}) depends on the server's version of Unicode",
        u32::from(c)
    ))
}

/// Adds a text in small letters.
pub(super) fn lower_into(text: &str, out: &mut String) -> Result<()> {
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
        return Ok(());
    }
    text.chars().try_for_each(|c| {
        out.push(lower_of(c).ok_or_else(|| doubtful("lower", c))?);
        Ok(())
    })
}

pub(super) fn lower(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| lower_into(values.value(row), out))
}

pub(super) fn upper(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| {
        values.value(row).chars().try_for_each(|c| {
            out.push(upper_of(c).ok_or_else(|| doubtful("upper", c))?);
            Ok(())
        })
    })
}

/// A capital where a word begins.
pub(super) fn initcap(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = texts(columns, 0)?;
    to_text(columns, |row, out| {
        let mut in_word = false;
        values.value(row).chars().try_for_each(|c| {
            let changed = if in_word { lower_of(c) } else { upper_of(c) };
            let changed = changed.filter(|_| !is_new_letter(c)).ok_or_else(|| doubtful("initcap", c))?;
            in_word = is_alphanumeric(changed);
            out.push(changed);
            Ok(())
        })
    })
}
