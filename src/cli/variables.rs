//! Variables of the process, and keys of the configuration file, that stand for flags: empty and misspelt variables, and
//! which of both a message is about.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use clap::builder::{OsStr, Resettable};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::help;
use crate::config::file::Place;
use crate::error::{Code, Error, Result};
use crate::spec::distance;
use crate::{plain, secret};

const PREFIX: &str = "LAKEXPRESS_";

/// Flags without which more, or everything, is exported: an empty one is a mistake and not the same as none.
pub(super) const NARROWING: &[&str] = &[
    "where",
    "columns",
    "source-where",
    "source-columns",
    "include",
    "exclude",
    "source-schema-name",
    "resume",
    "run-id",
    "mask",
];

/// What Kubernetes sets in every pod for a service named `lakexpress`, and what this project's own tests and scripts
/// take from the environment.
fn is_of_others(name: &str) -> bool {
    let rest = name.trim_start_matches(PREFIX);
    rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || rest == "PORT"
        || rest.strip_prefix("PORT_").is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()))
        || OF_TESTS.contains(&rest)
}

const OF_TESTS: &[&str] = &[
    "AZURITE",
    "BINARY",
    "BENCH_DIR",
    "BOUND_FILTERS",
    "COMMIT",
    "CONSISTENCY_RUNS",
    "CONSTRUCTS_EVERY",
    "DIST_TOOLS",
    "EXPORTED_EXPRESSIONS",
    "EXPRESSIONS",
    "FAULT_STEP",
    "HOSTILE",
    "HYPARQUET",
    "KILLS",
    "LAKES",
    "LOOKS",
    "METHOD_ROWS",
    "MUTANTS",
    "MYSQL",
    "MYSQL_SERVER",
    "POSTGRES",
    "READERS_VENV",
    "RELATIONS",
    "RESUME_RUNS",
    "RESUME_TABLES",
    "RUSTC",
    "SAMPLES",
    "SEED",
    "TPCH_SCALE",
    "UPDATE",
    "VENV",
    "VERIFY_ROUNDS",
];

fn is_blank(text: &std::ffi::OsStr) -> bool {
    text.to_str().is_some_and(|text| text.trim().is_empty())
}

/// The grammar, without the variables that are set and empty: compose files and templates make empty ones of unset ones.
pub(super) fn command() -> clap::Command {
    without(help::command(), &|arg| {
        let narrows = arg.get_long().is_some_and(|long| NARROWING.contains(&long));
        let value = arg.get_env().and_then(std::env::var_os);
        !narrows && value.is_some_and(|value| is_blank(&value))
    })
}

/// The grammar of a command line alone.
pub(super) fn bare_command() -> clap::Command {
    without(help::command(), &|_| true)
}

/// The grammar with all that clap adds to it; arguments can then be shown.
fn built() -> clap::Command {
    let mut command = help::command();
    command.build();
    command
}

/// The grammar without the variables of the arguments that `leave_out` says.
fn without(command: clap::Command, leave_out: &dyn Fn(&Arg) -> bool) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| match leave_out(&arg) {
        true => arg.env(Resettable::<OsStr>::Reset),
        false => arg,
    });
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |command| without(command, leave_out)))
}

/// What a configuration file says of the flags of a command.
#[derive(Debug, Default)]
pub(super) struct OfFile {
    pub(super) flags: Vec<FlagOfFile>,
    /// What is to be said of it when there is a log: warnings, and what is less than that.
    pub(super) warnings: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// A flag that the file has values of.
#[derive(Debug)]
pub(super) struct FlagOfFile {
    pub(super) long: String,
    /// At least one.
    pub(super) values: Vec<ValueOfFile>,
}

/// A value of the file.
#[derive(Clone)]
pub(super) struct ValueOfFile {
    /// The path of its key.
    pub(super) key: String,
    pub(super) place: Place,
    /// As a flag takes it; none for a switch. It may hold a secret.
    pub(super) word: Option<String>,
    /// For people, without secrets.
    pub(super) shown: String,
}

impl std::fmt::Debug for ValueOfFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.shown, self.place)
    }
}

impl OfFile {
    pub(super) fn has(&self, long: &str) -> bool {
        self.flags.iter().any(|flag| flag.long == long)
    }

