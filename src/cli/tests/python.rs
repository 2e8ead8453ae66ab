//! The keyword arguments of the Python package are the flags of the command line: `_flags.py` and the stubs of
//! `_api.py` are written from clap's grammar. `LAKEXPRESS_UPDATE=1 cargo test --lib cli::tests::python` writes them.

use std::any::TypeId;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction};

use super::help;
use crate::cli::resolve::OF_FILES;

/// Functions of the package.
const FUNCTIONS: &[Function] = &[
    Function::of("export", "RunResult", "Export tables to Parquet files."),
    Function::of("plan", "PlanResult", "Show what an export would read and write, up to the first byte."),
    Function::of("inspect", "InspectResult", "Show tables, columns and how exactly each type travels."),
    Function::of(
        "check",
        "CheckResult",
        "Check that the source and the destination are ready for an export.",
    ),
    Function {
        takes: "sql: Optional[str] = ...",
        ..Function::of("query", "RunResult", "Export the result of SQL over the source's tables.")
    },
    Function {
        takes: "run_id: str",
        ..Function::of("resume", "RunResult", "Finish what a run left undone.")
    },
    Function {
        takes: "target: Optional[StrPath] = ...",
        ..Function::of(
            "verify",
            "VerifyResult",
            "Prove that what lies at a destination is what its manifests say.",
        )
    },
    Function {
        command: "query",
        takes: "sql: Optional[str] = ...",
        streams: true,
        own: &[],
        ..Function::of(
            "stream",
            "Stream",
            "Read the result of SQL as Arrow record batches; nothing is written.",
        )
    },
];

/// Flags that print something else than the document that a function reads, and those that the package sets.
const LEFT_OUT: &[&str] = &["help", "json", "no-progress", "init-db", "run-id", "print-role"];

/// Parameters of functions that are no flags.
const CHECK: &str = "check: bool = ...";
const PROGRESS: &str = "progress: Optional[Callable[[Progress], object]] = ...";

struct Function {
    name: &'static str,
    command: &'static str,
    gives: &'static str,
    about: &'static str,
    /// Its positional parameter.
    takes: &'static str,
    /// Whether it takes no flags that are about files.
    streams: bool,
    own: &'static [&'static str],
}

impl Function {
    const fn of(name: &'static str, gives: &'static str, about: &'static str) -> Self {
        Self { name, command: name, gives, about, takes: "", streams: false, own: &[CHECK, PROGRESS] }
    }

    fn flags(&self, program: &clap::Command) -> Vec<Flag> {
        let command = program.find_subcommand(self.command).expect("a command");
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        shown.filter_map(Flag::of).filter(|flag| !(self.streams && is_of_files(&flag.long))).collect()
    }
}

fn is_of_files(flag: &str) -> bool {
    // The package itself sets the format of a stream.
    ["output-dir", "format"].contains(&flag) || OF_FILES.contains(&flag)
}

struct Flag {
    long: String,
    kind: &'static str,
    help: String,
    choices: Vec<String>,
    secret: bool,
}

impl Flag {
    fn of(arg: &Arg) -> Option<Self> {
        let long = arg.get_long().filter(|long| !LEFT_OUT.contains(long))?;
        let choices = match arg.get_action().takes_values() {
            true => arg.get_possible_values(),
            false => Vec::new(),
        };
        Some(Self {
            long: long.to_owned(),
            kind: kind(arg),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            choices: choices.iter().filter(|v| !v.is_hide_set()).map(|v| v.get_name().to_owned()).collect(),
            secret: arg.is_hide_env_values_set(),
        })
    }

    /// The name of the keyword argument.
    fn name(&self) -> String {
        self.long.replace('-', "_")
    }

    /// Its type for type checkers.
    fn hint(&self) -> String {
        let hint = match self.kind {
            "list" => "Union[str, Iterable[str]]",
            "path" => "StrPath",
            "size" => "Union[int, str]",
            "share" => "Union[bool, float, str]",
            kind if self.choices.is_empty() => kind,
            _ => {
                let words: Vec<String> = self.choices.iter().map(|word| format!("{word:?}")).collect();
                return format!("Optional[Literal[{}]]", words.join(", "));
            }
        };
        format!("Optional[{hint}]")
    }
}

