//! `--format`, and what goes with one format only.

use super::Problems;
use crate::cli::args::{ExportArgs, FormatArg};
use crate::error::{Code, Error};
use crate::spec::{ExportSpec, Format};

/// The format of the tables of an export.
pub(super) fn exported(args: &ExportArgs, spec: &mut ExportSpec, problems: &mut Problems) {
    // A file or a variable may say it for `query`.
    if args.format == FormatArg::Arrow && args.given.iter().any(|flag| flag == "format") {
        problems.add(
            Error::usage("--format arrow is a stream of one query, and export writes files")
                .coded(Code::FlagConflict)
                .hint("lakexpress query --format arrow; or write --format plain or delta"),
        );
    }
    formatted(args.format.of_files().unwrap_or_default(), spec, problems);
}

/// The format of tables, and what goes with it only.
pub(super) fn formatted(format: Format, spec: &mut ExportSpec, problems: &mut Problems) {
    spec.output.format = format;
    if format == Format::Plain && spec.output.keep_versions.is_some() {
        problems.add(
            Error::usage("--keep-versions is for tables that have versions")
                .coded(Code::FlagConflict)
                .hint("add --format delta, or leave it out"),
        );
    }
}
