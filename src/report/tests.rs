use std::sync::Arc;

use arrow_schema::{DataType, Field};
use serde_json::Value;

use super::{Again, json, text};
use crate::catalog::{
    ColumnInfo, Consistency, Slice, SnapshotToken, SourceIdentity, TableInfo, TableKind, TableRef, Verdict,
};
use crate::error::{AREAS, Code, Error, page};
use crate::manifest::ManifestColumn;
use crate::plan::{PartPlan, TablePlan};
use crate::run::{RunPlan, RunSummary, TableOutcome};
use crate::runlog::{JobRecord, RunRecord, RunStatus, Timestamp};
use crate::spec::{Method, ParquetSpec, Verify};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn table(name: &str) -> TableRef {
    TableRef { schema: "public".into(), name: name.into() }
}

fn source() -> SourceIdentity {
    SourceIdentity {
        kind: "postgres".into(),
        version: "15.3".into(),
        server: "db:5432".into(),
        database: "sales".into(),
        user: "ann".into(),
        identifier: None,
    }
}

fn snapshot() -> SnapshotToken {
    SnapshotToken {
        level: Consistency::Run,
        id: Some("00000003-1".into()),
        position: Some("0/16B3748".into()),
        taken_at: "2026-01-01T00:00:00Z".into(),
        of_process: false,
    }
}

fn outcome(name: &str, rows: u64, error: Option<Error>) -> TableOutcome {
    let files = usize::from(error.is_none()) * 2;
    TableOutcome {
        left: Default::default(),
        table: table(name),
        directory: format!("public/{name}"),
        rows,
        files,
        bytes: rows * 10,
        seconds: 3.0,
        retries: 0,
        kept: false,
        mixed_snapshots: Vec::new(),
        verification: None,
        error,
    }
}

fn summary() -> RunSummary {
    let error = Error::denied("no right to read").with("table", "public.secret").hint("GRANT SELECT");
    RunSummary {
        run_id: "0199".into(),
        status: RunStatus::Failed,
        started_at: "2026-01-01T00:00:00Z".into(),
        seconds: 100.0,
        source: source(),
        destination: "/data".into(),
        sub_path: "2026/shop".into(),
        verify: Verify::None,
        snapshot: snapshot(),
        snapshot_seconds: Some(2.04),
        ended_by: None,
        earlier_snapshots: Vec::new(),
        resumed: false,
        tables: vec![outcome("orders", 1_500_000, None), outcome("secret", 0, Some(error))],
        metadata: None,
    }
}

fn lines() -> Again {
    Again {
        resume: "lakexpress resume 0199 -a auth.json".into(),
        missing: None,
        metadata: "lakexpress metadata 0199 -a auth.json".into(),
    }
}

fn plan() -> RunPlan {
    let column = ColumnInfo {
        field: Field::new("price", DataType::Utf8, true),
        source_type: "numeric".into(),
        verdict: Verdict::Text,
        note: "no precision".into(),
        codec: String::new(),
        est_distinct: None,
        comparable: false,
        labels: Vec::new(),
    };
    let written = |name: &str, source_type: Option<&str>| ManifestColumn {
        name: name.into(),
        arrow_type: "Utf8".into(),
        source_type: source_type.map(str::to_owned),
        verdict: source_type.map(|_| Verdict::Text),
        nullable: false,
        form: None,
        value_type: None,
        crs: None,
    };
    let part = |part: usize, condition: Option<&str>| PartPlan {
        part,
        slice: Slice::Physical { from: Some(part as u64 * 10), to: None },
        condition: condition.map(str::to_owned),
        est_bytes: 2048,
        file: format!("part-{part:05}.parquet"),
    };
    let info = TableInfo {
        table: table("orders"),
        kind: TableKind::MaterializedView,
        columns: vec![column],
        est_rows: 1000,
        est_bytes: 4096,
        blocks: vec![],
        identity: None,
        compound: false,
        primary_key: None,
        foreign_keys: vec![],
        leaves: vec![],
        range_key: None,
        unreadable: vec![],
        reading: Default::default(),
        facts: Default::default(),
    };
    let orders = TablePlan {
        info: Arc::new(info),
        snapshot: snapshot(),
        filter: Some("a > 1 AND f(b)".into()),
        pushed: vec!["\"a\" > 1".into()],
        evaluated_here: vec!["f(b)".into()],
        projection: None,
        masks: Default::default(),
        columns: vec![written("price", Some("numeric")), written("double_price", None)],
        method: Method::Ctid,
        source_method: None,
        method_reason: "it is large".into(),
        readers: 2,
        parts: vec![part(0, None), part(1, Some("ctid >= '(10,0)'"))],
        directory: "public/orders".into(),
        arrangement: crate::plan::Arrangement::default(),
        memory_bytes: 1 << 30,
        parquet: ParquetSpec::default(),
        files: Default::default(),
    };
    RunPlan {
        source: source(),
        tables: vec![orders],
        failures: vec![(table("gone"), Error::data("is gone"))],
    }
}

