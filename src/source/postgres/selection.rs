//! What the planner expects of a condition.

use std::sync::Arc;

use serde_json::Value;

use super::dialect::PostgresDialect;
use super::facts::TableFacts;
use super::read::relation_sql;
use crate::catalog::{Selection, Slice, TableInfo};
use crate::client::postgres::{Connection, ident};
use crate::error::{Error, Result};
use crate::source::TableRead;

/// Rows and cost of reading what matches `condition`, beside the cost of reading all rows.
pub(super) async fn selection(
    view: &mut Connection,
    dialect: &PostgresDialect,
    table: &TableInfo,
    condition: &str,
) -> Result<Selection> {
    let read = |filter: Option<&str>| TableRead {
        table: Arc::new(table.clone()),
        columns: Vec::new(),
        slice: Slice::All,
        filter: filter.map(str::to_owned),
        batch_rows: 1,
    };
    // All columns, as the export reads them: a scan of an index alone would look cheaper than it is.
    let by_columns = TableFacts::of(table)?.by_columns;
    let columns = if by_columns && table.reading.list().is_none() {
        let names = table.columns.iter().map(|column| column.name());
        names.filter(|name| table.is_readable(name)).map(ident).collect::<Vec<_>>().join(", ")
    } else {
        "*".to_owned()
    };
    let (rows, some) = expected(view, &columns, &relation_sql(dialect, &read(Some(condition)))?).await?;
    let (_, all) = expected(view, &columns, &relation_sql(dialect, &read(None))?).await?;
    Ok(Selection { rows: rows as u64, effort: if all > 0.0 { some / all } else { 1.0 } })
}

/// Rows and cost of a plan.
async fn expected(view: &mut Connection, columns: &str, from: &str) -> Result<(f64, f64)> {
    let answer = view.query(&format!("EXPLAIN (FORMAT JSON) SELECT {columns} {from}")).await?;
    let text: String = answer.iter().map(|row| row.required(0)).collect::<Result<_>>()?;
    let odd = || Error::internal("the server explained a statement in an unknown form");
    let plan: Value = serde_json::from_str(&text).map_err(|error| odd().caused_by(error))?;
    let number = |key: &str| plan[0]["Plan"][key].as_f64().ok_or_else(odd);
    Ok((number("Plan Rows")?, number("Total Cost")?))
}
