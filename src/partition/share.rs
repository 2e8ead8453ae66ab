//! Slices that hold more than their share, and into how many pieces each should be cut.

use crate::catalog::Slice;

/// A slice, and the pieces by place of storage that it should be cut into where the table can be cut so.
///
/// The pieces are cut where the rows of this slice lie, which only the source knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Portion {
    /// Rows.
    pub slice: Slice,
    /// Pieces, at least 1.
    pub pieces: usize,
    /// Directories between the table's and its files; none for the table's own.
    pub directory: Option<String>,
}

impl Portion {
    /// `slice`, which holds `share` of all rows (0 to 1), in a table that is to have about `parts` slices.
    pub fn new(slice: Slice, share: f64, parts: usize) -> Self {
        Self { slice, pieces: pieces(share, parts), directory: None }
    }

    /// A slice that stays whole.
    pub fn whole(slice: Slice) -> Self {
        Self { slice, pieces: 1, directory: None }
    }
}

/// How much larger than its share a slice may be before it is cut.
const TOLERANCE: f64 = 1.15;

/// Pieces of a slice that holds `share` of all rows, where each of `parts` should hold as many.
pub fn pieces(share: f64, parts: usize) -> usize {
    let shares = share * parts as f64;
    // The comparison is false for what is no number, too.
    if shares > TOLERANCE { (shares.ceil() as usize).min(parts.max(1)) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_a_little_larger_than_its_share_is_cut() {
        for (share, parts, expected) in [
            (0.25, 4, 1),
            (TOLERANCE / 4.0, 4, 1),
            (0.3, 4, 2),
            (0.5, 4, 2),
            (0.51, 4, 3),
            (1.0, 4, 4),
            (7.0, 4, 4),
            (1.0, 1, 1),
            (0.0, 4, 1),
            (-1.0, 4, 1),
            (f64::NAN, 4, 1),
        ] {
            assert_eq!(pieces(share, parts), expected, "{share} of {parts}");
        }
    }
}
