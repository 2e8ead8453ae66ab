//! What others do to the structure of tables while they are exported: partitions attached, types altered.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lake::{Run, assert_nothing_visible, assert_same_values, export_args};
use crate::server::PgServer;

/// A superuser's function that waits for an advisory lock. An index that calls it ([`gated`]) makes a statement over its
/// table wait when it is planned, which that with a column to be cast is.
pub(crate) const GATE: &str = "
    CREATE FUNCTION waits(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN i; END $$;";

pub(crate) fn gated(table: &str) -> String {
    format!("CREATE INDEX ON {table} ((waits(7) + id));")
}

/// A session of psql that holds something until it is told to let go.
pub(crate) struct Holder {
    child: Child,
    db: String,
    name: String,
}

impl Holder {
    /// Runs `sql` in a transaction, and waits until that is done.
    pub(crate) fn start(server: &PgServer, db: &str, sql: &str) -> Self {
        let name = format!("holder {db} {}", sql.len());
        let mut psql = server.psql_command(db);
        psql.env("PGAPPNAME", &name).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = psql.spawn().unwrap();
        let text = format!("BEGIN; {sql};\n");
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
        let holder = Self { child, db: db.to_owned(), name };
        wait_for(
            server,
            db,
            &format!(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND state = 'idle in transaction'",
                holder.name
            ),
        );
        holder
    }

    /// Ends the session, and with it what it holds.
    pub(crate) fn release(mut self, server: &PgServer) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        let gone = format!(
            "SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE application_name = '{}'",
            self.name
        );
        wait_for(server, &self.db, &gone);
    }
}

/// Waits until a query gives 1.
pub(crate) fn wait_for(server: &PgServer, db: &str, sql: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.query(db, sql) != "1" {
        assert!(Instant::now() < deadline, "never 1: {sql}");
        sleep(Duration::from_millis(20));
    }
}

pub(crate) const AT_THE_GATE: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lakexpress' AND wait_event = 'advisory'";

