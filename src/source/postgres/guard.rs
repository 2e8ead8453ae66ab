//! What a plan depends on, as of the moment of the plan.
//!
//! A snapshot holds rows, not what the server plans with: an index or statistics made since, a function replaced since,
//! a table attached since are planned with at once, and no lock of a reader keeps others from making them. So the
//! catalog of the moment is looked at directly before each planned statement and directly after it. What is made
//! between the look and the plan, and is still there, is found afterwards.

use super::facts::TableFacts;
use super::session::{SESSION, THEIRS, is_theirs, join_sql, snapshot_gone};
use super::{planned, structure};
use crate::catalog::{SnapshotToken, TableInfo, TableKind, TableRef};
use crate::client::postgres::{Connection, Row, ident, literal};
use crate::error::{Code, Error, Result};
use crate::source::TableRead;

/// Looks at what plans over one relation depend on.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Its name in the statements, as SQL.
    name: String,
    /// Its object id; none where any will do.
    oid: Option<u32>,
    /// Statements may read foreign tables.
    foreign: bool,
    /// The table whose columns hold values of composite types that the statements take apart.
    composites: Option<TableRef>,
}

/// The look itself costs more when the server compiles it.
const LOOK: &str = "SET LOCAL jit = off";

impl Guard {
    /// For statements over a relation of this name, of which only the oid is known.
    pub(super) fn new(name: String, oid: Option<u32>) -> Self {
        Self { name, oid, foreign: true, composites: None }
    }

    /// For statements over a described table.
    ///
    /// # Errors
    /// As [`TableFacts::of`].
    pub(super) fn of(info: &TableInfo) -> Result<Self> {
        let facts = TableFacts::of(info)?;
        let foreign = facts.foreign || !facts.stored;
        let composites = structure::holds_composites(info).then(|| info.table.clone());
        let oid = facts.relations.first().copied();
        Ok(Self { foreign, composites, ..Self::new(named(&info.table), oid) })
    }

    /// For the statement that reads a slice: of one relation alone, or of the table.
    fn of_read(read: &TableRead) -> Result<Self> {
        let whole = Self::of(&read.table)?;
        Ok(match read.slice.relation() {
            Some((oid, name)) => Self { name: name.to_owned(), oid: Some(oid), ..whole },
            None => whole,
        })
    }

    /// Looks by `now`, whose transaction sees what is committed by now.
    ///
    /// # Errors
    /// `Data`: the server would run a function of a database user, or the name is that of another relation.
    pub(super) async fn look(&self, now: &mut Connection) -> Result<()> {
        let rows = now.query(&format!("{LOOK}; {}", self.sql(now))).await?;
        if let Some(oid) = self.understand(rows)?
            && let Some(runs) = planned::functions_of(now, &oid).await?.into_values().next()
        {
            return Err(made_since(&runs));
        }
        Ok(())
    }

    /// As [`Self::look`], by a connection that is outside any transaction; with the attributes of the composite types
    /// that the table holds.
    async fn look_outside(&self, connection: &mut Connection) -> Result<Looked> {
        let sql = format!("{BEGIN}; {SESSION}; {LOOK}; {}; COMMIT", self.sql(connection));
        let simplified = self.understand(connection.query(&sql).await?)?;
        let mut attributes = Vec::new();
        if simplified.is_some() || self.composites.is_some() {
            connection.execute(&format!("{BEGIN}; {SESSION}; {LOOK}")).await?;
            if let Some(oid) = simplified
                && let Some(runs) = planned::functions_of(connection, &oid).await?.into_values().next()
            {
                return Err(made_since(&runs));
            }
            attributes = self.attributes(connection).await?;
            connection.execute("COMMIT").await?;
        }
        Ok(Looked { guard: Some(self.clone()), attributes })
    }

    /// One row: the oid of the name, whether a plan over it simplifies anything, whether there are foreign tables in it.
    fn sql(&self, connection: &Connection) -> String {
        let simplified = planned::simplified_sql(connection, "(SELECT named.oid FROM named)");
        format!(
            "WITH named(oid) AS (SELECT pg_catalog.to_regclass({})::pg_catalog.oid) \
             SELECT named.oid, EXISTS ({simplified}), EXISTS ( \
               WITH RECURSIVE tree(oid) AS (SELECT named.oid FROM named \
               UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent) \
               SELECT FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE c.relkind = 'f') \
             FROM named",
            literal(&self.name)
        )
    }

