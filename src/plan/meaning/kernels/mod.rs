//! What functions and casts do, over whole columns, by PostgreSQL's rules. One file for each family of types.

pub(super) mod bytes;
pub(super) mod conversion;
pub(super) mod extremes;
pub(super) mod floats;
mod letters;
pub(super) mod like;
pub(super) mod lists;
pub(super) mod numbers;
pub(super) mod numerals;
pub(super) mod ordered;
pub(super) mod regular;
mod rows;
pub(super) mod texts;
pub(super) mod times;
