use serde_json::json;

use super::*;
use crate::catalog::{Slice, TableRef};
use crate::manifest::FileCost;
use crate::runlog::Repeated;

const RUN: &str = "0199a1b2-0000-7000-8000-0123456789ab";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn job(name: &str, status: RunStatus) -> JobRecord {
    JobRecord {
        table: TableRef { schema: "s".into(), name: name.into() },
        status,
        started_at: Some(at("2026-01-01T00:00:00.000Z")),
        finished_at: Some(at("2026-01-01T00:00:10.500Z")),
        row_count: Some(1000),
        file_count: Some(2),
        bytes: Some(200),
        method: Some("Ctid".into()),
        error_message: None,
        repeated: Vec::new(),
        mixed: Vec::new(),
    }
}

fn run(jobs: Vec<JobRecord>) -> RunRecord {
    RunRecord {
        run_id: RUN.into(),
        status: RunStatus::Completed,
        started_at: at("2026-01-01T00:00:00.000Z"),
        finished_at: Some(at("2026-01-01T00:00:20.000Z")),
        heartbeat_at: None,
        source: "postgres://h:5432/d".into(),
        destination: "/data".into(),
        config: "{}".to_owned().into(),
        error_message: None,
        jobs,
    }
}

/// From JSON, as a manifest of any version is read.
fn file(part: usize, name: String, cost: Option<FileCost>) -> FileEntry {
    let entry = json!({
        "name": name, "rows": 500, "bytes": 100, "crc32": "00000000", "e_tag": null, "part": part, "slice": Slice::All,
        "columns": [], "cost": cost,
    });
    serde_json::from_value(entry).expect("an entry")
}

fn manifest(run_id: &str, files: Vec<FileEntry>) -> Manifest {
    let manifest = json!({
        "format_version": 1, "run_id": run_id, "created_by": "test", "committed_at": "2026-01-01T00:00:10Z",
        "source": {"kind": "postgres", "version": "15", "server": "h", "database": "d", "user": "u"},
        "table": {"schema": "s", "name": "t"},
        "snapshot": {"level": "run", "id": null, "position": null, "taken_at": "2026-01-01T00:00:00Z"},
        "filter": null, "projection": null, "columns": [], "rows": 1000, "files": files,
    });
    serde_json::from_value(manifest).expect("a manifest")
}

fn cost(waiting_ms: u64, reading_ms: u64) -> Option<FileCost> {
    Some(FileCost { encoded_bytes: 300, waiting_ms, reading_ms, encoding_ms: 400, storing_ms: 100 })
}

fn of(run: &RunRecord, summary: Option<Value>, manifests: Vec<Option<Manifest>>) -> RunReport {
    RunReport::of(run, "sqlite:/log".into(), &Evidence { summary, manifests }, None)
}

