//! Where AWS credentials come from, each source as the program meets it: real profile files, and servers of ours in
//! place of STS, SSO, the container's and the instance's. A gate before the store lets in who has what they gave,
//! for as long as it is good.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::machine::library;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{BUCKET, Seaweed};
use super::standin::{Coin, Mint, StandIn, answer, gate, json_answer, nothing, rfc3339};
use super::{DENIED, Place, Store, ids, unique};
use crate::lake::Run;

const ROWS: u64 = 600;
/// Four readers.
const FLAGS: [&str; 8] = ["-i", "t", "-p", "4", "--part-bytes", "32KiB", "--large-table-threshold", "100"];
const HOUR: u64 = 3_600;

/// A store that lets in who has what the mint gave.
struct Guarded {
    place: Place,
    mint: Mint,
    gate: StandIn,
    base: String,
}

impl Guarded {
    fn new() -> Self {
        let (place, mint) = (Place::new(), Mint::default());
        place.fill(ROWS, 200);
        let gate = gate(&mint, Seaweed::shared().open_port);
        Self { place, mint, gate, base: unique("credentials") }
    }

    /// An entry with a profile, or with nothing that says who we are.
    fn entry(&self, profile: Option<&str>, port: u16) {
        let mut info = json!({
            "bucket": BUCKET, "base_path": self.base, "region": "eu-west-1",
            "endpoint_url": format!("http://127.0.0.1:{port}"),
        });
        if let Some(profile) = profile {
            info["profile"] = json!(profile);
        }
        self.place.entry("lake", json!({"storage_type": "s3", "info": info}));
    }

    fn aws_file(&self, name: &str, text: &str) {
        let path = self.place.path(".aws").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An export with `profile`, in an environment of its own.
    fn export(&self, profile: Option<&str>, env: &[(&str, String)]) -> Run {
        self.entry(profile, self.gate.port);
        self.run(env)
    }

    fn run(&self, env: &[(&str, String)]) -> Run {
        let mut run = self.place.export("lake", &FLAGS);
        for (name, value) in env {
            run = run.env(name, value);
        }
        run
    }

    /// Asserts that the table is there, and that credentials were asked for so many times by all readers together.
    #[track_caller]
    fn assert_exported(&self, run: Run, asked: usize) {
        let output = run.output().ok().never_says(&["minted-secret", "-MINTED"]);
        let seaweed = Seaweed::shared();
        assert_eq!(seaweed.ids(&format!("{}/main/t/", self.base)), Some(ids(ROWS)), "{output}");
        assert_eq!(self.mint.given(), asked, "{output}");
        assert!(self.gate.seen().len() > 20, "four readers wrote nothing through the gate");
    }
}

/// What STS says of an assumed role.
fn sts_answer(action: &str, coin: &Coin) -> super::http::Message {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
         <Expiration>{}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>\
         <AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser></{action}Result><ResponseMetadata>\
         <RequestId>1</RequestId></ResponseMetadata></{action}Response>",
        coin.id,
        coin.secret,
        coin.token,
        rfc3339(coin.expires)
    );
    answer("200 OK", "text/xml", &body)
}

/// A stand-in for STS. Roles that another role may assume only are refused to the first key.
fn sts(mint: &Mint, seconds: u64) -> StandIn {
    let mint = mint.clone();
    StandIn::new(move |request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let signed = request.header("authorization").unwrap_or_default();
        let second = body.contains("role%2Fsecond");
        if body.contains("Action=AssumeRoleWithWebIdentity") {
            let known = body.contains("WebIdentityToken=web-identity-jwt");
            return if known {
                sts_answer("AssumeRoleWithWebIdentity", &mint.coin(seconds))
            } else {
                nothing()
            };
        }
        let by_key = signed.contains("Credential=AKIALONGLIVED");
        let by_role =
            signed.contains("Credential=ASIAMINTED") && request.header("x-amz-security-token").is_some();
        if body.contains("Action=AssumeRole") && (!second && by_key || second && by_role) {
            return sts_answer("AssumeRole", &mint.coin(seconds));
        }
        answer(
            "403 Forbidden",
            "text/xml",
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not yours</Message></Error></ErrorResponse>",
        )
    })
}

