//! A catalog in PostgreSQL, in the schema that comes first in the user's `search_path`.

use async_trait::async_trait;

use super::database::Connect;
use super::layout::Kind;
use crate::client::postgres::{Connection, PostgresConfig, PostgresSession};
use crate::client::{Address, Environment, Statements};
use crate::error::Result;

/// Schemes of URLs and `ds_type` values.
pub(super) const NAMES: &[&str] = &["postgres", "postgresql", "pgsql"];

#[derive(Debug)]
pub(super) struct Server {
    config: PostgresConfig,
}

impl Server {
    /// Checks the address. PG* variables are about the source.
    pub(super) fn new(address: &Address) -> Result<Self> {
        Ok(Self { config: PostgresConfig::from_address(address, &Environment::default())? })
    }
}

#[async_trait]
impl Connect for Server {
    fn kind(&self) -> Kind {
        Kind::Postgres
    }

    fn location(&self) -> String {
        format!("postgres://{}/{}", self.config.server(), self.config.database)
    }

    async fn connect(&self) -> Result<Box<dyn Statements>> {
        Ok(Box::new(PostgresSession::new(Connection::connect(&self.config).await?)))
    }
}
