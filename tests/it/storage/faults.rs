//! The n-th request fails, for n = 1, 2, 3 ... until a run passes untouched. Whatever happens, readers of
//! manifests see the old table or the new one, and the next run ends with the new one and nothing else.
//!
//! Every store meets every fault. Where that takes long only every n-th request is taken; `LAKEXPRESS_FAULT_STEP`
//! is the step of all (`make verify-storage`: 1).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::proxy::{Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{DENIED, Place, SOME_FAILED, Store, UNAVAILABLE, ids, unique};
use crate::lake::{Output, Run, env_number};

/// Cases under way at once.
const AT_ONCE: usize = 4;
/// The same where the program tries for a minute before it gives up.
const AT_ONCE_WAITING: usize = 6;
/// How long a run may try.
const LONGEST: Duration = Duration::from_secs(200);
const FLAGS: [&str; 8] = ["-i", "t", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
/// The directory of the table, below a base.
const TABLE: &str = "main/t/";

/// Makes an auth entry of an endpoint's port and a base path.
type Entry<'a> = &'a (dyn Fn(&Place, u16, &str) -> Value + Sync);

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    name: &'static str,
    /// Rows of the table that is there before; none if there is no table.
    old: Option<u64>,
    new: u64,
    /// A run has at least so many requests.
    least: usize,
}

/// The old table has more parts than the new one, so that some must be deleted.
const PARTS: Shape = Shape { name: "parts replace parts", old: Some(1_200), new: 400, least: 20 };
/// The file is written at once, and not uploaded.
const SMALL: Shape = Shape { name: "a small new table", old: None, new: 20, least: 9 };
/// It is uploaded after all.
const SMALLER: Shape = Shape { name: "a small table replaces another", old: Some(30), new: 20, least: 15 };

/// A store, with an export of what the table was before.
struct Matrix<'a> {
    name: &'static str,
    shape: Shape,
    store: &'a dyn Store,
    /// The server's own port.
    port: u16,
    entry: Entry<'a>,
    /// The database as it is now.
    place: Place,
    /// Where the old export is.
    old: String,
}

/// What one fault at every request came to.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    /// Runs that ended well in spite of it.
    passed: usize,
    /// Those that did not, with what they said.
    failed: Vec<String>,
}

impl<'a> Matrix<'a> {
    fn new(name: &'static str, shape: Shape, store: &'a dyn Store, port: u16, entry: Entry<'a>) -> Self {
        let place = Place::new();
        let matrix = Self { name, shape, store, port, entry, place, old: unique("faults-old") };
        if let Some(rows) = shape.old {
            matrix.place.fill(rows, 200);
            matrix.run(matrix.port, &matrix.old).output().ok();
            assert_eq!(store.ids(&format!("{}/{TABLE}", matrix.old)), Some(ids(rows)));
        }
        matrix.place.fill(shape.new, 200);
        if shape == PARTS {
            let new = unique("faults-new");
            matrix.run(matrix.port, &new).output().ok();
            let parts = |base: &str| store.names(&format!("{base}/{TABLE}")).len() - 1;
            assert!(parts(&new) >= 2, "the new table is one part");
            assert!(parts(&matrix.old) > parts(&new), "no old part will be deleted");
        }
        matrix
    }

    /// A run through the endpoint at `port`. Entries are named by their base.
    fn run(&self, port: u16, base: &str) -> Run {
        static FILE: Mutex<()> = Mutex::new(());
        let guard = FILE.lock().unwrap();
        let id = format!("{base}-{port}").replace('/', "-");
        self.place.entry(&id, (self.entry)(&self.place, port, base));
        drop(guard);
        self.place.export(&id, &FLAGS)
    }

