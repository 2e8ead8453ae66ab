//! `[tables."pattern"]`: what flags say as `'pattern: value'`, without the pattern.

use super::keys::{CUTTING, Keys, Shape, TABLE_CONFIG, TABLES};
use crate::cli::variables::ValueOfFile;
use crate::config::file::{Key, Node, Place, Problem, Value, path_of};
use crate::secret;
use crate::spec::{TableConfig, nearest};

/// What a file says of the tables of a pattern.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) pattern: String,
    entries: Vec<Entry>,
}

/// A key of a section, or a column of one.
#[derive(Debug)]
struct Entry {
    /// `where`, `cast`, `method`.
    name: String,
    column: Option<String>,
    path: String,
    place: Place,
    text: String,
    written: String,
}

impl Section {
    /// Adds what another file, which this one includes, says of the same pattern and this one does not.
    pub(super) fn add_below(&mut self, other: Self) {
        for entry in other.entries {
            let is_there = |own: &Entry| own.name == entry.name && own.column == entry.column;
            if !self.entries.iter().any(is_there) {
                self.entries.push(entry);
            }
        }
    }

    /// As flags with their values.
    pub(super) fn into_flags(
        self,
        keys: &mut Keys,
        problems: &mut Vec<Problem>,
    ) -> Vec<(String, ValueOfFile)> {
        let Self { pattern, entries } = self;
        let (cutting, entries): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| CUTTING.contains(&entry.name.as_str()));
        let mut flags = Vec::new();
        for entry in entries {
            let place = match &entry.column {
                Some(column) => format!("{pattern}.{column}"),
                None => pattern.clone(),
            };
            let word = format!("{place}: {}", entry.text);
            let shown = secret::in_text(format!("{place}: {}", entry.written));
            match keys.tried(&entry.name, &word, &shown) {
                Ok(()) => {}
                Err((message, hint)) => {
                    let problem = Problem::error(&entry.place, entry.path, message);
                    problems.push(hint.into_iter().fold(problem, Problem::hint));
                    continue;
                }
            }
            let value = ValueOfFile { key: entry.path, place: entry.place, word: Some(word), shown };
            flags.push((entry.name, value));
        }
        flags.extend(table_config(&pattern, cutting, problems).map(|value| (TABLE_CONFIG.to_owned(), value)));
        flags
    }
}

/// `method`, `key` and `readers` as one row.
fn table_config(pattern: &str, entries: Vec<Entry>, problems: &mut Vec<Problem>) -> Option<ValueOfFile> {
    let field = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name);
        entry.map_or("", |entry| entry.text.trim())
    };
    let [method, key, readers] = CUTTING.map(field);
    let word = format!("{pattern}:{method}:{key}:{readers}");
    let first = entries.iter().min_by(|a, b| a.place.cmp(&b.place))?;
    let refused = match TableConfig::parse_list(&word) {
        Ok(rows) => match rows.as_slice() {
            [row] if row.pattern == pattern && row.key.as_deref().unwrap_or_default() == key => None,
            _ => Some(("a key or pattern with ; or : cannot be given here".to_owned(), None)),
        },
        Err(error) => Some((error.message().to_owned(), error.hints().first().cloned())),
    };
    if let Some((message, hint)) = refused {
        // Of the row's fields the message names one.
        let about = entries.iter().find(|entry| !entry.text.is_empty() && message.contains(&entry.text));
        let about = about.unwrap_or(first);
        let message = match about.name.as_str() {
            "readers" => "not a positive number".to_owned(),
            _ => message,
        };
        let problem = Problem::error(&about.place, about.path.clone(), message);
        problems.push(hint.filter(|_| about.name == "method").into_iter().fold(problem, Problem::hint));
        return None;
    }
    let (key, place, shown) = (first.path.clone(), first.place.clone(), secret::in_text(word.clone()));
    Some(ValueOfFile { key, place, word: Some(word), shown })
}

/// The sections of a file.
pub(super) fn read(node: &Node, keys: &Keys, problems: &mut Vec<Problem>) -> Vec<Section> {
    let Value::Table(patterns) = &node.value else {
        let message = format!("{}, not tables by pattern", node.value.kind());
        problems.push(
            Problem::error(&node.place, TABLES, message).hint(format!("write [{TABLES}.\"schema.table\"]")),
        );
        return Vec::new();
    };
    let mut sections = Vec::new();
    for (pattern, node) in patterns {
        let path = path_of(TABLES, &pattern.name);
        let mut wrong = |place: &Place, message: String, hint: &str| {
            problems.push(Problem::error(place, path.clone(), message).hint(hint));
        };
        let name = pattern.name.as_str();
        if name.trim().is_empty() || name.trim() != name {
            wrong(
                &pattern.place,
                "the pattern is empty, or has blanks at its ends".into(),
                "write schema.table",
            );
            continue;
        }
        if name.contains(':') {
            let message = "a pattern with a colon cannot be given, as in the flags".into();
            wrong(&pattern.place, message, "write _ for the colon: it stands for any character");
            continue;
        }
        match &node.value {
            Value::Table(table) => {
                let mut section = Section { pattern: name.to_owned(), entries: Vec::new() };
                for (key, node) in table {
                    read_key(&mut section, (key, node), &path, keys, problems);
                }
                sections.push(section);
            }
            // `orders:` of YAML, without keys.
            Value::Nothing => {}
            other => {
                let message = format!("{}, not a table of keys", other.kind());
                wrong(&node.place, message, "write where, columns and the like below the pattern");
            }
        }
    }
    sections
}

