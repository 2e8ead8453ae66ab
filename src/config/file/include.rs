//! One configuration file and those that it includes.

use std::fs::File;
use std::io::{ErrorKind as IoKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::{Lines, Node, Place, Table, Value};
use super::problem::Problem;
use super::{expand, from_toml, from_yaml};
use crate::config::auth::interpolate::Environment;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::secret;

/// The key by which a file includes others; underscores are hyphens.
pub const INCLUDE: &str = "include-files";

/// Bytes above which a file is surely no configuration.
const LARGEST: u64 = 16 << 20;
/// Files that are read at most, counted as often as they are included.
const MOST: usize = 100;

/// One file.
#[derive(Debug)]
pub struct Document {
    /// Where it lies.
    pub path: PathBuf,
    /// Its beginning.
    pub place: Place,
    /// What it holds, without the files that it includes.
    pub table: Table,
}

/// A file and those that it includes.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What stands above the others comes first: the file, then those that it includes, the last one first.
    pub documents: Vec<Document>,
    /// What is wrong with them, in the order in which they were read.
    pub problems: Vec<Problem>,
}

/// Reads a file and those that it includes; variables come from the environment of the process.
///
/// # Errors
/// The file itself cannot be read, or its name does not say what it is. All else is in [`Loaded::problems`].
pub fn load(path: &Path) -> Result<Loaded> {
    load_with(path, |name| std::env::var(name))
}

pub(super) fn load_with(path: &Path, environment: Environment) -> Result<Loaded> {
    let text = read(path)?;
    let mut loading = Loading { environment, loaded: Loaded::default(), under_way: Vec::new(), read: 0 };
    loading.add(path, &text);
    Ok(loading.loaded)
}

#[derive(Clone, Copy)]
enum Form {
    Toml,
    Yaml,
}

fn form(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "toml" => Some(Form::Toml),
        "yaml" | "yml" => Some(Form::Yaml),
        _ => None,
    }
}

fn read(path: &Path) -> Result<String> {
    let shown = path.to_string_lossy();
    if form(path).is_none() {
        return Err(Error::config("the name of the configuration file does not say what it is")
            .coded(Code::ConfigFileUnreadable)
            .with("file", secret::value(&shown))
            .hint("it ends in .toml, .yaml or .yml"));
    }
    let mut bytes = Vec::new();
    let length = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let length = length.map_err(|error| {
        let kind = match error.kind() {
            IoKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Config,
        };
        Error::new(kind, "cannot read the configuration file")
            .coded(Code::ConfigFileUnreadable)
            .with("file", secret::value(&shown))
            .caused_by(error)
            .hint("name an existing file with -c/--config; `lakexpress init` writes one")
    })?;
    if length as u64 > LARGEST {
        return Err(Error::config("the configuration file is larger than 16 MiB")
            .coded(Code::ConfigFileUnreadable)
            .with("file", secret::value(&shown)));
    }
    // Editors on Windows like to begin files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::config(format!("the configuration file is not UTF-8 in line {line}"))
            .coded(Code::ConfigFileInvalid)
            .with("file", secret::value(&shown))
            .hint("save it as UTF-8")
    })
}

struct Loading {
    environment: Environment,
    loaded: Loaded,
    /// Files that include the one that is being read, and it itself.
    under_way: Vec<PathBuf>,
    read: usize,
}

impl Loading {
    fn add(&mut self, path: &Path, text: &str) {
        let file: Arc<str> = path.to_string_lossy().into();
        let lines = Lines::new(&file, text);
        let problems = &mut self.loaded.problems;
        let mut table = match form(path) {
            Some(Form::Yaml) => from_yaml::parse(text, &file, problems),
            _ => from_toml::parse(text, &lines, problems),
        };
        expand::expand(&mut table, "", self.environment, problems);
        let (included, table): (Table, Table) =
            table.into_iter().partition(|(key, _)| key.name.replace('_', "-") == INCLUDE);
        self.loaded.documents.push(Document { path: path.to_owned(), place: lines.place(0), table });
        self.read += 1;
        self.under_way.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        for (_, node) in included {
            self.include(path, node);
        }
        self.under_way.pop();
    }

    fn include(&mut self, from: &Path, node: Node) {
        let wrong = |place: &Place, what: &str| {
            Problem::error(place, INCLUDE, format!("{what}, not a list of file names"))
        };
        let items = match node.value {
            Value::List(items) => items,
            other => {
                self.loaded.problems.push(wrong(&node.place, other.kind()));
                return;
            }
        };
        // Of two files the later one stands above the other.
        for Node { place, value } in items.into_iter().rev() {
            let Value::Text(name) = value else {
                self.loaded.problems.push(wrong(&place, value.kind()));
                continue;
            };
            let path = from.parent().unwrap_or(Path::new("")).join(&name.text);
            let known = path.canonicalize().unwrap_or_else(|_| path.clone());
            if self.under_way.contains(&known) {
                self.loaded.problems.push(
                    Problem::error(&place, INCLUDE, format!("{} includes itself", path.display()))
                        .hint("leave it out, here or there"),
                );
                continue;
            }
            if self.read >= MOST {
                self.loaded.problems.push(Problem::error(
                    &place,
                    INCLUDE,
                    format!("more than {MOST} files are included"),
                ));
                return;
            }
            match read(&path) {
                Ok(text) => self.add(&path, &text),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    let message =
                        format!("{}: {}{}", path.display(), error.message(), cause.unwrap_or_default());
                    self.loaded.problems.push(
                        Problem::error(&place, INCLUDE, message)
                            .hint("a name is relative to the file that includes it"),
                    );
                }
            }
        }
    }
}
