//! A look at the bytes of a Parquet footer before the `parquet` crate reads them.
//!
//! The crate trusts what a footer says of itself: it makes room for as many entries as a list claims to have, and
//! follows groups in groups as deep as they go. A footer made for that ends the process. Here the bytes are walked
//! once, with bounds, and nothing is kept.
//!
//! Source: the compact protocol of Apache Thrift, and `parquet.thrift` of the Parquet format.

use crate::error::{Code, Error, Result};

/// Most bytes of a footer: some 1,600,000 column chunks.
pub(super) const FOOTER_BYTES: u64 = 256 << 20;
/// Bytes at the end of a file: length of the footer, and the magic.
pub(super) const TAIL_BYTES: u64 = 8;
/// Structures in structures; the format has 8.
const DEPTH: usize = 20;
/// Groups in groups of the schema; a list takes two.
const SCHEMA_DEPTH: usize = 256;
/// Bytes that each structure of a list has at the least, with its end.
const LEAST_STRUCT: u64 = 3;

/// The length of the footer that the last [`TAIL_BYTES`] of a file of `file_bytes` speak of.
///
/// Errors: `Data` when they are not those of a Parquet file, or the footer does not fit into the file or is too large.
pub(super) fn length(tail: &[u8], file_bytes: u64) -> Result<u64> {
    let (Some(length), Some(magic)) = (tail.first_chunk::<4>(), tail.get(4..8)) else {
        return Err(bad("the file is too short"));
    };
    if magic != b"PAR1" {
        return Err(bad("the file does not end as a Parquet file does"));
    }
    let length = u64::from(u32::from_le_bytes(*length));
    if length > FOOTER_BYTES {
        return Err(bad("the footer is larger than 256 MiB"));
    }
    if length + TAIL_BYTES + 4 > file_bytes {
        return Err(bad("the footer is larger than the file"));
    }
    Ok(length)
}

/// Whether the footer can be read without harm.
///
/// Errors: `Data` when a list claims more than there is, or something is nested deeper than any writer nests.
pub(super) fn check(footer: &[u8]) -> Result<()> {
    let mut walk = Walk { bytes: footer, at: 0 };
    let mut schema = Schema::default();
    walk.fields(0, &mut |walk, id, kind| {
        if (id, kind) != (2, LIST) {
            return walk.value(kind, 1);
        }
        let (count, kind) = walk.list()?;
        for _ in 0..count {
            let mut children = 0;
            walk.structure(kind, 1, &mut |walk, id, kind| {
                if (id, kind) == (5, I32) {
                    children = walk.zigzag()?;
                    return Ok(());
                }
                walk.value(kind, 2)
            })?;
            schema.add(children, count)?;
        }
        Ok(())
    })
}

/// The schema's tree, which a footer has as a list: each group says how many of those that follow are its own.
#[derive(Default)]
struct Schema {
    /// Children that groups still wait for, from the outermost in.
    open: Vec<u64>,
}

impl Schema {
    fn add(&mut self, children: i64, all: u64) -> Result<()> {
        let children = u64::try_from(children).ok().filter(|children| *children <= all);
        let children =
            children.ok_or_else(|| bad("a group of the schema has more columns than there are"))?;
        if let Some(left) = self.open.last_mut() {
            *left = left.saturating_sub(1);
        }
        if children > 0 {
            self.open.push(children);
        }
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        if self.open.len() > SCHEMA_DEPTH {
            return Err(bad("the schema has groups in groups, more than 256 deep"));
        }
        Ok(())
    }
}

