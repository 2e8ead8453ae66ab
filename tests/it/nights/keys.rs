//! Keys of storage entries that ask something of what is written: encryption, classes, tags, checksums, headers.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lakexpress::destination::{Address, Destination, StorageEntry, conformance, open};
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::lake::{Output, Run, script};
use crate::storage::azurite::Azurite;
use crate::storage::gcs::Gcs;
use crate::storage::http::Message;
use crate::storage::proxy::{Class, Fault, Proxy, When};
use crate::storage::seaweed::{BUCKET, Seaweed, WRITER};
use crate::storage::standin::{StandIn, answer, forward_as_is, s3_refusal};
use crate::storage::{Place, Store, ids, unique};

const SOME_FAILED: i32 = 1;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;
/// 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const ROWS: u64 = 20_000;
/// Several files, each an upload of more than one part.
const LARGE: [&str; 6] = ["-p", "2", "--part-bytes", "12MiB", "--large-table-threshold", "10000"];

const SMALL: &str =
    "CREATE TABLE IF NOT EXISTS small (id INTEGER PRIMARY KEY); INSERT OR IGNORE INTO small VALUES (1)";

/// The entry with more keys.
fn with(mut entry: Value, more: &Value) -> Value {
    entry["info"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

/// A gate to a store that records every request, and refuses those about which `wrong` says something. Headers that
/// begin with one of `own` are for the gate, as for a gateway that asks for a key: the store does not get them.
fn gate(
    port: u16,
    own: &'static [&'static str],
    wrong: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static,
) -> StandIn {
    StandIn::new(move |request| match wrong(request) {
        Some(refusal) => refusal,
        None => forward_as_is(&without(request, own), port)
            .unwrap_or_else(|_| s3_refusal("500 Error", "InternalError", "")),
    })
}

/// The request without headers that begin so.
fn without(request: &Message, names: &[&str]) -> Message {
    let head = String::from_utf8(request.head.clone()).unwrap();
    let lines = head.split("\r\n").filter(|line| {
        let line = line.to_lowercase();
        !names.iter().any(|name| line.starts_with(name))
    });
    Message { head: lines.collect::<Vec<_>>().join("\r\n").into_bytes(), body: request.body.clone() }
}

/// The path of a request, decoded: some clients encode more of it than others.
fn path(request: &Message) -> String {
    let path = request.target().split('?').next().unwrap();
    percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

fn has(request: &Message, query: &str) -> bool {
    let (_, found) = request.target().split_once('?').unwrap_or_default();
    found.split('&').any(|pair| pair == query || pair.starts_with(&format!("{query}=")))
}

/// The name of the operation, by the services' own tables.
fn operation(request: &Message) -> &'static str {
    let is_object = path(request).trim_matches('/').matches('/').count() >= 2 && !has(request, "restype");
    let comp = |word: &str| request.target().contains(&format!("comp={word}"));
    match request.method() {
        _ if !is_object => "bucket",
        "PUT" if has(request, "partNumber") || comp("block&") || request.target().ends_with("comp=block") => {
            "part"
        }
        "PUT" if comp("blocklist") => "complete",
        "PUT" => "put",
        "POST" if has(request, "uploads") => "begin",
        "POST" => "complete",
        "GET" if has(request, "uploadId") || comp("blocklist") => "parts",
        "GET" | "HEAD" => "read",
        _ => "delete",
    }
}

fn is_rewritten(request: &Message) -> bool {
    let path = path(request);
    path.split('/').any(|directory| directory == "_lakexpress")
        || path.rsplit('/').next().unwrap().starts_with('_')
}

/// Every request has `header` with `value` if it is one of `operations`, and none otherwise.
#[track_caller]
fn assert_on(gate: &StandIn, (header, value): (&str, &str), operations: &[&str], but_rewritten: bool) {
    let mut met = 0;
    for request in gate.seen() {
        let name = operation(&request);
        let wanted = (operations.contains(&name) || operations == ["all"])
            && !(but_rewritten && is_rewritten(&request));
        let (found, line) = (request.header(header), format!("{} {}", request.method(), request.target()));
        assert_eq!(found, wanted.then_some(value), "{header} on {name}: {line}");
        met += usize::from(wanted);
    }
    assert!(met > 0, "no request of {operations:?}");
}

fn count(gate: &StandIn, name: &str) -> usize {
    gate.seen().iter().filter(|request| operation(request) == name).count()
}

/// An export of a small and of a large table, whose rows are all there.
#[track_caller]
fn exported(place: &Place, id: &str, store: &dyn Store, base: &str) {
    place.fill(ROWS, 2_000);
    place.run(SMALL);
    place.export(id, &LARGE).output().ok();
    assert_eq!(store.ids(&format!("{base}/main/t/")), Some(ids(ROWS)));
    assert_eq!(store.ids(&format!("{base}/main/small/")), Some(ids(1)));
}

fn checked(place: &Place, id: &str) -> Run {
    let source = format!("sqlite://{}", place.path("data.db").display());
    Run::new(["check", "--source", &source, "--target-storage-id", id, "-a"]).args([place.auth()])
}

#[test]
fn s3_gets_each_header_where_it_wants_it_and_nowhere_else() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("keys-s3"));
    let gate = gate(seaweed.port, &["x-gateway-"], |_| None);
    let entry = seaweed.entry(gate.port, WRITER, &base);
    let more = json!({
        "storage_class": "STANDARD_IA", "tags": {"cost centre": "42", "team": "sales + co"},
        "acl": "bucket-owner-full-control", "requester_pays": true, "checksum_algorithm": "md5",
        "headers": {"X-Amz-Meta-Origin": "lakexpress", "X-Gateway-Key": "gate-secret-1", "Cache-Control": "no-store"},
    });
    place.entry("lake", with(entry, &more));
    exported(&place, "lake", seaweed, &base);
    assert!(count(&gate, "part") > 4 && count(&gate, "begin") > 1, "{}", count(&gate, "part"));
    let making = &["put", "begin"];
    assert_on(&gate, ("x-amz-storage-class", "STANDARD_IA"), making, true);
    assert_on(&gate, ("x-amz-tagging", "cost%20centre=42&team=sales%20%2B%20co"), making, false);
    assert_on(&gate, ("x-amz-acl", "bucket-owner-full-control"), making, false);
    assert_on(&gate, ("x-amz-meta-origin", "lakexpress"), making, false);
    assert_on(&gate, ("cache-control", "no-store"), making, false);
    assert_on(&gate, ("x-amz-request-payer", "requester"), &["all"], false);
    assert_on(&gate, ("x-gateway-key", "gate-secret-1"), &["all"], false);
    for request in gate.seen() {
        let digest = BASE64_STANDARD.encode(Md5::digest(&request.body));
        let wanted = matches!(operation(&request), "put" | "part").then_some(digest.as_str());
        assert_eq!(request.header("content-md5"), wanted, "{} {}", request.method(), request.target());
        // What is not signed is refused by AWS.
        let signed = request.header("authorization").unwrap();
        let head = String::from_utf8(request.head.clone()).unwrap().to_lowercase();
        let names = signed.split_once("SignedHeaders=").unwrap().1.split(',').next().unwrap();
        let names: Vec<&str> = names.split(';').collect();
        for line in head.lines().filter(|line| line.starts_with("x-amz-") || line.starts_with("content-md5"))
        {
            let name = line.split(':').next().unwrap();
            assert!(names.contains(&name), "{name} is not signed: {names:?}");
        }
        // A gateway that takes its header away must not make the signature wrong.
        assert!(!names.contains(&"x-gateway-key"), "{names:?}");
    }
    checked(&place, "lake").output().ok().never_says(&["FAILED", "gate-secret-1"]);
}

