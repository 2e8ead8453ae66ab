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

/// What object_store gives us for an answer of a store.
fn store_error(status: &str, body: &str) -> object_store::Error {
    let text = format!(
        "Error performing PUT http://h/b/k in 1ms - Server returned non-2xx status code: {status}: {body}"
    );
    object_store::Error::Generic { store: "S3", source: text.into() }
}

#[test]
fn refusals_name_cause_and_remedy() {
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
        let error = explain("cannot write", &Refusal::of_store(&store_error(status, body)), &WORDS);
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(words), "{error:?}");
        assert!(error.hints()[0].contains(remedy), "{error:?}");
    }
}

#[test]
fn a_missing_object_is_not_a_missing_bucket() {
    let missing =
        |code: &str| Refusal::of_store(&store_error("404 Not Found", &format!("<Code>{code}</Code>")));
    assert!(missing("NoSuchKey").is_not_found());
    assert!(missing("BlobNotFound").is_not_found());
    assert!(!missing("NoSuchBucket").is_not_found());
    assert!(!missing("ContainerNotFound").is_not_found());
}