const TRUE: u8 = 1;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Where in the footer we are.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What is done with a field of a structure: its id, and its type.
type Field<'f, 'a> = dyn FnMut(&mut Walk<'a>, i64, u8) -> Result<()> + 'f;

impl<'a> Walk<'a> {
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| bad("the footer ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn pass(&mut self, count: u64) -> Result<()> {
        if count > self.left() {
            return Err(bad("a text in the footer is longer than the footer"));
        }
        self.at += usize::try_from(count).unwrap_or(usize::MAX);
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad("a number in the footer does not end"))
    }

    fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The fields of a structure, up to its end.
    fn fields(&mut self, depth: usize, each: &mut Field<'_, 'a>) -> Result<()> {
        if depth > DEPTH {
            return Err(bad("structures in structures, deeper than any writer nests them"));
        }
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.zigzag()?,
                step => id.saturating_add(step.into()),
            };
            each(self, id, head & 0x0f)?;
        }
    }

    /// As [`fields`](Self::fields), of what is said to be a `kind`.
    fn structure(&mut self, kind: u8, depth: usize, each: &mut Field<'_, 'a>) -> Result<()> {
        if kind != STRUCT {
            return Err(bad("a list of the footer has other entries than it should"));
        }
        self.fields(depth, each)
    }

    /// How many entries a list has, and their type. There are at least so many bytes.
    fn list(&mut self) -> Result<(u64, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            short => short.into(),
        };
        let kind = head & 0x0f;
        let least = if kind == STRUCT { LEAST_STRUCT } else { 1 };
        if count.saturating_mul(least) > self.left() {
            return Err(bad("a list of the footer claims more entries than there are bytes"));
        }
        Ok((count, kind))
    }

    /// Passes one value of a field.
    fn value(&mut self, kind: u8, depth: usize) -> Result<()> {
        match kind {
            // The value of a boolean field is its type.
            0 | TRUE | 2 => Ok(()),
            _ => self.element(kind, depth),
        }
    }

    /// Passes one value in a list.
    fn element(&mut self, kind: u8, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return Err(bad("lists in lists, deeper than any writer nests them"));
        }
        match kind {
            TRUE | 2 | I8 => self.pass(1),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.pass(8),
            UUID => self.pass(16),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    self.element(kind, depth + 1)?;
                }
                Ok(())
            }
            MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                if count > self.left() {
                    return Err(bad("a map of the footer claims more entries than there are bytes"));
                }
                let kinds = self.byte()?;
                for _ in 0..count {
                    self.element(kinds >> 4, depth + 1)?;
                    self.element(kinds & 0x0f, depth + 1)?;
                }
                Ok(())
            }
            STRUCT => self.fields(depth, &mut |walk, _, kind| walk.value(kind, depth + 1)),
            _ => Err(bad("the footer has a type that the format does not have")),
        }
    }
}

