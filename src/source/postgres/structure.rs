//! What locks do not hold: a lock of a table keeps neither others from attaching partitions to it, nor from altering
//! the composite types of its columns. Both are looked for instead.

use super::columns::number;
use super::facts::TableFacts;
use crate::catalog::{TableInfo, TableKind, TableRef};
use crate::client::postgres::{Connection, literal};
use crate::error::{Code, Error, Result};
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

/// An error if rows of `table` may have been read as of another type than `view` has. `locks` sees what is committed by
/// now. (Tables attached since the view are not read: statements name the relations that the view had.)
pub(super) async fn unchanged(
    locks: &mut Connection,
    view: &mut Connection,
    table: &TableInfo,
) -> Result<()> {
    let name = &table.table;
    if holds_composites(table) && attributes(locks, name).await? != attributes(view, name).await? {
        return Err(altered());
    }
    let facts = TableFacts::of(table)?;
    if facts.by_columns && (facts.relations.len() > 1 || table.kind == TableKind::Partitioned) {
        attached(locks, &table.table, facts.relations).await?;
    }
    Ok(())
}

/// Whether the table is made of the relations that it was made of. Only for those that cannot be read by relation:
/// others are read from the view's relations, whatever was attached since. None can be detached while the table is
/// locked.
async fn attached(locks: &mut Connection, table: &TableRef, mut then: Vec<u32>) -> Result<()> {
    let sql = format!(
        "WITH RECURSIVE tree(oid) AS ( \
           SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
           WHERE n.nspname = {} AND c.relname = {} \
         UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent) \
         SELECT oid FROM tree",
        literal(&table.schema),
        literal(&table.name)
    );
    let rows = locks.query(&sql).await?;
    let mut now: Vec<u32> = rows.iter().map(|row| number(row.required(0)?)).collect::<Result<_>>()?;
    now.sort_unstable();
    then.sort_unstable();
    match now == then {
        true => Ok(()),
        false => Err(Error::data("a table was attached to this one while it was exported")
            .coded(Code::TableChanged).hint(format!(
            "run again, or GRANT SELECT ON {} TO the user that exports: with a right to the table and not only to its \
             columns, rows are read from the relations that there were",
            table
        ))),
    }
}

/// Every attribute of every composite type in the columns of `table`, as the connection's transaction sees them.
pub(super) async fn attributes(connection: &mut Connection, table: &TableRef) -> Result<Vec<String>> {
    let sql = include_str!("composites.sql")
        .replace("{schema}", &literal(&table.schema))
        .replace("{name}", &literal(&table.name));
    let rows = connection.query(&sql).await?;
    rows.iter().map(|row| row.required(0).map(str::to_owned)).collect()
}

/// The error for a composite type that is not as the view has it.
pub(super) fn altered() -> Error {
    Error::data("the composite type of a column was altered while the table was exported")
        .coded(Code::TableChanged)
        .hint("run again")
}

/// Whether a column of the table holds values of a composite type.
pub(super) fn holds_composites(table: &TableInfo) -> bool {
    table.columns.iter().any(|column| holds_struct(column.field.data_type()))
}

fn holds_struct(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) => true,
        DataType::List(element) => holds_struct(element.data_type()),
        _ => false,
    }
}
