//! For whom a lock is waited.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use super::session::SESSION;
use crate::catalog::TableRef;
use crate::client::postgres::Pool;
use crate::clock::{self, Instant};
use crate::error::{Result, values_are_hidden};

/// A wait that is shorter is nobody's concern.
const PATIENCE: Duration = Duration::from_secs(1);
/// Others that are named.
const SHOWN: usize = 3;
/// So much is shown of what they run.
const QUERY_CHARACTERS: usize = 60;

/// Does `work`, in which the backend `pid` takes the lock of `table`. If it has to wait, the log says for whom, at the
/// beginning and at the end of the wait.
///
/// The question goes over a connection of `pool`, which has it back before the run's view needs one: there are never
/// more than the view and its locks take.
pub(super) async fn told<T>(
    pool: &Pool,
    pid: &str,
    table: &TableRef,
    work: impl Future<Output = Result<Result<T>>>,
) -> Result<Result<T>> {
    let mut work = pin!(work);
    let begun = Instant::now();
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = clock::sleep(PATIENCE) => {}
    }
    let mut others = None;
    let asking = async {
        match holders(pool, pid).await {
            Ok(found) => {
                let found = found.unwrap_or_else(|| "others".to_owned());
                tracing::warn!("{table}: waiting for its lock, which {found} holds or waits for");
                others = Some(found);
            }
            Err(error) => tracing::warn!("{table}: waiting for its lock; for whom is not known: {error}"),
        }
        std::future::pending::<Infallible>().await
    };
    let done = tokio::select! {
        biased;
        done = &mut work => done,
        never = asking => match never {},
    };
    let (seconds, others) = (begun.elapsed().as_secs_f64(), others.unwrap_or_else(|| "others".to_owned()));
    match &done {
        Ok(Ok(_)) => tracing::info!("{table}: has its lock after {seconds:.1} s of waiting for {others}"),
        _ => tracing::warn!("{table}: waited {seconds:.1} s in vain for {others}"),
    }
    done
}

/// The beginning of a statement, up to the first text in it, which may be a password.
fn without_values(query: &str) -> &str {
    query.split(['\'', '$']).next().unwrap_or_default().trim()
}

/// Those who block a backend, as far as this role may see them; none when there are none any more.
async fn holders(pool: &Pool, pid: &str) -> Result<Option<String>> {
    let mut connection = pool.take().await?;
    connection.execute(&format!("BEGIN READ ONLY; {SESSION}")).await?;
    let rows = connection
        .query(&format!(
            "SELECT b.pid, a.usename, a.application_name, a.state, \
               extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, left(a.query, {QUERY_CHARACTERS}) \
             FROM unnest(pg_blocking_pids({pid})) WITH ORDINALITY b(pid, nr) \
             LEFT JOIN pg_stat_activity a ON a.pid = b.pid ORDER BY b.nr"
        ))
        .await?;
    connection.execute("ROLLBACK").await?;
    pool.give_back(connection);
    let mut named = Vec::new();
    for row in rows.iter().take(SHOWN) {
        let pid = row.required(0)?;
        if pid == "0" {
            named.push("a prepared transaction".to_owned());
            continue;
        }
        let mut known = Vec::new();
        known.extend(row.get(1).map(|user| format!("user {}", user)));
        known.extend(row.get(2).filter(|name| !name.is_empty()).map(|name| format!("application {}", name)));
        known.extend(row.get(3).map(str::to_owned));
        known.extend(row.get(4).map(|seconds| format!("its transaction began {seconds} s ago")));
        match row.get(5) {
            Some("<insufficient privilege>") => known.push("pg_monitor would see its query".to_owned()),
            Some(query) if !query.is_empty() && !values_are_hidden() => {
                known.push(format!("query: {}", without_values(query)));
            }
            _ => {}
        }
        let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
        named.push(format!("process {pid}{known}"));
    }
    if rows.len() > SHOWN {
        named.push(format!("{} more", rows.len() - SHOWN));
    }
    Ok((!named.is_empty()).then(|| named.join("; ")))
}
