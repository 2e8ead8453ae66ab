//! COPY does not name the row of a bad value: find it again by its number.
//!
//! The order is that of the COPY: same view, same statement, no parallel or synchronised scan. The
//! rows are materialised, because a LIMIT on the statement itself could change its plan.

use super::dialect::ident;
use super::pool::Pool;
use super::snapshot::join_sql;
use crate::catalog::{SnapshotToken, TableInfo, TableKind};

/// Which row.
pub(super) struct Row<'a> {
    pub(super) from_where: &'a str,
    pub(super) table: &'a TableInfo,
    pub(super) column: &'a str,
    /// Rows before it.
    pub(super) number: u64,
}

/// Key, place and value of the row, for a message; none when it cannot be found.
pub(super) async fn describe(pool: &Pool, at: &SnapshotToken, row: &Row<'_>) -> Option<String> {
    let column = ident(row.column);
    let mut expressions: Vec<(String, String)> =
        row.table.primary_key.iter().map(|k| (k.clone(), format!("{}::pg_catalog.text", ident(k)))).collect();
    if matches!(row.table.kind, TableKind::Table | TableKind::Partitioned | TableKind::MaterializedView) {
        expressions.push(("ctid".into(), "ctid::pg_catalog.text".into()));
    }
    expressions.push(("value".into(), format!("pg_catalog.left({column}::pg_catalog.text, 80)")));
    let list: Vec<String> =
        expressions.iter().enumerate().map(|(i, (_, sql))| format!("{sql} AS c{i}")).collect();
    let sql = format!(
        "WITH found AS MATERIALIZED (SELECT {} {}) SELECT * FROM found OFFSET {} LIMIT 1",
        list.join(", "),
        row.from_where,
        row.number
    );
    let mut connection = pool.take().await.ok()?;
    connection.execute(&join_sql(at)).await.ok()?;
    let rows = connection.query(&sql).await.ok()?;
    connection.execute("ROLLBACK").await.ok()?;
    pool.give_back(connection);
    let found = rows.first()?;
    let pairs: Vec<String> = expressions
        .iter()
        .enumerate()
        .map(|(i, (name, _))| format!("{name}={}", found.get(i).unwrap_or("NULL")))
        .collect();
    Some(pairs.join(" "))
}
