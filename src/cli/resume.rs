//! `lakexpress resume RUN_ID`, and `export --resume RUN_ID`.

use serde_json::Value;

use super::again::Again;
use super::args::{CompressionArg, ExportArgs, LogDbModeArg};
use super::export::{Ended, Watched, conclude, mention_ignored, watch};
use super::resolve::Problems;
use super::{Seen, after, end, named, origin, resolve, tell};
use crate::catalog::SourceSql;
use crate::config::process;
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::plan::query::{parse_query, source_query};
use crate::report;
use crate::run::{self, Services};
use crate::runlog::{RunRecord, RunStatus};
use crate::secret;
use crate::spec::{Compression, ExportSpec};

/// Where in a run's configuration a flag went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// It must agree with this.
    At(&'static str),
    /// It changes nothing of what is written: what is given now is taken.
    Free,
    /// It means nothing here.
    Never,
}

use Kept::{At, Free, Never};

/// Every flag that may be given again. One that is not here is refused.
const FLAGS: &[(&str, Kept)] = &[
    ("source-schema-name", At("/filter/schemas")),
    ("include", At("/filter/include")),
    ("exclude", At("/filter/exclude")),
    ("views", At("/filter/views")),
    ("where", At("/wheres")),
    ("source-where", At("/source_wheres")),
    ("source-columns", At("/source_columns")),
    ("columns", At("/columns")),
    ("mask", At("/masks/rules")),
    ("mask-key-file", At("/masks/key_check")),
    ("cast", At("/types/cast_text")),
    ("special-values", At("/types/special_values")),
    ("numeric", At("/types/numeric")),
    ("source-db-auth-id", At("/origin/source_db_auth_id")),
    ("source-db-name", At("/origin/source_db_name")),
    ("source", At("/origin/source")),
    ("output-dir", At("/origin/output_dir")),
    ("target-storage-id", At("/origin/target_storage_id")),
    ("sub-path", At("/sub_path")),
    ("parallel", At("/readers")),
    ("large-table-threshold", At("/large_table_rows")),
    ("part-bytes", At("/part_bytes")),
    ("table-config", At("/table_configs")),
    ("compression", At("/parquet/compression")),
    ("row-group-rows", At("/parquet/row_group_rows")),
    ("row-group-bytes", At("/parquet/row_group_bytes")),
    ("encodings", At("/parquet/encodings")),
    ("column-compression", At("/files/column_codecs")),
    ("bloom-filter", At("/files/bloom_filters")),
    ("page-index", At("/files/page_index")),
    ("parquet-metadata", At("/files/metadata")),
    ("readers", At("/parquet/readers")),
    ("partition-by", At("/arrangement/partition_by")),
    ("sort-by", At("/arrangement/sort_by")),
    ("max-file-bytes", At("/arrangement/max_file_bytes")),
    ("min-file-bytes", At("/arrangement/min_file_bytes")),
    ("max-open-files", Free),
    ("max-partitions", Free),
    ("deterministic", At("/arrangement/deterministic")),
    ("consistency", At("/consistency")),
    ("format", At("/format")),
    ("keep-versions", At("/keep_versions")),
    ("if-exists", At("/if_exists")),
    ("empty-tables", At("/empty_tables")),
    ("memory-limit", At("/memory_limit_bytes")),
    ("verify", At("/verify")),
    ("generate-metadata", At("/metadata")),
    ("include-entity-files", At("/metadata")),
    ("manifest-name", At("/metadata")),
    ("env-name", At("/env_name")),
    ("run-id", Never),
    ("init-db", Never),
    ("log-db-mode", Never),
    ("n-jobs", Free),
    ("max-connections", Free),
    ("retries", Free),
    ("error-action", Free),
    ("max-snapshot-age", Free),
    ("max-replica-lag", Free),
    ("max-rate", Free),
    ("start-between", Free),
    ("config", Free),
    ("auth", Free),
    ("log-db-auth-id", Free),
    ("notify", Free),
    ("notify-on", Free),
    ("metrics-file", Free),
    ("json", Free),
    ("quiet", Free),
    ("hide-values", Free),
    ("log-level", Free),
    ("log-format", Free),
    ("log-dir", Free),
    ("no-progress", Free),
    ("fastbcp-dir-path", Free),
    ("license", Free),
    ("license-file", Free),
    ("no-banner", Free),
    ("quiet-fbcp", Free),
    ("accept-mixed-snapshot", Free),
    ("resume", Free),
];

