//! One point in time: lock first, then pin, then describe.
//!
//! 1. A READ COMMITTED connection takes ACCESS SHARE on each table, each under its own savepoint.
//! 2. *Then* a second connection begins REPEATABLE READ and exports its snapshot, so that what was
//!    committed before the lock (a TRUNCATE, an ALTER) is in the view, and nothing can follow it.
//! 3. Tables are described on the second connection, under the view that workers will import.
//!
//! Both stay open, with idle timeouts off, until the value is dropped.

use std::collections::HashMap;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::dialect::{ident, literal};
use super::pool::Pool;
use super::wire::Connection;
use super::{SESSION, describe};
use crate::catalog::{Consistency, KeyBounds, SnapshotToken, TableInfo, TableRef};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Snapshot;
use crate::spec::TypePolicy;

/// See the module.
#[derive(Debug)]
pub(super) struct PostgresSnapshot {
    token: SnapshotToken,
    policy: TypePolicy,
    /// Holds the locks; none at level `none`.
    locks: Option<Mutex<Connection>>,
    view: Mutex<Connection>,
    /// Tables that could not be locked, and why.
    failures: Mutex<HashMap<TableRef, Error>>,
    money_scale: i8,
}

impl PostgresSnapshot {
    pub(super) async fn pin(
        pool: &Pool,
        policy: &TypePolicy,
        tables: &[TableRef],
        level: Consistency,
    ) -> Result<Self> {
        let mut failures = HashMap::new();
        let locks = if level == Consistency::None {
            None
        } else {
            let mut connection = pool.take().await?;
            connection.execute(&format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {SESSION}")).await?;
            for table in tables {
                if let Err(error) = lock(&mut connection, table).await? {
                    failures.insert(table.clone(), error.with("table", table));
                }
            }
            Some(Mutex::new(connection))
        };
        let mut view = pool.take().await?;
        let token = open_view(&mut view, level).await?;
        let money_scale = view.query("SELECT pg_catalog.scale(1::money::numeric)").await?;
        let money_scale = money_scale.first().and_then(|r| r.get(0)?.parse().ok()).unwrap_or(2);
        Ok(Self {
            token,
            policy: policy.clone(),
            locks,
            view: Mutex::new(view),
            failures: Mutex::new(failures),
            money_scale,
        })
    }
}

/// Takes ACCESS SHARE on one table. The outer error ends the run, the inner one only this table.
async fn lock(connection: &mut Connection, table: &TableRef) -> Result<Result<()>> {
    let name = format!("{}.{}", ident(&table.schema), ident(&table.name));
    connection.execute("SAVEPOINT one").await?;
    let mut locked = connection.execute(&format!("LOCK TABLE {name} IN ACCESS SHARE MODE")).await;
    if matches!(&locked, Err(e) if matches!(super::wire::sqlstate(e), Some("42809" | "42501"))) {
        // Materialized views and foreign tables refuse LOCK, and so does a table of which this user may
        // only read columns; reading their first zero rows locks them too.
        connection.execute("ROLLBACK TO SAVEPOINT one").await?;
        locked = connection.execute(&format!("SELECT FROM {name} LIMIT 0")).await;
    }
    match locked {
        Ok(()) => {
            connection.execute("RELEASE SAVEPOINT one").await?;
            Ok(Ok(()))
        }
        Err(error) => {
            // If even this fails the connection is gone, and with it the locks of the other tables.
            connection.execute("ROLLBACK TO SAVEPOINT one").await.map_err(|e| lost(e, "locks"))?;
            Ok(Err(explain(error, table)))
        }
    }
}

fn explain(error: Error, table: &TableRef) -> Error {
    match error.kind() {
        ErrorKind::Denied => error.hint(format!("GRANT SELECT ON {table} TO the user that exports")),
        _ => error,
    }
}

fn lost(error: Error, what: &str) -> Error {
    Error::unavailable(format!("the connection that holds the run's {what} was lost"))
        .caused_by(error)
        .hint("run again; --consistency table or none does without it, with a weaker guarantee")
}

/// Begins the view and exports it.
async fn open_view(view: &mut Connection, level: Consistency) -> Result<SnapshotToken> {
    let isolation = if level == Consistency::None { "READ COMMITTED" } else { "REPEATABLE READ" };
    view.execute(&format!("BEGIN ISOLATION LEVEL {isolation} READ ONLY; {SESSION}")).await?;
    let id = if level == Consistency::None {
        None
    } else {
        let rows = view.query("SELECT pg_catalog.pg_export_snapshot()").await.map_err(|error| {
            Error::unavailable("the server cannot share a snapshot between connections")
                .caused_by(error)
                .hint("--consistency none reads every part at its own moment, which this server can do")
        })?;
        rows.first().and_then(|r| r.get(0)).map(str::to_owned)
    };
    let moment =
        "SELECT pg_catalog.to_char(pg_catalog.transaction_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let rows = view.query(moment).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the server returned no time"))?;
    let taken_at = row.required(0)?.to_owned();
    Ok(SnapshotToken { level, id, position: position(view).await?, taken_at })
}

/// Where the server's log was; none on servers that do not tell.
async fn position(view: &mut Connection) -> Result<Option<String>> {
    view.execute("SAVEPOINT one").await?;
    let position = view
        .query(
            "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
             ELSE pg_catalog.pg_current_wal_lsn() END",
        )
        .await;
    let end = if position.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one" };
    view.execute(end).await?;
    Ok(position.ok().and_then(|rows| rows.first()?.get(0).map(str::to_owned)))
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn token(&self) -> &SnapshotToken {
        &self.token
    }

    fn readers(&self) -> Option<usize> {
        None
    }

    async fn describe(&self, table: &TableRef) -> Result<TableInfo> {
        if let Some(error) = self.failures.lock().await.remove(table) {
            return Err(error);
        }
        let mut view = self.view.lock().await;
        let described = under_savepoint(&mut view, async |view| {
            describe::table(view, table, &self.policy, self.money_scale).await
        })
        .await;
        described.map_err(|e| e.with("table", table))
    }

    async fn bounds(&self, table: &TableInfo, column: &str) -> Result<Option<KeyBounds>> {
        let mut view = self.view.lock().await;
        let bounds =
            under_savepoint(&mut view, async |view| describe::bounds(view, table, column).await).await;
        bounds.map_err(|e| e.with("table", &table.table).with("column", column))
    }

    async fn check(&self) -> Result<()> {
        if self.token.level == Consistency::None {
            // Nothing was promised, so nothing can be lost.
            return Ok(());
        }
        self.view.lock().await.execute("SELECT 1").await.map_err(|e| lost(e, "snapshot"))?;
        match &self.locks {
            Some(locks) => locks.lock().await.execute("SELECT 1").await.map_err(|e| lost(e, "locks")),
            None => Ok(()),
        }
    }
}

/// Runs `work` so that its failure leaves the view's transaction usable.
async fn under_savepoint<T>(
    view: &mut Connection,
    work: impl AsyncFnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    view.execute("SAVEPOINT one").await.map_err(|e| lost(e, "snapshot"))?;
    let result = work(view).await;
    let end = if result.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one" };
    view.execute(end).await.map_err(|e| lost(e, "snapshot"))?;
    result
}

/// The statement with which a worker joins `token`.
pub(super) fn join_sql(token: &SnapshotToken) -> String {
    match &token.id {
        Some(id) => format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}; {SESSION}",
            literal(id)
        ),
        None => format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {SESSION}"),
    }
}
