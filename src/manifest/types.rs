//! Arrow types as texts, which manifests have.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};

use crate::error::{Error, Result};

/// What comes before the metadata of a field, in the text of a type.
const METADATA: &str = ", metadata: {";

/// What a name that is coded begins with.
const MARK: &str = "~";

/// A type from its text, without the metadata of its fields.
pub(super) fn parse(text: &str) -> Result<DataType> {
    let parsed: DataType = bare(text).parse().map_err(|error| {
        Error::internal("a type of the manifest cannot be understood").with("type", text).caused_by(error)
    })?;
    Ok(with_names(&parsed))
}

/// A name as digits, in quotes: the parser of types does not know all escapes.
fn coded(name: &str) -> String {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{MARK}{digits}\"")
}

/// The name that is coded so; another text as it is.
fn decoded(text: &str) -> String {
    let bytes = text.strip_prefix(MARK).map(|digits| {
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
        pairs.map(|pair| u8::from_str_radix(pair, 16)).collect::<std::result::Result<Vec<u8>, _>>()
    });
    let name = bytes.and_then(|bytes| String::from_utf8(bytes.ok()?).ok());
    name.unwrap_or_else(|| text.to_owned())
}

/// The same type with names that are not coded any more.
fn with_names(data_type: &DataType) -> DataType {
    let named = |field: &FieldRef| {
        let field = Field::clone(field);
        let (name, inner) = (decoded(field.name()), with_names(field.data_type()));
        Arc::new(field.with_name(name).with_data_type(inner))
    };
    match data_type {
        DataType::Timestamp(unit, Some(zone)) => DataType::Timestamp(*unit, Some(decoded(zone).into())),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(named).collect()),
        DataType::List(item) => DataType::List(named(item)),
        DataType::LargeList(item) => DataType::LargeList(named(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(named(item), *length),
        DataType::Map(entries, sorted) => DataType::Map(named(entries), *sorted),
        other => other.clone(),
    }
}

/// The text that is written so between quotes.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('0') => out.push('\0'),
            Some('u') => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// The text without the metadata of fields, which is quoted keys and values between braces; and with coded names.
fn bare(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let taken = if let Some(metadata) = rest.strip_prefix(METADATA) {
            rest = end_of_braces(metadata);
            continue;
        } else if first == '"' {
            let taken = quoted(rest);
            out.push_str(&coded(&unescaped(rest.get(1..taken - 1).unwrap_or_default())));
            rest = &rest[taken..];
            continue;
        } else {
            first.len_utf8()
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

/// Bytes of the quoted text that `text` begins with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What comes after the brace that ends the metadata.
fn end_of_braces(mut rest: &str) -> &str {
    while let Some(first) = rest.chars().next() {
        let taken = if first == '"' { quoted(rest) } else { first.len_utf8() };
        rest = &rest[taken..];
        if first == '}' {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use arrow_schema::{Fields, TimeUnit};

    use super::*;

    fn with_metadata(field: Field) -> Field {
        field.with_metadata(
            [("k:\"}".to_owned(), "v, metadata: {".to_owned()), ("a".into(), "b".into())].into(),
        )
    }

    #[test]
    fn types_come_back_from_their_texts() {
        let pair = |odd: bool| {
            let name = if odd { "a \"b\", metadata: {x} \\ \n\u{7f} é'" } else { "b" };
            let fields = [Field::new("a", DataType::Int32, true), Field::new(name, DataType::Utf8, false)];
            DataType::Struct(Fields::from(fields.to_vec()))
        };
        let list = |item: DataType| DataType::List(Arc::new(Field::new("element", item, true)));
        for data_type in [
            DataType::Int8,
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Decimal128(38, 10),
            DataType::Decimal256(76, 0),
            DataType::FixedSizeBinary(16),
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            list(DataType::Int64),
            list(list(pair(false))),
            pair(true),
            list(pair(true)),
        ] {
            assert_eq!(parse(&data_type.to_string()).expect("a type"), data_type, "{data_type}");
        }
    }

    #[test]
    fn metadata_is_left_out() {
        let plain = [Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, false)];
        let noted: Vec<Field> = plain.iter().cloned().map(with_metadata).collect();
        let noted = DataType::List(Arc::new(with_metadata(Field::new(
            "element",
            DataType::Struct(noted.into()),
            true,
        ))));
        let plain =
            DataType::List(Arc::new(Field::new("element", DataType::Struct(plain.to_vec().into()), true)));
        assert_eq!(parse(&noted.to_string()).expect("a type"), plain, "{noted}");
    }

    #[test]
    fn what_is_no_type_is_an_error() {
        for text in ["", "Int33", "Struct(\"", "List(", "\"", ", metadata: {\"a", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
