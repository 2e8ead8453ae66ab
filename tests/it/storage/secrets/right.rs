//! What is accepted although it was copied wrongly, and what is refused and how.

use serde_json::{Value, json};

use super::super::azurite::{ACCOUNT, Azurite, CONTAINER, KEY};
use super::super::gcs::Gcs;
use super::super::seaweed::{BUCKET, Seaweed, WRITER};
use super::super::{CONFIG, Place, Store, ids, unique};
use super::inputs::{private, random};
use crate::lake::{Output, Run};

const ROWS: u64 = 40;

fn place() -> Place {
    let place = Place::new();
    place.fill(ROWS, 20);
    place
}

/// A key file as Google hands it out.
fn key_document(gcs: &Gcs, place: &Place) -> Value {
    serde_json::from_str(&std::fs::read_to_string(gcs.key_file(gcs.port, &place.path("."))).unwrap()).unwrap()
}

/// An export to a URL with these variables.
fn to_url(place: &Place, url: &str, variables: &[(&str, &str)]) -> Output {
    let source = format!("sqlite://{}", place.path("data.db").display());
    let mut run = place.at_home(Run::new(["export", "--source", &source, "--output-dir", url]));
    for (name, value) in variables {
        run = run.env(name, value);
    }
    run.output()
}

#[test]
fn b2_a_private_key_whose_line_breaks_did_not_survive_is_used() {
    let (gcs, seaweed, place) = (Gcs::shared(), Seaweed::shared(), place());
    let document = key_document(gcs, &place);
    let key = document["private_key"].as_str().unwrap();
    for (how, mangled) in [
        ("two characters", key.replace('\n', "\\n")),
        ("escaped twice", key.replace('\n', "\\\\n")),
        ("blanks", key.trim().replace('\n', " ")),
        ("Windows", key.replace('\n', "\r\n")),
        ("quotes", format!("\"{}\"", key.replace('\n', "\\n"))),
        ("twice", key.repeat(2)),
        ("blanks around", format!(" \n{key}\n\n ")),
    ] {
        let mut document = document.clone();
        document["private_key"] = json!(mangled);
        let file = private(&place, "mangled.json", &document.to_string());
        let base = unique("b2");
        place.entry("lake", gcs.entry(&file, BUCKET, &base));
        place.export("lake", &[]).output().ok().never_says(&[&gcs.secret()]);
        assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(ROWS)), "{how}");
        for variable in [
            ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", &document.to_string()),
        ] {
            let base = unique("b2-url");
            to_url(&place, &format!("gs://{BUCKET}/{base}"), &[variable]).ok().never_says(&[&gcs.secret()]);
            assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(ROWS)), "{how}, {}", variable.0);
        }
    }
}

#[test]
fn b2_a_private_key_that_was_cut_or_changed_is_refused_with_the_mistake() {
    let (gcs, place) = (Gcs::shared(), place());
    let document = key_document(gcs, &place);
    let key = document["private_key"].as_str().unwrap();
    for (mangled, words) in [
        (key[..key.len() / 2].to_owned(), "cut short"),
        (key.replacen("-----BEGIN PRIVATE KEY-----\n", "", 1), "no line -----BEGIN"),
        (format!("{}*{}", &key[..200], &key[200..]), "more than base64"),
        (format!("{}{}", &key[..200], &key[204..]), "not what it should be"),
    ] {
        let mut document = document.clone();
        document["private_key"] = json!(mangled);
        let file = private(&place, "mangled.json", &document.to_string());
        place.entry("lake", gcs.entry(&file, BUCKET, "b2-refused"));
        let output = place.export("lake", &[]).output().exits(CONFIG);
        output.says(&[words, "credentials_file"]).never_says(&[&gcs.secret(), "45, 45"]);
        let variables = [("GOOGLE_SERVICE_ACCOUNT_KEY", document.to_string())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let output = to_url(&place, &format!("gs://{BUCKET}/b2-refused"), &variables).exits(CONFIG);
        output.says(&[words]).never_says(&[&gcs.secret(), "45, 45"]);
    }
}

#[test]
fn b5_line_breaks_around_aws_variables_are_no_part_of_them() {
    let (seaweed, place) = (Seaweed::shared(), place());
    let endpoint = format!("http://127.0.0.1:{}", seaweed.port);
    for sign in ["\n", "\r\n", " \t\n"] {
        let base = unique("b5");
        let [id, secret, region, url] =
            [WRITER.0, WRITER.1, "us-east-1", &endpoint].map(|v| format!("{v}{sign}"));
        let variables = [
            ("AWS_ACCESS_KEY_ID", id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", &secret),
            ("AWS_REGION", &region),
            ("AWS_ENDPOINT_URL", &url),
        ];
        to_url(&place, &format!("s3://{BUCKET}/{base}"), &variables).ok();
        assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(ROWS)), "{sign:?}");
    }
}

