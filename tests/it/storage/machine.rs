//! S9: who a machine is, is asked of the machine and never of a proxy, which would read the key and answer with its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::Place;
use super::gcs::Gcs;
use super::http::Message;
use super::standin::{StandIn, answer, json_answer, nothing, now, rfc3339};

const TOKEN: &str = "TOKEN-OF-THE-MACHINE";

/// The library of `machine.c`, compiled once.
pub(super) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("machine-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/machine.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
        let output = cc.output().unwrap_or_else(|e| panic!("cc: {e}: run `make test-deps`"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}

/// Answers as the machines of all three clouds do.
fn identity(request: &Message) -> Message {
    let expires = now() + 3_600;
    let keys = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": rfc3339(now()), "AccessKeyId": "ASIAOFTHEMACHINE",
        "SecretAccessKey": "not-a-secret", "Token": TOKEN, "Expiration": rfc3339(expires),
    });
    let bearer = json!({
        "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3_600, "expires_on": expires.to_string(),
    });
    let path = request.target().split('?').next().unwrap_or_default().trim_end_matches('/');
    match path {
        "/latest/api/token" => {
            let mut token = answer("200 OK", "text/plain", "imds-token");
            let at = token.head.len() - 2;
            token.head.splice(at..at, *b"x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
            token
        }
        path if path.ends_with("/iam/security-credentials") => answer("200 OK", "text/plain", "lake-role"),
        path if path.ends_with("/lake-role") => json_answer(&keys),
        path if path.ends_with("/token") => json_answer(&bearer),
        _ => nothing(),
    }
}

/// One way to ask a machine.
struct Case {
    what: &'static str,
    entry: fn(&str) -> Value,
    /// Variables, with `{}` for the address of the server that answers.
    env: &'static [(&'static str, &'static str)],
    asked: &'static str,
}

fn s3(store: &str) -> Value {
    json!({"storage_type": "s3", "info": {"bucket": "lake", "endpoint_url": store, "region": "eu-west-1"}})
}

fn azure(store: &str) -> Value {
    json!({"storage_type": "azure", "auth_mode": "managed_identity", "info": {
        "account": "lake", "container": "lake", "endpoint": store,
    }})
}

fn gcs(store: &str) -> Value {
    json!({"storage_type": "gcs", "info": {"bucket": "lake", "endpoint_url": store}})
}

const CASES: [Case; 8] = [
    Case {
        what: "an instance of AWS",
        entry: s3,
        env: &[("AWS_EC2_METADATA_DISABLED", "false")],
        asked: "/latest/meta-data/iam/security-credentials/lake-role",
    },
    Case {
        what: "an instance of AWS at another address",
        entry: s3,
        env: &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://{}")],
        asked: "/latest/meta-data/iam/security-credentials/lake-role",
    },
    Case {
        what: "a container of AWS",
        entry: s3,
        env: &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/lake-role")],
        asked: "/v2/lake-role",
    },
    Case {
        what: "a container of AWS at another address",
        entry: s3,
        env: &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://{}/v2/lake-role")],
        asked: "/v2/lake-role",
    },
    Case { what: "a machine of Azure", entry: azure, env: &[], asked: "/metadata/identity/oauth2/token" },
    Case {
        what: "an app service of Azure",
        entry: azure,
        env: &[("IDENTITY_ENDPOINT", "http://{}/msi/token"), ("IDENTITY_HEADER", "header")],
        asked: "/msi/token",
    },
    Case {
        what: "a machine of Google",
        entry: gcs,
        env: &[],
        asked: "/computeMetadata/v1/instance/service-accounts/default/token",
    },
    Case {
        what: "a machine of Google at another address",
        entry: gcs,
        env: &[("GCE_METADATA_HOST", "{}")],
        asked: "/computeMetadata/v1/instance/service-accounts/default/token",
    },
];

#[test]
fn s9_a_machine_is_asked_who_it_is_past_any_proxy() {
    let place = Place::new();
    place.fill(3, 20);
    for case in CASES {
        let what = case.what;
        let (machine, proxy) = (StandIn::new(identity), StandIn::new(|_| nothing()));
        let store = StandIn::new(|_| answer("403 Forbidden", "text/plain", "not here"));
        // The store itself is reached through the proxy or not, as the user wants: here not. Another name of this machine
        // than that of the identity's server.
        place.entry("lake", (case.entry)(&format!("http://localhost:{}", store.port)));
        let mut run = place.export("lake", &[]).without_env("GOOGLE_APPLICATION_CREDENTIALS");
        run = run.env("LD_PRELOAD", library()).env("MACHINE_PORT", machine.port.to_string());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            run = run.env(name, proxy.url());
        }
        run = run.env("NO_PROXY", "localhost").env("no_proxy", "localhost");
        for (name, value) in case.env {
            run = run.env(name, value.replace("{}", &format!("127.0.0.1:{}", machine.port)));
        }
        let output = run.output().no_panic().never_says(&[TOKEN]);
        let seen: Vec<String> = proxy.seen().iter().map(|m| m.target().to_owned()).collect();
        assert_eq!(seen, Vec::<String>::new(), "{what}: the proxy was asked\n{output}");
        let asked = machine.seen().iter().any(|m| m.target().starts_with(case.asked));
        assert!(asked, "{what}: the machine was not asked\n{output}");
        let proves = |m: &Message| {
            let header = |name| m.header(name).unwrap_or_default().contains(TOKEN);
            header("authorization") || header("x-amz-security-token")
        };
        assert!(store.seen().iter().any(proves), "{what}: the identity was not used\n{output}");
    }
    println!("hostile: {} questions of who a machine is, not through a proxy", CASES.len());
}

#[test]
fn s9_key_files_of_google_that_others_may_read_are_warned_about() {
    let (place, gcs) = (Place::new(), Gcs::shared());
    place.fill(3, 20);
    let key = gcs.key_file(gcs.port, &place.path(""));
    for (mode, warned) in [(0o600, 0), (0o644, 1), (0o666, 1)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        for named in [true, false] {
            let entry = json!({"storage_type": "gcs", "info": {"bucket": "lake", "base_path": "keys"}});
            place.entry("lake", if named { gcs.entry(&key, "lake", "keys") } else { entry });
            let run = place.export("lake", &[]);
            let output = if named { run } else { run.env("GOOGLE_APPLICATION_CREDENTIALS", &key) }.output();
            let said = output.stderr.matches("can be read by other users").count();
            assert_eq!(said, warned, "{mode:o}, {named}\n{output}");
        }
    }
}
