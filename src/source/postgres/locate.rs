//! COPY does not name the row of a bad value: find it again by its number.
//!
//! The order is that of the COPY: same view, same statement, no parallel or synchronised scan. The
//! rows are materialised, because a LIMIT on the statement itself could change its plan.

use super::column::Codec;
use super::facts::TableFacts;
use super::guard;
use crate::catalog::{ColumnInfo, SnapshotToken, TableKind};
use crate::client::postgres::{self, Pool, ident, sqlstate};
use crate::error::{Error, Result, values_are_hidden};
use crate::source::TableRead;

/// Which row.
pub(super) struct Row<'a> {
    pub(super) from_where: &'a str,
    pub(super) read: &'a TableRead,
    /// The column of the bad value, when it is known.
    pub(super) column: Option<&'a str>,
    /// Rows before it.
    pub(super) number: u64,
}

/// A name for the message and an SQL expression of type text.
type Item = (String, String);

/// Whether the server could not put a text into UTF-8. It names neither the row nor the column then.
pub(super) fn is_untranslatable(error: &Error) -> bool {
    matches!(sqlstate(error), Some("22P05" | "22021"))
}

/// Key, place and value of the row, for a message; none when it cannot be found.
pub(super) async fn describe(pool: &Pool, at: &SnapshotToken, row: &Row<'_>) -> Option<String> {
    let text = |column: &str| {
        let codec = row.read.table.column(column).and_then(|info| Codec::of(info).ok());
        codec.map_or_else(
            || format!("{}::pg_catalog.text", ident(column)),
            |codec| codec.text_sql(&ident(column)),
        )
    };
    let mut items: Vec<Item> = Vec::new();
    let by_columns = TableFacts::of(&row.read.table).map_or(true, |facts| facts.by_columns);
    let has_place = !by_columns && row.read.table.reading.list().is_none();
    if has_place
        && matches!(
            row.read.table.kind,
            TableKind::Table | TableKind::Partitioned | TableKind::MaterializedView
        )
    {
        items.push(("ctid".into(), text("ctid")));
    }
    let place = items.len();
    if values_are_hidden() {
        items.truncate(place);
        let found = find(pool, at, row, &items).await.ok().flatten()?;
        return Some(format!("ctid={}", found.get(0)?));
    }
    let key = row.read.table.key_columns().map(ColumnInfo::name);
    items.splice(0..0, key.map(|key| (key.to_owned(), text(key))));
    let keys = items.len() - place;
    if let Some(column) = row.column {
        items.push(("value".into(), format!("pg_catalog.left({}, 80)", text(column))));
    }
    // What is not UTF-8 cannot be shown: do without the value, then without the key.
    for shown in [&items[..], &items[..keys + place], &items[keys..keys + place]] {
        if let Ok(Some(found)) = find(pool, at, row, shown).await {
            let pairs: Vec<String> = shown
                .iter()
                .enumerate()
                .map(|(i, (name, _))| format!("{name}={}", found.get(i).unwrap_or("NULL")))
                .collect();
            return Some(pairs.join(" "));
        }
    }
    None
}

/// Whether a value did not fit the type that it was cast to. The server names neither the row nor the column then.
pub(super) fn is_out_of_range(error: &Error) -> bool {
    sqlstate(error) == Some("22003")
}

/// The first of some columns, each with an expression of a built-in type, whose text in this row fails in a given way.
pub(super) async fn failing<'c>(
    pool: &Pool,
    at: &SnapshotToken,
    row: &Row<'_>,
    columns: impl Iterator<Item = (&'c str, String)>,
    fails: fn(&Error) -> bool,
) -> Option<&'c str> {
    for (column, expression) in columns {
        let item = (String::new(), format!("({expression})::pg_catalog.text"));
        if find(pool, at, row, &[item]).await.is_err_and(|error| fails(&error)) {
            return Some(column);
        }
    }
    None
}

async fn find(
    pool: &Pool,
    at: &SnapshotToken,
    row: &Row<'_>,
    items: &[Item],
) -> Result<Option<postgres::Row>> {
    if items.is_empty() || row.read.table.reading.runs.is_some() {
        return Ok(None);
    }
    let list: Vec<String> = items.iter().enumerate().map(|(i, (_, sql))| format!("{sql} AS c{i}")).collect();
    let sql = format!(
        "WITH found AS MATERIALIZED (SELECT {} {}) SELECT * FROM found OFFSET {} LIMIT 1",
        list.join(", "),
        row.from_where,
        row.number
    );
    let mut connection = pool.take().await?;
    let looked = guard::join(&mut connection, at, row.read).await?;
    let rows = connection.query(&sql).await;
    looked.end(&mut connection, at, "ROLLBACK").await.inspect_err(|error| {
        tracing::warn!(table = %row.read.table.table, %error, "while a row was looked for");
    })?;
    pool.give_back(connection);
    Ok(rows?.into_iter().next())
}
