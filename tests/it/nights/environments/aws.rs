//! Endpoints, switches and keys of the AWS files and variables, in the order of the AWS tools.

use std::fs;

use serde_json::json;

use super::Home;
use super::recorder::Recorder;
use crate::lake::{Output, Run};

const KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-west-1")];

/// An export to a bucket, by a URL or by an entry with a profile.
fn export(home: &Home, profile: Option<&str>, variables: &[(&str, &str)]) -> Run {
    let mut args = vec!["export", "--source", "sqlite:shop.db", "-q"];
    match profile {
        None => args.extend(["--output-dir", "s3://bucket/x"]),
        Some(name) => {
            let entry =
                json!({"lake": {"storage_type": "s3", "info": {"bucket": "bucket", "profile": name}}});
            fs::write(home.path("auth.json"), entry.to_string()).unwrap();
            args.extend(["-a", "auth.json", "--target-storage-id", "lake"]);
        }
    }
    home.run(&args, variables)
}

/// `@services` and `@profile` are the places of two stores.
const FILE: &str = "[profile minio]
region = eu-west-1
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
services = m
endpoint_url = @profile

[services m]
dynamodb =
  endpoint_url = http://127.0.0.1:1
s3 =
  endpoint_url = @services

[profile ignoring]
region = eu-west-1
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
ignore_configured_endpoint_urls = true
endpoint_url = @profile
";

