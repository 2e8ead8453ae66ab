//! One point in time: lock first, then pin, then describe.
//!
//! 1. A READ COMMITTED connection takes ACCESS SHARE on each table, each under its own savepoint.
//! 2. *Then* a second connection begins REPEATABLE READ and exports its snapshot, so that what was
//!    committed before the lock (a TRUNCATE, an ALTER) is in the view, and nothing can follow it.
//! 3. What was attached to a table between 1 and 2 is locked, and the view taken again.
//! 4. Tables are described on the second connection, under the view that workers will import.
//!
//! Both stay open, with idle timeouts off, until the value is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::describe::Facts;
use super::dialect::PostgresDialect;
use super::guard::{Guard, may_be_planned};
use super::selection::selection;
use super::session::{SESSION, fence, fence_of, is_theirs, under_theirs};
use super::{describe, lag, names, planned, sample, statement, structure, waits};
use crate::catalog::{
    Consistency, KeyQuantiles, Selection, Slice, SnapshotToken, SourceSql, TableFilter, TableInfo, TableKind,
    TableRef, ValueCount,
};
use crate::client::postgres::{Connection, Pool, Row, ident, literal, sqlstate};
use crate::clock::Instant;
use crate::error::{Code, Error, ErrorKind, Result, Transient};
use crate::source::{Dialect, Lag, Snapshot};
use crate::spec::TypePolicy;

/// See the module.
#[derive(Debug)]
pub(super) struct PostgresSnapshot {
    token: SnapshotToken,
    taken: Instant,
    policy: TypePolicy,
    /// Holds the locks; none at level `none`.
    locks: Option<Mutex<Connection>>,
    view: Mutex<Connection>,
    /// Tables that could not be locked, and why.
    failures: Mutex<HashMap<TableRef, Error>>,
    /// Those to be described, and what is known of some of them.
    catalog: Mutex<Catalog>,
    money_scale: i8,
    /// Its transactions have ended.
    given_up: AtomicBool,
}

/// Tables that were not described yet; the catalog is asked about many at once.
#[derive(Debug, Default)]
struct Catalog {
    unknown: Vec<TableRef>,
    known: HashMap<TableRef, Option<Facts>>,
}

/// Decimal places of money by this session's `lc_monetary`, which a role, a database or a client may set. Asked once
/// in a run: a value itself does not know them.
async fn money_scale(view: &mut Connection) -> Result<i8> {
    let rows = view.query("SELECT pg_catalog.scale(1::money::numeric)").await?;
    let row = rows.first().ok_or_else(|| Error::internal("the server returned no row"))?;
    super::columns::number(row.required(0)?)
}

/// Tables that the catalog is asked about at once.
const ASKED_AT_ONCE: usize = 100;

impl Catalog {
    /// `table`, and tables that will be described after it.
    fn next(&mut self, table: &TableRef) -> Vec<TableRef> {
        let Some(at) = self.unknown.iter().position(|other| other == table) else {
            return vec![table.clone()];
        };
        let end = self.unknown.len().min(at + ASKED_AT_ONCE);
        self.unknown.drain(at..end).collect()
    }
}

