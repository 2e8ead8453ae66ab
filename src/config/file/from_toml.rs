//! TOML to nodes. A file with mistakes gives all of them.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::node::{Key, Lines, Node, Table, Text, Value};
use super::problem::Problem;

/// What the text holds; what is wrong with it goes to `problems`.
pub(super) fn parse(text: &str, lines: &Lines<'_>, problems: &mut Vec<Problem>) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        let problem = match error.message() {
            "duplicate key" => Problem::error(&place, "", "the key is given twice")
                .hint("keep one; a table of a pattern is written once, with all its keys"),
            message => Problem::error(&place, "", format!("not TOML: {message}")),
        };
        problems.push(problem);
    }
    table_of(table.get_ref(), lines, problems)
}

fn table_of(table: &DeTable<'_>, lines: &Lines<'_>, problems: &mut Vec<Problem>) -> Table {
    let mut pairs: Vec<(usize, (Key, Node))> = Vec::new();
    for (key, value) in table {
        let start = key.span().start;
        let key = Key { name: key.get_ref().to_string(), place: lines.place(start) };
        pairs.push((start, (key, node(value, lines, problems))));
    }
    pairs.sort_by_key(|(start, _)| *start);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>, problems: &mut Vec<Problem>) -> Node {
    let place = lines.place(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(Text::new(text.as_ref())),
        DeValue::Integer(number) => match integer(number) {
            Some(number) => Value::Number(number),
            None => {
                problems.push(Problem::error(&place, "", "the number is too large"));
                Value::Nothing
            }
        },
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(_) => Value::Moment,
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, lines, problems)).collect()),
        DeValue::Table(table) => Value::Table(table_of(table, lines, problems)),
    };
    Node { place, value }
}

/// In decimal digits.
fn integer(number: &DeInteger<'_>) -> Option<String> {
    i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}
