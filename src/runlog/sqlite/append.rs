//! One event is one transaction.

use rusqlite::{Connection, Transaction, TransactionBehavior, named_params, params};

use super::{sqlite_error, status_text};
use crate::catalog::TableRef;
use crate::error::{Error, Result};
use crate::manifest::FileEntry;
use crate::runlog::{RunEvent, RunStatus};

pub(super) fn append(connection: &mut Connection, event: &RunEvent) -> Result<()> {
    let failed = |error| sqlite_error("write", error);
    // Immediate: a deferred transaction that turns into a writer may not wait for the other one.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    match event {
        RunEvent::RunStarted { .. } => run_started(&transaction, event)?,
        RunEvent::SnapshotTaken { run_id, snapshot } => {
            let sql = "UPDATE runs SET snapshot = ?2 WHERE run_id = ?1";
            one(transaction.execute(sql, params![run_id, snapshot]), run_id)?;
        }
        RunEvent::TableStarted { run_id, table, at, method, parts, est_rows } => {
            ensure_job(&transaction, run_id, table).map_err(failed)?;
            let sql = "UPDATE jobs SET status = 'running', started_at = ?4, finished_at = NULL, method = ?5,
                parts = ?6, est_rows = ?7, error_message = NULL
                WHERE run_id = ?1 AND source_schema = ?2 AND source_table = ?3";
            let values = params![
                run_id,
                table.schema,
                table.name,
                at,
                method,
                number(*parts as u64),
                number(*est_rows)
            ];
            one(transaction.execute(sql, values), run_id)?;
        }
        RunEvent::TableDone { run_id, table, at, rows, directory, files } => {
            ensure_job(&transaction, run_id, table).map_err(failed)?;
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            let sql =
                "UPDATE jobs SET status = 'completed', finished_at = ?4, row_count = ?5, file_count = ?6,
                bytes = ?7, directory = ?8, error_message = NULL
                WHERE run_id = ?1 AND source_schema = ?2 AND source_table = ?3";
            let (rows, count, bytes) = (number(*rows), number(files.len() as u64), number(bytes));
            let values = params![run_id, table.schema, table.name, at, rows, count, bytes, directory];
            one(transaction.execute(sql, values), run_id)?;
            write_files(&transaction, run_id, table, files)?;
        }
        RunEvent::TableFailed { run_id, table, at, error } => {
            ensure_job(&transaction, run_id, table).map_err(failed)?;
            let sql = "UPDATE jobs SET status = 'failed', finished_at = ?4, error_message = ?5
                WHERE run_id = ?1 AND source_schema = ?2 AND source_table = ?3";
            one(transaction.execute(sql, params![run_id, table.schema, table.name, at, error]), run_id)?;
        }
        RunEvent::RunEnded { run_id, at, status, error } => {
            run_ended(&transaction, run_id, at, *status, error.as_deref())?;
        }
    }
    transaction.commit().map_err(failed)
}

fn run_started(transaction: &Transaction<'_>, event: &RunEvent) -> Result<()> {
    let RunEvent::RunStarted { run_id, at, source, destination, config, tables } = event else {
        return Err(Error::internal("not the start of a run"));
    };
    let failed = |error| sqlite_error("write", error);
    let (kind, database) = split_source(source);
    // The same id again is a resumed run: its history stays.
    let sql =
        "INSERT INTO runs (run_id, started_at, status, source_db_type, source_database, source, destination,
            config, version)
        VALUES (:run_id, :at, 'running', :kind, :database, :source, :destination, :config, :version)
        ON CONFLICT (run_id) DO UPDATE SET status = 'running', finished_at = NULL, error_message = NULL";
    let version = env!("CARGO_PKG_VERSION");
    let values = named_params! {
        ":run_id": run_id, ":at": at, ":kind": kind, ":database": database, ":source": source,
        ":destination": destination, ":config": config, ":version": version,
    };
    transaction.execute(sql, values).map_err(failed)?;
    for table in tables {
        ensure_job(transaction, run_id, table).map_err(failed)?;
    }
    Ok(())
}

fn run_ended(
    transaction: &Transaction<'_>,
    run_id: &str,
    at: &str,
    status: RunStatus,
    error: Option<&str>,
) -> Result<()> {
    let sql = "UPDATE runs SET finished_at = ?2, status = ?3, error_message = ?4 WHERE run_id = ?1";
    one(transaction.execute(sql, params![run_id, at, status_text(status), error]), run_id)?;
    // A table that was under way when the run ended was not committed.
    let sql = "UPDATE jobs SET status = 'failed', finished_at = ?2, error_message = ?3
        WHERE run_id = ?1 AND status = 'running'";
    let why = error.unwrap_or("the run ended before this table was done");
    transaction.execute(sql, params![run_id, at, why]).map_err(|error| sqlite_error("write", error))?;
    Ok(())
}

/// Makes the job's row unless it is there; an unknown run is refused by the foreign key.
fn ensure_job(transaction: &Transaction<'_>, run_id: &str, table: &TableRef) -> rusqlite::Result<()> {
    let sql = "INSERT INTO jobs (run_id, source_schema, source_table, status, ordinal)
        VALUES (?1, ?2, ?3, 'pending', (SELECT coalesce(max(ordinal), -1) + 1 FROM jobs WHERE run_id = ?1))
        ON CONFLICT DO NOTHING";
    transaction.prepare_cached(sql)?.execute(params![run_id, table.schema, table.name])?;
    Ok(())
}

fn write_files(
    transaction: &Transaction<'_>,
    run_id: &str,
    table: &TableRef,
    files: &[FileEntry],
) -> Result<()> {
    let failed = |error| sqlite_error("write", error);
    let sql = "DELETE FROM files WHERE run_id = ?1 AND source_schema = ?2 AND source_table = ?3";
    transaction.execute(sql, params![run_id, table.schema, table.name]).map_err(failed)?;
    let sql = "INSERT INTO files (run_id, source_schema, source_table, file_name, part, row_count, bytes, crc32, slice)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let mut insert = transaction.prepare(sql).map_err(failed)?;
    for file in files {
        let slice = serde_json::to_string(&file.slice)
            .map_err(|error| Error::internal("cannot write a slice as JSON").caused_by(error))?;
        let (part, rows, bytes) = (number(file.part as u64), number(file.rows), number(file.bytes));
        let values =
            params![run_id, table.schema, table.name, file.name, part, rows, bytes, file.crc32, slice];
        insert.execute(values).map_err(failed)?;
    }
    Ok(())
}

/// Exactly one row must have changed: an event of a run that never started is a defect.
fn one(changed: rusqlite::Result<usize>, run_id: &str) -> Result<()> {
    match changed {
        Ok(1) => Ok(()),
        Ok(_) => Err(Error::internal("event of a run that the run log does not know").with("run", run_id)),
        Err(error) => Err(sqlite_error("write", error)),
    }
}

/// SQLite integers are signed. No count of rows or bytes comes near the limit.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
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
