//! A command line with what its configuration file says of the flags that neither it nor the environment gives.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::keys::{COMMANDS, Keys};
use super::settings::{Given, MASK, Settings, Values, excludes};
use crate::cli::resolve::verification::is_place;
use crate::cli::variables::{self, FlagOfFile, NARROWING, OfFile, ValueOfFile};
use crate::config::file::{Loaded, load};
use crate::config::own;
use crate::error::{Code, Error, Result};
use crate::secret;

/// See the module.
pub(in crate::cli) struct Filled {
    pub(in crate::cli) argv: Vec<OsString>,
    pub(in crate::cli) of_file: OfFile,
}

/// Adds what the file of `-c` says, if the command takes one and one is named.
///
/// # Errors
/// The file cannot be read, or has a mistake: all of them are said.
pub(in crate::cli) fn filled(argv: &[OsString], matches: &ArgMatches) -> Result<Option<Filled>> {
    let Some((path, inner)) = taking(matches) else { return Ok(None) };
    let Ok(Some(file)) = inner.try_get_one::<PathBuf>("config") else { return Ok(None) };
    let loaded = load(file)?;
    let files: Vec<PathBuf> = loaded.documents.iter().map(|document| document.path.clone()).collect();
    let settings = sound(loaded, file)?;
    let program = variables::bare_command();
    let mut command = &program;
    for name in &path {
        command = command.find_subcommand(name).ok_or_else(|| Error::internal("a command has no grammar"))?;
    }
    let given = |id: &str| {
        let there = inner.try_get_raw(id).ok().flatten().is_some();
        there && !matches!(inner.value_source(id), None | Some(ValueSource::DefaultValue))
    };
    let names: BTreeMap<&str, &str> = command
        .get_arguments()
        .map(|arg| (arg.get_long().unwrap_or(arg.get_id().as_str()), arg.get_id().as_str()))
        .collect();
    let mut above: Vec<&str> = names.iter().filter(|(_, id)| given(id)).map(|(name, _)| *name).collect();
    // A place that `verify` is given says what a storage would say.
    let what = inner.try_get_one::<String>("what").ok().flatten();
    if what.is_some_and(|what| is_place(what)) {
        above.push("output-dir");
    }
    let mut of_file =
        OfFile { warnings: warnings(&settings, &files), notes: settings.notes.clone(), ..OfFile::default() };
    let mut words: Vec<OsString> = Vec::new();
    for (flag, values) in settings.flags {
        if !names.contains_key(flag.as_str()) || values.is_empty() {
            continue;
        }
        if above.iter().any(|other| *other == flag || excludes(other, &flag)) {
            let said = if flag == MASK { &mut of_file.warnings } else { &mut of_file.notes };
            said.extend(replaced(&flag, &values));
            continue;
        }
        words.extend(values.iter().filter(|given| !given.is_off).map(|given| word(&flag, &given.value)));
        let values = values.into_iter().map(|given| given.value).collect();
        of_file.flags.push(FlagOfFile { long: flag, values });
    }
    let mut argv = argv.to_vec();
    let at = (1 + path.len()).min(argv.len());
    argv.splice(at..at, words);
    Ok(Some(Filled { argv, of_file }))
}

/// A value as a word of the command line.
pub(super) fn word(flag: &str, value: &ValueOfFile) -> OsString {
    match &value.word {
        Some(word) => format!("--{flag}={word}").into(),
        None => format!("--{flag}").into(),
    }
}

/// The command that takes a file, with its arguments.
fn taking(matches: &ArgMatches) -> Option<(Vec<&str>, &ArgMatches)> {
    let (name, inner) = matches.subcommand()?;
    if COMMANDS.contains(&name) {
        return Some((vec![name], inner));
    }
    match (name, inner.subcommand()?) {
        ("config", ("show", inner)) => Some((vec!["config", "show"], inner)),
        _ => None,
    }
}

/// What files say, if nothing is wrong with them.
fn sound(loaded: Loaded, file: &Path) -> Result<Settings> {
    let settings = Settings::of(loaded, &mut Keys::new());
    let errors: Vec<String> = settings.errors().map(ToString::to_string).collect();
    let what = match errors.as_slice() {
        [] => return Ok(settings),
        [one] => format!("a mistake: {one}"),
        several => format!("{} mistakes: {}", several.len(), several.join("; ")),
    };
    let shown = file.to_string_lossy();
    Err(Error::config(format!("the configuration file has {what}"))
        .coded(Code::ConfigFileInvalid)
        .hint(format!("`lakexpress config check -c {}` lists all of them", secret::value(&shown))))
}

fn warnings(settings: &Settings, files: &[PathBuf]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for file in files {
        if file.is_file() && !own::is_own(file) {
            texts.push(format!(
                "other users can change the configuration file {}, or its directory; what it says is done with your rights",
                file.display()
            ));
        }
        if settings.has_secret {
            texts.extend(secret::readable_by_others("the configuration file", file));
        }
    }
    texts.extend(settings.problems.iter().filter(|problem| problem.is_warning).map(ToString::to_string));
    texts
}

/// A value above the file replaces all values of the flag in the file: said where more may be exported by it.
fn replaced(flag: &str, values: &Values) -> Option<String> {
    let places: Vec<String> = values.iter().map(|Given { value, .. }| value.place.to_string()).collect();
    NARROWING
        .contains(&flag)
        .then(|| format!("--{flag} or its variable replaces the values of the file ({})", places.join(", ")))
}
