//! Batches made of any bytes, for `fuzz/`: written, read back, and compared.
//!
//! ```text
//! byte 0      codec (mod 6); 0x08 no packed differences, 0x10 no dictionary, 0x20 no NULLs, 0x40 a page index
//! byte 1      rows of a group, one of eight numbers; 0x08, 0x10 Bloom filters
//! byte 2      where the rows are cut into two batches, in 256ths
//! byte 3      columns less one (mod 4), then a byte each that says the type
//! the rest    in equal parts the numbers of each column, as small programs: see `Numbers`
//! ```

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal64Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray, ListArray, RecordBatch, StringArray, Time32MillisecondArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::datatypes::Int32Type;
use arrow_schema::{Field, Schema};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};

use super::bloom::BloomChoice;
use super::round_trip::{Fault, Shape};
use super::steered::checked;

/// Rows at most: more than a page has.
const ROWS: usize = 40_000;
/// Bytes of the values of one column at most, about: more than three pages have.
const BYTES: usize = 4 << 20;
/// Types that there are.
const TYPES: u8 = 23;

/// Writes the batches that `data` describes, and reads them back.
///
/// # Errors
/// What is wrong with the file. Bytes that describe no batch have none.
pub(in super::super) fn encoders(data: &[u8]) -> Result<(), Fault> {
    let Some((header, rest)) = data.split_first_chunk::<4>() else { return Ok(()) };
    let Some((types, rest)) = rest.split_at_checked(usize::from(header[3] % 4) + 1) else { return Ok(()) };
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::GZIP(GzipLevel::try_new(1)?),
        Compression::BROTLI(BrotliLevel::try_new(1)?),
        Compression::ZSTD(ZstdLevel::try_new(1)?),
    ];
    let shape = Shape {
        compression: codecs[usize::from(header[0] & 7) % codecs.len()],
        delta: header[0] & 0x08 == 0,
        dictionary: header[0] & 0x10 == 0,
        page_index: header[0] & 0x40 != 0,
        bloom: [BloomChoice::Never, BloomChoice::Always, BloomChoice::Measured, BloomChoice::Always]
            [usize::from(header[1] >> 3 & 3)],
        group_rows: [1, 7, 100, 4_096, 8_193, 32_768, 32_769, 1 << 20][usize::from(header[1] % 8)],
    };
    let required = header[0] & 0x20 != 0;
    let share = rest.len() / types.len();
    let mut columns: Vec<Vec<Option<i64>>> = Vec::new();
    for at in 0..types.len() {
        columns.push(Numbers::new(&rest[at * share..(at + 1) * share]).collect());
    }
    // As many rows as the first has; the others begin again.
    let mut rows = columns[0].len();
    if columns.iter().any(Vec::is_empty) {
        rows = 0;
    }
    // Small groups are slow: fewer rows then.
    rows = if shape.group_rows < 100 { rows.min(300) } else { rows };
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (at, (of, numbers)) in types.iter().zip(&columns).enumerate() {
        let numbers: Vec<Option<i64>> = numbers
            .iter()
            .cycle()
            .take(rows)
            .map(|n| if required { Some(n.unwrap_or(7)) } else { *n })
            .collect();
        let array = array(of % TYPES, &numbers)?;
        fields.push(Field::new(format!("c{at}"), array.data_type().clone(), !required));
        arrays.push(array);
    }
    let whole = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let cut = rows * usize::from(header[2]) / 256;
    checked(&[whole.slice(0, cut), whole.slice(cut, rows - cut)], &shape).map(drop)
}

/// Numbers and NULLs by instructions of a few bytes, so that short inputs make long columns: the lowest three bits of
/// the first byte say what, the others how often.
struct Numbers<'a> {
    code: &'a [u8],
    made: usize,
    /// What is repeated now, and how often still.
    now: Step,
    left: usize,
    last: i64,
}

#[derive(Clone, Copy)]
enum Step {
    Null,
    Same,
    Next(i64),
    /// Without a pattern, of so many bits.
    Scattered(u32),
    /// NULL and the last value in turns.
    Turns,
}

impl<'a> Numbers<'a> {
    fn new(code: &'a [u8]) -> Self {
        Self { code, made: 0, now: Step::Null, left: 0, last: 0 }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.code.split_first_chunk()?;
        self.code = rest;
        Some(*bytes)
    }

    /// Reads the next instruction.
    fn load(&mut self) -> Option<()> {
        let [first] = self.take()?;
        let times = usize::from(first >> 3) + 1;
        (self.now, self.left) = match first & 7 {
            0 => (Step::Null, times),
            1 => {
                self.last = i64::from(i8::from_le_bytes(self.take()?));
                (Step::Same, times)
            }
            2 => {
                self.last = i64::from_le_bytes(self.take()?);
                (Step::Same, 1)
            }
            3 => (Step::Next(i64::from(i8::from_le_bytes(self.take()?))), times * 64),
            4 => (Step::Scattered(u32::from(self.take::<1>()?[0] % 64) + 1), times * 64),
            5 => (Step::Scattered(u32::from(self.take::<1>()?[0] % 64) + 1), times * 1_024),
            6 => (Step::Same, times * 512),
            _ => (Step::Turns, times * 16),
        };
        Some(())
    }
}

