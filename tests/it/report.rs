//! `lakexpress report`: what is recorded of a run, told again.

use serde_json::Value;

use crate::lake::{Output, Run, duck, export_args, manifest};
use crate::server::PgServer;
use crate::tpch::{TABLES, tpch};

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}

#[test]
fn a_run_is_reported_part_by_part_as_the_files_are() {
    let (state, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = |run: Run| run.env("XDG_STATE_HOME", state.path()).output().ok();
    let flags = [
        "-p",
        "2",
        "--part-bytes",
        "128KiB",
        "--large-table-threshold",
        "10000",
        "--verify",
        "hash",
        "--json",
    ];
    let id = document(&run(Run::new(export_args(tpch(), out.path(), &flags))))["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let report = document(&run(Run::new(["report", &id[..13], "--json"])));
    assert_eq!((&report["schema_version"], &report["run_id"]), (&1.into(), &id.as_str().into()));
    assert_eq!((&report["status"], &report["evidence"]["summary"]), (&"completed".into(), &true.into()));
    assert_eq!(report["evidence"]["manifests"], TABLES.len());
    assert_eq!(report["snapshot"]["level"], "run");
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    let tables = report["tables"].as_array().unwrap();
    assert_eq!(tables.len(), TABLES.len());
    for table in tables {
        let name = table["table"]["name"].as_str().unwrap();
        let dir = out.path().join("public").join(name);
        let files = manifest(&dir)["files"].as_array().unwrap().clone();
        let parts = table["parts"].as_array().unwrap();
        assert_eq!(parts.len(), files.len(), "{name}");
        assert_eq!(table["rows"], manifest(&dir)["rows"]);
        let verdict = serde_json::json!({"source_rows": table["rows"], "hash": "equal"});
        assert_eq!(table["verification"], verdict);
        for (part, file) in parts.iter().zip(&files) {
            assert_eq!(
                (&part["file"], &part["rows"], &part["bytes"]),
                (&file["name"], &file["rows"], &file["bytes"])
            );
            let times = part["times"].as_object().unwrap();
            let sum: f64 =
                ["reading", "encoding", "storing"].iter().map(|key| times[*key].as_f64().unwrap()).sum();
            assert!((sum - part["seconds"].as_f64().unwrap()).abs() < 1e-9, "{part}");
            // No part took longer than its table.
            assert!(sum <= table["seconds"].as_f64().unwrap() + 0.01, "{table}");
        }
        // Independently of us: what is in the columns before compression.
        let encoded = duck(&format!(
            "SELECT sum(total_uncompressed_size)::BIGINT FROM parquet_metadata('{}/*.parquet')",
            dir.display()
        ));
        assert_eq!(table["encoded_bytes"].to_string(), encoded, "{name}");
        // A file has a footer too, which outweighs a few rows.
        let least = if name == "lineitem" { 1.2 } else { 0.1 };
        assert!(table["compression_ratio"].as_f64().unwrap() > least, "{table}");
    }
    let text = run(Run::new(["report", &id, "--parts"])).stdout;
    for word in [
        "exported     8 of 8 tables",
        "public.lineitem",
        "part-00001.parquet",
        "hash equal",
        "8 manifests and the summary",
    ] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}

#[test]
fn failures_later_runs_and_destinations_that_are_gone_are_told() {
    let (state, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db("report_partly");
    server.query(
        "report_partly",
        "CREATE TABLE fine (id integer); CREATE TABLE bad (id numeric(5,2)); INSERT INTO bad VALUES ('NaN')",
    );
    let run = |run: Run| run.env("XDG_STATE_HOME", state.path()).output();
    let first = document(&run(Run::new(export_args(&url, out.path(), &["--json"]))).exits(SOME_FAILED));
    let first = first["run_id"].as_str().unwrap();
    let again = document(&run(Run::new(export_args(&url, out.path(), &["-i", "fine", "--json"]))).ok());
    let report = document(&run(Run::new(["report", first, "--json"])).ok());
    let of = |name: &str| {
        report["tables"].as_array().unwrap().iter().find(|t| t["table"]["name"] == name).unwrap()
    };
    assert_eq!((&of("bad")["status"], &of("bad")["rows"]), (&"failed".into(), &Value::Null));
    assert!(of("bad")["error"].as_str().unwrap().contains("NaN"), "{report}");
    assert_eq!(
        (&of("fine")["replaced_by"], of("fine")["parts"].as_array().unwrap().len()),
        (&again["run_id"], 0)
    );
    assert_eq!((&report["totals"]["completed"], &report["totals"]["failed"]), (&1.into(), &1.into()));
    let out_path = out.path().to_owned();
    drop(out);
    let gone = document(&run(Run::new(["report", first, "--json"])).ok());
    assert_eq!((&gone["evidence"]["summary"], &gone["evidence"]["manifests"]), (&false.into(), &0.into()));
    assert_eq!(gone["tables"][1]["rows"], 0, "{} is gone, the run log is not", out_path.display());
    run(Run::new(["report", "nope"])).exits(USAGE).says(&["no run 'nope'", "lakexpress runs"]);
}
