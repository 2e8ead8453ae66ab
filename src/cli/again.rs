//! The command lines that a run prints, to be run later: they work as printed, in any directory.
//!
//! | in the line | when |
//! |---|---|
//! | `-a`, `--log-db-auth-id` | they were given |
//! | `--source` | a server was named by a URL without a password: surroundings give a password only to a source that is named |
//! | `--output-dir` | a store was named by a URL, and others can write the run log ([`super::origin`]) |
//!
//! Nothing secret is in it. Variables of the environment that name the same are there still, or are given again.

use std::ffi::OsStr;

use super::args::AuthArgs;
use super::{origin, resolve};
use crate::plain;
use crate::report;
use crate::spec::Origin;

/// What follows the run's id. The default is that of a run that cannot be finished.
#[derive(Debug, Clone, Default)]
pub(super) struct Again {
    can_be: bool,
    source: String,
    others: String,
    missing: Option<&'static str>,
}

impl Again {
    /// For a run with these flags whose source and destination are `origin`.
    pub(super) fn of(auth: &AuthArgs, origin: &Origin) -> Self {
        let mut again = Self { can_be: true, ..Self::default() };
        if let Some(path) = &auth.auth {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            again.others.push_str(&format!(" -a {}", quoted(path.as_os_str())));
        }
        if let Some(id) = &auth.log_db_auth_id {
            again.others.push_str(&format!(" --log-db-auth-id {}", quoted(id.as_ref())));
        }
        let named = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        if let Some(url) = &origin.source
            && !named("LAKEXPRESS_SOURCE")
        {
            if origin.source_had_password {
                again.missing =
                    Some("add --source URL, or set LAKEXPRESS_SOURCE: its password is not recorded");
            } else if !url.starts_with("sqlite") {
                again.source = format!(" --source {}", quoted(url.as_ref()));
            }
        }
        if let Some(place) = &origin.output_dir
            && !named("LAKEXPRESS_OUTPUT_DIR")
            && origin::is_store(place)
            && !resolve::is_own_run_log(auth).unwrap_or(false)
        {
            again.others.push_str(&format!(" --output-dir {}", quoted(place.as_ref())));
        }
        again
    }

    /// The command lines for a run.
    pub(super) fn lines(&self, run_id: &str) -> report::Again {
        let Self { can_be, source, others, missing } = self;
        if !can_be {
            return report::Again::default();
        }
        report::Again {
            resume: format!("lakexpress resume {run_id}{others}{source}"),
            missing: *missing,
            metadata: format!("lakexpress metadata {run_id}{others}"),
        }
    }
}

/// A word as a POSIX shell reads it, on one line.
fn quoted(word: &OsStr) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_bare) => text.to_owned(),
        Some(text) if plain::line(text) == text => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let byte = |byte: &u8| match *byte {
                byte if byte.is_ascii_alphanumeric() || b"_./".contains(&byte) => {
                    char::from(byte).to_string()
                }
                byte => format!("\\{byte:03o}"),
            };
            let bytes: String = word.as_encoded_bytes().iter().map(byte).collect();
            format!("\"$(printf '{bytes}')\"")
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        for word in [
            &b"/plain/auth.json"[..],
            b"",
            b"two words",
            b"it's \"so\" $HOME `x` \\ !*?",
            b"line\nbreak\tand\x1bescape",
            b"\xff\xfe not UTF-8 100%",
            "Größe \u{202e}".as_bytes(),
        ] {
            let line = quoted(OsStr::from_bytes(word));
            assert!(!line.contains('\n') && plain::line(&line) == line, "{line}");
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {line}")).output();
            assert_eq!(output.expect("a shell").stdout, word, "{line}");
        }
    }
}
