//! SQL of the user's that the server evaluates: what it is, and what its columns are.
//!
//! It is prepared alone first: then its own parentheses are balanced (`source/kit/user_sql.rs` puts others around it).

use super::ask::{ask, ask_one};
use super::column::{self, Characters, Declared};
use super::words::refuse_locking_reads;
use crate::catalog::{ColumnInfo, SourceSql, TableInfo, TableRef};
use crate::client::mysql::{Connection, code, ident};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::source::kit::choice::cast_to_text;
use crate::source::kit::user_sql::{ONE_ROW_EACH, condition, derived, distinct};
use crate::spec::TypePolicy;

const FORMS: &str = "give one SELECT, WITH, TABLE or VALUES, without a semicolon";

/// The quoted name of a table.
pub(super) fn name(table: &TableRef) -> String {
    format!("{}.{}", ident(&table.schema), ident(&table.name))
}

/// `table` with the rows and columns that `sql` gives of it.
pub(super) async fn shaped(
    connection: &mut Connection,
    mut table: TableInfo,
    sql: &SourceSql,
    policy: &TypePolicy,
) -> Result<TableInfo> {
    let name = name(&table.table);
    if let Some(rows) = &sql.condition {
        let flag = |error: Error| error.with("flag", "--source-where");
        check(connection, &format!("SELECT 1 FROM {name} WHERE\n{rows}\n")).await.map_err(flag)?;
        let within = check(connection, &format!("SELECT 1 FROM {name} WHERE {}", condition(rows))).await;
        within.map_err(|error| flag(error).hint("give one condition"))?;
    }
    table.reading.sql = Some(sql.clone());
    if let Some(list) = &sql.columns {
        let flag = |error: Error| error.with("flag", "--source-columns");
        check(connection, &format!("SELECT\n{list}\nFROM {name}")).await.map_err(flag)?;
        apart(connection, &name, list, &table).await.map_err(flag)?;
        let from = derived(&format!("SELECT\n{list}\nFROM {name}"));
        let computed = columns(connection, &from, &table.table, policy).await.map_err(flag)?;
        table.reading.stored_columns = std::mem::replace(&mut table.columns, computed);
        // What is computed may be called as a key is, and rows of it have no place.
        table.primary_key = None;
        table.range_key = None;
        table.foreign_keys.clear();
        table.leaves.clear();
    }
    Ok(table)
}

/// Refuses a list that does not give one row for each row of the table.
async fn apart(connection: &mut Connection, name: &str, list: &str, table: &TableInfo) -> Result<()> {
    let refused = |error: Error| {
        Error::usage("the list is no list of columns")
            .coded(Code::SourceSqlRefused)
            .caused_by(error)
            .hint(ONE_ROW_EACH)
    };
    let Some(column) = table.columns.first() else { return Ok(()) };
    let column = format!("{name}.{}", ident(column.name()));
    // With a column before it and two behind it no DISTINCT or UNION fits between.
    let within = format!("SELECT {column},\n{list}\n, {column}, {column} FROM {name}");
    check(connection, &within).await.map_err(refused)?;
    // An aggregate gives a row where there is none.
    let none = format!("SELECT count(*) FROM (SELECT\n{list}\nFROM {name} WHERE false) AS lakexpress");
    match ask_one(connection, &none, &[]).await.map_err(refused)?.as_deref() {
        Some("0") => Ok(()),
        _ => Err(Error::usage("the list is no list of columns")
            .coded(Code::SourceSqlRefused)
            .hint(ONE_ROW_EACH)),
    }
}

/// Describes the result of the query `sql`, exported as `name`.
pub(super) async fn query(
    connection: &mut Connection,
    name: &TableRef,
    sql: &str,
    policy: &TypePolicy,
) -> Result<TableInfo> {
    let width = check(connection, sql).await?;
    if width == 0 {
        return Err(Error::usage("the statement gives no rows").coded(Code::SourceSqlRefused).hint(FORMS));
    }
    let from = derived(sql);
    check(connection, &format!("SELECT * FROM {from}")).await.map_err(|error| error.hint(FORMS))?;
    let columns = columns(connection, &from, name, policy).await?;
    Ok(TableInfo::of_query(name, sql, columns, (0, 0)))
}

/// Has the server parse a statement of the user's; how many columns it has.
async fn check(connection: &mut Connection, sql: &str) -> Result<usize> {
    refuse_locking_reads(sql)?;
    let statement = connection.prepare(sql).await.map_err(refused)?;
    let width = statement.columns().len();
    connection.forget(statement).await?;
    Ok(width)
}

/// An error of the server's about the user's SQL is one of usage.
fn refused(error: Error) -> Error {
    match (code(&error), error.kind()) {
        (None, _) | (_, ErrorKind::Denied | ErrorKind::Unavailable) => error,
        (Some(number), _) => Error::usage(error.message().to_owned())
            .coded(Code::SourceSqlRefused)
            .with("error", number)
            .hints_of(&error),
    }
}

/// What becomes of the columns that `from` gives.
async fn columns(
    connection: &mut Connection,
    from: &str,
    table: &TableRef,
    policy: &TypePolicy,
) -> Result<Vec<ColumnInfo>> {
    let statement = connection.prepare(&format!("SELECT * FROM {from}")).await.map_err(refused)?;
    let described = statement.columns().to_vec();
    connection.forget(statement).await?;
    distinct(described.iter().map(|column| column.name.as_str()), str::to_lowercase)?;
    let maria = connection.version()?.maria;
    let is_text = cast_to_text(policy, table);
    let mut columns = Vec::with_capacity(described.len());
    for (at, column) in described.iter().enumerate() {
        let characters = characters(connection, column.collation).await?;
        let position = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let declared = Declared::of_result(column, position, characters.as_ref())?;
        let text = is_text(&declared.name);
        let choice = column::choose(&declared, text, policy, maria)?;
        columns.push(choice.into_column(declared.column_type)?);
    }
    Ok(columns)
}

/// The character set of a collation, by its number; none for what is no text.
async fn characters(connection: &mut Connection, collation: u16) -> Result<Option<Characters>> {
    let sql = match connection.version()?.maria {
        true => {
            "SELECT character_set_name, full_collation_name \
             FROM information_schema.collation_character_set_applicability WHERE id = ?"
        }
        false => "SELECT character_set_name, collation_name FROM information_schema.collations WHERE id = ?",
    };
    let answers = ask(connection, sql, &[&collation.to_string()]).await?;
    let Some(answer) = answers.first() else { return Ok(None) };
    Ok(Some(Characters {
        charset: answer.required(0)?.to_owned(),
        collation: answer.required(1)?.to_owned(),
    }))
}
