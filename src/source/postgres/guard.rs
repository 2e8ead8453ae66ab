//! What a plan depends on, as of the moment of the plan.
//!
//! A snapshot holds rows, not what the server plans with: an index or statistics made since, a function replaced since,
//! a table attached since are planned with at once, and no lock of a reader keeps others from making them. So the
//! catalog of the moment is looked at directly before each planned statement and directly after it. What is made between
//! the look and the plan is found afterwards, because an index cannot be dropped while the table is read.

use super::describe::number;
use super::dialect::{ident, literal};
use super::planned;
use super::read::snapshot_gone;
use super::session::SESSION;
use super::snapshot::join_sql;
use super::structure;
use super::wire::Connection;
use crate::catalog::{SnapshotToken, TableInfo, TableRef};
use crate::error::{Error, Result};

/// Looks at what plans over one table depend on.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    table: TableRef,
    relations: Vec<u32>,
    composite: bool,
}

impl Guard {
    pub(super) fn new(table: &TableRef, relations: &[u32]) -> Self {
        Self { table: table.clone(), relations: relations.to_vec(), composite: false }
    }

    /// For the statements that read a described table.
    pub(super) fn of(table: &TableInfo) -> Self {
        let composite = structure::holds_composites(table);
        Self { composite, ..Self::new(&table.table, &table.relations) }
    }

    /// Looks by `now`, whose transaction sees what is committed by now.
    ///
    /// # Errors
    /// `Data`: the server would run a function of a database user, or the table's name is that of another relation.
    pub(super) async fn look(&self, now: &mut Connection) -> Result<()> {
        let name = format!("{}.{}", ident(&self.table.schema), ident(&self.table.name));
        let relation =
            now.query(&format!("SELECT pg_catalog.to_regclass({})::pg_catalog.oid", literal(&name))).await?;
        let oid = relation.first().and_then(|row| row.get(0)).unwrap_or_default();
        if !number(oid).is_ok_and(|oid: u32| self.relations.contains(&oid)) {
            return Err(renamed());
        }
        match planned::functions(now, oid).await?.into_values().next() {
            Some(runs) => Err(refused(&runs)),
            None => Ok(()),
        }
    }

    /// As [`Self::look`], by a connection that is outside any transaction; with the attributes of the composite types
    /// that the table holds.
    pub(super) async fn look_outside(&self, connection: &mut Connection) -> Result<Looked> {
        connection.execute(&format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {SESSION}")).await?;
        self.look(connection).await?;
        let attributes = self.attributes(connection).await?;
        connection.execute("COMMIT").await?;
        Ok(Looked { guard: self.clone(), attributes })
    }

    async fn attributes(&self, connection: &mut Connection) -> Result<Vec<String>> {
        if self.composite { structure::attributes(connection, &self.table).await } else { Ok(Vec::new()) }
    }
}

/// What was seen before a statement.
#[derive(Debug)]
pub(super) struct Looked {
    guard: Guard,
    attributes: Vec<String>,
}

impl Looked {
    /// Whether the composite types are those that `view` has: a statement names their fields, and a name that is no
    /// field is that of a function.
    ///
    /// # Errors
    /// `Data`: one was altered since.
    pub(super) async fn is_as_in(&self, view: &mut Connection) -> Result<()> {
        if self.guard.attributes(view).await? == self.attributes { Ok(()) } else { Err(structure::altered()) }
    }

    /// Looks again when the statement has ended, by a connection that is outside any transaction.
    ///
    /// # Errors
    /// As [`Guard::look`], and [`Self::is_as_in`].
    pub(super) async fn again(&self, connection: &mut Connection) -> Result<()> {
        let now = self.guard.look_outside(connection).await?;
        if now.attributes == self.attributes { Ok(()) } else { Err(structure::altered()) }
    }
}

/// Begins a transaction that sees what `at` does, for statements that are planned over `table`.
///
/// # Errors
/// As [`Guard::look`]; `Unavailable` when the snapshot is gone.
pub(super) async fn join(
    connection: &mut Connection,
    at: &SnapshotToken,
    table: &TableInfo,
) -> Result<Looked> {
    may_be_planned(table)?;
    let looked = Guard::of(table).look_outside(connection).await?;
    connection.execute(&join_sql(at, table)).await.map_err(snapshot_gone)?;
    looked.is_as_in(connection).await?;
    Ok(looked)
}

/// The error for a table whose name is that of another relation by now.
pub(super) fn renamed() -> Error {
    Error::data("the table's name became that of another relation while it was read")
        .hint("its schema was renamed, or it was dropped: run again")
}

/// An error if a plan over the table would run a function of a database user.
pub(super) fn may_be_planned(table: &TableInfo) -> Result<()> {
    table.reading.runs.as_deref().map_or(Ok(()), |runs| Err(refused(runs)))
}

/// The error for a table of which a plan would run a function: `what` calls it, and which.
pub(super) fn refused(what: &str) -> Error {
    Error::data("to plan a statement over the table, the server would run a function of another database user")
        .with("by", what)
        .hint(
            "only whole tables can be read without a plan, and only their stored columns that need no cast: leave the \
             others out with --columns, and --verify; or give the function to a superuser or to the role that exports \
             (ALTER FUNCTION ... OWNER TO), or leave the table out with --exclude",
        )
}
