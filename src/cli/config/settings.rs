//! What a configuration file and those that it includes say, as words of flags. All that is wrong is said at once.

use std::collections::BTreeMap;

use super::keys::{ALTERNATIVES, CUTTING, Key, Keys, Kind, Shape, TABLES};
use super::sections::{self, Section};
use crate::cli::args::Shown;
use crate::cli::variables::{NARROWING, ValueOfFile};
use crate::config::file::{Document, INCLUDE, Loaded, Node, Place, Problem, Value, path_of};
use crate::secret;
use crate::spec::nearest;

/// The flag that is safe only if all its values hold.
pub(super) const MASK: &str = "mask";

/// What the files say of a flag: values in their order.
pub(super) type Values = Vec<Given>;

/// A value of a file.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) value: ValueOfFile,
    /// A switch that is turned off.
    pub(super) is_off: bool,
}

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// By the long names of flags.
    pub(super) flags: BTreeMap<String, Values>,
    pub(super) problems: Vec<Problem>,
    /// What is to be said of values that the including file replaces.
    pub(super) notes: Vec<String>,
    /// Whether a password is in a file.
    pub(super) has_secret: bool,
}

/// One file.
struct Layer {
    flags: BTreeMap<String, Values>,
    sections: Vec<Section>,
}

impl Settings {
    /// Of a file and those that it includes.
    pub(super) fn of(loaded: Loaded, keys: &mut Keys) -> Self {
        let mut settings = Self { problems: loaded.problems, ..Self::default() };
        let mut sections: Vec<Section> = Vec::new();
        for document in &loaded.documents {
            let layer = settings.layer(document, keys);
            let above: Vec<String> = settings.flags.keys().cloned().collect();
            for (flag, values) in layer.flags {
                if !above.iter().any(|other| *other == flag || excludes(other, &flag)) {
                    settings.flags.insert(flag, values);
                } else if let Some(first) = values.first().filter(|_| flag == MASK) {
                    let (place, key) = (&first.value.place, first.value.key.clone());
                    let message =
                        "masks of an included file are replaced by those of the file that includes it";
                    settings
                        .problems
                        .push(Problem::warning(place, key, message).hint("write all masks in one file"));
                } else if NARROWING.contains(&flag.as_str()) {
                    settings.notes.extend(values.first().map(|given| {
                        format!("{flag} ({}) is replaced by the file that includes it", given.value.place)
                    }));
                }
            }
            for section in layer.sections {
                match sections.iter_mut().find(|other| other.pattern == section.pattern) {
                    Some(other) => other.add_below(section),
                    None => sections.push(section),
                }
            }
        }
        for section in sections {
            for (flag, value) in section.into_flags(keys, &mut settings.problems) {
                settings.flags.entry(flag).or_default().push(Given { value, is_off: false });
            }
        }
        settings.find_twice(keys);
        settings.problems.sort_by(|a, b| a.place.cmp(&b.place));
        settings
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| !problem.is_warning)
    }

    fn layer(&mut self, document: &Document, keys: &mut Keys) -> Layer {
        let mut layer = Layer { flags: BTreeMap::new(), sections: Vec::new() };
        for (key, node) in &document.table {
            let path = path_of("", &key.name);
            if key.name == TABLES {
                layer.sections = sections::read(node, keys, &mut self.problems);
                continue;
            }
            let Some(known) = keys.find(&key.name) else {
                self.problems.push(unknown(&key.name, &key.place, keys));
                continue;
            };
            let name = known.name.clone();
            if layer.flags.contains_key(&name) {
                let message = format!("{name} is given twice, in two spellings");
                self.problems.push(Problem::error(&key.place, path, message).hint("keep one"));
                continue;
            }
            let values = self.values(known, &path, node);
            let mut sound = Vec::new();
            for given in values {
                let ValueOfFile { key: path, word, shown, place } = &given.value;
                let tried = match word {
                    Some(word) => keys.tried(&name, word, shown),
                    None => Ok(()),
                };
                match tried {
                    Ok(()) => sound.push(given),
                    Err((message, hint)) => {
                        let problem = Problem::error(place, path.clone(), message);
                        self.problems.push(match hint {
                            Some(hint) => problem.hint(hint),
                            None => problem,
                        });
                    }
                }
            }
            layer.flags.insert(name, sound);
        }
        self.find_alternatives(&layer);
        layer
    }

    /// The words of a key.
    fn values(&mut self, key: &Key, path: &str, node: &Node) -> Values {
        let Some(shown) = words(key, path, node, &mut self.problems) else { return Vec::new() };
        let mut values = Vec::new();
        for (path, place, value) in shown {
            let (word, shown, is_off) = match value {
                Word::Switch(on) => (None, on.to_string(), !on),
                Word::Value { word, written } => {
                    if key.is_secret() && is_secret(key, &word, &written) {
                        self.has_secret = true;
                        self.problems.push(
                            Problem::warning(&place, path.clone(), "a password or token stands in the file")
                                .hint(
                                    "write it into the auth file, or into a variable that ${NAME} names here",
                                ),
                        );
                    }
                    (Some(word), hidden(key, &written), false)
                }
            };
            let value = ValueOfFile { key: path, place, word, shown };
            values.push(Given { value, is_off });
        }
        values
    }

    /// Two keys of one file that say the same.
    fn find_alternatives(&mut self, layer: &Layer) {
        for group in ALTERNATIVES {
            let given = group.iter().filter_map(|name| Some((*name, layer.flags.get(*name)?.first()?)));
            let mut given: Vec<(&str, &Given)> = given.collect();
            given.sort_by(|(_, a), (_, b)| a.value.place.cmp(&b.value.place));
            if let [(first, above), (second, value), ..] = given.as_slice() {
                let message = format!("{first} ({}) says the same in another way", above.value.place);
                self.problems.push(
                    Problem::error(&value.value.place, *second, message).hint("keep one of the two keys"),
                );
            }
        }
    }

    /// Patterns, or columns of patterns, that one flag has twice.
    fn find_twice(&mut self, keys: &Keys) {
        for (flag, values) in &self.flags {
            let is_of_tables = keys.find(flag).is_some_and(|key| key.shape.is_some());
            if !is_of_tables {
                continue;
            }
            let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
            for Given { value, .. } in values {
                let Some((pattern, _)) = value.word.as_deref().and_then(|word| word.split_once(':')) else {
                    continue;
                };
                let Some(before) = seen.insert(pattern.trim(), &value.place) else { continue };
                let message = format!("the pattern '{}' has a {flag} already ({before})", pattern.trim());
                self.problems.push(
                    Problem::error(&value.place, value.key.clone(), message)
                        .hint("write both as one, or keep one"),
                );
            }
        }
    }
}

