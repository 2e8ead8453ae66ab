//! A table of environments as other programs make them, each with the code and the words that a run ends with.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use super::Home;
use crate::lake::{Run, json as read, program};

/// An environment: variables, arguments behind `export -q`, the code and what is said.
struct Case {
    what: &'static str,
    variables: &'static [(&'static str, &'static str)],
    args: &'static [&'static str],
    code: i32,
    says: &'static [&'static str],
}

const fn case(
    what: &'static str,
    variables: &'static [(&'static str, &'static str)],
    args: &'static [&'static str],
    code: i32,
    says: &'static [&'static str],
) -> Case {
    Case { what, variables, args, code, says }
}

const TO: &[&str] = &["--source", "sqlite:shop.db", "--output-dir", "lake"];
const SOURCE: (&str, &str) = ("LAKEXPRESS_SOURCE", "sqlite:shop.db");
const OUTPUT: (&str, &str) = ("LAKEXPRESS_OUTPUT_DIR", "lake");
const PG: &[&str] = &["--source", "postgres://u@127.0.0.1:1/d", "--output-dir", "lake"];
const S3: &[&str] = &["--source", "sqlite:shop.db", "--output-dir", "s3://bucket/x"];
const GCS: &[&str] = &["--source", "sqlite:shop.db", "--output-dir", "gs://bucket/x"];
const AZURE: &[&str] = &["--source", "sqlite:shop.db", "--output-dir", "az://container/x"];

