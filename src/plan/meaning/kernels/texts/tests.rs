//! Answers of a real server, and what is said about errors.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use md5::{Digest, Md5};

use super::super::super::kind::Kind;
use super::super::letters::{lower_of, upper_of};
use super::super::regular::{regex, similar};
use super::super::rows::Result;
use super::super::{bytes, like, numerals};
use super::FUNCTIONS;

const VALUES: &str = include_str!("values.txt");

/// An expression of the table: its words, and its literals.
fn parse(expression: &str) -> (String, Vec<(Kind, ArrayRef)>) {
    let mut words = Vec::new();
    let mut literals: Vec<(Kind, ArrayRef)> = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        if let Some(literal) = rest.strip_prefix('\'') {
            let end = literal.find('\'').unwrap();
            assert!(!literal[end..].starts_with("''"), "no quotes in quotes here: {expression}");
            literals.push(literal_of(&mut words, &literal[..end]));
            rest = &literal[end + 1..];
        } else if "(), ".contains(first) {
            rest = &rest[1..];
        } else {
            let end = rest.find(['(', ')', ',', ' ']).unwrap_or(rest.len());
            match rest[..end].parse::<i32>() {
                Ok(number) => {
                    literals.push((Kind::Int4, Arc::new(Int32Array::from(vec![number]))));
                }
                Err(_) => words.push(&rest[..end]),
            }
            rest = &rest[end..];
        }
    }
    (words.join(" "), literals)
}

/// A text, or what the word before it says.
fn literal_of(words: &mut Vec<&str>, text: &str) -> (Kind, ArrayRef) {
    let (kind, column): (Kind, ArrayRef) = match words.last().copied() {
        Some("bytea") => {
            let digits = text.strip_prefix(r"\x").unwrap();
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let value: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            (Kind::Bytea, Arc::new(BinaryArray::from(vec![value.as_slice()])))
        }
        Some("int8") => (Kind::Int8, Arc::new(Int64Array::from(vec![text.parse::<i64>().unwrap()]))),
        Some("float8") => (Kind::Float8, Arc::new(Float64Array::from(vec![text.parse::<f64>().unwrap()]))),
        Some("float4") => (Kind::Float4, Arc::new(Float32Array::from(vec![text.parse::<f32>().unwrap()]))),
        _ => return (Kind::Text, Arc::new(StringArray::from(vec![text]))),
    };
    words.pop();
    (kind, column)
}

fn evaluate(words: &str, literals: &[(Kind, ArrayRef)]) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> = literals.iter().map(|(_, column)| Arc::clone(column)).collect();
    let kinds: Vec<Kind> = literals.iter().map(|(kind, _)| *kind).collect();
    let text = |at: usize| columns[at].as_string::<i32>().value(0);
    let answer = |is_match: bool| -> Result<ArrayRef> {
        Ok(Arc::new(arrow::array::BooleanArray::from(vec![is_match])))
    };
    match (words, kinds.as_slice()) {
        ("||", [Kind::Text, _]) => super::concat_text(&columns),
        ("||", _) => super::concat_bytes(&columns),
        ("like", [Kind::Bytea, _]) => like::like_bytes(&columns),
        ("like", _) => like::like(&columns),
        ("like escape", _) => like::like_escape(&columns),
        ("ilike", _) => like::ilike(&columns),
        ("ilike escape", _) => like::ilike_escape(&columns),
        ("~", _) => answer(regex(text(1), false).unwrap().is_match(text(0))),
        ("~*", _) => answer(regex(text(1), true).unwrap().is_match(text(0))),
        ("similar to", _) => answer(similar(text(1), Some('\\')).unwrap().is_match(text(0))),
        ("similar to escape", _) => {
            answer(similar(text(1), text(2).chars().next()).unwrap().is_match(text(0)))
        }
        ("cast as int2", _) => numerals::text_to_int2(&columns),
        ("cast as int4", _) => numerals::text_to_int4(&columns),
        ("cast as int8", _) => numerals::text_to_int8(&columns),
        ("cast as float4", _) => numerals::text_to_float4(&columns),
        ("cast as float8", _) => numerals::text_to_float8(&columns),
        ("cast as bool", _) => numerals::text_to_bool(&columns),
        ("cast as bytea", _) => bytes::text_to_bytea(&columns),
        ("cast as text", [Kind::Bytea]) => bytes::bytea_to_text(&columns),
        ("cast as text", [Kind::Float4]) => numerals::float4_to_text(&columns),
        ("cast as text", _) => numerals::float8_to_text(&columns),
        (name, kinds) => {
            let found = FUNCTIONS.iter().find(|kernel| kernel.name == name && kernel.arguments == kinds);
            (found.unwrap_or_else(|| panic!("no kernel {name} of {kinds:?}")).body)(&columns)
        }
    }
}