fn read_key(
    section: &mut Section,
    (key, node): (&Key, &Node),
    path: &str,
    keys: &Keys,
    problems: &mut Vec<Problem>,
) {
    let path = path_of(path, &key.name);
    let name = key.name.replace('_', "-");
    let shape = match keys.find(&name) {
        _ if CUTTING.contains(&name.as_str()) => Shape::Condition,
        Some(known) if known.shape.is_some() => known.shape.unwrap_or(Shape::Condition),
        known => {
            let is_known = known.is_some();
            problems.push(unknown(section, (key, node), path, is_known, keys));
            return;
        }
    };
    let name =
        keys.find(&name).filter(|_| !CUTTING.contains(&name.as_str())).map_or(name, |key| key.name.clone());
    if section.entries.iter().any(|entry| entry.name == name) {
        problems.push(Problem::error(&key.place, path, format!("{name} is given twice")).hint("keep one"));
        return;
    }
    let mut wrong = |node: &Node, path: &str, expected: &str| {
        let message = format!("{}, not {expected}", node.value.kind());
        problems.push(Problem::error(&node.place, path, message));
    };
    let entry = |column: Option<&str>, path: String, place: &Place, text: &str, written: &str| Entry {
        name: name.clone(),
        column: column.map(str::to_owned),
        path,
        place: place.clone(),
        text: text.to_owned(),
        written: written.to_owned(),
    };
    match (&node.value, shape) {
        (Value::Table(columns), Shape::Columns) => {
            for (column, node) in columns {
                let path = path_of(&path, &column.name);
                match &node.value {
                    Value::Text(value) if !column.name.contains(':') => {
                        let column = Some(column.name.as_str());
                        section.entries.push(entry(column, path, &node.place, &value.text, &value.written));
                    }
                    Value::Text(_) => wrong(node, &path, "the value of a column whose name has no colon"),
                    _ => wrong(node, &path, "a text"),
                }
            }
        }
        (_, Shape::Columns) => wrong(node, &path, "a table of columns, as { total = \"text\" }"),
        (Value::Number(number), _) if name == "readers" => {
            section.entries.push(entry(None, path, &node.place, number, number));
        }
        (Value::Text(value), _) if value.text.trim().is_empty() => {
            problems.push(Problem::error(&node.place, path, "the text is empty"));
        }
        (Value::Text(value), _) => {
            section.entries.push(entry(None, path, &node.place, &value.text, &value.written));
        }
        (Value::List(items), Shape::Items) => {
            let mut texts = (Vec::new(), Vec::new());
            for (at, item) in items.iter().enumerate() {
                match &item.value {
                    Value::Text(value) if !value.text.trim().is_empty() => {
                        texts.0.push(value.text.as_str());
                        texts.1.push(value.written.as_str());
                    }
                    Value::Text(_) => {
                        problems.push(Problem::error(
                            &item.place,
                            format!("{path}[{at}]"),
                            "the text is empty",
                        ));
                    }
                    _ => problems.push(Problem::error(
                        &item.place,
                        format!("{path}[{at}]"),
                        format!("{}, not a text", item.value.kind()),
                    )),
                }
            }
            match texts.0.len() {
                0 => problems.push(Problem::error(&node.place, path, "the list is empty")),
                _ => section.entries.push(entry(
                    None,
                    path,
                    &node.place,
                    &texts.0.join(", "),
                    &texts.1.join(", "),
                )),
            }
        }
        (_, Shape::Items) => wrong(node, &path, "a text or a list of texts"),
        (_, Shape::Condition) => wrong(node, &path, if name == "readers" { "a number" } else { "a text" }),
    }
}

fn unknown(
    section: &Section,
    (key, node): (&Key, &Node),
    path: String,
    is_known: bool,
    keys: &Keys,
) -> Problem {
    if is_known {
        return Problem::error(&key.place, path, "a setting of all tables, not of a pattern")
            .hint(format!("write it above the first [{TABLES}....]"));
    }
    let problem = Problem::error(&key.place, path, "unknown key");
    if matches!(node.value, Value::Table(_)) {
        let whole = format!("{}.{}", section.pattern, key.name);
        return problem.hint(format!("a pattern with a dot stands in quotes: [{TABLES}.\"{whole}\"]"));
    }
    match nearest(&key.name.replace('_', "-"), keys.of_sections()) {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None => {
            let known: Vec<&str> = keys.of_sections().collect();
            problem.hint(format!("keys of a pattern: {}", known.join(", ")))
        }
    }
}
