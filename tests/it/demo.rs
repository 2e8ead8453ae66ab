//! `lakexpress demo`: needs nothing, always the same, and every row is what the TPC-H generator says.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lake::{Run, assert_tidy, duck, files, python};

const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

fn demo(dir: &Path, extra: &[&str]) -> crate::lake::Output {
    Run::new(["demo", "--scale", "0.01", "--dir"]).args([dir]).args(extra).output().ok()
}

#[test]
fn the_demo_makes_exports_and_asks_the_same_every_time() {
    let base = tempfile::tempdir().unwrap();
    let (one, two) = (base.path().join("one"), base.path().join("two"));
    let first: Value = serde_json::from_str(&demo(&one, &["--json"]).stdout).unwrap();
    let told = demo(&two, &[]).stdout;
    assert_eq!(
        files(base.path()).iter().filter(|f| !f.starts_with("one/") && !f.starts_with("two/")).count(),
        0
    );
    assert!(fs::read(one.join("tpch.sqlite")).unwrap() == fs::read(two.join("tpch.sqlite")).unwrap());
    assert_eq!((&first["run"]["status"], &first["rows"]), (&"completed".into(), &86_805.into()));
    // The answer, by another engine over the same files.
    let lake = one.join("lake/main");
    let mut question = first["question"].as_str().unwrap().to_owned();
    for table in ["customer", "orders", "lineitem", "nation"] {
        let files = format!(" '{}/{table}/*.parquet'", lake.display());
        question = question.replace(&format!("FROM {table}\n"), &format!("FROM{files}\n"));
        for spaces in [" ", "   "] {
            question = question.replace(&format!("JOIN {table}{spaces}ON"), &format!("JOIN{files} ON"));
        }
    }
    let rows = |answer: &Value| -> String {
        let line = |row: &Value| {
            row.as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join("|")
        };
        answer["rows"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(rows(&first["answer"]), duck(&question));
    for part in ["CANADA", "what lies where", "go on with", "inspect --source sqlite:///"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // Every value, by the generator's own program.
    let csv = base.path().join("csv");
    let generator = python().with_file_name("tpchgen-cli");
    let status =
        Command::new(generator).args(["csv", "-s", "0.01", "--output-dir"]).arg(&csv).status().unwrap();
    assert!(status.success());
    for table in TABLES {
        assert_tidy(&lake.join(table));
        let ours = format!("SELECT * FROM '{}/{table}/*.parquet'", lake.display());
        let theirs = format!("SELECT * FROM read_csv('{}/{table}.csv', header = true)", csv.display());
        let differing = format!(
            "SELECT (SELECT count(*) FROM ({ours} EXCEPT ALL {theirs})) + (SELECT count(*) FROM ({theirs} EXCEPT ALL {ours}))"
        );
        assert_eq!(duck(&differing), "0", "{table}");
    }
}

#[test]
fn queries_work_over_sqlite_too() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("demo dir");
    let made: Value = serde_json::from_str(&demo(&dir, &["--json"]).stdout).unwrap();
    let source = made["source"].as_str().unwrap();
    let args =
        ["query", "--source", source, "--name", "q", made["question"].as_str().unwrap(), "--output-dir"];
    Run::new(args).args([base.path()]).output().ok();
    let answer = duck(&format!("SELECT * FROM '{}/query/q/*.parquet'", base.path().display()));
    let first: Vec<&str> =
        made["answer"]["rows"][0].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(answer.lines().count(), 25);
    assert_eq!(answer.lines().next().unwrap(), first.join("|"));
}