/// What containers and instances answer, and credential processes but for the name of the token.
fn document(coin: &Coin) -> Value {
    json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": rfc3339(super::standin::now()),
        "AccessKeyId": coin.id, "SecretAccessKey": coin.secret, "Token": coin.token,
        "Expiration": rfc3339(coin.expires),
    })
}

const ROLES: &str = "
[profile base]
aws_access_key_id = AKIALONGLIVED
aws_secret_access_key = long-lived-secret
[profile one]
role_arn = arn:aws:iam::123456789012:role/first
source_profile = base
[profile two]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = one
[profile stranger]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = base
";

#[test]
fn roles_that_are_assumed_one_after_the_other() {
    for (profile, asked) in [("one", 1), ("two", 2)] {
        let store = Guarded::new();
        let sts = sts(&store.mint, HOUR);
        store.aws_file("config", ROLES);
        let run = store.export(Some(profile), &[("AWS_ENDPOINT_URL_STS", sts.url())]);
        store.assert_exported(run, asked);
        assert_eq!(sts.count("POST", "/"), asked);
    }
}

#[test]
fn a_role_that_may_not_be_assumed() {
    let store = Guarded::new();
    let sts = sts(&store.mint, HOUR);
    store.aws_file("config", ROLES);
    let run = store.export(Some("stranger"), &[("AWS_ENDPOINT_URL_STS", sts.url())]);
    let output = run.output().exits(DENIED).says(&["stranger", "hint"]);
    output.never_says(&["long-lived-secret"]);
}

/// Four readers, and a run that outlives its credentials twice: they are renewed before they expire, once for all.
#[test]
fn credentials_that_live_a_minute_are_renewed_once_for_all() {
    const HELD_UP: Duration = Duration::from_secs(65);
    let store = Guarded::new();
    let sts = sts(&store.mint, 60);
    store.aws_file("config", ROLES);
    let proxy = Proxy::new(store.gate.port, When::Class(Class::Part, 2), Fault::Delay(HELD_UP));
    store.entry(Some("one"), proxy.port);
    let run = store.run(&[("AWS_ENDPOINT_URL_STS", sts.url())]);
    let begun = Instant::now();
    run.output().ok();
    assert!(begun.elapsed() > Duration::from_secs(60), "the run did not outlive its first credentials");
    assert_eq!(Seaweed::shared().ids(&format!("{}/main/t/", store.base)), Some(ids(ROWS)));
    // At the beginning, and after half a minute. A part that gets no answer in a minute is sent once more then,
    // with credentials that are still good.
    let given = store.mint.given();
    assert!((2..=4).contains(&given), "credentials were asked for {given} times");
    let expired = store.gate.seen().len();
    println!("{given} times credentials for {expired} requests of 4 readers");
}

