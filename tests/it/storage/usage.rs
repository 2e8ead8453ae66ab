//! How a storage is named on the command line, and what must be seen nowhere.

use std::fs;

use serde_json::json;

use super::azurite::{Azurite, KEY};
use super::gcs::Gcs;
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{CONFIG, Place, Store, USAGE, ids, unique};
use crate::lake::{Run, files};

#[test]
fn one_of_output_dir_and_target_storage_id() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.fill(3, 20);
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &unique("usage")));
    let out = place.path("out");
    let both = place.export("lake", &["--output-dir", out.to_str().unwrap()]).output();
    both.exits(USAGE).says(&["--output-dir", "--target-storage-id"]);
    assert!(!out.exists());
    let source = format!("sqlite://{}", place.path("data.db").display());
    let neither = Run::new(["export", "--source", &source]).output();
    neither.exits(USAGE).says(&["--output-dir", "--target-storage-id"]);
    let no_file = Run::new(["export", "--source", &source, "--target-storage-id", "lake"]).output();
    no_file.exits(USAGE).says(&["--target-storage-id", "--auth"]);
    place.export("lakes", &[]).output().exits_one_of(&[USAGE, CONFIG]).says(&[
        "lakes",
        "did you mean",
        "lake",
    ]);
}

#[test]
fn entries_that_cannot_be_meant() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.fill(3, 20);
    let good = seaweed.entry(seaweed.port, WRITER, &unique("usage"));
    let cases = [
        ("bucket", json!("s3://lake"), vec!["bucket", "s3://"]),
        ("bucket", json!(""), vec!["bucket"]),
        ("buckett", json!("lake"), vec!["buckett", "bucket"]),
        ("endpoint_url", json!("localhost:9000"), vec!["endpoint_url", "http://"]),
        ("aws_secret_access_key", json!(null), vec!["secret_access_key"]),
        ("base_path", json!("../up"), vec!["base_path"]),
    ];
    for (key, value, words) in cases {
        let mut entry = good.clone();
        entry["info"][key] = value;
        place.entry("lake", entry);
        place.export("lake", &[]).output().exits(CONFIG).says(&words).never_says(&[WRITER.1]);
    }
    place.entry("lake", json!({"storage_type": "ftp", "info": {}}));
    place.export("lake", &[]).output().exits(CONFIG).says(&["ftp", "s3"]);
    // A storage is no source, and no run log.
    place.entry("lake", good);
    let auth = place.auth();
    let args = ["export", "--source-db-auth-id", "lake", "--output-dir", "x", "-a", auth.to_str().unwrap()];
    Run::new(args).output().exits(CONFIG).says(&["lake"]).never_says(&[WRITER.1]);
}

#[test]
fn a_url_takes_its_credentials_from_the_environment() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("url"));
    place.fill(30, 20);
    let source = format!("sqlite://{}", place.path("data.db").display());
    let url = format!("s3://{BUCKET}/{base}");
    let run = Run::new(["export", "--source", &source, "--output-dir", &url, "--sub-path", "below"]);
    let run = run.env("AWS_ACCESS_KEY_ID", WRITER.0).env("AWS_SECRET_ACCESS_KEY", WRITER.1);
    let run = run.env("AWS_REGION", "us-east-1").env("HOME", place.dir.path());
    run.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", seaweed.port))
        .output()
        .ok()
        .never_says(&[WRITER.1]);
    assert_eq!(seaweed.ids(&format!("{base}/below/main/t/")), Some(ids(30)));
    seaweed.assert_tidy(&format!("{base}/below/main/t/"));
}

/// Of a run that tells all it can: what it prints, its run log, and what it writes.
#[test]
fn secrets_are_seen_nowhere() {
    let (seaweed, gcs, azurite) = (Seaweed::shared(), Gcs::shared(), Azurite::shared());
    let place = Place::new();
    place.fill(900, 200);
    let base = unique("secrets");
    let key_file = gcs.key_file(gcs.port, place.dir.path());
    let secret = gcs.secret();
    let cases: [(serde_json::Value, &dyn Store, &str); 3] = [
        (seaweed.entry(seaweed.port, WRITER, &base), seaweed, WRITER.1),
        (gcs.entry(&key_file, BUCKET, &format!("{base}-gcs")), seaweed, &secret),
        (azurite.entry(azurite.port, &base), azurite, KEY),
    ];
    for (number, (entry, store, secret)) in cases.into_iter().enumerate() {
        let id = format!("lake{number}");
        let prefix = if number == 1 { format!("{base}-gcs/") } else { format!("{base}/") };
        place.entry(&id, entry);
        let more =
            ["--log-level", "debug", "--part-bytes", "64KiB", "--large-table-threshold", "100", "--json"];
        let log = place.path(&format!("state{number}"));
        fs::create_dir(&log).unwrap();
        let run = place.export(&id, &more).env("XDG_STATE_HOME", &log);
        // The token of GCS and the signature of Azure begin like this.
        let secrets = [secret, "Bearer ey", "SharedKey devstore", "PRIVATE KEY"];
        run.output().ok().never_says(&secrets);
        let logged = files(&log);
        assert!(!logged.is_empty(), "no run log");
        let mut texts: Vec<Vec<u8>> = logged.iter().map(|file| fs::read(log.join(file)).unwrap()).collect();
        let objects = store.list(&prefix);
        assert!(objects.len() > 2, "{objects:?}");
        texts.extend(objects.iter().map(|object| store.get(&object.key).unwrap()));
        for text in texts {
            let text = String::from_utf8_lossy(&text);
            for secret in secrets {
                assert!(!text.contains(secret), "a file of the run holds a secret: {secret}");
            }
        }
    }
}
