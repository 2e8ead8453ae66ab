//! What every database needs and none should write again: a source is what differs.
//!
//! | file | what it does |
//! |---|---|
//! | [`pushdown`] | the walk over a filter, for a [`Dialect`](super::Dialect) |
//! | [`conditions`] | WHERE of a read |
//! | [`user_sql`] | the user's own SQL in statements of ours |

pub mod conditions;
pub mod pushdown;
pub mod user_sql;
