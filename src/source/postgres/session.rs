//! What every transaction over the source sets first.

use super::facts::TableFacts;
use crate::catalog::{SnapshotToken, TableInfo, TableKind};
use crate::client::postgres::{Connection, literal, sqlstate};
use crate::error::{Code, Error, Result, Transient};

/// Settings of every transaction, so that nothing a role or database sets can change a value, run a function of a
/// database user or cut a run short (`transaction_timeout` came with version 17). `SET LOCAL`, so that a pooler in
/// transaction mode works too.
///
/// The search path comes first: an operator or function without a schema is that of `pg_catalog` and nobody else's.
///
/// Without `constraint_exclusion` the planner does not look at checks, nor at the keys of a leaf's parent, in which there
/// may be calls of users' functions.
///
/// Views and foreign tables are refused, on servers of which the releases since August 2024 can be told that:
/// [`fence`] lifts it for what is one.
///
/// What `lc_monetary` is by default is a question of taste, but not what somebody else left in a pooled session.
///
/// `SQL_ASCII` is no encoding: text that is not UTF-8 must reach our own check, which names its row.
pub(super) const SESSION: &str = "SET LOCAL search_path = pg_catalog; \
    SET LOCAL statement_timeout = 0; \
    SELECT set_config('client_encoding', \
        CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, true); \
    SET LOCAL datestyle = 'ISO, YMD'; \
    SET LOCAL intervalstyle = iso_8601; \
    SET LOCAL timezone = 'UTC'; \
    SET LOCAL extra_float_digits = 3; \
    SET LOCAL bytea_output = hex; \
    SET LOCAL array_nulls = on; \
    SET LOCAL lc_monetary TO DEFAULT; \
    SET LOCAL xmloption = content; \
    SET LOCAL standard_conforming_strings = on; \
    SET LOCAL quote_all_identifiers = off; \
    SET LOCAL row_security = off; \
    SET LOCAL synchronize_seqscans = off; \
    SET LOCAL constraint_exclusion = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; \
    SET LOCAL lock_timeout = '60s'; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL \
        THEN set_config('transaction_timeout', '0', true) END; \
    SELECT CASE WHEN current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL \
        THEN set_config('restrict_nonsystem_relation_kind', 'view, foreign-table', true) END";

/// The statement that lets a transaction read a relation of this kind, and of rows on other servers if it has `foreign`
/// ones, and no view or foreign table otherwise: a table whose name became a view's is not read as one.
pub(super) fn fence(kind: TableKind, foreign: bool) -> String {
    let refused = match kind {
        // What a view reads may be anything.
        TableKind::View | TableKind::Foreign | TableKind::Query => "",
        _ if foreign => "view",
        _ => "view, foreign-table",
    };
    format!(
        "SELECT CASE WHEN pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL \
         THEN pg_catalog.set_config('restrict_nonsystem_relation_kind', '{refused}', true) END"
    )
}

/// [`fence`] for a table as it was described.
///
/// # Errors
/// As [`TableFacts::of`].
pub(super) fn fence_of(table: &TableInfo) -> Result<String> {
    Ok(fence(table.kind, TableFacts::of(table)?.foreign))
}

/// Whether SQL of database users is evaluated when the table is read: that of a view, or what the user passes on.
pub(super) fn is_theirs(table: &TableInfo) -> bool {
    matches!(table.kind, TableKind::View | TableKind::Query) || table.reading.sql.is_some()
}

/// What such SQL gives depends on these, so they are what the role, the database and the server say, as in any session.
/// The search path is theirs as it is: whatever of ours stands in the same statement names `pg_catalog`, operators too.
pub(super) const THEIRS: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL timezone TO DEFAULT; \
    SET LOCAL datestyle TO DEFAULT; SET LOCAL intervalstyle TO DEFAULT";

/// Between these two statements [`THEIRS`] holds in a transaction that otherwise has settings of ours.
pub(super) const BEGIN_THEIRS: &str = "SAVEPOINT theirs; SET LOCAL search_path TO DEFAULT; \
    SET LOCAL timezone TO DEFAULT; SET LOCAL datestyle TO DEFAULT; SET LOCAL intervalstyle TO DEFAULT";
/// Takes back what was set since.
pub(super) const END_THEIRS: &str = "ROLLBACK TO SAVEPOINT theirs; RELEASE SAVEPOINT theirs";

/// For statements with operators that do not name it: nothing comes before `pg_catalog`.
pub(super) const BUILT_IN_FIRST: &str = "SELECT pg_catalog.set_config('search_path', \
    pg_catalog.rtrim(pg_catalog.concat_ws(', ', 'pg_catalog', pg_catalog.current_setting('search_path')), ', '), true)";

/// Runs `work` between [`BEGIN_THEIRS`] and [`END_THEIRS`], where it is about SQL of database users.
pub(super) async fn under_theirs<T>(
    view: &mut Connection,
    theirs: bool,
    work: impl AsyncFnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    if !theirs {
        return work(view).await;
    }
    view.execute(BEGIN_THEIRS).await?;
    let done = work(view).await;
    let ended = view.execute(END_THEIRS).await;
    let done = done?;
    ended.map(|()| done)
}

/// The statement with which a worker joins `token`.
///
/// It reads `table`, and no view or foreign table where that is none.
///
/// # Errors
/// As [`fence_of`].
pub(super) fn join_sql(token: &SnapshotToken, table: &TableInfo) -> Result<String> {
    let fence = fence_of(table)?;
    Ok(match &token.id {
        Some(id) => format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}; {SESSION}; {fence}",
            literal(id)
        ),
        None => format!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {SESSION}; {fence}"),
    })
}

/// Importing a snapshot fails when its holder is gone; everything else is passed on.
pub(super) fn snapshot_gone(error: Error) -> Error {
    if matches!(sqlstate(&error), Some("22023" | "55000" | "42704")) {
        Error::unavailable("the run's snapshot is gone: the connection that held it ended")
            .coded(Code::SnapshotLost)
            .caused_by(error)
            .hint("`lakexpress resume` finishes the run as of a new moment; --consistency table or none needs none for the whole run")
            .as_transient(Transient::View)
    } else {
        error
    }
}
