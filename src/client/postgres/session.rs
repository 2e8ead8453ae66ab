//! Statements to PostgreSQL.

use async_trait::async_trait;

use super::Connection;
use super::values::with_values;
use super::wire;
use crate::client::{Row, Statements, Value};
use crate::error::Result;

/// A connection to a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresSession {
    connection: Connection,
}

impl PostgresSession {
    /// Takes the connection over.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

#[async_trait]
impl Statements for PostgresSession {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let rows = self.connection.query(&with_values(sql, values)?).await?;
        let texts =
            |row: wire::Row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect();
        Ok(rows.into_iter().map(texts).collect())
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        self.connection.execute(sql).await
    }
}
