//! Stopped and killed while something is on its way to the store.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{Seaweed, WRITER};
use super::{Place, Store, ids, unique};

const FLAGS: [&str; 8] = ["-i", "t", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
const OLD_ROWS: u64 = 400;
const NEW_ROWS: u64 = 600;
/// A request that is held up this long outlives every run of these tests.
const HELD_UP: Duration = Duration::from_secs(40);

/// A run that waits for a request of a class, with an old table in place or none.
struct Held {
    place: Place,
    proxy: Proxy,
    base: String,
    running: Option<crate::lake::Running>,
}

impl Held {
    fn at(class: Class, nth: usize, with_old: bool) -> Self {
        let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("held"));
        place.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
        if with_old {
            place.fill(OLD_ROWS, 300);
            place.export("straight", &FLAGS).output().ok();
        }
        place.fill(NEW_ROWS, 300);
        let proxy = Proxy::new(seaweed.port, When::Class(class, nth), Fault::Delay(HELD_UP));
        place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
        let running = Some(place.export("slow", &FLAGS).spawn());
        let held = Self { place, proxy, base, running };
        held.proxy.wait_until_met();
        held
    }

    fn table(&self) -> String {
        format!("{}/main/t/", self.base)
    }

    fn uploads(&self) -> Vec<String> {
        Seaweed::shared().uploads(&self.base)
    }

    fn visible(&self) -> Vec<String> {
        let names = Seaweed::shared().names(&self.table());
        names.into_iter().filter(|name| name.ends_with(".parquet")).collect()
    }

    /// The next run ends well and leaves the new table and nothing else.
    #[track_caller]
    fn assert_recovers(&self, when: &str) {
        let output = self.place.export("straight", &FLAGS).output();
        assert_eq!(output.code, Some(0), "{when}: the next run fails\n{output}");
        let seaweed = Seaweed::shared();
        assert_eq!(seaweed.ids(&self.table()), Some(ids(NEW_ROWS)), "{when}");
        seaweed.assert_tidy(&self.table());
        assert_eq!(self.uploads(), [""; 0], "{when}: uploads are left");
    }
}

#[test]
fn stopped_during_an_upload() {
    for (with_old, signal) in [(false, "-TERM"), (true, "-INT")] {
        let mut held = Held::at(Class::Part, 2, with_old);
        assert!(!held.uploads().is_empty(), "nothing was on its way");
        let running = held.running.take().unwrap();
        let told = Instant::now();
        let pid = running.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let output = running.finish().no_panic();
        assert!(told.elapsed() < Duration::from_secs(15), "it took {:?} to stop\n{output}", told.elapsed());
        let code = if signal == "-TERM" { 143 } else { 130 };
        assert_eq!(output.code, Some(code), "{output}");
        assert_eq!(held.uploads(), [""; 0], "uploads are left\n{output}");
        let old = with_old.then(|| ids(OLD_ROWS));
        assert_eq!(Seaweed::shared().ids(&held.table()), old, "{output}");
        assert_eq!(held.visible().is_empty(), !with_old);
        let begun = Instant::now();
        held.assert_recovers("stopped");
        assert!(begun.elapsed() < Duration::from_secs(20), "the lock was not given back");
    }
}

/// `kill -9` leaves uploads and a lock whose lease must expire; each case waits for that.
#[test]
fn killed_at_every_step() {
    let steps = [
        (Class::Create, 2, false),
        (Class::Part, 2, false),
        (Class::Part, 2, true),
        (Class::Intent, 1, true),
        (Class::Complete, 1, true),
        (Class::Complete, 2, true),
        (Class::Manifest, 1, true),
        (Class::Manifest, 1, false),
    ];
    thread::scope(|scope| {
        for (class, nth, with_old) in steps {
            scope.spawn(move || {
                let mut held = Held::at(class, nth, with_old);
                held.running.take().unwrap().kill9();
                let when = format!("killed at {class:?} {nth}, old table {with_old}");
                let seaweed = Seaweed::shared();
                let intent = seaweed.json(&format!("{}_commit.json", held.table())).is_some();
                let found = seaweed.ids(&held.table());
                match class {
                    Class::Create | Class::Part | Class::Intent => {
                        assert_eq!(found, with_old.then(|| ids(OLD_ROWS)), "{when}");
                        assert_eq!(held.visible().is_empty(), !with_old, "{when}: {:?}", held.visible());
                        assert!(!held.uploads().is_empty(), "{when}: nothing was on its way");
                    }
                    _ => assert!(found.is_none() && intent, "{when}: neither manifest nor intent"),
                }
                held.assert_recovers(&when);
            });
        }
    });
    println!("{} steps, killed at each", steps.len());
}

/// An object larger than a part of an upload: stopped between two parts, killed there, and refused once.
#[test]
fn an_object_of_many_parts() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("many-parts"));
    let table = format!("{base}/main/t/");
    place.fill(52, 500_000);
    place.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
    for (signal, code) in [("-TERM", Some(143)), ("-KILL", None)] {
        let proxy = Proxy::new(seaweed.port, When::Class(Class::Part, 2), Fault::Delay(HELD_UP));
        place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
        let running = place.export("slow", &["--if-exists", "overwrite"]).spawn();
        proxy.wait_until_met();
        let pid = running.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(running.finish().code, code);
        assert_eq!(seaweed.uploads(&base).len(), usize::from(code.is_none()), "{signal}");
        assert_eq!(seaweed.ids(&table), None);
        assert!(!seaweed.names(&table).iter().any(|name| name.ends_with(".parquet")), "{signal}");
    }
    let proxy = Proxy::new(seaweed.port, When::Class(Class::Part, 2), Fault::Status(503));
    place.entry("once", seaweed.entry(proxy.port, WRITER, &base));
    place.export("once", &[]).output().ok();
    assert!(proxy.count(Class::Part) >= 5, "{:#?}", proxy.seen());
    assert_eq!(proxy.count(Class::Complete), 1, "{:#?}", proxy.seen());
    assert_eq!(seaweed.ids(&table), Some(ids(52)));
    seaweed.assert_tidy(&table);
}
