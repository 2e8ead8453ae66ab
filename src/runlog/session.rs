//! What a database has to offer to hold the run log: a connection, and the few words in which its SQL differs.
//!
//! The statements themselves are the same everywhere (`append`, `query`, `migrate`, `manage`).

use std::fmt::Debug;
use std::str::FromStr;

use async_trait::async_trait;

use super::Timestamp;
use super::steps::Step;
pub(super) use crate::client::{Row, Statements, Value};
use crate::error::{Code, Error, Result};

/// The value of a column that may be NULL. A server may send fewer columns than were asked for.
pub(super) fn optional(row: &mut Row, column: usize) -> Option<String> {
    row.get_mut(column).and_then(Option::take)
}

/// The value of a column that cannot be NULL.
pub(super) fn required(row: &mut Row, column: usize) -> Result<String> {
    given(optional(row, column), column)
}

/// A whole number of a column that may be NULL.
pub(super) fn number<T: FromStr>(row: &Row, column: usize) -> Result<Option<T>> {
    parsed(row, column, "a number")
}

/// A moment of a column that may be NULL. One that somebody wrote by hand as no time is none: it is only shown, and hides
/// neither its run nor others.
pub(super) fn timestamp(row: &Row, column: usize) -> Option<Timestamp> {
    let text = row.get(column).and_then(Option::as_deref)?;
    let moment = Timestamp::of_text(text);
    if moment.is_none() {
        tracing::warn!("the run log holds {text:?} as a time, which is none");
    }
    moment
}

/// The value of a column that may be NULL, of which the run log keeps the text.
pub(super) fn parsed<T: FromStr>(row: &Row, column: usize, what: &str) -> Result<Option<T>> {
    let text = row.get(column).and_then(Option::as_deref);
    text.map(|text| {
        text.parse::<T>().map_err(|_| {
            Error::data(format!("the run log holds '{text}' where there must be {what}"))
                .coded(Code::RunLogContent)
        })
    })
    .transpose()
}

/// A value that there must be.
pub(super) fn given<T>(value: Option<T>, column: usize) -> Result<T> {
    value.ok_or_else(|| {
        Error::data(format!("the run log holds no value where there must be one ({column})"))
            .coded(Code::RunLogContent)
    })
}

/// How a kind of database spells what differs.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Begins a transaction that writes.
    pub(super) begin_write: &'static str,
    /// Begins a transaction that sees one moment.
    pub(super) begin_read: &'static str,
    /// How many tables of the name given as the one value there are in our schema.
    pub(super) count_tables: &'static str,
    /// Takes the lock under which tables are made, before and after the transaction begins; gives it back.
    pub(super) lock: Lock,
    /// Its script of a step.
    pub(super) script: fn(&Step) -> &'static str,
    /// Numbers of steps that it recorded before all databases counted alike.
    pub(super) counted: &'static [(i64, i64)],
    /// Whether CREATE TABLE can be rolled back.
    pub(super) transactional_ddl: bool,
    /// An expression for a moment as RFC 3339 text.
    pub(super) time: fn(&str) -> String,
}

/// The lock under which tables are made, so that several machines can start at once.
#[derive(Debug)]
pub(super) enum Lock {
    /// A transaction that writes is enough.
    Transaction,
    /// A statement inside the transaction; it ends with it.
    Inside(&'static str),
    /// Statements around the transaction. The first answers `1` when the lock was given.
    Around(&'static str, &'static str),
}

/// A connection to a database that can hold the run log.
pub(super) trait Session: Statements {
    fn dialect(&self) -> &'static Dialect;
}

/// How to get a [`Session`].
#[async_trait]
pub(super) trait Connect: Debug + Send + Sync {
    /// Connects and sets what every session needs.
    async fn connect(&self) -> Result<Box<dyn Session>>;

    /// Whether there is anything to connect to, without making it.
    fn exists(&self) -> bool {
        true
    }

    /// Where it is, without secrets.
    fn location(&self) -> String;
}
