//! Primary and foreign keys, as the schema declares them.

use rusqlite::{Connection, OptionalExtension, params};

use crate::catalog::{ForeignKey, PrimaryKey, TableRef};

/// A foreign key as it is written.
struct Declared {
    table: String,
    from: Vec<Option<String>>,
    /// None for the primary key of the table.
    to: Vec<Option<String>>,
}

/// The primary key of `table`.
pub(super) fn primary(connection: &Connection, table: &TableRef) -> rusqlite::Result<Option<PrimaryKey>> {
    let columns = primary_columns(connection, table)?;
    Ok((!columns.is_empty()).then_some(PrimaryKey { columns, of_all_rows: true }))
}

/// The foreign keys of `table`. Names are those of the tables and columns that they mean: a REFERENCES clause may write
/// them in other case, and may leave the columns out. One that means nothing that is there is left out.
pub(super) fn foreign(connection: &Connection, table: &TableRef) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, ?2) ORDER BY id DESC, seq",
    )?;
    let rows = statement.query_map(params![table.name, table.schema], |row| {
        let id: i64 = row.get(0)?;
        Ok((id, Declared { table: row.get(1)?, from: vec![Some(row.get(2)?)], to: vec![row.get(3)?] }))
    })?;
    let mut declared: Vec<(i64, Declared)> = Vec::new();
    for row in rows {
        let (id, mut next) = row?;
        match declared.last_mut() {
            Some((last, key)) if *last == id => {
                key.from.append(&mut next.from);
                key.to.append(&mut next.to);
            }
            _ => declared.push((id, next)),
        }
    }
    let mut foreign = Vec::new();
    for (_, Declared { table: other, from, to }) in declared {
        let Some(other) = relation(connection, &table.schema, &other)? else { continue };
        let columns = columns(connection, table, from.into_iter())?;
        let references = match to.iter().all(Option::is_none) {
            true => primary_columns(connection, &other)?,
            false => self::columns(connection, &other, to.into_iter())?.unwrap_or_default(),
        };
        if let Some(columns) = columns.filter(|columns| columns.len() == references.len()) {
            foreign.push(ForeignKey { name: None, columns, table: other, references });
        }
    }
    Ok(foreign)
}

/// In the key's order.
fn primary_columns(connection: &Connection, table: &TableRef) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1, ?2) WHERE pk > 0 ORDER BY pk";
    let mut statement = connection.prepare(sql)?;
    statement.query_map(params![table.name, table.schema], |row| row.get(0))?.collect()
}

/// The table that is called so, in any case.
fn relation(connection: &Connection, schema: &str, name: &str) -> rusqlite::Result<Option<TableRef>> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = ?1 AND name = ?2 COLLATE NOCASE";
    let name: Option<String> =
        connection.query_row(sql, params![schema, name], |row| row.get(0)).optional()?;
    Ok(name.map(|name| TableRef { schema: schema.to_owned(), name }))
}

/// The columns that are called so, in any case; none if one of them is not there.
fn columns(
    connection: &Connection,
    table: &TableRef,
    names: impl Iterator<Item = Option<String>>,
) -> rusqlite::Result<Option<Vec<String>>> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1, ?2) WHERE name = ?3 COLLATE NOCASE";
    let mut statement = connection.prepare(sql)?;
    let mut found = Vec::new();
    for name in names {
        let column: Option<String> =
            statement.query_row(params![table.name, table.schema, name], |row| row.get(0)).optional()?;
        match column {
            Some(column) => found.push(column),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}