impl PostgresSnapshot {
    pub(super) async fn pin(
        pool: &Pool,
        policy: &TypePolicy,
        tables: &[TableRef],
        level: Consistency,
    ) -> Result<Self> {
        let mut failures = HashMap::new();
        let mut locks = if level == Consistency::None {
            None
        } else {
            let mut connection = pool.take().await?;
            // Nothing is read here: locks are taken of views and foreign tables too.
            let all = fence(TableKind::View, true);
            let pid = "SELECT pg_catalog.pg_backend_pid()";
            let begun = connection
                .query(&format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {SESSION}; {all}; {pid}"))
                .await?;
            let pid = begun.first().and_then(|row| row.get(0)).unwrap_or_default().to_owned();
            for table in tables {
                if let Err(error) = waits::told(pool, &pid, table, lock(&mut connection, table)).await? {
                    failures.insert(table.clone(), error.with("table", table));
                }
            }
            Some(connection)
        };
        let mut view = pool.take().await?;
        let mut taken = Instant::now();
        let mut token = open_view(&mut view, level).await?;
        if let Some(locks) = &mut locks {
            let mut tries = 0;
            while lock_attached(locks, tables, &mut failures).await? {
                tries += 1;
                if tries == MOST_VIEWS {
                    return Err(Error::unavailable("partitions are attached faster than they can be locked")
                        .coded(Code::TableChanged)
                        .hint("run again when fewer tables are attached to others"));
                }
                view.execute("ROLLBACK").await?;
                taken = Instant::now();
                token = open_view(&mut view, level).await?;
            }
        }
        let money_scale = money_scale(&mut view).await?;
        // One that is locked by others cannot be described either: its size waits for the lock too.
        let unknown = tables.iter().filter(|table| !failures.contains_key(*table)).cloned().collect();
        Ok(Self {
            token,
            taken,
            policy: policy.clone(),
            locks: locks.map(Mutex::new),
            view: Mutex::new(view),
            failures: Mutex::new(failures),
            catalog: Mutex::new(Catalog { unknown, ..Catalog::default() }),
            money_scale,
            given_up: AtomicBool::new(false),
        })
    }
}

impl PostgresSnapshot {
    /// What the catalog says of `table`; none when it is not there.
    async fn facts(&self, view: &mut Connection, table: &TableRef) -> Result<Option<Facts>> {
        let mut catalog = self.catalog.lock().await;
        if let Some(facts) = catalog.known.remove(table) {
            return Ok(facts);
        }
        let asked = catalog.next(table);
        let mut answer = match self.ask(view, &asked).await {
            // One table that cannot be asked about must not be the others' failure.
            Err(_) if asked.len() > 1 => {
                return self
                    .ask(view, std::slice::from_ref(table))
                    .await
                    .map(|mut facts| facts.remove(table));
            }
            answer => answer?,
        };
        let known = asked.into_iter().map(|table| {
            let facts = answer.remove(&table);
            (table, facts)
        });
        catalog.known.extend(known);
        Ok(catalog.known.remove(table).flatten())
    }

    /// What the view has of `tables`, and what plans over them would run by now.
    async fn ask(&self, view: &mut Connection, tables: &[TableRef]) -> Result<HashMap<TableRef, Facts>> {
        let mut all =
            under_savepoint(view, "snapshot", async |view| describe::facts(view, tables).await).await?;
        let oids = all.values().map(|facts| Ok(facts.oid()?.to_string())).collect::<Result<Vec<_>>>()?;
        if oids.is_empty() {
            return Ok(all);
        }
        let oids = oids.join(", ");
        let mut runs = self.by_now(view, async |now| planned::functions(now, &oids).await).await?;
        for facts in all.values_mut() {
            facts.note(runs.remove(&facts.oid()?.to_string()));
        }
        Ok(all)
    }

    async fn described(
        &self,
        view: &mut Connection,
        table: &TableRef,
        filter: &TableFilter,
    ) -> Result<TableInfo> {
        let facts = self.facts(view, table).await?;
        let guards = match &facts {
            Some(facts) => facts.looks_into(table, &self.policy)?,
            None => Vec::new(),
        };
        let describe = async |view: &mut Connection| {
            describe::table(view, (table, filter), facts, &self.policy, self.money_scale).await
        };
        self.plan(view, &guards, describe).await
    }

    /// Runs `work`, which has the server plan statements over what `guards` look at, unless that would run a function of
    /// a database user. Its failure leaves the view's transaction usable.
    async fn plan<T>(
        &self,
        view: &mut Connection,
        guards: &[Guard],
        work: impl AsyncFnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        for guard in guards {
            self.by_now(view, async |now| guard.look(now).await).await?;
        }
        let done = under_savepoint(view, "snapshot", work).await?;
        for guard in guards {
            self.by_now(view, async |now| guard.look(now).await).await?;
        }
        Ok(done)
    }

    /// Runs `work` on a connection whose transaction sees what is committed by now.
    async fn by_now<T>(
        &self,
        view: &mut Connection,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        match &self.locks {
            Some(locks) => under_savepoint(&mut *locks.lock().await, "locks", work).await,
            // At this level each statement sees its own moment.
            None => under_savepoint(view, "snapshot", work).await,
        }
    }

