//! The run log on SQLite, PostgreSQL and MariaDB, after real exports, through the clients of those databases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakexpress::client::Address;
use lakexpress::runlog::{RunLog, Spooled, conformance, open_server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lake::Run;
use crate::mariadb::MariaDb;
use crate::server::PgServer;

mod commands;
mod down;
mod mysql;
mod queries;
mod rows;
mod upgrade;

/// A database that holds a run log.
enum Log {
    Sqlite(PathBuf),
    Postgres(&'static PgServer, String),
    MariaDb(&'static MariaDb, String),
}

impl Log {
    /// An empty place of each kind; `name` is the database's.
    fn of_each_kind(name: &str, home: &Path) -> Vec<Self> {
        vec![Self::Sqlite(home.join("log.sqlite")), Self::postgres(name), Self::mariadb(name)]
    }

    fn postgres(name: &str) -> Self {
        PgServer::shared().create_db(name);
        Self::Postgres(PgServer::shared(), name.into())
    }

    fn mariadb(name: &str) -> Self {
        MariaDb::shared().create_db(name);
        Self::MariaDb(MariaDb::shared(), name.into())
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(..) => "postgres",
            Self::MariaDb(..) => "mariadb",
        }
    }

    /// Its entry in an auth file.
    fn entry(&self) -> Value {
        let info = match self {
            Self::Sqlite(path) => json!({ "filepath": path }),
            Self::Postgres(server, db) => postgres_info(server, db),
            Self::MariaDb(server, db) => server.info(db),
        };
        let mode = if matches!(self, Self::Sqlite(_)) { "filesystem" } else { "classic" };
        json!({ "ds_type": self.kind(), "auth_mode": mode, "info": info })
    }

    /// The rows of a query by the database's own client: columns separated by `|`, NULL empty.
    fn query(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(path) => sqlite_query(path, sql),
            Self::Postgres(server, db) => server.query(db, sql),
            Self::MariaDb(server, db) => server.query(db, sql).replace('\t', "|").replace("NULL", ""),
        }
    }

    /// Runs statements, one at a time.
    fn sql(&self, sql: &str) {
        match self {
            Self::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
            Self::Postgres(server, db) => server.sql(db, sql),
            Self::MariaDb(server, db) => server.sql(db, sql),
        }
    }
}

fn postgres_info(server: &PgServer, db: &str) -> Value {
    json!({ "username": "postgres", "server": "127.0.0.1", "port": server.port(), "database": db, "sslmode": "disable" })
}

fn sqlite_query(path: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns).map(|i| match row.get::<_, rusqlite::types::Value>(i).unwrap() {
            rusqlite::types::Value::Null => String::new(),
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Real(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Blob(_) => "blob".into(),
        });
        lines.push(values.collect::<Vec<_>>().join("|"));
    }
    lines.join("\n")
}

/// A directory with an auth file: entry `log`, and `source`, a database of the shared PostgreSQL server.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write_auth(&self, log: &Value, source_db: &str) {
        let source = json!({ "ds_type": "postgres", "auth_mode": "classic",
            "info": postgres_info(PgServer::shared(), source_db) });
        let path = self.path().join("auth.json");
        std::fs::write(&path, json!({ "log": log, "source": source }).to_string()).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The program with the auth file, the log and this home's state directory.
    fn run(&self, command: &[&str], more: &[&str]) -> Run {
        let fixed = ["-a", "auth.json", "--log_db_auth_id", "log"];
        Run::new([command, &fixed, more].concat()).current_dir(self.path()).env("XDG_STATE_HOME", self.path())
    }

    /// An export of the source with LakeXpress' own command line.
    fn export(&self, more: &[&str]) -> Run {
        let fixed = ["--source_db_auth_id", "source", "--output_dir", "out", "--n_jobs", "1"];
        self.run(&[], &[&fixed, more].concat())
    }

    /// Files of events that are not in the run log.
    fn unrecorded(&self) -> Vec<String> {
        crate::lake::files(&self.path().join("lakexpress/unrecorded"))
    }
}

