//! What every database needs and none should write again: a source is what differs.
//!
//! | file | what it does |
//! |---|---|
//! | [`pushdown`] | the walk over a filter, for a [`Dialect`](super::Dialect) |

pub mod pushdown;
