//! Who hears how a run ended: a file for Prometheus, and a server that is posted to.

mod exposition;
mod metrics;
mod posted;

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lake::{Run, Running};
use crate::server::PgServer;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 75;
const CONFIG: i32 = 78;
const TERMINATED: i32 = 143;

/// A database with two tables, one that cannot be exported until it is mended, and a view that takes a minute.
struct Shop {
    db: String,
    url: String,
    home: TempDir,
}

impl Shop {
    fn new(db: &str) -> Self {
        let server = PgServer::shared();
        let url = server.create_db(db);
        server.sql(
            db,
            r#"CREATE TABLE bad (id integer, price numeric(5,2)); INSERT INTO bad VALUES (1, 'NaN');
             CREATE TABLE good AS SELECT g AS id, repeat('x', 50) AS label FROM generate_series(1, 1000) g;
             CREATE TABLE "odd ""\
name" AS TABLE good;
             CREATE VIEW slow AS SELECT g AS id, pg_sleep(1)::text AS t FROM generate_series(1, 60) g; ANALYZE;"#,
        );
        Self { db: db.to_owned(), url, home: tempfile::tempdir().unwrap() }
    }

    fn mend(&self) {
        PgServer::shared().sql(&self.db, "UPDATE bad SET price = 1.5");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A run of the program, whose run log outlives it.
    fn run(&self, args: &[&str]) -> Run {
        Run::new(args).env("XDG_STATE_HOME", self.path("state")).current_dir(self.home.path())
    }

    fn export(&self, more: &[&str]) -> Run {
        self.run(&["export", "--source", &self.url, "--output-dir", "lake"]).args(more)
    }

    /// An export that takes a minute, once the server works on its slow view.
    fn slow(&self, more: &[&str]) -> Running {
        let running = self.export(&["--views", "-i", "good,slow", "--n-jobs", "1"]).args(more).spawn();
        let sleeps = format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%slow%' \
             AND wait_event = 'PgSleep'",
            self.db
        );
        wait_until("the slow view is read", || PgServer::shared().query("postgres", &sleeps) == "t");
        running
    }
}

#[track_caller]
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}

fn terminate(running: &Running) {
    let sent = Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}