    /// Says what is to be said.
    pub(super) fn log(&self) {
        self.warnings.iter().for_each(|text| tracing::warn!("{}", plain::line(text)));
        self.notes.iter().for_each(|text| tracing::info!("{}", plain::line(text)));
    }
}

impl FlagOfFile {
    /// How a message calls the flag: by the key and the place of the value that `text` is about, if that can be seen.
    fn name_in(&self, text: &str) -> String {
        let named = |value: &&ValueOfFile| {
            let word = value.word.as_deref().unwrap_or_default();
            let pattern = word.split_once(':').map(|(pattern, _)| format!("'{}'", pattern.trim()));
            (word.chars().count() > 2 && text.contains(word))
                || pattern.is_some_and(|pattern| pattern.len() > 4 && text.contains(&pattern))
        };
        let mut about = self.values.iter().filter(named);
        if let (Some(value), None) = (about.next(), about.next()) {
            return format!("{} ({})", value.key, value.place);
        }
        const SHOWN: usize = 3;
        let places: Vec<String> =
            self.values.iter().take(SHOWN).map(|value| value.place.to_string()).collect();
        let more = if self.values.len() > SHOWN { ", ..." } else { "" };
        format!("{} ({}{more})", self.long, places.join(", "))
    }
}

/// A flag whose value came from a variable or a configuration file.
#[derive(Debug)]
struct Set {
    /// As messages write it: `--n-jobs <TABLES>`, `-a/--auth`, bare.
    flags: Vec<String>,
    from: Whence,
    /// Free text that an error may repeat without its flag; none for secrets.
    text: Option<String>,
}

#[derive(Debug)]
enum Whence {
    Variable(String),
    File(FlagOfFile),
}

/// As messages write the flag.
fn spellings(arg: &Arg) -> Option<Vec<String>> {
    let flag = format!("--{}", arg.get_long()?);
    let short = arg.get_short().map(|short| format!("-{short}/{flag}"));
    Some([arg.to_string()].into_iter().chain(short).chain([flag]).collect())
}

impl Set {
    fn of(arg: &Arg) -> Option<Self> {
        let variable = arg.get_env()?.to_str()?.to_owned();
        let flags = spellings(arg)?;
        let kind = arg.get_value_parser().type_id();
        let free =
            kind == std::any::TypeId::of::<String>() || kind == std::any::TypeId::of::<std::path::PathBuf>();
        let text = std::env::var(&variable).ok().filter(|text| free && text.chars().count() > 2);
        Some(Self { flags, from: Whence::Variable(variable), text })
    }

    /// The variable, if it came from one.
    fn variable(&self) -> Option<&str> {
        match &self.from {
            Whence::Variable(variable) => Some(variable),
            Whence::File(_) => None,
        }
    }

    /// What stands in `text` instead of the flag.
    fn name_in(&self, text: &str) -> String {
        match &self.from {
            Whence::Variable(variable) => variable.clone(),
            Whence::File(flag) => flag.name_in(text),
        }
    }
}

/// Which values of a command line came from variables or a configuration file: errors name these instead of the flags.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<Set>);

