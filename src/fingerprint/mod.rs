//! A hash of many rows that does not depend on their order: what two sides compute of the same rows, each its own way.
//!
//! A row is written as bytes by the rule of [`rows`], the MD5 of these bytes is cut into two 64-bit numbers, and each
//! of the two is summed over all rows modulo 2^64. A sum and not an exclusive or: a row that is there twice counts
//! twice. Rows are counted beside it.

pub mod numeric;
pub mod rows;
mod wkb;

use std::fmt;

use md5::{Digest, Md5};

pub use rows::RowHasher;

/// Names the rule, so that a later one cannot be mistaken for it.
const RULE: &str = "md5-sum-1:";

/// The fingerprint of some rows. That of two sets of rows is the [`merge`](Self::merge) of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many rows.
    pub rows: u64,
    /// Sums of the first and the last eight bytes of the rows' hashes, modulo 2^64.
    pub sums: [u64; 2],
}

impl Fingerprint {
    /// Adds one row, given as its bytes.
    pub fn add(&mut self, row: &[u8]) {
        let hash = u128::from_be_bytes(Md5::digest(row).into());
        self.rows += 1;
        // The halves of the hash, first half first.
        self.sums[0] = self.sums[0].wrapping_add((hash >> 64) as u64);
        self.sums[1] = self.sums[1].wrapping_add(hash as u64);
    }

    /// Adds the rows of another fingerprint.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        for (sum, more) in self.sums.iter_mut().zip(other.sums) {
            *sum = sum.wrapping_add(more);
        }
    }

    /// The hash without the count, as manifests keep it: `md5-sum-1:` and 32 hex digits.
    pub fn hash(&self) -> String {
        format!("{RULE}{:016x}{:016x}", self.sums[0], self.sums[1])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows {}", self.rows, self.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str]) -> Fingerprint {
        let mut all = Fingerprint::default();
        rows.iter().for_each(|row| all.add(row.as_bytes()));
        all
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let rows = of(&["a", "b", "c"]);
        assert_eq!(rows, of(&["c", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "d"], &["a", "b", "c", "c"], &["a", "b", "c", "d", "d"]] {
            assert_ne!(rows.sums, of(other).sums, "{other:?}");
        }
        let mut halves = of(&["a"]);
        halves.merge(of(&["b", "c"]));
        assert_eq!(halves, rows);
    }

    #[test]
    fn the_hash_is_two_sums_of_halves() {
        // md5('') = d41d8cd98f00b204 e9800998ecf8427e; twice, modulo 2^64.
        assert_eq!(of(&[""]).hash(), "md5-sum-1:d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(of(&["", ""]).hash(), "md5-sum-1:a83b19b31e016408d3001331d9f084fc");
        assert_eq!(of(&[]).to_string(), "0 rows md5-sum-1:00000000000000000000000000000000");
    }
}
