//! YAML to nodes, by the core schema of YAML 1.2: `no`, `on` and `1_000` are texts. A number that YAML 1.1 reads as
//! another one (`017`) is a mistake, and so is what would be lost: tags but `!!str`, merge keys, a second document.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::node::{Key, Node, Place, Table, Text, Value};
use super::problem::Problem;

/// Levels of lists and tables.
const DEEPEST: usize = 80;
/// Values, those that aliases repeat counted each time.
const MOST: usize = 100_000;

/// What the text holds; what is wrong with it goes to `problems`.
pub(super) fn parse(text: &str, file: &Arc<str>, problems: &mut Vec<Problem>) -> Table {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), file, problems, anchors: HashMap::new(), left: MOST };
    reader.document().unwrap_or_default()
}

/// The rest of the text cannot be read; why is among the problems.
struct Lost;

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: &'a Arc<str>,
    problems: &'a mut Vec<Problem>,
    anchors: HashMap<usize, Node>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn place(&self, at: Marker) -> Place {
        Place { file: Arc::clone(self.file), line: at.line(), column: at.col() + 1 }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Lost> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let place = self.place(*error.marker());
                self.problems.push(Problem::error(&place, "", format!("not YAML: {}", error.info())));
                Err(Lost)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// None if there is nothing but comments.
    fn document(&mut self) -> Option<Table> {
        let root = loop {
            let (event, span) = self.next().ok()?;
            match event {
                Event::StreamEnd => return None,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => break self.node(event, span, 0).ok()?,
            }
        };
        while let Ok((event, span)) = self.next() {
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    let place = self.place(span.start);
                    self.problems.push(Problem::error(&place, "", "a second document: keep one"));
                    break;
                }
                _ => {}
            }
        }
        match root.value {
            Value::Table(table) => Some(table),
            Value::Nothing => None,
            other => {
                let message = format!("{}, not a table of keys", other.kind());
                self.problems.push(Problem::error(&root.place, "", message));
                None
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Lost> {
        let place = self.place(span.start);
        self.left = self.left.saturating_sub(1);
        if depth > DEEPEST || self.left == 0 {
            self.problems.push(Problem::error(&place, "", "nested too deeply, or too many values"));
            return Err(Lost);
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), &place), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &place);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (Value::List(items), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &place);
                (Value::Table(self.table(depth)?), anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.left = self.left.saturating_sub(size(&node));
                    (node.value, 0)
                }
                None => {
                    self.problems.push(Problem::error(
                        &place,
                        "",
                        "an alias of a value that is not there yet",
                    ));
                    (Value::Nothing, 0)
                }
            },
            _ => {
                self.problems.push(Problem::error(&place, "", "not YAML: the text ends too early"));
                return Err(Lost);
            }
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn table(&mut self, depth: usize) -> Result<Table, Lost> {
        let mut table: Table = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(table);
            }
            let place = self.place(span.start);
            let name = match &event {
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            };
            if name.is_none() {
                self.node(event, span, depth + 1)?;
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            match name {
                None => self.problems.push(Problem::error(&place, "", "a key that is no text")),
                Some(name) if name == "<<" => self.problems.push(
                    Problem::error(&place, "<<", "merge keys are not of YAML 1.2")
                        .hint("write the keys out, or include a file"),
                ),
                Some(name) if table.iter().any(|(key, _)| key.name == name) => self.problems.push(
                    Problem::error(&place, name, "the key is given twice")
                        .hint("keep one; a table of a pattern is written once, with all its keys"),
                ),
                Some(name) => table.push((Key { name, place }, value)),
            }
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, place: &Place) {
        if let Some(tag) = tag {
            self.problems.push(
                Problem::error(place, "", format!("the tag {tag} has no meaning here"))
                    .hint("leave it out; a text stands in quotes"),
            );
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: &Place) -> Value {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if is_text || style != ScalarStyle::Plain {
            if !is_text {
                self.refuse_tag(tag, place);
            }
            return Value::Text(Text::new(text));
        }
        self.refuse_tag(tag, place);
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Value::Nothing,
            "true" | "True" | "TRUE" => return Value::Truth(true),
            "false" | "False" | "FALSE" => return Value::Truth(false),
            _ => {}
        }
        if is_ambiguous(text) {
            self.problems.push(
                Problem::error(
                    place,
                    "",
                    format!("{text} is one number in YAML 1.1 and another in YAML 1.2"),
                )
                .hint("leave out the zeros before it, or write it in quotes"),
            );
        }
        match number(text) {
            Some(number) => Value::Number(number),
            None => Value::Text(Text::new(text)),
        }
    }
}

/// Values in a node, itself included.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Table(table) => table.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

/// `017`: octal in YAML 1.1.
fn is_ambiguous(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The number of the core schema that `text` is, in decimal digits.
fn number(text: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(octal) = text.strip_prefix("0o") {
        let valid = digits(octal);
        return i128::from_str_radix(octal, 8).ok().filter(|_| valid).map(|number| number.to_string());
    }
    if let Some(hex) = text.strip_prefix("0x") {
        let valid = hex.bytes().all(|b| b.is_ascii_hexdigit());
        return i128::from_str_radix(hex, 16).ok().filter(|_| valid).map(|number| number.to_string());
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (bare, None),
    };
    let is_mantissa = match mantissa.split_once('.') {
        Some((whole, "")) => digits(whole),
        Some((whole, part)) => (whole.is_empty() || digits(whole)) && digits(part),
        None => digits(mantissa),
    };
    (is_mantissa && exponent.is_none_or(digits)).then(|| format!("{sign}{bare}"))
}
