//! `--notify`: what a real server is sent, and what becomes of the run when it does not take it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{CONFIG, SOME_FAILED, Shop, TERMINATED, UNAVAILABLE, USAGE, shop, terminate, wait_until};
use crate::lake::{Output, script};
use crate::server::free_port;
use crate::storage::http::Message;
use crate::storage::standin::{StandIn, answer};

fn taking() -> StandIn {
    StandIn::new(|_| answer("204 No Content", "text/plain", ""))
}

/// One that answers so to the first requests, and takes those after them.
fn after(count: usize, first: impl Fn() -> Message + Send + Sync + 'static) -> StandIn {
    let asked = AtomicUsize::new(0);
    StandIn::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        n if n < count => first(),
        _ => answer("200 OK", "text/plain", "ok"),
    })
}

#[track_caller]
fn only(server: &StandIn) -> Message {
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].method(), "POST");
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    seen[0].clone()
}

fn document(message: &Message) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}

/// Documents are what `docs/schemas` says.
#[track_caller]
fn validate(shop: &Shop, messages: &[(&str, &Message)]) {
    let mut args = vec![OsString::from(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas"))];
    for (number, (schema, message)) in messages.iter().enumerate() {
        let path = shop.path(&format!("posted_{number}.json"));
        fs::write(&path, &message.body).unwrap();
        args.extend([OsString::from(schema), path.into()]);
    }
    let said = script("json_schemas.py", args).exits(0);
    assert!(said.stdout.contains("0 problems"), "{said}");
}

#[test]
fn every_end_of_a_run_is_posted() {
    let shop = shop("notify_posted");
    let (failed, resumed, again, query, down, early) =
        (taking(), taking(), taking(), taking(), taking(), taking());
    let url = format!("{}/hook/a?b=c", failed.url());
    let output = shop.export(&["--json", "--notify", &url]).output().exits(SOME_FAILED);
    let message = only(&failed);
    assert_eq!(message.target(), "/hook/a?b=c");
    assert_eq!(String::from_utf8_lossy(&message.body).trim(), output.stdout.trim(), "the same document");
    let run = document(&message)["run_id"].as_str().unwrap().to_owned();

    shop.mend();
    shop.run(["resume", &run, "--notify", &resumed.url()]).output().ok();
    assert_eq!(document(&only(&resumed))["status"], "completed");
    shop.run(["resume", &run, "--notify", &again.url()]).output().ok();
    let args =
        ["query", "--source", &shop.url, "--output-dir", "q", "--name", "n", "SELECT 1 AS one FROM good"];
    shop.run(args).args(["-q"]).env("LAKEXPRESS_NOTIFY", query.url()).output().ok();
    assert_eq!(document(&only(&query))["totals"]["rows"], 1000);

    // No server, and no source at all.
    let source = format!("postgres://u:s3cret@127.0.0.1:{}/d", free_port());
    let args = ["export", "--source", &source, "--output-dir", "lake", "--notify", &down.url()];
    shop.run(args).output().exits(UNAVAILABLE);
    let message = only(&down);
    assert_eq!(document(&message)["error"]["exit_code"], UNAVAILABLE);
    assert!(!String::from_utf8_lossy(&message.body).contains("s3cret"));
    shop.run(["export", "--output-dir", "lake", "--notify", &early.url()]).output().exits(USAGE);
    assert_eq!(document(&only(&early))["error"]["kind"], "usage");

    let messages = [&failed, &resumed, &again, &query, &down, &early].map(only);
    let schemas = ["export", "export", "export", "export", "error", "error"];
    validate(&shop, &schemas.into_iter().zip(&messages).collect::<Vec<_>>());
}

#[test]
fn failures_only_and_commands_that_do_not_post() {
    let shop = shop("notify_failures");
    let server = taking();
    let flags = ["--notify-on", "failure", "--notify", &server.url()];
    shop.export(&["-i", "good"]).args(flags).output().ok();
    let args = ["plan", "--source", &shop.url, "--output-dir", "lake", "--notify", &server.url()];
    shop.run(args).output().ok();
    let args = ["check", "--source", &shop.url, "--notify", &server.url()];
    let checked = shop.run(args).output().ok();
    assert!(
        checked.stdout.contains("host of --notify") && checked.stdout.contains(&server.url()),
        "{checked}"
    );
    assert_eq!(server.seen().len(), 0, "{:?}", server.seen());
    let args = ["check", "--source", &shop.url, "--notify", "http://nothing.invalid/x"];
    shop.run(args).without_env("HTTP_PROXY").without_env("http_proxy").output().exits(UNAVAILABLE);
    shop.export(&[]).args(flags).output().exits(SOME_FAILED);
    assert_eq!(document(&only(&server))["totals"]["failed"], 1);
}

#[test]
fn what_fails_in_passing_is_sent_again() {
    let shop = shop("notify_again");
    let busy = after(2, || answer("503 Service Unavailable", "text/plain", "later"));
    shop.export(&["-i", "good", "--notify", &busy.url()]).output().ok().never_says(&["delivered"]);
    let seen = busy.seen();
    assert_eq!(seen.len(), 3);
    let keys: Vec<_> = seen.iter().map(|message| message.header("idempotency-key").unwrap()).collect();
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");

    // One that does not answer the first time: ten seconds.
    let slow = after(1, || {
        sleep(Duration::from_secs(60));
        answer("200 OK", "text/plain", "")
    });
    let begun = Instant::now();
    shop.export(&["-i", "good", "--notify", &slow.url()]).output().ok().never_says(&["delivered"]);
    assert_eq!(slow.seen().len(), 2);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// The run's code stays, and a warning says why, without what is secret in the URL.
#[test]
fn what_is_not_delivered_is_a_warning() {
    let shop = shop("notify_warning");
    let refusing = StandIn::new(|_| answer("403 Forbidden", "text/plain", "no"));
    let with_secrets = |url: &str| format!("{}/T0KEN/hook?key=KEY1", url.replace("://", "://user:PA55@"));
    let output =
        shop.export(&["-i", "good", "--log-dir", "logs", "--notify", &with_secrets(&refusing.url())]);
    let output = output.output().ok().says(&["not delivered", &refusing.url(), "403"]);
    output.never_says(&["PA55", "T0KEN", "KEY1"]);
    let request = only(&refusing);
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpQQTU1"));
    assert_eq!(request.target(), "/T0KEN/hook?key=KEY1");
    for file in fs::read_dir(shop.path("logs")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(
            text.contains("not delivered") && !text.contains("T0KEN") && !text.contains("PA55"),
            "{text}"
        );
        assert!(text.lines().last().unwrap().contains("status=\"completed\" exit_code=0"), "{text}");
    }
    for file in [shop.path("state/lakexpress/runlog.sqlite"), shop.path("state/lakexpress/runlog.sqlite-wal")]
    {
        let bytes = fs::read(file).unwrap_or_default();
        assert!(!bytes.windows(6).any(|bytes| bytes == b"T0KEN/"), "the run log has it");
    }

    // Redirects: to the same host as a POST, to no other, and not as a GET.
    let other = taking();
    let elsewhere = format!("{}/x", other.url());
    let moved = redirecting("307 Temporary Redirect", elsewhere);
    shop.export(&["-i", "good", "--notify", &moved.url()]).output().ok().says(&["not delivered", "redirect"]);
    assert_eq!(other.seen().len(), 0);
    let found = redirecting("302 Found", "/there".to_owned());
    shop.export(&["-i", "good", "--notify", &found.url()]).output().ok().says(&["not delivered", "302"]);
    assert_eq!(found.seen().len(), 1);
    let kept = redirecting("308 Permanent Redirect", "/there".to_owned());
    shop.export(&["-i", "good", "--notify", &kept.url()]).output().ok().never_says(&["delivered"]);
    let seen = kept.seen();
    assert_eq!((seen.len(), seen[1].method(), seen[1].target()), (2, "POST", "/there"));
    assert_eq!(seen[0].body, seen[1].body);
}

fn redirecting(status: &'static str, to: String) -> StandIn {
    StandIn::new(move |request| {
        if request.target() == "/there" {
            return answer("200 OK", "text/plain", "");
        }
        let mut redirect = answer(status, "text/plain", "");
        let head = String::from_utf8(redirect.head).unwrap();
        redirect.head = head.replacen("\r\n\r\n", &format!("\r\nLocation: {to}\r\n\r\n"), 1).into_bytes();
        redirect
    })
}

#[test]
fn an_entry_of_the_auth_file() {
    let shop = shop("notify_entry");
    let server = taking();
    let auth = |info: Value| {
        let file = json!({ "alerts": { "ds_type": "webhook", "info": info } });
        fs::write(shop.path("auth.json"), file.to_string()).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(shop.path("auth.json"), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let export = |to: &str| {
        let run = shop.export(&["-i", "good", "-a", "auth.json", "--notify", to]);
        run.env("ALERT_TOKEN", "T0KEN").env("BROKEN_TOKEN", "T0\nKEN").output()
    };
    auth(
        json!({ "url": server.url(), "headers": { "Authorization": "Bearer ${ALERT_TOKEN}", "X-Job": "shop" } }),
    );
    export("alerts").ok();
    let message = only(&server);
    assert_eq!(message.header("authorization"), Some("Bearer T0KEN"));
    assert_eq!(message.header("x-job"), Some("shop"));
    assert!(!String::from_utf8_lossy(&message.body).contains("T0KEN"));

    let wrong = |output: Output, code: i32, words: &[&str]| {
        output.exits(code).says(words).never_says(&["T0KEN"]);
    };
    wrong(export("alert"), CONFIG, &["no entry 'alert'", "alerts"]);
    for url in ["http:/T0KEN", "ftp://h/T0KEN", "hooks.example.com/T0KEN"] {
        wrong(export(url), USAGE, &["--notify", "URL"]);
    }
    wrong(export("https://h/T0KEN x"), USAGE, &["--notify", "blank"]);
    auth(json!({ "uri": "https://h", "headers": { "A b": "x", "C": 1, "D": "${BROKEN_TOKEN}" } }));
    let words =
        ["info.uri", "did you mean url", "info.url: missing", "headers.A b", "headers.C", "headers.D"];
    wrong(export("alerts"), CONFIG, &words);
    let output = shop.export(&["--notify", "alerts"]).output().exits(USAGE);
    output.says(&["--notify", "-a/--auth"]);
    assert_eq!(server.seen().len(), 1);
}

/// A stopped run is posted in what is left of its time.
#[test]
fn a_run_that_was_stopped_is_posted() {
    let shop = shop("notify_stopped");
    let server = taking();
    let running = shop.slow(&["--notify", &server.url()]);
    terminate(&running);
    running.finish().exits(TERMINATED).never_says(&["delivered"]);
    let message = only(&server);
    let posted = document(&message);
    assert_eq!(
        (&posted["error"]["kind"], &posted["error"]["exit_code"]),
        (&"interrupted".into(), &143.into())
    );
    assert!(posted["error"]["resume"].as_str().unwrap().starts_with("lakexpress resume "), "{posted}");
    validate(&shop, &[("error", &message)]);
}

/// A server that hangs does not keep a process that is asked to stop, before the end of the run and after it.
#[test]
fn a_hanging_server_and_a_signal() {
    let shop = shop("notify_hangs");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let hanging = StandIn::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_secs(120));
        answer("200 OK", "text/plain", "")
    });
    let running = shop.slow(&["--notify", &hanging.url(), "--metrics-file", "m.prom"]);
    let begun = Instant::now();
    terminate(&running);
    let output = running.finish().exits(TERMINATED).says(&["not delivered"]);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}\n{output}", begun.elapsed());

    asked.store(0, Ordering::SeqCst);
    let running = shop.export(&["-i", "good", "--json", "--notify", &hanging.url()]).spawn();
    wait_until("it is posted", || asked.load(Ordering::SeqCst) > 0);
    let begun = Instant::now();
    terminate(&running);
    let output = running.finish().ok().says(&["not delivered"]).never_says(&["terminated by SIGTERM"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}\n{output}", begun.elapsed());
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["exit_code"], 0, "one document, that of the run");
    assert!(
        fs::read_to_string(shop.path("m.prom")).unwrap().contains("lakexpress_exit_code{name=\"m\"} 143")
    );
}

#[test]
#[ignore = "make verify-nights: 30 seconds of waiting"]
fn a_server_that_is_down_is_given_up_after_half_a_minute() {
    let shop = shop("notify_down");
    let begun = Instant::now();
    let url = format!("http://127.0.0.1:{}/T0KEN", free_port());
    let output = shop.export(&["-i", "good", "--notify", &url]).output().ok();
    output.says(&["not delivered", "attempts", "refused"]).never_says(&["T0KEN"]);
    let took = begun.elapsed();
    assert!((20..35).contains(&took.as_secs()), "{took:?}");
}
