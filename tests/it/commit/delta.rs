//! Tables with a Delta log under the same faults. Whatever happens, who follows the log reads one whole version, and earlier
//! ones stay readable; the next run leaves no file that no version names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lakexpress::error::{Code, ErrorKind};
use lakexpress::format::{self, Beginning, Expected};
use lakexpress::manifest::Manifest;
use lakexpress::spec::{Format, IfExists, OutputSpec};
use serde_json::{Value, json};

use super::faulty::{FAULTS, Faulty, Plan, Poor};
use super::{Export, OLD, Place, owner, read_ids, target};

const LOG: &str = "_delta_log";

fn delta(keep_versions: Option<u64>) -> OutputSpec {
    OutputSpec { format: Format::Delta, keep_versions, ..OutputSpec::default() }
}

/// The ids of every version, as the documents of the log say. Any of them must be whole.
fn versions(place: &Place) -> Vec<BTreeSet<i64>> {
    let (mut files, mut versions) = (BTreeMap::new(), Vec::new());
    for number in 0.. {
        let Ok(text) = fs::read_to_string(place.dir().join(LOG).join(format!("{number:020}.json"))) else {
            break;
        };
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of the log is whole");
            if let Some(removed) = line["remove"]["path"].as_str() {
                files.remove(removed).expect("what is removed was there");
            }
            if let Some(added) = line["add"]["path"].as_str() {
                files.insert(added.to_owned(), line["add"]["size"].as_u64().expect("size"));
            }
        }
        versions.push(files.clone());
    }
    let newest = versions.len().checked_sub(1);
    let ids = |(number, files): (usize, BTreeMap<String, u64>)| {
        let mut ids = BTreeSet::new();
        for (name, size) in files {
            let path = place.dir().join(&name);
            // Old versions may be gone with their files; the newest is there.
            if !path.exists() && Some(number) != newest {
                return BTreeSet::new();
            }
            assert_eq!(fs::metadata(&path).expect("a file of the log").len(), size, "{name}");
            for id in read_ids(&path) {
                assert!(ids.insert(id), "id {id} is there twice");
            }
        }
        ids
    };
    versions.into_iter().enumerate().map(ids).collect()
}

/// Nothing but the log, the manifest, and files that a version names.
fn assert_tidy(place: &Place, manifest: &Manifest, earlier: usize) {
    let log = fs::read_dir(place.dir().join(LOG)).expect("a log");
    for name in log.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()) {
        assert!(name.len() == 25 && name.ends_with(".json"), "{name} is left in the log");
    }
    let mut names = place.names();
    assert!(names.remove(LOG) && names.remove("_manifest.json"), "{names:?}");
    let now: BTreeSet<String> = manifest.files.iter().map(|file| file.name.clone()).collect();
    assert!(now.is_subset(&names));
    assert_eq!(names.difference(&now).count(), earlier, "{names:?}");
}

/// Fails call 1, 2, 3 ... until a run meets no fault; returns the number of cases.
async fn walk_faults(old: Option<Export>, new: Export, again: Export, poor: bool) -> usize {
    let (mut cases, output) = (0, delta(None));
    for fault in FAULTS {
        for nth in 1.. {
            let place = Place::new();
            if let Some(old) = &old {
                old.run_in(&output, &place.destination, None).await.expect("the old table");
            }
            let plan = Plan::new(nth, fault);
            let faulty = Faulty::over(&place.destination, &plan);
            let faulty = if poor { Poor::over(&faulty) } else { faulty };
            let outcome = new.run_in(&output, &faulty, None).await;
            if !plan.met() {
                outcome.expect("a run without a fault");
                break;
            }
            cases += 1;

            let before = versions(&place);
            let base: BTreeSet<i64> = match (&old, new.if_exists) {
                (Some(old), IfExists::Append) => old.ids(),
                _ => BTreeSet::new(),
            };
            let with = |more: &BTreeSet<i64>| base.union(more).copied().collect::<BTreeSet<i64>>();
            let olds: Vec<BTreeSet<i64>> = old.iter().map(Export::ids).collect();
            let news: Vec<BTreeSet<i64>> = olds.iter().cloned().chain([with(&new.ids())]).collect();
            assert!(before == olds || before == news, "{fault:?} {nth}: a reader sees {before:?}");
            if outcome.is_ok() {
                assert_eq!(before, news, "{fault:?} {nth}");
            }

            let manifest = again.run_in(&output, &place.destination, None).await.expect("the next run");
            let after = versions(&place);
            assert_eq!(
                &after[..before.len()],
                &before[..],
                "{fault:?} {nth}: an earlier version has changed"
            );
            // A run whose intent was written is finished first.
            let appended = again.if_exists == IfExists::Append;
            let rest: Vec<&BTreeSet<i64>> = after.iter().skip(before.len()).collect();
            let last = after.last().expect("a version");
            assert!(rest.len() <= 2, "{fault:?} {nth}: {} versions", after.len());
            let expected = if appended && after.len() == news.len() + 1 {
                with(&new.ids()).union(&again.ids()).copied().collect()
            } else {
                with(&again.ids())
            };
            assert_eq!(last, &expected, "{fault:?} {nth}");
            assert_eq!(place.ids(&manifest), expected, "{fault:?} {nth}");
            assert_eq!(place.manifest().as_ref(), Some(&manifest));
            if !poor {
                let named: usize = if appended {
                    0
                } else {
                    let finished = after.len() == news.len() + 1;
                    old.map_or(0, |old| old.parts) + if finished { new.parts } else { 0 }
                };
                assert_tidy(&place, &manifest, named);
            }
        }
    }
    cases
}

