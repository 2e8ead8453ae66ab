//! What a commit cannot clear away for lack of rights: named for those who can.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::manifest::Manifest;

/// What a commit could not clear away. Names are relative to the table's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Files of earlier runs, which have no rows any more. The manifest names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emptied: Vec<String>,
    /// Lock and intent, which say that nothing is under way, or that expire.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub documents: BTreeSet<String>,
    /// Uploads of earlier runs that could not be aborted. No reader sees them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub uploads: BTreeSet<String>,
    /// Whether uploads of earlier runs could not be looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown_uploads: bool,
    /// The rights that are missing.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub missing_rights: BTreeSet<String>,
}

impl Left {
    /// What a manifest says was left.
    pub fn of(manifest: &Manifest) -> Self {
        let left = manifest.files.iter().filter(|file| file.leftover);
        Self { emptied: left.map(|file| file.name.clone()).collect(), ..Self::default() }
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For people; empty if nothing was left.
    pub fn text(&self) -> String {
        const SHOWN: usize = 10;
        let mut said = Vec::new();
        if !self.emptied.is_empty() {
            let more = if self.emptied.len() > SHOWN { ", ..." } else { "" };
            let shown = self.emptied.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            said.push(format!(
                "{} files of earlier runs, now without rows ({shown}{more})",
                self.emptied.len()
            ));
        }
        let listed =
            |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if !self.documents.is_empty() {
            said.push(listed(&self.documents));
        }
        if !self.uploads.is_empty() {
            said.push(format!("unfinished uploads that nobody sees ({})", listed(&self.uploads)));
        }
        if self.unknown_uploads {
            said.push("unfinished uploads of earlier runs, if there are any".to_owned());
        }
        let mut text = said.join("; ");
        if !self.missing_rights.is_empty() {
            text = format!("{text}; to clear them away needs {}", listed(&self.missing_rights));
        }
        text
    }

    /// Notes the right that was missing.
    pub(super) fn lacks(&mut self, denied: &Error) {
        let needs = denied.context().iter().find(|(key, _)| *key == "needs");
        self.missing_rights.extend(needs.map(|(_, right)| right.clone()));
    }
}
