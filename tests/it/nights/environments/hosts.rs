//! Which host is asked in each partition of AWS, through a proxy that writes it down.

use super::Home;
use super::recorder::Recorder;
use crate::lake::script;

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
const EXPORT: [&str; 6] = ["export", "--source", "sqlite:shop.db", "--output-dir", "s3://bucket/x", "-q"];

/// Region, and its hosts of S3 as botocore 1.44.8 has them: plain, FIPS, dual-stack; empty where it has none.
const REGIONS: [(&str, [&str; 3]); 11] = [
    (
        "us-east-1",
        [
            "s3.us-east-1.amazonaws.com",
            "s3-fips.us-east-1.amazonaws.com",
            "s3.dualstack.us-east-1.amazonaws.com",
        ],
    ),
    (
        "eu-west-1",
        [
            "s3.eu-west-1.amazonaws.com",
            "s3-fips.eu-west-1.amazonaws.com",
            "s3.dualstack.eu-west-1.amazonaws.com",
        ],
    ),
    ("cn-north-1", ["s3.cn-north-1.amazonaws.com.cn", "", "s3.dualstack.cn-north-1.amazonaws.com.cn"]),
    (
        "cn-northwest-1",
        ["s3.cn-northwest-1.amazonaws.com.cn", "", "s3.dualstack.cn-northwest-1.amazonaws.com.cn"],
    ),
    (
        "us-gov-west-1",
        [
            "s3.us-gov-west-1.amazonaws.com",
            "s3-fips.us-gov-west-1.amazonaws.com",
            "s3.dualstack.us-gov-west-1.amazonaws.com",
        ],
    ),
    (
        "us-iso-east-1",
        [
            "s3.us-iso-east-1.c2s.ic.gov",
            "s3-fips.us-iso-east-1.c2s.ic.gov",
            "s3.dualstack.us-iso-east-1.c2s.ic.gov",
        ],
    ),
    (
        "us-isob-east-1",
        [
            "s3.us-isob-east-1.sc2s.sgov.gov",
            "s3-fips.us-isob-east-1.sc2s.sgov.gov",
            "s3.dualstack.us-isob-east-1.sc2s.sgov.gov",
        ],
    ),
    ("eu-isoe-west-1", ["s3.eu-isoe-west-1.cloud.adc-e.uk", "s3-fips.eu-isoe-west-1.cloud.adc-e.uk", ""]),
    ("us-isof-south-1", ["s3.us-isof-south-1.csp.hci.ic.gov", "s3-fips.us-isof-south-1.csp.hci.ic.gov", ""]),
    (
        "eusc-de-east-1",
        [
            "s3.eusc-de-east-1.amazonaws.eu",
            "s3-fips.eusc-de-east-1.amazonaws.eu",
            "s3.dualstack.eusc-de-east-1.amazonaws.eu",
        ],
    ),
    // One that nobody knows yet.
    (
        "us-east-99",
        [
            "s3.us-east-99.amazonaws.com",
            "s3-fips.us-east-99.amazonaws.com",
            "s3.dualstack.us-east-99.amazonaws.com",
        ],
    ),
];

const SWITCHES: [(&str, &str); 3] = [
    ("", "AWS_SESSION_TOKEN"),
    ("fips", "AWS_USE_FIPS_ENDPOINT"),
    ("dualstack", "AWS_USE_DUALSTACK_ENDPOINT"),
];

#[test]
fn every_partition_is_asked_at_its_own_host() {
    let (home, proxy) = (Home::new(), Recorder::new());
    let url = proxy.url();
    let mut compared = 0;
    for (region, hosts) in REGIONS {
        for (host, (switch, variable)) in hosts.into_iter().zip(SWITCHES) {
            let value = if switch.is_empty() { "token" } else { "true" };
            let more = [("AWS_REGION", region), ("HTTPS_PROXY", &url), (variable, value)];
            let asked = proxy.first(home.run(&EXPORT, &[&KEYS[..], &more].concat()));
            let theirs = script("aws_hosts.py", [region, switch]);
            let theirs = (theirs.code != Some(3)).then(|| theirs.ok().stdout.trim().to_owned());
            compared += usize::from(theirs.is_some());
            if host.is_empty() {
                let refused = asked.expect_err("there is no such host").exits(78);
                refused.says(&[&format!("use_{switch}_endpoint"), "partition aws-"]);
                assert!(theirs.is_none_or(|theirs| theirs.starts_with("refused")), "{region} {switch}");
                continue;
            }
            let asked =
                asked.unwrap_or_else(|output| panic!("{region} {switch}: nobody was asked\n{output}"));
            assert_eq!(asked, format!("bucket.{host}"), "{region} {switch}");
            assert!(theirs.as_ref().is_none_or(|theirs| *theirs == asked), "{region} {switch}: {theirs:?}");
        }
    }
    println!("{} hosts, {compared} of them compared with botocore", REGIONS.len() * 3);
}

/// Roles are assumed at the STS of the same partition, with the same switches.
#[test]
fn sts_and_sso_are_those_of_the_partition() {
    let home = Home::new();
    for (region, switch, host) in [
        ("eu-west-1", "AWS_SESSION_TOKEN", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "AWS_SESSION_TOKEN", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "AWS_SESSION_TOKEN", "sts.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "AWS_SESSION_TOKEN", "sts.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "AWS_SESSION_TOKEN", "sts.us-isob-east-1.sc2s.sgov.gov"),
        ("eu-isoe-west-1", "AWS_SESSION_TOKEN", "sts.eu-isoe-west-1.cloud.adc-e.uk"),
        ("us-isof-south-1", "AWS_SESSION_TOKEN", "sts.us-isof-south-1.csp.hci.ic.gov"),
        ("eusc-de-east-1", "AWS_SESSION_TOKEN", "sts.eusc-de-east-1.amazonaws.eu"),
        ("us-east-2", "AWS_USE_FIPS_ENDPOINT", "sts-fips.us-east-2.amazonaws.com"),
        ("eu-west-1", "AWS_USE_DUALSTACK_ENDPOINT", "sts.eu-west-1.api.aws"),
    ] {
        let proxy = Recorder::new();
        home.aws(
            "config",
            &format!(
                "[profile base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n\
                 [profile role]\nregion = {region}\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
            ),
        );
        let variables = [("AWS_PROFILE", "role"), ("HTTPS_PROXY", &proxy.url()), (switch, "true")];
        let asked = proxy.first(home.run(&EXPORT, &variables));
        assert_eq!(asked.unwrap_or_else(|output| panic!("{region}: {output}")), host, "{region}");
    }
}
