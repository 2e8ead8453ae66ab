//! Directories on a local disk, good ones and each of the ways in which they can be wrong.

use std::fs;
use std::path::PathBuf;

use arrow::array::{Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::async_reader::AsyncFileReader;
use serde_json::json;

use super::file::StoredFile;
use super::*;
use crate::catalog::{Consistency, Keys, Slice, SnapshotToken, SourceIdentity};
use crate::destination::{self, Address};
use crate::error::ErrorKind;
use crate::fingerprint::Rule;
use crate::manifest::{FORMAT_VERSION, FileEntry, HashVerdict, Manifest, Verification};
use crate::readers::Readers;
use crate::sink::stats::column_stats;

const DIR: &str = "s/t";
const ALL: Sample = Sample { percent: Some(100.0) };

struct Lake {
    dir: tempfile::TempDir,
    destination: Arc<dyn Destination>,
}

impl Lake {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().to_str().expect("a path").to_owned();
        Self { destination: destination::open(&Address::Location(place)).expect("a destination"), dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the base")).expect("directories");
        fs::write(path, content).expect("written");
    }

    fn stored(&self, name: &str) -> StoredFile {
        let path = format!("{DIR}/{name}");
        let bytes = fs::metadata(self.path(&path)).expect("a file").len();
        StoredFile { destination: Arc::clone(&self.destination), path, bytes }
    }

    /// A file with these ids, NULL for each that is negative, and what a manifest says of it.
    async fn file(&self, name: &str, ids: std::ops::Range<i64>) -> FileEntry {
        let ids: Int64Array = ids.map(|id| (id >= 0).then_some(id)).collect();
        let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as _)]).expect("a batch");
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), None).expect("a writer");
        writer.write(&batch).and_then(|()| writer.close()).expect("a file");
        self.put(&format!("{DIR}/{name}"), &content);
        let stored = self.stored(name);
        FileEntry {
            name: name.to_owned(),
            rows: batch.num_rows() as u64,
            bytes: stored.bytes,
            crc32: format!("{:08x}", crc32fast::hash(&content)),
            e_tag: None,
            part: 0,
            slice: Slice::All,
            source_hash: None,
            columns: column_stats(&stored.footer().await.expect("a footer")),
            cost: None,
            leftover: false,
        }
    }

    fn save(&self, manifest: &Manifest) {
        self.put(&format!("{DIR}/{MANIFEST}"), serde_json::to_vec(manifest).expect("JSON"));
    }

    /// A table of two files, not saved.
    async fn table(&self) -> Manifest {
        let files = vec![self.file("part-0.parquet", -2..7).await, self.file("part-1.parquet", 7..20).await];
        Manifest {
            format_version: FORMAT_VERSION,
            run_id: "r1".into(),
            created_by: "test".into(),
            committed_at: "2024-01-01T00:00:00Z".into(),
            source: SourceIdentity {
                kind: "test".into(),
                version: "1".into(),
                server: "here".into(),
                database: "d".into(),
                user: "u".into(),
                identifier: None,
            },
            table: TableRef { schema: "s".into(), name: "t".into() },
            table_version: None,
            snapshot: SnapshotToken {
                level: Consistency::Run,
                id: None,
                position: None,
                taken_at: "2024-01-01T00:00:00Z".into(),
                of_process: false,
            },
            earlier_snapshots: Vec::new(),
            mixed_snapshots: Vec::new(),
            filter: None,
            projection: None,
            query: None,
            source_sql: None,
            partition_by: vec![],
            sorted_by: vec![],
            readers: Readers::Modern,
            masks: vec![],
            columns: Vec::new(),
            keys: Keys::default(),
            rows: files.iter().map(|file| file.rows).sum(),
            verification: None,
            files,
        }
    }

    async fn report(&self, sample: Sample) -> TableReport {
        Box::pin(table(&self.destination, DIR, sample)).await.expect("a report")
    }

    fn summary(&self, run: &str, tables: serde_json::Value) {
        self.put(&format!("{RUNS_DIR}/{run}.json"), json!({ "tables": tables }).to_string());
    }

    async fn verified(&self, scope: &Scope) -> Result<Report> {
        verify(&self.destination, scope, Sample::default()).await
    }
}

