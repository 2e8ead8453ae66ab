//! Every configuration example of the documentation of old, with only hosts, buckets and secrets changed, and
//! TPC-H through each of them, by the command lines that it prints. (`LAKEXPRESS_TPCH_SCALE` as in `tpch.rs`.)

use serde_json::json;

use super::gcs::Gcs;
use super::proxy::{Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, Store, unique};
use crate::lake::{Run, assert_same};
use crate::tpch::{self, TABLES};

/// The command line of the documentation for a storage, with a run log that works by now.
fn command_line(place: &Place, storage: &str) -> Run {
    let log = place.path("log.sqlite");
    place.entry(
        "log_db_ms",
        json!({"ds_type": "sqlite", "auth_mode": "filesystem", "info": {"filepath": log}}),
    );
    let url = url::Url::parse(tpch::tpch()).unwrap();
    let mut source = json!({"ds_type": "postgres", "auth_mode": "classic", "info": {
        "username": url.username(), "server": url.host_str(), "port": url.port(),
        "database": url.path().trim_start_matches('/'),
    }});
    source["info"]["password"] = json!(url.password().unwrap_or("none"));
    place.entry("ds_03_pg", source);
    let auth = place.auth();
    let words =
        format!("--log_db_auth_id log_db_ms --source_db_auth_id ds_03_pg --target_storage_id {storage}");
    let mut args: Vec<&str> = vec!["-a", auth.to_str().unwrap()];
    args.extend(words.split(' '));
    args.extend(["--fastbcp_dir_path", "/path/to/fastbcp"]);
    place.at_home(Run::new(args))
}

/// Exports and asserts that every table is at `base` and the same as on the server, and that the run is logged.
fn exports_all(place: &Place, run: Run, base: &str) {
    let seaweed = Seaweed::shared();
    let small = if tpch::scale() == "0.01" { "256KiB" } else { "2MiB" };
    let output =
        run.args(["-p", "2", "--part-bytes", small, "--large-table-threshold", "10000"]).output().ok();
    let log = rusqlite::Connection::open(place.path("log.sqlite")).unwrap();
    let logged: u64 =
        log.query_row("SELECT count(*) FROM jobs WHERE status = 'completed'", [], |row| row.get(0)).unwrap();
    assert_eq!(logged, TABLES.len() as u64, "{output}");
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
    exports_all(&place, command_line(&place, "aws_s3_01"), &base);
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
    let run = command_line(&place, "aws_s3_direct").args(["--sub_path", "staging/daily/2025-01-15"]);
    exports_all(&place, run, &format!("{base}/staging/daily/2025-01-15"));
}

#[test]
fn s3_compatible_of_ovh() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    let base = unique("lakexpress");
    place.entry("ovh_s3_01", seaweed.entry(seaweed.port, WRITER, &base));
    exports_all(&place, command_line(&place, "ovh_s3_01"), &base);
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
    let run = command_line(&place, "minio_01").args(["--sub-path", &sub_path]);
    exports_all(&place, run, &sub_path);
}

#[test]
fn gcs() {
    let (gcs, place) = (Gcs::shared(), Place::new());
    let proxy = Proxy::new(gcs.port, When::Never, Fault::ResetBefore);
    let base = unique("lakexpress/gcs");
    let key_file = gcs.key_file(proxy.port, place.dir.path());
    place.entry("gcs_01", gcs.entry(&key_file, BUCKET, &base));
    exports_all(&place, command_line(&place, "gcs_01"), &base);
    let seen = proxy.seen();
    for request in &seen {
        Gcs::assert_has_token(request.authorization.as_deref());
    }
    gcs.assert_signed(seen[0].authorization.as_deref().unwrap());
}
