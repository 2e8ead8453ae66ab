//! Every configuration example of the documentation of old, with only hosts, buckets and secrets changed, and
//! TPC-H through each of them.

use serde_json::json;

use super::gcs::Gcs;
use super::proxy::{Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, Store, unique};
use crate::lake::{Run, assert_same};
use crate::tpch::{self, TABLES};

/// Exports and asserts that every table is at `base` and the same as on the server.
fn exports_all(run: Run, base: &str) {
    let seaweed = Seaweed::shared();
    let output =
        run.args(["-p", "2", "--part-bytes", "256KiB", "--large-table-threshold", "10000"]).output().ok();
    let output = output.never_says(&[WRITER.1]);
    assert!(output.stderr.contains(BUCKET) || output.stdout.contains(BUCKET), "no word of where\n{output}");
    let dir = seaweed.download(&format!("{base}/"));
    for table in TABLES {
        seaweed.assert_tidy(&format!("{base}/public/{table}/"));
        assert_same(tpch::tpch(), &format!("public.{table}"), &dir.path().join("public").join(table));
    }
    let lineitem = seaweed.names(&format!("{base}/public/lineitem/"));
    assert!(lineitem.contains(&"part-00000.parquet".to_owned()) && lineitem.len() > 4, "{lineitem:?}");
}

#[test]
fn s3_with_a_profile() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    let base = unique("lakexpress/exports");
    let config = format!(
        "[profile your-aws-profile]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:{}\n",
        seaweed.port
    );
    let credentials = format!(
        "[your-aws-profile]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        WRITER.0, WRITER.1
    );
    std::fs::create_dir(place.path(".aws")).unwrap();
    std::fs::write(place.path(".aws/config"), config).unwrap();
    std::fs::write(place.path(".aws/credentials"), credentials).unwrap();
    place.entry(
        "aws_s3_01",
        json!({"storage_type": "s3", "info": {
            "profile": "your-aws-profile", "bucket": BUCKET, "base_path": base, "region": "eu-west-1",
        }}),
    );
    exports_all(place.export_from(tpch::tpch(), "aws_s3_01", &[]), &base);
}

#[test]
fn s3_with_direct_credentials() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    let base = unique("exports");
    place.entry(
        "aws_s3_direct",
        json!({"storage_type": "s3", "info": {
            "bucket_name": BUCKET, "region": "us-east-1", "access_key_id": WRITER.0,
            "secret_access_key": WRITER.1, "base_path": base,
            "endpoint_url": format!("http://127.0.0.1:{}", seaweed.port),
        }}),
    );
    // With a path between base path and schema.
    let run = place.export_from(tpch::tpch(), "aws_s3_direct", &["--sub_path", "staging/daily/2025-01-15"]);
    exports_all(run, &format!("{base}/staging/daily/2025-01-15"));
}

#[test]
fn s3_compatible_of_ovh() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    let base = unique("lakexpress");
    place.entry("ovh_s3_01", seaweed.entry(seaweed.port, WRITER, &base));
    exports_all(place.export_from(tpch::tpch(), "ovh_s3_01", &[]), &base);
}

#[test]
fn s3_compatible_of_minio_without_a_base_path() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.entry(
        "minio_01",
        json!({"storage_type": "s3", "info": {
            "bucket": BUCKET, "endpoint_url": format!("http://localhost:{}", seaweed.port),
            "region": "us-east-1", "aws_access_key_id": WRITER.0, "aws_secret_access_key": WRITER.1,
        }}),
    );
    // The root of the bucket is everybody's: a path of our own through the other way to give one.
    let sub_path = unique("minio");
    exports_all(place.export_from(tpch::tpch(), "minio_01", &["--sub-path", &sub_path]), &sub_path);
}

#[test]
fn gcs() {
    let (gcs, place) = (Gcs::shared(), Place::new());
    let proxy = Proxy::new(gcs.port, When::Never, Fault::ResetBefore);
    let base = unique("lakexpress/gcs");
    let key_file = gcs.key_file(proxy.port, place.dir.path());
    place.entry("gcs_01", gcs.entry(&key_file, BUCKET, &base));
    exports_all(place.export_from(tpch::tpch(), "gcs_01", &[]), &base);
    let seen = proxy.seen();
    for request in &seen {
        Gcs::assert_has_token(request.authorization.as_deref());
    }
    gcs.assert_signed(seen[0].authorization.as_deref().unwrap());
}
