//! How tables are cut into parts, and by how many readers they are read.

use serde::{Deserialize, Serialize};

use super::method::TableConfig;

/// Which tables are cut, how, and for how many readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuttingSpec {
    /// Readers per large table, resolved to a number of at least 1.
    pub readers: usize,
    /// Tables with fewer estimated rows are read by one reader.
    pub large_table_rows: u64,
    /// Bytes of source per part that a large table is cut into.
    pub part_bytes: u64,
    /// Per-table method, key and readers.
    pub table_configs: Vec<TableConfig>,
    /// Which rows of `partition_columns` count: those of this environment, or those of none.
    #[serde(default)]
    pub env_name: Option<String>,
}

impl Default for CuttingSpec {
    /// With as many readers as suit this machine.
    fn default() -> Self {
        Self {
            readers: Self::readers_for(cores()),
            large_table_rows: 100_000,
            part_bytes: 256 << 20,
            table_configs: Vec::new(),
            env_name: None,
        }
    }
}

impl CuttingSpec {
    /// Every table is one part, however large it is.
    pub fn whole_tables() -> Self {
        Self { large_table_rows: u64::MAX, ..Self::default() }
    }

    /// Readers per large table where nobody chose: one per core, at most four.
    pub fn readers_for(cores: usize) -> usize {
        cores.clamp(1, 4)
    }
}

/// Cores of this machine that the process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
