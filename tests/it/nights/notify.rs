//! Who hears how a run ended: a file for Prometheus, and a server that is posted to.

mod exposition;
mod metrics;
mod posted;

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lake::Running;
use crate::server::PgServer;
use crate::shop::Shop;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 75;
const CONFIG: i32 = 78;
const TERMINATED: i32 = 143;

/// With a table of an odd name, and a view that takes a minute.
fn shop(db: &str) -> Shop {
    Shop::with(
        db,
        r#"CREATE TABLE "odd ""\
name" AS TABLE good;
           CREATE VIEW slow AS SELECT g AS id, pg_sleep(1)::text AS t FROM generate_series(1, 60) g"#,
    )
}

impl Shop {
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
