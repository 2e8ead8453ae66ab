//! What functions and casts do, over whole columns, by PostgreSQL's rules. One file for each family of types.

pub(super) mod texts;
pub(super) mod times;
