//! `password_command`, `password_file` and `password_lifetime` of an entry.

use std::sync::Arc;
use std::time::Duration;

use super::{Fields, Key};
use crate::client::password::{Fresh, LIFETIME, Origin};

impl Fields {
    /// Where the password comes from for each connection, if an entry says so. What the surroundings have counts less.
    pub(super) fn fresh(&mut self) -> Option<Arc<Fresh>> {
        let lifetime = self.number::<u32>(Key::FreshLifetime, "a whole number of seconds");
        let (command, file) = (self.take(Key::FreshCommand), self.take(Key::FreshFile));
        let (key, origin) = match (command, file) {
            (Some(_), Some(_)) => {
                self.problems.push(format!(
                    "{}password_command and password_file are both given: keep one",
                    self.prefix
                ));
                return None;
            }
            (Some((key, line)), None) => (key, Origin::Command(line)),
            (None, Some((key, path))) => (key, Origin::File(path.into())),
            (None, None) => {
                if lifetime.is_some() {
                    self.problems.push(format!(
                        "{}password_lifetime is given without password_command or password_file",
                        self.prefix
                    ));
                }
                return None;
            }
        };
        if let Some((place, _)) = self.take(Key::Password)
            && place.starts_with(&self.prefix)
        {
            self.problems.push(format!("{place} is given as well as a command or file for it: keep one"));
        }
        Some(Arc::new(Fresh::new(
            key,
            origin,
            lifetime.map_or(LIFETIME, |seconds| Duration::from_secs(seconds.into())),
        )))
    }
}