/// Finishes a run.
pub(super) async fn run(args: &ExportArgs, run_id: &str, seen: &Seen<'_>) -> Result<u8> {
    mention_ignored(&args.ignored);
    if args.resume.as_deref().is_some_and(|other| other != run_id) {
        return Err(Error::usage("two runs are named")
            .coded(Code::FlagConflict)
            .hint("lakexpress resume RUN_ID does without --resume"));
    }
    let runlog = resolve::run_log(&args.auth)?;
    // What the run could not record is written now.
    runlog.reach().await?;
    let Some(run) = runlog.run(run_id).await? else {
        return Err(Error::usage(format!("Run ID not found: '{}'", secret::value(run_id)))
            .coded(Code::UnknownRun)
            .with("run log", runlog.location())
            .hint("`lakexpress runs` lists the runs of a run log; -a and --log-db-auth-id name another one")
            .hint("a run that ended before its tables were listed has left nothing: export again"));
    };
    let (recorded, statements) = configuration(&run).map_err(|error| error.with("run", &run.run_id))?;
    if let Some(process) = &recorded.origin.process
        && run.status == RunStatus::Running
        && process::is_alive(process)
    {
        return Err(Error::unavailable("that run is still under way")
            .coded(Code::RunUnderWay)
            .with("run", &run.run_id)
            .with("process", process.pid)
            .hint("wait until it has ended, or stop it"));
    }
    let mut spec = agreed(args, &recorded).map_err(|error| error.with("run", &run.run_id))?;
    spec.limits.closes = resolve::within_hours(args.limits.start_between)?;
    let opened = origin::reopen(args, &spec, runlog)?.paced(&spec.limits);
    let again = Again::of(&args.auth, &spec.origin);
    let run_id = Some(run.run_id.clone());
    let watched = Watched { opened, what: "the export", run_id, again: again.clone() };
    let ended = watch(watched, seen, async |_: &str, services: &Services| {
        Box::pin(run::resume(&spec, statements.as_deref(), &run, services)).await
    });
    let ended = Box::pin(ended).await?;
    if let Ended::Done(summary) = &ended
        && summary.tables.iter().all(|table| table.kept)
        && summary.metadata.is_none()
        && !args.output.json
    {
        let lines = again.lines(&summary.run_id);
        end::remember(summary, &lines, "");
        seen.stopping.concluded(0);
        let document = report::json::summary(summary, &lines, 0)?;
        after::remember(|| document);
        let (count, id) = (summary.tables.len(), &summary.run_id);
        let done = || format!("nothing to resume: all {count} tables of run {id} are finished");
        if !args.output.quiet {
            tell(&done(), done);
        }
        return Ok(0);
    }
    conclude(ended, seen, &args.output, &again)
}

/// What the run was to do; the statements of one that exports queries.
fn configuration(run: &RunRecord) -> Result<(ExportSpec, Option<Vec<QueryStatement>>)> {
    let unreadable = |error: serde_json::Error| {
        Error::data("the run's configuration cannot be read")
            .coded(Code::RunNotResumable)
            .caused_by(error)
            .hint(
                "it was recorded by another version of lakexpress: resume it with that one, or export again",
            )
    };
    let config: Value = run.config.read().map_err(unreadable)?;
    let queries = config.get("queries").and_then(Value::as_array).map(|queries| {
        queries
            .iter()
            .map(|query| {
                let text = |key: &str| query.get(key).and_then(Value::as_str).unwrap_or_default();
                match query.get("source_sql") {
                    Some(own) => {
                        let own: SourceSql = serde_json::from_value(own.clone()).map_err(unreadable)?;
                        source_query(text("sql"), text("name"), own.key.as_deref())
                    }
                    None => parse_query(text("sql"), text("name")).map(|mut statement| {
                        let keys = query.get("partitioned_by").and_then(Value::as_str);
                        statement.partitioned_by = keys.map(str::to_owned);
                        statement
                    }),
                }
            })
            .collect::<Result<Vec<_>>>()
    });
    let spec: ExportSpec = serde_json::from_value(config).map_err(unreadable)?;
    if spec.origin == crate::spec::Origin::default() {
        return Err(Error::data(
            "an earlier version recorded the run, and not how to reach source and destination",
        )
        .coded(Code::RunNotResumable)
        .hint("export again"));
    }
    Ok((spec, queries.transpose()?))
}

