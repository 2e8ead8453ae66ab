//! One event is one transaction. The same event again, as after a lost answer, changes nothing.

use std::collections::HashSet;

use super::session::{Session, Value, number};
use super::{Document, Repeated, RunEvent, RunStatus, Timestamp, json};
use crate::catalog::TableRef;
use crate::error::{Error, Result};
use crate::manifest::{FileEntry, PartsAsOf};

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
            session.query(sql, &[Value::Text(json::write(snapshot)?), Value::text(run_id)]).await.map(drop)
        }
        RunEvent::TableStarted { run_id, table, at, method, parts, est_rows } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            let values = [
                Value::Time(at.moment()),
                Value::text(method),
                Value::count(*parts as u64),
                Value::count(*est_rows),
            ];
            let set =
                "status = 'running', started_at = ?, finished_at = NULL, method = ?, parts = ?, est_rows = ?,
                error_message = NULL";
            update_job(session, set, &values, run_id, table).await
        }
        RunEvent::TableDone { run_id, table, at, rows, directory, files } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            let values = [
                Value::Time(at.moment()),
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
            let values = [Value::Time(at.moment()), Value::text(error)];
            let set = "status = 'failed', finished_at = ?, error_message = ?";
            update_job(session, set, &values, run_id, table).await
        }
        RunEvent::TableRepeated { run_id, table, parts, .. } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            write_repeated(session, run_id, table, parts).await
        }
        RunEvent::TablePlanned { run_id, table, plan, .. } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            replace(session, ("prepared_parts", "part, prepared"), (run_id, table), Vec::new()).await?;
            let plan = vec![vec![Value::text(plan.as_str())]];
            replace(session, ("table_plans", "plan"), (run_id, table), plan).await
        }
        RunEvent::PartPrepared { run_id, table, part, prepared, .. } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            write_prepared(session, (run_id, table), *part, prepared).await
        }
        RunEvent::TableMixed { run_id, table, parts, .. } => {
            ensure_jobs(session, run_id, std::slice::from_ref(table)).await?;
            write_snapshots(session, (run_id, table), parts).await
        }
        RunEvent::RunEnded { run_id, at, status, error } => {
            run_ended(session, run_id, *at, *status, error.as_deref()).await
        }
    }
}

/// The process that makes the run is alive.
pub(super) async fn heartbeat(session: &mut dyn Session, run_id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE runs SET heartbeat_at = ? WHERE run_id = ?";
    session.query(sql, &[Value::Time(at.moment()), Value::text(run_id)]).await.map(drop)
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
        session.query(sql, &[Value::Time(at.moment()), Value::text(run_id)]).await?;
        // What is exported again is counted from zero.
        forget(session, "part_retries", run_id, "<>").await?;
        forget(session, "part_snapshots", run_id, "<>").await?;
    } else {
        let sql = "INSERT INTO runs (run_id, started_at, status, source_db_type, source_database, source, destination,
            config, version, heartbeat_at) VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)";
        let values = [
            Value::text(run_id),
            Value::Time(at.moment()),
            Value::text(&source.kind),
            Value::text(&source.database),
            Value::text(&source.url()),
            Value::text(destination),
            Value::text(config.as_str()),
            Value::text(env!("CARGO_PKG_VERSION")),
            Value::Time(at.moment()),
        ];
        session.query(sql, &values).await?;
    }
    ensure_jobs(session, run_id, tables).await
}

async fn run_ended(
    session: &mut dyn Session,
    run_id: &str,
    at: Timestamp,
    status: RunStatus,
    error: Option<&str>,
) -> Result<()> {
    let sql = "UPDATE runs SET finished_at = ?, status = ?, error_message = ? WHERE run_id = ?";
    let values =
        [Value::Time(at.moment()), Value::text(status.as_str()), Value::optional(error), Value::text(run_id)];
    session.query(sql, &values).await?;
    // A table that was under way when the run ended was not committed.
    let sql = "UPDATE jobs SET status = 'failed', finished_at = ?, error_message = ?
        WHERE run_id = ? AND status = 'running'";
    let why = error.unwrap_or("the run ended before this table was done");
    session.query(sql, &[Value::Time(at.moment()), Value::text(why), Value::text(run_id)]).await?;
    // Nobody will ask for these again.
    forget(session, "prepared_parts", run_id, "=").await?;
    forget(session, "table_plans", run_id, "=").await
}

