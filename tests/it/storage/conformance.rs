//! The contract of a destination, on every store.

use std::sync::Arc;

use lakexpress::destination::{Address, Destination, StorageEntry, conformance, open};
use serde_json::Value;

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::proxy::{Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Store, unique};

/// The destination of an auth entry.
pub(crate) fn destination(entry: &Value) -> Arc<dyn Destination> {
    let entry = StorageEntry {
        id: "tested".into(),
        kind: entry["storage_type"].as_str().unwrap().into(),
        mode: entry["auth_mode"].as_str().map(str::to_owned),
        info: entry["info"].as_object().unwrap().clone(),
    };
    open(&Address::Entry(entry)).unwrap()
}

/// Runs the suite, and asserts that nothing is left at the store.
fn conforms(entry: &Value, store: &dyn Store, base: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let destination = destination(entry);
        destination.reach().await.unwrap();
        assert!(destination.location().contains(base), "{}", destination.location());
        conformance::check(destination.as_ref()).await.unwrap();
        assert!(destination.object_store().is_some());
        destination.settle().await;
        if !destination.uploads_expire() {
            assert_eq!(store.uploads(base), [""; 0]);
        }
    });
    assert_eq!(store.list(base), []);
}

#[test]
fn s3() {
    let seaweed = Seaweed::shared();
    let base = unique("conformance s3=");
    conforms(&seaweed.entry(seaweed.port, WRITER, &base), seaweed, &base);
}

/// A request of the commit may still be on its way: the next writer has to wait until the lock has expired.
#[test]
fn a_lock_that_is_dropped_in_the_middle_of_a_change_is_not_given_back() {
    let seaweed = Seaweed::shared();
    let base = unique("dropped locks");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let destination = destination(&seaweed.entry(seaweed.port, WRITER, &base));
        let (idle, changed, changing) = ("main/idle", "main/changed", "main/changing");
        drop(destination.lock(idle, "one").await.unwrap());
        let lock = destination.lock(changed, "one").await.unwrap();
        lock.changing(true);
        lock.changing(false);
        drop(lock);
        let lock = destination.lock(changing, "one").await.unwrap();
        lock.changing(true);
        drop(lock);
        destination.settle().await;
        let held = seaweed.list(&base);
        assert!(matches!(held.as_slice(), [one] if one.key.ends_with("main/changing/_lock")), "{held:?}");
    });
}

#[test]
fn gcs() {
    let (gcs, seaweed) = (Gcs::shared(), Seaweed::shared());
    let proxy = Proxy::new(gcs.port, When::Never, Fault::ResetBefore);
    let dir = tempfile::tempdir().unwrap();
    let key_file = gcs.key_file(proxy.port, dir.path());
    let base = unique("conformance gcs");
    conforms(&gcs.entry(&key_file, BUCKET, &base), seaweed, &base);
    let seen = proxy.seen();
    assert!(!seen.is_empty());
    gcs.assert_signed(seen[0].authorization.as_deref().unwrap());
}

#[test]
fn azure() {
    let azurite = Azurite::shared();
    let base = unique("conformance azure");
    conforms(&azurite.entry(azurite.port, &base), azurite, &base);
}
