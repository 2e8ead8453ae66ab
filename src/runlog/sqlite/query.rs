//! Reading runs and jobs.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{sqlite_error, status_from};
use crate::catalog::TableRef;
use crate::error::{Error, Result};
use crate::runlog::{JobRecord, RunRecord, RunStatus};

const RUN_COLUMNS: &str =
    "run_id, status, started_at, finished_at, source, destination, config, error_message";
/// How many candidates an ambiguous prefix names.
const CANDIDATES: usize = 5;

pub(super) fn runs(connection: &Connection, limit: usize) -> Result<Vec<RunRecord>> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM runs ORDER BY started_at DESC, run_id DESC LIMIT ?1");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: rusqlite::Result<Vec<(RunRecord, String)>> =
        connection.prepare(&sql).and_then(|mut statement| statement.query_map([limit], run_row)?.collect());
    rows.map_err(failed)?.into_iter().map(with_status).collect()
}

pub(super) fn run(connection: &mut Connection, prefix: &str) -> Result<Option<RunRecord>> {
    if prefix.is_empty() {
        return Err(Error::usage("the run id is empty").hint("`lakexpress runs` lists the runs"));
    }
    // One transaction, so that run and jobs are of one moment.
    let transaction = connection.transaction().map_err(failed)?;
    let Some(run_id) = resolve(&transaction, prefix)? else {
        return Ok(None);
    };
    let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?1");
    let found = transaction.query_row(&sql, [&run_id], run_row).optional().map_err(failed)?;
    let Some(mut record) = found.map(with_status).transpose()? else {
        return Ok(None);
    };
    record.jobs = jobs(&transaction, &run_id)?;
    Ok(Some(record))
}

/// The one run id that is `prefix` or begins with it.
fn resolve(connection: &Connection, prefix: &str) -> Result<Option<String>> {
    // Not LIKE: a wildcard in the prefix must not match.
    let sql = "SELECT run_id FROM runs WHERE substr(run_id, 1, length(?1)) = ?1
        ORDER BY run_id = ?1 DESC, started_at DESC, run_id LIMIT ?2";
    let limit = i64::try_from(CANDIDATES + 1).unwrap_or(i64::MAX);
    let found: rusqlite::Result<Vec<String>> = connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map(params![prefix, limit], |row| row.get(0))?.collect());
    let mut found = found.map_err(failed)?;
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        _ if found[0] == prefix => Ok(Some(found.swap_remove(0))),
        many => {
            let more = if many > CANDIDATES { ", ..." } else { "" };
            found.truncate(CANDIDATES);
            Err(Error::usage(format!("several runs begin with '{prefix}'"))
                .hint(format!("write more of the id: {}{more}", found.join(", "))))
        }
    }
}

fn jobs(connection: &Connection, run_id: &str) -> Result<Vec<JobRecord>> {
    let sql =
        "SELECT source_schema, source_table, status, started_at, finished_at, row_count, file_count, bytes,
        method, error_message FROM jobs WHERE run_id = ?1 ORDER BY ordinal";
    let rows: rusqlite::Result<Vec<(JobRecord, String)>> =
        connection.prepare(sql).and_then(|mut statement| statement.query_map([run_id], job_row)?.collect());
    let rows = rows.map_err(failed)?;
    rows.into_iter().map(|(job, status)| Ok(JobRecord { status: status_from(&status)?, ..job })).collect()
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<(RunRecord, String)> {
    let record = RunRecord {
        run_id: row.get(0)?,
        status: RunStatus::Pending,
        started_at: row.get(2)?,
        finished_at: row.get(3)?,
        source: row.get(4)?,
        destination: row.get(5)?,
        config: row.get(6)?,
        error_message: row.get(7)?,
        jobs: Vec::new(),
    };
    Ok((record, row.get(1)?))
}

fn with_status((record, status): (RunRecord, String)) -> Result<RunRecord> {
    Ok(RunRecord { status: status_from(&status)?, ..record })
}

fn job_row(row: &Row<'_>) -> rusqlite::Result<(JobRecord, String)> {
    let job = JobRecord {
        table: TableRef { schema: row.get(0)?, name: row.get(1)? },
        status: RunStatus::Pending,
        started_at: row.get(3)?,
        finished_at: row.get(4)?,
        row_count: row.get(5)?,
        file_count: row.get(6)?,
        bytes: row.get(7)?,
        method: row.get(8)?,
        error_message: row.get(9)?,
    };
    Ok((job, row.get(2)?))
}

fn failed(error: rusqlite::Error) -> Error {
    sqlite_error("read", error)
}
