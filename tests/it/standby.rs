//! A hot standby as the source: the same guarantees, and what a conflict with recovery does.

use std::time::{Duration, Instant};

use crate::lake::{Run, assert_nothing_visible, assert_same, assert_tidy, export, export_args, manifest};
use crate::server::PgServer;

fn primary() -> PgServer {
    let conf = [("wal_level", "replica"), ("max_wal_senders", "4"), ("autovacuum", "off")];
    PgServer::start_with(&conf, "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust")
}

#[test]
fn a_standby_is_exported_as_of_one_moment_and_a_conflict_is_an_error() {
    let primary = primary();
    primary.create_db("copied");
    primary.sql(
        "copied",
        "CREATE TABLE big AS SELECT g AS id, md5(g::text) AS pad FROM generate_series(1, 50000) g;
         CREATE TABLE other (id integer, t text); INSERT INTO other VALUES (1, 'x'); ANALYZE;",
    );
    let standby = primary.standby(&[("max_standby_streaming_delay", "0"), ("hot_standby_feedback", "off")]);
    let out = tempfile::tempdir().unwrap();
    let flags = ["-p", "3", "--part-bytes", "1MiB", "--large-table-threshold", "1000"];
    export(&standby.url("copied"), out.path(), &flags).ok();
    for table in ["big", "other"] {
        let dir = out.path().join("public").join(table);
        assert_tidy(&dir);
        assert_same(&primary.url("copied"), &format!("public.{table}"), &dir);
        let snapshot = manifest(&dir)["snapshot"].clone();
        assert_eq!(snapshot["level"], "run");
        assert!(snapshot["position"].as_str().unwrap().contains('/'), "{snapshot}");
    }

    // The primary vacuums rows away that the export still reads, and the standby may not wait.
    primary.sql("copied", "CREATE VIEW slow AS SELECT id, pg_sleep(0.002)::text AS t FROM big");
    standby.catch_up(&primary);
    let conflicted = tempfile::tempdir().unwrap();
    let running = Run::new(export_args(&standby.url("copied"), conflicted.path(), &["-i", "slow"])).spawn();
    let active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY %slow%'";
    let deadline = Instant::now() + Duration::from_secs(60);
    while standby.query("postgres", active) != "1" {
        assert!(Instant::now() < deadline, "the view is not read");
        std::thread::sleep(Duration::from_millis(20));
    }
    primary.sql("copied", "DELETE FROM big WHERE id > 100; VACUUM big;");
    let run = running.finish();
    assert!(run.code != Some(0), "{run}");
    let said = format!("{run}");
    assert!(said.contains("conflict with recovery") && said.contains("hot_standby_feedback"), "{run}");
    assert_nothing_visible(conflicted.path());
    assert!(!conflicted.path().join("public/slow/_manifest.json").exists());
    run.no_panic();
}
