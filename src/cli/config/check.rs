//! `lakexpress config check`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::FromArgMatches;
use serde_json::json;

use super::filled::word;
use super::keys::Keys;
use super::settings::Settings;
use crate::cli::args::{Cli, Command, ConfigCheckArgs};
use crate::cli::output::print;
use crate::cli::resolve::{self, Problems};
use crate::cli::variables::{self, FlagOfFile, OfFile, Variables};
use crate::config::file::{Place, Problem, load};
use crate::config::own;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::plain;

/// Prints every mistake; 78 if there is one.
pub(super) fn run(args: &ConfigCheckArgs) -> Result<u8> {
    let problems = problems(&args.file)?;
    let errors = problems.iter().filter(|problem| !problem.is_warning).count();
    let code = if errors == 0 { 0 } else { ErrorKind::Config.exit_code() };
    let text = match args.output.json {
        true => document(&args.file, &problems, code)?,
        false => lines(&args.file, &problems, errors),
    };
    if args.output.json || !args.output.quiet || !problems.is_empty() {
        print(&text)?;
    }
    Ok(code)
}

/// All that is wrong with a file and those that it includes, in the order of their lines.
pub(super) fn problems(file: &Path) -> Result<Vec<Problem>> {
    let loaded = load(file)?;
    let start = loaded.documents.first().map(|document| document.place.clone());
    let others: Vec<Problem> = loaded
        .documents
        .iter()
        .filter(|document| document.path.is_file() && !own::is_own(&document.path))
        .map(|document| {
            Problem::warning(&document.place, "", "other users can change the file, or its directory")
                .hint("what it says is done with the rights of the one who exports: chmod go-w")
        })
        .collect();
    let settings = Settings::of(loaded, &mut Keys::new());
    let mut problems = others;
    let is_sound = settings.errors().next().is_none();
    problems.extend(settings.problems.iter().cloned());
    if let (true, Some(start)) = (is_sound, start) {
        problems.extend(together(settings, &start));
    }
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(problems)
}

/// What is wrong with values together, and what the flags say of them when they are resolved.
fn together(settings: Settings, start: &Place) -> Vec<Problem> {
    let flags: Vec<FlagOfFile> = settings
        .flags
        .into_iter()
        .map(|(long, values)| {
            let values = values.into_iter().filter(|given| !given.is_off).map(|given| given.value).collect();
            FlagOfFile { long, values }
        })
        .filter(|flag: &FlagOfFile| !flag.values.is_empty())
        .collect();
    let mut problems = Vec::new();
    for command in ["export", "query", "verify"] {
        // `-c` is of the command line, and so is the file's place in it.
        let mut program = variables::bare_command();
        program.build();
        let Some(grammar) = program.find_subcommand(command) else { continue };
        let has = |flag: &FlagOfFile| grammar.get_arguments().any(|arg| arg.get_long() == Some(&flag.long));
        let own: Vec<&FlagOfFile> = flags.iter().filter(|flag| has(flag)).collect();
        let mut argv: Vec<OsString> = vec!["lakexpress".into(), command.into()];
        for flag in &own {
            argv.extend(flag.values.iter().map(|value| word(&flag.long, value)));
        }
        match program.try_get_matches_from_mut(&argv).and_then(|found| Cli::from_arg_matches(&found)) {
            Ok(cli) => {
                if let Command::Export(args) = cli.command {
                    let mut found = Problems::default();
                    resolve::export_spec(&args, &mut found);
                    resolve::check_source_url(&args.source, &mut found);
                    problems.extend(found.all().iter().map(|error| placed(error, &flags, &argv, start)));
                }
            }
            Err(refusal) => {
                let text = refusal.render().to_string();
                let first = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
                let error = Error::usage(first.trim_start_matches("error: ")).coded(Code::FlagConflict);
                problems.push(placed(&error, &flags, &argv, start));
            }
        }
    }
    problems.dedup();
    problems
}

/// An error of the flags at the place of the value that it is about.
fn placed(error: &Error, flags: &[FlagOfFile], argv: &[OsString], start: &Place) -> Problem {
    let mut text = error.to_string();
    // The value itself, else the last flag of several that do not go together.
    let names = |flag: &&FlagOfFile| {
        let flag = format!("--{}", flag.long);
        text.match_indices(&flag)
            .any(|(at, _)| !text[at + flag.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    let mut named: Vec<&FlagOfFile> = flags.iter().filter(names).collect();
    named.sort_by(|a, b| b.values[0].place.cmp(&a.values[0].place));
    let all = named.iter().flat_map(|flag| &flag.values);
    let holds = |word: &str| word.chars().count() > 2 && text.contains(word);
    let about = all.clone().find(|value| value.word.as_deref().is_some_and(holds));
    let (place, key) = match about.or_else(|| all.clone().next()) {
        Some(value) => (value.place.clone(), value.key.clone()),
        None => (start.clone(), String::new()),
    };
    let copies = named.iter().map(|flag| FlagOfFile { long: flag.long.clone(), values: flag.values.clone() });
    let of_file = OfFile { flags: copies.collect(), ..OfFile::default() };
    text = Variables::default().and(of_file, argv).named_in(&text);
    let own = format!("{key} ({place})");
    let problem = Problem::error(&place, key.clone(), text.replace(&own, &key));
    error.hints().first().cloned().into_iter().fold(problem, Problem::hint)
}

fn lines(file: &Path, problems: &[Problem], errors: usize) -> String {
    if problems.is_empty() {
        return format!("{}: nothing is wrong\n", plain::line(&file.to_string_lossy()));
    }
    let mut out = String::new();
    for problem in problems {
        let _ = writeln!(out, "{}", plain::line(&problem.to_string()));
    }
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let warnings = problems.len() - errors;
    let _ = match (errors, warnings) {
        (errors, 0) => writeln!(out, "{}", count(errors, "mistake")),
        (0, warnings) => writeln!(out, "{}", count(warnings, "warning")),
        (errors, warnings) => writeln!(out, "{}, {}", count(errors, "mistake"), count(warnings, "warning")),
    };
    out
}

fn document(file: &Path, problems: &[Problem], code: u8) -> Result<String> {
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| {
            json!({
                "severity": if problem.is_warning { "warning" } else { "error" },
                "file": problem.place.file, "line": problem.place.line, "column": problem.place.column,
                "key": problem.key, "message": problem.message, "hint": problem.hint,
            })
        })
        .collect();
    let body =
        json!({ "file": file.to_string_lossy(), "ok": code == 0, "exit_code": code, "problems": problems });
    serde_json::to_string_pretty(&body)
        .map_err(|error| Error::internal("the mistakes cannot be written as JSON").caused_by(error))
}
