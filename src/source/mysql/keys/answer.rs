//! The answer to a statement of which not much is expected, as a whole.

use crate::client::mysql::{ColumnType, Connection};
use crate::error::{Code, Error, Result};
use crate::source::mysql::session;

/// Most rows that are kept: no question here has so many.
const MOST_ROWS: usize = 1 << 20;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source::mysql) enum Cell {
    /// NULL.
    Null,
    /// A whole number.
    Whole(i128),
    /// A floating-point number.
    Real(f64),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// A date or a time, in the form that the protocol has.
    Time(Vec<u8>),
}

/// All rows and the names of their columns.
#[derive(Debug, Default)]
pub(in crate::source::mysql) struct Answer {
    names: Vec<String>,
    pub(in crate::source::mysql) rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// The value as a whole number, which may have come as text.
    pub(in crate::source::mysql) fn whole(&self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(*number),
            _ => self.text()?.parse().ok(),
        }
    }

    /// The value as a number.
    pub(in crate::source::mysql) fn real(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            _ => self.text()?.parse().ok(),
        }
    }

    /// The value as text; none for what is not UTF-8.
    pub(in crate::source::mysql) fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn of(column: &crate::client::mysql::Column, value: Option<&[u8]>) -> Self {
        let Some(value) = value else { return Self::Null };
        if let Some(number) = column.integer(value) {
            return Self::Whole(number);
        }
        if let Some(bytes) = column.bytes(value) {
            return Self::Bytes(bytes.to_vec());
        }
        match (column.kind, <[u8; 8]>::try_from(value), <[u8; 4]>::try_from(value)) {
            (ColumnType::MYSQL_TYPE_DOUBLE, Ok(bits), _) => Self::Real(f64::from_le_bytes(bits)),
            (ColumnType::MYSQL_TYPE_FLOAT, _, Ok(bits)) => Self::Real(f32::from_le_bytes(bits).into()),
            _ => Self::Time(value.to_vec()),
        }
    }
}

impl Answer {
    /// The value of a row in the column that is called so.
    pub(in crate::source::mysql) fn cell<'r>(&self, row: &'r [Cell], name: &str) -> Option<&'r Cell> {
        let at = self.names.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        row.get(at)
    }
}

/// Runs one statement and keeps its rows.
///
/// # Errors
/// Those of the statement.
pub(in crate::source::mysql) async fn ask(connection: &mut Connection, sql: &str) -> Result<Answer> {
    let statement = connection.prepare(&session::urgent(sql)).await?;
    let mut answer = Answer::default();
    let mut rows = connection.run(&statement, &[]).await?;
    answer.names = rows.columns().iter().map(|column| column.name.clone()).collect();
    while let Some(row) = rows.next().await? {
        if answer.rows.len() == MOST_ROWS {
            return Err(
                Error::data("the server's answer about a table has too many rows").coded(Code::TooLarge)
            );
        }
        let cells = row.values().map(|value| value.map(|(column, value)| Cell::of(column, value)));
        answer.rows.push(cells.collect::<Result<_>>()?);
    }
    connection.forget(statement).await?;
    Ok(answer)
}

/// As [`ask`], for statements that have one row. Its values, or none where there is no row.
///
/// # Errors
/// Those of the statement.
pub(in crate::source::mysql) async fn ask_row(connection: &mut Connection, sql: &str) -> Result<Vec<Cell>> {
    Ok(ask(connection, sql).await?.rows.into_iter().next().unwrap_or_default())
}