#[test]
fn a_partition_attached_before_the_view_is_locked_too() {
    let (server, db) = (PgServer::shared(), "attached");
    let url = server.create_db(db);
    server.sql(
        db,
        &format!(
            "{GATE} CREATE TABLE events (id integer) PARTITION BY RANGE (id);
             CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
             CREATE TABLE elsewhere (id integer);
             CREATE TABLE zoo (id integer, g inet);
             INSERT INTO events VALUES (1); INSERT INTO elsewhere VALUES (11);
             INSERT INTO zoo SELECT i, '10.0.0.1' FROM generate_series(1, 10000) i; {}",
            gated("zoo")
        ),
    );
    let gate = Holder::start(server, db, "SELECT pg_advisory_lock(42)");
    let zoo = Holder::start(server, db, "LOCK TABLE zoo");
    let out = tempfile::tempdir().unwrap();
    let flags = ["--include", "events", "--include", "zoo", "--n-jobs", "1"];
    let run = Run::new(export_args(&url, out.path(), &flags)).spawn();
    // `events` is locked and `zoo` is waited for.
    wait_for(server, db, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'zoo'::regclass");
    server.sql(db, "ALTER TABLE events ATTACH PARTITION elsewhere FOR VALUES FROM (10) TO (20)");
    zoo.release(server);
    // `zoo`, the largest, is read first; nothing has been read of `events`.
    wait_for(server, db, AT_THE_GATE);
    let mut truncate = server.psql_command(db);
    let truncated =
        truncate.args(["-c", "SET lock_timeout = '300ms'", "-c", "TRUNCATE elsewhere"]).output().unwrap();
    let said = String::from_utf8_lossy(&truncated.stderr).into_owned();
    assert!(!truncated.status.success() && said.contains("lock timeout"), "TRUNCATE went through: {said}");
    gate.release(server);
    run.finish().ok();
    assert_eq!(crate::lake::manifest(&out.path().join("public/events"))["rows"], 2);
}

#[test]
fn a_table_attached_while_its_parent_is_read_is_not_read() {
    let (server, db) = (PgServer::shared(), "attached_late");
    let url = server.create_db(db);
    server.sql(
        db,
        &format!(
            "{GATE} CREATE TABLE events (id integer, g inet) PARTITION BY RANGE (id);
             CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
             CREATE TABLE elsewhere (id integer, g inet);
             CREATE TABLE zoo (id integer, g inet);
             INSERT INTO events VALUES (1, NULL); INSERT INTO elsewhere VALUES (11, NULL);
             INSERT INTO zoo SELECT i, '10.0.0.1' FROM generate_series(1, 10000) i; {}",
            gated("zoo")
        ),
    );
    let gate = Holder::start(server, db, "SELECT pg_advisory_lock(42)");
    let out = tempfile::tempdir().unwrap();
    let flags = ["--include", "events", "--include", "zoo", "--n-jobs", "1"];
    let run = Run::new(export_args(&url, out.path(), &flags)).spawn();
    wait_for(server, db, AT_THE_GATE);
    server.sql(db, "ALTER TABLE events ATTACH PARTITION elsewhere FOR VALUES FROM (10) TO (20)");
    gate.release(server);
    run.finish().ok();
    assert_eq!(crate::lake::manifest(&out.path().join("public/events"))["rows"], 1);
}

/// Whose rights are on columns only cannot ask for the relation of a row: what was attached would be read.
#[test]
fn f9_a_table_attached_to_one_that_is_granted_by_column_stops_it() {
    let (server, db) = (PgServer::shared(), "f9_attached");
    server.create_db(db);
    server.sql(
        db,
        &format!(
            "{GATE} CREATE TABLE events (id integer) PARTITION BY RANGE (id);
             CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
             CREATE TABLE elsewhere (id integer);
             CREATE TABLE zoo (id integer, g inet);
             INSERT INTO events VALUES (1); INSERT INTO elsewhere VALUES (11);
             INSERT INTO zoo SELECT i, '10.0.0.1' FROM generate_series(1, 10000) i; {}
             DROP ROLE IF EXISTS f9_attached; CREATE ROLE f9_attached LOGIN;
             GRANT SELECT (id) ON events TO f9_attached; GRANT SELECT ON zoo TO f9_attached;",
            gated("zoo")
        ),
    );
    let gate = Holder::start(server, db, "SELECT pg_advisory_lock(42)");
    let out = tempfile::tempdir().unwrap();
    let flags = ["--include", "events", "--include", "zoo", "--n-jobs", "1"];
    let url = server.url_as("f9_attached", "x", db);
    let run = Run::new(export_args(&url, out.path(), &flags)).spawn();
    wait_for(server, db, AT_THE_GATE);
    server.sql(db, "ALTER TABLE events ATTACH PARTITION elsewhere FOR VALUES FROM (10) TO (20)");
    gate.release(server);
    run.finish().exits(1).says(&["public.events", "attached to this one"]);
    assert!(!out.path().join("public/events/_manifest.json").exists());
    // Nothing changes meanwhile.
    crate::lake::export(&url, out.path(), &["--include", "events"]).ok();
    assert_eq!(crate::lake::manifest(&out.path().join("public/events"))["rows"], 2);
}

#[test]
fn a_composite_type_altered_while_it_is_read_is_refused() {
    let (server, db) = (PgServer::shared(), "altered");
    let url = server.create_db(db);
    server.sql(
        db,
        &format!(
            "{GATE} CREATE TYPE inner_pair AS (a integer, b integer);
             CREATE TYPE pair AS (p inner_pair, n integer);
             CREATE TABLE pairs (id integer PRIMARY KEY, g inet, c pair, cs pair[]);
             INSERT INTO pairs SELECT i, '10.0.0.1', ROW(ROW(i, 7)::inner_pair, 8)::pair, NULL::pair[]
                FROM generate_series(1, 20000) i; {}",
            gated("pairs")
        ),
    );
    for alter in [
        "ALTER TYPE inner_pair DROP ATTRIBUTE b; ALTER TYPE inner_pair ADD ATTRIBUTE d integer",
        "ALTER TYPE pair RENAME ATTRIBUTE n TO m",
        "ALTER TYPE pair ADD ATTRIBUTE t text",
    ] {
        let gate = Holder::start(server, db, "SELECT pg_advisory_lock(42)");
        let out = tempfile::tempdir().unwrap();
        let run = Run::new(export_args(&url, out.path(), &[])).spawn();
        wait_for(server, db, AT_THE_GATE);
        server.sql(db, alter);
        gate.release(server);
        let ended = run.finish();
        assert_ne!(ended.code, Some(0), "{alter}: {ended}");
        assert!(ended.stdout.contains("public.pairs"), "{alter}: {ended}");
        assert_nothing_visible(out.path());
        // As the type is now.
        let out = tempfile::tempdir().unwrap();
        Run::new(export_args(&url, out.path(), &[])).output().ok();
        assert_same_values(&url, "public.pairs", &out.path().join("public/pairs"), &["--skip", "g"]);
    }
}

/// A lock of a table does not keep others from renaming its schema.
#[test]
fn s1_a_name_that_became_another_tables_is_an_error() {
    let (server, db) = (PgServer::shared(), "s1_renamed");
    let url = server.create_db(db);
    server.sql(
        db,
        &format!(
            "{GATE} CREATE SCHEMA s; CREATE TABLE s.zoo (id integer, g inet);
             INSERT INTO s.zoo SELECT i, '10.0.0.1' FROM generate_series(1, 100) i; {}",
            gated("s.zoo")
        ),
    );
    let gate = Holder::start(server, db, "SELECT pg_advisory_lock(42)");
    let out = tempfile::tempdir().unwrap();
    let run = Run::new(export_args(&url, out.path(), &[])).spawn();
    wait_for(server, db, AT_THE_GATE);
    server.sql(
        db,
        "ALTER SCHEMA s RENAME TO t; CREATE SCHEMA s; CREATE TABLE s.zoo (id integer, g inet); INSERT INTO s.zoo VALUES (666, NULL)",
    );
    gate.release(server);
    let ended = run.finish().exits(65);
    assert!(ended.stdout.contains("not that of the described table"), "{ended}");
    assert_nothing_visible(out.path());
}