/// B22: a policy that denies what is written without encryption, with KMS.
#[test]
fn a_policy_that_wants_an_encryption_header_is_satisfied_or_explained() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("keys-policy"));
    let port = seaweed.port;
    // SeaweedFS has no keys of KMS: what the header asks for is looked at, and kept from it. That it is signed too is seen
    // by AWS alone, and above.
    let gate = StandIn::new(move |request| {
        let kind = request.header("x-amz-server-side-encryption");
        let key = request.header("x-amz-server-side-encryption-aws-kms-key-id");
        let wanted = matches!(operation(request), "put" | "begin");
        if wanted && (kind, key) != (Some("aws:kms"), Some("arn:aws:kms:eu-west-1:1:key/a")) {
            return s3_refusal("403 Forbidden", "AccessDenied", "");
        }
        if !wanted && kind.is_some() {
            return s3_refusal("400 Bad Request", "InvalidArgument", "");
        }
        if wanted {
            let bare = without(request, &["x-amz-server-side", "authorization:"]);
            return forward_as_is(&bare, Seaweed::shared().open_port).unwrap();
        }
        forward_as_is(request, port).unwrap()
    });
    place.fill(3, 20);
    place.entry("bare", seaweed.entry(gate.port, WRITER, &base));
    let denied = place.export("bare", &[]).output().exits_one_of(&[DENIED, SOME_FAILED]);
    let said = format!("{}{}", denied.stdout, denied.stderr);
    for key in ["server_side_encryption", "sse_kms_key_id", "s3:PutObject"] {
        assert!(said.contains(key), "{key}\n{denied}");
    }
    let denied = checked(&place, "bare").output().exits(DENIED);
    assert!(denied.stdout.contains("server_side_encryption"), "{denied}");
    let more = json!({"server_side_encryption": "aws:kms", "sse_kms_key_id": "arn:aws:kms:eu-west-1:1:key/a",
        "sse_bucket_key_enabled": true});
    place.entry("kms", with(seaweed.entry(gate.port, WRITER, &base), &more));
    exported(&place, "kms", seaweed, &base);
    checked(&place, "kms").output().ok();
}

