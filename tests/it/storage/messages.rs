//! What people see when the storage cannot be used: cause and remedy, soon, and the right exit code.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::process::free_ports;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{BUCKET, DROPPER, READER, Seaweed, WRITER};
use super::standin::{Mint, StandIn, gate, s3_refusal};
use super::{CONFIG, DENIED, Place, Store, UNAVAILABLE, ids, unique};
use crate::lake::Output;

/// How long anybody has to wait for a message.
const SOON: Duration = Duration::from_secs(15);

/// An export that must fail soon with one of `codes`, without a word of the secrets, and with a remedy.
#[track_caller]
fn fails(place: &Place, entry: Value, codes: &[i32], words: &[&str]) -> Output {
    let output = fails_late(place, entry, codes, words);
    // What is wrong with an entry is named with its key, and says by itself what to write.
    let by_itself = output.stderr.contains("auth entry is not valid: lake.");
    assert!(by_itself || output.stderr.contains("hint"), "no remedy\n{output}");
    output
}

/// The same for a failure after first contact; the remedy is in the summary.
#[track_caller]
fn fails_late(place: &Place, entry: Value, codes: &[i32], words: &[&str]) -> Output {
    place.entry("lake", entry);
    let begun = Instant::now();
    let output = place.export("lake", &[]).output();
    let took = begun.elapsed();
    let output =
        output.exits_one_of(codes).says(words).never_says(&[WRITER.1, READER.1, DROPPER.1, "wrong-secret"]);
    assert!(took < SOON, "it took {took:?}\n{output}");
    assert!(output.stderr.lines().count() < 20, "not one clear message\n{output}");
    output
}

fn place() -> Place {
    let place = Place::new();
    place.fill(10, 20);
    place
}

/// The entry of the S3 server, with some of its fields replaced.
fn s3(changes: &[(&str, Value)]) -> Value {
    let seaweed = Seaweed::shared();
    let mut entry = seaweed.entry(seaweed.port, WRITER, &unique("messages"));
    for (key, value) in changes {
        entry["info"][*key] = value.clone();
    }
    entry
}

#[test]
fn wrong_keys() {
    let place = place();
    let key_id = fails(&place, s3(&[("aws_access_key_id", json!("NOBODY"))]), &[DENIED], &["access key"]);
    assert!(key_id.stderr.contains("lake"), "{key_id}");
    fails(&place, s3(&[("aws_secret_access_key", json!("wrong-secret"))]), &[DENIED], &["secret"]);
}

#[test]
fn a_key_with_too_few_rights() {
    let (seaweed, place) = (Seaweed::shared(), place());
    for key in [READER, DROPPER] {
        let base = unique("denied");
        fails(&place, seaweed.entry(seaweed.port, key, &base), &[DENIED], &["denied"]);
        assert_eq!(seaweed.list(&base), []);
        assert_eq!(seaweed.uploads(&base), [""; 0]);
    }
}

/// A key that may do everything but delete and abort: any number of exports, by what lies in their place.
#[test]
fn a_key_that_may_not_delete() {
    let (seaweed, place, base) = (Seaweed::shared(), place(), unique("no-delete"));
    let proxy = Proxy::new(seaweed.port, When::Every(Class::Delete), Fault::Status(403));
    place.entry("lake", seaweed.entry(proxy.port, WRITER, &base));
    for rows in [10, 700] {
        place.fill(rows, 200);
        let sub_path = format!("rows{rows}");
        let more = ["--sub-path", &sub_path, "--part-bytes", "64KiB", "--large-table-threshold", "100"];
        place.export("lake", &more).output().ok();
        let table = format!("{base}/{sub_path}/main/t/");
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        place.fill(5, 20);
        place.export("lake", &more).output().ok().says(&["s3:DeleteObject"]);
        assert_eq!(seaweed.ids(&table), Some(ids(5)));
        assert_eq!(seaweed.uploads(&table), [""; 0]);
    }
}

#[test]
fn a_bucket_that_is_not_there() {
    fails(&place(), s3(&[("bucket", json!("no-such-bucket"))]), &[CONFIG], &["bucket", "no-such-bucket"]);
}

