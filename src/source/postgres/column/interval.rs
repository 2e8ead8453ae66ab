//! interval, as the text that `intervalstyle = iso_8601` gives it: whatever the session's style is.

use std::fmt::Write;

use arrow::array::ArrayRef;
use arrow::datatypes::Utf8Type;

use super::decode::fixed;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::variable::VariableDecoder;

/// Fills a `StringArray` from microseconds, days and months.
pub(super) struct IntervalDecoder {
    texts: VariableDecoder<Utf8Type>,
    text: String,
}

impl IntervalDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self { texts: VariableDecoder::new(capacity), text: String::new() }
    }
}

impl CellDecoder for IntervalDecoder {}

impl ColumnDecoder<Bytes> for IntervalDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = fixed::<16>("interval", value)?;
        let micros = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let (days, months) = (i32::from_be_bytes([i, j, k, l]), i32::from_be_bytes([m, n, o, p]));
        self.text.clear();
        write(&mut self.text, months, days, micros);
        self.texts.append(self.text.as_bytes())
    }

    fn append_null(&mut self) {
        self.texts.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.texts.finish()
    }

    fn bytes(&self) -> usize {
        self.texts.bytes()
    }
}

/// `P1Y2M3DT4H5M6.789S`; each number has its sign, and an empty interval is `PT0S`. PostgreSQL 17 has infinite intervals.
fn write(out: &mut String, months: i32, days: i32, micros: i64) {
    match (months, days, micros) {
        (0, 0, 0) => return out.push_str("PT0S"),
        (i32::MAX, i32::MAX, i64::MAX) => return out.push_str("infinity"),
        (i32::MIN, i32::MIN, i64::MIN) => return out.push_str("-infinity"),
        _ => out.push('P'),
    }
    let mut unit = |number: i64, unit: char| {
        if number != 0 {
            let _ = write!(out, "{number}{unit}");
        }
    };
    unit((months / 12).into(), 'Y');
    unit((months % 12).into(), 'M');
    unit(days.into(), 'D');
    if micros == 0 {
        return;
    }
    out.push('T');
    let (seconds, fraction) = (micros / 1_000_000, (micros % 1_000_000).unsigned_abs());
    let mut unit = |number: i64, unit: char| {
        if number != 0 {
            let _ = write!(out, "{number}{unit}");
        }
    };
    unit(seconds / 3600, 'H');
    unit(seconds / 60 % 60, 'M');
    if seconds % 60 != 0 || fraction != 0 {
        let sign = if micros < 0 { "-" } else { "" };
        let _ = write!(out, "{sign}{}", (seconds % 60).unsigned_abs());
        if fraction != 0 {
            let digits = format!("{fraction:06}");
            let _ = write!(out, ".{}", digits.trim_end_matches('0'));
        }
        out.push('S');
    }
}
