//! The catalog's connection, and what differs between the databases that can hold one.

use async_trait::async_trait;

use super::layout::{self, Kind};
use crate::client::{Row, Statements, Value};
use crate::error::{Error, Result};

/// Rows that one statement inserts.
const ROWS: usize = 250;

/// How the catalog is reached.
#[async_trait]
pub(super) trait Connect: Send {
    fn kind(&self) -> Kind;

    /// Where it is, without secrets.
    fn location(&self) -> String;

    async fn connect(&self) -> Result<Box<dyn Statements>>;
}

/// A database that holds a catalog, or is to hold one.
pub(super) struct Database {
    place: Box<dyn Connect>,
    /// None before the first use, and after an error.
    session: Option<Box<dyn Statements>>,
}

impl Database {
    pub(super) fn new(place: Box<dyn Connect>) -> Self {
        Self { place, session: None }
    }

    pub(super) fn kind(&self) -> Kind {
        self.place.kind()
    }

    /// Where it is, without secrets.
    pub(super) fn location(&self) -> String {
        self.place.location()
    }

    async fn session(&mut self) -> Result<&mut Box<dyn Statements>> {
        if self.session.is_none() {
            self.session = Some(self.place.connect().await?);
        }
        self.session.as_mut().ok_or_else(|| Error::internal("no connection to the catalog"))
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let begin = match self.kind() {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        };
        self.script(begin).await
    }

    /// Waits until no other process of ours makes a catalog here, and keeps them waiting until the transaction ends.
    pub(super) async fn alone(&mut self) -> Result<()> {
        match self.kind() {
            Kind::Sqlite => Ok(()),
            // The number is ours alone.
            Kind::Postgres => {
                self.query("SELECT pg_advisory_xact_lock(7165134526061403)", &[]).await.map(drop)
            }
        }
    }

    pub(super) async fn commit(&mut self) -> Result<()> {
        self.script("COMMIT").await
    }

    /// Gives the transaction up, and the connection with it.
    pub(super) fn roll_back(&mut self) {
        self.session = None;
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        let done = self.session().await?.script(sql).await;
        self.given(done)
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let rows = self.session().await?.query(sql, values).await;
        self.given(rows)
    }

    /// After an error a connection is not used again.
    fn given<T>(&mut self, done: Result<T>) -> Result<T> {
        if done.is_err() {
            self.session = None;
        }
        done
    }

    /// Inserts rows of a table, `columns` of it.
    pub(super) async fn insert(&mut self, table: &str, columns: &str, rows: Vec<Vec<Value>>) -> Result<()> {
        for some in rows.chunks(ROWS) {
            let row = format!("({})", vec!["?"; some.first().map_or(0, Vec::len)].join(", "));
            let marks = vec![row.as_str(); some.len()].join(", ");
            let columns =
                columns.split(", ").map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            let values: Vec<Value> = some.concat();
            self.query(&format!("INSERT INTO ducklake_{table} ({columns}) VALUES {marks}"), &values).await?;
        }
        Ok(())
    }

    /// Whether there is a catalog; tables of another program of such names are an error.
    pub(super) async fn has_catalog(&mut self) -> Result<bool> {
        let sql = match self.kind() {
            Kind::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'ducklake_snapshot'",
            Kind::Postgres => {
                "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = current_schema() AND c.relname = 'ducklake_snapshot'"
            }
        };
        Ok(number(self.query(sql, &[]).await?.first(), 0) > Some(0))
    }

    /// Makes the tables of a catalog, in the transaction that has begun.
    pub(super) async fn make_tables(&mut self) -> Result<()> {
        for statement in layout::statements(self.kind()) {
            self.script(&statement).await?;
        }
        Ok(())
    }

    /// A yes or no as a value.
    pub(super) fn flag(&self, yes: bool) -> Value {
        match self.kind() {
            Kind::Sqlite => Value::Integer(yes.into()),
            Kind::Postgres => Value::text(if yes { "true" } else { "false" }),
        }
    }
}

/// The number in a column of a row.
pub(super) fn number(row: Option<&Row>, column: usize) -> Option<i64> {
    row?.get(column)?.as_deref()?.parse().ok()
}

/// The text in a column of a row.
pub(super) fn text(row: &Row, column: usize) -> Option<&str> {
    row.get(column)?.as_deref()
}

/// The yes or no in a column of a row.
pub(super) fn is_yes(row: &Row, column: usize) -> bool {
    matches!(text(row, column), Some("1" | "t" | "true"))
}