    /// Asks a sample of `table` that is large enough for `slices` slices, and all of it where there can be none.
    async fn sampled(
        &self,
        table: &TableInfo,
        slices: usize,
        sql: &(dyn Fn(&str) -> Result<String> + Sync),
    ) -> Result<Vec<Row>> {
        let dialect = PostgresDialect::default();
        let some = sql(&sample::from(&dialect, table, slices))?;
        let all = sql(&sample::from(&dialect, table, usize::MAX))?;
        let mut view = self.view.lock().await;
        let fence = fence_of(table)?;
        let ask = async |view: &mut Connection, sql: &str| {
            let ask = async |view: &mut Connection| view.query(&format!("{fence}; {sql}")).await;
            under_theirs(view, is_theirs(table), ask).await
        };
        let guards = [Guard::of(table)?];
        let guards = if table.kind == TableKind::Query { &guards[..0] } else { &guards[..] };
        let answer = match self.plan(&mut view, guards, async |view| ask(view, &some).await).await {
            // Not every way to store rows can be sampled.
            Err(error) if some != all && sqlstate(&error).is_some() => {
                self.plan(&mut view, guards, async |view| ask(view, &all).await).await
            }
            answer => answer,
        };
        answer.map_err(|error| explain_question(error).with("table", &table.table))
    }
}

/// What the server says about a key or an expression of the user's.
fn explain_question(error: Error) -> Error {
    match sqlstate(&error) {
        // Syntax, unknown column or function, ambiguous function, no ordering or equality, wrong type, aggregate.
        Some("42601" | "42703" | "42883" | "42725" | "42804" | "42803" | "42P20" | "42P01" | "22P02") => {
            Error::usage("the server cannot cut the table by this key").coded(Code::Method)
                .caused_by(error)
                .hint("name a column in --table-config (or in the row of partition_columns), or an expression over the table's columns in PostgreSQL's SQL; functions outside pg_catalog need their schema, types without order or equality (json, xml, point) a cast")
        }
        _ => error,
    }
}

/// How often a view is taken at most.
const MOST_VIEWS: usize = 20;

/// Locks what was attached to the tables since they were locked; false if there was nothing. A view that is older than
/// such a lock must be taken again.
async fn lock_attached(
    locks: &mut Connection,
    tables: &[TableRef],
    failures: &mut HashMap<TableRef, Error>,
) -> Result<bool> {
    let mut half = structure::half_locked(locks, tables).await?;
    half.retain(|table| !failures.contains_key(table));
    for table in &half {
        if let Err(error) = lock(locks, table).await? {
            failures.insert(table.clone(), error.with("table", table));
        }
    }
    Ok(!half.is_empty())
}

/// Takes ACCESS SHARE on a relation and on all below it, which parsing a statement over it leaves alone, and releases
/// the savepoint.
async fn parse_all(connection: &mut Connection, name: &str) -> Result<()> {
    let parse = |name: &str| format!("PREPARE {PARSED} AS SELECT FROM ONLY {name}; DEALLOCATE {PARSED};");
    let below = format!(
        "WITH RECURSIVE tree(oid) AS ( \
           SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
           WHERE i.inhparent = pg_catalog.to_regclass({})::pg_catalog.oid \
         UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent) \
         SELECT t.oid::pg_catalog.regclass::pg_catalog.text FROM tree t \
         JOIN pg_catalog.pg_class c ON c.oid = t.oid \
         WHERE pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')",
        literal(name)
    );
    let rows = connection.query(&format!("{} {below}", parse(name))).await?;
    let mut all = String::new();
    for row in rows {
        all.push_str(&parse(row.required(0)?));
    }
    connection.execute(&format!("{all} RELEASE SAVEPOINT one")).await
}

/// A statement that is parsed and no more.
const PARSED: &str = "lakexpress_lock";

/// Takes ACCESS SHARE on one table. The outer error ends the run, the inner one only this table.
async fn lock(connection: &mut Connection, table: &TableRef) -> Result<Result<()>> {
    let name = format!("{}.{}", ident(&table.schema), ident(&table.name));
    // In one message: with thousands of tables, waiting for the server is most of the time.
    let all = format!("SAVEPOINT one; LOCK TABLE {name} IN ACCESS SHARE MODE; RELEASE SAVEPOINT one");
    let mut locked = connection.execute(&all).await;
    if matches!(&locked, Err(e) if matches!(sqlstate(e), Some("42809" | "42501"))) {
        // Materialized views and foreign tables refuse LOCK, and so does a table of which this user may
        // only read columns; parsing a statement locks them too. It is never planned: that could run functions of theirs.
        connection.execute("ROLLBACK TO SAVEPOINT one").await?;
        locked = parse_all(connection, &name).await;
    }
    match locked {
        Ok(()) => Ok(Ok(())),
        Err(error) => {
            // If even this fails the connection is gone, and with it the locks of the other tables.
            connection.execute("ROLLBACK TO SAVEPOINT one").await.map_err(|e| lost(e, "locks"))?;
            Ok(Err(explain(names::explain(error, table, connection), table)))
        }
    }
}

