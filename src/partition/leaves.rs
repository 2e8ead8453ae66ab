//! Slices by the relations that a table is stored in.

use super::{physical, share};
use crate::catalog::{Leaf, Slice};

/// One slice for each leaf. A leaf that is larger than its share of `parts` is cut by blocks where it has any.
pub fn cut(leaves: &[Leaf], parts: usize) -> Vec<Slice> {
    let all: u64 = leaves.iter().map(|leaf| leaf.bytes).sum();
    let parts = parts.max(leaves.len());
    leaves
        .iter()
        .flat_map(|leaf| {
            let slice = Slice::Relation { id: leaf.id, name: leaf.name.clone() };
            let pieces = share::pieces(leaf.bytes as f64 / all.max(1) as f64, parts);
            match leaf.blocks {
                Some(blocks) => slice.in_pieces(physical::cut(&[blocks], pieces)),
                None => vec![slice],
            }
        })
        .collect()
}