const NEW: Export = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
const AGAIN: Export = Export { run_id: "0a0a0a03", first: 2000, parts: 3, if_exists: IfExists::Overwrite };

#[tokio::test]
async fn a_first_version_survives_every_fault() {
    println!("first version: {} cases", Box::pin(walk_faults(None, NEW, AGAIN, false)).await);
}

#[tokio::test]
async fn a_version_that_replaces_survives_every_fault() {
    println!("overwrite: {} cases", Box::pin(walk_faults(Some(OLD), NEW, AGAIN, false)).await);
    println!(
        "overwrite without the right to delete: {} cases",
        Box::pin(walk_faults(Some(OLD), NEW, AGAIN, true)).await
    );
}

#[tokio::test]
async fn a_version_that_adds_survives_every_fault() {
    let append = |export: Export| Export { if_exists: IfExists::Append, ..export };
    println!("append: {} cases", Box::pin(walk_faults(Some(OLD), append(NEW), append(AGAIN), false)).await);
}

/// Thirty nights.
#[tokio::test]
async fn files_of_versions_that_are_not_kept_go() {
    let (place, output) = (Place::new(), delta(Some(3)));
    for night in 0..30_i64 {
        let run_id: &'static str = Box::leak(format!("0b0b0b{night:02}").into_boxed_str());
        let export = Export { run_id, first: night * 100, parts: 2, if_exists: IfExists::Overwrite };
        let manifest = export.run_in(&output, &place.destination, None).await.expect("a night");
        let seen = versions(&place);
        assert_eq!(seen.len() as i64, night + 1);
        for (version, ids) in seen.iter().enumerate().rev().take(3) {
            let first = version as i64 * 100;
            assert_eq!(ids, &(first..first + 20).collect(), "version {version} is kept");
        }
        assert_tidy(&place, &manifest, night.min(2) as usize * 2);
    }
}

/// A program that knows no lock commits between our look at the log and our commit.
#[tokio::test]
async fn a_version_that_another_program_wrote_meanwhile_is_kept() {
    let (place, output) = (Place::new(), delta(None));
    OLD.run_in(&output, &place.destination, None).await.expect("the old table");
    let theirs = place.dir().join(LOG).join(format!("{:020}.json", 1));
    let line = r#"{"commitInfo":{"timestamp":1,"operation":"OPTIMIZE"}}"#;
    let format = format::open(&output);
    let begin = async |run_id: &'static str, if_exists| {
        let owner = owner();
        let beginning =
            Beginning { run_id, if_exists, owner: &owner, keep: &[], expected: Expected::Anything };
        format.begin(&target(&place.destination), &beginning).await
    };
    let transaction = begin("0a0a0a07", IfExists::Overwrite).await.expect("begun");
    fs::write(&theirs, line).unwrap();
    let error = super::commit(transaction, vec![], NEW.manifest()).await.expect_err("theirs");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, Code::CommittedMeanwhile));
    assert_eq!(fs::read_to_string(&theirs).unwrap(), line);
    assert_eq!(versions(&place), [OLD.ids(), OLD.ids()]);
    // The table is not as this program left it: only who says so replaces it.
    for if_exists in [IfExists::Overwrite, IfExists::Append] {
        let error = begin("0a0a0a08", if_exists).await.map(drop).expect_err("another's version");
        assert_eq!(error.code(), Code::OthersFiles, "{error}");
    }
    let replace = Export { if_exists: IfExists::Replace, ..NEW };
    let manifest = replace.run_in(&output, &place.destination, None).await.expect("replaced");
    assert_eq!(versions(&place), [OLD.ids(), OLD.ids(), NEW.ids()]);
    assert_tidy(&place, &manifest, OLD.parts);
}

