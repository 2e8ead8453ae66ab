//! Parts that are complete at a store when their process is killed, and used again.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{Seaweed, WRITER};
use super::{Place, Store, ids, unique};
use crate::lake::Run;
use crate::mixed::prepared;
use crate::resume::wait_until;

const FLAGS: [&str; 8] = ["-i", "t", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
const ROWS: u64 = 3000;
const HELD_UP: Duration = Duration::from_secs(40);

/// Kills an export of which one part hangs and all others are complete, and resumes it.
fn killed_and_resumed(mixed: bool) {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("mixed"));
    place.fill(ROWS, 300);
    let proxy = Proxy::new(seaweed.port, When::Class(Class::Part, 3), Fault::Delay(HELD_UP));
    place.entry("lake", seaweed.entry(proxy.port, WRITER, &base));
    let state = place.path("state");
    let at_home = |run: Run| run.env("XDG_STATE_HOME", &state);
    let running = at_home(place.export("lake", &FLAGS)).spawn();
    proxy.wait_until_met();
    // All but the one that hangs: nothing more comes.
    let (mut last, mut same) = (0, 0);
    wait_until("all other parts are complete", || {
        thread::sleep(Duration::from_millis(100));
        let now = prepared(&state);
        same = if now == last && now > 3 { same + 1 } else { 0 };
        last = now;
        same > 20
    });
    running.kill9();
    let created = proxy.count(Class::Create);
    assert_eq!(seaweed.uploads(&base).len(), last + 1, "one is not complete");
    place.run("DELETE FROM t WHERE id = 1; INSERT INTO t SELECT 1, randomblob(300)");
    let runs = at_home(Run::new(["runs", "--json"])).output().ok();
    let runs: Value = serde_json::from_str(&runs.stdout).unwrap();
    let mut resume = Run::new(["resume", runs[0]["run_id"].as_str().unwrap()]);
    if mixed {
        resume = resume.args(["--accept-mixed-snapshot"]);
    }
    place.at_home(at_home(resume)).env("XDG_STATE_HOME", &state).output().ok();
    let table = format!("{base}/main/t/");
    assert_eq!(seaweed.ids(&table), Some(ids(ROWS)));
    seaweed.assert_tidy(&table);
    let manifest = seaweed.json(&format!("{table}_manifest.json")).unwrap();
    let begun = proxy.count(Class::Create) - created;
    if mixed {
        assert_eq!(begun, 1, "one part was written again");
        let parts: Vec<usize> = manifest["mixed_snapshots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|moment| moment["parts"].as_array().unwrap().len())
            .collect();
        assert_eq!(parts, [last, 1]);
    } else {
        assert!(begun > last, "all parts are written again");
        assert!(manifest.get("mixed_snapshots").is_none());
    }
}

#[test]
fn parts_of_a_killed_process_are_used_again_or_removed() {
    thread::scope(|scope| {
        scope.spawn(|| killed_and_resumed(true));
        scope.spawn(|| killed_and_resumed(false));
    });
}

/// What is finished elsewhere would be in two places.
#[test]
fn a_run_is_not_resumed_to_another_base_path() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("moved"));
    place.fill(10, 20);
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    let state = place.path("state");
    let at_home = |run: Run| place.at_home(run).env("XDG_STATE_HOME", &state).output();
    at_home(place.export("lake", &["-i", "t"])).ok();
    let runs: Value = serde_json::from_str(&at_home(Run::new(["runs", "--json"])).ok().stdout).unwrap();
    let other = format!("{base}-other");
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &other));
    let resumed = at_home(Run::new(["resume", runs[0]["run_id"].as_str().unwrap()])).exits(2);
    resumed.says(&["the destination is not that of the run", &other]);
    assert_eq!(seaweed.names(&other), [""; 0]);
}
