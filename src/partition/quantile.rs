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
        // Where a range ends nearer to its target before this key than after it.
        if open > 0.0 && open + share / 2.0 >= target {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper ends, and thousandths of all rows.
    fn ends(points: &[i64], parts: usize) -> Vec<(Option<i64>, u64)> {
        let points = points.iter().map(|point| KeyValue::Int(*point)).collect();
        let found = ranges(&KeyQuantiles { points, nulls: 0.0 }, 1.0, 1.0 / parts as f64);
        let number = |end: Option<KeyValue>| match end {
            Some(KeyValue::Int(end)) => Some(end),
            _ => None,
        };
        found.into_iter().map(|(end, share)| (number(end), (share * 1000.0).round() as u64)).collect()
    }

    #[test]
    fn ranges_end_as_near_to_their_share_as_keys_allow() {
        assert_eq!(ends(&[0, 1, 2, 3, 4, 5, 6, 7], 2), [(Some(4), 500), (None, 500)]);
        assert_eq!(ends(&[0, 1, 2, 3], 4), [(Some(1), 250), (Some(2), 250), (Some(3), 250), (None, 250)]);
        // A frequent key stands alone, and begins a range also when there is little before it.
        assert_eq!(ends(&[1, 2, 7, 7, 7, 7, 8, 9], 4), [(Some(7), 250), (Some(8), 500), (None, 250)]);
        assert_eq!(ends(&[1, 7, 7, 7, 7, 7, 7, 7], 2), [(Some(7), 125), (None, 875)]);
        // Less than half of a share goes to the range before it; half of one does not.
        assert_eq!(
            ends(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 4),
            [(Some(2), 222), (Some(4), 222), (Some(6), 222), (None, 333)]
        );
        assert_eq!(ends(&[0, 0, 1], 1), [(None, 1000)]);
        assert_eq!(ends(&[0, 1, 1, 2], 2), [(Some(1), 250), (Some(2), 500), (None, 250)]);
        assert_eq!(ends(&[], 4), [(None, 0)]);
    }

    #[test]
    fn nulls_take_their_share_and_are_cut() {
        let pieces = |nulls: f64, nullable| -> Vec<usize> {
            let points = (0..8).map(KeyValue::Int).collect();
            cut("k", &KeyQuantiles { points, nulls }, 4, nullable)
                .iter()
                .map(|portion| portion.pieces)
                .collect()
        };
        assert_eq!(pieces(0.0, false), [1; 4]);
        assert_eq!(pieces(0.5, true), [1, 1, 2]);
        for (wrong, nulls) in [(f64::NAN, 1), (f64::INFINITY, 1), (7.0, 4)] {
            assert_eq!(pieces(wrong, true).last(), Some(&nulls), "{wrong}");
        }
    }
}