/// The recorded configuration, if every flag that was given again agrees with it.
fn agreed(args: &ExportArgs, recorded: &ExportSpec) -> Result<ExportSpec> {
    let mut problems = Problems::default();
    let mut now = resolve::export_spec(args, &mut problems);
    problems.finish()?;
    now.origin = named::origin(&args.auth, &args.source, &args.target)?;
    if args.parquet.compression == CompressionArg::Zstd
        && matches!(recorded.parquet.compression, Compression::Zstd(_))
    {
        // Without a level it is that which the run had.
        now.parquet.compression = recorded.parquet.compression;
    }
    let json = |spec: &ExportSpec| {
        serde_json::to_value(spec)
            .map_err(|error| Error::internal("the configuration cannot be written as JSON").caused_by(error))
    };
    let (before, given) = (json(recorded)?, json(&now)?);
    // What the first process accepted does not bind this one: without the flag tables are of one moment.
    let mut agreed = recorded.clone();
    agreed.safety.accept_mixed_snapshot = now.safety.accept_mixed_snapshot;
    agreed.masks.key.clone_from(&now.masks.key);
    let (mut refused, mut different) = (Vec::new(), Vec::new());
    for flag in &args.given {
        match FLAGS.iter().find(|(name, _)| name == flag) {
            // The environment of the export may say it, and it says that nothing is done.
            Some(("log-db-mode", Never)) if args.run_log.log_db_mode == LogDbModeArg::Preserve => {}
            None | Some((_, Never)) => refused.push(format!("--{flag}")),
            Some((_, At(place))) => {
                let (was, is) = (before.pointer(place), given.pointer(place));
                if was != is {
                    let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
                    different.push(format!("--{flag} (the run had {}, now {})", text(was), text(is)));
                }
            }
            Some((_, Free)) => match flag.as_str() {
                "n-jobs" => agreed.run.n_jobs = now.run.n_jobs,
                "max-connections" => agreed.run.max_connections = now.run.max_connections,
                "retries" => agreed.run.retries = now.run.retries,
                "error-action" => agreed.run.error_action = now.run.error_action,
                "max-snapshot-age" => agreed.limits.max_snapshot_age = now.limits.max_snapshot_age,
                "max-replica-lag" => agreed.limits.max_replica_lag = now.limits.max_replica_lag,
                "max-open-files" => agreed.arrangement.max_open_files = now.arrangement.max_open_files,
                "max-partitions" => agreed.arrangement.max_partitions = now.arrangement.max_partitions,
                "max-rate" => agreed.limits.max_rate = now.limits.max_rate,
                _ => {}
            },
        }
    }
    if !refused.is_empty() {
        return Err(Error::usage(format!("not allowed when resuming a run: {}", refused.join(", ")))
            .coded(Code::RunDiffers)
            .hint("leave them out: the run keeps its configuration"));
    }
    if !different.is_empty() {
        return Err(Error::usage(format!("flags differ from those of the run: {}", different.join("; ")))
            .coded(Code::RunDiffers)
            .hint("leave them out: all configuration but passwords and keys comes from the run log; or export again"));
    }
    agreed.limits.check(agreed.safety.consistency)?;
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::FromArgMatches;

    fn parsed(line: &str) -> ExportArgs {
        let argv: Vec<&str> = line.split(' ').collect();
        let matches = crate::cli::help::command().get_matches_from(argv);
        let mut cli = Cli::from_arg_matches(&matches).expect("arguments");
        cli.command.take_note(&matches, &|_| false);
        match cli.command {
            Command::Export(args) => *args,
            Command::Resume(args) => args.export,
            other => panic!("{other:?}"),
        }
    }

    fn recorded(line: &str) -> ExportSpec {
        let args = parsed(line);
        let mut spec = resolve::export_spec(&args, &mut Problems::default());
        spec.origin = named::origin(&args.auth, &args.source, &args.target).expect("origin");
        spec
    }

    const RUN: &str = "x export --source postgres://u:secret@h/d --output-dir /out -i a% -p 3 --n-jobs 5 --generate-metadata";

    #[test]
    fn flags_given_again_agree_or_are_named() {
        let spec = recorded(RUN);
        for same in ["-i a%", "-p 3", "--output-dir /out", "--source postgres://u:other@h/d", "--json"] {
            assert_eq!(agreed(&parsed(&format!("x resume 1 {same}")), &spec).expect(same), spec);
        }
        let more = agreed(&parsed("x resume 1 --n-jobs 1 --retries 9"), &spec).expect("they may differ");
        assert_eq!((more.run.n_jobs, more.run.retries, more.cutting.readers), (1, 9, 3));
        let mixed = recorded(&format!("{RUN} --accept-mixed-snapshot"));
        assert!(mixed.safety.accept_mixed_snapshot);
        assert!(!agreed(&parsed("x resume 1"), &mixed).expect("without").safety.accept_mixed_snapshot);
        let with = agreed(&parsed("x resume 1 --accept-mixed-snapshot"), &spec).expect("with");
        assert!(with.safety.accept_mixed_snapshot);
        let args = parsed("x resume 1 -i b% -p 3 --compression lz4 --sub-path s");
        let error = agreed(&args, &spec).expect_err("they differ").to_string();
        for flag in ["--include (the run had [\"a%\"], now [\"b%\"])", "--compression", "--sub-path"] {
            assert!(error.contains(flag), "{error}");
        }
        assert!(!error.contains("--parallel"), "{error}");
    }

    /// Others mean something to the run log or to the process alone, or are recorded with the place that they name.
    #[test]
    fn every_flag_that_must_agree_is_recorded() {
        let command = crate::cli::help::command();
        let export = command.find_subcommand("export").expect("export");
        let base = "x export --source postgres://h/d --output-dir /out --generate-metadata";
        let before = serde_json::to_value(recorded(base)).expect("JSON");
        let mut forgotten = Vec::new();
        for (flag, kept) in FLAGS {
            let At(place) = kept else { continue };
            // A key is a file, which tests/it/masks.rs has.
            if place.starts_with("/origin") || ["generate-metadata", "mask-key-file"].contains(flag) {
                continue;
            }
            let arg = export.get_arguments().find(|arg| arg.get_long() == Some(flag)).expect(flag);
            let value = match *flag {
                _ if !arg.get_action().takes_values() => String::new(),
                "memory-limit" | "part-bytes" | "row-group-bytes" => "=77MiB".to_owned(),
                "table-config" => "=t:Ctid::".to_owned(),
                // The example depends on the cores.
                "parallel" => "=7".to_owned(),
                // What suits all readers is plain.
                "encodings" => "=delta".to_owned(),
                // The line is split at spaces.
                name => format!("={}", crate::cli::tests::example(name).replace(' ', "")),
            };
            let after = serde_json::to_value(recorded(&format!("{base} --{flag}{value}"))).expect("JSON");
            if before.pointer(place) == after.pointer(place) {
                forgotten.push(format!("--{flag}{value} changes nothing at {place}"));
            }
        }
        assert!(forgotten.is_empty(), "{forgotten:#?}");
    }

    #[test]
    fn every_flag_of_export_is_known() {
        let command = crate::cli::help::command();
        let export = command.find_subcommand("export").expect("export");
        let unknown: Vec<&str> = export
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .filter(|long| !["help", "version"].contains(long) && !FLAGS.iter().any(|(name, _)| name == long))
            .collect();
        // A flag without a row is refused with `resume`: say whether it must agree.
        assert!(unknown.is_empty(), "without a row in FLAGS: {unknown:?}");
        let places = serde_json::to_value(recorded(RUN)).expect("JSON");
        for (flag, kept) in FLAGS {
            if let At(place) = kept {
                assert!(places.pointer(place).is_some(), "--{flag}: there is no {place}");
            }
        }
    }
}
