//! What a snapshot holds ends at its age, whatever else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::super::signals::{Night, PLAIN, wait_until};
use super::{LATER, Scene, document, seconds_of, slow_views};
use crate::server::PgServer;
use crate::storage::seaweed::Seaweed;
use crate::storage::standin::{StandIn, forward_as_is};
use crate::storage::{Store, ids};

/// The store takes its time with the manifest: the table is committed, and the snapshot is not held for it.
#[test]
fn a_snapshot_ends_at_its_age_while_a_commit_goes_on() {
    let (port, held) = (Seaweed::shared().port, Arc::new(AtomicBool::new(false)));
    let holds = Arc::clone(&held);
    let store = StandIn::new(move |request| {
        if request.method() == "PUT" && request.target().contains("/t/_manifest.json") {
            holds.store(true, Ordering::SeqCst);
            sleep(Duration::from_secs(7));
        }
        forward_as_is(request, port).unwrap()
    });
    let (night, server, db) = (Night::new(store.port), PgServer::shared(), "limits_held");
    let url = server.create_db(db);
    server.sql(db, "CREATE TABLE t AS SELECT g::bigint AS id FROM generate_series(1, 500) g");
    let args =
        ["export", "--source", &url, "--target-storage-id", "odd", "--max-snapshot-age", "3s", "--json"];
    let running = night.run(&PLAIN, &args).spawn();
    wait_until("the commit is under way", || held.load(Ordering::SeqCst));
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{db}' AND application_name = 'lakexpress' AND xact_start IS NOT NULL"
    );
    let open = || server.query("postgres", &sql);
    assert_ne!(open(), "0", "the test shows nothing");
    sleep(Duration::from_secs(5));
    assert_eq!(open(), "0");
    let output = running.finish().ok();
    let seconds = seconds_of(&document(&output));
    assert!((2.9..4.5).contains(&seconds), "{seconds}");
    assert_eq!(Seaweed::shared().ids(&format!("{}/public/t/", night.base)), Some(ids(500)));
}

/// The table that the limit ended keeps others from being tried: that is the limit's work too.
#[test]
fn with_error_action_fail_the_limit_is_the_reason() {
    let (db, scene) = ("limits_fail", Scene::new());
    let url = slow_views(db);
    let flags = ["-i", "a,b,slow_1", "--n-jobs", "1", "--max-snapshot-age", "2s", "--error-action", "fail"];
    let output = scene.export(&url, &[&flags[..], &["--json"]].concat()).output().exits(LATER);
    assert_eq!(document(&output)["ended_by"], "--max-snapshot-age 2s", "{output}");
}
