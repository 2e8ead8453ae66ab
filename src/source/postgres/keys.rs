//! Primary and foreign keys, as the catalog has them.

use serde::Deserialize;

use crate::catalog::{ForeignKey, PrimaryKey, TableRef};
use crate::error::{Error, Result};

/// A scalar expression over relation `c`: its keys as JSON, NULL without any.
pub(super) const SQL: &str = include_str!("keys.sql");

#[derive(Deserialize)]
struct Constraint {
    kind: char,
    name: String,
    columns: Vec<String>,
    of_all_rows: bool,
    schema: Option<String>,
    table: Option<String>,
    references: Option<Vec<String>>,
}

/// The keys of a table.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) primary: Option<PrimaryKey>,
    /// Those that hold for every row that is read.
    pub(super) foreign: Vec<ForeignKey>,
}

/// The value of [`SQL`].
pub(super) fn parse(json: &str) -> Result<Declared> {
    let constraints: Vec<Constraint> = serde_json::from_str(json)
        .map_err(|error| Error::internal("the catalog returned keys that are not JSON").caused_by(error))?;
    let mut keys = Declared::default();
    for constraint in constraints {
        let Constraint { kind, name, columns, of_all_rows, schema, table, references } = constraint;
        match (kind, schema, table, references) {
            ('f', Some(schema), Some(other), Some(references)) if of_all_rows => {
                let table = TableRef { schema, name: other };
                keys.foreign.push(ForeignKey { name: Some(name), columns, table, references });
            }
            ('p', ..) => keys.primary = Some(PrimaryKey { columns, of_all_rows }),
            _ => {}
        }
    }
    Ok(keys)
}