/// Whether a value of `above` is one of `below` too.
pub(super) fn excludes(above: &str, below: &str) -> bool {
    // Another database of the entry that is named above.
    let names_database = above == "source-db-name" && below == "source";
    !names_database && ALTERNATIVES.iter().any(|group| group.contains(&above) && group.contains(&below))
}

fn unknown(name: &str, place: &Place, keys: &Keys) -> Problem {
    let path = path_of("", name);
    let written = name.replace('_', "-");
    if CUTTING.contains(&written.as_str()) {
        return Problem::error(place, path, "the key is one of a pattern")
            .hint(format!("write it below [{TABLES}.\"schema.table\"]"));
    }
    let problem = Problem::error(place, path, "unknown key");
    let known = keys.iter().map(|key| key.name.as_str()).chain([TABLES, INCLUDE]);
    match nearest(&written, known) {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None => problem.hint("docs/configuration.md has the keys: they are the flags of the commands"),
    }
}

/// A value as a flag takes it.
pub(super) enum Word {
    Switch(bool),
    /// `written` is as the file has it, before variables were replaced.
    Value {
        word: String,
        written: String,
    },
}

/// The words of a value that stands above the sections, with their paths and places; none if it is of a wrong type.
fn words(
    key: &Key,
    path: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<Vec<(String, Place, Word)>> {
    let wrong = |node: &Node, path: &str| {
        let message = format!("{}, not {}", node.value.kind(), key.kind.expected());
        let problem = Problem::error(&node.place, path, message);
        match &node.value {
            Value::Nothing => problem.hint("give it a value, or leave the key out"),
            Value::Number(_) | Value::Truth(_) if matches!(key.kind, Kind::Text | Kind::List) => {
                problem.hint("write it in quotes")
            }
            Value::Text(text) if key.kind == Kind::Switch && is_old_truth(&text.written) => {
                problem.hint("YAML 1.2 reads yes, no, on and off as texts: write true or false")
            }
            Value::Table(_) if key.shape == Some(Shape::Columns) => problem
                .hint(format!("write it below [{TABLES}.\"schema.table\"], or as 'table.column: value'")),
            _ => problem,
        }
    };
    let items = match &node.value {
        Value::List(items)
            if items.is_empty() && key.name != "exclude" && NARROWING.contains(&key.name.as_str()) =>
        {
            let message = "the list is empty, and without it more would be exported";
            problems.push(
                Problem::error(&node.place, path, message).hint("give it a value, or leave the key out"),
            );
            return None;
        }
        Value::List(items) if key.kind == Kind::List => items.iter().collect(),
        _ => vec![node],
    };
    let mut found = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let path = if items.len() > 1 { format!("{path}[{at}]") } else { path.to_owned() };
        let word = match (&item.value, key.kind) {
            (Value::Truth(truth), Kind::Switch) => Word::Switch(*truth),
            (Value::Text(text), Kind::Switch) if text.text != text.written => match text.text.trim() {
                "true" => Word::Switch(true),
                "false" => Word::Switch(false),
                _ => {
                    problems.push(wrong(item, &path));
                    continue;
                }
            },
            (Value::Truth(true), Kind::Share) => Word::Switch(true),
            (Value::Number(number), Kind::Number | Kind::Share) => {
                Word::Value { word: number.clone(), written: number.clone() }
            }
            (Value::Text(text), kind) if kind != Kind::Switch => {
                if NARROWING.contains(&key.name.as_str()) && is_nothing(&text.text) {
                    let message = "it is empty, and without it more would be exported";
                    problems.push(
                        Problem::error(&item.place, path, message)
                            .hint("give it a value, or leave the key out"),
                    );
                    return None;
                }
                Word::Value { word: text.text.clone(), written: text.written.clone() }
            }
            _ => {
                problems.push(wrong(item, &path));
                continue;
            }
        };
        found.push((path, item.place.clone(), word));
    }
    (!found.is_empty()).then_some(found)
}

