//! `lakexpress config schema`: a JSON Schema of configuration files, made from clap's grammar.

use serde_json::{Map, Value, json};

use super::keys::{CUTTING, Key, Keys, Kind, Shape, TABLES};
use crate::cli::args::ConfigSchemaArgs;
use crate::cli::output::print;
use crate::config::file::INCLUDE;
use crate::error::{Error, Result};

/// Prints the schema.
pub(super) fn run(_args: &ConfigSchemaArgs) -> Result<u8> {
    print(&text()?)?;
    Ok(0)
}

/// The schema as it is stored in `docs/schemas`.
pub(super) fn text() -> Result<String> {
    let keys = Keys::new();
    let mut properties = Map::new();
    properties.insert(
        INCLUDE.into(),
        json!({
            "description": "Files whose keys count where this one has none, relative to it. Of two the later one counts.",
            "type": "array", "items": { "type": "string" },
        }),
    );
    let mut of_sections = Map::new();
    for key in keys.iter() {
        properties.insert(key.name.clone(), of_key(key));
        if let Some(shape) = key.shape {
            of_sections.insert(key.name.clone(), of_section(key, shape));
        }
    }
    for (name, description, of) in [
        (CUTTING[0], "How the tables are cut: a method of --table-config.", json!("string")),
        (CUTTING[1], "The key that the method cuts by: a column or an expression.", json!("string")),
        (CUTTING[2], "Readers of each of the tables.", json!(["integer", "string"])),
    ] {
        of_sections.insert(name.into(), json!({ "description": description, "type": of }));
    }
    properties.insert(
        TABLES.into(),
        json!({
            "description": "Settings by pattern: schema.table or a table's name, with % and _ of LIKE.",
            "type": "object",
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/section" }, { "type": "null" }] },
        }),
    );
    let section = json!({
        "type": "object",
        "patternProperties": spellings(&of_sections, "#/$defs/section/properties/"),
        "properties": of_sections,
        "additionalProperties": false,
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lakexpress configuration file (TOML or YAML)",
        "type": "object",
        "patternProperties": spellings(&properties, "#/properties/"),
        "properties": properties,
        "additionalProperties": false,
        "$defs": { "section": section },
    });
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Error::internal("the schema cannot be written as JSON").caused_by(error))?;
    Ok(text + "\n")
}

/// Keys with underscores.
fn spellings(properties: &Map<String, Value>, path: &str) -> Value {
    let with_hyphens = properties.keys().filter(|name| name.contains('-'));
    let pairs = with_hyphens.map(|name| {
        let other = format!("^{}$", name.replace('-', "_"));
        (other, json!({ "$ref": format!("{path}{name}") }))
    });
    Value::Object(pairs.collect())
}

fn description(key: &Key) -> String {
    key.arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn of_key(key: &Key) -> Value {
    let words: Vec<String> = match key.kind {
        Kind::Text => key.arg.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut schema = match key.kind {
        Kind::Switch => json!({ "type": ["boolean", "string"] }),
        Kind::Number => json!({ "type": ["number", "string"] }),
        Kind::Share => json!({ "type": ["boolean", "number", "string"] }),
        Kind::List => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Text if words.is_empty() => json!({ "type": "string" }),
        // A variable may hold the word.
        Kind::Text => {
            json!({ "type": "string", "anyOf": [{ "enum": words }, { "pattern": "\\$(env)?\\{" }] })
        }
    };
    schema["description"] = json!(description(key));
    let default = key.arg.get_default_values().first().and_then(|value| value.to_str());
    if let Some(default) = default.filter(|_| key.kind != Kind::Switch) {
        schema["default"] = match key.kind {
            Kind::Number => serde_json::from_str(default).unwrap_or_else(|_| json!(default)),
            _ => json!(default),
        };
    } else if key.kind == Kind::Switch {
        schema["default"] = json!(false);
    }
    schema["x-commands"] = json!(key.commands);
    schema
}

fn of_section(key: &Key, shape: Shape) -> Value {
    let mut schema = match shape {
        Shape::Condition => json!({ "type": "string" }),
        Shape::Items => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Shape::Columns => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    };
    schema["description"] = json!(format!("Of --{}, without the table: {}", key.name, description(key)));
    schema
}
