//! One writer per table.

use std::time::{Duration, Instant};

use super::azurite::Azurite;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{Seaweed, WRITER};
use super::{Place, SOME_FAILED, Store, UNAVAILABLE, ids, unique};
use serde_json::Value;

/// Two runs to one table: the first is held up, the second is refused and names it.
fn one_is_refused(store: &dyn Store, port: u16, entry: &dyn Fn(u16, &str) -> Value) {
    let (place, base) = (Place::new(), unique("two-runs"));
    place.fill(500, 300);
    let flags = ["-i", "t", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
    let proxy = Proxy::new(port, When::Class(Class::Part, 1), Fault::Delay(Duration::from_secs(25)));
    place.entry("slow", entry(proxy.port, &base));
    place.entry("straight", entry(port, &base));
    let first = place.export("slow", &flags).spawn();
    proxy.wait_until_met();
    let lock = store.json(&format!("{base}/main/t/_lock")).expect("a lock");
    let owner = lock["owner"].as_str().expect("an owner").to_owned();
    let begun = Instant::now();
    let second = place.export("straight", &flags).output();
    let second = second.exits_one_of(&[SOME_FAILED, UNAVAILABLE]).says(&["another run", &owner]);
    assert!(begun.elapsed() < Duration::from_secs(20), "refused after {:?}\n{second}", begun.elapsed());
    // Neither aborted the other's uploads nor took its lock.
    first.finish().ok();
    let table = format!("{base}/main/t/");
    assert_eq!(store.ids(&table), Some(ids(500)));
    store.assert_tidy(&table);
}

#[test]
fn one_of_two_runs_to_one_table_on_s3() {
    let seaweed = Seaweed::shared();
    one_is_refused(seaweed, seaweed.port, &|port, base| seaweed.entry(port, WRITER, base));
}

#[test]
fn one_of_two_runs_to_one_table_on_azure() {
    let azurite = Azurite::shared();
    one_is_refused(azurite, azurite.port, &|port, base| azurite.entry(port, base));
}

/// A lease is told from the store's clock, so the lock of a run that is gone is as old as its last sign of life.
#[test]
fn the_lock_of_a_dead_run_is_taken_over() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("dead-run"));
    place.fill(10, 20);
    let proxy =
        Proxy::new(seaweed.port, When::Class(Class::Manifest, 1), Fault::Delay(Duration::from_secs(60)));
    place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
    place.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
    let dying = place.export("slow", &[]).spawn();
    proxy.wait_until_met();
    dying.kill9();
    let lock = seaweed.json(&format!("{base}/main/t/_lock")).expect("a lock");
    let output = place.export("straight", &[]).output().ok();
    let output = output.says(&["taking over", lock["owner"].as_str().unwrap()]);
    assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(10)), "{output}");
    seaweed.assert_tidy(&format!("{base}/main/t/"));
}