#[test]
fn a_bucket_with_object_lock_gets_its_checksums_or_the_key_is_named() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    let gate = gate(seaweed.port, &[], |request| {
        let sums = ["content-md5", "x-amz-checksum-sha256"].map(|name| request.header(name).is_some());
        let bare = matches!(operation(request), "put" | "part") && sums == [false; 2];
        let words = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock \
                     parameters";
        let body = format!("<Error><Code>InvalidRequest</Code><Message>{words}</Message></Error>");
        bare.then(|| answer("400 Bad Request", "application/xml", &body))
    });
    place.fill(3, 20);
    place.entry("bare", seaweed.entry(gate.port, WRITER, &unique("keys-lock")));
    let refused = place.export("bare", &[]).output().exits_one_of(&[CONFIG, SOME_FAILED]);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("checksum_algorithm") && said.contains("Object Lock"), "{refused}");
    assert!(!said.contains("firewalls"), "{refused}");
    for algorithm in ["MD5", "sha256"] {
        let base = unique("keys-lock");
        let entry = seaweed.entry(gate.port, WRITER, &base);
        place.entry(algorithm, with(entry, &json!({"checksum_algorithm": algorithm})));
        exported(&place, algorithm, seaweed, &base);
        place.fill(3, 20);
        checked(&place, algorithm).output().ok().never_says(&["FAILED"]);
    }
}

/// The destination of an entry.
fn destination(entry: &Value) -> Arc<dyn Destination> {
    let kind = entry["storage_type"].as_str().unwrap().to_owned();
    let info = entry["info"].as_object().unwrap().clone();
    open(&Address::Entry(StorageEntry { id: "keys".into(), kind, mode: None, info })).unwrap()
}

fn conforms(entry: &Value) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let destination = destination(entry);
        conformance::check(destination.as_ref()).await.unwrap();
        destination.settle().await;
    });
}

/// The whole contract of a destination holds with what every store takes.
#[test]
fn the_contract_holds_with_these_keys() {
    let (seaweed, azurite) = (Seaweed::shared(), Azurite::shared());
    let more = json!({"checksum_algorithm": "SHA256", "storage_class": "STANDARD_IA", "tags": "a=b&c=d"});
    conforms(&with(seaweed.entry(seaweed.port, WRITER, &unique("keys-contract")), &more));
    let gate = gate(seaweed.port, &[], |_| None);
    let more = json!({"checksum_algorithm": "MD5", "sse_customer_key_base64": KEY});
    conforms(&with(seaweed.entry(gate.port, WRITER, &unique("keys-contract")), &more));
    assert!(count(&gate, "parts") > 0);
    let on = &["put", "begin", "part", "complete", "read", "parts"];
    assert_on(&gate, ("x-amz-server-side-encryption-customer-key", KEY), on, false);
    let more = json!({"access_tier": "cool", "tags": {"a": "b"}, "headers": {"x-ms-meta-a": "b"}});
    conforms(&with(azurite.entry(azurite.port, &unique("keys-contract")), &more));
}

