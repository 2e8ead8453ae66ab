//! The fields of composite types, which whoever made the types decides about: a bound on their depth and number.

use std::collections::{BTreeSet, HashMap};

use super::column::{PgColumn, dimensions};
use super::columns::{COLUMNS_RELATION, columns_sql, number, pg_column};
use crate::client::postgres::{Connection, Row};
use crate::error::{Code, Error, Result};

/// How deep types may be nested: composite types in composite types, each dimension of an array a level too. Readers of
/// JSON take 128 levels, of which a composite type is four; and whatever recurses over a schema has a stack of 2 MiB.
const MAX_DEPTH: usize = 24;

/// Columns that one table may have, with each field of its composite types counted as often as it occurs.
const MAX_LEAVES: usize = 10_000;

/// Composite types that are asked about at once: what the server sorts for an answer is bounded too.
const ASKED_AT_ONCE: usize = 100;

/// Places in an answer to `columns.sql`: kind and relation of the type, and of an array's elements.
const OWN: (usize, usize) = (6, 19);
const ELEMENT: (usize, usize) = (15, 20);
const ELEMENT_OID: usize = 13;

/// The composite types of one table, each asked about once.
#[derive(Default)]
pub(super) struct Composites {
    /// Rows of `columns.sql`, by the relation of the type.
    known: HashMap<String, Vec<Row>>,
    /// Leaves of the columns so far.
    leaves: usize,
}

impl Composites {
    /// Describes one column of a table. One that travels as text needs no fields.
    pub(super) async fn column(
        &mut self,
        view: &mut Connection,
        row: &Row,
        as_text: bool,
    ) -> Result<PgColumn> {
        if as_text {
            self.leaves += 1;
            return pg_column(row, Vec::new(), Vec::new());
        }
        self.ask(view, row).await?;
        build(&self.known, &mut self.leaves, row, 0)
    }

    /// Asks about all types that the column of `row` leads to, level by level.
    async fn ask(&mut self, view: &mut Connection, row: &Row) -> Result<()> {
        let mut level = self.unknown(std::slice::from_ref(row))?;
        let mut depth = 0;
        let mut fields = 0;
        while !level.is_empty() {
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(too_deep());
            }
            let mut next = BTreeSet::new();
            let relations: Vec<String> = level.into_iter().collect();
            for asked in relations.chunks(ASKED_AT_ONCE) {
                // One more than there may be.
                let limit = MAX_LEAVES.saturating_sub(fields) + 1;
                let sql = format!("{} LIMIT {limit}", columns_sql(&asked.join(", ")));
                let rows = view.query(&sql).await?;
                fields += rows.len();
                if fields > MAX_LEAVES {
                    return Err(too_many());
                }
                for relation in asked {
                    self.known.insert(relation.clone(), Vec::new());
                }
                next.extend(self.unknown(&rows)?);
                for row in rows {
                    if let Some(known) = self.known.get_mut(row.required(COLUMNS_RELATION)?) {
                        known.push(row);
                    }
                }
            }
            next.retain(|relation| !self.known.contains_key(relation));
            level = next;
        }
        Ok(())
    }

    /// Relations of composite types of these columns, about which nothing was asked yet.
    fn unknown(&self, rows: &[Row]) -> Result<BTreeSet<String>> {
        let mut unknown = BTreeSet::new();
        for row in rows {
            for place in [OWN, ELEMENT] {
                if let Some(relation) = relation(row, place)?
                    && !self.known.contains_key(relation)
                {
                    unknown.insert(relation.to_owned());
                }
            }
        }
        Ok(unknown)
    }
}

/// The relation that has the fields, if the type at `place` of a row is composite.
fn relation(row: &Row, (kind, relation): (usize, usize)) -> Result<Option<&str>> {
    if row.get(kind) == Some("c") { row.required(relation).map(Some) } else { Ok(None) }
}

/// A column with all that is in it, `depth` levels down. Recurses [`MAX_DEPTH`] levels at most.
fn build(known: &HashMap<String, Vec<Row>>, leaves: &mut usize, row: &Row, depth: usize) -> Result<PgColumn> {
    let dimensions = if row.get(ELEMENT_OID).is_some() { dimensions(number(row.required(9)?)?) } else { 0 };
    let depth = depth + dimensions;
    let mut fields_at = |place: (usize, usize)| -> Result<Vec<PgColumn>> {
        let Some(rows) = relation(row, place)?.and_then(|relation| known.get(relation)) else {
            return Ok(Vec::new());
        };
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        rows.iter().map(|row| build(known, leaves, row, depth + 1)).collect()
    };
    let (fields, elements) = (fields_at(OWN)?, fields_at(ELEMENT)?);
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    if fields.is_empty() && elements.is_empty() {
        *leaves += 1;
        // A table cannot have as many columns: they are inside of types.
        if *leaves > MAX_LEAVES {
            return Err(too_many());
        }
    }
    pg_column(row, fields, elements)
}

fn too_deep() -> Error {
    Error::data(format!("composite types and arrays are nested more than {MAX_DEPTH} levels deep"))
        .coded(Code::UnsupportedType)
}

fn too_many() -> Error {
    Error::data(format!("the table has more than {MAX_LEAVES} columns, with the fields of composite types"))
        .coded(Code::UnsupportedType)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_documentation() {
        let text = include_str!("../../../docs/types.md");
        assert!(text.contains(&format!("{MAX_DEPTH} levels")), "{MAX_DEPTH}");
        assert!(text.contains("10,000 columns") && MAX_LEAVES == 10_000, "{MAX_LEAVES}");
    }
}
