//! Secrets of S3: keys, tokens, profiles, commands, identities, endpoints, proxies.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::super::super::seaweed::BUCKET;
use super::super::inputs::{Attempt, Bench, Input, private, random, s3};

const ID: &str = "LXWRITERKEY";

fn random_secret(_: &Bench) -> String {
    random()
}

pub(in super::super) fn inputs() -> Vec<Input> {
    let mut inputs = of_keys();
    inputs.extend(of_profiles());
    inputs.extend(of_services());
    inputs.extend(of_places());
    inputs
}

/// `s3://` with the environment's credentials.
fn by_environment(bench: &Bench) -> Attempt {
    let url = format!("s3://{BUCKET}/secrets");
    let endpoint = format!("http://127.0.0.1:{}", bench.s3_port);
    Attempt::to_url(&url).with("AWS_ENDPOINT_URL", endpoint).with("AWS_REGION", "us-east-1")
}

fn of_keys() -> Vec<Input> {
    vec![
        Input {
            name: "secret_access_key of an entry",
            secret: random_secret,
            attempt: |bench, place, text| {
                Attempt::to(place, s3(bench, &json!({"access_key_id": ID, "secret_access_key": text})))
            },
        },
        Input {
            name: "session_token of an entry",
            secret: random_secret,
            attempt: |bench, place, text| {
                let keys = json!({"access_key_id": ID, "secret_access_key": "x", "session_token": text});
                Attempt::to(place, s3(bench, &keys))
            },
        },
        Input {
            name: "access_key_id of an entry",
            secret: random_secret,
            attempt: |bench, place, text| {
                Attempt::to(place, s3(bench, &json!({"access_key_id": text, "secret_access_key": "x"})))
            },
        },
        Input {
            name: "AWS_SECRET_ACCESS_KEY",
            secret: random_secret,
            attempt: |bench, _, text| {
                by_environment(bench).with("AWS_ACCESS_KEY_ID", ID).with("AWS_SECRET_ACCESS_KEY", text)
            },
        },
        Input {
            name: "AWS_ACCESS_KEY_ID",
            secret: random_secret,
            attempt: |bench, _, text| {
                by_environment(bench).with("AWS_ACCESS_KEY_ID", text).with("AWS_SECRET_ACCESS_KEY", "x")
            },
        },
        Input {
            name: "AWS_SESSION_TOKEN",
            secret: random_secret,
            attempt: |bench, _, text| {
                let attempt = by_environment(bench).with("AWS_ACCESS_KEY_ID", ID);
                attempt.with("AWS_SECRET_ACCESS_KEY", "x").with("AWS_SESSION_TOKEN", text)
            },
        },
        Input {
            name: "secret in AWS_REGION",
            secret: random_secret,
            attempt: |bench, _, text| {
                let attempt = by_environment(bench).with("AWS_ACCESS_KEY_ID", ID);
                attempt
                    .with("AWS_SECRET_ACCESS_KEY", "x")
                    .with("AWS_REGION", format!("us-east-1\r\n{text}\n"))
            },
        },
    ]
}

