//! Traces of runs, sent by OTLP: what a collector gets, read by messages that are not ours, and what becomes of a run
//! whose collector does not answer.
//!
//! `cargo test --features otlp --test otlp` builds it. The other tests, in `it`, run the program without the feature.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panics")]
#![allow(clippy::disallowed_methods, reason = "time passes for the programs and servers that are waited for")]

#[path = "it/storage/http.rs"]
#[allow(dead_code, reason = "test helper with a wider surface than one test needs")]
mod http;
#[path = "it/lake.rs"]
mod lake;
#[path = "it/owners.rs"]
mod owners;
#[path = "it/server.rs"]
mod server;
#[path = "it/shop.rs"]
#[allow(dead_code, reason = "test helper with a wider surface than one test needs")]
mod shop;
#[path = "it/storage/standin.rs"]
#[allow(dead_code, reason = "test helper with a wider surface than one test needs")]
mod standin;

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::lake::{Run, Running, script};
use crate::server::{PgServer, free_port};
use crate::shop::Shop;
use crate::standin::{StandIn, answer};

const SOME_FAILED: i32 = 1;
const UNAVAILABLE: i32 = 75;
const TERMINATED: i32 = 143;
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// With a value that must not be told, and a view that takes a minute.
fn shop(db: &str) -> Shop {
    Shop::with(
        db,
        "UPDATE bad SET price = 1.5; INSERT INTO bad VALUES (4711, 'NaN');
         CREATE TABLE words AS SELECT 1 AS id, 'pr1vate' AS word;
         CREATE VIEW cast_words AS SELECT id, word::integer AS number FROM words;
         CREATE VIEW slow AS SELECT g AS id, pg_sleep(1)::text AS t FROM generate_series(1, 60) g",
    )
}

/// Without the variables that the environment of the tests may have.
fn alone(mut run: Run) -> Run {
    for (name, _) in std::env::vars() {
        if name.starts_with("OTEL_") || name.starts_with("TRACE") || name.to_lowercase().ends_with("_proxy") {
            run = run.without_env(&name);
        }
    }
    run
}

impl Shop {
    /// What a collector got.
    #[track_caller]
    fn documents(&self, collector: &StandIn) -> Vec<Value> {
        let seen = collector.seen();
        let mut paths = Vec::new();
        for (number, request) in seen.iter().enumerate() {
            assert_eq!(request.method(), "POST");
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            paths.push(self.home.path().join(format!("request_{number}")));
            fs::write(&paths[number], &request.body).unwrap();
        }
        let said = script("otlp.py", paths).exits(0);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// The only trace that a collector got: the command's span and those of its tables.
    #[track_caller]
    fn trace(&self, collector: &StandIn) -> (Value, Vec<Value>) {
        let documents = self.documents(collector);
        assert_eq!(documents.len(), 1, "{documents:?}");
        let mut spans = documents[0]["spans"].as_array().unwrap().clone();
        let root = spans.remove(0);
        for span in &spans {
            assert_eq!((&span["trace"], &span["parent"]), (&root["trace"], &root["id"]), "{span}");
            let time = |span: &Value, key: &str| span[key].as_u64().unwrap();
            assert!(time(&root, "start") <= time(span, "start"), "{root} {span}");
            assert!(time(span, "start") <= time(span, "end"), "{span}");
            assert!(time(span, "end") <= time(&root, "end"), "{root} {span}");
        }
        spans.sort_by_key(|span| span["name"].to_string());
        (root, spans)
    }
}

fn taking() -> StandIn {
    StandIn::new(|_| answer("200 OK", "application/x-protobuf", ""))
}

#[track_caller]
fn has(span: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(span["attributes"].get(key), Some(value), "{key}: {span}");
    }
}

