use serde_json::json;

use super::*;
use crate::destination::{Bucket, StorageEntry};
use crate::error::ErrorKind;

fn entry(info: serde_json::Value) -> StorageEntry {
    StorageEntry {
        id: "lake".into(),
        kind: "s3".into(),
        mode: None,
        info: info.as_object().expect("an object").clone(),
    }
}

fn config(info: serde_json::Value) -> S3Config {
    S3Config::of_entry(&entry(info)).expect("valid")
}

#[test]
fn entries_of_the_documentation_are_understood() {
    let direct = config(json!({
        "bucket_name": "my-data-lake", "region": "us-east-1", "access_key_id": "AKID",
        "secret_access_key": "SECRET", "base_path": "exports"
    }));
    assert_eq!(direct.bucket_url(), "https://my-data-lake.s3.us-east-1.amazonaws.com");
    assert_eq!(direct.bucket.location("s3"), "s3://my-data-lake/exports");
    let minio = config(json!({
        "bucket": "data-lake", "endpoint_url": "http://localhost:9000", "region": "us-east-1",
        "aws_access_key_id": "minioadmin", "aws_secret_access_key": "minioadmin"
    }));
    assert_eq!(minio.bucket_url(), "http://localhost:9000/data-lake");
    let ovh = config(json!({
        "bucket": "your-ovh-bucket", "base_path": "/lakexpress/", "endpoint_url": "https://s3.gra.io.cloud.ovh.net/",
        "region": "gra", "aws_access_key_id": "K", "aws_secret_access_key": "S"
    }));
    assert_eq!(ovh.bucket_url(), "https://s3.gra.io.cloud.ovh.net/your-ovh-bucket");
    assert_eq!(ovh.bucket.location("s3"), "s3://your-ovh-bucket/lakexpress");
    let directory = config(json!({
        "directory": "s3://bucket/a/b", "region": "eu-west-1", "access_key_id": "K", "secret_access_key": "S"
    }));
    assert_eq!(directory.bucket.location("s3"), "s3://bucket/a/b");
}

#[test]
fn buckets_are_named_in_the_host_for_aws_and_in_the_path_elsewhere() {
    let url = |endpoint: serde_json::Value, bucket: &str, style: serde_json::Value| {
        config(json!({
            "bucket": bucket, "endpoint_url": endpoint, "addressing_style": style, "region": "eu-west-1",
            "access_key_id": "K", "secret_access_key": "S"
        }))
        .bucket_url()
    };
    assert_eq!(url(json!(null), "b", json!(null)), "https://b.s3.eu-west-1.amazonaws.com");
    assert_eq!(url(json!(null), "b.c", json!(null)), "https://s3.eu-west-1.amazonaws.com/b.c");
    assert_eq!(url(json!(null), "b", json!("path")), "https://s3.eu-west-1.amazonaws.com/b");
    assert_eq!(url(json!("https://x.example:9000"), "b", json!(null)), "https://x.example:9000/b");
    assert_eq!(url(json!("https://x.example:9000"), "b", json!("virtual")), "https://b.x.example:9000");
    assert_eq!(url(json!("https://b.x.example"), "b", json!("virtual")), "https://b.x.example");
}

#[test]
fn every_problem_of_an_entry_is_said_at_once_without_secrets() {
    let wrong = entry(json!({
        "bucket": "s3://b", "bucket_name": "b", "base_path": "a/../b", "secret_access_key": "pa55word",
        "endpoint_url": "localhost:9000", "addressing_style": "host", "regoin": "eu-west-1", "session_token": 5
    }));
    let error = S3Config::of_entry(&wrong).expect_err("wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "lake.info.bucket: write the bare name, without s3://",
        "lake.info.bucket_name: the same key as bucket, keep one",
        "lake.info.base_path: not a path",
        "lake.info.endpoint_url: not a URL: write https://host, or http://host:port",
        "lake.info.addressing_style: write path or virtual",
        "lake.info.access_key_id: missing: it goes with secret_access_key",
        "lake.info.session_token: not a string",
        "lake.info.regoin: unknown key, did you mean region?",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!format!("{error:?}").contains("pa55word"));
    let config = config(json!({
        "bucket": "b", "region": "r", "access_key_id": "K", "secret_access_key": "pa55word", "session_token": "t0ken"
    }));
    let shown = format!("{config:?}");
    assert!(!shown.contains("pa55word") && !shown.contains("t0ken"), "{shown}");
}

#[test]
fn urls_name_bucket_and_path() {
    let place = |url: &str| Bucket::of_url(url, NAMES).map(|bucket| bucket.location("s3"));
    assert_eq!(place("s3://b/a/b/").as_deref(), Ok("s3://b/a/b"));
    assert_eq!(place("S3A://b").as_deref(), Ok("s3://b"));
    for wrong in ["s3://", "s3:///x", "s3://key:pa55word@b/x", "s3://b/a/../c", "s3://b/a//c"] {
        let what = place(wrong).expect_err(wrong);
        assert!(!what.contains("pa55word"), "{what}");
        assert_eq!(S3Config::of_url(wrong).expect_err(wrong).kind(), ErrorKind::Usage);
    }
}