/// The only value of a column, as PostgreSQL writes it.
fn written(column: &ArrayRef) -> String {
    let column = match column.data_type() {
        DataType::Utf8 => return column.as_string::<i32>().value(0).replace('\n', r"\n"),
        DataType::Int16 => return column.as_primitive::<Int16Type>().value(0).to_string(),
        DataType::Int32 => return column.as_primitive::<Int32Type>().value(0).to_string(),
        DataType::Int64 => return column.as_primitive::<Int64Type>().value(0).to_string(),
        DataType::Boolean => numerals::bool_to_text(&[Arc::clone(column)]),
        DataType::Binary => bytes::bytea_to_text(&[Arc::clone(column)]),
        DataType::Float32 => numerals::float4_to_text(&[Arc::clone(column)]),
        DataType::Float64 => numerals::float8_to_text(&[Arc::clone(column)]),
        other => panic!("{other}"),
    };
    written(&column.unwrap())
}

#[test]
fn answers_are_those_of_the_server() {
    let mut names = std::collections::BTreeSet::new();
    for line in VALUES.lines().filter(|line| !line.starts_with('#')) {
        let (expression, expected) = line.split_once(" => ").unwrap();
        let (words, literals) = parse(expression);
        let ours = evaluate(&words, &literals).map_or("ERROR".to_owned(), |column| written(&column));
        assert_eq!(ours, expected, "{expression}");
        names.insert(words);
    }
    for kernel in FUNCTIONS {
        assert!(names.contains(kernel.name), "{} is not in the table", kernel.name);
    }
}

#[test]
fn null_gives_null_and_no_error() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(0), None, Some(0), Some(1)]));
    let some: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a"), None, Some("ab")]));
    let split = FUNCTIONS.iter().find(|kernel| kernel.name == "split_part").unwrap();
    let parts = (split.body)(&[Arc::clone(&some), Arc::clone(&some), numbers]).unwrap();
    assert_eq!(parts.as_string::<i32>().iter().collect::<Vec<_>>(), [None, None, None, Some("")]);
    let patterns: ArrayRef = Arc::new(StringArray::from(vec![Some("%\\"), None, None, Some("a%")]));
    let found = like::like(&[some, patterns]).unwrap();
    assert_eq!(found.as_boolean().iter().collect::<Vec<_>>(), [None, None, None, Some(true)]);
}

#[test]
fn patterns_may_differ_from_row_to_row() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "b", "%"]));
    let patterns: ArrayRef = Arc::new(StringArray::from(vec!["a%", "a%", "_", "x%"]));
    let escapes: ArrayRef = Arc::new(StringArray::from(vec!["", "", "", "x"]));
    let found = like::like_escape(&[values, patterns, escapes]).unwrap();
    assert_eq!(found.as_boolean().iter().flatten().collect::<Vec<_>>(), [true, false, true, true]);
}

/// Hash of texts one after the other: `md5(string_agg(..., '' ORDER BY n))` over `generate_series(1, 1114111) n` without
/// surrogates, by PostgreSQL 15.18 under C.UTF-8.
fn hash(characters: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    bytes::push_hex(&Md5::digest(characters.collect::<String>()), &mut out).unwrap();
    out
}

fn all() -> impl Iterator<Item = char> {
    '\u{1}'..=char::MAX
}

#[test]
fn every_character_has_the_cases_that_the_server_gives_it() {
    assert_eq!(all().filter(|c| upper_of(*c).is_none()).count(), 55);
    assert_eq!(all().filter(|c| lower_of(*c).is_none()).count(), 55);
    // upper(chr(n)), lower(chr(n)), without those.
    assert_eq!(hash(all().filter_map(upper_of)), "e8fa9b66b68123de34f05fd114aa0068");
    assert_eq!(hash(all().filter_map(lower_of)), "0f8089a2dc56465ddcd9a55f01045243");
    for doubtful in ["\u{19b}", "\u{10d70}"] {
        let column: ArrayRef = Arc::new(StringArray::from(vec![doubtful]));
        let error = super::upper(&[column]).unwrap_err().to_string();
        assert!(error.contains(&format!("{:04X}", u32::from(doubtful.chars().next().unwrap()))), "{error}");
    }
}

