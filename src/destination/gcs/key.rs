//! The file with the key of a service account.

use serde_json::Value;

use super::super::Secret;

/// A key file that was read.
pub(super) struct KeyFile {
    document: Value,
    text: String,
}

/// Reads and checks a key file.
///
/// The error is a sentence without anything of the content.
pub(super) fn read(path: &str) -> Result<KeyFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| format!("{path} is not JSON (line {} column {})", error.line(), error.column()))?;
    Ok(KeyFile { document, text })
}

impl KeyFile {
    fn string(&self, key: &str) -> Option<&str> {
        self.document.get(key)?.as_str()
    }

    /// `service_account`, `authorized_user` and so on.
    pub(super) fn kind(&self) -> &str {
        self.string("type").unwrap_or("service_account")
    }

    /// What a service account's key lacks.
    pub(super) fn missing(&self) -> Option<&'static str> {
        ["private_key", "private_key_id", "client_email"].into_iter().find(|key| self.string(key).is_none())
    }

    /// Where the API is, if not at its usual place.
    pub(super) fn base_url(&self) -> Option<String> {
        self.string("gcs_base_url").map(str::to_owned)
    }

    /// The whole text.
    pub(super) fn into_secret(self) -> Secret {
        Secret::new(self.text)
    }
}
