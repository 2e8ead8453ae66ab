//! The keys of a configuration file: the flags of the commands that take one.

use std::any::TypeId;
use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction};

use crate::cli::variables;
use crate::error::Error;
use crate::secret;
use crate::spec::nearest;

/// Commands that take a configuration file.
pub(super) const COMMANDS: [&str; 7] = ["export", "plan", "query", "inspect", "check", "verify", "resume"];

/// The key of the tables of patterns.
pub(super) const TABLES: &str = "tables";

/// The flag that `method`, `key` and `readers` of a section become.
pub(super) const TABLE_CONFIG: &str = "table-config";

/// Keys of a section that become one `--table-config`, in its order.
pub(super) const CUTTING: [&str; 3] = ["method", "key", "readers"];

/// Flags that say the same in different ways: where one is given above, the others are not taken from below.
pub(super) const ALTERNATIVES: &[&[&str]] = &[
    &["source", "source-db-auth-id"],
    &["source", "source-db-name"],
    &["output-dir", "target-storage-id"],
    &["sql", "source-sql", "script"],
];

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A number, also one with a unit in quotes.
    Number,
    /// A text in quotes.
    Text,
    /// A text, or a list of texts.
    List,
    /// `true`, or a percentage.
    Share,
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        if !arg.get_action().takes_values() {
            return Self::Switch;
        }
        if matches!(arg.get_action(), ArgAction::Append) {
            return Self::List;
        }
        if arg.get_num_args().is_some_and(|number| number.min_values() == 0) {
            return Self::Share;
        }
        let has_unit = matches!(value_name(arg), "SIZE" | "RATE");
        let of = arg.get_value_parser().type_id();
        let numbers = [
            TypeId::of::<usize>(),
            TypeId::of::<u64>(),
            TypeId::of::<u32>(),
            TypeId::of::<i64>(),
            TypeId::of::<f64>(),
        ];
        // A time is a number with a unit.
        let is_number = value_name(arg) != "TIME" && numbers.iter().any(|number| of == *number);
        if has_unit || is_number { Self::Number } else { Self::Text }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a text or a list of texts",
            Self::Share => "true, or a percentage such as \"10%\"",
        }
    }
}

/// How a flag says which tables its value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `pattern: SQL`: one text.
    Condition,
    /// `pattern: a, b`: a text, or a list whose items are joined by commas.
    Items,
    /// `pattern.column: value`: a table of columns.
    Columns,
}

impl Shape {
    /// The names of values in `cli/args` are `TABLE: SQL`, `TABLE: COLUMNS` and the like, `TABLE.COLUMN: TYPE`.
    fn of(arg: &Arg) -> Option<Self> {
        let (place, value) = value_name(arg).split_once(": ")?;
        match place {
            "TABLE" if value == "SQL" => Some(Self::Condition),
            "TABLE" => Some(Self::Items),
            "TABLE.COLUMN" => Some(Self::Columns),
            _ => None,
        }
    }
}

/// The name of a flag's value in its help.
pub(super) fn value_name(arg: &Arg) -> &str {
    arg.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str())
}

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    /// The long name of its flag.
    pub(super) name: String,
    pub(super) arg: Arg,
    pub(super) kind: Kind,
    /// How it stands in a section; none if it is one value for all tables.
    pub(super) shape: Option<Shape>,
    /// The commands that have it.
    pub(super) commands: Vec<&'static str>,
}

impl Key {
    /// Whether its value is not shown.
    pub(super) fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }
}

/// All keys.
pub(super) struct Keys {
    keys: Vec<Key>,
    /// Values are tried with it.
    program: clap::Command,
}

/// Whether a flag may stand in a file.
fn is_key(arg: &Arg) -> bool {
    !arg.is_hide_set() && arg.get_long().is_some_and(|long| !["config", "help"].contains(&long))
}

impl Keys {
    pub(super) fn new() -> Self {
        let mut program = variables::bare_command();
        program.build();
        let mut keys: Vec<Key> = Vec::new();
        for name in COMMANDS {
            // What `resume` takes it takes of the file of the export.
            let Some(command) = program.find_subcommand(name) else { continue };
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long() else { continue };
                match keys.iter_mut().find(|key| key.name == long) {
                    Some(key) => key.commands.push(name),
                    None if is_key(arg) => keys.push(Key {
                        name: long.to_owned(),
                        arg: arg.clone(),
                        kind: Kind::of(arg),
                        shape: Shape::of(arg),
                        commands: vec![name],
                    }),
                    None => {}
                }
            }
        }
        Self { keys, program }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The key of a name, whose underscores are hyphens; other names of its flag are its own too.
    pub(super) fn find(&self, name: &str) -> Option<&Key> {
        let name = name.replace('_', "-");
        let is_other = |key: &Key| key.arg.get_all_aliases().unwrap_or_default().contains(&name.as_str());
        self.keys.iter().find(|key| key.name == name).or_else(|| self.keys.iter().find(|key| is_other(key)))
    }

    /// Names of keys that may stand in a section.
    pub(super) fn of_sections(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|key| key.shape.is_some()).map(|key| key.name.as_str()).chain(CUTTING)
    }

    /// Whether the flag of `name` takes `word`; why not, and what to do, where not. `shown` is the word as it may be shown.
    pub(super) fn tried(
        &mut self,
        name: &str,
        word: &str,
        shown: &str,
    ) -> Result<(), (String, Option<String>)> {
        let Some(command) = self.keys.iter().find(|key| key.name == name).map(|key| key.commands[0]) else {
            return Ok(());
        };
        let line = ["lakexpress".to_owned(), command.to_owned(), format!("--{name}={word}")];
        match self.program.try_get_matches_from_mut(line) {
            Ok(_) => Ok(()),
            Err(refusal) => {
                let (why, hint) = refused(&refusal, shown);
                // What a parser repeats is the value of a variable.
                Err((secret::in_text(if word.len() > 2 { why.replace(word, shown) } else { why }), hint))
            }
        }
    }
}

fn refused(refusal: &clap::Error, shown: &str) -> (String, Option<String>) {
    match refusal.kind() {
        ErrorKind::InvalidValue => {
            let valid: Vec<&str> = match refusal.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) => valid.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            if valid.is_empty() {
                return ("no value".to_owned(), None);
            }
            let near = nearest(shown, valid.iter().copied()).map(|near| format!("did you mean {near}?"));
            (format!("'{shown}' is none of {}", valid.join(", ")), near)
        }
        _ => {
            let cause = refusal.source();
            let hint = cause.and_then(|cause| cause.downcast_ref::<Error>());
            let hint = hint.and_then(|error| error.hints().first().cloned());
            let why = cause.map_or_else(|| first_line(refusal), |cause| cause.to_string());
            (format!("'{shown}' is not taken: {why}"), hint)
        }
    }
}

fn first_line(refusal: &clap::Error) -> String {
    let text = refusal.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
