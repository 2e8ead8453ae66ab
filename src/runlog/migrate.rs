//! Making the tables, and bringing those of an earlier version up to date. Each script runs once, whoever else
//! starts at the same moment.

use super::session::{Lock, Session, Value, number};
use super::steps::{STEPS, does_something, newest, recorded_as, step_of};
use crate::error::{Code, Error, Result};

/// Tables of the run log, those that refer to others first.
pub(super) const TABLES: [&str; 9] = [
    "part_snapshots",
    "prepared_parts",
    "table_plans",
    "part_retries",
    "files",
    "jobs",
    "runs",
    "partition_columns",
    "schema_version",
];

/// What the tables are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There are none.
    Nothing,
    /// Those after this step (0: begun and cut short, where that cannot be rolled back).
    Step(i64),
}

/// Makes what is missing.
pub(super) async fn migrate(session: &mut dyn Session) -> Result<()> {
    let dialect = session.dialect();
    if found(session).await? == Found::Step(newest()) {
        return Ok(());
    }
    if let Lock::Around(take, _) = dialect.lock {
        let given = session.query(take, &[]).await?;
        if given.first().map(|row| number::<i64>(row, 0)).transpose()?.flatten() != Some(1) {
            return Err(Error::unavailable("another program keeps the run log's lock")
                .coded(Code::RunLogUnreachable)
                .hint("it is held while the run log's tables are made; try again"));
        }
    }
    session.script(dialect.begin_write).await?;
    if let Lock::Inside(take) = dialect.lock {
        session.query(take, &[]).await?;
    }
    // Another program may have made them while this one waited for the lock.
    let done = match found(session).await? {
        Found::Nothing => 0,
        Found::Step(step) => step,
    };
    for (step, number) in STEPS.iter().zip(1..).filter(|(_, number)| *number > done) {
        let script = (dialect.script)(step);
        if does_something(script) {
            session.script(script).await.map_err(|error| error.with("step", step.name))?;
        }
        if let Some(recorded) = recorded_as(dialect.counted, number) {
            let sql = "INSERT INTO schema_version (version) VALUES (?)";
            session.query(sql, &[Value::Integer(recorded)]).await?;
        }
    }
    session.script("COMMIT").await?;
    if let Lock::Around(_, give_back) = dialect.lock {
        session.query(give_back, &[]).await?;
    }
    Ok(())
}

/// What there is.
///
/// # Errors
/// `Config` when tables of these names belong to another program, or to a later version of this one.
pub(super) async fn found(session: &mut dyn Session) -> Result<Found> {
    let dialect = session.dialect();
    if !has_table(session, "schema_version").await? {
        for table in TABLES {
            // Another program of ours may have made them all since we looked.
            if has_table(session, table).await? && !has_table(session, "schema_version").await? {
                return Err(Error::config(format!("there is a table '{table}' of another program"))
                    .coded(Code::RunLogUnfit)
                    .hint("name a database, a schema or a file of its own for the run log"));
            }
        }
        if !has_table(session, "schema_version").await? {
            return Ok(Found::Nothing);
        }
    }
    let rows = session.query("SELECT max(version) FROM schema_version", &[]).await?;
    let version = rows.first().map(|row| number::<i64>(row, 0)).transpose()?.flatten();
    match version.map(|recorded| step_of(dialect.counted, recorded)) {
        Some(later) if later > newest() => {
            let known = newest();
            Err(Error::config(format!("the run log has version {later}, this program knows {known}"))
                .coded(Code::RunLogUnfit)
                .hint("use the newer lakexpress, or name another place for the run log"))
        }
        Some(step) if step > 0 => Ok(Found::Step(step)),
        None if !dialect.transactional_ddl => Ok(Found::Step(0)),
        _ => Err(Error::config("what is there is not a run log of lakexpress")
            .coded(Code::RunLogUnfit)
            .hint("name a database, a schema or a file of its own for the run log")),
    }
}

/// Whether our schema has a table of that name.
pub(super) async fn has_table(session: &mut dyn Session, name: &str) -> Result<bool> {
    let sql = session.dialect().count_tables;
    let rows = session.query(sql, &[Value::text(name)]).await?;
    Ok(rows.first().map(|row| number::<i64>(row, 0)).transpose()?.flatten().unwrap_or(0) > 0)
}
