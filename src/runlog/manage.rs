//! Emptying the run log, and taking it away.

use super::migrate::{Found, TABLES, found};
use super::session::Session;
use crate::error::Result;

/// Removes all runs with their jobs and files. `partition_columns` is the user's and stays.
pub(super) async fn truncate(session: &mut dyn Session) -> Result<()> {
    if found(session).await? == Found::Nothing {
        return Ok(());
    }
    for table in TABLES.iter().filter(|table| !["partition_columns", "schema_version"].contains(table)) {
        session.query(&format!("DELETE FROM {table}"), &[]).await?;
    }
    Ok(())
}

/// Drops the tables, `partition_columns` too, if they are ours.
pub(super) async fn drop_tables(session: &mut dyn Session) -> Result<()> {
    if found(session).await? == Found::Nothing {
        return Ok(());
    }
    for table in TABLES {
        session.query(&format!("DROP TABLE IF EXISTS {table}"), &[]).await?;
    }
    Ok(())
}
