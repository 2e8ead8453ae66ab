//! The first screen: what `lakexpress` without arguments shows to a person, and the order of commands below `--help`.

use std::ffi::OsString;
use std::io::IsTerminal;

use super::output;
use crate::destination::DESTINATIONS;
use crate::error::Result;
use crate::source::SOURCES;

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

";

/// What stands at the end of `--help`.
pub(super) const HAPPY_PATH: &str = "\
From a database to files that are proven:
  lakexpress check  --source URL --output-dir PLACE  are all rights there?
  lakexpress plan   --source URL                     what would be read?
  lakexpress export --source URL --output-dir PLACE --verify hash
  lakexpress verify PLACE --read-data                is it what was written?
  lakexpress report RUN_ID                           what was slow, and why?
  lakexpress init   --source URL --write FILE        the same job as a file";

/// Shows the first screen, if the command line is empty and standard output is a terminal. A script that forgot its
/// arguments has made an error.
pub(super) fn screen(argv: &[OsString]) -> Option<Result<()>> {
    (argv.len() == 1 && std::io::stdout().is_terminal()).then(|| output::print(&text()))
}

fn text() -> String {
    let sources: Vec<&str> = SOURCES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    // The first name of each; that of a directory needs no scheme.
    let stores: Vec<&str> = DESTINATIONS
        .iter()
        .filter_map(|(names, _)| names.first().copied())
        .filter(|name| *name != "file")
        .collect();
    format!(
        "{SCREEN}Sources:      {}\nDestinations: a directory, {}\nAll commands: lakexpress -h\n",
        sources.join(", "),
        stores.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_smallest_terminals() {
        let shown = text();
        for line in shown.lines().chain(HAPPY_PATH.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
