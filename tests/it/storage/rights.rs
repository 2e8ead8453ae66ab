//! The rights of the old documentation's policy, which has neither delete nor abort nor a list of uploads: enough for
//! a first export. A run that needs more finds out before it reads a row.

use std::process::Command;
use std::time::Duration;

use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{POOR, Seaweed, WRITER};
use super::{DENIED, Place, SOME_FAILED, Store, ids, unique};

const PARTS: [&str; 6] = ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];

#[test]
fn a_first_export_and_no_second_one() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("poor"));
    let proxy = Proxy::new(seaweed.port, When::Never, Fault::Page);
    place.entry("poor", seaweed.entry(proxy.port, POOR, &base));
    // One small part, and several.
    for rows in [10, 700] {
        place.fill(rows, 200);
        let sub_path = format!("rows{rows}");
        let mut flags = vec!["--sub-path", &sub_path];
        flags.extend(PARTS);
        let output = place.export("poor", &flags).output().ok();
        output.says(&["list unfinished uploads", "s3:ListBucketMultipartUploads"]);
        let table = format!("{base}/{sub_path}/main/t/");
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        place.fill(5, 20);
        let before = proxy.seen().len();
        let refused = place.export("poor", &flags).output().exits_one_of(&[SOME_FAILED, DENIED]);
        let refused = refused.says(&["denied", "s3:DeleteObject"]);
        assert!(refused.stdout.contains("hint: replacing a table needs the right to delete"), "{refused}");
        let writes = [Class::Create, Class::Part, Class::Manifest, Class::Intent];
        let wrote: Vec<_> =
            proxy.seen().split_off(before).into_iter().filter(|s| writes.contains(&s.class)).collect();
        assert!(wrote.is_empty(), "it wrote before it asked: {wrote:#?}");
        assert_eq!(seaweed.ids(&table), Some(ids(rows)), "the old table is not whole");
    }
}

/// What it may not abort is said, and left to a run that may.
#[test]
fn stopped_without_the_right_to_abort() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("poor-stopped"));
    place.fill(700, 200);
    let slow = Proxy::new(seaweed.port, When::Class(Class::Part, 2), Fault::Delay(Duration::from_secs(40)));
    place.entry("slow", seaweed.entry(slow.port, POOR, &base));
    place.entry("poor", seaweed.entry(seaweed.port, POOR, &base));
    place.entry("writer", seaweed.entry(seaweed.port, WRITER, &base));
    let running = place.export("slow", &PARTS).spawn();
    slow.wait_until_met();
    assert!(Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().unwrap().success());
    let output = running.finish().no_panic();
    assert_eq!(output.code, Some(143), "{output}");
    output.says(&["not removed", "s3:AbortMultipartUpload"]);
    let table = format!("{base}/main/t/");
    assert!(!seaweed.uploads(&table).is_empty());
    assert_eq!(seaweed.ids(&table), None);
    place.export("poor", &PARTS).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(700)));
    assert!(!seaweed.uploads(&table).is_empty(), "the poor have aborted something");
    place.export("writer", &PARTS).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(700)));
    seaweed.assert_tidy(&table);
}

/// `check` says each of them, with the right that is missing.
#[test]
fn check_names_the_rights_that_are_missing() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("poor-check"));
    place.fill(3, 20);
    place.entry("poor", seaweed.entry(seaweed.port, POOR, &base));
    let output = super::check::check(&place, "poor").output().exits(DENIED);
    for (what, right) in [
        ("list unfinished uploads", "s3:ListBucketMultipartUploads"),
        ("abort an upload", "s3:AbortMultipartUpload"),
        ("delete an object", "s3:DeleteObject"),
    ] {
        let line = output.stdout.lines().find(|line| line.starts_with("FAILED") && line.contains(what));
        assert!(line.is_some(), "{what} did not fail\n{output}");
        assert!(output.stdout.contains(right), "{right} is not named\n{output}");
    }
}
