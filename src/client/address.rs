//! Where a database is, as the user says it.

use std::fmt::Debug;

/// How to reach a database: a URL or an entry of the auth file, interpolated. Debug shows no secret.
#[derive(Clone)]
pub enum Address {
    /// `--source postgres://user:password@host/db?sslmode=verify-full`.
    Url(url::Url),
    /// `info` of an auth file entry.
    Entry {
        /// The entry's id, for messages.
        id: String,
        /// `ds_type`.
        kind: String,
        /// The fields, `${VAR}` already replaced.
        info: serde_json::Map<String, serde_json::Value>,
        /// `--source-db-name`, replacing the entry's database.
        database: Option<String>,
    },
}

impl Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => write!(f, "Url({}://{})", url.scheme(), url.host_str().unwrap_or("")),
            Self::Entry { id, kind, .. } => write!(f, "Entry({id}, {kind})"),
        }
    }
}