#[test]
fn a_credential_process() {
    let store = Guarded::new();
    let coin = store.mint.coin(HOUR);
    let mut document = document(&coin);
    document["SessionToken"] = document["Token"].take();
    document["Version"] = json!(1);
    let (script, calls) = (store.place.path("give"), store.place.path("calls"));
    let text = format!("#!/bin/sh\necho called >>'{}'\ncat <<'END'\n{document}\nEND\n", calls.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    store.aws_file("config", &format!("[profile tool]\ncredential_process = {}\n", script.display()));
    store.assert_exported(store.export(Some("tool"), &[]), 1);
    assert_eq!(fs::read_to_string(calls).unwrap(), "called\n");
}

#[test]
fn single_sign_on_with_a_token_that_was_kept() {
    const START: &str = "https://lake.awsapps.com/start";
    let store = Guarded::new();
    let mint = store.mint.clone();
    let portal = StandIn::new(move |request| {
        let known = request.header("x-amz-sso_bearer_token") == Some("sso-access-token");
        if !known || !request.target().starts_with("/federation/credentials?") {
            return answer(
                "401 Unauthorized",
                "application/json",
                "{\"message\":\"Session token not found\"}",
            );
        }
        let coin = mint.coin(HOUR);
        json_answer(&json!({"roleCredentials": {
            "accessKeyId": coin.id, "secretAccessKey": coin.secret, "sessionToken": coin.token,
            "expiration": coin.expires * 1_000,
        }}))
    });
    let profile = format!(
        "[profile sso]\nsso_start_url = {START}\nsso_region = eu-west-1\nsso_account_id = 123456789012\n\
         sso_role_name = lake\n"
    );
    store.aws_file("config", &profile);
    let env = [("AWS_ENDPOINT_URL_SSO", portal.url())];
    // Nobody has signed in yet: what to do is said.
    let output = store.export(Some("sso"), &env).output().exits(DENIED);
    output.says(&["aws sso login --profile sso"]);
    let sum = Command::new("sh")
        .args(["-c", "printf %s \"$1\" | sha1sum | cut -c1-40", "sh", START])
        .output()
        .unwrap();
    let name = format!("sso/cache/{}.json", String::from_utf8(sum.stdout).unwrap().trim());
    let token = |text: &str| {
        let expires = rfc3339(super::standin::now() + HOUR);
        json!({"accessToken": text, "expiresAt": expires, "region": "eu-west-1", "startUrl": START})
            .to_string()
    };
    // The portal has ended the session.
    store.aws_file(&name, &token("sso-ended-token"));
    let output = store.export(Some("sso"), &env).output().exits(DENIED);
    output.says(&["aws sso login --profile sso"]).never_says(&["sso-ended-token"]);
    let refused = portal.seen().len();
    store.aws_file(&name, &token("sso-access-token"));
    store.assert_exported(store.export(Some("sso"), &env), 1);
    assert_eq!(portal.seen().len() - refused, 1);
}

#[test]
fn a_web_identity() {
    let store = Guarded::new();
    let sts = sts(&store.mint, HOUR);
    let token = store.place.path("token");
    fs::write(&token, "web-identity-jwt").unwrap();
    let env = [
        ("AWS_ENDPOINT_URL_STS", sts.url()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod".to_owned()),
    ];
    store.assert_exported(store.export(None, &env), 1);
}

/// A container's server, at an address of ours or at the one that every container has.
#[test]
fn a_container() {
    for relative in [false, true] {
        let store = Guarded::new();
        let mint = store.mint.clone();
        let server = StandIn::new(move |request| {
            let known = request.header("authorization") == Some("container-token");
            if known && request.target().ends_with("/role/lake") {
                json_answer(&document(&mint.coin(HOUR)))
            } else {
                nothing()
            }
        });
        let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token".to_owned());
        let env = if relative {
            vec![
                token,
                ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/role/lake".to_owned()),
                ("LD_PRELOAD", library().display().to_string()),
                ("MACHINE_PORT", server.port.to_string()),
            ]
        } else {
            vec![token, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/role/lake", server.url()))]
        };
        store.assert_exported(store.export(None, &env), 1);
        let to_all = server.seen()[0].header("host") == Some("169.254.170.2");
        assert_eq!(to_all, relative, "{:?}", server.seen()[0].header("host"));
    }
}

#[test]
fn an_instance() {
    let store = Guarded::new();
    let mint = store.mint.clone();
    let server = StandIn::new(move |request| {
        let known = request.header("x-aws-ec2-metadata-token") == Some("imds-token");
        let target = request.target().trim_end_matches('/');
        match (request.method(), target) {
            ("PUT", "/latest/api/token") => {
                let mut token = answer("200 OK", "text/plain", "imds-token");
                let at = token.head.len() - 2;
                token.head.splice(at..at, *b"x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
                token
            }
            _ if !known => answer("401 Unauthorized", "text/plain", ""),
            (_, path) if path.ends_with("/iam/security-credentials") => {
                answer("200 OK", "text/plain", "lake-role")
            }
            (_, path) if path.ends_with("/iam/security-credentials/lake-role") => {
                json_answer(&document(&mint.coin(HOUR)))
            }
            _ => nothing(),
        }
    });
    let env = [
        ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url()),
    ];
    store.assert_exported(store.export(None, &env), 1);
    assert_eq!(server.count("PUT", "/latest/api/token"), 1);
}

#[test]
fn the_environment() {
    let store = Guarded::new();
    let coin = store.mint.coin(HOUR);
    let env = [
        ("AWS_ACCESS_KEY_ID", coin.id),
        ("AWS_SECRET_ACCESS_KEY", coin.secret),
        ("AWS_SESSION_TOKEN", coin.token),
    ];
    store.assert_exported(store.export(None, &env), 1);
}
