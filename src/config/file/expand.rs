//! `${VAR}` and `$env{VAR}` in the texts of a file, as in the auth file.

use super::node::{Node, Table, Value, path_of};
use super::problem::Problem;
use crate::config::auth::interpolate::{Environment, replace};

/// Replaces variables in every text of `table`, whose path is `path`.
pub(super) fn expand(table: &mut Table, path: &str, environment: Environment, problems: &mut Vec<Problem>) {
    for (key, node) in table {
        expand_node(node, &path_of(path, &key.name), environment, problems);
    }
}

fn expand_node(node: &mut Node, path: &str, environment: Environment, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Text(text) if text.written.contains('$') => {
            let mut missing = Vec::new();
            text.text = replace(&text.written, path, environment, &mut missing);
            for message in missing {
                let message = message.strip_prefix(path).unwrap_or(&message).trim_start_matches(": ");
                problems.push(
                    Problem::error(&node.place, path, message)
                        .hint("set it, or write the value into the file"),
                );
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                expand_node(item, &format!("{path}[{at}]"), environment, problems);
            }
        }
        Value::Table(table) => expand(table, path, environment, problems),
        _ => {}
    }
}
