//! What `query --format arrow` works with. It writes no files and no record of a run: flags about these are refused.

use std::sync::Arc;

use super::limits::paced;
use super::statements::streamed;
use super::{Problems, auth_file, query_spec, source, within_hours};
use crate::cli::args::QueryArgs;
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::source::Source;
use crate::spec::ExportSpec;

/// Flags that say how files are written, what is recorded, or who hears of a run.
pub(in crate::cli) const OF_FILES: &[&str] = &[
    "name",
    "script",
    "target-storage-id",
    "sub-path",
    "n-jobs",
    "compression",
    "row-group-rows",
    "row-group-bytes",
    "encodings",
    "column-compression",
    "bloom-filter",
    "page-index",
    "parquet-metadata",
    "partition-by",
    "max-file-bytes",
    "max-open-files",
    "max-partitions",
    "if-exists",
    "keep-versions",
    "error-action",
    "empty-tables",
    "log-db-auth-id",
    "metrics-file",
    "notify",
    "notify-on",
    "json",
];

/// Where a stream goes, as `--output-dir` may say it.
const STANDARD_OUTPUT: &str = "-";

/// See the module.
pub(in crate::cli) struct Stream {
    pub(in crate::cli) spec: ExportSpec,
    pub(in crate::cli) source: Arc<dyn Source>,
    pub(in crate::cli) statement: QueryStatement,
}

/// Everything that a stream needs; does not connect.
pub(in crate::cli) fn stream(args: &QueryArgs) -> Result<Stream> {
    let mut problems = Problems::default();
    for flag in args.given.iter().filter(|flag| OF_FILES.contains(&flag.as_str())) {
        let refused = Error::usage(format!("--{flag} is not for --format arrow")).coded(Code::FlagConflict);
        problems
            .add(refused.hint("a stream of one query goes to standard output; leave out what is for files"));
    }
    let elsewhere = args.target.output_dir.as_deref().filter(|place| *place != STANDARD_OUTPUT);
    if elsewhere.is_some() && args.given.iter().any(|flag| flag == "output-dir") {
        problems.add(
            Error::usage("--output-dir names a directory, and --format arrow writes to standard output")
                .coded(Code::FlagConflict)
                .hint("leave it out, or write --output-dir -"),
        );
    }
    let statement = problems.keep(streamed(args));
    let mut spec = query_spec(args, &mut problems);
    let auth = problems.keep(auth_file(&args.auth)).flatten();
    let source = source(&args.source, &args.auth, auth.as_ref(), &spec.types, &mut problems);
    problems.finish()?;
    let (Some(source), Some(statement)) = (source, statement) else {
        return Err(Error::internal("a flag was neither resolved nor refused"));
    };
    spec.limits.closes = within_hours(args.limits.start_between)?;
    Ok(Stream { source: paced(source, &spec.limits), spec, statement })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    /// Flags of `query` that a stream keeps to.
    const OF_STREAMS: &[&str] = &[
        "source-sql",
        "key",
        "format",
        "config",
        "auth",
        "source-db-auth-id",
        "source-db-name",
        "source",
        "cast",
        "special-values",
        "numeric",
        "readers",
        "output-dir",
        "parallel",
        "max-connections",
        "large-table-threshold",
        "part-bytes",
        "table-config",
        "consistency",
        "retries",
        "memory-limit",
        "max-snapshot-age",
        "max-replica-lag",
        "max-rate",
        "start-between",
        "quiet",
        "hide-values",
        "log-level",
        "log-format",
        "log-dir",
        "no-progress",
        "help",
    ];

    #[test]
    fn every_flag_of_a_query_is_for_streams_or_refused() {
        let mut cli = Cli::command();
        cli.build();
        let query = cli.find_subcommand("query").expect("query");
        let flags: Vec<&str> = query.get_arguments().filter_map(clap::Arg::get_long).collect();
        for flag in &flags {
            let (streams, files) = (OF_STREAMS.contains(flag), OF_FILES.contains(flag));
            assert!(streams != files, "--{flag}: for streams {streams}, for files {files}");
        }
        for named in OF_STREAMS.iter().chain(OF_FILES) {
            assert!(flags.contains(named), "--{named} is no flag of query");
        }
    }
}
