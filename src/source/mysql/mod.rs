//! MySQL and MariaDB, read by prepared statements in the binary protocol over our own client ([`crate::client::mysql`]).
//!
//! | file | what it does |
//! |---|---|
//! | `session` | settings of every connection |
//! | `moment` | one moment for all readers, and the readers that hold it |
//! | `place`, `running` | a reader for a part, and its statement |
//! | `ask`, `list`, `describe`, `statement`, `words` | the catalog, and SQL of the user's |
//! | `column` | types: what becomes of a column, and its decoders |
//! | `dialect` | names, slices and filters as SQL |
//! | `keys` | where to cut a table |
//! | `read`, `fingerprint` | the rows of a part, their number and their hash |

mod ask;
pub mod column;
mod describe;
pub mod dialect;
mod facts;
mod fingerprint;
mod keys;
mod list;
mod moment;
mod place;
mod read;
mod running;
mod session;
mod snapshot;
mod statement;
mod words;

use std::sync::Arc;

use arrow_schema::Fields;
use async_trait::async_trait;
use datafusion::physical_plan::SendableRecordBatchStream;

use self::place::Place;
use super::{Address, Dialect, Environment, Lag, Snapshot, Source, TableRead};
use crate::catalog::{
    Consistency, ListedTable, SnapshotToken, SourceIdentity, TableFilter, TableInfo, TableRef,
};
use crate::client::mysql::MysqlConfig;
use crate::error::{Code, Error, Result};
use crate::fingerprint::Fingerprint;
use crate::spec::TypePolicy;

/// URL schemes and `ds_type` values.
pub const NAMES: &[&str] = &["mysql", "mariadb"];

/// The oldest MySQL that is read.
const OLDEST_MYSQL: (u16, u16, u16) = (8, 0, 0);
/// The oldest MariaDB that is read.
const OLDEST_MARIADB: (u16, u16, u16) = (10, 5, 0);

/// Opens a MySQL or MariaDB source; does not connect yet.
///
/// # Errors
/// `Config`, with every problem of the address.
pub fn open(address: &Address, policy: &TypePolicy, environment: &Environment) -> Result<Arc<dyn Source>> {
    let config = MysqlConfig::from_address(address, environment)?;
    Ok(Arc::new(MysqlSource { place: Arc::new(Place::new(config)), policy: policy.clone() }))
}

/// A database of a server.
#[derive(Debug)]
struct MysqlSource {
    place: Arc<Place>,
    policy: TypePolicy,
}

#[async_trait]
impl Source for MysqlSource {
    fn dialect(&self) -> &dyn Dialect {
        &self.place.dialect
    }

    fn location(&self) -> String {
        let config = self.place.config();
        format!("mysql://{}/{}", config.server(), config.database)
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        let mut connection = self.place.connect().await?;
        let version = connection.version()?;
        let said = connection.server_version();
        // What stands before MariaDB's own number is for old replicas.
        let said = said.strip_prefix("5.5.5-").filter(|_| version.maria).unwrap_or(said).to_owned();
        let (name, oldest) =
            if version.maria { ("MariaDB", OLDEST_MARIADB) } else { ("MySQL", OLDEST_MYSQL) };
        if version.number < oldest {
            let (major, minor, _) = oldest;
            return Err(Error::config(format!("{name} {said} is older than {major}.{minor}"))
                .coded(Code::ServerTooOld)
                .hint(format!("use a server of version {major}.{minor} or later")));
        }
        // Only MySQL has an identifier that a copy does not share.
        let identifier = match version.maria {
            true => None,
            false => {
                ask::ask_one(&mut connection, "SELECT concat(@@server_uuid, '/', DATABASE())", &[]).await?
            }
        };
        let config = self.place.config();
        Ok(SourceIdentity {
            kind: "mysql".into(),
            version: said,
            server: config.server(),
            database: config.database.clone(),
            user: config.user.clone(),
            identifier,
        })
    }

    async fn list(&self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let mut connection = self.place.connect().await?;
        list::list(&mut connection, filter, &self.place.config().database).await
    }

    async fn caution(&self) -> Result<Option<String>> {
        moment::caution(&mut self.place.connect().await?).await
    }

    async fn least_role(&self, tables: &[TableRef], role: &str) -> Result<Option<String>> {
        moment::least(&mut self.place.connect().await?, tables, role).await.map(Some)
    }

    async fn replica_lag(&self) -> Result<Lag> {
        moment::replica_lag(&mut self.place.connect().await?).await
    }

    fn received(&self) -> Option<u64> {
        Some(self.place.received())
    }

    async fn snapshot(
        &self,
        tables: &[TableRef],
        level: Consistency,
        readers: usize,
    ) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(snapshot::MysqlSnapshot::pin(&self.place, &self.policy, tables, level, readers).await?))
    }

    fn read(&self, read: &TableRead, at: &SnapshotToken) -> Result<SendableRecordBatchStream> {
        Ok(read::stream(&self.place, read, at))
    }

    async fn count(&self, read: &TableRead, at: &SnapshotToken) -> Result<u64> {
        read::count(&self.place, read, at).await
    }

    fn check_fingerprint(&self, table: &TableInfo, columns: &[usize], written: &Fields) -> Result<()> {
        let special = facts::TableFacts::of(table)?.special_values;
        fingerprint::row_sql(table, columns, written, special).map(drop)
    }

    async fn fingerprint(
        &self,
        read: &TableRead,
        written: &Fields,
        at: &SnapshotToken,
    ) -> Result<Fingerprint> {
        read::hash(&self.place, read, written, at).await
    }
}