#[test]
fn every_character_is_in_the_classes_that_the_server_puts_it_in() {
    // chr(n) WHERE chr(n) ~ class
    for (class, expected) in [
        (r"\w", "a752d5f4a0627ec2b4458bd2f1ced287"),
        (r"\s", "d1f59e430bd4425c56fd5f1904f4439b"),
        ("[[:alpha:]]", "380d89dcaffd62324d5c8bcfc4e27096"),
    ] {
        let class_of = regex(class, false).unwrap();
        let members = all().filter(|c| class_of.is_match(c.encode_utf8(&mut [0; 4])));
        assert_eq!(hash(members), expected, "{class}");
    }
}

#[test]
fn doubtful_patterns_are_refused_with_a_reason() {
    for (pattern, reason) in [
        (r"(a)\1", "back reference"),
        ("a(?=b)", "lookaround"),
        ("a(?!b)", "lookaround"),
        ("(?i)a", "options"),
        ("***=a", "***"),
        ("***a", "***"),
        (r"\ma", "border of a word"),
        (r"a\y", "border of a word"),
        ("[[.a.]]", "[."),
        ("[[=a=]]", "[="),
        ("[[:<:]]a", "[:<:]"),
        ("[[:upper:]]", "[:upper:]"),
        ("[[:digit:]-z]", "range"),
        (r"[\d-z]", "range"),
        ("[a-c-e]", "-"),
        ("[z-a]", "order"),
        ("[a", "balanced"),
        ("(a", "balanced"),
        ("a)", "balanced"),
        ("a{1", "balanced"),
        ("a{256}", "255"),
        ("a{2,1}", "order"),
        ("a**", "nothing to repeat"),
        ("a{1}{2}", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("$+", "nothing to repeat"),
        ("a|*", "nothing to repeat"),
        ("(*a)", "nothing to repeat"),
        ("{1}", "nothing to repeat"),
        (r"a\", "backslash"),
        (r"\q", r"\q"),
        (r"\u00E", "digits"),
        (r"\x0", "no character"),
        ("(a{200}){200}", "complex"),
    ] {
        let error = regex(pattern, false).unwrap_err();
        assert!(error.contains(reason), "{pattern}: {error}");
    }
    assert!(regex("ǅ", true).unwrap_err().contains('ǅ'));
    assert!(regex(&"(".repeat(100_000), false).is_err());
    for (pattern, reason) in [
        ("a#\"b#\"c", "separator"),
        ("a#", "escape character"),
        ("[]a]", "beginning"),
        ("[a[:digit:]]", "[ in brackets"),
        ("[[:digit:]a]", "other things"),
        ("[a#]]", "escape character in brackets"),
        ("a)", "balanced"),
        ("%*", "nothing to repeat"),
    ] {
        let error = similar(pattern, Some('#')).unwrap_err();
        assert!(error.contains(reason), "{pattern}: {error}");
    }
}

#[test]
fn errors_name_the_value_and_its_type() {
    let long = "x".repeat(50);
    let value = |text: &str| -> [ArrayRef; 1] { [Arc::new(StringArray::from(vec![text]))] };
    for (error, parts) in [
        (numerals::text_to_int4(&value("abc")), ["\"abc\"", "integer"]),
        (numerals::text_to_int2(&value("99999")), ["\"99999\" is out of range", "smallint"]),
        (numerals::text_to_int8(&value("0x1F")), ["\"0x1F\"", "some versions of PostgreSQL only"]),
        (numerals::text_to_int8(&value("1_000")), ["\"1_000\"", "some versions of PostgreSQL only"]),
        (
            numerals::text_to_float8(&value(&long)),
            ["\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...", "double"],
        ),
        (numerals::text_to_float4(&value("0x1p3")), ["\"0x1p3\"", "real"]),
        (numerals::text_to_bool(&value("maybe")), ["\"maybe\"", "boolean"]),
        (bytes::text_to_bytea(&value(r"\x4")), ["\"\\\\x4\"", "bytea"]),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn texts_of_floats_are_read_as_the_same_floats() {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        let (double, single) = (f64::from_bits(bits), f32::from_bits(u32::try_from(bits >> 32).unwrap()));
        let text = numerals::float8_to_text(&[Arc::new(Float64Array::from(vec![double]))]).unwrap();
        let back = numerals::text_to_float8(&[text]).unwrap();
        assert!(back.as_primitive::<Float64Type>().value(0) == double || double.is_nan());
        let text = numerals::float4_to_text(&[Arc::new(Float32Array::from(vec![single]))]).unwrap();
        let back = numerals::text_to_float4(&[text]).unwrap();
        assert!(back.as_primitive::<Float32Type>().value(0) == single || single.is_nan());
    }
}

#[test]
fn trailing_spaces_are_no_part_of_char() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![" a \t  ", "   "]));
    let cut = numerals::text_to_char(&[texts]).unwrap();
    assert_eq!(cut.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), [" a \t", ""]);
}
