//! Slices by ranges of a key.

use crate::catalog::{KeyBounds, KeyValue, Slice};

/// Cuts into at most `parts` ranges of equal width, and one slice for NULL keys when `nullable`.
///
/// The first range is open to the left and the last to the right: bounds steer the width only, rows
/// outside of them are covered all the same. Without bounds (no row, or only NULL keys) one range covers all.
pub fn cut(column: &str, bounds: Option<&KeyBounds>, parts: usize, nullable: bool) -> Vec<Slice> {
    let cuts = bounds.map_or_else(Vec::new, |b| cuts(b, parts));
    let lowers = std::iter::once(None).chain(cuts.iter().cloned().map(Some));
    let uppers = cuts.iter().cloned().map(Some).chain(std::iter::once(None));
    let mut slices: Vec<Slice> = lowers
        .zip(uppers)
        .map(|(lower, upper)| Slice::Range { column: column.to_owned(), lower, upper })
        .collect();
    if nullable {
        slices.push(Slice::IsNull { column: column.to_owned() });
    }
    slices
}

/// The keys at which to cut, ascending, each larger than the smallest key.
fn cuts(bounds: &KeyBounds, parts: usize) -> Vec<KeyValue> {
    let (Some((min, wrap)), Some((max, _))) = (number(&bounds.min), number(&bounds.max)) else {
        return Vec::new();
    };
    if max <= min {
        return Vec::new();
    }
    // i128: the width of the whole i64 range does not fit in i64.
    let width = max - min + 1;
    let parts = (parts.max(1) as i128).min(width);
    (1..parts).map(|i| wrap(min + width * i / parts)).collect()
}

/// The way back from a number to a key.
type Wrap = fn(i128) -> KeyValue;

/// A key as a number, and the way back; none for keys that are no numbers.
fn number(value: &KeyValue) -> Option<(i128, Wrap)> {
    let (number, wrap): (i128, Wrap) = match value {
        KeyValue::Int(v) => ((*v).into(), |n| KeyValue::Int(i64::try_from(n).unwrap_or(i64::MAX))),
        KeyValue::Date(v) => ((*v).into(), |n| KeyValue::Date(i32::try_from(n).unwrap_or(i32::MAX))),
        KeyValue::Timestamp(v) => {
            ((*v).into(), |n| KeyValue::Timestamp(i64::try_from(n).unwrap_or(i64::MAX)))
        }
        KeyValue::Text(_) => return None,
    };
    Some((number, wrap))
}