/// SeaweedFS encrypts with a customer's key: what lies there is read with the key and not without.
#[test]
fn a_customers_key_is_needed_to_read_what_was_written() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("keys-customer"));
    let gate = gate(seaweed.port, &[], |_| None);
    let entry = seaweed.entry(gate.port, WRITER, &base);
    place.fill(ROWS, 2_000);
    let keyed =
        with(entry.clone(), &json!({"server_side_encryption": "SSE-C", "sse_customer_key_base64": KEY}));
    place.entry("keyed", keyed);
    let flags = [&LARGE[..], &["--verify", "hash"]].concat();
    place.export("keyed", &flags).output().ok().never_says(&[KEY]);
    let on = &["put", "begin", "part", "complete", "read", "parts"];
    let digest = BASE64_STANDARD.encode(Md5::digest(BASE64_STANDARD.decode(KEY).unwrap()));
    assert_on(&gate, ("x-amz-server-side-encryption-customer-algorithm", "AES256"), on, false);
    assert_on(&gate, ("x-amz-server-side-encryption-customer-key", KEY), on, false);
    assert_on(&gate, ("x-amz-server-side-encryption-customer-key-md5", &digest), on, false);
    // What is there is not Parquet to who has no key, and the same rows again to who has it.
    let object = format!("{base}/main/t/part-00000.parquet");
    assert!(seaweed.list(&base).iter().any(|found| found.key == object));
    let target = format!("/{BUCKET}/{object}");
    let read = |headers: &[(&str, &str)]| {
        crate::storage::http::send(seaweed.open_port, "GET", &target, headers, b"").unwrap()
    };
    assert_ne!(read(&[]).status, 200);
    let key = [
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", KEY),
        ("x-amz-server-side-encryption-customer-key-MD5", digest.as_str()),
    ];
    assert!(read(&key).ok().body.starts_with(b"PAR1"));
    place.export("keyed", &flags).output().ok();
    place.entry("bare", entry);
    let refused = place.export("bare", &[]).output();
    assert_ne!(refused.code, Some(0), "{refused}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("sse_customer_key_base64"), "{refused}");
}

const IN_PARTS: [&str; 8] =
    ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100", "--verify", "hash"];

/// A table to export with a customer's key that a variable holds, and its run log.
struct Keyed {
    place: Place,
    base: String,
}

impl Keyed {
    fn new() -> Self {
        let keyed = Self { place: Place::new(), base: unique("keys-resume") };
        keyed.place.fill(2_000, 2_000);
        keyed
    }

    fn by(&self, port: u16) {
        let more = json!({"sse_customer_key_base64": "${NIGHT_KEY}"});
        self.place.entry("lake", with(Seaweed::shared().entry(port, WRITER, &self.base), &more));
    }

    fn run(&self, run: Run) -> Run {
        let run = run.env("NIGHT_KEY", format!(" {KEY} ")).env("XDG_STATE_HOME", self.place.path("state"));
        run.args(["--log-level", "debug"])
    }

    /// The run is resumed, and what it wrote is looked at; the key goes with all of it and is shown nowhere.
    #[track_caller]
    fn assert_goes_on(&self, cut: Output) -> StandIn {
        let cut = cut.never_says(&[KEY]);
        let id = cut.stderr.split_once("starting export run: ").unwrap().1.split_whitespace().next().unwrap();
        let gate = gate(Seaweed::shared().port, &[], |_| None);
        self.by(gate.port);
        for words in [
            &["resume", id][..],
            &["verify", id, "--read-data"],
            &["verify", "--target-storage-id", "lake", "--read-data"],
            &["metadata", id],
        ] {
            let run = self.run(self.place.at_home(Run::new(words)));
            run.args(["-a".into(), self.place.auth()]).output().ok().never_says(&[KEY]);
        }
        let on = &["put", "begin", "part", "complete", "read", "parts"];
        assert_on(&gate, ("x-amz-server-side-encryption-customer-key", KEY), on, false);
        let shown = Command::new("grep").args(["-rl", KEY]).arg(self.place.path("state")).output().unwrap();
        assert_eq!((shown.status.code(), shown.stdout), (Some(1), Vec::new()), "the key is in the run log");
        gate
    }
}

