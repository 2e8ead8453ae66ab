//! A run that sleeps for longer than the lease of its lock, and finds another one in its place.

use std::process::Command;
use std::time::{Duration, Instant};

use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{Seaweed, WRITER};
use super::{Place, Store, UNAVAILABLE, ids, unique};
use crate::resume::wait_until;

const FLAGS: [&str; 8] = ["-i", "t", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
/// How long the store takes for one part: until the others are there, and the process sleeps.
const HELD_UP: Duration = Duration::from_secs(8);

/// All its parts have arrived when it falls asleep: nothing but its lock says that it must not commit them.
#[test]
fn t4_a_run_of_several_parts_that_slept_past_its_lease_writes_no_intent() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("asleep"));
    let table = format!("{base}/main/t/");
    place.fill(600, 300);
    let proxy = Proxy::new(seaweed.port, When::Class(Class::Part, 1), Fault::Delay(HELD_UP));
    place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
    let first = place.export("slow", &FLAGS).spawn();
    proxy.wait_until_met();
    let held = Instant::now();
    let (mut parts, mut same) = (0, 0);
    wait_until("all other parts are there", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = proxy.count(Class::Part);
        same = if now == parts && now > 2 { same + 1 } else { 0 };
        parts = now;
        same > 30
    });
    let signal = |name: &str| {
        let pid = first.pid().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    assert!(held.elapsed() < HELD_UP, "too late: {:?}", held.elapsed());
    // The second run is about to commit when the first wakes up.
    let slow = Proxy::new(seaweed.port, When::Class(Class::Intent, 1), Fault::Delay(HELD_UP));
    place.entry("second", seaweed.entry(slow.port, WRITER, &base));
    let second = place.export("second", &[&FLAGS[..], &["--where", "t: id <= 200"]].concat()).spawn();
    slow.wait_until_met();
    // The last part arrived meanwhile: the second run has it taken away, as those of a dead run.
    assert!(held.elapsed() > HELD_UP, "the first run's last part was still on its way");
    let owner = || seaweed.json(&format!("{table}_lock")).expect("a lock")["owner"].clone();
    let seconds_own = owner();
    signal("-CONT");
    let first = first.finish().exits(UNAVAILABLE);
    assert!(first.stdout.contains("has been lost to another run"), "{first}");
    assert_eq!(proxy.count(Class::Intent), 0, "{first}");
    assert_eq!(proxy.count(Class::Manifest), 0, "{first}");
    assert_eq!(proxy.count(Class::Complete), 0, "{first}");
    assert_eq!(owner(), seconds_own, "{first}");
    second.finish().ok().says(&["taking over the lock"]);
    assert_eq!(seaweed.ids(&table), Some(ids(200)));
    seaweed.assert_tidy(&table);
}
