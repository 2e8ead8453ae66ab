//! SQL of the user's that SQLite evaluates: what it is, and what its columns are.
//!
//! It is prepared alone first: then its own parentheses are balanced (`source/kit/user_sql.rs` puts others around it),
//! and SQLite's positions are those of the user's text.

use rusqlite::{Connection, OptionalExtension};

use super::column::{self, StorageClass};
use super::connect::failed;
use super::dialect::{SqliteDialect, ident};
use crate::catalog::{ColumnInfo, SourceSql, TableInfo, TableRef};
use crate::client::sqlite::SqliteConfig;
use crate::error::{Code, Error, Result};
use crate::source::Dialect;
use crate::source::kit::choice::cast_to_text;
use crate::source::kit::user_sql::{ONE_ROW_EACH, at_place, condition, derived, distinct};
use crate::spec::TypePolicy;

const FORMS: &str = "give one SELECT, WITH or VALUES, without a semicolon";

/// What stands behind FROM to read `table`.
pub(super) fn relation(table: &TableInfo) -> String {
    let name = SqliteDialect.table(&table.table);
    match (table.reading.query(), table.reading.list(), table.reading.condition()) {
        (Some(sql), ..) => derived(sql),
        (_, Some(list), None) => derived(&format!("SELECT\n{list}\nFROM {name}")),
        (_, Some(list), Some(rows)) => {
            derived(&format!("SELECT\n{list}\nFROM {name} WHERE {}", condition(rows)))
        }
        (None, None, _) => name,
    }
}

/// `table` with the rows and columns that `sql` gives of it.
pub(super) fn shaped(
    config: &SqliteConfig,
    connection: &Connection,
    mut table: TableInfo,
    sql: &SourceSql,
    policy: &TypePolicy,
) -> Result<TableInfo> {
    let name = SqliteDialect.table(&table.table);
    let check = |sql: &str, before: &str, after: &str| {
        let prepared = connection.prepare(&format!("{before}{sql}{after}"));
        prepared.map(drop).map_err(|error| refused(config, error, sql, before.len()))
    };
    if let Some(rows) = &sql.condition {
        let flag = |error: Error| error.with("flag", "--source-where");
        check(rows, &format!("SELECT 1 FROM {name} WHERE\n"), "\n").map_err(flag)?;
        let within = check(rows, &format!("SELECT 1 FROM {name} WHERE (\n"), "\n)");
        within.map_err(|error| flag(error).hint("give one condition"))?;
    }
    table.reading.sql = Some(sql.clone());
    if let Some(list) = &sql.columns {
        let flag = |error: Error| error.with("flag", "--source-columns");
        check(list, "SELECT\n", &format!("\nFROM {name}")).map_err(flag)?;
        apart(connection, &name, list, &table).map_err(flag)?;
        let from = relation(&table);
        table.columns = columns(config, connection, &from, &table.table, policy).map_err(flag)?;
        // What is computed may be called as a key is, and rows of it have no place.
        table.primary_key = None;
        table.range_key = None;
        table.blocks.clear();
        table.foreign_keys.clear();
    }
    Ok(table)
}

/// Refuses a list that does not give one row for each row of the table.
fn apart(connection: &Connection, name: &str, list: &str, table: &TableInfo) -> Result<()> {
    let refused =
        || Error::usage("the list is no list of columns").coded(Code::SourceSqlRefused).hint(ONE_ROW_EACH);
    let Some(column) = table.columns.first() else { return Ok(()) };
    let column = format!("{name}.{}", ident(column.name()));
    // With a column before it and two behind it no DISTINCT or UNION fits between.
    let within = format!("SELECT {column},\n{list}\n, {column}, {column} FROM {name}");
    connection.prepare(&within).map_err(|_| refused())?;
    // An aggregate gives a row where there is none.
    let none = format!("SELECT 1 FROM (SELECT\n{list}\nFROM {name} WHERE 0)");
    let mut rows = connection.prepare(&none).map_err(|_| refused())?;
    match rows.exists([]) {
        Ok(false) => Ok(()),
        _ => Err(refused()),
    }
}

/// Describes the result of the query `sql`, exported as `name`.
pub(super) fn query(
    config: &SqliteConfig,
    connection: &Connection,
    (name, sql): (&TableRef, &str),
    policy: &TypePolicy,
) -> Result<TableInfo> {
    connection.prepare(sql).map_err(|error| refused(config, error, sql, 0))?;
    let (before, from) = ("SELECT * FROM (\n", derived(sql));
    connection
        .prepare(&format!("SELECT * FROM {from}"))
        .map_err(|error| refused(config, error, sql, before.len()).hint(FORMS))?;
    let columns = columns(config, connection, &from, name, policy)?;
    Ok(TableInfo::of_query(name, sql, columns, (0, 0)))
}

/// What becomes of the columns that `from` gives.
fn columns(
    config: &SqliteConfig,
    connection: &Connection,
    from: &str,
    name: &TableRef,
    policy: &TypePolicy,
) -> Result<Vec<ColumnInfo>> {
    let statement =
        connection.prepare(&format!("SELECT * FROM {from}")).map_err(|error| failed(config, error))?;
    let described: Vec<(String, String)> = statement
        .columns()
        .map(|c| (c.name().to_owned(), c.decl_type().unwrap_or_default().to_owned()))
        .collect();
    // SQLite does not tell letters of either case apart in names.
    distinct(described.iter().map(|(name, _)| name.as_str()), str::to_ascii_lowercase)?;
    let is_cast = cast_to_text(policy, name);
    let mut columns = Vec::with_capacity(described.len());
    for (ordinal, (column, declared)) in (0..).zip(&described) {
        let cast = is_cast(column);
        let untyped = column::needs_first_value(declared, false);
        let first_class = match untyped && !cast {
            true => first_class(connection, from, column).map_err(|error| failed(config, error))?,
            false => None,
        };
        let asked = column::Column {
            name: column,
            ordinal,
            declared,
            never_null: false,
            enforced: false,
            binary_collation: false,
            untyped,
            first_class,
        };
        let choice = column::choose(&asked, policy, cast);
        columns.push(choice.into_column(declared)?);
    }
    Ok(columns)
}

/// The storage class of the first value that is not NULL.
fn first_class(connection: &Connection, from: &str, column: &str) -> rusqlite::Result<Option<StorageClass>> {
    let column = ident(column);
    let sql = format!("SELECT typeof({column}) FROM {from} WHERE {column} IS NOT NULL LIMIT 1");
    let class: Option<String> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
    Ok(class.as_deref().and_then(StorageClass::parse))
}

/// What SQLite says about the user's `sql`, which `before` bytes come before in the statement, with its place.
fn refused(config: &SqliteConfig, error: rusqlite::Error, sql: &str, before: usize) -> Error {
    match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let refused =
                Error::usage(format!("SQLite refuses the SQL: {msg}")).coded(Code::SourceSqlRefused);
            let at = usize::try_from(offset).ok().and_then(|at| at.checked_sub(before));
            match at.and_then(|at| sql.get(..at)) {
                Some(before) => at_place(refused, before),
                None => refused,
            }
        }
        rusqlite::Error::MultipleStatement => {
            Error::usage("more than one statement").coded(Code::SourceSqlRefused).hint(FORMS)
        }
        other => failed(config, other),
    }
}