fn terminate(running: &Running) {
    let sent = Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_run_that_is_complete() {
    let shop = shop("otlp_good");
    let collector = taking();
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let run =
        alone(shop.export(&["-i", "good", "--sub-path", "day", "--json"])).env(ENDPOINT, collector.url());
    let output = run
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%20key,x-tenant=shop")
        .env("OTEL_SERVICE_NAME", "nightly")
        .env("OTEL_RESOURCE_ATTRIBUTES", "team=data,service.name=other")
        .args(["--log-level", "debug"])
        .output()
        .ok()
        .never_says(&["s3cret", "not delivered"]);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let seen = collector.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].target(), "/v1/traces");
    assert_eq!(seen[0].header("api-key"), Some("s3cret key"));
    assert_eq!(seen[0].header("x-tenant"), Some("shop"));

    let documents = shop.documents(&collector);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        documents[0]["resource"],
        json!({ "service.name": "nightly", "service.version": version, "team": "data" })
    );
    assert_eq!(documents[0]["scope"], json!({ "name": "lakexpress", "version": version }));
    let (root, tables) = shop.trace(&collector);
    assert_eq!(root["name"], "lakexpress export");
    assert_eq!(root["kind"], "SPAN_KIND_INTERNAL");
    assert_eq!((&root["parent"], &root["status"]), (&json!(""), &json!("STATUS_CODE_UNSET")), "{root}");
    assert_eq!((root["trace"].as_str().unwrap().len(), root["id"].as_str().unwrap().len()), (32, 16));
    assert_eq!(root["flags"], 0x101);
    assert!(u128::from(root["start"].as_u64().unwrap()) >= begun, "{root}");
    let size = &document["tables"][0]["bytes"];
    has(
        &root,
        &json!({
            "lakexpress.run_id": document["run_id"], "lakexpress.status": "completed", "process.exit.code": 0,
            "lakexpress.destination": document["location"], "lakexpress.tables.total": 1,
            "lakexpress.tables.completed": 1, "lakexpress.tables.failed": 0, "lakexpress.rows": 1000,
            "lakexpress.files": 1, "lakexpress.bytes": size,
        }),
    );
    let source = root["attributes"]["lakexpress.source"].as_str().unwrap();
    assert!(source.starts_with("postgres://") && source.ends_with("/otlp_good"), "{source}");
    assert_eq!(tables.len(), 1, "{tables:?}");
    assert_eq!(tables[0]["name"], "export public.good");
    assert_eq!(tables[0]["status"], "STATUS_CODE_UNSET");
    has(
        &tables[0],
        &json!({
            "lakexpress.schema": "public", "lakexpress.table": "good", "lakexpress.rows": 1000,
            "lakexpress.files": 1, "lakexpress.bytes": size, "lakexpress.parts": 1, "lakexpress.retries": 0,
        }),
    );
}

#[test]
fn a_table_that_fails_and_the_run_resumed() {
    let shop = shop("otlp_failed");
    let (first, query, resumed) = (taking(), taking(), taking());
    let output = alone(shop.export(&["-i", "good,bad", "--json"]))
        .env(ENDPOINT, first.url())
        .output()
        .exits(SOME_FAILED);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let (root, tables) = shop.trace(&first);
    assert_eq!(
        (&root["status"], &root["message"]),
        (&json!("STATUS_CODE_ERROR"), &json!("1 of 2 tables failed"))
    );
    has(
        &root,
        &json!({ "lakexpress.status": "failed", "process.exit.code": 1, "lakexpress.tables.failed": 1 }),
    );
    let names: Vec<_> = tables.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["export public.bad", "export public.good"]);
    assert_eq!(tables[0]["status"], "STATUS_CODE_ERROR");
    assert_eq!(tables[0]["message"], document["tables"][0]["error"]["message"], "as the summary has it");
    assert!(tables[0]["message"].as_str().unwrap().contains("price"), "{}", tables[0]);
    assert_eq!(tables[1]["status"], "STATUS_CODE_UNSET");

    // What a table holds is not in the error either, when that is asked for.
    let cast_words = ["--views", "-i", "cast_words"];
    for (hide, hidden) in [(&[][..], taking()), (&["--hide-values"], taking())] {
        alone(shop.export(&cast_words)).args(hide).env(ENDPOINT, hidden.url()).output();
        let (root, tables) = shop.trace(&hidden);
        assert_eq!(tables[0]["status"], "STATUS_CODE_ERROR");
        assert_eq!(tables[0].to_string().contains("pr1vate"), hide.is_empty(), "{}", tables[0]);
        assert!(!root.to_string().contains("pr1vate"), "{root}");
    }

    let args =
        ["query", "--source", &shop.url, "--output-dir", "q", "--name", "n", "SELECT 1 AS one FROM good"];
    alone(shop.run(args)).env(ENDPOINT, query.url()).output().ok();
    let (root, tables) = shop.trace(&query);
    assert_eq!(root["name"], "lakexpress query");
    has(&tables[0], &json!({ "lakexpress.table": "n", "lakexpress.rows": 1000 }));

    // Only what this command did: one table was there already.
    PgServer::shared().sql(&shop.db, "UPDATE bad SET price = 1");
    let run_id = document["run_id"].as_str().unwrap();
    let all = format!("{}/mine?x=y", resumed.url());
    alone(shop.run(["resume", run_id])).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", all).output().ok();
    assert_eq!(resumed.seen()[0].target(), "/mine?x=y");
    let (root, tables) = shop.trace(&resumed);
    assert_eq!(root["name"], "lakexpress resume");
    has(&root, &json!({ "lakexpress.run_id": run_id, "process.exit.code": 0 }));
    assert_eq!(tables.len(), 1, "{tables:?}");
    assert_eq!(tables[0]["name"], "export public.bad");
}