fn explain(error: Error, table: &TableRef) -> Error {
    match error.kind() {
        ErrorKind::Denied => error.hint(format!("GRANT SELECT ON {table} TO the user that exports")),
        _ => error,
    }
}

fn lost(error: Error, what: &str) -> Error {
    Error::unavailable(format!("the connection that holds the run's {what} was lost")).coded(Code::SnapshotLost)
        .hints_of(&error)
        .caused_by(error)
        .hint("`lakexpress resume` finishes the run as of a new moment; --consistency table or none does without one moment for all")
        .as_transient(Transient::View)
}

/// Begins the view and exports it.
async fn open_view(view: &mut Connection, level: Consistency) -> Result<SnapshotToken> {
    let isolation = if level == Consistency::None { "READ COMMITTED" } else { "REPEATABLE READ" };
    view.execute(&format!("BEGIN ISOLATION LEVEL {isolation} READ ONLY; {SESSION}")).await?;
    let id = if level == Consistency::None {
        None
    } else {
        let rows = view.query("SELECT pg_catalog.pg_export_snapshot()").await.map_err(|error| {
            if error.transient().is_some() {
                return error;
            }
            Error::unavailable("the server cannot share a snapshot between connections")
                .coded(Code::NoOneMoment)
                .caused_by(error)
                .hint("--consistency none reads every part at its own moment, which this server can do")
        })?;
        rows.first().and_then(|r| r.get(0)).map(str::to_owned)
    };
    let moment =
        "SELECT pg_catalog.to_char(pg_catalog.transaction_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let rows = view.query(moment).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the server returned no time"))?;
    let taken_at = row.required(0)?.to_owned();
    Ok(SnapshotToken { level, id, position: position(view).await?, taken_at, of_process: false })
}

