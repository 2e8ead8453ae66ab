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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_that_is_larger_than_its_share_is_cut_by_blocks() {
        let leaf = |(id, bytes, blocks)| Leaf { id, name: String::new(), bytes, blocks };
        let slices = |leaves: [(u32, u64, Option<u64>); 3], parts| {
            let slices = cut(&leaves.map(leaf), parts);
            let of = |id: u32| {
                slices.iter().filter(|slice| format!("{slice:?}").contains(&format!("id: {id},"))).count()
            };
            [of(1), of(2), of(3)]
        };
        assert_eq!(slices([(1, 800, Some(100)), (2, 100, Some(100)), (3, 100, Some(100))], 4), [4, 1, 1]);
        assert_eq!(slices([(1, 800, None), (2, 100, Some(100)), (3, 100, Some(100))], 4), [1, 1, 1]);
        // Each leaf is a part at the least.
        assert_eq!(slices([(1, 700, Some(100)), (2, 200, Some(100)), (3, 100, Some(100))], 1), [3, 1, 1]);
        assert_eq!(slices([(1, 0, Some(0)), (2, 0, Some(0)), (3, 0, None)], 9), [1, 1, 1]);
    }
}