fn kind(arg: &Arg) -> &'static str {
    if !arg.get_action().takes_values() {
        return "bool";
    }
    if matches!(arg.get_action(), ArgAction::Append) {
        return "list";
    }
    if arg.get_num_args().is_some_and(|number| number.min_values() == 0) {
        return "share";
    }
    let value = arg.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
    let of = arg.get_value_parser().type_id();
    match value {
        "PATH" | "FILE" if arg.get_long() != Some("sub-path") => return "path",
        "SIZE" | "RATE" => return "size",
        "TIME" => return "str",
        _ => {}
    }
    if of == TypeId::of::<f64>() {
        "float"
    } else if of == TypeId::of::<PathBuf>() {
        "path"
    } else if [TypeId::of::<usize>(), TypeId::of::<u64>(), TypeId::of::<i64>(), TypeId::of::<u32>()]
        .iter()
        .any(|whole| of == *whole)
    {
        "int"
    } else {
        "str"
    }
}

const MADE: &str = "Made from the command line by src/cli/tests/python.rs: LAKEXPRESS_UPDATE=1 cargo test --lib cli::tests::python";

fn flags(program: &clap::Command) -> String {
    let mut out = format!(
        "# {MADE}\n\"\"\"The flags of each command, as keyword arguments.\"\"\"\n\
         from typing import Dict, NamedTuple, Tuple\n\n\n\
         class Flag(NamedTuple):\n    \"\"\"A flag. `type` is str, int, float, bool, list, path, size (int or text with a unit) or share.\"\"\"\n\n\
         \x20   name: str\n    type: str\n    help: str\n    choices: Tuple[str, ...] = ()\n    secret: bool = False\n\n\n\
         COMMANDS: Dict[str, Tuple[Flag, ...]] = {{\n"
    );
    for function in FUNCTIONS {
        let _ = writeln!(out, "    \"{}\": (", function.name);
        for flag in function.flags(program) {
            let _ = write!(out, "        Flag({:?}, {:?}, {:?}", flag.name(), flag.kind, flag.help);
            if !flag.choices.is_empty() {
                let words: Vec<String> = flag.choices.iter().map(|word| format!("{word:?}")).collect();
                let _ = write!(out, ", choices=({},)", words.join(", "));
            }
            out.push_str(if flag.secret { ", secret=True),\n" } else { "),\n" });
        }
        out.push_str("    ),\n");
    }
    out.push_str("}\n");
    out
}

fn stubs(program: &clap::Command) -> String {
    let mut out = format!(
        "# {MADE}\nimport os\nfrom typing import Callable, Iterable, Literal, Optional, Union\n\n\
         from ._progress import Progress\n\
         from ._results import CheckResult, InspectResult, PlanResult, RunResult, VerifyResult\n\
         from ._stream import Stream\n\n\
         StrPath = Union[str, \"os.PathLike[str]\"]\n"
    );
    for function in FUNCTIONS {
        let flags = function.flags(program);
        let mut parameters: Vec<String> = Vec::new();
        if !function.takes.is_empty() {
            parameters.push(function.takes.to_owned());
        }
        parameters.push("*".to_owned());
        parameters.extend(function.own.iter().map(|own| (*own).to_owned()));
        parameters.extend(flags.iter().map(|flag| format!("{}: {} = ...", flag.name(), flag.hint())));
        let _ = write!(out, "\n\ndef {}(\n{}) -> {}:\n", function.name, wrapped(&parameters), function.gives);
        let _ = writeln!(out, "    \"\"\"{}\n", function.about);
        for flag in &flags {
            let _ = writeln!(out, "    {}: {}", flag.name(), flag.help.replace('\\', "\\\\"));
        }
        out.push_str("    \"\"\"\n    ...\n");
    }
    out
}

/// Parameters in lines of at most 120 characters.
fn wrapped(parameters: &[String]) -> String {
    let mut lines = vec![String::from("   ")];
    for parameter in parameters {
        if lines.last().is_some_and(|line| line.trim() != "" && line.len() + parameter.len() > 117) {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            let _ = write!(line, " {parameter},");
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_keyword_arguments_of_the_python_package_are_the_flags() {
    let mut program = help::command();
    program.build();
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/lakexpress");
    for (name, text) in [("_flags.py", flags(&program)), ("_api.pyi", stubs(&program))] {
        let path = package.join(name);
        if std::env::var_os("LAKEXPRESS_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).expect("written");
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "{} is stale: {MADE}", path.display());
    }
}
