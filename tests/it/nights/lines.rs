//! Slow and broken lines, proxies that are down, links to volumes that are not mounted, and few open files.

mod relay;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::relay::Relay;
use crate::lake::{Output, Run, export};
use crate::server::running_as_root;
use crate::storage::seaweed::{Seaweed, WRITER};
use crate::storage::{Place, Store, ids, unique};

const UNAVAILABLE: i32 = 75;

/// Set in the process that is the only one in its network namespace.
const INSIDE: &str = "LAKEXPRESS_TEST_NAMESPACE";

/// Whether this process is in a network namespace of its own. Otherwise runs the test `name` in one, to its end.
fn inside(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    if !running_as_root() {
        command.arg("-r");
    }
    // As over Ethernet: a packet of 64 KiB would be larger than the line's buffer.
    let script = r#"ip link set lo up mtu 1500 && exec "$0" "$@""#;
    command.args(["-n", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("nights::lines::{name}"), "--include-ignored", "--nocapture"]);
    let output = command.env(INSIDE, "1").output().expect("unshare is there");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

/// Lets no more than so many kbit/s through to a port; what comes back is as fast as ever.
fn narrow(port: u16, kbit: u32) {
    let (rate, port) = (format!("{kbit}kbit"), port.to_string());
    let tc = |args: &str| {
        let done = Command::new("tc").args(args.split(' ')).output().expect("tc is there");
        assert!(done.status.success(), "tc {args}: {}", String::from_utf8_lossy(&done.stderr));
    };
    tc("qdisc add dev lo root handle 1: htb default 1");
    tc("class add dev lo parent 1: classid 1:1 htb rate 10gbit quantum 60000");
    tc("class add dev lo parent 1: classid 1:2 htb rate 10gbit quantum 60000");
    tc(&format!("qdisc add dev lo parent 1:2 handle 2: tbf rate {rate} burst 16k latency 400ms"));
    tc(&format!(
        "filter add dev lo parent 1: protocol ip prio 1 u32 match ip dport {port} 0xffff flowid 1:2"
    ));
}

/// An export of so many rows of 1,000 bytes by 4 readers over a line of so many kbit/s.
fn over_a_slow_line(kbit: u32, rows: u64) {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("slow"));
    place.fill(rows, 1_000);
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    narrow(seaweed.port, kbit);
    let begun = Instant::now();
    let flags = ["-p", "4", "--part-bytes", "10MiB", "--large-table-threshold", "1000"];
    let output = place.export("lake", &flags).output().ok();
    let least = Duration::from_secs(rows * 1_000 * 8 / 1_000 / u64::from(kbit) * 9 / 10);
    assert!(begun.elapsed() > least, "the line was not slow: {:?}\n{output}", begun.elapsed());
    println!("{rows} rows at {kbit} kbit/s: {:?}", begun.elapsed());
    assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(rows)));
    seaweed.assert_tidy(&format!("{base}/main/t/"));
}

#[test]
fn a_slow_line_is_waited_for() {
    if inside("a_slow_line_is_waited_for") {
        over_a_slow_line(4_000, 4_000);
    }
}

/// 8 parts share the line, so that each takes longer than five minutes.
#[test]
#[ignore = "make verify-nights: 40 MB at 1 Mbit/s, 6 minutes"]
fn a_megabit_is_enough_for_four_readers() {
    if inside("a_megabit_is_enough_for_four_readers") {
        over_a_slow_line(1_000, 40_000);
    }
}

#[test]
#[ignore = "make verify-nights: waits for a time-out of a minute"]
fn after_a_part_that_stood_still_fewer_are_sent() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("still"));
    place.fill(60_000, 1_000);
    // The part that is held up ends when nothing has been taken for a minute; the others are on their way until then.
    let relay = Relay::new(seaweed.port, "partNumber=2&", 150 << 10);
    place.entry("lake", seaweed.entry(relay.port, WRITER, &base));
    let flags = ["-p", "2", "--part-bytes", "40MiB", "--large-table-threshold", "1000"];
    let output = place.export("lake", &flags).output().ok();
    assert_eq!(relay.held(), 1, "{output}");
    let output = output.says(&["too slow for so many uploads at once", "-p 1 --n-jobs 1"]);
    assert_eq!(output.stderr.matches("fewer are sent from now on").count(), 1, "{output}");
    assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(60_000)));
}

/// A port at which nobody listens.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A run without any of the proxies of this machine.
fn without_proxies(mut run: Run) -> Run {
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        run = run.without_env(name).without_env(&name.to_lowercase());
    }
    run
}

fn s3(endpoint: &str) -> Value {
    json!({"storage_type": "s3", "info": {
        "bucket": "lake", "base_path": "b", "endpoint_url": endpoint, "region": "gra",
        "aws_access_key_id": "KEY", "aws_secret_access_key": "secret",
    }})
}