fn record() -> RunRecord {
    let job = JobRecord {
        table: table("orders"),
        status: RunStatus::Failed,
        started_at: None,
        finished_at: None,
        row_count: None,
        file_count: None,
        bytes: None,
        method: Some("Ctid".into()),
        error_message: Some("disk full".into()),
        repeated: Vec::new(),
        mixed: Vec::new(),
    };
    RunRecord {
        run_id: "0199".into(),
        status: RunStatus::Failed,
        started_at: at("2026-01-01T00:00:00Z"),
        finished_at: None,
        source: "postgres db/sales".into(),
        destination: "/data".into(),
        config: "{\"n_jobs\": 2}".to_owned().into(),
        error_message: None,
        heartbeat_at: None,
        jobs: vec![job],
    }
}

#[test]
fn numbers_read_well() {
    for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(super::words::count(number), expected);
    }
    for (bytes, expected) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
        assert_eq!(super::words::size(bytes), expected);
    }
    for (seconds, expected) in [(3.21, "3.2 s"), (245.0, "4 min 05 s"), (7380.0, "2 h 03 min")] {
        assert_eq!(super::words::duration(seconds), expected);
    }
}

#[test]
fn a_resumed_run_tells_its_moments_and_the_same_failure_once() {
    let gone = || Some(Error::unavailable("the server is gone").hint("wait"));
    let earlier = SnapshotToken { taken_at: "2025-12-31T00:00:00Z".into(), ..snapshot() };
    let kept = TableOutcome { kept: true, ..outcome("orders", 5, None) };
    let again = TableOutcome { retries: 2, ..outcome("items", 5, None) };
    let failed = ["a", "b", "c"].map(|name| outcome(name, 0, gone()));
    let tables = [kept, again].into_iter().chain(failed).collect();
    let summary = RunSummary { resumed: true, earlier_snapshots: vec![earlier], tables, ..summary() };
    let text = text::summary(&summary, &lines());
    for said in [
        "public.a  failed: the server is gone [LX0300]\n  hint: wait\n2 more tables failed: the server is gone\n",
        "resumed      1 table was finished before and not read again\n",
        "earlier      tables finished before are as of another snapshot: consistency run, taken at 2025-12-31T00:00:00Z",
        " (5 rows read now, 0 rows/s)\n",
        "retries      2\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn a_summary_has_tables_failures_and_totals() {
    let expected = "\
table               rows  files     bytes   time
public.orders  1,500,000      2  14.3 MiB  3.0 s
public.secret  failed: no right to read (table public.secret) [LX0400]
  hint: GRANT SELECT

1 of 2 tables failed, 1 exported: 1,500,000 rows in 2 files, 14.3 MiB, 1 min 40 s (15,000 rows/s)
run          0199
source       postgres 15.3 at db:5432, database sales, user ann
destination  /data/2026/shop
snapshot     2026-01-01T00:00:00Z, consistency run, held for 2.0 s
             id 00000003-1
             position 0/16B3748
to finish    lakexpress resume 0199 -a auth.json
";
    assert_eq!(text::summary(&summary(), &lines()), expected);
    let document: Value =
        serde_json::from_str(&json::summary(&summary(), &lines(), 1).expect("json")).expect("valid");
    assert_eq!(document["status"], "failed");
    let secret = &document["tables"][1];
    assert_eq!(secret["error"]["message"], "no right to read (table public.secret)");
    assert_eq!(
        (&secret["error"]["kind"], &secret["error"]["hints"][0]),
        (&"denied".into(), &"GRANT SELECT".into())
    );
    assert_eq!((&secret["schema"], &secret["name"]), (&secret["table"]["schema"], &secret["table"]["name"]));
    assert_eq!((&document["exit_code"], &document["location"]), (&1.into(), &"/data/2026/shop".into()));
}

#[test]
fn a_plan_shows_everything_up_to_the_first_byte() {
    let expected = "\
source       postgres 15.3 at db:5432, database sales, user ann
destination  /data

public.orders (materialized view, about 1,000 rows, 4.0 KiB)
  method   Ctid: it is large
  readers  2
  filter   a > 1 AND f(b)
    by the source   \"a\" > 1
    evaluated here  f(b)
  written as
    price         numeric   Utf8 not null  text  no precision
    double_price  computed  Utf8 not null
  2 parts in public/orders
    part-00000.parquet  about 2.0 KiB  blocks [0, ..)
    part-00001.parquet  about 2.0 KiB  blocks [10, ..)  ctid >= '(10,0)'

public.gone  failed: is gone [LX0500]
1 table, about 1,000 rows, 4.0 KiB; 1 that cannot be exported
";
    assert_eq!(text::plan(&plan(), Some("/data")), expected);
    let document: Value = serde_json::from_str(&json::plan(&plan(), None).expect("json")).expect("valid");
    assert!(document["destination"].is_null());
    assert_eq!(document["tables"][0]["parts"][1]["file"], "part-00001.parquet");
}

#[test]
fn codes_are_next_to_errors_and_explained() {
    let denied = || Error::denied("no right to read").coded(Code::SelectDenied);
    let tables =
        vec![outcome("a", 0, Some(denied())), outcome("b", 0, Some(denied())), outcome("c", 1, None)];
    let summary = RunSummary { tables, ..summary() };
    let remedies = text::remedies(&summary, &lines());
    assert!(remedies.contains("code for public.a and 1 more: LX0402\n"), "{remedies}");
    // At the destination the text and the code stand next to each other.
    let written = serde_json::to_value(&summary).expect("json");
    assert_eq!(written["tables"][0]["error"], "no right to read");
    assert_eq!(written["tables"][0]["error_code"], "LX0402");
    assert!(written["tables"][2]["error"].is_null() && written["tables"][2]["error_code"].is_null());
    let document: Value =
        serde_json::from_str(&json::summary(&summary, &lines(), 1).expect("json")).expect("valid");
    let table = &document["tables"][0];
    assert_eq!((&table["error"]["error_code"], &table["error_code"]), (&"LX0402".into(), &"LX0402".into()));
    assert!(document["tables"][2]["error_code"].is_null());

    let page = page(Code::SelectDenied).expect("a page");
    let shown = text::explained(page);
    assert!(shown.starts_with("LX0402: ") && shown.ends_with("\nexit code    77\n"), "{shown}");
    let shown: Value = serde_json::from_str(&json::explained(page).expect("json")).expect("valid");
    assert_eq!((&shown["code"], &shown["exit_codes"]), (&"LX0402".into(), &serde_json::json!([77])));
    let all: Vec<Value> = serde_json::from_str(&json::codes(AREAS).expect("json")).expect("valid");
    let listed = text::codes(AREAS);
    for each in &all {
        assert!(listed.contains(&format!("  {}  ", each["code"].as_str().expect("text"))), "{each}");
    }
}

#[test]
fn an_inspection_shows_verdicts() {
    assert!(text::inspect(&plan()).contains("  price         numeric   Utf8 not null  text  no precision\n"));
    let document: Value = serde_json::from_str(&json::inspect(&plan()).expect("json")).expect("valid");
    let column = &document["tables"][0]["columns"][0];
    assert_eq!((&column["verdict"], &column["arrow_type"]), (&"text".into(), &"Utf8".into()));
    assert_eq!(document["tables"][0]["kind"], "materialized_view");
    assert_eq!(document["failures"][0][0], "public.gone");
}

#[test]
fn records_of_runs_are_listed_and_shown() {
    assert_eq!(text::runs(&[]), "no runs yet\n");
    assert!(
        text::runs(&[record()])
            .contains("0199  failed  2026-01-01T00:00:00.000Z  postgres db/sales  /data\n")
    );
    let shown = text::run(&record());
    assert!(shown.contains("public.orders  failed  Ctid"), "{shown}");
    assert!(shown.ends_with("\npublic.orders: disk full\n"), "{shown}");
    let one: Value = serde_json::from_str(&json::run(&record()).expect("json")).expect("valid");
    assert_eq!((&one["config"]["n_jobs"], &one["jobs"][0]["status"]), (&2.into(), &"failed".into()));
    let many: Value = serde_json::from_str(&json::runs(&[record()]).expect("json")).expect("valid");
    assert!(many[0].get("jobs").is_none());
}
