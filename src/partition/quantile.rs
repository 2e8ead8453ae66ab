//! Slices by ranges of a key with about as many rows each, whatever the keys.

use super::share::Portion;
use crate::catalog::{KeyQuantiles, KeyValue, Slice};

/// Cuts into about `parts` ranges, and one slice for NULL keys when `nullable`. A key that many rows have
/// makes a large range, which is to be cut into pieces; so may the NULL keys.
///
/// The first range is open to the left and the last to the right: the quantiles steer sizes only, rows
/// outside of them are covered all the same.
pub fn cut(column: &str, quantiles: &KeyQuantiles, parts: usize, nullable: bool) -> Vec<Portion> {
    let parts = parts.max(1);
    let nulls = if quantiles.nulls.is_finite() { quantiles.nulls.clamp(0.0, 1.0) } else { 0.0 };
    let mut lower = None;
    let mut portions = Vec::new();
    for (upper, share) in ranges(quantiles, 1.0 - nulls, 1.0 / parts as f64) {
        let slice = Slice::Range { column: column.to_owned(), lower, upper: upper.clone() };
        portions.push(Portion::new(slice, share, parts));
        lower = upper;
    }
    if nullable {
        portions.push(Portion::new(Slice::IsNull { column: column.to_owned() }, nulls, parts));
    }
    portions
}

/// The ranges' upper ends, exclusive, the last open; and the share of all rows that each holds. Never empty.
fn ranges(quantiles: &KeyQuantiles, present: f64, target: f64) -> Vec<(Option<KeyValue>, f64)> {
    let step = present / quantiles.points.len().max(1) as f64;
    let mut found: Vec<(Option<KeyValue>, f64)> = Vec::new();
    let mut open = 0.0;
    for same in quantiles.points.chunk_by(|a, b| a == b) {
        let share = step * same.len() as f64;
        // A frequent key begins a range of its own, unless what is before it is too little to stand alone.
        let frequent = share >= target && open >= target / 2.0;
        if open > 0.0 && (frequent || open + share / 2.0 >= target) {
            found.push((same.first().cloned(), open));
            open = 0.0;
        }
        open += share;
    }
    match found.last_mut() {
        // A rest that is too little goes to the range before it.
        Some((upper, share)) if open < target / 2.0 => {
            *upper = None;
            *share += open;
        }
        _ => found.push((None, open)),
    }
    found
}
