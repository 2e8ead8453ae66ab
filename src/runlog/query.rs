//! Reading runs, jobs and `partition_columns`.

use super::append::WHOLE;
use super::migrate::has_table;
use super::session::{Row, Session, Value, given, number, optional, parsed, required, timestamp};
use super::{JobRecord, PartitionRow, PreparedTable, Repeated, RunRecord, Timestamp};
use std::collections::HashMap;

use crate::catalog::TableRef;
use crate::error::{Code, Error, Result};
use crate::manifest::PartsAsOf;

/// How many candidates an ambiguous prefix names.
const CANDIDATES: usize = 5;
const STATUS: &str = "a status";

pub(super) async fn runs(session: &mut dyn Session, limit: usize) -> Result<Vec<RunRecord>> {
    let columns = run_columns(session);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!("SELECT {columns} FROM runs ORDER BY runs.started_at DESC, run_id DESC LIMIT {limit}");
    session.query(&sql, &[]).await?.into_iter().map(run_of).collect()
}

pub(super) async fn run(session: &mut dyn Session, prefix: &str) -> Result<Option<RunRecord>> {
    if prefix.is_empty() {
        return Err(Error::usage("the run id is empty")
            .coded(Code::UnknownRun)
            .hint("`lakexpress runs` lists the runs"));
    }
    let Some(run_id) = resolve(session, prefix).await? else {
        return Ok(None);
    };
    let sql = format!("SELECT {} FROM runs WHERE run_id = ?", run_columns(session));
    let Some(row) = session.query(&sql, &[Value::text(&run_id)]).await?.pop() else {
        return Ok(None);
    };
    let mut record = run_of(row)?;
    record.jobs = jobs(session, &run_id).await?;
    Ok(Some(record))
}

/// The one run id that is `prefix` or begins with it.
async fn resolve(session: &mut dyn Session, prefix: &str) -> Result<Option<String>> {
    // Not LIKE: a wildcard in the prefix must not match.
    let length = prefix.chars().count();
    let sql = format!(
        "SELECT run_id FROM runs WHERE substr(run_id, 1, {length}) = ?
        ORDER BY CASE WHEN run_id = ? THEN 0 ELSE 1 END, started_at DESC, run_id LIMIT {}",
        CANDIDATES + 1
    );
    let rows = session.query(&sql, &[Value::text(prefix), Value::text(prefix)]).await?;
    let mut found = rows.into_iter().map(|mut row| required(&mut row, 0)).collect::<Result<Vec<_>>>()?;
    // MySQL does not see spaces at the end.
    found.retain(|run_id| run_id.starts_with(prefix));
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        _ if found[0] == prefix => Ok(Some(found.swap_remove(0))),
        many => {
            let more = if many > CANDIDATES { ", ..." } else { "" };
            found.truncate(CANDIDATES);
            Err(Error::usage(format!("several runs begin with '{prefix}'"))
                .coded(Code::UnknownRun)
                .hint(format!("write more of the id: {}{more}", found.join(", "))))
        }
    }
}

async fn jobs(session: &mut dyn Session, run_id: &str) -> Result<Vec<JobRecord>> {
    let time = session.dialect().time;
    let sql = format!(
        "SELECT source_schema, source_table, status, {}, {}, row_count, file_count, bytes, method, error_message
        FROM jobs WHERE run_id = ? ORDER BY ordinal",
        time("started_at"),
        time("finished_at")
    );
    let rows = session.query(&sql, &[Value::text(run_id)]).await?;
    let mut repeated = repeated(session, run_id).await?;
    let mut mixed = mixed(session, run_id).await?;
    let job = |mut row: Row| {
        let table = TableRef { schema: required(&mut row, 0)?, name: required(&mut row, 1)? };
        Ok(JobRecord {
            repeated: repeated.remove(&table).unwrap_or_default(),
            mixed: mixed.remove(&table).unwrap_or_default(),
            table,
            status: given(parsed(&row, 2, STATUS)?, 2)?,
            started_at: timestamp(&row, 3),
            finished_at: timestamp(&row, 4),
            row_count: number(&row, 5)?,
            file_count: number(&row, 6)?,
            bytes: number(&row, 7)?,
            method: optional(&mut row, 8),
            error_message: optional(&mut row, 9),
        })
    };
    rows.into_iter().map(job).collect()
}

/// What was tried again, per table.
async fn repeated(session: &mut dyn Session, run_id: &str) -> Result<HashMap<TableRef, Vec<Repeated>>> {
    let sql = "SELECT source_schema, source_table, part, retries, error_class, error_code, error_message
        FROM part_retries WHERE run_id = ? ORDER BY source_schema, source_table, part";
    let mut found: HashMap<TableRef, Vec<Repeated>> = HashMap::new();
    for mut row in session.query(sql, &[Value::text(run_id)]).await? {
        let table = TableRef { schema: required(&mut row, 0)?, name: required(&mut row, 1)? };
        let part = number::<i64>(&row, 2)?.filter(|part| *part != WHOLE);
        found.entry(table).or_default().push(Repeated {
            part: part.map(|part| usize::try_from(part).unwrap_or(usize::MAX)),
            retries: number(&row, 3)?.unwrap_or(0),
            class: required(&mut row, 4)?,
            code: optional(&mut row, 5),
            error: required(&mut row, 6)?,
        });
    }
    Ok(found)
}

