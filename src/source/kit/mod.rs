//! What every database needs and none should write again: a source is what differs.
//!
//! | file | what it does |
//! |---|---|
//! | [`pushdown`] | the walk over a filter, for a [`Dialect`](super::Dialect) |
//! | [`conditions`] | WHERE of a read |
//! | [`user_sql`] | the user's own SQL in statements of ours |
//! | [`choice`] | what is decided about a column, and how that is kept |
//! | [`column`] | what a decoder does, and the values that it refuses |
//! | [`primitive`], [`boolean`], [`variable`] | the decoders of plain types |
//! | [`decimal`] | numbers as decimals, exactly |
//! | [`float_lists`] | the decoder of vectors |
//! | [`wkb`] | geometries, checked and as files have them |
//! | [`cells`] | values that lie in a read buffer, row by row, decoded column by column |
//! | [`batch`] | when a record batch is closed |
//! | [`read`] | columns, schema and rows of a read |

pub mod batch;
pub mod boolean;
pub mod cells;
pub mod choice;
pub mod column;
pub mod conditions;
pub mod decimal;
pub mod float_lists;
pub mod primitive;
pub mod pushdown;
pub mod read;
pub mod user_sql;
pub mod variable;
pub mod wkb;
