//! JSON documents beside the schemas of `docs/schemas`, by the `jsonschema` package.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{DATA, SOME_FAILED, USAGE, document, shop};
use crate::lake::{Output, script};

/// Documents to be validated, each with its schema.
struct Documents {
    dir: tempfile::TempDir,
    found: Vec<(&'static str, PathBuf)>,
}

impl Documents {
    fn add(&mut self, schema: &'static str, output: &Output) -> Value {
        let path = self.dir.path().join(format!("{}_{schema}.json", self.found.len()));
        std::fs::write(&path, &output.stdout).unwrap();
        self.found.push((schema, path));
        document(output)
    }

    #[track_caller]
    fn validate(&self) -> Output {
        let mut args = vec![OsString::from(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas"))];
        for (schema, path) in &self.found {
            args.extend([OsString::from(schema), path.into()]);
        }
        script("json_schemas.py", args)
    }
}

/// The keys of the shape that all documents have.
const SHAPE: [&str; 10] = [
    "schema",
    "name",
    "directory",
    "status",
    "rows",
    "files",
    "bytes",
    "error",
    "error_message",
    "error_code",
];

#[track_caller]
fn table<'a>(document: &'a Value, name: &str) -> &'a Value {
    let table = document["tables"].as_array().unwrap().iter().find(|table| table["name"] == name);
    let table = table.unwrap_or_else(|| panic!("no {name}: {document}"));
    for key in SHAPE {
        assert!(table.get(key).is_some(), "no {key}: {table}");
    }
    table
}

#[test]
fn every_document_is_as_its_schema_says() {
    let shop = shop("handed_documents");
    let mut documents = Documents { dir: tempfile::tempdir().unwrap(), found: Vec::new() };
    let failed =
        shop.export(&["--json", "--verify", "hash", "--sub-path", "day"]).output().exits(SOME_FAILED);
    let exported = documents.add("export", &failed);
    let id = exported["run_id"].as_str().unwrap();
    let status = documents.add("status", &shop.run(["status", id, "--json"]).output().ok());
    documents.add("runs", &shop.run(["runs", "--json"]).output().ok());
    let verified = documents.add("verify", &shop.run(["verify", id, "--json", "--read-data"]).output().ok());

    // One shape, and the same facts in it.
    for key in ["schema", "name", "directory", "status", "rows", "files", "bytes"] {
        let of = |document: &Value| table(document, "good")[key].clone();
        assert_eq!((of(&exported), of(&exported)), (of(&status), of(&verified)), "{key}");
    }
    for document in [&exported, &status] {
        let bad = table(document, "bad");
        assert_eq!(bad["status"], "failed");
        assert!(bad["error"]["message"].as_str().unwrap().contains("NaN"), "{bad}");
        assert_eq!(bad["error"]["message"], bad["error_message"]);
    }
    assert_eq!(table(&exported, "bad")["error"]["kind"], "data");
    assert!(table(&exported, "bad")["error_code"].as_str().unwrap().starts_with("LX05"), "{exported}");
    assert!(!exported["hints"].as_array().unwrap().is_empty(), "{exported}");
    assert_eq!((&exported["exit_code"], &exported["totals"]["failed"]), (&1.into(), &1.into()));
    // Keys of earlier versions.
    assert_eq!(table(&exported, "bad")["table"], serde_json::json!({ "schema": "public", "name": "bad" }));
    assert_eq!(table(&verified, "good")["table"], "public.good");
    assert_eq!(status["jobs"][0]["table"]["name"], "bad");

    shop.mend();
    let resumed = documents.add("export", &shop.run(["resume", id, "--json"]).output().ok());
    assert_eq!((&resumed["resume"], &resumed["exit_code"]), (&Value::Null, &0.into()));
    documents.add("export", &shop.run(["resume", id, "--json"]).output().ok());
    let query = [
        "query",
        "--source",
        &shop.url,
        "--output-dir",
        "q",
        "--name",
        "n",
        "SELECT 1 AS one FROM good",
        "--json",
    ];
    documents.add("export", &shop.run(query).output().ok());

    // Damage, and errors of commands as a whole.
    let file = shop.out().join("day/public/good/part-00000.parquet");
    std::fs::write(&file, b"PAR1 is not enough PAR1").unwrap();
    std::fs::remove_file(shop.out().join("day/public/more/_manifest.json")).unwrap();
    let verified = documents.add("verify", &shop.run(["verify", "lake/day", "--json"]).output().exits(DATA));
    assert_eq!((&verified["exit_code"], &verified["totals"]["failed"]), (&65.into(), &2.into()));
    documents.add("error", &shop.run(["status", "nope", "--json"]).output().exits(USAGE));
    documents.add("error", &shop.run(["status", "--nope", "--json"]).output().exits(USAGE));

    let said = documents.validate().exits(0);
    assert!(said.stdout.contains("0 problems"), "{said}");
}

/// A validator that lets everything pass would show nothing.
#[test]
fn the_validator_finds_what_is_wrong() {
    let shop = shop("handed_documents_wrong");
    let mut documents = Documents { dir: tempfile::tempdir().unwrap(), found: Vec::new() };
    let good = shop.export(&["--json"]).output().exits(SOME_FAILED);
    for (was, is) in [
        ("\"exit_code\"", "\"exit_kode\""),
        ("\"status\": \"completed\"", "\"status\": \"done\""),
        ("\"kind\": \"data\"", "\"kind\": 1"),
        ("\"retries\"", "\"retried\""),
    ] {
        assert!(good.stdout.contains(was), "{was}\n{good}");
        let wrong = Output { code: None, stdout: good.stdout.replace(was, is), stderr: String::new() };
        documents.found.clear();
        documents.add("export", &wrong);
        documents.validate().exits(1);
    }
}
