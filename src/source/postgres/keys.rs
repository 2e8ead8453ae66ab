//! Primary and foreign keys, as the catalog has them.

use serde::Deserialize;

use crate::catalog::{ForeignKey, Keys, TableRef};
use crate::error::{Error, Result};

/// A scalar expression over relation `c`: its keys as JSON, NULL without any.
pub(super) const SQL: &str = include_str!("keys.sql");

#[derive(Deserialize)]
struct Constraint {
    kind: char,
    name: String,
    columns: Vec<String>,
    schema: Option<String>,
    table: Option<String>,
    references: Option<Vec<String>>,
}

/// The value of [`SQL`].
pub(super) fn parse(json: &str) -> Result<Keys> {
    let constraints: Vec<Constraint> = serde_json::from_str(json)
        .map_err(|error| Error::internal("the catalog returned keys that are not JSON").caused_by(error))?;
    let mut keys = Keys::default();
    for constraint in constraints {
        match (constraint.kind, constraint.schema, constraint.table, constraint.references) {
            ('f', Some(schema), Some(name), Some(references)) => keys.foreign.push(ForeignKey {
                name: Some(constraint.name),
                columns: constraint.columns,
                table: TableRef { schema, name },
                references,
            }),
            ('p', ..) => keys.primary = constraint.columns,
            _ => {}
        }
    }
    Ok(keys)
}
