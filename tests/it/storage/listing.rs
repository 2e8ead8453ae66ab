//! Keys that others made beside ours: what cannot be ours is passed over, what a lister would take for data is named.

use super::azurite::Azurite;
use super::http::{encoded, send};
use super::proxy::{Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, Store, ids, unique};
use crate::lake::Run;

const DATA: i32 = 65;
const TABLE: &str = "main/t/";
const ROWS: u64 = 10;

/// What S3 allows and SeaweedFS does not: names without a letter, control characters, steps up.
const STRANGE: &str = "<CommonPrefixes><Prefix>{prefix}/</Prefix></CommonPrefixes>\
    <CommonPrefixes><Prefix>{prefix}year=1//</Prefix></CommonPrefixes>\
    <CommonPrefixes><Prefix>{prefix}../</Prefix></CommonPrefixes>\
    <Contents><Key>{prefix}/x.parquet</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"a\"</ETag><Size>1</Size></Contents>\
    <Contents><Key>{prefix}a&#xA;b</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"a\"</ETag><Size>1</Size></Contents>\
    <Contents><Key>{prefix}&#x1;</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"a\"</ETag><Size>1</Size></Contents>\
    <Contents><Key>{prefix}..</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"a\"</ETag><Size>1</Size></Contents>";

/// In one line in every message, and data to whoever lists `*.parquet`.
const DATA_FILE: &str = "<Contents><Key>{prefix}a&#xA;b.parquet</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
    <ETag>\"a\"</ETag><Size>1</Size></Contents>";

fn verify(place: &Place, id: &str) -> Run {
    place.at_home(Run::new(["verify", "--target-storage-id", id, "-a"]).args([place.auth()]))
}

#[test]
fn b15_keys_that_cannot_be_ours_stop_no_table() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("strange"));
    let proxy = Proxy::new(seaweed.port, When::Always, Fault::Lists(STRANGE));
    place.entry("lake", seaweed.entry(proxy.port, WRITER, &base));
    place.fill(ROWS, 20);
    let table = format!("{base}/{TABLE}");
    for more in [&[][..], &[], &["--if-exists", "append"]] {
        place.export("lake", more).output().ok();
    }
    assert!(proxy.met() > 3, "no listing was changed");
    assert_eq!(seaweed.json(&format!("{table}_manifest.json")).unwrap()["rows"], 2 * ROWS);
    verify(&place, "lake").output().ok();
}

#[test]
fn b15_a_key_that_a_lister_takes_for_data_is_named_in_one_line() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("strange-data"));
    place.entry("straight", seaweed.entry(seaweed.port, WRITER, &base));
    place.fill(ROWS, 20);
    place.export("straight", &[]).output().ok();
    let proxy = Proxy::new(seaweed.port, When::Always, Fault::Lists(DATA_FILE));
    place.entry("lake", seaweed.entry(proxy.port, WRITER, &base));
    for more in [&[][..], &["--if-exists", "replace"]] {
        let refused = place.export("lake", more).output().exits(DATA);
        assert!(
            refused.stdout.contains("no manifest names") && refused.stdout.contains("a\\nb.parquet"),
            "{refused}"
        );
    }
    assert_eq!(seaweed.ids(&format!("{base}/{TABLE}")), Some(ids(ROWS)));
    let wrong = verify(&place, "lake").output().exits(DATA);
    assert!(wrong.stdout.contains("a\\nb.parquet: extra"), "{wrong}");
    place.export("lake", &["--if-exists", "append"]).output().ok();
}

/// Real ones, and an unfinished upload of such a key.
#[test]
fn b15_a_real_key_with_a_line_break_stops_no_table() {
    let (seaweed, azurite, place, base) =
        (Seaweed::shared(), Azurite::shared(), Place::new(), unique("line-break"));
    place.fill(ROWS, 20);
    place.entry("s3", seaweed.entry(seaweed.port, WRITER, &base));
    place.entry("azure", azurite.entry(azurite.port, &base));
    let table = format!("{base}/{TABLE}");
    for store in [seaweed as &dyn Store, azurite] {
        store.put(&format!("{table}a\nb"), b"x");
        store.put(&format!("{table}sub/x.parquet"), b"x");
    }
    let upload = format!("/{BUCKET}/{}?uploads", encoded(&format!("{table}c\nd.parquet")));
    send(seaweed.open_port, "POST", &upload, &[], b"").unwrap().ok();
    for id in ["s3", "azure"] {
        for _ in 0..2 {
            place.export(id, &[]).output().ok();
        }
    }
    assert_eq!(seaweed.ids(&table), Some(ids(ROWS)));
    assert_eq!(azurite.ids(&table), Some(ids(ROWS)));
}
