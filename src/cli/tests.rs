mod python;

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, ArgAction, CommandFactory};

use super::*;
use crate::error::ErrorKind;

fn parse(line: &[&str]) -> std::result::Result<Cli, clap::Error> {
    let items = std::iter::once("lakexpress").chain(line.iter().copied()).map(OsString::from);
    help::command().try_get_matches_from(argv::prepare(items)).and_then(|m| Cli::from_arg_matches(&m))
}

fn export(line: &[&str]) -> Box<args::ExportArgs> {
    match parse(line).expect("parses").command {
        Command::Export(args) => args,
        other => panic!("not an export: {other:?}"),
    }
}

/// Every command with each of its arguments.
fn arguments() -> Vec<(String, Arg)> {
    let mut cli = Cli::command();
    cli.build();
    let commands = cli.get_subcommands().filter(|command| command.get_name() != "help");
    let pairs = commands.flat_map(|command| {
        command.get_arguments().map(|arg| (command.get_name().to_owned(), arg.clone())).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// A value that the flag takes, and that is not its default.
pub(super) fn example(name: &str) -> &'static str {
    match name {
        "where" | "columns" | "source-where" | "source-columns" => "t: a",
        "cast" => "t.c: text",
        "special-values" => "null",
        "numeric" => "double",
        "compression" | "compression-type" => "Snappy",
        "consistency" => "table",
        "encodings" => "plain",
        "bloom-filter" | "sort-by" | "partition-by" => "t: a",
        "column-compression" => "t: a=zstd(9)",
        "page-index" => "on",
        "parquet-metadata" => "team=sales",
        "readers" => "spark",
        "format" => "delta",
        "keep-versions" => "3",
        "if-exists" => "append",
        "error-action" => "fail",
        "empty-tables" => "skip",
        "log-db-mode" => "truncate",
        "verify" => "count",
        "log-level" => "DEBUG",
        "log-format" => "json",
        "fastbcp-p" | "parallel" => "-4",
        "scale" => "0.5",
        "max-snapshot-age" | "max-replica-lag" => "90s",
        "max-rate" => "5MiB",
        "start-between" => "01:00-05:00",
        "notify" => "https://example.com/hook",
        "notify-on" => "failure",
        "mask" => "t.c: null",
        _ => "7",
    }
}

#[test]
fn every_flag_is_known_in_both_spellings() {
    let mut walked = BTreeSet::new();
    for (command, arg) in arguments() {
        for name in arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default()) {
            if name == "help" {
                continue;
            }
            for spelling in [name.to_owned(), name.replace('-', "_")] {
                let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
                let flag = format!("--{spelling}");
                let joined = format!("--{spelling}={}", example(name));
                let apart: &[&str] = if takes_value { &[&flag, example(name)] } else { &[&flag] };
                let mut lines = vec![apart];
                let joined = [joined.as_str()];
                if takes_value {
                    lines.push(&joined);
                }
                for line in lines {
                    let id: &[&str] = match command.as_str() {
                        "status" | "resume" | "metadata" | "report" | "apply" => &["some_id"],
                        "completions" => &["bash"],
                        _ => &[],
                    };
                    let line = [&[command.as_str()], line, id].concat();
                    assert!(parse(&line).is_ok(), "{line:?}: {}", parse(&line).expect_err("refused"));
                }
            }
            walked.insert(name.to_owned());
        }
    }
    for expected in ["source-db-auth-id", "fastbcp-p", "parallel", "fastbcp-table-config", "compression-type"]
    {
        assert!(walked.contains(expected), "{expected} was not walked");
    }
}

#[test]
fn every_flag_has_help_with_its_default_and_a_variable() {
    for (command, arg) in arguments() {
        let Some(long) = arg.get_long().filter(|long| *long != "help") else {
            continue;
        };
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        assert!(!help.trim().is_empty(), "{command} --{long} has no help");
        if arg.is_hide_set() {
            continue;
        }
        assert!(help.contains("Default"), "{command} --{long} does not say its default: {help}");
        for default in arg.get_default_values() {
            let default = default.to_str().expect("text");
            let boolean = !arg.get_action().takes_values();
            assert!(boolean || help.contains(default), "{command} --{long}: {default} is not in: {help}");
        }
        let variable = format!("LAKEXPRESS_{}", long.to_uppercase().replace('-', "_"));
        let actual = arg.get_env().and_then(|name| name.to_str());
        assert_eq!(actual, Some(variable.as_str()), "{command} --{long}");
    }
}

#[test]
fn the_command_names_are_those_of_the_parser() {
    Cli::command().debug_assert();
    let mut cli = Cli::command();
    cli.build();
    let names: BTreeSet<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let expected = [
        "apply",
        "check",
        "completions",
        "config",
        "demo",
        "explain",
        "explain-layout",
        "export",
        "help",
        "init",
        "inspect",
        "logdb",
        "man",
        "metadata",
        "plan",
        "publish",
        "query",
        "report",
        "resume",
        "runs",
        "status",
        "verify",
    ]
    .into();
    assert_eq!(names, expected);
}

#[test]
fn an_old_command_line_is_an_export() {
    let args = export(&[
        "-a",
        "auth.json",
        "--log_db_auth_id",
        "log_1",
        "--source_db_auth_id",
        "pg_1",
        "--source_schema_name",
        "a_%, b",
        "-i",
        "x,y",
        "-e",
        "z",
        "--fastbcp_dir_path",
        "/opt/x",
        "-p",
        "4",
        "--n_jobs",
        "3",
        "--output_dir",
        "/data/x_y",
        "--fastbcp_table_config",
        "t_1:Ctid::2",
        "--log_level",
        "WARNING",
        "--license",
        "text",
        "--no_banner",
    ]);
    assert_eq!(args.auth.log_db_auth_id.as_deref(), Some("log_1"));
    assert_eq!(args.target.output_dir.as_deref(), Some("/data/x_y"));
    assert_eq!((args.parallel.parallel, args.parallel.n_jobs), (Some(4), 3));
    assert_eq!(args.selection.source_schema_name, ["a_%, b"]);
    assert!(args.ignored.no_banner);
    assert_eq!(export(&["-p", "-4"]).parallel.parallel, Some(-4));
    assert_eq!(export(&["--parallel=-2"]).parallel.parallel, Some(-2));
}

#[test]
fn a_resolved_command_line_says_all_its_problems() {
    let args = export(&[
        "--where",
        "a > 1",
        "--cast",
        "x: int",
        "--sub-path",
        "../up",
        "--max-connections",
        "2",
        "--table-config",
        "t:Nope::",
        "--source",
        "postgres://u:pa55word@h/d",
        "--source-db-auth-id",
        "x",
    ]);
    let error = resolve::export(&args).err().expect("problems");
    assert_eq!(error.kind(), ErrorKind::Usage);
    for part in [
        "7 problems",
        "--where 'a > 1'",
        "--cast 'x: int'",
        "--sub-path '../up'",
        "--max-connections 2",
        "'Nope'",
        "both name a source",
        "no destination",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!format!("{error:?} {args:?}").contains("pa55word"));
}

#[test]
fn sources_and_urls_that_do_not_work_show_no_password() {
    for (url, part) in [
        ("u:pa55word@h", "URL"),
        ("oracle://u:pa55word@h/d", "'oracle'"),
        ("postgrs://pa55word@h", "'postgrs'"),
    ] {
        let error = resolve::plan(&export(&["--source", url])).err().expect(url);
        let shown = format!("{error:?}");
        assert!(!shown.contains("pa55word"), "{shown}");
        assert!(part == "URL" || shown.contains(part), "{shown}");
    }
}

#[test]
fn flags_become_a_spec() {
    let args = export(&[
        "-i",
        "a, public.b",
        "--views",
        "--where",
        "a: x::int > 1",
        "--columns",
        "a: x, y",
        "--numeric",
        "decimal:20,4",
        "--compression",
        "Zstd",
        "--row-group-bytes",
        "1MiB",
        "--encodings",
        "plain",
        "--consistency",
        "table",
        "--if-exists",
        "append",
        "--memory-limit",
        "512MiB",
        "--sub-path",
        "s/t",
        "-p",
        "7",
    ]);
    let mut problems = resolve::Problems::default();
    let spec = resolve::export_spec(&args, &mut problems);
    assert!(problems.finish().is_ok());
    assert_eq!(spec.selection.filter.include, ["a", "public.b"]);
    assert_eq!(spec.selection.wheres[0].sql, "x::int > 1");
    assert_eq!(
        (spec.cutting.readers, spec.cutting.part_bytes, spec.cutting.large_table_rows),
        (7, 256 << 20, 100_000)
    );
    assert_eq!((spec.parquet.row_group_rows, spec.parquet.row_group_bytes), (131_072, 1 << 20));
    assert!(!spec.parquet.encodings.has_delta());
    assert_eq!((spec.run.memory_limit_bytes, spec.output.sub_path.as_str()), (512 << 20, "s/t"));
    let plain = resolve::export_spec(&export(&["--quiet"]), &mut resolve::Problems::default());
    assert_eq!(plain.parquet, crate::spec::ParquetSpec::default());
    // A flag whose default is written a second time, somewhere else, would show here.
    assert_eq!(plain, crate::spec::ExportSpec::default());
}
