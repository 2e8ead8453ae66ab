//! PostgreSQL 12 and later, read by `COPY ... (FORMAT binary)` over our own connections.
//!
//! One client for everything: catalog queries need nothing that the simple protocol lacks, and
//! connecting, TLS and authentication are then one piece of code (`docs/adr/0002`).

pub mod column;
pub mod config;
mod describe;
pub mod dialect;
mod fingerprint;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod keys;
mod locate;
mod measure;
mod names;
mod pool;
mod read;
mod rows;
mod sample;
mod selection;
mod snapshot;
mod spatial;
mod structure;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;

use self::config::PostgresConfig;
use self::dialect::PostgresDialect;
use self::pool::Pool;
use super::{Address, Dialect, Environment, Snapshot, Source, TableRead};
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableKind, TableRef,
};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::spec::TypePolicy;

/// URL schemes and `ds_type` values.
pub const NAMES: &[&str] = &["postgres", "postgresql", "pgsql"];

/// What others than the source need of the client.
pub mod client {
    pub use super::config::PostgresConfig;
    pub use super::wire::{Connection, Row};
}

/// Opens a PostgreSQL source; does not connect yet.
pub fn open(address: &Address, policy: &TypePolicy, environment: &Environment) -> Result<Arc<dyn Source>> {
    let config = PostgresConfig::from_address(address, environment)?;
    let dialect = PostgresDialect::new(policy.special_values);
    Ok(Arc::new(PostgresSource {
        pool: Arc::new(Pool::new(config, Arc::clone(&dialect.any_character))),
        dialect,
        policy: policy.clone(),
    }))
}

/// A PostgreSQL database.
#[derive(Debug)]
struct PostgresSource {
    dialect: PostgresDialect,
    pool: Arc<Pool>,
    policy: TypePolicy,
}

#[async_trait]
impl Source for PostgresSource {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        let mut connection = self.pool.take().await?;
        let identifier = identifier(&mut connection).await?;
        let config = self.pool.config();
        let identity = SourceIdentity {
            kind: "postgres".into(),
            version: connection.server_version().to_owned(),
            server: format!("{}:{}", config.host, config.port),
            database: config.database.clone(),
            user: config.user.clone(),
            identifier,
        };
        if connection.server_version_num() < 120_000 {
            return Err(Error::config(format!("PostgreSQL {} is older than 12", identity.version))
                .hint("use a server of version 12 or later"));
        }
        self.pool.give_back(connection);
        Ok(identity)
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let mut connection = self.pool.take().await?;
        connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
        let rows = connection.query(include_str!("discover.sql")).await?;
        connection.execute("COMMIT").await?;
        self.pool.give_back(connection);
        let mut listed = Vec::new();
        for row in rows {
            let kind = match row.required(2)? {
                "table" => TableKind::Table,
                "partitioned" => TableKind::Partitioned,
                "partition" => TableKind::Partition,
                "view" => TableKind::View,
                "materialized_view" => TableKind::MaterializedView,
                _ => TableKind::Foreign,
            };
            listed.push(ListedTable { table: names::table(&row)?, kind });
        }
        listed.retain(|t| filter.matches(t));
        Ok(listed)
    }

    async fn snapshot(&self, tables: &[TableRef], level: Consistency) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(snapshot::PostgresSnapshot::pin(&self.pool, &self.policy, tables, level).await?))
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        read::stream(&self.pool, self.policy.special_values, read, at)
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        fingerprint::count(&self.pool, &self.dialect, read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize]) -> Result<()> {
        fingerprint::row_sql(table, columns, self.policy.special_values).map(drop)
    }

    async fn fingerprint(&self, read: &TableRead, at: &SnapshotToken) -> Result<Fingerprint> {
        fingerprint::fingerprint(&self.pool, &self.dialect, read, at).await
    }
}

/// The server's own identifier and the database's name; none where the role may not ask, or the server has none.
/// A physical copy has its primary's; a restored dump and an upgraded server have another one.
async fn identifier(connection: &mut wire::Connection) -> Result<Option<String>> {
    let sql = "SELECT s.system_identifier || '/' || pg_catalog.current_database() FROM pg_catalog.pg_control_system() s";
    match connection.query(sql).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned)),
        Err(error) if wire::sqlstate(&error).is_some() && error.transient().is_none() => {
            tracing::debug!(%error, "the server's identifier is not known");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Settings of every transaction, so that nothing a role or database sets can change a value or
/// cut a run short (`transaction_timeout` came with version 17). `SET LOCAL`, so that a pooler in transaction mode works too.
///
/// What `lc_monetary` is by default is a question of taste, but not what somebody else left in a pooled session.
///
/// `SQL_ASCII` is no encoding: text that is not UTF-8 must reach our own check, which names its row.
const SESSION: &str = "SET LOCAL search_path = pg_catalog; \
    SET LOCAL statement_timeout = 0; \
    SELECT set_config('client_encoding', \
        CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, true); \
    SET LOCAL datestyle = 'ISO, YMD'; \
    SET LOCAL intervalstyle = iso_8601; \
    SET LOCAL timezone = 'UTC'; \
    SET LOCAL extra_float_digits = 3; \
    SET LOCAL bytea_output = hex; \
    SET LOCAL lc_monetary TO DEFAULT; \
    SET LOCAL xmloption = content; \
    SET LOCAL standard_conforming_strings = on; \
    SET LOCAL quote_all_identifiers = off; \
    SET LOCAL row_security = off; \
    SET LOCAL synchronize_seqscans = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; \
    SET LOCAL lock_timeout = '60s'; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL \
        THEN set_config('transaction_timeout', '0', true) END";