/// A run that is resumed after its version was replaced, or whose rows were found to differ, does not touch files of versions.
#[tokio::test]
async fn a_run_never_gives_a_name_twice() {
    let (place, output) = (Place::new(), delta(None));
    OLD.run_in(&output, &place.destination, None).await.expect("the old table");
    NEW.run_in(&output, &place.destination, None).await.expect("the new table");
    let before = (place.names(), versions(&place));
    // What it has committed is there: the caller decides whether that is enough.
    let error = NEW.run_in(&output, &place.destination, None).await.expect_err("the same names");
    assert_eq!(error.code(), Code::CommittedMeanwhile, "{error}");
    for if_exists in [IfExists::Overwrite, IfExists::Append, IfExists::Replace] {
        let export = Export { if_exists, ..OLD };
        let error = export.run_in(&output, &place.destination, None).await.expect_err("replaced since");
        assert_eq!(error.code(), Code::CommittedMeanwhile, "{error}");
    }
    assert_eq!((place.names(), versions(&place)), before);
    assert_eq!(before.1, [OLD.ids(), NEW.ids()]);
}

/// What lies in the directory is no proof: files that a version names are not deleted because an intent says so.
#[tokio::test]
async fn an_intent_deletes_nothing_that_a_version_names() {
    let output = delta(None);
    for theirs in [true, false] {
        let place = Place::new();
        let manifest = OLD.run_in(&output, &place.destination, None).await.expect("the old table");
        let document = place.dir().join(LOG).join(format!("{:020}.json", 0));
        let text = if theirs { "x".to_owned() } else { fs::read_to_string(document).unwrap() };
        let upload = |file: &lakexpress::manifest::FileEntry| json!({"path": file.name, "upload_id": format!(".{}.0123456789abcdef.tmp", file.name), "part_tags": [], "bytes": file.bytes, "crc32": file.crc32});
        let mut intent = json!({
            "format_version": 2, "run_id": "x", "uploads": [], "deletes": [], "manifest": manifest,
            "log": {"version": 0, "text": text},
        });
        intent["manifest"]["run_id"] = "x".into();
        if theirs {
            intent["uploads"] = manifest.files.iter().map(upload).collect();
        } else {
            intent["manifest"]["files"] = json!([]);
            intent["manifest"]["rows"] = 0.into();
            intent["deletes"] = manifest.files.iter().map(|file| file.name.clone()).collect();
        }
        fs::write(place.dir().join("_commit.json"), intent.to_string()).unwrap();
        let again = AGAIN.run_in(&output, &place.destination, None).await;
        assert_eq!(versions(&place)[0], OLD.ids(), "{theirs}: {again:?}");
        assert!(!place.dir().join("_commit.json").exists());
    }
}

/// Plain files and a table with a log do not take each other's place.
#[tokio::test]
async fn formats_are_not_mixed() {
    let (plain, logged) = (OutputSpec::default(), delta(None));
    for (first, second, word) in
        [(&plain, &logged, "plain files lies"), (&logged, &plain, "a delta table lies")]
    {
        for if_exists in [IfExists::Overwrite, IfExists::Replace, IfExists::Append] {
            let place = Place::new();
            OLD.run_in(first, &place.destination, None).await.expect("the first");
            let before = place.names();
            let export = Export { if_exists, ..NEW };
            let error = export.run_in(second, &place.destination, None).await.expect_err("the second");
            assert!(error.kind() == ErrorKind::Data && error.to_string().contains(word), "{error}");
            assert_eq!(place.names(), before);
        }
    }
}
