//! One event is one transaction. The same event again, as after a lost answer, changes nothing.

use std::collections::HashSet;

use super::query::status_text;
use super::session::{Session, Value, number};
use super::{Repeated, RunEvent, RunStatus};
use crate::catalog::TableRef;
use crate::error::{Error, Result};
use crate::manifest::FileEntry;

/// Rows of one INSERT.
const ROWS: usize = 100;
/// The number in `part_retries` of the table as a whole.
pub(super) const WHOLE: i64 = -1;

pub(super) async fn append(session: &mut dyn Session, event: &RunEvent) -> Result<()> {
    if !matches!(event, RunEvent::RunStarted { .. }) {
        known(session, event.run_id()).await?;
    }
    match event {
        RunEvent::RunStarted { .. } => run_started(session, event).await,
        RunEvent::SnapshotTaken { run_id, snapshot } => {
            let sql = "UPDATE runs SET snapshot = ? WHERE run_id = ?";
            session.query(sql, &[Value::text(snapshot), Value::text(run_id)]).await.map(drop)
        }
        RunEvent::TableStarted { run_id, table, at, method, parts, est_rows } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            let values =
                [Value::time(at), Value::text(method), Value::count(*parts as u64), Value::count(*est_rows)];
            let set =
                "status = 'running', started_at = ?, finished_at = NULL, method = ?, parts = ?, est_rows = ?,
                error_message = NULL";
            update_job(session, set, &values, run_id, table).await
        }
        RunEvent::TableDone { run_id, table, at, rows, directory, files } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            let values = [
                Value::time(at),
                Value::count(*rows),
                Value::count(files.len() as u64),
                Value::count(bytes),
                Value::text(directory),
            ];
            let set = "status = 'completed', finished_at = ?, row_count = ?, file_count = ?, bytes = ?,
                directory = ?, error_message = NULL";
            update_job(session, set, &values, run_id, table).await?;
            write_files(session, run_id, table, files).await
        }
        RunEvent::TableFailed { run_id, table, at, error } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            let values = [Value::time(at), Value::text(error)];
            let set = "status = 'failed', finished_at = ?, error_message = ?";
            update_job(session, set, &values, run_id, table).await
        }
        RunEvent::TableRepeated { run_id, table, parts, .. } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            write_repeated(session, run_id, table, parts).await
        }
        RunEvent::RunEnded { run_id, at, status, error } => {
            run_ended(session, run_id, at, *status, error.as_deref()).await
        }
    }
}

/// The process that makes the run is alive.
pub(super) async fn heartbeat(session: &mut dyn Session, run_id: &str, at: &str) -> Result<()> {
    let sql = "UPDATE runs SET heartbeat_at = ? WHERE run_id = ?";
    session.query(sql, &[Value::time(at), Value::text(run_id)]).await.map(drop)
}

/// An event of a run that never started is a defect, or the run log was emptied meanwhile.
async fn known(session: &mut dyn Session, run_id: &str) -> Result<()> {
    if has_run(session, run_id).await? {
        return Ok(());
    }
    Err(Error::internal("event of a run that the run log does not know").with("run", run_id))
}

async fn has_run(session: &mut dyn Session, run_id: &str) -> Result<bool> {
    let rows = session.query("SELECT 1 FROM runs WHERE run_id = ?", &[Value::text(run_id)]).await?;
    Ok(!rows.is_empty())
}

async fn run_started(session: &mut dyn Session, event: &RunEvent) -> Result<()> {
    let RunEvent::RunStarted { run_id, at, source, destination, config, tables } = event else {
        return Err(Error::internal("not the start of a run"));
    };
    if has_run(session, run_id).await? {
        // The same id again is a resumed run: its history stays.
        let sql =
            "UPDATE runs SET status = 'running', finished_at = NULL, error_message = NULL, heartbeat_at = ?
            WHERE run_id = ?";
        session.query(sql, &[Value::time(at), Value::text(run_id)]).await?;
        // What is exported anew counts anew.
        let sql = "DELETE FROM part_retries WHERE run_id = ? AND EXISTS (SELECT 1 FROM jobs
            WHERE jobs.run_id = part_retries.run_id AND jobs.source_schema = part_retries.source_schema
            AND jobs.source_table = part_retries.source_table AND jobs.status <> 'completed')";
        session.query(sql, &[Value::text(run_id)]).await?;
    } else {
        let (kind, database) = split_source(source);
        let sql = "INSERT INTO runs (run_id, started_at, status, source_db_type, source_database, source, destination,
            config, version, heartbeat_at) VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)";
        let values = [
            Value::text(run_id),
            Value::time(at),
            Value::text(kind),
            Value::text(database),
            Value::text(source),
            Value::text(destination),
            Value::text(config),
            Value::text(env!("CARGO_PKG_VERSION")),
            Value::time(at),
        ];
        session.query(sql, &values).await?;
    }
    ensure_jobs(session, run_id, tables).await
}

async fn run_ended(
    session: &mut dyn Session,
    run_id: &str,
    at: &str,
    status: RunStatus,
    error: Option<&str>,
) -> Result<()> {
    let sql = "UPDATE runs SET finished_at = ?, status = ?, error_message = ? WHERE run_id = ?";
    let values =
        [Value::time(at), Value::text(status_text(status)), Value::optional(error), Value::text(run_id)];
    session.query(sql, &values).await?;
    // A table that was under way when the run ended was not committed.
    let sql = "UPDATE jobs SET status = 'failed', finished_at = ?, error_message = ?
        WHERE run_id = ? AND status = 'running'";
    let why = error.unwrap_or("the run ended before this table was done");
    session.query(sql, &[Value::time(at), Value::text(why), Value::text(run_id)]).await.map(drop)
}