#[test]
fn what_was_recorded_is_reported_part_by_part() {
    let files = vec![
        file(0, layout::part_name(0, None), cost(0, 500)),
        file(1, layout::part_name(1, None), cost(0, 9500)),
    ];
    let summary = json!({
        "seconds": 12.5, "snapshot": {"level": "run", "taken_at": "then"},
        "tables": [{"table": {"schema": "s", "name": "t"}, "seconds": 10.0, "retries": 3}],
    });
    let report =
        of(&run(vec![job("t", RunStatus::Completed)]), Some(summary), vec![Some(manifest(RUN, files))]);
    assert_eq!((report.schema_version, report.seconds), (1, Some(12.5)));
    let table = &report.tables[0];
    assert_eq!((table.seconds, table.rows_per_second, table.retries), (Some(10.0), Some(100.0), Some(3)));
    assert_eq!((table.encoded_bytes, table.compression_ratio), (Some(600), Some(3.0)));
    assert_eq!(table.times, Some(Times { waiting: 0.0, reading: 10.0, encoding: 0.8, storing: 0.2 }));
    assert_eq!((table.parts[1].seconds, table.parts[1].rows_per_second), (Some(10.0), Some(50.0)));
    let slow = &report.slow[0];
    assert_eq!((slow.mostly, slow.share), (Some("reading"), 0.8));
    assert_eq!(slow.reasons.len(), 1, "{slow:?}");
    assert_eq!(slow.reasons[0], "3 parts were read again after an error");
    let text = text::report(&report, true);
    for part in [
        "12.5 s",
        "compressed 3.0 to 1",
        "3 parts read again",
        "part-00001.parquet",
        "91 % of its parts' time",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn what_was_tried_again_is_told_part_by_part() {
    let files = || vec![file(0, layout::part_name(0, None), None), file(1, layout::part_name(1, None), None)];
    let again = |part, retries, code: Option<&str>| Repeated {
        part,
        retries,
        class: "connection".into(),
        code: code.map(str::to_owned),
        error: "it broke".into(),
    };
    let mut table = job("t", RunStatus::Completed);
    table.repeated = vec![again(None, 1, None), again(Some(1), 2, Some("57P01"))];
    // The run log is enough, and wins over the summary.
    let report = of(&run(vec![table]), None, vec![Some(manifest(RUN, files()))]);
    let retries: Vec<Option<u64>> = report.tables[0].parts.iter().map(|part| part.retries).collect();
    assert_eq!((report.tables[0].retries, report.totals.retries), (Some(3), Some(3)));
    assert_eq!(retries, [Some(0), Some(2)]);
    let text = text::report(&report, true);
    for line in [
        "s.t, as a whole: once, lastly after connection: it broke",
        "s.t, part 1: 2 times, lastly after connection 57P01: it broke",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let document = serde_json::to_value(&report).unwrap();
    assert_eq!(document["tables"][0]["retried"][1]["code"], "57P01");
    // A summary of a version that kept parts to itself: which ones is not known.
    let summary =
        |retries: u64| json!({"tables": [{"table": {"schema": "s", "name": "t"}, "retries": retries}]});
    for (told, part) in [(2, None), (0, Some(0))] {
        let jobs = vec![job("t", RunStatus::Completed)];
        let report = of(&run(jobs), Some(summary(told)), vec![Some(manifest(RUN, files()))]);
        assert_eq!((report.tables[0].retries, report.tables[0].parts[0].retries), (Some(told), part));
    }
}

#[test]
fn an_uneven_cut_and_a_want_of_connections_are_said() {
    let mut files: Vec<FileEntry> =
        (0..4).map(|part| file(part, layout::part_name(part, None), cost(9000, 500))).collect();
    files.push(file(4, layout::part_name(4, None), cost(0, 8000)));
    let report = of(&run(vec![job("t", RunStatus::Completed)]), None, vec![Some(manifest(RUN, files))]);
    assert_eq!(report.tables[0].seconds, Some(10.5), "from the run log");
    let reasons = report.slow[0].reasons.join("\n");
    assert!(reasons.contains("waited 36.0 s for a connection in all: --max-connections"), "{reasons}");
    assert!(reasons.contains("part 4 took 8.5 s, the middle one 1.0 s"), "{reasons}");
    assert_eq!(report.slow[0].mostly, Some("waiting"));
}

#[test]
fn what_was_not_recorded_is_null() {
    let files = vec![file(0, layout::part_name(0, None), None)];
    let mut failed = job("u", RunStatus::Failed);
    failed.error_message = Some("disk full".into());
    failed.row_count = None;
    let jobs = vec![job("t", RunStatus::Completed), failed];
    let report = of(&run(jobs), None, vec![Some(manifest(RUN, files)), None]);
    let document = serde_json::to_value(&report).unwrap();
    let table = &document["tables"][0];
    for key in
        ["encoded_bytes", "compression_ratio", "times", "retries", "verification", "replaced_by", "error"]
    {
        assert!(table[key].is_null() && table.get(key).is_some(), "{key}: {table}");
    }
    assert!(table["parts"][0]["seconds"].is_null());
    assert_eq!(document["totals"]["failed"], 1);
    assert!(document["snapshot"].is_null() && document["totals"]["retries"].is_null());
    assert!(text::report(&report, false).ends_with("\ns.u: disk full\n"));
}

#[test]
fn files_of_other_runs_are_not_this_runs() {
    let other = "0199ffff-0000-7000-8000-ffffffffffff";
    let both = || {
        vec![
            file(0, layout::part_name(0, Some(RUN)), cost(0, 1)),
            file(0, layout::part_name(0, Some(other)), cost(0, 1)),
        ]
    };
    let jobs = || run(vec![job("t", RunStatus::Completed)]);
    let appended = of(&jobs(), None, vec![Some(manifest(RUN, both()))]);
    assert_eq!(appended.tables[0].parts.len(), 1);
    // And after the other run has appended, this one's are still known by their names.
    let later = of(&jobs(), None, vec![Some(manifest(other, both()))]);
    assert_eq!((later.tables[0].parts.len(), later.tables[0].replaced_by.as_deref()), (1, Some(other)));
    let replaced =
        of(&jobs(), None, vec![Some(manifest(other, vec![file(0, layout::part_name(0, None), None)]))]);
    assert!(replaced.tables[0].parts.is_empty());
    let note = RunReport::of(&jobs(), "l".into(), &Evidence::default(), Some("no keys".into()));
    assert!(text::report(&note, true).contains("found in     l; not at the destination: no keys"));
}
