//! Where this user's run log lies when nothing else is said.

use std::path::PathBuf;

use crate::error::{Code, Error, Result};

/// `$XDG_STATE_HOME/lakexpress/runlog.sqlite`, else `$HOME/.local/state/lakexpress/runlog.sqlite`.
///
/// # Errors
/// A configuration error when neither variable holds an absolute path.
pub fn default_run_log() -> Result<PathBuf> {
    run_log_below(|name| std::env::var_os(name).map(PathBuf::from))
}

/// `lakexpress/unrecorded` in the same directory: events that a run log did not take. None when neither variable
/// holds an absolute path.
pub fn unrecorded() -> Option<PathBuf> {
    let run_log = default_run_log().ok()?;
    Some(run_log.with_file_name("unrecorded"))
}

fn run_log_below(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    // The XDG specification says that a relative path is to be ignored.
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    match state {
        Some(state) => Ok(state.join("lakexpress").join("runlog.sqlite")),
        None => Err(Error::config(
            "no place for the run log: neither XDG_STATE_HOME nor HOME is an absolute path",
        )
        .coded(Code::Surroundings)
        .hint("set XDG_STATE_HOME, or name a sqlite entry of the auth file with --log-db-auth-id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_wins_over_home() {
        let both = |name: &str| Some(PathBuf::from(if name == "HOME" { "/home/u" } else { "/state" }));
        assert_eq!(run_log_below(both).expect("path"), PathBuf::from("/state/lakexpress/runlog.sqlite"));
        let relative = |name: &str| Some(PathBuf::from(if name == "HOME" { "/home/u" } else { "state" }));
        let path = PathBuf::from("/home/u/.local/state/lakexpress/runlog.sqlite");
        assert_eq!(run_log_below(relative).expect("path"), path);
        assert!(run_log_below(|_| None).is_err());
    }
}
