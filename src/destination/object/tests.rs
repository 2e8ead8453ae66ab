use std::io::{Read, Write};
use std::net::TcpListener;

use object_store::aws::AmazonS3Builder;
use object_store::{GetOptions, RetryConfig};

use super::complete::expected_tag;
use super::problem::{Refusal, explain};
use super::upload::part_bytes;
use super::*;
use crate::error::ErrorKind;

const WORDS: Remedies = Remedies {
    bucket: "bucket",
    credentials: "keys",
    endpoint: "endpoint_url",
    rights: "rights",
    steps: &[],
    wants: &[],
};

#[test]
fn ten_thousand_parts_always_suffice() {
    const MIB: u64 = 1 << 20;
    const TIB: u64 = 1 << 40;
    assert_eq!(part_bytes(0, 0), 5 * MIB);
    assert_eq!(part_bytes(256 * MIB, 31), 5 * MIB);
    for est in [0, 80 << 30, TIB, 5 * TIB] {
        let size: u64 = (0..10_000).map(|index| part_bytes(est, index)).sum();
        assert!(size > est + est / 4 && size > 250 << 30, "{est}: {size}");
        // The same for all as long as the estimate holds.
        assert!((0..7_000).all(|index| part_bytes(est, index) == part_bytes(est, 0)));
    }
}

#[test]
fn the_tag_of_an_object_follows_from_those_of_its_parts() {
    // Two parts, "hello" and "world", as S3 tags them.
    let tags =
        ["\"5d41402abc4b2a76b9719d911017c592\"".to_owned(), "7d793037a0760186574b0282f2f435e7".to_owned()];
    assert_eq!(expected_tag(&tags).as_deref(), Some("065947336a2f2a95ba8899f3675c3be6-2"));
    assert_eq!(expected_tag(&["abc".to_owned()]), None);
    assert_eq!(expected_tag(&["zz41402abc4b2a76b9719d911017c592".to_owned()]), None);
    assert_eq!(expected_tag(&[]), None);
}

/// What object_store makes of an answer of a store: of a server that gives this one.
async fn store_error(status: &str, body: &str) -> object_store::Error {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", server.local_addr().expect("an address"));
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("a request");
        let (mut request, mut block) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut block).expect("a head");
            request.extend_from_slice(&block[..read]);
        }
        stream.write_all(answer.as_bytes()).expect("answered");
    });
    let objects = AmazonS3Builder::new()
        .with_bucket_name("b")
        .with_region("us-east-1")
        .with_endpoint(endpoint)
        .with_access_key_id("a")
        .with_secret_access_key("b")
        .with_client_options(Http::options(true))
        .with_retry(RetryConfig { max_retries: 0, ..Http::retry() })
        .with_http_connector(Arc::new(Http::default()).connector())
        .build();
    let objects = objects.expect("a store");
    objects.get_opts(&"k".into(), GetOptions::default()).await.expect_err(status)
}

/// object_store has the status of a refusal to itself: its text is read, which its next version may change.
#[tokio::test]
async fn the_status_of_a_refusal_is_the_one_that_the_server_gave() {
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "409 Conflict",
        "412 Precondition Failed",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "501 Not Implemented",
        "503 Service Unavailable",
        "507 Insufficient Storage",
    ] {
        for body in ["", "<Error><Code>Unheard</Code></Error>"] {
            let error = explain("cannot read", &Refusal::of_store(&store_error(status, body).await), &WORDS);
            let said: Vec<_> = error.context().iter().map(|(key, value)| (*key, value.as_str())).collect();
            let code = (!body.is_empty()).then_some(("code", "Unheard"));
            let expected: Vec<_> = std::iter::once(("status", status)).chain(code).collect();
            assert_eq!(said, expected, "{error:?}");
        }
    }
    // As S3 answers about a bucket of another region.
    let error =
        explain("cannot read", &Refusal::of_store(&store_error("301 Moved Permanently", "").await), &WORDS);
    assert!(error.message().contains("another region"), "{error:?}");
}

#[tokio::test]
async fn refusals_name_cause_and_remedy() {
    for (status, body, kind, words, remedy) in [
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code></Error>",
            ErrorKind::Denied,
            "access denied",
            "rights",
        ),
        (
            "403 Forbidden",
            "<Error><Code>InvalidAccessKeyId</Code></Error>",
            ErrorKind::Denied,
            "access key id",
            "keys",
        ),
        (
            "404 Not Found",
            "<Error><Code>NoSuchBucket</Code></Error>",
            ErrorKind::Config,
            "bucket does not exist",
            "bucket",
        ),
        (
            "400 Bad Request",
            "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
            ErrorKind::Config,
            "another region",
            "\"region\": \"eu-west-3\"",
        ),
        (
            "503 Service Unavailable",
            "<Error><Code>SlowDown</Code></Error>",
            ErrorKind::Unavailable,
            "busy",
            "later",
        ),
        (
            "400 Bad Request",
            "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
            ErrorKind::Config,
            "speaks TLS",
            "https://",
        ),
        ("502 Bad Gateway", "<!DOCTYPE html><html>", ErrorKind::Config, "a web page", "PROXY"),
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
            ErrorKind::Denied,
            "sign-in service",
            "keys",
        ),
        (
            "403 Forbidden",
            "<Error><Code>AuthenticationFailed</Code><Message>Signature expired</Message></Error>",
            ErrorKind::Denied,
            "expired",
            "new credentials",
        ),
    ] {
        let error = explain("cannot write", &Refusal::of_store(&store_error(status, body).await), &WORDS);
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(words), "{error:?}");
        assert!(error.hints()[0].contains(remedy), "{error:?}");
    }
}

#[tokio::test]
async fn a_missing_object_is_not_a_missing_bucket() {
    for (code, is_object) in
        [("NoSuchKey", true), ("BlobNotFound", true), ("NoSuchBucket", false), ("ContainerNotFound", false)]
    {
        let error = store_error("404 Not Found", &format!("<Error><Code>{code}</Code></Error>")).await;
        assert_eq!(Refusal::of_store(&error).is_not_found(), is_object, "{code}");
    }
}
