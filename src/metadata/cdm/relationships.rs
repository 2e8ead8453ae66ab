//! Foreign keys as relationships between entities.
//!
//! A relationship joins one attribute to one: a key of several columns is as many relationships of one name. It is
//! written when both tables and all columns of the key were exported. A path of the Common Data Model cannot lead
//! upwards, so those between two schemas are in the manifest above both.

use std::collections::HashMap;

use super::document::Relationship;
use super::entities_file;
use crate::catalog::{ForeignKey, TableRef};
use crate::manifest::Manifest;
use crate::spec::layout;

/// All relationships of a run's tables.
pub(super) struct Relationships<'a> {
    keys: Vec<(&'a Manifest, &'a ForeignKey, &'a Manifest)>,
    entity_files: bool,
}

impl<'a> Relationships<'a> {
    pub(super) fn of(tables: &'a [Manifest], entity_files: bool) -> Self {
        let by_name: HashMap<&TableRef, &Manifest> = tables.iter().map(|m| (&m.table, m)).collect();
        let keys = tables.iter().flat_map(|from| from.keys.foreign.iter().map(move |key| (from, key)));
        let keys = keys.filter_map(|(from, key)| {
            let to = by_name.get(&key.table)?;
            let whole = key.columns.len() == key.references.len()
                && has_all(from, &key.columns)
                && has_all(to, &key.references);
            whole.then_some((from, key, *to))
        });
        Self { keys: keys.collect(), entity_files }
    }

    /// Those of one schema, as its own manifest names them.
    pub(super) fn within(&self, schema: &str) -> Vec<Relationship> {
        let keys =
            self.keys.iter().filter(|(from, _, to)| from.table.schema == schema && to.table.schema == schema);
        keys.flat_map(|(from, key, to)| pairs(key, &self.path(from), &self.path(to), from)).collect()
    }

    /// Those between two schemas, as the database's manifest names them.
    pub(super) fn between(&self) -> Vec<Relationship> {
        let keys = self.keys.iter().filter(|(from, _, to)| from.table.schema != to.table.schema);
        let below =
            |table: &Manifest| format!("{}/{}", layout::escape(&table.table.schema), self.path(table));
        keys.flat_map(|(from, key, to)| pairs(key, &below(from), &below(to), from)).collect()
    }

    /// The entity's path from its schema's directory.
    fn path(&self, table: &Manifest) -> String {
        format!("{}/{}", entities_file(table, self.entity_files), layout::escape(&table.table.name))
    }
}

/// Whether the files have every one of these columns of the source.
fn has_all(table: &Manifest, columns: &[String]) -> bool {
    columns.iter().all(|name| table.columns.iter().any(|c| c.name == *name && c.source_type.is_some()))
}

fn pairs(key: &ForeignKey, from: &str, to: &str, table: &Manifest) -> Vec<Relationship> {
    let name = match &key.name {
        Some(name) => name.clone(),
        None => format!("{}_{}_fkey", table.table.name, key.columns.join("_")),
    };
    let pairs = key.columns.iter().zip(&key.references);
    pairs
        .map(|(column, reference)| Relationship {
            name: name.clone(),
            from_entity: from.to_owned(),
            from_entity_attribute: column.clone(),
            to_entity: to.to_owned(),
            to_entity_attribute: reference.clone(),
        })
        .collect()
}
