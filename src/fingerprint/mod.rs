//! A hash of many rows that does not depend on their order: what two sides compute of the same rows, each its own way.
//!
//! A row is written as bytes, of their hash the first 128 bits are cut into two 64-bit numbers, and each of the two is
//! summed over all rows modulo 2^64. A sum and not an exclusive or: a row that is there twice counts twice. Rows are
//! counted beside it. What can be computed differs between databases, so that there are several rules ([`Rule`]).

pub mod numeric;
pub mod rows;
pub mod texts;
mod wkb;

use std::fmt;

use md5::{Digest, Md5};
use ring::digest::{SHA256, digest};

pub use rows::RowHasher;

/// How rows are written as bytes and hashed. Its name is the beginning of every hash, so that none is mistaken for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// The MD5 of what [`rows`] has: the binary form of PostgreSQL.
    #[default]
    Md5Sum,
    /// The SHA-256 of what [`texts`] has: values as MySQL and MariaDB write them.
    Sha256Sum,
}

impl Rule {
    const ALL: [Self; 2] = [Self::Md5Sum, Self::Sha256Sum];

    fn name(self) -> &'static str {
        match self {
            Self::Md5Sum => "md5-sum-1:",
            Self::Sha256Sum => "sha256-sum-1:",
        }
    }

    /// The rule of a hash as [`Fingerprint::hash`] gives it; none for one that this version does not know.
    pub fn of(hash: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| hash.starts_with(rule.name()))
    }

    /// The first 128 bits of a row's hash.
    fn digest(self, row: &[u8]) -> u128 {
        match self {
            Self::Md5Sum => u128::from_be_bytes(Md5::digest(row).into()),
            Self::Sha256Sum => {
                let whole = digest(&SHA256, row);
                whole.as_ref().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
            }
        }
    }
}

/// The fingerprint of some rows. That of two sets of rows is the [`merge`](Self::merge) of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How it is computed.
    pub rule: Rule,
    /// How many rows.
    pub rows: u64,
    /// Sums of the first and the second eight bytes of the rows' hashes, modulo 2^64.
    pub sums: [u64; 2],
}

impl Fingerprint {
    /// That of no row.
    pub fn of_none(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Adds one row, given as its bytes.
    pub fn add(&mut self, row: &[u8]) {
        let hash = self.rule.digest(row);
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

    /// The hash without the count, as manifests keep it: the rule, such as `md5-sum-1:`, and 32 hex digits.
    pub fn hash(&self) -> String {
        format!("{}{:016x}{:016x}", self.rule.name(), self.sums[0], self.sums[1])
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
    fn a_hash_says_its_rule() {
        for rule in Rule::ALL {
            assert_eq!(Rule::of(&Fingerprint::of_none(rule).hash()), Some(rule));
        }
        assert_eq!(Rule::of("md5-sum-2:00"), None);
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
        // The beginning of sha256('') = e3b0c44298fc1c14 9afbf4c8996fb924...
        let mut other = Fingerprint::of_none(Rule::Sha256Sum);
        other.add(b"");
        assert_eq!(other.hash(), "sha256-sum-1:e3b0c44298fc1c149afbf4c8996fb924");
    }
}