/// An export to `entry`, with a proxy that is down in `variable`.
fn by_dead_proxy(entry: Value, variable: &str, more: &[(&str, &str)]) -> (Output, String) {
    let place = Place::new();
    place.fill(5, 20);
    place.entry("lake", entry);
    let proxy = format!("127.0.0.1:{}", closed_port());
    let mut run =
        without_proxies(place.export("lake", &[])).env(variable, format!("http://me:pr0xy-pw@{proxy}"));
    for (name, value) in more {
        run = run.env(name, value);
    }
    (run.output().never_says(&["pr0xy-pw"]), proxy)
}

#[test]
fn a_dead_proxy_is_named_with_its_variable() {
    let (plain, tls) = ("http://store.invalid:9000", "https://store.invalid");
    let azure = json!({"ds_type": "azure", "auth_mode": "account_key", "info": {
        "account": "acct", "container": "lake", "base_path": "b", "account_key": "c2VjcmV0",
    }});
    let azure_token = json!({"ds_type": "azure", "auth_mode": "service_principal", "info": {
        "account": "acct", "container": "lake", "base_path": "b", "azure_client_id": "client",
        "azure_tenant_id": "tenant", "azure_client_secret": "hidden",
    }});
    let cases = [
        (s3(plain), "HTTP_PROXY"),
        (s3(plain), "http_proxy"),
        (s3(plain), "ALL_PROXY"),
        (s3(tls), "HTTPS_PROXY"),
        (s3(tls), "https_proxy"),
        (s3(tls), "all_proxy"),
        (azure, "HTTPS_PROXY"),
        (azure_token, "HTTPS_PROXY"),
    ];
    std::thread::scope(|scope| {
        for (entry, variable) in cases {
            scope.spawn(move || {
                let text = entry.to_string();
                let (output, proxy) = by_dead_proxy(entry, variable, &[]);
                println!("{text}\n{output}");
                let named = format!("{proxy} of {variable}");
                output.exits(UNAVAILABLE).says(&["the proxy refuses connections", &named, "NO_PROXY="]);
            });
        }
    });
}

#[test]
fn what_goes_past_the_proxy_is_not_blamed_on_it() {
    let endpoint = format!("http://127.0.0.1:{}", closed_port());
    let (output, _) = by_dead_proxy(s3(&endpoint), "HTTP_PROXY", &[("NO_PROXY", "127.0.0.1")]);
    output.exits(UNAVAILABLE).says(&["the endpoint refuses connections"]).never_says(&["HTTP_PROXY"]);
}

/// The service that hands out S3 credentials for a token of the machine's.
#[test]
fn a_dead_proxy_before_the_sign_in_service_of_s3() {
    let place = Place::new();
    std::fs::write(place.path("token"), "jwt").unwrap();
    let token = place.path("token").display().to_string();
    let entry =
        json!({"storage_type": "s3", "info": {"bucket": "lake", "base_path": "b", "region": "eu-west-1"}});
    let env = [
        ("AWS_ENDPOINT_URL_STS", "https://sts.invalid"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
    ];
    let (output, proxy) = by_dead_proxy(entry, "HTTPS_PROXY", &env);
    output.exits(UNAVAILABLE).says(&["sign-in service", &format!("{proxy} of HTTPS_PROXY")]);
}

#[test]
fn a_link_to_a_volume_that_is_not_mounted() {
    let place = Place::new();
    place.fill(5, 20);
    let url = format!("sqlite://{}", place.path("data.db").display());
    std::os::unix::fs::symlink(place.path("volume/lake"), place.path("out")).unwrap();
    for dir in ["out", "out/sub"] {
        let begun = Instant::now();
        let output = export(&url, &place.path(dir), &[]).exits(UNAVAILABLE);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let output = output.says(&["link to what is not there", "volume/lake", "mount", "--output-dir"]);
        output.never_says(&["resume"]);
    }
    // Links to what is there are the user's own.
    std::fs::create_dir_all(place.path("volume/lake")).unwrap();
    export(&url, &place.path("out/sub"), &[]).ok();
    assert!(place.path("volume/lake/sub/main/t/_manifest.json").exists());
}

#[test]
fn too_few_open_files_have_a_remedy() {
    let place = Place::new();
    place.run("CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1)");
    place.fill(5, 20);
    let url = format!("sqlite://{}", place.path("data.db").display());
    let mut refused = 0;
    for limit in 4..28 {
        let dir = place.path(&format!("out{limit}")).display().to_string();
        let nofile = format!("--nofile={limit}");
        let args = ["export", "--source", &url, "--output-dir", &dir];
        let output = Run::wrapped(&["prlimit", &nofile], args).output().no_panic();
        if output.code == Some(0) {
            continue;
        }
        refused += 1;
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("ulimit -n"), "{limit}: no remedy\n{output}");
    }
    assert!(refused > 3, "only {refused} refused");
}
