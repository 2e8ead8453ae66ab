//! PostgreSQL, read by `COPY ... (FORMAT binary)` over our own connections.

pub mod column;
pub mod config;
pub mod wire;

use std::sync::Arc;

use super::{Address, Source};
use crate::error::{Error, Result};
use crate::spec::TypePolicy;

/// URL schemes and `ds_type` values.
pub const NAMES: &[&str] = &["postgres", "postgresql", "pgsql"];

/// Opens a PostgreSQL source; does not connect yet.
pub fn open(_address: &Address, _policy: &TypePolicy) -> Result<Arc<dyn Source>> {
    Err(Error::internal("skeleton"))
}
