//! `--verify hash` and `lakexpress verify` over object stores.

use serde_json::Value;

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, Store, unique};
use crate::lake::Run;

const DATA: i32 = 65;

/// Exports over an entry with hashes, verifies, damages an object behind the program's back, verifies again.
fn damage_is_found(place: &Place, store: &dyn Store, base: &str) {
    place.fill(3000, 200);
    let cut =
        ["--verify", "hash", "-p", "2", "--large-table-threshold", "0", "--part-bytes", "128KiB", "--json"];
    let output = place.export("lake", &cut).output().ok();
    let summary: Value = serde_json::from_str(&output.stdout).unwrap();
    let verify = |extra: &[&str]| {
        let run = Run::new(["verify", "--json", "--target-storage-id", "lake", "-a"]).args([place.auth()]);
        let output = place.at_home(run.args(extra)).output();
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"));
        let problems =
            report["tables"][0]["problems"].as_array().unwrap_or_else(|| panic!("{output}")).clone();
        assert_eq!(output.code, Some(if problems.is_empty() { 0 } else { DATA }), "{output}");
        // What was read is not to be read.
        assert!(!extra.contains(&"--read-data") || !report.to_string().contains("--read-data"), "{report}");
        let word =
            |p: &Value| format!("{} {}", p["file"].as_str().unwrap_or("-"), p["problem"].as_str().unwrap());
        let mut found: Vec<String> = problems.iter().map(word).collect();
        found.dedup();
        (found, report["tables"][0].clone())
    };
    let table = format!("{base}/main/t/");
    let manifest = store.json(&format!("{table}_manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap().len() as u64;
    assert!(files > 2, "{manifest}");
    assert_eq!(manifest["verification"]["hash"], "equal");
    let (found, report) = verify(&[summary["run_id"].as_str().unwrap(), "--read-data"]);
    assert_eq!(
        (found, &report["files_read"], &report["files_hashed"]),
        (vec![], &files.into(), &files.into())
    );
    assert_eq!(verify(&[]).0, [""; 0]);

    let keys: Vec<String> =
        store.list(&table).into_iter().map(|o| o.key).filter(|k| k.ends_with(".parquet")).collect();
    let name = keys[1].strip_prefix(&table).unwrap();
    let good = store.get(&keys[1]).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 4;
    store.put(&keys[1], &bad);
    let said = verify(&["--read-data"]).0;
    assert!(said.contains(&format!("{name} crc32")) && said.iter().all(|p| p.starts_with(name)), "{said:?}");
    // Of bytes between the footer and the beginning only the store's tag knows, if it has one.
    let tagged = manifest["files"][1]["e_tag"].is_string();
    assert_eq!(verify(&[]).0.contains(&format!("{name} e_tag")), tagged);
    store.put(&keys[1], &good[..good.len() - 1]);
    assert!(verify(&[]).0.contains(&format!("{name} size")));
    store.put(&keys[1], &store.get(&keys[0]).unwrap());
    assert!(verify(&[]).0.contains(&format!("{name} statistics")));
    store.put(&format!("{table}part-77777.parquet"), &good);
    assert!(verify(&[]).0.contains(&"part-77777.parquet extra".to_owned()));
    store.put(&format!("{table}year=2021/part-00000.parquet"), &good);
    // Written once more as it was: another tag perhaps, and the same content.
    store.put(&keys[1], &good);
    let extra = ["part-77777.parquet extra", "year=2021/part-00000.parquet extra"];
    assert_eq!(verify(&["--read-data"]).0, extra);
}

#[test]
fn s3() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("verified"));
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    damage_is_found(&place, seaweed, &base);
}

#[test]
fn gcs() {
    let (gcs, place, base) = (Gcs::shared(), Place::new(), unique("verified-gcs"));
    let key_file = gcs.key_file(gcs.port, place.dir.path());
    place.entry("lake", gcs.entry(&key_file, BUCKET, &base));
    damage_is_found(&place, Seaweed::shared(), &base);
}

#[test]
fn azure() {
    let (azurite, place, base) = (Azurite::shared(), Place::new(), unique("verified-azure"));
    place.entry("lake", azurite.entry(azurite.port, &base));
    damage_is_found(&place, azurite, &base);
}