#[test]
fn a_customers_key_goes_with_resume_verify_and_metadata() {
    let keyed = Keyed::new();
    let refusing = gate(Seaweed::shared().port, &[], |request| {
        (operation(request) == "begin").then(|| s3_refusal("403 Forbidden", "AccessDenied", ""))
    });
    keyed.by(refusing.port);
    let cut = keyed.run(keyed.place.export("lake", &IN_PARTS)).output().exits(DENIED);
    keyed.assert_goes_on(cut);
}

#[test]
#[ignore = "make verify-nights: waits until a lock expires"]
fn a_customers_key_goes_with_uploads_that_a_killed_run_left() {
    let keyed = Keyed::new();
    let held_up = Fault::Delay(Duration::from_secs(40));
    let slow = Proxy::new(Seaweed::shared().port, When::Class(Class::Complete, 1), held_up);
    keyed.by(slow.port);
    let running = keyed.run(keyed.place.export("lake", &IN_PARTS)).spawn();
    slow.wait_until_met();
    let gate = keyed.assert_goes_on(running.kill9());
    // Those that were left, and then the table again.
    assert_eq!(count(&gate, "complete"), 2 * count(&gate, "begin"));
    assert!(count(&gate, "begin") > 1);
}

/// A store, or what stands before it, that repeats what it was sent.
#[test]
fn a_refusal_that_repeats_the_request_shows_no_secret() {
    let place = Place::new();
    place.fill(3, 20);
    let gate = StandIn::new(|request| {
        let head = String::from_utf8(request.head.clone()).unwrap();
        let body = format!("<Error><Code>InvalidArgument</Code><Message>no: {head}</Message></Error>");
        answer("400 Bad Request", "application/xml", &body)
    });
    let more = json!({"sse_customer_key_base64": KEY, "headers": {"x-gateway-key": "gate-secret-1"}});
    place.entry("lake", with(Seaweed::shared().entry(gate.port, WRITER, "keys-echo"), &more));
    for run in [place.export("lake", &[]), checked(&place, "lake")] {
        let output = run.args(["--log-level", "debug"]).output();
        assert!(format!("{}{}", output.stdout, output.stderr).contains("***"), "{output}");
        assert_ne!(output.code, Some(0), "{output}");
        output.never_says(&["gate-secret-1", KEY]);
    }
    let seen = gate.seen();
    assert!(seen.iter().any(|request| request.header("x-gateway-key").is_some()));
}

#[test]
fn gcs_gets_each_header_where_it_wants_it_and_nowhere_else() {
    let (gcs, seaweed, place, base) = (Gcs::shared(), Seaweed::shared(), Place::new(), unique("keys-gcs"));
    let gate = gate(gcs.port, &[], |_| None);
    let key_file = gcs.key_file(gate.port, &place.path("."));
    let entry = gcs.entry(&key_file, BUCKET, &base);
    let name = "projects/p/locations/eu/keyRings/r/cryptoKeys/k";
    let more = json!({"kms_key_name": name, "storage_class": "nearline", "predefined_acl": "bucketOwnerRead",
        "user_project": "payer", "headers": {"x-goog-meta-a": "b", "x-goog-custom-audit-job": "night"}});
    place.entry("lake", with(entry.clone(), &more));
    exported(&place, "lake", seaweed, &base);
    let making = &["put", "begin"];
    assert_on(&gate, ("x-goog-encryption-kms-key-name", name), making, false);
    assert_on(&gate, ("x-goog-storage-class", "NEARLINE"), making, true);
    assert_on(&gate, ("x-goog-acl", "bucket-owner-read"), making, false);
    assert_on(&gate, ("x-goog-meta-a", "b"), making, false);
    assert_on(&gate, ("x-goog-user-project", "payer"), &["all"], false);
    assert_on(&gate, ("x-goog-custom-audit-job", "night"), &["all"], false);
    let keyed = self::gate(gcs.port, &[], |_| None);
    let key_file = gcs.key_file(keyed.port, &place.path("."));
    let base = unique("keys-gcs");
    let entry = gcs.entry(&key_file, BUCKET, &base);
    place.entry("keyed", with(entry, &json!({"customer_encryption_key": KEY})));
    exported(&place, "keyed", seaweed, &base);
    let on = &["put", "begin", "part", "complete", "read"];
    assert_on(&keyed, ("x-goog-encryption-key", KEY), on, false);
    assert_on(&keyed, ("x-goog-encryption-algorithm", "AES256"), on, false);
}