fn is_nothing(text: &str) -> bool {
    text.chars().all(|c| c == ',' || c.is_whitespace())
}

/// What YAML 1.1 takes for true or false.
fn is_old_truth(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a URL has a password, a token, or a path that may be one, and not from a variable. `written` is the URL before
/// variables were replaced.
pub(super) fn is_secret(key: &Key, word: &str, written: &str) -> bool {
    const TOKEN: usize = 16;
    let Ok(url) = url::Url::parse(word) else { return false };
    let stands = |secret: &str| !secret.is_empty() && (word == written || written.contains(secret));
    let parameter = |name: &str| {
        let name = name.to_lowercase();
        ["password", "secret", "token", "sig", "key"].iter().any(|word| name.contains(word))
    };
    let in_path = key.name == "notify"
        && url.path_segments().is_some_and(|mut parts| parts.any(|part| part.len() >= TOKEN && stands(part)));
    url.password().is_some_and(stands)
        || url.query_pairs().any(|(name, value)| parameter(&name) && stands(&value))
        || in_path
}

/// A value of a key, without secrets, as it is shown.
pub(super) fn shown(key: Option<&Key>, text: &str) -> Shown {
    match key.map(|key| key.kind) {
        Some(Kind::Number | Kind::Share) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Shown::Number(text.to_owned())
        }
        _ => Shown::Text(text.to_owned()),
    }
}

/// A value of a key without its secrets.
pub(super) fn hidden(key: &Key, text: &str) -> String {
    match text.split_once("://") {
        // The whole path may be a token.
        Some((scheme, _)) if key.name == "notify" => format!("{scheme}://***"),
        _ => secret::value(text).into_owned(),
    }
}