#[test]
fn wrong_endpoints() {
    let (seaweed, place) = (Seaweed::shared(), place());
    let [closed] = free_ports();
    let endpoint = |url: String| s3(&[("endpoint_url", json!(url))]);
    let refused = endpoint(format!("http://127.0.0.1:{closed}"));
    fails(&place, refused, &[UNAVAILABLE], &["refused", "endpoint_url"]);
    let unknown = endpoint("http://store.no-such-host.invalid:9000".into());
    fails(&place, unknown, &[CONFIG, UNAVAILABLE], &["store.no-such-host.invalid", "endpoint_url"]);
    let not_tls = endpoint(format!("https://127.0.0.1:{}", seaweed.port));
    fails(&place, not_tls, &[CONFIG, UNAVAILABLE], &["tls", "http://"]);
}

#[test]
fn tls_as_it_should_not_be() {
    let (gcs, place) = (Gcs::shared(), place());
    let endpoint =
        |scheme: &str| s3(&[("endpoint_url", json!(format!("{scheme}://127.0.0.1:{}", gcs.tls_port)))]);
    fails(&place, endpoint("http"), &[CONFIG, UNAVAILABLE], &["https://"]);
    fails(&place, endpoint("https"), &[CONFIG, UNAVAILABLE], &["certificate"]);
}

#[test]
fn a_web_page_instead_of_a_store() {
    let seaweed = Seaweed::shared();
    let proxy = Proxy::new(seaweed.port, When::Always, Fault::Page);
    let endpoint = json!(format!("http://127.0.0.1:{}", proxy.port));
    fails(&place(), s3(&[("endpoint_url", endpoint)]), &[CONFIG, UNAVAILABLE], &["web page"])
        .never_says(&["<html", "DOCTYPE"]);
}

#[test]
fn a_store_that_is_silent() {
    let seaweed = Seaweed::shared();
    let proxy = Proxy::new(seaweed.port, When::Always, Fault::Delay(Duration::from_secs(60)));
    let endpoint = json!(format!("http://127.0.0.1:{}", proxy.port));
    fails(&place(), s3(&[("endpoint_url", endpoint)]), &[UNAVAILABLE], &["answer"]);
}

#[test]
fn a_store_that_is_busy_all_the_time() {
    let seaweed = Seaweed::shared();
    let proxy = Proxy::new(seaweed.port, When::Always, Fault::Status(503));
    let endpoint = json!(format!("http://127.0.0.1:{}", proxy.port));
    fails(&place(), s3(&[("endpoint_url", endpoint)]), &[UNAVAILABLE], &["busy", "503"]);
    assert!(proxy.met() > 1, "it was asked only once");
}

#[test]
fn refusals_are_final_and_asked_for_once() {
    let seaweed = Seaweed::shared();
    let proxy = Proxy::new(seaweed.port, When::Never, Fault::Page);
    let endpoint = json!(format!("http://127.0.0.1:{}", proxy.port));
    let entry = s3(&[("endpoint_url", endpoint), ("aws_secret_access_key", json!("wrong-secret"))]);
    fails(&place(), entry, &[DENIED], &["secret"]);
    assert_eq!(proxy.seen().len(), 1, "{:?}", proxy.seen());
}

/// What AWS answers where SeaweedFS does not look: each with its cause and what to do.
#[test]
fn answers_of_aws() {
    let place = place();
    let cases: [(&str, &str, &str, i32, &[&str]); 6] = [
        (
            "400 Bad Request",
            "AuthorizationHeaderMalformed",
            "<Region>eu-central-1</Region>",
            CONFIG,
            &["another region", "\"region\": \"eu-central-1\""],
        ),
        ("301 Moved Permanently", "PermanentRedirect", "", CONFIG, &["another region", "region"]),
        ("403 Forbidden", "RequestTimeTooSkewed", "", CONFIG, &["clock", "ntp"]),
        ("400 Bad Request", "ExpiredToken", "", DENIED, &["session token has expired", "new credentials"]),
        ("403 Forbidden", "InvalidAccessKeyId", "", DENIED, &["access key id is not known"]),
        ("403 Forbidden", "AllAccessDisabled", "", DENIED, &["denied", "s3:ListBucket"]),
    ];
    for (status, code, more, exit, words) in cases {
        let server = StandIn::new(move |_| s3_refusal(status, code, more));
        let entry = s3(&[("endpoint_url", json!(server.url())), ("session_token", json!("wrong-secret"))]);
        fails(&place, entry, &[exit], words);
        assert_eq!(server.seen().len(), 1, "{code} was asked for more than once");
    }
}

