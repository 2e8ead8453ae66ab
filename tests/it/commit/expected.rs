//! A run that was planned on what was committed, and is overtaken by another one.

use lakexpress::format::Version;

use super::*;
use crate::storage::conformance::destination;
use crate::storage::seaweed::{Seaweed, WRITER};
use crate::storage::unique;

const OTHER: Export = Export { run_id: "0a0a0a02", first: 1000, parts: 1, if_exists: IfExists::Overwrite };
/// The run that was planned.
const RUN: &str = "0a0a0a03";

async fn committed(destination: &Arc<dyn Destination>) -> Option<Committed> {
    format::open(&OutputSpec::default())
        .committed(&target(destination))
        .await
        .expect("what is committed can be read")
}

async fn begin_on(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    planned: Option<&Version>,
) -> Result<Box<dyn TableTransaction>> {
    let (owner, expected) = (owner(), Expected::Exactly(planned));
    let beginning = Beginning { run_id, if_exists: IfExists::Overwrite, owner: &owner, keep: &[], expected };
    format::open(&OutputSpec::default()).begin(&target(destination), &beginning).await
}

/// Asserts that a run that was planned on `planned` is refused because `now` is committed.
async fn assert_refused(destination: &Arc<dyn Destination>, planned: Option<&Version>, now: &str) {
    let error = begin_on(destination, RUN, planned).await.map(drop).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let before = planned.map_or("planned on nothing".to_owned(), |version| format!("run {}", version.run_id));
    let text = format!("{error}; {}", error.hints().join("; "));
    for word in ["s.t", &before, &format!("run {now}"), "run again"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

async fn assert_accepted(destination: &Arc<dyn Destination>, planned: Option<&Version>) {
    begin_on(destination, RUN, planned).await.expect("nothing was committed since").release().await;
}

/// Every state in which a run can be planned, and the commit of another run after it.
async fn assert_overtaken_runs_are_refused(destination: &Arc<dyn Destination>) {
    assert_eq!(committed(destination).await, None);
    assert_accepted(destination, None).await;
    OLD.run(destination, None).await.expect("the first run");
    assert_refused(destination, None, OLD.run_id).await;

    let planned = committed(destination).await.expect("a table");
    assert_eq!((planned.manifest.run_id.as_str(), planned.manifest.files.len()), (OLD.run_id, 5));
    assert_accepted(destination, Some(&planned.version)).await;
    OTHER.run(destination, None).await.expect("a run that is faster");
    let now = committed(destination).await.expect("a table");
    assert_refused(destination, Some(&planned.version), OTHER.run_id).await;

    // Nothing was changed, and nothing is held: the run that is planned again passes.
    assert_eq!(committed(destination).await.as_ref(), Some(&now));
    assert_accepted(destination, Some(&now.version)).await;
}

#[tokio::test]
async fn a_run_that_was_overtaken_is_refused_in_a_directory() {
    let place = Place::new();
    assert_overtaken_runs_are_refused(&place.destination).await;
    let manifest = place.manifest().expect("a manifest");
    assert_eq!(place.ids(&manifest), OTHER.ids());
    place.assert_tidy(&manifest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_overtaken_is_refused_on_s3() {
    let (seaweed, base) = (Seaweed::shared(), unique("overtaken"));
    let destination = destination(&seaweed.entry(seaweed.port, WRITER, &base));
    assert_overtaken_runs_are_refused(&destination).await;
    destination.settle().await;
    assert_eq!(committed(&destination).await.expect("a table").manifest.run_id, OTHER.run_id);
}

/// A run that is resumed may commit a table twice, under its one id.
#[tokio::test]
async fn two_commits_of_one_run_are_told_apart() {
    let place = Place::new();
    OLD.run(&place.destination, None).await.expect("the first commit");
    let planned = committed(&place.destination).await.expect("a table").version;
    let again = Manifest { committed_at: "2024-01-01T00:00:01Z".into(), ..OLD.manifest() };
    let transaction = begin(&place.destination, OLD.run_id, IfExists::Overwrite).await.unwrap();
    commit(transaction, vec![], again).await.expect("the second commit");
    assert_refused(&place.destination, Some(&planned), OLD.run_id).await;
}

/// The dead run had decided to commit: that counts, though nobody could read it yet.
#[tokio::test]
async fn a_commit_that_is_finished_first_counts() {
    let (place, _) = died_in_phase_two(&OTHER, 1, |names| names.contains(MANIFEST)).await;
    let planned = committed(&place.destination).await.expect("the old table").version;
    assert_eq!(planned.run_id, OLD.run_id);
    assert_refused(&place.destination, Some(&planned), OTHER.run_id).await;
    assert_eq!(place.ids(&place.manifest().expect("a manifest")), OTHER.ids());
}

/// What the run itself has committed is its own work, whatever it was planned on.
#[tokio::test]
async fn a_run_is_not_overtaken_by_itself() {
    let place = Place::new();
    let manifest = OLD.run(&place.destination, None).await.expect("the run");
    let transaction = begin_on(&place.destination, OLD.run_id, None).await.expect("its own work");
    assert_eq!(transaction.finished(), Some(&manifest));
    transaction.release().await;
}