/// Databases of the shared server with a schema `shop` of three tables: `orders` has 2,000 rows.
fn shop(db: &str) {
    PgServer::shared().create_db(db);
    PgServer::shared().sql(
        db,
        "CREATE SCHEMA shop;
        CREATE TABLE shop.orders AS SELECT g AS id, g % 7 AS region FROM generate_series(1, 2000) g;
        ALTER TABLE shop.orders ADD PRIMARY KEY (id);
        CREATE TABLE shop.items AS SELECT g AS id FROM generate_series(1, 10) g;
        CREATE TABLE shop.empty (id integer);
        ANALYZE",
    );
}

fn opened(entry: &Value) -> Arc<dyn RunLog> {
    open_server(&Address::Entry {
        id: "log".into(),
        kind: entry["ds_type"].as_str().unwrap().into(),
        info: entry["info"].as_object().unwrap().clone(),
        database: None,
    })
    .unwrap()
}

#[track_caller]
fn conforms(entry: &Value) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let kept = TempDir::new().unwrap();
    runtime.block_on(async {
        conformance::check(&|| opened(entry)).await.unwrap();
        let spooled =
            || -> Arc<dyn RunLog> { Arc::new(Spooled::new(opened(entry), Some(kept.path().into()))) };
        conformance::check(&spooled).await.unwrap();
    });
    assert_eq!(crate::lake::files(kept.path()), [""; 0]);
}

#[test]
fn postgres_keeps_the_contract() {
    conforms(&Log::postgres("runlog_contract").entry());
}

#[test]
fn postgres_keeps_the_contract_whatever_strings_are() {
    let log = Log::postgres("runlog_strings");
    log.sql("ALTER DATABASE runlog_strings SET standard_conforming_strings = off");
    log.sql("ALTER DATABASE runlog_strings SET backslash_quote = off");
    log.sql("ALTER DATABASE runlog_strings SET timezone = 'Asia/Kathmandu'");
    log.sql("ALTER DATABASE runlog_strings SET datestyle = 'SQL, DMY'");
    conforms(&log.entry());
}

#[test]
fn mariadb_keeps_the_contract() {
    conforms(&Log::mariadb("runlog_contract").entry());
}

#[test]
fn mariadb_keeps_the_contract_whatever_its_modes_are() {
    let server = MariaDb::start_with(&[
        "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH",
        "--character-set-server=latin1",
        "--default-time-zone=+05:45",
        "--transaction-isolation=SERIALIZABLE",
    ]);
    server.create_db("hostile");
    conforms(&json!({ "ds_type": "mysql", "info": server.info("hostile") }));
}

#[test]
fn a_run_log_that_does_not_let_us_in_says_why_and_no_secret() {
    let home = Home::new();
    shop("runlog_denied");
    for log in [Log::postgres("runlog_denied_log"), Log::mariadb("runlog_denied_log")] {
        let mut entry = log.entry();
        entry["info"]["database"] = "no such".into();
        home.write_auth(&entry, "runlog_denied");
        home.export(&[]).output().exits(78).says(&["no such", "run log"]);
        let mut entry = log.entry();
        entry["info"]["username"] = "nobody".into();
        entry["info"]["password"] = "s3cret".into();
        home.write_auth(&entry, "runlog_denied");
        home.export(&[]).output().exits(77).says(&["nobody"]).never_says(&["s3cret"]);
        let mut entry = log.entry();
        entry["info"]["port"] = crate::server::free_port().into();
        home.write_auth(&entry, "runlog_denied");
        home.export(&[]).output().exits(75).says(&["run log"]);
    }
    for kind in ["mssql", "duckdb"] {
        home.write_auth(&json!({ "ds_type": kind, "info": {} }), "runlog_denied");
        home.export(&[]).output().exits(78).says(&[kind, "sqlite", "postgres", "mysql", "mariadb"]);
    }
    assert!(!home.path().join("out").exists(), "nothing is made before the run log is there");
    let latin = Log::postgres("runlog_latin");
    PgServer::shared().sql("postgres", "DROP DATABASE runlog_latin");
    PgServer::shared()
        .sql("postgres", "CREATE DATABASE runlog_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    home.write_auth(&latin.entry(), "runlog_denied");
    home.export(&[]).output().exits(78).says(&["LATIN1", "UTF8"]);
}
