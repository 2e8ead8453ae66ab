//! A table of one small part: two requests that change it, and what becomes of it when a run dies between them.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, SOME_FAILED, Store, ids, unique};
use crate::lake::Running;

/// What is there must not be replaced, or is not what it should be.
const DATA: i32 = 65;
const TABLE: &str = "main/t/";
const ROWS: u64 = 10;
/// Contact, the run's summary twice; lock, intent, manifest, objects, uploads, lock; file, manifest; lock.
const MOST_REQUESTS: usize = 12;

/// It is one object and its manifest, and no upload, on every store.
#[test]
fn a_small_table_is_two_puts() {
    let (seaweed, gcs, azurite, place) = (Seaweed::shared(), Gcs::shared(), Azurite::shared(), Place::new());
    let base = unique("small");
    place.fill(ROWS, 20);
    let proxy = |port| Proxy::new(port, When::Never, Fault::ResetBefore);
    let proxies = [proxy(seaweed.port), proxy(gcs.port), proxy(azurite.port)];
    let key_file = gcs.key_file(proxies[1].port, place.dir.path());
    let entries = [
        seaweed.entry(proxies[0].port, WRITER, &base),
        gcs.entry(&key_file, BUCKET, &format!("{base}-gcs")),
        azurite.entry(proxies[2].port, &base),
    ];
    let stores: [(&dyn Store, String); 3] =
        [(seaweed, base.clone()), (seaweed, format!("{base}-gcs")), (azurite, base)];
    for ((proxy, entry), (store, base)) in proxies.iter().zip(entries).zip(stores) {
        place.entry("lake", entry);
        place.export("lake", &[]).output().ok();
        let table = format!("{base}/{TABLE}");
        assert_eq!(store.ids(&table), Some(ids(ROWS)));
        store.assert_tidy(&table);
        let seen = proxy.seen();
        let counts =
            [Class::Create, Class::Part, Class::Complete, Class::Intent].map(|class| proxy.count(class));
        assert_eq!(counts, [0; 4], "{seen:#?}");
        assert_eq!(proxy.count(Class::Manifest), 1, "{seen:#?}");
        let files = seen.iter().filter(|s| s.class == Class::Put && s.line.contains("parquet"));
        assert_eq!(files.count(), 1, "{seen:#?}");
        // On GCS it is asked first whether the run's summary may be replaced. The stand-in has no versions of objects: a lock
        // is then looked at before and after it is written.
        let more = if base.ends_with("-gcs") { 3 } else { 0 };
        assert!(seen.len() <= MOST_REQUESTS + more, "{} requests: {seen:#?}", seen.len());
        println!("{base}: {} requests", seen.len());
    }
}

/// A run that waits for a request of a class.
fn held(class: Class, nth: usize, time: Duration) -> (Place, Proxy, String, Running) {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("small-held"));
    place.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
    place.fill(ROWS, 20);
    let proxy = Proxy::new(seaweed.port, When::Class(class, nth), Fault::Delay(time));
    place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
    let running = place.export("slow", &[]).spawn();
    proxy.wait_until_met();
    (place, proxy, base, running)
}

/// `kill -9` before each request that writes, so that the one before it was the last.
#[test]
fn killed_at_every_step() {
    let steps = [
        (Class::Lock, 1, false, false),
        (Class::Lock, 2, false, false),
        // The summary is the first.
        (Class::Put, 2, false, false),
        (Class::Manifest, 1, true, false),
        (Class::Delete, 1, true, true),
    ];
    thread::scope(|scope| {
        for (class, nth, file, manifest) in steps {
            scope.spawn(move || {
                let (place, _proxy, base, running) = held(class, nth, Duration::from_secs(60));
                running.kill9();
                let (seaweed, table) = (Seaweed::shared(), format!("{base}/{TABLE}"));
                let when = format!("killed at {class:?} {nth}");
                assert_eq!(seaweed.get(&format!("{table}part-00000.parquet")).is_some(), file, "{when}");
                assert_eq!(seaweed.ids(&table), manifest.then(|| ids(ROWS)), "{when}");
                // What was there is found first: a run that may replace nothing finds the whole table.
                let more = if file { &["--if-exists", "error"][..] } else { &[] };
                let next = place.export("straight", more).output();
                let next = next.exits_one_of(if file { &[SOME_FAILED, DATA] } else { &[0] });
                assert_eq!(seaweed.ids(&table), Some(ids(ROWS)), "{when}\n{next}");
                seaweed.assert_tidy(&table);
                assert_eq!(next.stderr.contains("finishing the commit"), file && !manifest, "{when}\n{next}");
                place.fill(ROWS * 2, 20);
                place.export("straight", &[]).output().ok();
                assert_eq!(seaweed.ids(&table), Some(ids(ROWS * 2)), "{when}");
                seaweed.assert_tidy(&table);
            });
        }
    });
}

/// A run that sleeps for longer than its lease wakes up to a table of another run, and leaves it alone.
#[test]
fn a_sleeper_changes_nothing() {
    thread::scope(|scope| {
        for (class, nth) in [(Class::Put, 2), (Class::Manifest, 1)] {
            scope.spawn(move || {
                let (_place, _proxy, base, sleeper) = held(class, nth, Duration::from_secs(50));
                let signal = |name: &str| {
                    let pid = sleeper.pid().to_string();
                    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
                };
                signal("-STOP");
                let (seaweed, table, other) = (Seaweed::shared(), format!("{base}/{TABLE}"), Place::new());
                other.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
                other.fill(ROWS * 2, 20);
                other.export("straight", &["--if-exists", "replace"]).output().ok().says(&["taking over"]);
                assert_eq!(seaweed.ids(&table), Some(ids(ROWS * 2)));
                // Its request has not arrived yet; now it does.
                signal("-CONT");
                let output = sleeper.finish().exits_one_of(&[SOME_FAILED, DATA]);
                assert_eq!(seaweed.ids(&table), Some(ids(ROWS * 2)), "{class:?}\n{output}");
                seaweed.assert_tidy(&table);
            });
        }
    });
}

/// The note says which bytes were to be written: others under the same name are somebody's, or damaged.
#[test]
fn a_file_that_is_not_the_noted_one_gets_no_manifest() {
    let (place, _proxy, base, running) = held(Class::Manifest, 1, Duration::from_secs(60));
    running.kill9();
    let (seaweed, key) = (Seaweed::shared(), format!("{base}/{TABLE}part-00000.parquet"));
    let mut content = seaweed.get(&key).expect("the file");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    seaweed.put(&key, &content);
    let output = place.export("straight", &[]).output().exits(DATA);
    assert!(output.stdout.contains("part-00000.parquet"), "{output}");
    assert_eq!(seaweed.ids(&format!("{base}/{TABLE}")), None, "{output}");
    assert_eq!(seaweed.get(&key), Some(content), "{output}");
}
