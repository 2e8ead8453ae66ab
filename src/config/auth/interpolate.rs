//! `${VAR}` and `$env{VAR}` in any string of an auth entry.
//!
//! | text | with `A=1` |
//! |---|---|
//! | `${A}`, `$env{A}` | `1` |
//! | `x-${A}-${A}` | `x-1-1` |
//! | `${A`, `${}`, `${a b}`, `$A` | unchanged |
//!
//! What a variable holds is not looked at again.

use std::env::VarError;

use serde_json::Value;

/// How a variable is looked up; the process environment, except in tests.
pub(in crate::config) type Environment = fn(&str) -> Result<String, VarError>;

/// Replaces in every string below `value`. What cannot be replaced goes to `problems` with its path.
pub(super) fn interpolate(
    value: &mut Value,
    path: &str,
    environment: Environment,
    problems: &mut Vec<String>,
) {
    match value {
        Value::String(text) => {
            if text.contains('$') {
                *text = replace(text, path, environment, problems);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                interpolate(item, &format!("{path}[{i}]"), environment, problems);
            }
        }
        Value::Object(pairs) => {
            for (key, item) in pairs.iter_mut() {
                interpolate(item, &format!("{path}.{key}"), environment, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `text` with the values of its variables. What cannot be replaced goes to `problems` with `path` before it.
pub(in crate::config) fn replace(
    text: &str,
    path: &str,
    environment: Environment,
    problems: &mut Vec<String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        let Some((name, width)) = reference(rest) else {
            out.push('$');
            rest = &rest[1..];
            continue;
        };
        match environment(name) {
            Ok(value) => out.push_str(&value),
            Err(VarError::NotPresent) => {
                problems.push(format!("{path}: environment variable {name} is not set"));
            }
            Err(VarError::NotUnicode(_)) => {
                problems.push(format!("{path}: environment variable {name} is not valid UTF-8"));
            }
        }
        rest = &rest[width..];
    }
    out.push_str(rest);
    out
}

/// The variable that `text` begins with a reference to, and the width of the reference in bytes.
fn reference(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("${").or_else(|| text.strip_prefix("$env{"))?;
    let name = &inner[..inner.find('}')?];
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then(|| (name, text.len() - inner.len() + name.len() + 1))
}