#[test]
fn azure_gets_each_header_where_it_wants_it_and_nowhere_else() {
    let (azurite, place, base) = (Azurite::shared(), Place::new(), unique("keys-azure"));
    let gate = gate(azurite.port, &[], |_| None);
    let entry = azurite.entry(gate.port, &base);
    let more = json!({"access_tier": "Cool", "tags": {"team": "sales"}, "encryption_scope": "night",
        "headers": {"x-ms-meta-origin": "lakexpress", "x-ms-client-request-id": "night-7"}});
    place.entry("lake", with(entry.clone(), &more));
    exported(&place, "lake", azurite, &base);
    let making = &["put", "complete"];
    assert_on(&gate, ("x-ms-access-tier", "Cool"), making, true);
    assert_on(&gate, ("x-ms-tags", "team=sales"), making, false);
    assert_on(&gate, ("x-ms-meta-origin", "lakexpress"), making, false);
    assert_on(&gate, ("x-ms-encryption-scope", "night"), &["put", "part", "complete"], false);
    assert_on(&gate, ("x-ms-client-request-id", "night-7"), &["all"], false);
    // A shared access signature is in the URL once.
    let base = unique("keys-azure");
    let mut sas = with(azurite.entry(azurite.port, &base), &json!({"customer_provided_key": KEY}));
    let info = sas["info"].as_object_mut().unwrap();
    info.remove("account_key");
    info.insert("sas_token".into(), json!(azurite.sas));
    // Azurite knows no customers' keys.
    let keyed = self::gate(azurite.port, &["x-ms-encryption-"], |_| None);
    sas["info"]["endpoint_url"] = json!(format!("http://127.0.0.1:{}/devstoreaccount1", keyed.port));
    place.entry("keyed", sas);
    exported(&place, "keyed", azurite, &base);
    let on = &["put", "part", "complete", "read"];
    assert_on(&keyed, ("x-ms-encryption-key", KEY), on, false);
    for request in keyed.seen() {
        assert_eq!(request.target().matches("sig=").count(), 1, "{}", request.target());
    }
}