#[test]
fn a_run_that_fails_before_it_begins() {
    let shop = shop("otlp_early");
    let collector = taking();
    let source = format!("postgres://u:s3cret@127.0.0.1:{}/d", free_port());
    let run = alone(shop.run(["export", "--source", &source, "--output-dir", "lake"]))
        .env(ENDPOINT, collector.url());
    run.output().exits(UNAVAILABLE);
    let (root, tables) = shop.trace(&collector);
    assert!(tables.is_empty(), "{tables:?}");
    assert_eq!(root["status"], "STATUS_CODE_ERROR");
    has(
        &root,
        &json!({ "lakexpress.status": "failed", "process.exit.code": UNAVAILABLE, "error.type": "unavailable" }),
    );
    assert!(root["message"].as_str().unwrap().contains("connect"), "{root}");
    assert!(root["attributes"]["lakexpress.source"].as_str().unwrap().contains("127.0.0.1"), "{root}");
    assert!(!root.to_string().contains("s3cret"), "{root}");
}

#[test]
fn a_run_that_is_stopped() {
    let shop = shop("otlp_stopped");
    let run = |endpoint: &str| {
        let args = ["--views", "-i", "good,slow", "--n-jobs", "1"];
        let running = alone(shop.export(&args)).env(ENDPOINT, endpoint).spawn();
        let sleeps = format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%slow%' \
             AND wait_event = 'PgSleep'",
            shop.db
        );
        let begun = Instant::now();
        while PgServer::shared().query("postgres", &sleeps) != "t" {
            assert!(begun.elapsed() < Duration::from_secs(60), "the slow view is not read");
            sleep(Duration::from_millis(20));
        }
        terminate(&running);
        let begun = Instant::now();
        let output = running.finish().exits(TERMINATED);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        output
    };
    let collector = taking();
    run(&collector.url()).never_says(&["not delivered"]);
    let (root, tables) = shop.trace(&collector);
    assert_eq!(
        (&root["status"], &root["message"]),
        (&json!("STATUS_CODE_ERROR"), &json!("terminated by SIGTERM"))
    );
    has(
        &root,
        &json!({ "lakexpress.status": "interrupted", "process.exit.code": TERMINATED, "lakexpress.tables.total": 2 }),
    );
    let slow = tables.iter().find(|span| span["name"] == "export public.slow").unwrap();
    assert_eq!(slow["status"], "STATUS_CODE_ERROR");
    assert!(slow["message"].as_str().unwrap().contains("interrupted"), "{slow}");

    // One that never answers: the deadline of the signal is kept.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    run(&endpoint).says(&["the trace was not delivered", ENDPOINT]);
}

