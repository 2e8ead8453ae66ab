//! What the user asked for, resolved: everything a run needs to know, as plain serialisable data without secrets.
//!
//! [`ExportSpec`] is groups of settings. Each is a file here, with its units and with its defaults, which are those of the
//! command line too. A function takes the groups that it reads; nothing changes a spec to steer what it calls.

mod arrangement;
mod cutting;
mod files;
pub mod layout;
pub mod limits;
pub mod masks;
pub mod method;
mod names;
pub mod origin;
mod output;
mod parquet;
mod place;
mod run;
mod safety;
mod selection;
mod types;

use serde::{Deserialize, Serialize};

pub use arrangement::ArrangementSpec;
pub use cutting::{CuttingSpec, cores};
pub use files::{BloomColumns, BloomRule, CodecRule, ColumnCodec, FileShape, FilesSpec, PageIndex, SortedBy};
pub use limits::{Closing, Limits, Seconds};
pub use masks::{ColumnMask, Mask, MaskKey, MaskRule, MasksSpec};
pub use method::{ConfigRow, Method, Period, TableConfig};
pub use names::{closest, distance, nearest};
pub use origin::Origin;
pub use output::{EmptyTables, Format, IfExists, MetadataSpec, OutputSpec};
pub use parquet::{Compression, Encodings, ParquetSpec};
pub use place::{Misread, absolute, is_connection_string, misread, path_text};
pub use run::{ErrorAction, RunSpec};
pub use safety::{SafetySpec, Verify};
pub use selection::{SelectionSpec, TableRule};
pub use types::{NumericPolicy, SpecialValues, TypePolicy};

/// One export, resolved from flags, environment and file. The default is what an export without flags does.
///
/// The run log keeps it as JSON, and `resume` reads what every earlier version wrote: one object whose keys are the fields
/// of the flattened groups and the names of the other groups. So a field keeps its name for ever, whatever group it is in,
/// and a new one says with `serde(default)` what runs did that did not record it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExportSpec {
    /// Which tables, rows and columns.
    #[serde(flatten)]
    pub selection: SelectionSpec,
    /// How values that have no exact counterpart are treated.
    pub types: TypePolicy,
    /// How tables are cut into parts, and by how many readers they are read.
    #[serde(flatten)]
    pub cutting: CuttingSpec,
    /// Shape of the files.
    pub parquet: ParquetSpec,
    /// How rows are laid out in the files.
    #[serde(default)]
    pub arrangement: ArrangementSpec,
    /// Values that are changed on their way.
    #[serde(default)]
    pub masks: MasksSpec,
    /// Rules about the files of single tables and columns.
    #[serde(default)]
    pub files: FilesSpec,
    /// How strongly parts belong together, and how that is proved.
    #[serde(flatten)]
    pub safety: SafetySpec,
    /// What lies at the destination afterwards.
    #[serde(flatten)]
    pub output: OutputSpec,
    /// What a run may use at once, and what it does when something fails.
    #[serde(flatten)]
    pub run: RunSpec,
    /// What it may ask of the source.
    #[serde(default)]
    pub limits: Limits,
    /// How source and destination were named.
    #[serde(default)]
    pub origin: Origin,
}