impl Iterator for Numbers<'_> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.made == ROWS {
            return None;
        }
        while self.left == 0 {
            self.load()?;
        }
        self.left -= 1;
        self.made += 1;
        let is_null = match self.now {
            Step::Null => true,
            Step::Same => false,
            Step::Next(by) => {
                self.last = self.last.wrapping_add(by);
                false
            }
            Step::Scattered(bits) => {
                let spread = (self.made as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
                self.last = (spread.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - bits)).cast_signed();
                false
            }
            Step::Turns => self.left.is_multiple_of(2),
        };
        Some((!is_null).then_some(self.last))
    }
}

/// The column of type number `of` that has `numbers`, each of them made a value of the type.
fn array(of: u8, numbers: &[Option<i64>]) -> Result<ArrayRef, Fault> {
    fn all<A: FromIterator<Option<T>>, T>(numbers: &[Option<i64>], value: impl Fn(i64) -> T) -> A {
        numbers.iter().map(|n| n.map(&value)).collect()
    }
    const DAY: i64 = 86_400_000;
    let wide = |n: i64| i128::from(n) * i128::from(u64::MAX);
    let texts: Vec<Option<String>> = if (17..=20).contains(&of) { texts(numbers) } else { Vec::new() };
    let words = || texts.iter().map(|text| text.as_deref());
    let bytes = || words().map(|text| text.map(str::as_bytes));
    Ok(match of {
        0 => Arc::new(all::<Int8Array, _>(numbers, |n| n as i8)),
        1 => Arc::new(all::<Int16Array, _>(numbers, |n| n as i16)),
        2 => Arc::new(all::<Int32Array, _>(numbers, |n| n as i32)),
        3 => Arc::new(all::<Int64Array, _>(numbers, |n| n)),
        4 => Arc::new(all::<UInt32Array, _>(numbers, |n| n as u32)),
        5 => Arc::new(all::<Date32Array, _>(numbers, |n| n as i32)),
        6 => Arc::new(all::<Time32MillisecondArray, _>(numbers, |n| n.rem_euclid(DAY) as i32)),
        7 => Arc::new(all::<Time64MicrosecondArray, _>(numbers, |n| n.rem_euclid(DAY * 1_000))),
        8 => Arc::new(all::<TimestampMillisecondArray, _>(numbers, |n| n)),
        9 => Arc::new(all::<TimestampMicrosecondArray, _>(numbers, |n| n).with_timezone("UTC")),
        10 => Arc::new(all::<TimestampNanosecondArray, _>(numbers, |n| n)),
        11 => {
            Arc::new(all::<Decimal64Array, _>(numbers, |n| n % 1_000_000_000).with_precision_and_scale(9, 2)?)
        }
        12 => Arc::new(
            all::<Decimal64Array, _>(numbers, |n| n % 1_000_000_000_000).with_precision_and_scale(12, 2)?,
        ),
        13 => Arc::new(
            all::<Decimal128Array, _>(numbers, |n| i128::from(n % 1_000_000_000))
                .with_precision_and_scale(9, 9)?,
        ),
        14 => Arc::new(
            all::<Decimal128Array, _>(numbers, |n| i128::from(n % 1_000_000_000_000_000_000))
                .with_precision_and_scale(18, 0)?,
        ),
        15 => Arc::new(
            all::<Decimal128Array, _>(numbers, |n| wide(n) % 10i128.pow(38))
                .with_precision_and_scale(38, 10)?,
        ),
        16 => Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            numbers.iter().map(|n| n.map(|n| wide(n).to_be_bytes())),
            16,
        )?),
        17 => Arc::new(words().collect::<StringArray>()),
        18 => Arc::new(words().collect::<LargeStringArray>()),
        19 => Arc::new(bytes().collect::<BinaryArray>()),
        20 => Arc::new(bytes().collect::<LargeBinaryArray>()),
        21 => Arc::new(all::<Float64Array, _>(numbers, |n| f64::from_bits(n.cast_unsigned()))),
        _ => match numbers.len() % 3 {
            0 => Arc::new(all::<Float32Array, _>(numbers, |n| f32::from_bits(n as u32))),
            1 => Arc::new(all::<BooleanArray, _>(numbers, |n| n % 3 == 0)),
            _ => Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                numbers.iter().map(|n| n.map(|n| vec![Some(n as i32); n.rem_euclid(3) as usize])),
            )),
        },
    })
}

/// A text for each number: empty, short, of long characters, or long.
fn texts(numbers: &[Option<i64>]) -> Vec<Option<String>> {
    let mut room = BYTES;
    let mut text = |n: i64| {
        let rest = n.cast_unsigned() >> 3;
        let text = match n & 7 {
            0 => String::new(),
            1 => char::from_u32((rest % 0x11_0000) as u32).map_or_else(String::new, |c| c.to_string()),
            2 => "ä€𝄞\u{10ffff}".repeat((rest % 30) as usize),
            3 if room > 0 => "y".repeat((rest % 3_000) as usize),
            4 if room > 0 && rest.is_multiple_of(5) => "z".repeat((rest % 1_500_000) as usize),
            _ => n.to_string(),
        };
        room = room.saturating_sub(text.len());
        text
    };
    numbers.iter().map(|n| n.map(&mut text)).collect()
}
