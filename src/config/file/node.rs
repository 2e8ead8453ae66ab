//! What a configuration file holds.

use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as messages name it.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A key, as it is written.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub place: Place,
}

/// A value.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// Keys with their values, in the order of the file. Their names differ.
pub type Table = Vec<(Key, Node)>;

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null` of YAML.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// A number in decimal digits, as a flag takes it.
    Number(String),
    /// A text.
    Text(Text),
    /// Values in their order.
    List(Vec<Node>),
    /// Keys with values.
    Table(Table),
    /// A date or time of TOML.
    Moment,
}

/// A text. `Debug` shows what is written.
#[derive(Clone)]
pub struct Text {
    /// With its variables replaced.
    pub text: String,
    /// As it is written.
    pub written: String,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.written).finish()
    }
}

impl Text {
    /// A text as it is written.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { written: text.clone(), text }
    }
}

impl Value {
    /// What it is called in messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Truth(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table of keys",
            Self::Moment => "a date or time",
        }
    }
}

/// The path of a key below `above`, as TOML writes it: `tables."public.orders".where`.
pub fn path_of(above: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.escape_debug()),
    };
    if above.is_empty() { name } else { format!("{above}.{name}") }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'a> {
    file: Arc<str>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Of the text of `file`.
    pub(super) fn new(file: &Arc<str>, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: Arc::clone(file), text, starts }
    }

    /// The place of the byte at `offset`.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place { file: Arc::clone(&self.file), line: line.max(1), column }
    }
}