/// Each as the file and the word.
fn words(report: &TableReport) -> Vec<(Option<&str>, &str)> {
    report.problems.iter().map(|found| (found.file.as_deref(), found.problem)).collect()
}

#[tokio::test]
async fn a_good_table_is_described_and_read() {
    let lake = Lake::new();
    let mut manifest = lake.table().await;
    manifest.files[1].source_hash = lake
        .stored("part-1.parquet")
        .values(Some(Rule::Md5Sum))
        .await
        .expect("values")
        .fingerprint
        .map(|f| f.hash());
    // Others put files there that readers do not take for data.
    lake.put("s/t/_notes.parquet", "x");
    lake.put("s/t/.part-0.parquet.crc", "x");
    lake.save(&manifest);
    for (sample, read, hashed) in [(Sample::default(), 0, 0), (ALL, 2, 1)] {
        let report = lake.report(sample).await;
        assert_eq!(words(&report), []);
        assert_eq!((report.files_read, report.files_hashed), (read, hashed));
        assert_eq!((report.rows, report.files, report.directory.as_str()), (22, 2, DIR));
        assert_eq!(report.bytes, manifest.files.iter().map(|file| file.bytes).sum::<u64>());
        assert_eq!((report.table.as_deref(), report.run_id.as_deref()), (Some("s.t"), Some("r1")));
        assert_eq!(report.source, Some(manifest.table.clone()));
    }
}

#[tokio::test]
async fn what_differs_from_the_manifest_is_found() {
    type Change = fn(&mut Manifest);
    type Words = &'static [(Option<&'static str>, &'static str)];
    const FIRST: Option<&str> = Some("part-0.parquet");
    let changes: &[(Change, Words, Words)] = &[
        (|m| m.files[0].bytes += 1, &[(FIRST, "size")], &[]),
        (|m| m.files[0].name = "gone".into(), &[(Some("gone"), "missing"), (FIRST, "extra")], &[]),
        (
            |m| (m.files[0].rows, m.rows) = (m.files[0].rows + 1, m.rows + 1),
            &[(FIRST, "rows")],
            &[(FIRST, "rows")],
        ),
        (|m| m.rows += 1, &[(None, "rows")], &[]),
        (|m| m.files[0].columns[0].min = Some("1".into()), &[(FIRST, "statistics")], &[]),
        (|m| m.files[0].columns[0].max = None, &[(FIRST, "statistics")], &[]),
        (|m| m.files[0].columns[0].nulls = Some(3), &[(FIRST, "statistics")], &[(FIRST, "statistics")]),
        (|m| m.files[0].columns[0].nulls = None, &[], &[]),
        (|m| m.files[0].columns[0].name = "key".into(), &[(FIRST, "columns")], &[]),
        (|m| m.files[0].crc32 = "00000000".into(), &[], &[(FIRST, "crc32")]),
        (|m| m.files[0].source_hash = Some("md5-sum-1:0".into()), &[], &[(FIRST, "hash")]),
        (
            |m| m.verification = Some(Verification { source_rows: 22, hash: Some(HashVerdict::Differs) }),
            &[(None, "verdict")],
            &[],
        ),
        (
            |m| m.verification = Some(Verification { source_rows: 22, hash: Some(HashVerdict::Pending) }),
            &[],
            &[],
        ),
    ];
    let lake = Lake::new();
    let good = lake.table().await;
    for (at, (change, seen, more)) in changes.iter().enumerate() {
        let mut manifest = good.clone();
        change(&mut manifest);
        lake.save(&manifest);
        assert_eq!(words(&lake.report(Sample::default()).await), *seen, "change {at}");
        let (mut read, mut all) = (lake.report(ALL).await, [*seen, *more].concat());
        read.problems.sort_by_key(|found| found.problem);
        all.sort_by_key(|(_, word)| *word);
        assert_eq!(words(&read), all, "change {at}, read");
    }
}

