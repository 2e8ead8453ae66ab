//! TPC-H: eight ordinary tables, compared with the server by readers that are not ours.
//!
//! `LAKEXPRESS_TPCH_SCALE` sets the scale factor (0.01 unless set; `make verify-tpch` takes 1).

use std::path::Path;
use std::sync::OnceLock;

use crate::lake::{Output, Run};
use crate::lake::{assert_same, assert_tidy, export, export_args, files, json, manifest, script};
use crate::server::PgServer;

pub(crate) const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// The URL of the database with the TPC-H tables, loaded once.
pub(crate) fn tpch() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let url = PgServer::shared().create_db("tpch");
        script("load_tpch.py", ["--url", &url, "--scale", &scale()]).ok();
        url
    })
}

pub(crate) fn scale() -> String {
    std::env::var("LAKEXPRESS_TPCH_SCALE").unwrap_or_else(|_| "0.01".into())
}

fn rows(table: &str) -> u64 {
    PgServer::shared().query("tpch", &format!("SELECT count(*) FROM {table}")).parse().unwrap()
}

/// Two readers and parts so small that lineitem has many.
fn export_all(dir: &Path, extra: &[&str]) -> Output {
    let small = if scale() == "1" { "32MiB" } else { "128KiB" };
    let mut args = vec!["-p", "2", "--part-bytes", small, "--large-table-threshold", "10000"];
    args.extend(extra);
    export(tpch(), dir, &args).ok()
}

#[test]
fn every_table_is_the_same_as_on_the_server_and_a_second_run_replaces_the_first() {
    let out = tempfile::tempdir().unwrap();
    let mut run_ids = Vec::new();
    for _ in 0..2 {
        export_all(out.path(), &[]);
        for table in TABLES {
            let dir = out.path().join("public").join(table);
            assert_tidy(&dir);
            let manifest = manifest(&dir);
            assert_eq!(manifest["rows"], rows(table), "{table}");
            assert_eq!(manifest["table"]["name"], table);
            assert_eq!(manifest["snapshot"]["level"], "run");
        }
        let lineitem = manifest(&out.path().join("public/lineitem"));
        assert!(lineitem["files"].as_array().unwrap().len() > 4, "lineitem was not cut: {lineitem}");
        run_ids.push(lineitem["run_id"].as_str().unwrap().to_owned());
    }
    assert_ne!(run_ids[0], run_ids[1]);
    for table in TABLES {
        assert_same(tpch(), &format!("public.{table}"), &out.path().join("public").join(table));
    }
    for run_id in run_ids {
        let summary = json(&out.path().join(format!("_lakexpress/{run_id}.json")));
        assert_eq!(summary["run_id"], run_id);
    }
}

#[test]
fn all_tables_of_a_run_share_one_snapshot() {
    let out = tempfile::tempdir().unwrap();
    export_all(out.path(), &["-i", "nation,region,orders"]);
    let of = |table: &str| manifest(&out.path().join("public").join(table))["snapshot"]["id"].clone();
    assert!(of("nation").is_string());
    assert_eq!(of("nation"), of("region"));
    assert_eq!(of("nation"), of("orders"));
    assert!(!out.path().join("public/lineitem").exists());
}

#[test]
fn sub_path_lies_between_base_and_schema() {
    let out = tempfile::tempdir().unwrap();
    export_all(out.path(), &["--sub-path", "staging/daily", "-i", "nation"]);
    let dir = out.path().join("staging/daily/public/nation");
    assert_tidy(&dir);
    assert_same(tpch(), "public.nation", &dir);
    assert!(!out.path().join("public").exists());
}

#[test]
fn json_output_is_the_run_summary() {
    let out = tempfile::tempdir().unwrap();
    let output = export_all(out.path(), &["--json", "-i", "nation, region"]);
    let summary: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"));
    assert_eq!(summary["status"], "completed");
    let tables = summary["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 2);
    for table in tables {
        assert!(table["error"].is_null());
        assert_eq!(table["rows"], rows(table["table"]["name"].as_str().unwrap()));
    }
    assert!(out.path().join(format!("_lakexpress/{}.json", summary["run_id"].as_str().unwrap())).exists());
}

#[test]
fn no_command_means_export_and_flags_may_have_underscores() {
    let out = tempfile::tempdir().unwrap();
    let args = export_args(tpch(), out.path(), &["--source_schema_name", "public", "--include", "reg%"]);
    let args: Vec<_> = args
        .into_iter()
        .skip(1)
        .map(|a| if a == "--output-dir" { "--output_dir".into() } else { a })
        .collect();
    Run::new(args).output().ok();
    assert_eq!(files(&out.path().join("public")), ["region/_manifest.json", "region/part-00000.parquet"]);
}