    /// One case. False if the fault met no request.
    fn case(&self, nth: usize, fault: Fault, tally: &Mutex<Tally>) -> bool {
        let base = unique("faults");
        let table = format!("{base}/{TABLE}");
        if self.shape.old.is_some() {
            self.store.copy(&self.old, &base);
        }
        // A store that is busy and one that failed are told apart by nothing but their number.
        let fault =
            if fault == Fault::Status(503) && nth.is_multiple_of(2) { Fault::Status(500) } else { fault };
        let began = Instant::now();
        let proxy = Proxy::new(self.port, When::Nth(nth), fault);
        let mut running = self.run(proxy.port, &base).spawn();
        while running.child.try_wait().unwrap().is_none() && began.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(10));
        }
        let took = began.elapsed();
        // No more than a collection of what it said, unless it has not ended.
        let output = running.kill9().no_panic();
        let seen = proxy.seen();
        let what = seen.get(nth - 1).map_or("none", |seen| seen.line.as_str());
        let when = format!("{}, {}: {fault:?} at request {nth}, {what}", self.name, self.shape.name);
        assert!(took < LONGEST, "{when}: no end after {took:?}\n{output}");
        if proxy.met() == 0 {
            output.ok();
            self.store.assert_tidy(&table);
            return false;
        }
        self.assert_sound(&table, &output, &when);
        let mut tally = tally.lock().unwrap();
        tally.cases += 1;
        if output.code == Some(0) {
            tally.passed += 1;
        } else {
            tally.failed.push(format!("{when}\n{output}"));
        }
        drop(tally);
        self.assert_recovers(&base, &when);
        true
    }

    /// What must hold after any failure of any request.
    #[track_caller]
    fn assert_sound(&self, table: &str, output: &Output, when: &str) {
        let found = self.store.ids(table);
        let (old, new) = (self.shape.old.map(ids), ids(self.shape.new));
        match &found {
            Some(found) => assert!(old.as_ref() == Some(found) || *found == new, "{when}: half a table"),
            None => {
                let intent = self.store.json(&format!("{table}_commit.json"));
                assert!(old.is_none() || intent.is_some(), "{when}: neither manifest nor intent\n{output}");
            }
        }
        match output.code {
            Some(0) => assert_eq!(found, Some(new), "{when}: success without the new table"),
            Some(SOME_FAILED | UNAVAILABLE | DENIED) => {}
            code => panic!("{when}: exit code {code:?}\n{output}"),
        }
    }

    /// The next ordinary run ends well and leaves the new table and nothing else.
    #[track_caller]
    fn assert_recovers(&self, base: &str, when: &str) {
        let output = self.run(self.port, base).output();
        assert_eq!(output.code, Some(0), "{when}: the next run fails\n{output}");
        let table = format!("{base}/{TABLE}");
        assert_eq!(self.store.ids(&table), Some(ids(self.shape.new)), "{when}");
        self.store.assert_tidy(&table);
        for name in self.store.names(&format!("{base}/")) {
            let ours = name.starts_with(TABLE) || name.starts_with("_lakexpress/") && name.ends_with(".json");
            assert!(ours, "{when}: {name} was left");
        }
        assert_eq!(self.store.uploads(base), [""; 0], "{when}: uploads are left");
    }

    /// One fault at every `step`-th request, until a run passes untouched.
    fn every_request(&self, fault: Fault, step: usize) {
        let waiting = fault == Fault::StatusForEver(503);
        let at_once = if waiting { AT_ONCE_WAITING } else { AT_ONCE };
        let step = env_number("LAKEXPRESS_FAULT_STEP", step);
        let (next, over, tally) = (AtomicUsize::new(1), AtomicBool::new(false), Mutex::default());
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let nth = next.fetch_add(step, Ordering::SeqCst);
                        assert!(nth < 300, "no run passes untouched");
                        if !self.case(nth, fault, &tally) {
                            over.store(true, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        let tally: Tally = tally.into_inner().unwrap();
        let (name, shape) = (self.name, self.shape.name);
        println!("{name}, {shape}: {} cases of {fault:?}, {} ended well", tally.cases, tally.passed);
        assert!(tally.cases * step >= self.shape.least, "only {} requests were seen", tally.cases);
        match fault {
            Fault::StatusForEver(status) => {
                let silent: Vec<_> =
                    tally.failed.iter().filter(|said| !said.contains(&status.to_string())).collect();
                assert!(silent.is_empty(), "not told what the store said: {silent:#?}");
                let enough = !tally.failed.is_empty() && tally.passed < tally.cases;
                assert!(enough, "the store's refusal was not noticed: {tally:?}");
            }
            _ => {
                let failed = tally.failed.join("\n\n");
                assert!(failed.is_empty(), "one fault is no reason to give up:\n{failed}");
            }
        }
    }
}

fn s3(shape: Shape) -> Matrix<'static> {
    let entry = &|_: &Place, port: u16, base: &str| Seaweed::shared().entry(port, WRITER, base);
    Matrix::new("S3", shape, Seaweed::shared(), Seaweed::shared().port, entry)
}