impl Variables {
    /// With what a configuration file says of the flags of `argv`.
    pub(super) fn and(mut self, of_file: OfFile, argv: &[OsString]) -> Self {
        if of_file.flags.is_empty() {
            return self;
        }
        let built = built();
        let mut command = &built;
        for word in argv.iter().skip(1).filter_map(|word| word.to_str()) {
            let Some(found) = command.find_subcommand(word) else { break };
            command = found;
        }
        for flag in of_file.flags {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&flag.long));
            if let Some(flags) = arg.and_then(spellings) {
                self.0.push(Set { flags, from: Whence::File(flag), text: None });
            }
        }
        self
    }

    /// What a command line took from variables.
    ///
    /// # Errors
    /// A flag that narrows what is exported is empty.
    pub(super) fn of(matches: &ArgMatches) -> Result<Self> {
        let mut command = &built();
        let mut matches = matches;
        while let Some((name, inner)) = matches.subcommand() {
            let Some(found) = command.find_subcommand(name) else { break };
            (command, matches) = (found, inner);
        }
        let mut sets = Vec::new();
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let Ok(Some(values)) = matches.try_get_raw(id) else { continue };
            let of_variable = matches.value_source(id) == Some(ValueSource::EnvVariable);
            let Some(long) = arg.get_long() else { continue };
            let set = Set::of(arg).filter(|_| of_variable);
            if NARROWING.contains(&long) {
                let name = set.as_ref().and_then(Set::variable);
                let name = name.map_or_else(|| format!("--{long}"), str::to_owned);
                for value in values {
                    let nothing = value
                        .to_str()
                        .is_some_and(|text| text.chars().all(|c| c == ',' || c.is_whitespace()));
                    if nothing {
                        return Err(empty(&name, of_variable));
                    }
                }
            }
            sets.extend(set);
        }
        Ok(Self(sets))
    }

    /// The variables without which clap would not have refused a command line in these words.
    pub(super) fn at_fault(argv: &[OsString], refusal: &clap::Error) -> Self {
        let words = refusal.render().to_string();
        let mut names: BTreeMap<String, Vec<Set>> = BTreeMap::new();
        each_argument(&built(), &mut |arg| {
            let Some(set) = Set::of(arg) else { return };
            let variable = set.variable().unwrap_or_default().to_owned();
            if std::env::var_os(&variable).is_some() {
                names.entry(variable).or_default().push(set);
            }
        });
        let is_at_fault = |name: &String, _: &mut Vec<Set>| {
            let without = without(command(), &|arg| arg.get_env().is_some_and(|env| env == name.as_str()));
            match without.try_get_matches_from(argv) {
                Ok(_) => true,
                Err(other) => other.render().to_string() != words,
            }
        };
        names.retain(|name, sets| is_at_fault(name, sets));
        Self(names.into_values().flatten().collect())
    }

    /// `text` with the variables' names in place of the flags.
    pub(super) fn named_in(&self, text: &str) -> String {
        let whole = text;
        let mut text = text.to_owned();
        for set in &self.0 {
            let name = set.name_in(whole);
            for flag in &set.flags {
                text = with_word(&text, flag, &name);
            }
            if name == "LAKEXPRESS_SOURCE" {
                text = text.replace("the source URL", "the source URL of LAKEXPRESS_SOURCE");
            }
        }
        text
    }

    /// What clap said, with the variables' names in place of the flags.
    pub(super) fn named_in_refusal(&self, text: &str) -> String {
        // What follows is about the whole command line.
        let at = text.find("\n\nUsage:").or_else(|| text.find("\n\nFor more")).unwrap_or(text.len());
        let (message, rest) = text.split_at(at);
        let mut message = self.named_in(message);
        for variable in self.0.iter().filter_map(Set::variable) {
            if !message.contains(variable) {
                message = format!("{message}\n\n  {variable} is set in the environment");
            }
        }
        message + rest
    }

    /// The variables whose texts `text` repeats without their names, for its context.
    pub(super) fn repeated_in(&self, text: &str) -> Vec<(String, String)> {
        let repeats = |set: &&Set| {
            let value = set.text.as_deref().unwrap_or_default();
            let variable = set.variable().unwrap_or_default();
            !value.is_empty() && !text.contains(variable) && with_word(text, value, "") != text
        };
        let shown = |set: &Set| {
            let value = secret::in_text(set.text.clone().unwrap_or_default());
            (set.variable().unwrap_or_default().to_owned(), plain::line(&value).into_owned())
        };
        self.0.iter().filter(repeats).map(shown).collect()
    }
}

fn empty(name: &str, of_variable: bool) -> Error {
    let leave_out = if of_variable { "unset it" } else { "leave it out" };
    Error::usage(format!("{name} is empty, and without it more would be exported"))
        .coded(Code::FlagValue)
        .hint(format!("give it a value, or {leave_out} when nothing is to be selected by it"))
}

/// `text` with `new` for `old`, where that is not part of a longer word.
fn with_word(text: &str, old: &str, new: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        out.push_str(before);
        let begins = !out.ends_with(in_word);
        out.push_str(if begins && !after.starts_with(in_word) { new } else { old });
        rest = after;
    }
    out + rest
}

fn each_argument(command: &clap::Command, what: &mut dyn FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *what);
    command.get_subcommands().for_each(|command| each_argument(command, what));
}

