//! What locks do not hold: a lock of a table keeps neither others from attaching partitions to it, nor from altering
//! the composite types of its columns. Both are looked for instead.

use super::dialect::literal;
use super::wire::Connection;
use crate::catalog::{TableInfo, TableRef};
use crate::error::{Error, Result};
use arrow_schema::DataType;

/// Those of `tables` below which there is a table that `locks` does not hold: it was attached after they were locked.
pub(super) async fn half_locked(locks: &mut Connection, tables: &[TableRef]) -> Result<Vec<TableRef>> {
    let mut found = Vec::new();
    for row in locks.query(include_str!("half_locked.sql")).await? {
        let table = TableRef { schema: row.required(0)?.to_owned(), name: row.required(1)?.to_owned() };
        if tables.contains(&table) {
            found.push(table);
        }
    }
    Ok(found)
}

/// An error if rows of `table` may have been read that it did not have in `view`, or as of another type. `locks` sees
/// what is committed by now.
pub(super) async fn unchanged(
    locks: &mut Connection,
    view: &mut Connection,
    table: &TableInfo,
) -> Result<()> {
    attached(locks, view, table).await?;
    if table.columns.iter().any(|column| holds_struct(column.field.data_type())) {
        altered(locks, view, table).await?;
    }
    Ok(())
}

/// Statements plan with the partitions that there are, and not with those of their snapshot. One that was made after
/// the snapshot has no rows in it; one that was there as a table of its own has.
async fn attached(locks: &mut Connection, view: &mut Connection, table: &TableInfo) -> Result<()> {
    if table.relations.is_empty() {
        return Ok(());
    }
    let known = table.relations.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let now = locks
        .query(&format!(
            "SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent IN ({known}) AND inhrelid NOT IN ({known})"
        ))
        .await?;
    let Some(first) = now.first() else { return Ok(()) };
    let mut added = first.required(0)?.to_owned();
    for row in &now[1..] {
        added = format!("{added}, {}", row.required(0)?);
    }
    let named = "SELECT oid::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_class WHERE oid IN";
    match view.query(&format!("{named} ({added})")).await?.first() {
        Some(row) => Err(Error::data(format!(
            "{} was attached to the table while it was exported, and some of its rows may have been read",
            row.get(0).unwrap_or("a partition")
        ))
        .hint("run again")),
        None => Ok(()),
    }
}

/// Every attribute of every composite type in the table's columns, as of now and as of the view.
async fn altered(locks: &mut Connection, view: &mut Connection, table: &TableInfo) -> Result<()> {
    let sql = include_str!("composites.sql")
        .replace("{schema}", &literal(&table.table.schema))
        .replace("{name}", &literal(&table.table.name));
    let (now, then) = (locks.query(&sql).await?, view.query(&sql).await?);
    let text = |rows: &[super::wire::Row]| -> Result<Vec<String>> {
        rows.iter().map(|row| row.required(0).map(str::to_owned)).collect()
    };
    match text(&now)? == text(&then)? {
        true => Ok(()),
        false => Err(Error::data("the composite type of a column was altered while the table was exported")
            .hint("run again")),
    }
}

fn holds_struct(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) => true,
        DataType::List(element) => holds_struct(element.data_type()),
        _ => false,
    }
}
