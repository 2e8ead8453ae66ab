//! The first screen: what `lakexpress` without arguments shows to a person, and the order of commands below `--help`.

use std::io::IsTerminal;

use super::output;
use crate::error::Result;

/// Three ways to begin.
const SCREEN: &str = "\
lakexpress exports databases to Parquet files: exactly, at one point in time,
all or nothing per table.

See it work, without a database (some seconds, into ./lakexpress-demo):
  lakexpress demo

See what an export would read and write (nothing is written):
  lakexpress plan --source postgres://user@host/database

Export:
  lakexpress export --source postgres://user@host/database --output-dir ./lake

A source may also be mysql://, mariadb:// or sqlite:FILE, a destination s3://,
gs:// or abfss://. All commands: lakexpress -h
";

/// What stands at the end of `--help`.
pub(super) const HAPPY_PATH: &str = "\
From a database to files that are proven:
  lakexpress check  --source URL --output-dir PLACE    are all rights there?
  lakexpress plan   --source URL                       what would be read and written?
  lakexpress export --source URL --output-dir PLACE --verify hash
  lakexpress verify PLACE --read-data                  is it still what was written?
  lakexpress report                                    how fast, and what was slow?";

/// Shows the first screen, if the command line is empty and standard output is a terminal. A script that forgot its
/// arguments has made an error.
pub(super) fn screen(argv: &[std::ffi::OsString]) -> Option<Result<()>> {
    (argv.len() == 1 && std::io::stdout().is_terminal()).then(|| output::print(SCREEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_smallest_terminals() {
        for line in SCREEN.lines().chain(HAPPY_PATH.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
