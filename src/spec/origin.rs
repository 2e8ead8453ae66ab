//! How the user named source and destination, kept with the run so that `resume` finds them again. No secrets.

use serde::{Deserialize, Serialize};

/// What `resume` opens. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The auth file.
    pub auth: Option<String>,
    /// Entry of the auth file that is the source.
    pub source_db_auth_id: Option<String>,
    /// Database instead of the entry's.
    pub source_db_name: Option<String>,
    /// URL of the source, without its password.
    pub source: Option<String>,
    /// Whether that URL had a password.
    #[serde(default)]
    pub source_had_password: bool,
    /// Entry of the auth file that is the destination.
    pub target_storage_id: Option<String>,
    /// Directory or URL of the destination.
    pub output_dir: Option<String>,
    /// The process that began the run.
    pub process: Option<Process>,
}

/// A process, told apart from a later one with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Start of the system that it runs on.
    pub boot: String,
    /// Its number there.
    pub pid: u32,
    /// When it began, in the system's own unit.
    pub began: String,
}