#[tokio::test]
async fn documents_and_files_that_cannot_be_understood_are_findings() {
    let lake = Lake::new();
    assert_eq!(words(&lake.report(ALL).await), [(None, "no_manifest")]);
    let manifest = lake.table().await;
    lake.save(&manifest);
    let whole = fs::read(lake.path("s/t/part-0.parquet")).expect("the file");
    let shorter = &whole[..whole.len() - 1];
    for content in [whole[..7].to_vec(), shorter.to_vec(), [shorter, b"X"].concat()] {
        lake.put("s/t/part-0.parquet", content);
        let seen = lake.report(Sample::default()).await;
        assert!(words(&seen).contains(&(Some("part-0.parquet"), "unreadable")), "{seen:?}");
    }
    lake.put("s/t/part-0.parquet", &whole);
    lake.put(&format!("{DIR}/{INTENT}"), json!({ "format_version": 1, "run_id": "r2" }).to_string());
    assert_eq!(words(&lake.report(ALL).await), [(None, "unfinished_commit")]);
    lake.put(&format!("{DIR}/{MANIFEST}"), "{");
    assert_eq!(words(&lake.report(ALL).await), [(None, "unfinished_commit"), (None, "manifest")]);
}

#[tokio::test]
async fn so_many_percent_of_the_files_are_read_and_each_has_its_turn() {
    let lake = Lake::new();
    let mut manifest = lake.table().await;
    let mut file = manifest.files.remove(0);
    file.crc32 = "00000000".into();
    manifest.files.clear();
    for at in 0..10 {
        let name = format!("part-{at}.parquet");
        lake.put(&format!("{DIR}/{name}"), fs::read(lake.path("s/t/part-0.parquet")).expect("the file"));
        manifest.files.push(FileEntry { name, ..file.clone() });
    }
    manifest.rows = 10 * file.rows;
    lake.save(&manifest);
    for (percent, files) in [(0.1, 1), (20.0, 2), (25.0, 3), (100.0, 10)] {
        let report = lake.report(Sample { percent: Some(percent) }).await;
        assert_eq!((report.files_read, report.problems.len()), (files, files), "{percent} %");
    }
    let mut read = BTreeSet::new();
    for _ in 0..200 {
        let report = lake.report(Sample { percent: Some(10.0) }).await;
        read.extend(report.problems.into_iter().filter_map(|found| found.file));
    }
    assert_eq!(read.len(), 10, "{read:?}");
}

#[tokio::test]
async fn summaries_say_which_directories_are_tables() {
    let lake = Lake::new();
    let nothing = lake.verified(&Scope::default()).await.expect_err("nothing there");
    assert_eq!(nothing.kind(), ErrorKind::Usage);
    assert!(nothing.message().contains("neither"), "{nothing}");
    let table = json!({ "schema": "s", "name": "t" });
    let mut manifest = lake.table().await;
    lake.save(&manifest);
    lake.summary(
        "r1",
        json!([
            { "table": table, "directory": "s/t" },
            { "table": table, "directory": "s/failed", "error": "no rights" },
        ]),
    );
    lake.summary("r0", json!([{ "directory": "s/t", "error": "lost" }, { "directory": "s", "error": "x" }]));
    lake.put("s/failed/part-0.parquet", "x");
    let directories =
        |report: Report| -> Vec<String> { report.tables.into_iter().map(|table| table.directory).collect() };
    let of = |run: Option<&str>, below: &str| Scope { run_id: run.map(str::to_owned), below: below.into() };
    let all = lake.verified(&Scope::default()).await.expect("a table");
    assert!(all.ok && all.destination.ends_with(lake.dir.path().to_str().expect("a path")));
    assert_eq!(directories(all), ["s/t"]);
    for below in ["s", "s/t"] {
        assert_eq!(directories(lake.verified(&of(None, below)).await.expect(below)), ["s/t"]);
        assert!(has_tables_in(&lake.destination, below).await, "{below}");
    }
    assert!(!has_tables_in(&lake.destination, "s/t2").await);
    for (scope, words) in [
        (of(Some("r7"), ""), "left no summary"),
        (of(None, "s/"), "names a table in s/"),
        (of(None, "s/t/x"), "names a table in s/t/x"),
    ] {
        let error = lake.verified(&scope).await.expect_err(words);
        assert!(error.message().contains(words), "{error}");
    }
    // It failed in that run, and has been committed all the same.
    assert_eq!(directories(lake.verified(&of(Some("r0"), "")).await.expect("a table")), ["s/t"]);
    fs::remove_file(lake.path("s/t/_manifest.json")).expect("removed");
    let error = lake.verified(&of(Some("r0"), "")).await.expect_err("nothing committed");
    assert!(error.message().contains("committed no table"), "{error}");
    // Two names that are one directory to a disk.
    manifest.table.name = "T".into();
    lake.save(&manifest);
    let report = lake.verified(&Scope::default()).await.expect("a table");
    assert!(!report.ok);
    assert_eq!(words(&report.tables[0]), [(None, "table")]);
    manifest.run_id = "r9".into();
    lake.save(&manifest);
    assert!(lake.verified(&Scope::default()).await.expect("of another run").ok);
    lake.put(&format!("{RUNS_DIR}/r3.json"), "{");
    assert_eq!(lake.verified(&Scope::default()).await.expect_err("no JSON").kind(), ErrorKind::Data);
}

