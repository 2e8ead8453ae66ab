//! S5: documents that somebody else wrote into a bucket: manifests, intents, and locks with their notes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::seaweed::{Seaweed, WRITER};
use super::{Place, Store, unique};
use crate::hostile::documents::{Document, assert_said, documents};
use crate::hostile::{all_of_them, stopped};
use crate::lake::Run;

const WORDS: &[u8] = b"what somebody wrote for years";
const WAYS: [&[&str]; 4] =
    [&[], &["--if-exists", "append"], &["--if-exists", "replace"], &["--if-exists", "error"]];

/// Locks that say strange things. Those that are not given back are waited for, half a minute or longer.
fn locks(manifest: &Value) -> Vec<Document> {
    let mut all = Vec::new();
    let mut put = |what: &str, bytes: Vec<u8>| {
        all.push(Document { what: format!("a lock {what}"), name: "_lock", bytes });
    };
    let lock = |note: Value| {
        let note = if note.is_string() { note } else { note.to_string().into() };
        json!({"owner": "x", "until": "", "token": "t", "lease_seconds": 30, "released": true, "note": note})
    };
    let upload = |path: &str| json!([{"path": path, "upload_id": "", "part_tags": [], "bytes": WORDS.len(), "crc32": crc()}]);
    let intent = |uploads: Value, deletes: Value| json!({"format_version": 1, "run_id": "r", "uploads": uploads, "deletes": deletes, "manifest": manifest});
    for (what, note) in [
        ("with a note that is no document", json!("note")),
        ("with a note that is cut short", json!("{\"format_version\": 1, \"run_id\": ")),
        ("with a note of lists in lists", json!("[".repeat(100_000))),
        ("with a note of a later version", json!({"format_version": 99})),
        (
            "with a note that completes another table's file",
            intent(upload("../other/thesis.parquet"), json!([])),
        ),
        ("with a note that completes nothing of its manifest", intent(upload("thesis.parquet"), json!([]))),
        (
            "with a note that deletes another table's file",
            intent(json!([]), json!(["../other/thesis.parquet"])),
        ),
        ("with a note that deletes its own", intent(json!([]), json!(["part-00000.parquet"]))),
    ] {
        put(what, lock(note).to_string().into_bytes());
    }
    let mut huge = lock(json!("note"));
    huge["note"] = "x".repeat(4 << 20).into();
    put("with a note of 4 MiB", huge.to_string().into_bytes());
    let mut long = lock(json!("note"));
    long["lease_seconds"] = json!(u64::MAX);
    put("for ever, given back", long.to_string().into_bytes());
    if all_of_them() {
        for (what, text) in [
            ("that is empty", String::new()),
            ("that is no document", "lock".to_owned()),
            ("of lists in lists", "[".repeat(1 << 20)),
            ("of negative length", long.to_string().replace("18446744073709551615", "-1")),
            ("of a fraction", long.to_string().replace("18446744073709551615", "1e999")),
        ] {
            put(what, text.into_bytes());
        }
    }
    all
}

fn crc() -> String {
    format!("{:08x}", crc32fast::hash(WORDS))
}

#[test]
fn s5_documents_in_a_bucket_lead_nowhere() {
    let seaweed = Seaweed::shared();
    let (first, base) = (Place::new(), unique("documents"));
    first.fill(10, 20);
    first.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    first.export("lake", &["-i", "t"]).output().ok();
    let manifest = seaweed.json(&format!("{base}/main/t/_manifest.json")).unwrap();
    let part = seaweed.get(&format!("{base}/main/t/part-00000.parquet")).unwrap();
    let mut tried = locks(&manifest);
    // Every third of those that the local disk has; all of them with `make verify-hostile`.
    let step = if all_of_them() { 1 } else { 3 };
    tried.extend(documents(&manifest).into_iter().filter(|d| d.bytes.len() < 40 << 20).step_by(step));
    let (next, good) = (AtomicUsize::new(0), manifest.to_string());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let base = unique("documents-of-others");
            let id = format!("lake{thread}");
            first.entry(&id, seaweed.entry(seaweed.port, WRITER, &base));
            let (first, next, tried, part, good) = (&first, &next, &tried, &part, &good);
            scope.spawn(move || {
                let thesis = format!("{base}/main/other/thesis.parquet");
                seaweed.put(&thesis, WORDS);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(Document { what, name, bytes }) = tried.get(at) else { return };
                    let begun = Instant::now();
                    seaweed.put(&format!("{base}/main/t/part-00000.parquet"), part);
                    seaweed.put(&format!("{base}/main/t/_manifest.json"), good.as_bytes());
                    seaweed.put(&format!("{base}/main/t/{name}"), bytes);
                    let what = format!("{what}, {:?}", WAYS[at % 4]);
                    let output =
                        first.export(&id, &[&["-i", "t"], WAYS[at % 4]].concat()).output().no_panic();
                    assert_said(&what, &output, name);
                    let verify = Run::new(["verify", "--target-storage-id", &id, "-a"]).args([first.auth()]);
                    let verify = first.at_home(verify);
                    assert_said(&format!("{what}, verify"), &verify.output().no_panic(), name);
                    assert_eq!(seaweed.get(&thesis).as_deref(), Some(WORDS), "{what}");
                    assert_eq!(seaweed.names(&format!("{base}/main/other/")).len(), 1, "{what}");
                    assert!(begun.elapsed() < Duration::from_secs(180), "{what}: {:?}", begun.elapsed());
                    for name in ["_commit.json", "_lock"] {
                        seaweed.remove(&format!("{base}/main/t/{name}"));
                    }
                }
            });
        }
    });
    stopped("documents and locks in a bucket", tried.len());
}