/// Which parts are of which point in time, per table.
async fn mixed(session: &mut dyn Session, run_id: &str) -> Result<HashMap<TableRef, Vec<PartsAsOf>>> {
    let sql = "SELECT source_schema, source_table, part, snapshot FROM part_snapshots WHERE run_id = ?
        ORDER BY source_schema, source_table, part";
    let mut found: HashMap<TableRef, Vec<PartsAsOf>> = HashMap::new();
    for mut row in session.query(sql, &[Value::text(run_id)]).await? {
        let table = TableRef { schema: required(&mut row, 0)?, name: required(&mut row, 1)? };
        let part = number(&row, 2)?.unwrap_or(0);
        let snapshot = serde_json::from_str(&required(&mut row, 3)?).map_err(|error| {
            Error::data("the run log contains an invalid snapshot")
                .coded(Code::RunLogContent)
                .caused_by(error)
        })?;
        let moments = found.entry(table).or_default();
        match moments.iter_mut().find(|moment| moment.snapshot == snapshot) {
            Some(moment) => moment.parts.push(part),
            None => moments.push(PartsAsOf { snapshot, parts: vec![part] }),
        }
    }
    for moments in found.values_mut() {
        moments.sort_by(|a, b| a.snapshot.taken_at.cmp(&b.snapshot.taken_at));
    }
    Ok(found)
}

/// What was prepared of tables that are not completed.
pub(super) async fn prepared(session: &mut dyn Session, run_id: &str) -> Result<Vec<PreparedTable>> {
    let sql = "SELECT p.source_schema, p.source_table, p.plan FROM table_plans p
        JOIN jobs j ON j.run_id = p.run_id AND j.source_schema = p.source_schema AND j.source_table = p.source_table
        WHERE p.run_id = ? AND j.status <> 'completed'";
    let mut found = Vec::new();
    for mut row in session.query(sql, &[Value::text(run_id)]).await? {
        let table = TableRef { schema: required(&mut row, 0)?, name: required(&mut row, 1)? };
        found.push(PreparedTable { table, plan: required(&mut row, 2)?.into(), parts: Vec::new() });
    }
    let sql = "SELECT prepared FROM prepared_parts
        WHERE run_id = ? AND source_schema = ? AND source_table = ? ORDER BY part";
    for of in &mut found {
        let key = [Value::text(run_id), Value::text(&of.table.schema), Value::text(&of.table.name)];
        for mut row in session.query(sql, &key).await? {
            of.parts.push(required(&mut row, 0)?.into());
        }
    }
    Ok(found)
}

/// The rows of `partition_columns`, none when there is no such table.
pub(super) async fn partition_columns(session: &mut dyn Session) -> Result<Vec<PartitionRow>> {
    if !has_table(session, "partition_columns").await? {
        return Ok(Vec::new());
    }
    let sql = "SELECT source_db_type, source_database, source_schema, source_table, fastbcp_method,
        fastbcp_parallel_degree, fastbcp_distribution_key, env_name FROM partition_columns";
    let rows = session.query(sql, &[]).await?;
    let row = |mut row: Row| {
        Ok(PartitionRow {
            source_db_type: required(&mut row, 0)?,
            source_database: optional(&mut row, 1),
            source_schema: optional(&mut row, 2),
            source_table: required(&mut row, 3)?,
            method: optional(&mut row, 4),
            degree: number(&row, 5)?,
            key: optional(&mut row, 6),
            env_name: optional(&mut row, 7),
        })
    };
    rows.into_iter().map(row).collect()
}

fn run_columns(session: &dyn Session) -> String {
    let time = session.dialect().time;
    let (started, finished, seen) = (time("started_at"), time("finished_at"), time("heartbeat_at"));
    format!("run_id, status, {started}, {finished}, source, destination, config, error_message, {seen}")
}

fn run_of(mut row: Row) -> Result<RunRecord> {
    Ok(RunRecord {
        run_id: required(&mut row, 0)?,
        status: given(parsed(&row, 1, STATUS)?, 1)?,
        started_at: timestamp(&row, 2).unwrap_or(Timestamp::UNKNOWN),
        finished_at: timestamp(&row, 3),
        source: required(&mut row, 4)?,
        destination: required(&mut row, 5)?,
        config: required(&mut row, 6)?.into(),
        error_message: optional(&mut row, 7),
        heartbeat_at: timestamp(&row, 8),
        jobs: Vec::new(),
    })
}