/// Warns about variables of our prefix that no flag has: one of them was meant, and is not heeded.
pub(super) fn warn_about_unknown() {
    let mut known = Known::default();
    each_argument(&help::command(), &mut |arg| known.add(arg));
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if known.names.contains(name) || is_of_others(name) {
            continue;
        }
        let name_shown = plain::line(name);
        match known.nearest(name) {
            Some(meant) => {
                tracing::warn!("{name_shown} is set, and no flag has this variable: did you mean {meant}?");
            }
            None => tracing::warn!("{name_shown} is set, and no flag has this variable"),
        }
    }
}

/// Variables that flags have.
#[derive(Default)]
struct Known {
    names: BTreeSet<String>,
    /// Those that other spellings of a flag would have.
    aliases: BTreeMap<String, String>,
}

impl Known {
    fn add(&mut self, arg: &Arg) {
        let of = |long: &str| format!("{PREFIX}{}", long.to_uppercase().replace('-', "_"));
        let Some(name) = arg.get_env().and_then(|name| name.to_str()) else {
            // Flags that have no meaning here have variables that have none.
            self.names.extend(arg.get_long().map(of));
            return;
        };
        self.names.insert(name.to_owned());
        for alias in arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default()) {
            self.aliases.insert(of(alias), name.to_owned());
        }
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        if let Some(meant) = self.aliases.get(name) {
            return Some(meant);
        }
        let bare = |name: &str| name.trim_start_matches(PREFIX).to_uppercase();
        let given = bare(name);
        let likeness = |known: &&String| {
            let far = distance(&given, &bare(known));
            (far <= (given.chars().count() / 4).max(1)).then_some(far)
        };
        let near = self.names.iter().filter_map(|known| Some((likeness(&known)?, known))).min();
        if let Some((_, known)) = near {
            return Some(known);
        }
        // LAKEXPRESS_OUTPUT: how only one name begins.
        let mut longer = self.names.iter().filter(|known| known.starts_with(&format!("{name}_")));
        longer.next().filter(|_| longer.next().is_none()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_exchanged_as_whole_words() {
        let set = |flag: &str, variable: &str| Set {
            flags: vec![format!("{flag} <X>"), flag.into()],
            from: Whence::Variable(variable.into()),
            text: None,
        };
        let variables = Variables(vec![set("--source", "A"), set("--n-jobs", "B")]);
        for (text, expected) in [
            ("--source and --source-db-auth-id", "A and --source-db-auth-id"),
            ("invalid value 'x' for '--n-jobs <X>'", "invalid value 'x' for 'B'"),
            ("give --n-jobs=3, --source.", "give B=3, A."),
            ("x--source", "x--source"),
        ] {
            assert_eq!(variables.named_in(text), expected);
        }
    }

    #[test]
    fn what_was_meant_is_near() {
        let mut known = Known::default();
        each_argument(&help::command(), &mut |arg| known.add(arg));
        for (given, meant) in [
            ("NJOBS", Some("N_JOBS")),
            ("OUTPUTDIR", Some("OUTPUT_DIR")),
            ("OUTPUT", Some("OUTPUT_DIR")),
            ("WHER", Some("WHERE")),
            ("INCLUDES", Some("INCLUDE")),
            ("AUTH_FILE", Some("AUTH")),
            ("FASTBCP_TABLE_CONFIG", Some("TABLE_CONFIG")),
            ("SOURCE_SCHEMA", Some("SOURCE_SCHEMA_NAME")),
            ("TABLES", None),
        ] {
            let meant = meant.map(|meant| format!("{PREFIX}{meant}"));
            assert_eq!(known.nearest(&format!("{PREFIX}{given}")), meant.as_deref(), "{given}");
        }
        for other in ["SERVICE_HOST", "PORT", "PORT_8080_TCP_ADDR", "SERVICE_PORT_HTTP", "VENV"] {
            assert!(is_of_others(&format!("{PREFIX}{other}")), "{other}");
        }
        assert!(!is_of_others("LAKEXPRESS_PORTS"));
    }

    #[test]
    fn flags_that_narrow_are_flags() {
        let mut longs = BTreeSet::new();
        each_argument(&help::command(), &mut |arg| longs.extend(arg.get_long().map(str::to_owned)));
        for flag in NARROWING {
            assert!(longs.contains(*flag), "--{flag} is no flag");
        }
    }
}