/// Where the server's log was; none on servers that do not tell.
async fn position(view: &mut Connection) -> Result<Option<String>> {
    view.execute("SAVEPOINT one").await?;
    let position = view
        .query(
            "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
             ELSE pg_catalog.pg_current_wal_lsn() END",
        )
        .await;
    let end = if position.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one" };
    view.execute(end).await?;
    Ok(position.ok().and_then(|rows| rows.first()?.get(0).map(str::to_owned)))
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn token(&self) -> &SnapshotToken {
        &self.token
    }

    fn taken(&self) -> Instant {
        self.taken
    }

    fn gives_up(&self) -> bool {
        true
    }

    async fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        let ended = self.view.lock().await.execute("ROLLBACK").await;
        let unlocked = match &self.locks {
            Some(locks) => locks.lock().await.execute("ROLLBACK").await,
            None => Ok(()),
        };
        if let Err(error) = ended.and(unlocked) {
            tracing::debug!(%error, "the snapshot's transactions were not ended");
        }
    }

    async fn replica_lag(&self) -> Result<Lag> {
        // A statement on either of these connections ends when the view is lost, which the others notice.
        match &self.locks {
            Some(locks) => {
                under_savepoint(&mut *locks.lock().await, "locks", async |locks| lag::measure(locks).await)
                    .await
            }
            None => {
                let mut view = self.view.lock().await;
                under_savepoint(&mut view, "snapshot", async |view| lag::measure(view).await).await
            }
        }
    }

    fn readers(&self) -> Option<usize> {
        None
    }

    async fn describe(&self, table: &TableRef, filter: &TableFilter) -> Result<TableInfo> {
        if let Some(error) = self.failures.lock().await.remove(table) {
            return Err(error);
        }
        let mut view = self.view.lock().await;
        self.described(&mut view, table, filter)
            .await
            .map_err(|e| names::explain(e, table, &view).with("table", table))
    }

    async fn describe_query(&self, name: &TableRef, sql: &str) -> Result<TableInfo> {
        let mut view = self.view.lock().await;
        let (policy, scale) = (&self.policy, self.money_scale);
        under_savepoint(&mut view, "snapshot", async |view| {
            under_theirs(view, true, async |view| statement::query(view, name, sql, policy, scale).await)
                .await
        })
        .await
        .map_err(|error| error.with("query", &name.name))
    }

    async fn shaped(&self, table: TableInfo, sql: &SourceSql) -> Result<TableInfo> {
        may_be_planned(&table).map_err(|error| error.with("table", &table.table))?;
        let mut view = self.view.lock().await;
        let (name, guards) = (table.table.clone(), [Guard::of(&table)?]);
        let (policy, scale, dialect) = (&self.policy, self.money_scale, PostgresDialect::default());
        let shaped = async |view: &mut Connection| {
            view.execute(&fence_of(&table)?).await?;
            let shaped = async |view: &mut Connection| {
                statement::shaped(view, &dialect, table, sql, policy, scale).await
            };
            under_theirs(view, true, shaped).await
        };
        self.plan(&mut view, &guards, shaped).await.map_err(|error| error.with("table", &name))
    }

    async fn quantiles(
        &self,
        table: &TableInfo,
        column: &str,
        points: usize,
        every: bool,
    ) -> Result<Option<KeyQuantiles>> {
        let slices = if every { usize::MAX } else { points };
        let sql = |from: &str| sample::quantiles_sql(from, table, column, points);
        let rows = self.sampled(table, slices, &sql).await.map_err(|e| e.with("column", column))?;
        sample::quantiles(&rows, table, column).map(Some)
    }

    async fn values(
        &self,
        table: &TableInfo,
        expression: &str,
        most: usize,
        every: bool,
    ) -> Result<Vec<ValueCount>> {
        let slices = if every { usize::MAX } else { most };
        let sql = |from: &str| Ok(sample::values_sql(from, expression, most));
        let rows = self.sampled(table, slices, &sql).await.map_err(|e| e.with("expression", expression))?;
        sample::values(&rows)
    }

    async fn blocks(&self, table: &TableInfo, slice: &Slice, pieces: usize) -> Result<Vec<u64>> {
        if table.blocks.is_empty() {
            return Ok(Vec::new());
        }
        let condition =
            PostgresDialect::default().slice_sql(table, slice).unwrap_or_else(|| "true".to_owned());
        let sql = |from: &str| Ok(sample::blocks_sql(from, &condition, pieces));
        // A slice may be a small share of the table: look at more of it.
        sample::blocks(&self.sampled(table, pieces.saturating_mul(8), &sql).await?)
    }

    async fn selection(&self, table: &TableInfo, condition: &str) -> Result<Option<Selection>> {
        let mut view = self.view.lock().await;
        let dialect = PostgresDialect::default();
        let asked = async |view: &mut Connection| {
            view.execute(&fence_of(table)?).await?;
            // A condition may be the user's SQL.
            let ask = async |view: &mut Connection| selection(view, &dialect, table, condition).await;
            under_theirs(view, true, ask).await
        };
        self.plan(&mut view, &[Guard::of(table)?], asked)
            .await
            .map(Some)
            .map_err(|error| error.with("table", &table.table))
    }

    async fn unchanged(&self, table: &TableInfo) -> Result<()> {
        let Some(locks) = &self.locks else { return Ok(()) };
        // In this order everywhere.
        let mut view = self.view.lock().await;
        let mut locks = locks.lock().await;
        // Whatever ends a statement on these two connections ends what they hold.
        let unchanged = under_savepoint(&mut locks, "locks", async |locks| {
            under_savepoint(&mut view, "snapshot", async |view| {
                structure::unchanged(locks, view, table).await
            })
            .await
        });
        unchanged.await.map_err(|error| match error.transient() {
            Some(_) => lost(error, "locks or snapshot"),
            None => error,
        })
    }

    async fn check(&self) -> Result<()> {
        if self.token.level == Consistency::None {
            // Nothing was promised, so nothing can be lost.
            return Ok(());
        }
        if self.given_up.load(Ordering::SeqCst) {
            return Err(lost(Error::unavailable("it was given up").coded(Code::SnapshotLost), "snapshot"));
        }
        self.view.lock().await.execute("SELECT 1").await.map_err(|e| lost(e, "snapshot"))?;
        match &self.locks {
            Some(locks) => locks.lock().await.execute("SELECT 1").await.map_err(|e| lost(e, "locks")),
            None => Ok(()),
        }
    }
}

/// Runs `work` so that its failure leaves the transaction usable of the connection that holds the run's `held`.
async fn under_savepoint<T>(
    connection: &mut Connection,
    held: &str,
    work: impl AsyncFnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    connection.execute("SAVEPOINT one").await.map_err(|e| lost(e, held))?;
    let result = work(connection).await;
    let end = if result.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one" };
    connection.execute(end).await.map_err(|e| lost(e, held))?;
    result
}
