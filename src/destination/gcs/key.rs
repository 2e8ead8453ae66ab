//! The document with the key of a service account: a file, or the text of a variable.

use std::path::Path;

use serde_json::Value;

use super::super::{Secret, plain_endpoint};
use crate::secret::{pem, value, warn_if_others_may_read};

/// A document that was read.
pub(super) struct KeyFile {
    document: Value,
}

/// Reads a key file.
///
/// The error is a sentence without anything of the content.
pub(super) fn read(path: &str) -> Result<KeyFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => format!("{path} is not text"),
        // A key in place of a path.
        _ if path.contains(['{', '\n']) => "not the path of a file, but its text".to_owned(),
        _ => format!("cannot read {}: {error}", value(path)),
    })?;
    warn_if_others_may_read("key file", Path::new(path));
    parse(&text).map_err(|what| format!("{path} {what}"))
}

/// Parses the text of a key file.
pub(super) fn parse(text: &str) -> Result<KeyFile, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let document: Value = serde_json::from_str(text)
        .map_err(|error| format!("is not JSON (line {} column {})", error.line(), error.column()))?;
    match document {
        Value::Object(_) => Ok(KeyFile { document }),
        _ => Err("is not a JSON object".to_owned()),
    }
}

impl KeyFile {
    fn string(&self, key: &str) -> Option<&str> {
        self.document.get(key)?.as_str()
    }

    /// `service_account`, `authorized_user` and so on.
    pub(super) fn kind(&self) -> &str {
        self.string("type").unwrap_or("service_account")
    }

    /// The same for messages: a word that is known, or that it is not.
    pub(super) fn kind_shown(&self) -> &'static str {
        let known = [
            "external_account",
            "external_account_authorized_user",
            "impersonated_service_account",
            "gdch_service_account",
        ];
        known.into_iter().find(|known| *known == self.kind()).unwrap_or("unknown")
    }

    /// The document of a service account, its private key mended where its line breaks did not survive.
    ///
    /// The error says what it lacks or what is wrong with its key.
    pub(super) fn service_account(mut self) -> Result<Secret, String> {
        if let Some(missing) = ["private_key", "private_key_id", "client_email"]
            .into_iter()
            .find(|key| self.string(key).is_none())
        {
            return Err(format!("has no {missing}, so it is not a service account's key"));
        }
        let key = self.string("private_key").unwrap_or_default();
        let mended = pem::mended(key).map_err(|what| format!("has a private_key that is not PEM: {what}"))?;
        self.document["private_key"] = mended.into();
        Ok(Secret::new(self.document.to_string()))
    }

    /// Where the API is, if not at its usual place.
    pub(super) fn base_url(&self) -> Result<Option<String>, String> {
        match self.string("gcs_base_url") {
            None => Ok(None),
            Some(text) => match plain_endpoint(text) {
                Ok(url) => Ok(Some(url.as_str().trim_end_matches('/').to_owned())),
                Err(what) => Err(format!("has a gcs_base_url that {what}")),
            },
        }
    }
}