async fn update_job(
    session: &mut dyn Session,
    set: &str,
    values: &[Value],
    run_id: &str,
    table: &TableRef,
) -> Result<()> {
    let sql = format!("UPDATE jobs SET {set} WHERE run_id = ? AND source_schema = ? AND source_table = ?");
    let mut all = values.to_vec();
    all.extend([Value::text(run_id), Value::text(&table.schema), Value::text(&table.name)]);
    session.query(&sql, &all).await.map(drop)
}

/// Makes the jobs' rows that are not there yet, in order, after those that are.
async fn ensure_jobs(session: &mut dyn Session, run_id: &str, tables: &[TableRef]) -> Result<()> {
    let (mut known, mut next) = (HashSet::new(), 0);
    if let [table] = tables {
        let sql =
            "SELECT (SELECT count(*) FROM jobs WHERE run_id = ? AND source_schema = ? AND source_table = ?),
            (SELECT coalesce(max(ordinal), -1) + 1 FROM jobs WHERE run_id = ?)";
        let run = Value::text(run_id);
        let values = [run.clone(), Value::text(&table.schema), Value::text(&table.name), run];
        let rows = session.query(sql, &values).await?;
        let row = rows.first().ok_or_else(|| Error::internal("a count without an answer"))?;
        if number::<i64>(row, 0)?.unwrap_or(0) > 0 {
            return Ok(());
        }
        next = number(row, 1)?.unwrap_or(0);
    } else {
        let sql = "SELECT source_schema, source_table, ordinal FROM jobs WHERE run_id = ?";
        for row in session.query(sql, &[Value::text(run_id)]).await? {
            next = next.max(number::<i64>(&row, 2)?.unwrap_or(0) + 1);
            if let [Some(schema), Some(name), ..] = row.as_slice() {
                known.insert(TableRef { schema: schema.clone(), name: name.clone() });
            }
        }
    }
    let missing: Vec<&TableRef> = tables.iter().filter(|table| !known.contains(*table)).collect();
    for some in missing.chunks(ROWS) {
        let places = vec!["(?, ?, ?, 'pending', ?)"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO jobs (run_id, source_schema, source_table, status, ordinal) VALUES {places}"
        );
        let mut values = Vec::with_capacity(some.len() * 4);
        for table in some {
            values.extend([Value::text(run_id), Value::text(&table.schema), Value::text(&table.name)]);
            values.push(Value::Integer(next));
            next += 1;
        }
        session.query(&sql, &values).await?;
    }
    Ok(())
}

async fn write_files(
    session: &mut dyn Session,
    run_id: &str,
    table: &TableRef,
    files: &[FileEntry],
) -> Result<()> {
    let key = [Value::text(run_id), Value::text(&table.schema), Value::text(&table.name)];
    let sql = "DELETE FROM files WHERE run_id = ? AND source_schema = ? AND source_table = ?";
    session.query(sql, &key).await?;
    for some in files.chunks(ROWS) {
        let places = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO files (run_id, source_schema, source_table, file_name, part, row_count, bytes, crc32, slice)
            VALUES {places}"
        );
        let mut values = Vec::with_capacity(some.len() * 9);
        for file in some {
            let slice = serde_json::to_string(&file.slice)
                .map_err(|error| Error::internal("cannot write a slice as JSON").caused_by(error))?;
            values.extend(key.iter().cloned());
            values.push(Value::text(&file.name));
            values.push(Value::count(file.part as u64));
            values.extend([Value::count(file.rows), Value::count(file.bytes)]);
            values.extend([Value::text(&file.crc32), Value::Text(slice)]);
        }
        session.query(&sql, &values).await?;
    }
    Ok(())
}

async fn write_repeated(
    session: &mut dyn Session,
    run_id: &str,
    table: &TableRef,
    parts: &[Repeated],
) -> Result<()> {
    let key = [Value::text(run_id), Value::text(&table.schema), Value::text(&table.name)];
    let sql = "DELETE FROM part_retries WHERE run_id = ? AND source_schema = ? AND source_table = ?";
    session.query(sql, &key).await?;
    for some in parts.chunks(ROWS) {
        let places = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO part_retries (run_id, source_schema, source_table, part, retries, error_class, error_code,
            error_message) VALUES {places}"
        );
        let mut values = Vec::with_capacity(some.len() * 8);
        for Repeated { part, retries, class, code, error } in some {
            values.extend(key.iter().cloned());
            values.push(part.map_or(Value::Integer(WHOLE), |part| Value::count(part as u64)));
            values.extend([Value::count(*retries), Value::text(class)]);
            values.extend([Value::optional(code.as_deref()), Value::text(error)]);
        }
        session.query(&sql, &values).await?;
    }
    Ok(())
}

/// Kind and database of `postgres://host:5432/sales` or `postgres host:5432/sales`.
fn split_source(source: &str) -> (&str, &str) {
    let kind_end = source.find([':', ' ']).unwrap_or(source.len());
    let (kind, rest) = source.split_at(kind_end);
    let rest = rest.trim_start_matches([':', '/', ' ']);
    (kind, rest.rsplit(['/', ' ']).next().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::split_source;

    #[test]
    fn a_source_has_a_kind_and_a_database() {
        assert_eq!(split_source("postgres://db:5432/sales"), ("postgres", "sales"));
        assert_eq!(split_source("postgres db:5432/sales"), ("postgres", "sales"));
        assert_eq!(split_source("postgres /run/pg:5432/sales"), ("postgres", "sales"));
        assert_eq!(split_source("postgres"), ("postgres", ""));
    }
}