fn gcs(shape: Shape) -> Matrix<'static> {
    let entry = &|place: &Place, port: u16, base: &str| {
        let dir = place.path(&format!("key-{port}"));
        std::fs::create_dir_all(&dir).unwrap();
        Gcs::shared().entry(&Gcs::shared().key_file(port, &dir), BUCKET, base)
    };
    Matrix::new("GCS", shape, Seaweed::shared(), Gcs::shared().port, entry)
}

fn azure(shape: Shape) -> Matrix<'static> {
    let entry = &|_: &Place, port: u16, base: &str| Azurite::shared().entry(port, base);
    Matrix::new("Azure", shape, Azurite::shared(), Azurite::shared().port, entry)
}

/// A request meets this once, or for ever.
const FAULTS: [Fault; 4] =
    [Fault::Status(503), Fault::StatusForEver(403), Fault::ResetBefore, Fault::ResetAfter];

#[test]
fn s3_says_once_that_it_is_busy_or_failed() {
    s3(PARTS).every_request(Fault::Status(503), 2);
}

#[test]
fn s3_forbids_one_request() {
    s3(PARTS).every_request(Fault::StatusForEver(403), 2);
}

#[test]
fn s3_resets_the_connection_before_the_effect() {
    s3(PARTS).every_request(Fault::ResetBefore, 2);
}

#[test]
fn s3_resets_the_connection_after_the_effect() {
    s3(PARTS).every_request(Fault::ResetAfter, 1);
}

#[test]
fn gcs_says_once_that_it_is_busy_or_failed() {
    gcs(PARTS).every_request(Fault::Status(503), 5);
}

#[test]
fn gcs_forbids_one_request() {
    gcs(PARTS).every_request(Fault::StatusForEver(403), 5);
}

#[test]
fn gcs_resets_the_connection_before_the_effect() {
    gcs(PARTS).every_request(Fault::ResetBefore, 5);
}

#[test]
fn gcs_resets_the_connection_after_the_effect() {
    gcs(PARTS).every_request(Fault::ResetAfter, 2);
}

#[test]
fn azure_says_once_that_it_is_busy_or_failed() {
    azure(PARTS).every_request(Fault::Status(503), 5);
}

#[test]
fn azure_forbids_one_request() {
    azure(PARTS).every_request(Fault::StatusForEver(403), 5);
}

#[test]
fn azure_resets_the_connection_before_the_effect() {
    azure(PARTS).every_request(Fault::ResetBefore, 5);
}

#[test]
fn azure_resets_the_connection_after_the_effect() {
    azure(PARTS).every_request(Fault::ResetAfter, 2);
}

/// All at once, because the program tries for a minute before it gives up.
#[test]
fn stores_are_too_busy_for_one_request_for_ever() {
    let matrices = [
        (s3(PARTS), 5),
        (gcs(PARTS), 6),
        (azure(PARTS), 6),
        (s3(SMALL), 3),
        (gcs(SMALL), 5),
        (azure(SMALL), 5),
        (s3(SMALLER), 6),
    ];
    thread::scope(|scope| {
        for (matrix, step) in &matrices {
            scope.spawn(|| matrix.every_request(Fault::StatusForEver(503), *step));
        }
    });
}

#[test]
fn a_small_new_table_on_s3() {
    let matrix = s3(SMALL);
    for fault in FAULTS {
        matrix.every_request(fault, 1);
    }
}

#[test]
fn a_small_new_table_on_gcs_and_azure() {
    for matrix in [gcs(SMALL), azure(SMALL)] {
        for fault in FAULTS {
            matrix.every_request(fault, if fault == Fault::ResetAfter { 2 } else { 5 });
        }
    }
}

#[test]
fn a_small_table_replaces_another_on_s3() {
    let matrix = s3(SMALLER);
    for fault in FAULTS {
        matrix.every_request(fault, if fault == Fault::ResetAfter { 2 } else { 5 });
    }
}