fn of_profiles() -> Vec<Input> {
    vec![
        Input {
            name: "secret key of a profile",
            secret: random_secret,
            attempt: |bench, place, text| {
                let file = format!("[lake]\naws_access_key_id = {ID}\naws_secret_access_key = {text}\n");
                private(place, ".aws/credentials", &file);
                Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
            },
        },
        Input {
            name: "key id of a profile, continued on the next line",
            secret: random_secret,
            attempt: |bench, place, text| {
                let text = text.replace('\n', "\n  ");
                let file = format!("[lake]\naws_access_key_id = {text}\naws_secret_access_key = {text}=\n");
                private(place, ".aws/credentials", &file);
                Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
            },
        },
        Input {
            name: "session token of the default profile",
            secret: random_secret,
            attempt: |bench, place, text| {
                let file = format!(
                    "[default]\naws_access_key_id = {ID}\naws_secret_access_key = x\naws_session_token = {text}\n{text} = x\n[{text}]\n"
                );
                private(place, ".aws/credentials", &file);
                by_environment(bench)
            },
        },
        Input {
            name: "answer of a credential_process",
            secret: random_secret,
            attempt: |bench, place, text| {
                let answer = format!(
                    "{{\"Version\": 1, \"AccessKeyId\": \"{ID}\", \"SecretAccessKey\": \"{text}\", \"SessionToken\": \"{text}\"}}"
                );
                process(bench, place, &format!("cat '{}'", private(place, "answer", &answer).display()))
            },
        },
        Input {
            name: "answer of a credential_process that is no JSON",
            secret: random_secret,
            attempt: |bench, place, text| {
                let answer = private(place, "answer", &format!("AWS_SECRET_ACCESS_KEY={text}"));
                process(bench, place, &format!("cat '{}'", answer.display()))
            },
        },
        Input {
            name: "last words of a credential_process",
            secret: random_secret,
            attempt: |bench, place, text| {
                let words = private(place, "words", &format!("login as x with {text} failed"));
                process(bench, place, &format!("cat '{}' >&2; exit 3", words.display()))
            },
        },
        Input {
            name: "arguments of a credential_process",
            secret: random_secret,
            attempt: |bench, place, text| {
                let line =
                    format!("[profile lake]\ncredential_process = /nonexistent/tool --password {text}\n");
                private(place, ".aws/config", &line);
                Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
            },
        },
        Input {
            name: "token of single sign-on",
            secret: random_secret,
            attempt: |bench, place, text| {
                // The name is the SHA-1 of the session's name.
                let token = format!(
                    "{{\"accessToken\": \"{text}\", \"expiresAt\": \"2199-01-01T00:00:00Z\", \"region\": \"eu-west-1\"}}"
                );
                private(place, ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json", &token);
                private(
                    place,
                    ".aws/config",
                    "[profile lake]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\n\
                     sso_region = eu-west-1\nsso_start_url = https://lake.awsapps.com/start\n",
                );
                Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
                    .with("AWS_ENDPOINT_URL_SSO", bench.parrot.url())
            },
        },
    ]
}

/// A profile with a command.
fn process(bench: &Bench, place: &super::super::super::Place, command: &str) -> Attempt {
    let script = private(place, "give", &format!("#!/bin/sh\n{command}\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    private(place, ".aws/config", &format!("[profile lake]\ncredential_process = {}\n", script.display()));
    Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
}

fn of_services() -> Vec<Input> {
    vec![
        Input {
            name: "file of a web identity's token",
            secret: random_secret,
            attempt: |bench, place, text| {
                let token = private(place, "token", text);
                by_environment(bench)
                    .with("AWS_ENDPOINT_URL_STS", bench.parrot.url())
                    .with("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string())
                    .with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
            },
        },
        Input {
            name: "token of a container",
            secret: random_secret,
            attempt: |bench, _, text| {
                by_environment(bench)
                    .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/role", bench.parrot.url()))
                    .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", text)
            },
        },
        Input {
            name: "key of a role that is assumed",
            secret: random_secret,
            attempt: |bench, place, text| {
                let file = format!(
                    "[base]\naws_access_key_id = {ID}\naws_secret_access_key = {text}\naws_session_token = {text}\n"
                );
                private(place, ".aws/credentials", &file);
                private(
                    place,
                    ".aws/config",
                    "[profile lake]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n",
                );
                Attempt::to(place, s3(bench, &json!({"profile": "lake"})))
                    .with("AWS_ENDPOINT_URL_STS", bench.parrot.url())
            },
        },
    ]
}

fn of_places() -> Vec<Input> {
    vec![
        Input {
            name: "password in AWS_ENDPOINT_URL",
            secret: random_secret,
            attempt: |bench, _, text| {
                with_keys(by_environment(bench))
                    .with("AWS_ENDPOINT_URL", format!("http://minio:{text}@127.0.0.1:{}", bench.s3_port))
            },
        },
        Input {
            name: "signature in AWS_ENDPOINT_URL",
            secret: random_secret,
            attempt: |bench, _, text| {
                let url = format!("http://127.0.0.1:{}/?X-Amz-Signature={text}", bench.s3_port);
                with_keys(by_environment(bench)).with("AWS_ENDPOINT_URL_S3", url)
            },
        },
        Input {
            name: "password in endpoint_url of a profile",
            secret: random_secret,
            attempt: |bench, place, text| {
                let file = format!(
                    "[profile lake]\naws_access_key_id = {ID}\naws_secret_access_key = x\nendpoint_url = http://minio:{text}@127.0.0.1:{}\n",
                    bench.s3_port
                );
                private(place, ".aws/config", &file);
                let mut entry = s3(bench, &json!({"profile": "lake"}));
                entry["info"].as_object_mut().unwrap().remove("endpoint_url");
                let mut attempt = Attempt::to(place, entry);
                attempt.commands.extend(Attempt::to_url(&format!("s3://{BUCKET}/secrets")).commands);
                attempt.with("AWS_PROFILE", "lake").with("AWS_REGION", "us-east-1")
            },
        },
        Input {
            name: "password in endpoint_url of an entry",
            secret: random_secret,
            attempt: |bench, place, text| {
                let url = format!("http://minio:{text}@127.0.0.1:{}", bench.s3_port);
                let more = json!({"endpoint_url": url, "access_key_id": ID, "secret_access_key": "x"});
                Attempt::to(place, s3(bench, &more))
            },
        },
        Input {
            name: "keys in --output-dir",
            secret: random_secret,
            attempt: |_, _, text| {
                let mut attempt = with_keys(Attempt::to_url(&format!("s3://{ID}:{text}@{BUCKET}/x")));
                attempt.commands.extend(Attempt::to_url(&format!("s4://{ID}:{text}@{BUCKET}/x")).commands);
                attempt.with("AWS_REGION", "us-east-1")
            },
        },
        Input {
            name: "password of a proxy",
            secret: random_secret,
            attempt: |bench, place, text| {
                let mut attempt = Attempt { commands: Vec::new(), variables: Vec::new() };
                for scheme in ["http", "https"] {
                    place.entry(
                        scheme,
                        s3(
                            bench,
                            &json!({
                                "endpoint_url": format!("{scheme}://store.example:9000"),
                                "access_key_id": ID, "secret_access_key": "x",
                            }),
                        ),
                    );
                    let flags =
                        ["--source", "sqlite:data.db", "-a", "auth.json", "--target-storage-id", scheme];
                    attempt.commands.extend(Attempt::of(flags).commands);
                }
                let proxy = format!("http://u:{text}@127.0.0.1:{}", bench.proxy.port);
                let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];
                let attempt = names.into_iter().fold(attempt, |attempt, name| attempt.with(name, &proxy));
                attempt.with("NO_PROXY", "").with("no_proxy", "")
            },
        },
    ]
}

fn with_keys(attempt: Attempt) -> Attempt {
    attempt.with("AWS_ACCESS_KEY_ID", ID).with("AWS_SECRET_ACCESS_KEY", "x")
}