#[test]
fn endpoints_are_taken_in_the_order_of_the_aws_tools() {
    let home = Home::new();
    let store = Recorder::new();
    // One server under two names, which its answers tell apart.
    let at = |host: &str| format!("http://{host}:{}", store.port);
    home.aws("config", &FILE.replace("@services", &at("localhost")).replace("@profile", &at("127.0.0.1")));
    let aws = "bucket.s3.eu-west-1.amazonaws.com".to_owned();
    let proxy = [("HTTPS_PROXY", store.url())];
    let (in_path, localhost, loopback) =
        ("/bucket", format!("localhost:{}", store.port), format!("127.0.0.1:{}", store.port));
    /// What it is, the entry's profile, variables, and whom the run asks.
    type Case<'c> = (&'c str, Option<&'c str>, &'c [(&'c str, String)], String);
    let cases: [Case<'_>; 9] = [
        ("services before the profile's own", Some("minio"), &[], format!("{localhost}{in_path}")),
        ("AWS_PROFILE alike", None, &[("AWS_PROFILE", "minio".into())], format!("{localhost}{in_path}")),
        (
            "a variable before both",
            Some("minio"),
            &[("AWS_ENDPOINT_URL", at("127.0.0.1"))],
            format!("{loopback}{in_path}"),
        ),
        (
            "the service's variable before the one of all",
            Some("minio"),
            &[("AWS_ENDPOINT_URL_S3", at("127.0.0.1")), ("AWS_ENDPOINT_URL", at("localhost"))],
            format!("{loopback}{in_path}"),
        ),
        (
            "empty ones are none",
            Some("minio"),
            &[("AWS_ENDPOINT_URL_S3", String::new()), ("AWS_ENDPOINT_URL", " ".into())],
            format!("{localhost}{in_path}"),
        ),
        (
            "ignored by a variable",
            Some("minio"),
            &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true".into()), ("AWS_ENDPOINT_URL", at("127.0.0.1"))],
            aws.clone(),
        ),
        (
            "ignored by the profile",
            Some("ignoring"),
            &[("AWS_ENDPOINT_URL_S3", at("127.0.0.1"))],
            aws.clone(),
        ),
        (
            "the variable says no",
            Some("ignoring"),
            &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".into())],
            format!("{loopback}{in_path}"),
        ),
        (
            "no endpoint at all",
            None,
            &[
                ("AWS_ACCESS_KEY_ID", "A".into()),
                ("AWS_SECRET_ACCESS_KEY", "s".into()),
                ("AWS_REGION", "eu-west-1".into()),
            ],
            aws,
        ),
    ];
    for (what, profile, variables, expected) in cases {
        let all: Vec<(&str, &str)> =
            variables.iter().chain(&proxy).map(|(name, value)| (*name, value.as_str())).collect();
        let asked = store.first(export(&home, profile, &all));
        assert_eq!(asked.unwrap_or_else(|output| panic!("{what}\n{output}")), expected, "{what}");
    }
}

#[test]
fn switches_of_profiles_are_heeded_or_refused_by_name() {
    let home = Home::new();
    let proxy = Recorder::new();
    let asked = |settings: &str, bucket: &str, variables: &[(&str, &str)]| -> Result<String, Output> {
        let file = format!(
            "[default]\nregion = eu-west-1\naws_access_key_id = A\naws_secret_access_key = s\n{settings}"
        );
        home.aws("config", &file);
        let url = format!("s3://{bucket}/x");
        let args = ["export", "--source", "sqlite:shop.db", "-q", "--output-dir", &url];
        let address = proxy.url();
        let proxied = [variables, &[("HTTPS_PROXY", address.as_str())]].concat();
        proxy.first(home.run(&args, &proxied))
    };
    for (settings, host) in [
        ("use_fips_endpoint = true", "bucket.s3-fips.eu-west-1.amazonaws.com"),
        ("use_dualstack_endpoint = TRUE", "bucket.s3.dualstack.eu-west-1.amazonaws.com"),
        ("s3 =\n  use_dualstack_endpoint = true", "bucket.s3.dualstack.eu-west-1.amazonaws.com"),
        (
            "use_fips_endpoint = true\nuse_dualstack_endpoint = true",
            "bucket.s3-fips.dualstack.eu-west-1.amazonaws.com",
        ),
        ("s3 =\n  use_accelerate_endpoint = true", "bucket.s3-accelerate.amazonaws.com"),
        (
            "s3 =\n  use_accelerate_endpoint = true\n  addressing_style = path",
            "bucket.s3-accelerate.amazonaws.com",
        ),
        ("s3 =\n  addressing_style = path", "s3.eu-west-1.amazonaws.com"),
        (
            "s3 =\n  addressing_style = auto\n  max_concurrent_requests = 20",
            "bucket.s3.eu-west-1.amazonaws.com",
        ),
    ] {
        assert_eq!(
            asked(settings, "bucket", &[]).unwrap_or_else(|output| panic!("{output}")),
            host,
            "{settings}"
        );
    }
    let variables = [("AWS_USE_FIPS_ENDPOINT", "false"), ("AWS_USE_DUALSTACK_ENDPOINT", "")];
    let host = asked("use_fips_endpoint = true", "bucket", &variables).unwrap();
    assert_eq!(host, "bucket.s3.eu-west-1.amazonaws.com", "a variable stands above the profile");
    let accelerate = "s3 =\n  use_accelerate_endpoint = true";
    for (settings, bucket, variables, words) in [
        (accelerate, "my.bucket", &[][..], &["use_accelerate_endpoint", "dot"][..]),
        (
            accelerate,
            "bucket",
            &[("AWS_USE_FIPS_ENDPOINT", "true")],
            &["use_accelerate_endpoint", "use_fips_endpoint"],
        ),
        (
            accelerate,
            "bucket",
            &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")],
            &["use_accelerate_endpoint", "endpoint_url"],
        ),
        (accelerate, "bucket", &[("AWS_REGION", "cn-north-1")], &["use_accelerate_endpoint", "aws-cn"]),
        (
            "use_fips_endpoint = yes",
            "bucket",
            &[],
            &["use_fips_endpoint of the AWS profile 'default'", "true or false"],
        ),
        (
            "s3 =\n  addressing_style = host",
            "bucket",
            &[],
            &["s3 = addressing_style", "path, virtual or auto"],
        ),
        (
            "",
            "bucket",
            &[("AWS_USE_DUALSTACK_ENDPOINT", "1")],
            &["AWS_USE_DUALSTACK_ENDPOINT: write true or false"],
        ),
        ("", "bucket", &[("AWS_PROFILE", "")], &["AWS_PROFILE is empty"]),
    ] {
        asked(settings, bucket, variables).expect_err(settings).exits(78).says(words);
    }
}

#[test]
fn an_entry_with_an_endpoint_keeps_it_and_one_with_keys_heeds_the_switches() {
    let (home, store) = (Home::new(), Recorder::new());
    let asked = |info: serde_json::Value| {
        let entry = json!({"lake": {"storage_type": "s3", "info": info}});
        fs::write(home.path("auth.json"), entry.to_string()).unwrap();
        let args =
            ["export", "--source", "sqlite:shop.db", "-q", "-a", "auth.json", "--target-storage-id", "lake"];
        store.first(home.run(&args, &[("AWS_USE_FIPS_ENDPOINT", "true"), ("HTTPS_PROXY", &store.url())]))
    };
    let keys = json!({"bucket": "bucket", "region": "us-gov-west-1", "access_key_id": "A", "secret_access_key": "s"});
    assert_eq!(asked(keys.clone()).unwrap(), "bucket.s3-fips.us-gov-west-1.amazonaws.com");
    let mut own = keys;
    own["endpoint_url"] = store.url().into();
    assert_eq!(asked(own).unwrap(), format!("127.0.0.1:{}/bucket", store.port));
}

#[test]
fn invisible_characters_in_keys_are_refused_and_blanks_around_them_are_not_there() {
    let (home, store) = (Home::new(), Recorder::new());
    let url = store.url();
    for (name, _) in KEYS {
        for c in ['\u{200b}', '\u{a0}', '\u{feff}', '\u{85}', '\n', '\r'] {
            let broken = format!("AKIA{c}EXAMPLE");
            let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &url), (name, &broken)]].concat();
            export(&home, None, &variables)
                .output()
                .exits(78)
                .says(&[name])
                .says_one_of(&["line break", "invisible"])
                .never_says(&["EXAMPLE"]);
        }
        let around = format!(" \r\n{}\t\n", if name == "AWS_REGION" { "eu-west-1" } else { "AKIAEXAMPLE" });
        let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &url), (name, &around)]].concat();
        store.first(export(&home, None, &variables)).unwrap_or_else(|output| panic!("{name}\n{output}"));
    }
    // In a profile and in an entry.
    for c in ['\u{200b}', '\u{a0}', '\u{feff}'] {
        let profile = format!(
            "[profile p]\nregion = eu-west-1\nendpoint_url = {url}\naws_access_key_id = A\naws_secret_access_key = sec{c}ret\n"
        );
        home.aws("config", &profile);
        export(&home, Some("p"), &[])
            .output()
            .exits(78)
            .says(&["secret access key of the AWS profile 'p'", "invisible"]);
        let entry = json!({"lake": {"storage_type": "s3", "info": {"bucket": "bucket", "region": "eu-west-1",
            "access_key_id": "A", "secret_access_key": format!("sec{c}ret")}}});
        fs::write(home.path("auth.json"), entry.to_string()).unwrap();
        let args = ["export", "--source", "sqlite:shop.db", "-a", "auth.json", "--target-storage-id", "lake"];
        home.run(&args, &[])
            .output()
            .exits(78)
            .says(&["lake.info.secret_access_key", "invisible character (U+"]);
    }
}
