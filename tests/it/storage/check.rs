//! `lakexpress check`: everything that an export needs, tried and put back.

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{BUCKET, READER, Seaweed, WRITER};
use super::{DENIED, Place, Store, unique};
use crate::lake::Run;

fn check(place: &Place, id: &str) -> Run {
    let source = format!("sqlite://{}", place.path("data.db").display());
    Run::new(["check", "--source", &source, "--target-storage-id", id, "-a"]).args([place.auth()])
}

#[test]
fn every_store_passes_and_nothing_is_left() {
    let (seaweed, gcs, azurite) = (Seaweed::shared(), Gcs::shared(), Azurite::shared());
    let place = Place::new();
    place.fill(3, 20);
    let key_file = gcs.key_file(gcs.port, place.dir.path());
    let bases = ["s3", "gcs", "azure"].map(|name| unique(&format!("check-{name}")));
    let cases: [(_, &dyn Store); 3] = [
        (seaweed.entry(seaweed.port, WRITER, &bases[0]), seaweed),
        (gcs.entry(&key_file, BUCKET, &bases[1]), seaweed),
        (azurite.entry(azurite.port, &bases[2]), azurite),
    ];
    for ((entry, store), base) in cases.into_iter().zip(&bases) {
        place.entry(base, entry);
        let output = check(&place, base).output().ok().never_says(&["FAILED"]);
        for what in ["complete", "abort", "delete", "lock", "main.t"] {
            assert!(output.stdout.contains(what), "{what} was not tried\n{output}");
        }
        assert_eq!(store.list(base), []);
        assert_eq!(store.uploads(base), [""; 0]);
    }
}

#[test]
fn what_may_not_be_done_is_said() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.fill(3, 20);
    let base = unique("check-reader");
    place.entry("reader", seaweed.entry(seaweed.port, READER, &base));
    let output = check(&place, "reader").output().exits(DENIED);
    assert!(output.stdout.contains("FAILED") && output.stdout.contains("s3:PutObject"), "{output}");
    let proxy = Proxy::new(seaweed.port, When::Every(Class::Abort), Fault::Status(403));
    place.entry("no-abort", seaweed.entry(proxy.port, WRITER, &base));
    let output = check(&place, "no-abort").output().exits(DENIED);
    let failed: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.len() == 1 && failed[0].contains("abort"), "{output}");
}
