//! `lakexpress config show`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::args::{ConfigShowArgs, InEffect, Shown, ValueOrigin};
use crate::cli::output::print;
use crate::error::{Error, Result};

/// Prints what is in effect.
pub(super) fn run(args: &ConfigShowArgs) -> Result<u8> {
    if args.export.output.json {
        let settings: Vec<Value> = args.settings.iter().map(|setting| object(setting, args.origin)).collect();
        let text = serde_json::to_string_pretty(&json!({ "settings": settings }))
            .map_err(|error| Error::internal("the settings cannot be written as JSON").caused_by(error))?;
        print(&text)?;
    } else {
        print(&text(&args.settings, args.origin))?;
    }
    Ok(0)
}

/// `key = value`, as TOML writes it.
pub(super) fn assignment(key: &str, value: &Shown) -> String {
    match value {
        Shown::Truth(truth) => format!("{key} = {truth}"),
        Shown::Number(number) => format!("{key} = {number}"),
        Shown::Text(text) => format!("{key} = {}", quoted(text)),
    }
}

/// A text as TOML writes it in one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || !crate::plain::line(c.encode_utf8(&mut [0; 4])).contains(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn text(settings: &[InEffect], with_origin: bool) -> String {
    const WIDEST: usize = 60;
    let lines: Vec<(String, String)> = settings
        .iter()
        .map(|setting| (assignment(&setting.key, &setting.value), origin(&setting.origin)))
        .collect();
    let lengths = lines.iter().map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= WIDEST).max().unwrap_or(0);
    let mut out = String::new();
    for (line, origin) in lines {
        let _ = match with_origin {
            true => writeln!(out, "{line:width$}  # {origin}"),
            false => writeln!(out, "{line}"),
        };
    }
    out
}

fn origin(origin: &ValueOrigin) -> String {
    match origin {
        ValueOrigin::Flag => "flag".into(),
        ValueOrigin::Variable(name) => name.clone(),
        ValueOrigin::File(place) => place.to_string(),
        ValueOrigin::Default => "default".into(),
    }
}

fn object(setting: &InEffect, with_origin: bool) -> Value {
    let value = match &setting.value {
        Shown::Truth(truth) => json!(truth),
        Shown::Number(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
        Shown::Text(text) => json!(text),
    };
    let mut object = json!({ "key": setting.key, "value": value });
    if !with_origin {
        return object;
    }
    match &setting.origin {
        ValueOrigin::Flag => object["origin"] = json!("flag"),
        ValueOrigin::Default => object["origin"] = json!("default"),
        ValueOrigin::Variable(name) => {
            object["origin"] = json!("environment");
            object["variable"] = json!(name);
        }
        ValueOrigin::File(place) => {
            object["origin"] = json!("file");
            object["file"] = json!(place.file);
            object["line"] = json!(place.line);
            object["column"] = json!(place.column);
        }
    }
    object
}