const CASES: &[Case] = &[
    case("all by variables", &[SOURCE, OUTPUT], &[], 0, &[]),
    case(
        "destinations that exclude each other, one empty",
        &[SOURCE, OUTPUT, ("LAKEXPRESS_TARGET_STORAGE_ID", "")],
        &[],
        0,
        &[],
    ),
    case(
        "two sources",
        &[SOURCE, OUTPUT],
        &["--source-db-auth-id", "x"],
        2,
        &["LAKEXPRESS_SOURCE and --source-db-auth-id both name a source"],
    ),
    case(
        "two sources, both of variables",
        &[SOURCE, OUTPUT, ("LAKEXPRESS_SOURCE_DB_AUTH_ID", "x")],
        &[],
        2,
        &["LAKEXPRESS_SOURCE and LAKEXPRESS_SOURCE_DB_AUTH_ID both name a source"],
    ),
    case(
        "two destinations",
        &[OUTPUT],
        &["--source", "sqlite:shop.db", "--target-storage-id", "x"],
        2,
        &["LAKEXPRESS_OUTPUT_DIR and --target-storage-id both name a destination"],
    ),
    case(
        "a flag stands above its variable",
        &[("LAKEXPRESS_N_JOBS", "many")],
        &["--source", "sqlite:shop.db", "--output-dir", "lake", "--n-jobs", "1"],
        0,
        &[],
    ),
    case("an invalid number", &[("LAKEXPRESS_N_JOBS", "many")], TO, 2, &["'many' for 'LAKEXPRESS_N_JOBS'"]),
    case(
        "a choice that is none",
        &[("LAKEXPRESS_IF_EXISTS", "overwrit")],
        TO,
        2,
        &["'overwrit' for 'LAKEXPRESS_IF_EXISTS'", "overwrite"],
    ),
    case(
        "a size that is none",
        &[("LAKEXPRESS_PART_BYTES", "10 bananas")],
        TO,
        2,
        &["LAKEXPRESS_PART_BYTES"],
    ),
    case(
        "too few connections",
        &[("LAKEXPRESS_MAX_CONNECTIONS", "2")],
        TO,
        2,
        &["LAKEXPRESS_MAX_CONNECTIONS 2 is too few"],
    ),
    case("a rule without a table", &[("LAKEXPRESS_WHERE", "id > 1")], TO, 2, &["LAKEXPRESS_WHERE 'id > 1'"]),
    case(
        "a sub path that leaves",
        &[("LAKEXPRESS_SUB_PATH", "../x")],
        TO,
        2,
        &["LAKEXPRESS_SUB_PATH '../x'"],
    ),
    case(
        "an auth file that is not there",
        &[("LAKEXPRESS_AUTH", "/nonexistent/auth.json")],
        &["--source-db-auth-id", "x", "--output-dir", "lake"],
        78,
        &["LAKEXPRESS_AUTH: /nonexistent/auth.json"],
    ),
    case(
        "an auth id that is not there",
        &[("LAKEXPRESS_SOURCE_DB_AUTH_ID", "shopp"), ("LAKEXPRESS_AUTH", "auth.json"), OUTPUT],
        &[],
        78,
        &["LAKEXPRESS_SOURCE_DB_AUTH_ID: shopp", "shop"],
    ),
    case(
        "a source that is no URL",
        &[("LAKEXPRESS_SOURCE", "shop.db"), OUTPUT],
        &[],
        2,
        &["LAKEXPRESS_SOURCE is not a URL"],
    ),
    case(
        "a source with a line break after it",
        &[("LAKEXPRESS_SOURCE", " sqlite:shop.db\n"), OUTPUT],
        &[],
        0,
        &[],
    ),
    case(
        "a source with an unknown key",
        &[("LAKEXPRESS_SOURCE", "postgres://u:pa55word@h/d?x=1"), OUTPUT],
        &[],
        78,
        &["LAKEXPRESS_SOURCE", "x is not a known key"],
    ),
    case(
        "a misspelt variable",
        &[("LAKEXPRESS_NJOBS", "3")],
        TO,
        0,
        &["LAKEXPRESS_NJOBS is set", "did you mean LAKEXPRESS_N_JOBS?"],
    ),
    case(
        "another name of a flag",
        &[("LAKEXPRESS_AUTH_FILE", "x")],
        TO,
        0,
        &["did you mean LAKEXPRESS_AUTH?"],
    ),
    case(
        "a variable of nobody",
        &[("LAKEXPRESS_FROBNICATE", "x")],
        TO,
        0,
        &["LAKEXPRESS_FROBNICATE is set, and no flag"],
    ),
    case(
        "a pod beside a service of this name",
        &[
            ("LAKEXPRESS_SERVICE_HOST", "10.0.0.1"),
            ("LAKEXPRESS_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("LAKEXPRESS_PORT", "tcp://10.0.0.1:8080"),
        ],
        TO,
        0,
        &[],
    ),
    case("an empty sslmode", &[("PGSSLMODE", "")], PG, 78, &["PGSSLMODE is empty"]),
    case("an empty channel binding", &[("PGCHANNELBINDING", "")], PG, 78, &["PGCHANNELBINDING is empty"]),
    case("an empty service", &[("PGSERVICE", "")], PG, 78, &["PGSERVICE is empty"]),
    case("an empty time-out", &[("PGCONNECT_TIMEOUT", "")], PG, 78, &["PGCONNECT_TIMEOUT is empty"]),
    case(
        "an sslmode that the URL has",
        &[("PGSSLMODE", "")],
        &["--source", "postgres://u@127.0.0.1:1/d?sslmode=disable", "--output-dir", "lake"],
        75,
        &["127.0.0.1:1"],
    ),
    case(
        "empty ones that libpq takes for unset",
        &[
            ("PGHOST", ""),
            ("PGPORT", ""),
            ("PGPASSWORD", ""),
            ("PGAPPNAME", ""),
            ("PGOPTIONS", ""),
            ("PGSSLROOTCERT", ""),
            ("PGPASSFILE", ""),
        ],
        PG,
        75,
        &["127.0.0.1:1"],
    ),
    case(
        "empty keys of AWS",
        &[
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ],
        S3,
        77,
        &["no AWS credentials"],
    ),
    case(
        "an empty profile of AWS",
        &[("AWS_PROFILE", " "), ("AWS_REGION", "eu-west-1")],
        S3,
        78,
        &["AWS_PROFILE is empty"],
    ),
    case(
        "no region but empty ones",
        &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")],
        S3,
        78,
        &["region of the bucket is not known", "AWS_REGION"],
    ),
    case(
        "a password in an endpoint",
        &[("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_S3", "http://minio:pa55word@127.0.0.1:1")],
        S3,
        78,
        &["AWS_ENDPOINT_URL_S3: holds more than"],
    ),
    case("a region with a space", &[("AWS_REGION", "eu west\u{e9}")], S3, 78, &["AWS_REGION: no region"]),
    case(
        "a region that would be another host",
        &[("AWS_REGION", "example.com/")],
        S3,
        78,
        &["AWS_REGION: no region"],
    ),
    case(
        "an empty key file of Google",
        &[("GOOGLE_APPLICATION_CREDENTIALS", ""), ("GCE_METADATA_HOST", "")],
        GCS,
        78,
        &["GCE_METADATA_HOST is empty"],
    ),
    case(
        "a key file of Google that is not there",
        &[("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")],
        GCS,
        78,
        &["GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json"],
    ),
    case(
        "an empty account of Azure",
        &[("AZURE_STORAGE_ACCOUNT_NAME", ""), ("AZURE_STORAGE_ACCOUNT_KEY", "")],
        AZURE,
        78,
        &["storage account is not known"],
    ),
    case(
        "an invisible character in a key of Azure",
        &[("AZURE_STORAGE_ACCOUNT_NAME", "lake"), ("AZURE_STORAGE_ACCOUNT_KEY", "a\u{200b}b")],
        AZURE,
        78,
        &["AZURE_STORAGE_ACCOUNT_KEY holds an invisible character (U+200B)"],
    ),
];

#[test]
fn a_table_of_environments() {
    const { assert!(CASES.len() >= 30) };
    for Case { what, variables, args, code, says } in CASES {
        let home = Home::new();
        let auth = json!({"shop": {"ds_type": "sqlite", "info": {"filepath": "shop.db"}}});
        fs::write(home.path("auth.json"), auth.to_string()).unwrap();
        let output = home.run(&[&["export", "-q"], *args].concat(), variables).output();
        assert_eq!(output.code, Some(*code), "{what}\n{output}");
        let output = output.says(says).no_panic().never_says(&["pa55word"]);
        if *code == 0 {
            assert!(home.path("lake/main/t/_manifest.json").exists(), "{what}\n{output}");
            assert_eq!(output.stderr.contains("LAKEXPRESS_"), !says.is_empty(), "{what}\n{output}");
        }
    }
    println!("{} environments", CASES.len());
}

#[test]
fn a_variable_that_is_no_unicode_is_named() {
    let home = Home::new();
    let run = home.run(&["export", "--source", "sqlite:shop.db"], &[]);
    let run = run.env("LAKEXPRESS_OUTPUT_DIR", OsStr::from_bytes(b"lake\xff"));
    run.output().exits(2).says(&["UTF-8", "LAKEXPRESS_OUTPUT_DIR"]);
    // Paths may be of any encoding.
    let here = OsStr::from_bytes(b"logs\xff");
    home.run(&["export", "--source", "sqlite:shop.db", "--output-dir", "lake"], &[])
        .env("LAKEXPRESS_LOG_DIR", here)
        .output()
        .ok();
    assert_eq!(fs::read_dir(home.path("").join(here)).unwrap().count(), 1);
}

#[test]
fn a_script_reads_which_variable_was_wrong() {
    let home = Home::new();
    let variables =
        [("LAKEXPRESS_JSON", "1"), ("LAKEXPRESS_AUTH", "none.json"), ("LAKEXPRESS_OUTPUT_DIR", "lake")];
    let run = |args: &[&str], more: &[(&str, &str)]| {
        let output = home.run(args, &[&variables[..], more].concat()).output();
        let path = home.path("error.json");
        fs::write(&path, &output.stdout).unwrap();
        read(&path)["error"].clone()
    };
    let error = run(&["export", "--source-db-auth-id", "x"], &[]);
    assert_eq!(
        (&error["exit_code"], &error["context"]["LAKEXPRESS_AUTH"]),
        (&json!(78), &json!("none.json")),
        "{error}"
    );
    let error = run(&["export", "--json", "--source", "sqlite:shop.db"], &[("LAKEXPRESS_RETRIES", "-1")]);
    assert!(error["message"].as_str().unwrap().contains("'-1' for 'LAKEXPRESS_RETRIES'"), "{error}");
    // Several problems are one line.
    let output = Run::new(["export", "--where", "x"]).env("LAKEXPRESS_SUB_PATH", "..").output().exits(2);
    output.says(&["4 problems: ", "LAKEXPRESS_SUB_PATH '..'; "]).never_says(&["\\n"]);
    assert!(program().ends_with("lakexpress"));
}