/// The run's code stays; one warning names the collector and the variable, without what is secret.
#[test]
fn collectors_that_do_not_take_it() {
    let shop = shop("otlp_dead");
    let refusing = StandIn::new(|_| answer("401 Unauthorized", "text/plain", "no"));
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    for (port, words, least, longest) in [
        (free_port(), "onnection refused", 1, 6),
        (silent_port, "does not answer in time", 4, 7),
        (refusing.port, "it answers 401", 0, 3),
    ] {
        let begun = Instant::now();
        let url = format!("http://user:s3cret@127.0.0.1:{port}/t0ken");
        let shown = format!("http://127.0.0.1:{port} ({ENDPOINT})");
        let run = alone(shop.export(&["-i", "good"])).env(ENDPOINT, url);
        let output = run.env("OTEL_EXPORTER_OTLP_HEADERS", "x=h3ader").output().ok();
        let took = begun.elapsed();
        let output = output.says(&[words, &shown]).never_says(&["s3cret", "t0ken", "h3ader"]);
        assert_eq!(output.stderr.matches("not delivered").count(), 1, "{output}");
        let (least, longest) = (Duration::from_secs(least), Duration::from_secs(longest));
        assert!(took >= least && took <= longest, "{took:?} {output}");
    }
    assert_eq!(refusing.seen().len(), 1, "a refusal is final");

    // A busy one is asked again; a shorter time is heeded.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let busy = StandIn::new(move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => answer("503 Service Unavailable", "text/plain", ""),
        _ => answer("200 OK", "application/x-protobuf", ""),
    });
    alone(shop.export(&["-i", "good"]))
        .env(ENDPOINT, busy.url())
        .output()
        .ok()
        .never_says(&["not delivered"]);
    assert_eq!(busy.seen().len(), 2);
    let begun = Instant::now();
    let run = alone(shop.export(&["-i", "good"])).env(ENDPOINT, format!("http://127.0.0.1:{silent_port}"));
    run.env("OTEL_EXPORTER_OTLP_TIMEOUT", "300").output().ok().says(&["not delivered"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn the_span_of_the_caller() {
    let shop = shop("otlp_parent");
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let sampled = taking();
    let run = alone(shop.export(&["-i", "good"])).env(ENDPOINT, sampled.url());
    run.env("TRACEPARENT", format!("00-{trace}-{span}-01")).env("TRACESTATE", "airflow=1").output().ok();
    let (root, tables) = shop.trace(&sampled);
    assert_eq!(
        (&root["trace"], &root["parent"], &root["state"]),
        (&json!(trace), &json!(span), &json!("airflow=1"))
    );
    assert_eq!(
        (&root["flags"], &tables[0]["flags"]),
        (&json!(0x301), &json!(0x101)),
        "its parent is elsewhere"
    );

    let other = taking();
    let run = alone(shop.export(&["-i", "good"])).env(ENDPOINT, other.url());
    run.env("TRACEPARENT", format!("00-{trace}-{}-01", "0".repeat(16))).output().ok();
    let (root, _) = shop.trace(&other);
    assert!(root["trace"] != trace && root["parent"] == "", "one that is not valid: {root}");
}

#[test]
fn nothing_is_sent() {
    let shop = shop("otlp_nothing");
    let collector = taking();
    let url = collector.url();
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let off: [&[(&str, &str)]; 7] = [
        &[],
        &[("OTEL_SERVICE_NAME", "nightly"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b")],
        &[(ENDPOINT, ""), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", " ")],
        &[(ENDPOINT, &url), ("OTEL_SDK_DISABLED", "true")],
        &[(ENDPOINT, &url), ("OTEL_TRACES_EXPORTER", "none")],
        &[(ENDPOINT, &url), ("TRACEPARENT", unsampled)],
        &[("OTEL_TRACES_EXPORTER", "otlp")],
    ];
    let set = |run: Run, variables: &[(&str, &str)]| {
        variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    };
    for variables in off {
        set(alone(shop.export(&["-i", "good"])), variables).output().ok().never_says(&["trace"]);
    }
    // What cannot be done is said, and the run goes on.
    let wrong = [
        (
            &[(ENDPOINT, url.as_str()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")][..],
            &["OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which is not supported", "http/protobuf"][..],
        ),
        (&[(ENDPOINT, "s3cret:4317")], &[ENDPOINT, "http://host:4318"]),
        (&[(ENDPOINT, &url), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret")], &["OTEL_EXPORTER_OTLP_HEADERS"]),
    ];
    for (variables, words) in wrong {
        let output = set(alone(shop.export(&["-i", "good"])), variables).output().ok();
        let output = output.says(words).never_says(&["s3cret"]);
        assert_eq!(output.stderr.matches("no trace is sent").count(), 1, "{output}");
    }
    // Commands that are no runs.
    for args in [&["plan", "--source", &shop.url, "--output-dir", "lake"][..], &["runs"]] {
        alone(shop.run(args)).env(ENDPOINT, &url).output().ok();
    }
    assert_eq!(collector.seen().len(), 0, "{:?}", collector.seen());
}