/// Removes the rows of `from` that are about tables of the run that are completed (`=`) or not (`<>`).
async fn forget(session: &mut dyn Session, from: &str, run_id: &str, operator: &str) -> Result<()> {
    let sql = format!(
        "DELETE FROM {from} WHERE run_id = ? AND EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = {from}.run_id
        AND jobs.source_schema = {from}.source_schema AND jobs.source_table = {from}.source_table
        AND jobs.status {operator} 'completed')"
    );
    session.query(&sql, &[Value::text(run_id)]).await.map(drop)
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
    let row = |file: &FileEntry| {
        let slice = json::write(&file.slice)?;
        let (rows, bytes) = (Value::count(file.rows), Value::count(file.bytes));
        let part = Value::count(file.part as u64);
        Ok(vec![Value::text(&file.name), part, rows, bytes, Value::text(&file.crc32), Value::Text(slice)])
    };
    let rows = files.iter().map(row).collect::<Result<_>>()?;
    let columns = "file_name, part, row_count, bytes, crc32, slice";
    replace(session, ("files", columns), (run_id, table), rows).await
}

async fn write_repeated(
    session: &mut dyn Session,
    run_id: &str,
    table: &TableRef,
    parts: &[Repeated],
) -> Result<()> {
    let row = |Repeated { part, retries, class, code, error }: &Repeated| {
        let part = part.map_or(Value::Integer(WHOLE), |part| Value::count(part as u64));
        let (class, code) = (Value::text(class), Value::optional(code.as_deref()));
        vec![part, Value::count(*retries), class, code, Value::text(error)]
    };
    let columns = "part, retries, error_class, error_code, error_message";
    let rows = parts.iter().map(row).collect();
    replace(session, ("part_retries", columns), (run_id, table), rows).await
}

async fn write_prepared(
    session: &mut dyn Session,
    (run_id, table): (&str, &TableRef),
    part: usize,
    prepared: &Document,
) -> Result<()> {
    let mut values = key(run_id, table);
    values.push(Value::count(part as u64));
    let sql =
        "DELETE FROM prepared_parts WHERE run_id = ? AND source_schema = ? AND source_table = ? AND part = ?";
    session.query(sql, &values).await?;
    values.push(Value::text(prepared.as_str()));
    let sql = "INSERT INTO prepared_parts (run_id, source_schema, source_table, part, prepared)
        VALUES (?, ?, ?, ?, ?)";
    session.query(sql, &values).await.map(drop)
}

async fn write_snapshots(
    session: &mut dyn Session,
    of: (&str, &TableRef),
    moments: &[PartsAsOf],
) -> Result<()> {
    let mut rows = Vec::new();
    for PartsAsOf { snapshot, parts } in moments {
        let snapshot = json::write(snapshot)?;
        rows.extend(parts.iter().map(|part| vec![Value::count(*part as u64), Value::text(&snapshot)]));
    }
    replace(session, ("part_snapshots", "part, snapshot"), of, rows).await
}

fn key(run_id: &str, table: &TableRef) -> Vec<Value> {
    vec![Value::text(run_id), Value::text(&table.schema), Value::text(&table.name)]
}

/// Replaces what `into` holds of a table by `rows`, whose values are those of `columns`.
async fn replace(
    session: &mut dyn Session,
    (into, columns): (&str, &str),
    (run_id, table): (&str, &TableRef),
    rows: Vec<Vec<Value>>,
) -> Result<()> {
    let key = key(run_id, table);
    let sql = format!("DELETE FROM {into} WHERE run_id = ? AND source_schema = ? AND source_table = ?");
    session.query(&sql, &key).await?;
    for some in rows.chunks(ROWS) {
        let places: Vec<String> =
            some.iter().map(|row| format!("(?, ?, ?{})", ", ?".repeat(row.len()))).collect();
        let sql = format!(
            "INSERT INTO {into} (run_id, source_schema, source_table, {columns}) VALUES {}",
            places.join(", ")
        );
        let values: Vec<Value> = some.iter().flat_map(|row| key.iter().chain(row).cloned()).collect();
        session.query(&sql, &values).await?;
    }
    Ok(())
}