/// Between first contact and the end of an export.
#[test]
fn a_token_that_expires_under_way() {
    let (seaweed, place) = (Seaweed::shared(), place());
    let (mint, base) = (Mint::default(), unique("expires"));
    let gate = gate(&mint, seaweed.open_port);
    let coin = mint.coin(2);
    let slow = Proxy::new(gate.port, When::Class(Class::Lock, 1), Fault::Delay(Duration::from_secs(3)));
    let mut entry = seaweed.entry(slow.port, (&coin.id, &coin.secret), &base);
    entry["info"]["session_token"] = json!(coin.token);
    let output = fails_late(&place, entry, &[DENIED], &["session token has expired"]);
    assert!(output.stdout.contains("hint: get new credentials"), "{output}");
    assert_eq!(seaweed.ids(&format!("{base}/main/t/")), None);
}

#[test]
fn a_proxy_in_the_way() {
    let place = place();
    let proxy = StandIn::new(|_| {
        super::standin::answer("407 Proxy Authentication Required", "text/html", "<html>Who are you?</html>")
    });
    for scheme in ["http", "https"] {
        place.entry("lake", s3(&[("endpoint_url", json!(format!("{scheme}://store.example:9000")))]));
        let mut run = place.export("lake", &[]).without_env("NO_PROXY").without_env("no_proxy");
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
            run = run.env(name, proxy.url());
        }
        let begun = Instant::now();
        let output = run.output().exits_one_of(&[CONFIG]).says(&["proxy", "NO_PROXY"]);
        assert!(begun.elapsed() < SOON, "{scheme}: it took {:?}\n{output}", begun.elapsed());
    }
}

#[test]
fn azure_answers() {
    let (azurite, place) = (Azurite::shared(), place());
    let cases: [(&str, &str, i32, &[&str]); 3] = [
        (
            "403 Server failed",
            "AuthorizationPermissionMismatch",
            DENIED,
            &["denied", "Storage Blob Data Contributor"],
        ),
        ("404 Not Found", "ContainerNotFound", CONFIG, &["bucket does not exist", "container"]),
        ("403 Forbidden", "AccountIsDisabled", DENIED, &["denied"]),
    ];
    for (status, code, exit, words) in cases {
        let server = StandIn::new(move |_| s3_refusal(status, code, ""));
        fails(&place, azurite.entry(server.port, &unique("azure-answers")), &[exit], words);
    }
    let server = StandIn::new(|_| {
        super::standin::answer(
            "403 Forbidden",
            "application/xml",
            "<Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request.</Message>\
             <AuthenticationErrorDetail>Signature not valid in the specified time frame: expired</AuthenticationErrorDetail></Error>",
        )
    });
    fails(&place, azurite.entry(server.port, &unique("azure-answers")), &[DENIED], &["key"]);
}

#[test]
fn gcs_keys_and_buckets() {
    let (gcs, place) = (Gcs::shared(), place());
    let key_file = gcs.key_file(gcs.port, place.dir.path());
    let base = unique("messages-gcs");
    let prefixed = gcs.entry(&key_file, &format!("gs://{BUCKET}"), &base);
    fails(&place, prefixed, &[CONFIG], &["bucket", "gs://"]);
    fails(&place, gcs.entry(&key_file, "no-such-bucket", &base), &[CONFIG], &["no-such-bucket"]);
    let missing = place.path("no-such-file.json");
    fails(&place, gcs.entry(&missing, BUCKET, &base), &[CONFIG], &["no-such-file.json"]);
    let broken = place.path("broken.json");
    std::fs::write(&broken, "{\"type\": \"service_account\"").unwrap();
    fails(&place, gcs.entry(&broken, BUCKET, &base), &[CONFIG], &["broken.json"]);
    let no_key = place.path("no-key.json");
    let text = std::fs::read_to_string(&key_file).unwrap().replace(&gcs.secret(), "AAAA");
    std::fs::write(&no_key, text).unwrap();
    fails(&place, gcs.entry(&no_key, BUCKET, &base), &[CONFIG, DENIED], &["key"])
        .never_says(&[&gcs.secret()]);
}

#[test]
fn azure_keys_and_containers() {
    let (azurite, place) = (Azurite::shared(), place());
    let entry = |change: &dyn Fn(&mut Value)| {
        let mut entry = azurite.entry(azurite.port, &unique("messages-azure"));
        change(&mut entry["info"]);
        entry
    };
    let wrong_key = "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldC13cm9uZy1zZWNyZXQ=";
    let wrong = entry(&|info| info["account_key"] = json!(wrong_key));
    fails(&place, wrong, &[DENIED], &["key"]).never_says(&[wrong_key]);
    let missing = entry(&|info| info["container"] = json!("no-such-container"));
    fails(&place, missing, &[CONFIG], &["no-such-container"]);
}
