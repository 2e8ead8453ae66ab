//! Databases that can be listed, described and read. One folder and one row in [`SOURCES`] each; what they share is in
//! [`kit`].

#[doc(hidden)]
pub mod conformance;
mod contract;
pub mod dialect;
pub mod kit;
mod lag;
mod layered;
pub mod limited;
#[cfg(test)]
mod memory;
pub mod mysql;
mod paced;
pub mod postgres;
pub mod sqlite;

use std::sync::Arc;

pub use dialect::Dialect;
pub use lag::Lag;
pub use layered::{Layer, Layered};
pub use limited::Limited;
pub use paced::Paced;
/// For `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub use postgres::fuzzing as postgres_fuzzing;

pub use self::contract::{Snapshot, Source, TableRead, view_lost};
pub use crate::client::{Address, Environment};
use crate::error::{Code, Error, Result};
use crate::spec::{TypePolicy, nearest};

/// Opens a source; checks the address, does not connect yet.
pub type OpenFn = fn(&Address, &TypePolicy, &Environment) -> Result<Arc<dyn Source>>;

/// Every source: names (URL schemes and `ds_type` values) and how to open it.
pub const SOURCES: &[(&[&str], OpenFn)] =
    &[(postgres::NAMES, postgres::open), (sqlite::NAMES, sqlite::open), (mysql::NAMES, mysql::open)];

/// Opens the source that answers to the address's scheme or `ds_type`; does not connect yet. What the address leaves
/// open comes from `environment`, where the source has such defaults.
///
/// # Errors
/// Usage, naming the nearest source and all of them, when there is none; those of the source's own address.
pub fn open(address: &Address, policy: &TypePolicy, environment: &Environment) -> Result<Arc<dyn Source>> {
    let kind = match address {
        Address::Url(url) => url.scheme(),
        Address::Entry { kind, .. } => kind,
    };
    if let Some((_, open)) = SOURCES.iter().find(|(names, _)| names.contains(&kind)) {
        return open(address, policy, environment);
    }
    let names = || SOURCES.iter().flat_map(|(names, _)| names.iter().copied());
    let near = nearest(kind, names()).map_or(String::new(), |near| format!("did you mean {near}? "));
    Err(Error::usage(format!("'{kind}' is not a source this version can read"))
        .coded(Code::AddressInvalid)
        .hint(format!("{near}Sources so far: {}", names().collect::<Vec<_>>().join(", "))))
}