/// Every problem at once, with its key, and no secret.
#[test]
fn what_is_wrong_with_the_keys_is_said_at_once() {
    let place = Place::new();
    place.fill(1, 20);
    let s3 = json!({"storage_type": "s3", "info": {"bucket": "b", "region": "eu-west-1",
        "access_key_id": "K", "secret_access_key": "S"}});
    let wrong = |entry: &Value, more: Value, words: &[&str]| {
        place.entry("lake", with(entry.clone(), &more));
        place.export("lake", &[]).output().exits(CONFIG).says(words).never_says(&["c2VjcmV0", "gate-secret"]);
    };
    wrong(
        &s3,
        json!({
            "server_side_encryption": "rot13", "sse_bucket_key_enabled": "perhaps", "storage_class": "glacier",
            "sse_customer_key_base64": "c2VjcmV0", "acl": "mine", "requester_pays": "no", "checksum_algorithm": "crc",
            "tags": {"aws:x": "1", "a?": "b"},
            "headers": {"Authorization": "gate-secret", "x-amz-storage-class": "A", "bad name": "x", "content-encoding": "gzip"},
        }),
        &[
            "lake.info.server_side_encryption: write AES256, aws:kms, aws:kms:dsse, sse-c",
            "lake.info.sse_bucket_key_enabled: write true or false",
            "lake.info.storage_class: ",
            "lake.info.sse_customer_key_base64: not 256 bits",
            "lake.info.acl: write private",
            "lake.info.requester_pays: write true or false",
            "lake.info.checksum_algorithm: write MD5, SHA256",
            "aws:",
            "lake.info.headers.Authorization: is set for each request, or signs it",
            "write the key storage_class instead",
            "no name of a header",
            "content-encoding",
        ],
    );
    wrong(&s3, json!({"storage_class": "DEEP_ARCHIVE"}), &["cannot be read at once", "GLACIER_IR"]);
    wrong(&s3, json!({"sse_kms_key_id": "k"}), &["sse_kms_key_id: goes with"]);
    let both = json!({"sse": "AES256", "aws_sse_kms_key_id": "k"});
    wrong(&s3, both, &["lake.info.aws_sse_kms_key_id: goes with"]);
    let twice = json!({"sse": "AES256", "server_side_encryption": "aws:kms"});
    wrong(&s3, twice, &["lake.info.sse: the same key as server_side_encryption"]);
    let broken = json!({"sse_kms_key_id": "a\nb", "storage_class": " ", "tags": {"a": "b\nc", "d": 1},
        "headers": {"x-a": "gate-secret\r\nHost: x", "x-b": " ", "X-Amz-Checksum-Sha256": "x", "Host": "x", "x-c": "é"}});
    let words = [
        "lake.info.sse_kms_key_id: holds a line break",
        "lake.info.storage_class: empty",
        "lake.info.tags.a: holds a line break",
        "lake.info.tags.d: not a string",
        "lake.info.headers.x-a: holds a line break",
        "lake.info.headers.x-b: empty",
        "lake.info.headers.X-Amz-Checksum-Sha256: is set for each request",
        "lake.info.headers.Host: is set for each request",
        "lake.info.headers.x-c: holds another character than ASCII has",
    ];
    wrong(&s3, broken, &words);
    wrong(&s3, json!({"server_side_encryption": "sse-c"}), &["sse_customer_key_base64: missing"]);
    wrong(&s3, json!({"server_side_encryption": "AES256", "sse_customer_key_base64": KEY}), &["keep one"]);
    let plain = json!({"endpoint_url": "http://store.example", "sse_customer_key_base64": KEY});
    wrong(&s3, plain, &["http://", "clear text"]);
    wrong(&s3, json!({"storage_clas": "STANDARD"}), &["did you mean storage_class?"]);
    let azure =
        json!({"storage_type": "azure", "info": {"account": "a", "container": "c", "account_key": "a2V5"}});
    wrong(
        &azure,
        json!({"access_tier": "Archive", "encryption_scope": "x", "customer_provided_key": KEY, "tags": {"ä": "b"},
            "headers": {"Content-Type": "x", "x-ms-version": "1", "x-ms-blob-content-encoding": "gzip"}}),
        &[
            "encoded by nothing",
            "cannot be read",
            "keep one",
            "lake.info.tags",
            "x-ms-blob-content-type",
            "x-ms-version: is set",
        ],
    );
    let gcs = json!({"storage_type": "gcs", "info": {"bucket": "b", "credentials_file": "/nowhere"}});
    let more = json!({"kms_key_name": "k", "customer_encryption_key": KEY, "storage_class": "cold"});
    wrong(&gcs, more, &["projects/PROJECT", "keep one", "STANDARD, NEARLINE, COLDLINE, ARCHIVE"]);
}

/// Other readers read what was written with these keys.
#[test]
fn duckdb_reads_what_was_tagged_and_summed() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("keys-duck"));
    let entry = seaweed.entry(seaweed.port, WRITER, &base);
    let more = json!({"tags": {"a": "b"}, "checksum_algorithm": "MD5", "storage_class": "STANDARD_IA"});
    place.entry("lake", with(entry, &more));
    place.fill(ROWS, 2_000);
    place.export("lake", &LARGE).output().ok();
    let dir = seaweed.download(&format!("{base}/main/t/"));
    let sql = format!(
        "SELECT count(*), sum(id), sum(octet_length(noise)) FROM read_parquet('{}/*.parquet')",
        dir.path().display()
    );
    let output = script("duck.py", [sql.as_str()]).ok();
    let sum = ROWS * (ROWS + 1) / 2;
    for number in [ROWS, sum, ROWS * 2_000] {
        assert!(output.stdout.contains(&number.to_string()), "{number}\n{}", output.stdout);
    }
    let tags = crate::storage::http::send(
        seaweed.open_port,
        "GET",
        &format!("/{BUCKET}/{base}/main/t/part-00000.parquet?tagging"),
        &[],
        b"",
    );
    assert_eq!(tags.unwrap().tags("Value"), ["b"]);
}
