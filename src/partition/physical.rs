//! Slices by place of storage.

use crate::catalog::Slice;

/// Cuts into at most `parts` ranges of block numbers with about as many blocks each.
///
/// `sizes` are those of the relations that store rows. A table of several (partitions, inheritance children) is cut
/// by the same block numbers in all of them, so block `b` of each is in the same slice. The first range is open to
/// the left and the last to the right, so growth of the table cannot lose a row.
pub fn cut(sizes: &[u64], parts: usize) -> Vec<Slice> {
    let total: u64 = sizes.iter().sum();
    let parts = (parts as u64).clamp(1, total.max(1));
    between((1..parts).map(|i| block_at(sizes, share(total, i, parts))).collect())
}

/// The ranges between these blocks, each of which begins one. The first is open to the left and the last to the right.
pub fn between(mut cuts: Vec<u64>) -> Vec<Slice> {
    cuts.retain(|b| *b > 0);
    cuts.sort_unstable();
    cuts.dedup();
    let froms = std::iter::once(None).chain(cuts.iter().copied().map(Some));
    let tos = cuts.iter().copied().map(Some).chain(std::iter::once(None));
    froms.zip(tos).map(|(from, to)| Slice::Physical { from, to }).collect()
}

/// `total * i / parts` without overflow.
fn share(total: u64, i: u64, parts: u64) -> u64 {
    u64::try_from(u128::from(total) * u128::from(i) / u128::from(parts)).unwrap_or(total)
}

/// The smallest block number `b` for which the relations together have at least `wanted` blocks before `b`.
fn block_at(sizes: &[u64], wanted: u64) -> u64 {
    let before = |b: u64| sizes.iter().map(|blocks| (*blocks).min(b)).sum::<u64>();
    let (mut low, mut high) = (0, sizes.iter().copied().max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) >= wanted {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