    /// What [`Self::sql`] gave: the oid, if more is to be asked about it.
    fn understand(&self, rows: Vec<Row>) -> Result<Option<String>> {
        let row = rows.into_iter().next().ok_or_else(|| Error::internal("the server returned no row"))?;
        let oid = row.get(0).unwrap_or_default();
        if self.oid.is_some_and(|expected| oid.parse() != Ok(expected)) {
            return Err(renamed());
        }
        if row.required(2)? == "t" && !self.foreign {
            return Err(Error::data("a foreign table was attached to the table while it was exported")
                .coded(Code::TableChanged)
                .hint("run again; foreign tables are read only when they are asked for"));
        }
        Ok((row.required(1)? == "t").then(|| oid.to_owned()))
    }

    async fn attributes(&self, connection: &mut Connection) -> Result<Vec<String>> {
        match &self.composites {
            Some(table) => structure::attributes(connection, table).await,
            None => Ok(Vec::new()),
        }
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// The name of a table in a statement.
pub(super) fn named(table: &TableRef) -> String {
    format!("{}.{}", ident(&table.schema), ident(&table.name))
}

/// What was seen before a statement.
#[derive(Debug)]
pub(super) struct Looked {
    /// None for SQL of the user's, which may call what it likes.
    guard: Option<Guard>,
    attributes: Vec<String>,
}

impl Looked {
    /// Looks again when the statement of a transaction has ended, and ends the transaction with `end`, whose answer it
    /// returns. `at` is what the transaction sees.
    ///
    /// # Errors
    /// As [`Guard::look`]; `Data` when a composite type was altered.
    pub(super) async fn end(
        &self,
        connection: &mut Connection,
        at: &SnapshotToken,
        end: &str,
    ) -> Result<Vec<Row>> {
        let Some(guard) = &self.guard else { return connection.query(end).await };
        if at.id.is_none() {
            // The transaction sees what is committed by now, and its lock still keeps indexes from being dropped.
            connection.execute(SESSION).await?;
            guard.look(connection).await?;
            let attributes = guard.attributes(connection).await?;
            let rows = connection.query(end).await?;
            return if attributes == self.attributes { Ok(rows) } else { Err(structure::altered()) };
        }
        let rows = connection.query(end).await?;
        let now = guard.look_outside(connection).await?;
        if now.attributes == self.attributes { Ok(rows) } else { Err(structure::altered()) }
    }
}

/// Begins a transaction that sees what `at` does, for a statement that is planned and reads `read`.
///
/// # Errors
/// As [`Guard::look`]; `Data` when a composite type is not as the transaction has it: a statement names its fields, and
/// a name that is no field is that of a function; `Unavailable` when the snapshot is gone.
pub(super) async fn join(
    connection: &mut Connection,
    at: &SnapshotToken,
    read: &TableRead,
) -> Result<Looked> {
    may_be_planned(&read.table)?;
    if read.table.kind == TableKind::Query {
        connection.execute(&join_sql(at, &read.table)?).await.map_err(snapshot_gone)?;
        connection.execute(THEIRS).await?;
        return Ok(Looked { guard: None, attributes: Vec::new() });
    }
    let guard = Guard::of_read(read)?;
    let looked = guard.look_outside(connection).await?;
    connection.execute(&join_sql(at, &read.table)?).await.map_err(snapshot_gone)?;
    if guard.attributes(connection).await? != looked.attributes {
        return Err(structure::altered());
    }
    if is_theirs(&read.table) {
        connection.execute(THEIRS).await?;
    }
    Ok(looked)
}

/// The error for a name that is that of another relation by now.
pub(super) fn renamed() -> Error {
    Error::data("the table's name is not that of the described table any more")
        .coded(Code::TableChanged)
        .hint("it was dropped, or it or its schema was renamed: run again")
}

/// An error if a plan over the table would run a function of a database user.
pub(super) fn may_be_planned(table: &TableInfo) -> Result<()> {
    table.reading.runs.as_deref().map_or(Ok(()), |runs| Err(refused(runs)))
}

/// The error for what was made after the table was described.
fn made_since(what: &str) -> Error {
    refused(what).hint("it was made while the table was exported: run again")
}

/// The error for a table of which a plan would run a function: `what` calls it, and which.
pub(super) fn refused(what: &str) -> Error {
    Error::data("to plan a statement over the table, the server would run a function of another database user")
        .coded(Code::OthersFunction)
        .with("by", what)
        .hint(
            "only whole tables can be read without a plan, and only their stored columns that need no cast: leave the \
             others out with --columns, and --verify; or give the function to a superuser or to the role that exports \
             (ALTER FUNCTION ... OWNER TO), or leave the table out with --exclude",
        )
}