#[tokio::test]
async fn a_directory_is_a_table_by_its_manifest_its_intent_or_its_files() {
    for (file, problem) in
        [(MANIFEST, "manifest"), (INTENT, "unfinished_commit"), ("part-0.parquet", "no_manifest")]
    {
        let lake = Lake::new();
        lake.put(file, "{");
        let report = lake.verified(&Scope::default()).await.expect(file);
        assert_eq!(report.tables.len(), 1);
        assert_eq!(words(&report.tables[0])[0], (None, problem), "{file}");
    }
}

#[tokio::test]
async fn large_files_are_read_in_blocks() {
    let lake = Lake::new();
    // Larger than what is asked for at once, also by one byte; and not of one byte only.
    for bytes in [0, 1, 8 << 20, (8 << 20) + 1, 20 << 20] {
        let content: Vec<u8> = (0..bytes).map(|at: u32| (at ^ (at >> 20)) as u8).collect();
        lake.put("s/t/large", &content);
        let crc = lake.stored("large").crc32().await.expect("read");
        assert_eq!(crc, format!("{:08x}", crc32fast::hash(&content)), "{bytes}");
    }
    // A footer of more than 64 KiB.
    let columns = (0..2000).map(|at| (format!("column {at:05}"), Arc::new(Int64Array::from(vec![at])) as _));
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let mut content = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), None).expect("a writer");
    writer.write(&batch).and_then(|()| writer.close()).expect("a file");
    lake.put("s/t/wide", &content);
    let wide = lake.stored("wide");
    assert_eq!(wide.footer().await.expect("a footer").file_metadata().schema_descr().num_columns(), 2000);
    let values = wide.values(None).await.expect("values");
    assert_eq!((values.rows, values.nulls.len(), values.fingerprint), (1, 2000, None));
}

#[tokio::test]
async fn what_lies_at_the_base_is_a_table_only_where_nothing_else_is_asked_for() {
    let lake = Lake::new();
    lake.save(&lake.table().await);
    lake.summary("r1", json!([{ "directory": DIR }]));
    let directories = async |run: Option<&str>, below: &str| -> Result<Vec<String>> {
        let scope = Scope { run_id: run.map(str::to_owned), below: below.into() };
        Ok(lake.verified(&scope).await?.tables.into_iter().map(|table| table.directory).collect())
    };
    for (file, of_all) in [("stray.parquet", DIR), (MANIFEST, ""), (INTENT, "")] {
        lake.put(file, "{");
        assert_eq!(directories(None, "").await.expect(file), [of_all], "{file}");
        for (run, below) in [(Some("r1"), ""), (None, "s"), (Some("r1"), "s")] {
            assert_eq!(directories(run, below).await.expect(file), [DIR], "{file}: {run:?} {below}");
        }
        for (run, below, words) in [
            (Some("r7"), "", "left no summary"),
            (None, "x", "names a table in x"),
            (Some("r1"), "x", "committed no table"),
        ] {
            let error = directories(run, below).await.expect_err(file);
            assert!(error.message().contains(words), "{file}: {error}");
        }
        fs::remove_file(lake.path(file)).expect("removed");
    }
}

#[tokio::test]
async fn a_read_may_end_where_the_file_ends_and_not_after_it() {
    let lake = Lake::new();
    lake.put("s/t/digits", "0123456789");
    let mut digits = lake.stored("digits");
    assert_eq!(digits.get_bytes(4..10).await.expect("the end"), &b"456789"[..]);
    let error = digits.get_bytes(4..11).await.expect_err("beyond");
    assert!(error.to_string().contains("there are 10 bytes, not 11"), "{error}");
}
