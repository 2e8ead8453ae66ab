//! `lakexpress publish`: tables that lie at a destination become tables of a DuckLake catalog, all of them in one
//! transaction.
//!
//! A DuckLake catalog is a database that says which files are a table, at each of its snapshots. The files stay where they
//! are, and none is written. The tables are those of `--format delta`: their files have names of their run, so that older
//! snapshots of the catalog stay readable.
//!
//! ```text
//! tables are locked -> manifests, listing, footers -> the catalog's newest snapshot -> what differs
//!     -> one transaction: the next snapshot, and all that differs
//! ```
//!
//! Who makes the next snapshot is decided by its number, the primary key of `ducklake_snapshot`: its row is the first thing
//! that the transaction writes. A writer that was slower begins with what is there now. A publication that was cut short
//! has published nothing; one whose end is not known is repeated, and finds nothing left to do.
//!
//! | file | what |
//! |---|---|
//! | `address` | where a catalog is |
//! | `database` | the catalog's connection; `sqlite` and `postgres` are the kinds of it |
//! | `layout` | the tables of a catalog |
//! | `lake` | tables at the destination: locked, with columns and files |
//! | `columns`, `bounds` | columns and statistics as DuckLake has them |
//! | `state` | what the catalog has of a table |
//! | `transaction` | the next snapshot |

mod address;
mod bounds;
mod columns;
mod database;
mod lake;
mod layout;
mod postgres;
mod published;
mod sqlite;
mod state;
mod transaction;

use std::sync::Arc;

pub use self::address::CatalogAddress;
use self::database::Database;
use self::lake::Lake;
pub use self::published::{Done, Published, PublishedTable};
use self::transaction::Attempt;
use crate::destination::Destination;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::verify::Scope;

/// How often another writer may be faster.
const ATTEMPTS: usize = 10;

/// Publishes the tables of `scope` in the catalog, all of them or none.
///
/// # Errors
/// `Usage` when there is no table; `Data` when a table is none of `--format delta`, is not whole, has a type that DuckLake
/// has not, or is in the catalog by another program; `Config` when the database is no catalog that is understood;
/// `Unavailable` when a run writes one of the tables, or when other writers are always faster.
pub async fn publish(
    destination: &Arc<dyn Destination>,
    scope: &Scope,
    catalog: &CatalogAddress,
) -> Result<Published> {
    destination.reach().await?;
    let lake = Lake::lock(destination, scope).await?;
    let published = published(&lake, catalog).await;
    lake.release().await;
    published
}

async fn published(lake: &Lake, catalog: &CatalogAddress) -> Result<Published> {
    let mut database = Database::new(catalog.open()?);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match transaction::attempt(&mut database, lake).await {
            Ok(Attempt::Done(published)) => return Ok(published),
            Ok(Attempt::Overtaken) if attempts < ATTEMPTS => {
                tracing::info!(attempts, "another writer made the catalog's next snapshot; once more");
            }
            Ok(Attempt::Overtaken) => {
                return Err(Error::unavailable("other programs write the catalog all the time")
                    .coded(Code::CommittedMeanwhile)
                    .with("catalog", database.location())
                    .with("attempts", attempts)
                    .hint("nothing was published; run again"));
            }
            Err(error) => {
                let error = error.with("catalog", database.location());
                return Err(match error.kind() {
                    ErrorKind::Unavailable => error.hint(
                        "all tables are published, or none; run again: what is published already stays so",
                    ),
                    _ => error,
                });
            }
        }
    }
}
