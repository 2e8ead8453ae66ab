//! PostgreSQL 12 and later, read by `COPY ... (FORMAT binary)` over our own client ([`crate::client::postgres`]).

pub mod column;
mod columns;
mod composites;
mod describe;
pub mod dialect;
mod facts;
mod fingerprint;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod guard;
mod keys;
mod lag;
mod locate;
mod measure;
mod names;
mod planned;
mod read;
mod repeatable;
mod roles;
mod rows;
mod sample;
mod selection;
mod session;
mod snapshot;
mod spatial;
mod statement;
mod steady;
mod structure;
mod unplanned;
mod waits;

use std::sync::Arc;

use arrow_schema::Fields;
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;

use self::dialect::PostgresDialect;
use self::session::SESSION;
use super::{Address, Dialect, Environment, Lag, Snapshot, Source, TableRead};
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableKind, TableRef,
};
use crate::client::postgres::{Connection, Pool, PostgresConfig, sqlstate};
use crate::error::{Code, Error, Result};
use crate::fingerprint::Fingerprint;
use crate::spec::TypePolicy;

/// URL schemes and `ds_type` values.
pub const NAMES: &[&str] = &["postgres", "postgresql", "pgsql"];

/// Opens a PostgreSQL source; does not connect yet.
pub fn open(address: &Address, policy: &TypePolicy, environment: &Environment) -> Result<Arc<dyn Source>> {
    let config = PostgresConfig::from_address(address, environment)?;
    let dialect = PostgresDialect::default();
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

    fn location(&self) -> String {
        let config = self.pool.config();
        format!("postgres://{}:{}/{}", config.host, config.port, config.database)
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        let mut connection = self.pool.take().await?;
        connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
        let identifier = identifier(&mut connection).await?;
        connection.execute("ROLLBACK").await?;
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
                .coded(Code::ServerTooOld)
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

    async fn caution(&self) -> Result<Option<String>> {
        let mut connection = self.pool.take().await?;
        let caution = roles::caution(&mut connection).await?;
        self.pool.give_back(connection);
        Ok(caution)
    }

    async fn least_role(&self, tables: &[TableRef], role: &str) -> Result<Option<String>> {
        let mut connection = self.pool.take().await?;
        let sql = roles::least(&mut connection, tables, role).await?;
        self.pool.give_back(connection);
        Ok(Some(sql))
    }

    async fn replica_lag(&self) -> Result<Lag> {
        let mut connection = self.pool.take().await?;
        connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
        let lag = lag::measure(&mut connection).await?;
        connection.execute("ROLLBACK").await?;
        self.pool.give_back(connection);
        Ok(lag)
    }

    fn received(&self) -> Option<u64> {
        Some(self.pool.received())
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        _readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(snapshot::PostgresSnapshot::pin(&self.pool, &self.policy, tables, level).await?))
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        read::stream(&self.pool, read, at)
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        fingerprint::count(&self.pool, &self.dialect, read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize], written: &Fields) -> Result<()> {
        fingerprint::row_sql(table, columns, written).map(drop)
    }

    async fn fingerprint(
        &self,
        read: &TableRead,
        written: &Fields,
        at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        fingerprint::fingerprint(&self.pool, &self.dialect, read, written, at).await
    }
}

/// The server's own identifier and the database's name; none where the role may not ask, or the server has none.
/// A physical copy has its primary's; a restored dump and an upgraded server have another one.
async fn identifier(connection: &mut Connection) -> Result<Option<String>> {
    let sql = "SELECT s.system_identifier || '/' || pg_catalog.current_database() FROM pg_catalog.pg_control_system() s";
    match connection.query(sql).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned)),
        Err(error) if sqlstate(&error).is_some() && error.transient().is_none() => {
            tracing::debug!(%error, "the server's identifier is not known");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