fn bad(why: &str) -> Error {
    Error::data(format!("the file's footer is not read: {why}")).coded(Code::FileDamaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_groups_are_as_long_and_deep_as_they_say() {
        // version, a schema of one group with one column, no rows, no row groups.
        let good = [
            0x15, 2, 0x19, 0x2c, 0x48, 1, b's', 0x15, 2, 0, 0x15, 2, 0x38, 1, b'a', 0, 0x16, 0, 0x19, 0x0c, 0,
        ];
        check(&good).expect("a footer");
        for cut in 0..good.len() {
            assert!(check(&good[..cut]).is_err(), "cut at {cut}");
        }
        let mut many = good;
        many[3] = 0xfc;
        assert!(check(&many).is_err());
        let mut children = good;
        children[8] = 200;
        assert!(check(&children).is_err());
    }

    #[test]
    fn what_is_nested_without_end_is_left() {
        let nested = vec![0x1c; 1 << 20];
        assert!(check(&nested).is_err());
        let lists = [vec![0x19], vec![0x19; 1 << 20]].concat();
        assert!(check(&lists).is_err());
        let mut schema = vec![0x29, 0xfc, 0xa0, 0x8d, 0x06];
        schema.extend([0x58 - 0x10, 1, b'g', 0x15, 2, 0].repeat(100_000));
        assert!(check(&schema).is_err());
    }

    #[test]
    fn the_tail_bounds_the_footer() {
        let tail = |length: u32| [&length.to_le_bytes()[..], b"PAR1"].concat();
        assert_eq!(length(&tail(100), 1_000).expect("fits"), 100);
        assert!(length(&tail(1_000), 1_000).is_err());
        // Before it there are four bytes, after it eight.
        assert_eq!(length(&tail(100), 112).expect("fits exactly"), 100);
        assert!(length(&tail(100), 111).is_err());
        assert_eq!(length(&tail(268_435_456), u64::MAX).expect("256 MiB"), 268_435_456);
        assert!(length(&tail(268_435_457), u64::MAX).is_err());
        assert!(length(&tail(u32::MAX), u64::MAX).is_err());
        assert!(length(b"12345678", 1_000).is_err() && length(b"", 0).is_err());
    }

    #[test]
    fn values_are_nested_twenty_deep_at_the_most() {
        /// A field's type; what begins each value around another, the innermost, what ends each around it.
        type Nested = (u8, &'static [u8], &'static [u8], &'static [u8]);
        let kinds: [Nested; 5] = [
            (STRUCT, &[0x1c], &[0], &[0]),
            (LIST, &[0x19], &[0x03], &[]),
            (SET, &[0x1a], &[0x03], &[]),
            (MAP, &[1, 0x3b, 7], &[0], &[]),
            (MAP, &[1, 0xb3], &[0], &[7]),
        ];
        for (kind, open, innermost, close) in kinds {
            let nested = |depth: usize| {
                let (open, close) = (open.repeat(depth - 1), close.repeat(depth - 1));
                check(&[&[0x10 | kind], &open[..], innermost, &close[..], &[0]].concat())
            };
            nested(20).expect("20");
            let error = nested(21).expect_err("21");
            assert!(error.message().contains("deeper than any writer"), "{kind}: {error}");
        }
    }

    #[test]
    fn groups_of_the_schema_are_nested_256_deep_at_the_most() {
        let varint = |number: usize| [(number & 0x7f) as u8 | 0x80, (number >> 7) as u8];
        let group = |children: usize| [&[0x48, 1, b'g', 0x15], &varint(2 * children)[..], &[0]].concat();
        let column = || vec![0x15, 2, 0x38, 1, b'a', 0];
        let schema = |entries: Vec<Vec<u8>>| {
            check(&[&[0x29, 0xfc], &varint(entries.len())[..], &entries.concat(), &[0]].concat())
        };
        let nested = |depth| schema([vec![group(1); depth], vec![column()]].concat());
        nested(256).expect("256 groups in groups");
        let error = nested(257).expect_err("257");
        assert!(error.message().contains("more than 256 deep"), "{error}");
        // Groups that follow each other are not in each other.
        schema([vec![group(300)], vec![[group(1), column()]; 300].concat()].concat()).expect("300 groups");
    }

    #[test]
    fn what_is_claimed_may_take_all_bytes_that_are_left() {
        fn walk(bytes: &[u8]) -> Walk<'_> {
            Walk { bytes, at: 0 }
        }
        walk(b"abc").pass(3).expect("three bytes");
        assert!(walk(b"abc").pass(4).is_err());
        assert_eq!(walk(&[0x33, 1, 2, 3]).list().expect("three numbers"), (3, I8));
        assert!(walk(&[0x33, 1, 2]).list().is_err());
        assert_eq!(walk(&[0x2c, 1, 2, 3, 4, 5, 6]).list().expect("two structures"), (2, STRUCT));
        assert!(walk(&[0x2c, 1, 2, 3, 4, 5]).list().is_err());
        walk(&[1, 0x55, 2, 2]).element(MAP, 1).expect("one entry");
        for (map, why) in [(&[2, 0x55, 2], "ends too early"), (&[3, 0x55, 2], "a map of the footer claims")] {
            let error = walk(map).element(MAP, 1).expect_err(why);
            assert!(error.message().contains(why), "{error}");
        }
    }
}
