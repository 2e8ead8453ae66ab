//! Whether manifest and log say the same, for those who look at a table and hold no lock.

use std::collections::BTreeSet;

use super::log::Log;
use crate::error::Result;
use crate::format::contract::TableTarget;
use crate::format::directory::Place;

/// What the log of a table knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The newest version.
    pub version: u64,
    /// Its files, and their sizes.
    pub files: Vec<(String, u64)>,
    /// Files of earlier versions; they may be there or not.
    pub earlier: BTreeSet<String>,
}

/// Reads the log of a table; none where there is none.
///
/// # Errors
/// `Data` for a log that cannot be understood; those of the destination.
pub async fn look(target: &TableTarget) -> Result<Option<Known>> {
    let log = Log::read(&Place::of(target)).await?;
    Ok(log.map(|log| Known {
        version: log.version,
        files: log.files.into_iter().map(|(name, file)| (name, file.size)).collect(),
        earlier: log.removed.into_keys().collect(),
    }))
}