#[test]
fn b5_a_line_break_within_a_variable_is_refused_by_its_name() {
    let place = place();
    let secret = random();
    let (first, second) = secret.split_at(20);
    let broken = format!("{first}\n{second}");
    let s3 = format!("s3://{BUCKET}/b5");
    let azure = format!("az://{CONTAINER}/b5");
    for (url, name) in [
        (&s3, "AWS_ACCESS_KEY_ID"),
        (&s3, "AWS_SECRET_ACCESS_KEY"),
        (&s3, "AWS_SESSION_TOKEN"),
        (&s3, "AWS_REGION"),
        (&s3, "AWS_DEFAULT_REGION"),
        (&s3, "AWS_ENDPOINT_URL"),
        (&s3, "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        (&azure, "AZURE_STORAGE_ACCOUNT_KEY"),
        (&azure, "AZURE_STORAGE_ACCOUNT_NAME"),
        (&azure, "AZURE_STORAGE_SAS_TOKEN"),
        (&azure, "AZURE_STORAGE_TOKEN"),
        (&azure, "AZURE_CLIENT_SECRET"),
        (&azure, "IDENTITY_HEADER"),
        (&format!("gs://{BUCKET}/b5"), "GCE_METADATA_HOST"),
    ] {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
            (name, &broken),
        ];
        to_url(&place, url, &variables)
            .exits(CONFIG)
            .says(&[name, "line break"])
            .never_says(&[first, second]);
    }
}

#[test]
fn b5_line_breaks_in_a_profile_and_around_azure_variables() {
    let (seaweed, azurite, place) = (Seaweed::shared(), Azurite::shared(), place());
    private(&place, ".aws/credentials", "[lake]\naws_access_key_id = LX\n  KEY\naws_secret_access_key = x\n");
    place.entry(
        "lake",
        json!({"storage_type": "s3", "info": {
            "bucket": BUCKET, "profile": "lake", "region": "us-east-1",
            "endpoint_url": format!("http://127.0.0.1:{}", seaweed.port),
        }}),
    );
    let output = place.export("lake", &[]).output().exits(CONFIG);
    output.says(&["access key id of the AWS profile 'lake'", "line break"]);
    let base = unique("b5-azure");
    place.entry(
        "azure",
        json!({"storage_type": "azure", "auth_mode": "environment", "info": {
            "account": ACCOUNT, "container": CONTAINER, "base_path": base,
            "endpoint_url": format!("http://127.0.0.1:{}/{ACCOUNT}", azurite.port),
        }}),
    );
    place.export("azure", &[]).env("AZURE_STORAGE_ACCOUNT_KEY", format!("{KEY}\r\n")).output().ok();
    assert_eq!(azurite.ids(&format!("{base}/main/t/")), Some(ids(ROWS)));
}

#[test]
fn b14_an_endpoint_with_a_password_or_signature_is_refused_wherever_it_stands() {
    let place = place();
    let secret = random();
    let url = format!("s3://{BUCKET}/b14");
    let keys = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "us-east-1")];
    for endpoint in [
        format!("http://minio:{secret}@127.0.0.1:1"),
        format!("http://{secret}@127.0.0.1:1"),
        format!("http://127.0.0.1:1/?X-Amz-Signature={secret}"),
        format!("http://127.0.0.1:1/#{secret}"),
    ] {
        let refused = |output: Output, place: &str| {
            output
                .exits(CONFIG)
                .says(&[place, "more than scheme, host, port and path"])
                .never_says(&[&secret]);
        };
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
            refused(to_url(&place, &url, &[&keys[..], &[(name, &endpoint)]].concat()), "AWS_ENDPOINT_URL");
        }
        let profile = format!(
            "[profile lake]\nregion = us-east-1\naws_access_key_id = x\naws_secret_access_key = x\nendpoint_url = {endpoint}\n"
        );
        private(&place, ".aws/config", &profile);
        refused(to_url(&place, &url, &[("AWS_PROFILE", "lake")]), "endpoint_url of the AWS profile");
        place.entry("lake", json!({"storage_type": "s3", "info": {"bucket": BUCKET, "profile": "lake"}}));
        refused(place.export("lake", &[]).output(), "lake.info.endpoint_url");
        let gcs = [("GOOGLE_BASE_URL", endpoint.as_str())];
        refused(to_url(&place, &format!("gs://{BUCKET}/b14"), &gcs), "GOOGLE_BASE_URL");
    }
}
