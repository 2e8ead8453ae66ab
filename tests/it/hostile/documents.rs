//! S5: manifests, intents and locks that somebody else wrote. Each ends its own table with a message that names the
//! document, and nothing outside of its directory is read as ours, changed or deleted.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{all_of_them, stopped};
use crate::lake::{Output, Run, files, json as read_json};

/// What a document is called, which one it is, and its bytes.
pub(crate) struct Document {
    pub(crate) what: String,
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Names that lead out of a table's directory, or to files in it that are no data.
const NAMES: [&str; 24] = [
    "../other/part-00000.parquet",
    "../../../thesis.doc",
    "..",
    ".",
    "",
    "/etc/passwd",
    "/",
    "a/../../other/part-00000.parquet",
    "x=y/../../../thesis.doc",
    "x=../thesis.doc",
    "x=y/../part-00000.parquet",
    "./part-00000.parquet",
    "x=y//part-00000.parquet",
    "other/part-00000.parquet",
    "%2e%2e/other/part-00000.parquet",
    "..%2fother%2fpart-00000.parquet",
    "..\\other\\part-00000.parquet",
    "C:\\thesis.doc",
    "_manifest.json",
    "_lock",
    "x=y/_manifest.json",
    ".hidden.parquet",
    "part\u{0}.parquet",
    "part\n\u{1b}[2Jforged | INFO | all is well.parquet",
];

/// Bytes that are no document, made of one that is.
fn broken(name: &'static str, good: &Value) -> Vec<Document> {
    let text = good.to_string();
    let with = |what: &str, bytes: Vec<u8>| Document { what: format!("{name}: {what}"), name, bytes };
    let set = |what: &str, path: &str, raw: &str| {
        let mut document = good.clone();
        *document.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = json!("@raw@");
        with(&format!("{what} {raw}"), document.to_string().replace("\"@raw@\"", raw).into_bytes())
    };
    let huge = format!("\"{}\"", "x".repeat(8 << 20));
    let mut all = vec![
        with("empty", vec![]),
        with("blanks", b" \n\t ".to_vec()),
        with("null", b"null".to_vec()),
        with("a list", b"[]".to_vec()),
        with("an empty object", b"{}".to_vec()),
        with("a text", b"\"{}\"".to_vec()),
        with("zeros", vec![0; 4096]),
        with("lists in lists", vec![b'['; 1 << 20]),
        with("objects in objects", b"{\"a\":".repeat(1 << 18)),
        with(
            "no UTF-8",
            [b"{\"format_version\": 1, \"run_id\": \"\xff\xfe\", ", &text.as_bytes()[1..]].concat(),
        ),
        with("a byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        with("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        with("a key twice", text.replacen('{', "{\"format_version\":1,", 1).into_bytes()),
        with("more after it", format!("{text}{text}").into_bytes()),
        with("only its version", b"{\"format_version\": 1}".to_vec()),
        set("version", "/format_version", "2"),
        set("version", "/format_version", "-1"),
        set("version", "/format_version", "1.5"),
        set("version", "/format_version", "18446744073709551616"),
        set("version", "/format_version", "NaN"),
        set("version", "/format_version", "\"1\""),
        set("run", "/run_id", "[1]"),
        set("run", "/run_id", "\"\\ud800\""),
    ];
    all.push(Document { what: format!("{name}: a run of 8 MiB"), ..set("", "/run_id", &huge) });
    for part in 1..8 {
        all.push(with("cut short", text.as_bytes()[..text.len() * part / 8].to_vec()));
    }
    all
}

/// Manifests and intents, of a good manifest.
pub(crate) fn documents(manifest: &Value) -> Vec<Document> {
    let intent = |deletes: &[&str], uploads: Value| {
        json!({
            "format_version": 1, "run_id": manifest["run_id"], "uploads": uploads, "deletes": deletes,
            "manifest": manifest,
        })
    };
    let upload = |path: &str, id: &str| json!([{"path": path, "upload_id": id, "part_tags": ["x"], "bytes": 1, "crc32": "00000000"}]);
    let mut all = broken("_manifest.json", manifest);
    all.extend(broken("_commit.json", &intent(&[], json!([]))));
    let mut put = |what: String, name, document: &Value| {
        all.push(Document { what, name, bytes: document.to_string().into_bytes() });
    };
    let part = manifest["files"][0].clone();
    for name in NAMES {
        let mut strange = manifest.clone();
        let mut file = part.clone();
        file["name"] = name.into();
        strange["files"].as_array_mut().unwrap().push(file);
        put(format!("a manifest that names {name:?}"), "_manifest.json", &strange);
        put(format!("an intent that deletes {name:?}"), "_commit.json", &intent(&[name], json!([])));
        put(format!("an intent that completes {name:?}"), "_commit.json", &intent(&[], upload(name, "u")));
        let mut renamed = intent(&[], upload("part-00000.parquet", name));
        renamed["manifest"]["run_id"] = "another".into();
        put(format!("an intent with the upload {name:?}"), "_commit.json", &renamed);
    }
    put(
        "an intent that deletes what it keeps".into(),
        "_commit.json",
        &intent(&["part-00000.parquet"], json!([])),
    );
    for (path, value) in [
        ("/rows", json!(-1)),
        ("/rows", json!(u64::MAX)),
        ("/files/0/bytes", json!(u64::MAX)),
        ("/files/0/bytes", json!(-5)),
        ("/files/0/rows", json!(1e300)),
        ("/files/0/part", json!(u64::MAX)),
        ("/files/0/crc32", json!("not hexadecimal")),
        ("/files/0/slice", json!({"range": {}})),
        ("/files/0/columns", json!({})),
        ("/columns", json!([])),
        ("/committed_at", json!("+262143-12-31T23:59:59Z")),
        ("/snapshot/taken_at", json!("\u{1b}]0;owned\u{7}")),
        ("/table/name", json!("../../other")),
        ("/source/kind", json!("x".repeat(1 << 20))),
    ] {
        let mut strange = manifest.clone();
        *strange.pointer_mut(path).unwrap() = value;
        put(format!("a manifest with another {path}"), "_manifest.json", &strange);
    }
    let many = if all_of_them() { 1_000_000 } else { 100_000 };
    let mut crowded = manifest.clone();
    let mut file = part;
    file["columns"] = json!([]);
    let entry = file.to_string();
    crowded["files"] = json!("@files@");
    let entries: Vec<String> =
        (0..many).map(|n| entry.replace("part-00000", &format!("part-{n:07}"))).collect();
    let text = crowded.to_string().replace("\"@files@\"", &format!("[{}]", entries.join(",")));
    all.push(Document { what: format!("{many} files"), name: "_manifest.json", bytes: text.into_bytes() });
    all
}

/// What is said about a document that is not accepted: which one, and what to do.
#[track_caller]
pub(crate) fn assert_said(what: &str, output: &Output, name: &str) {
    assert!(
        matches!(output.code, Some(0 | 1 | 65 | 78))
            || output.to_string().contains("there is neither _manifest.json"),
        "{what}: {:?}\n{output}",
        output.code
    );
    let text = output.to_string();
    if !matches!(output.code, Some(0 | 2)) && !text.contains("problem") {
        assert!(
            text.contains(name) || text.contains("main/t"),
            "{what}: the document is not named\n{output}"
        );
    }
}

const WORDS: &str = "what somebody wrote for years";

struct Lake {
    root: tempfile::TempDir,
    /// The same for all lakes: a manifest names it.
    source: PathBuf,
    other: Vec<u8>,
}

impl Lake {
    fn new(source: PathBuf) -> Self {
        let root = tempfile::tempdir().unwrap();
        rusqlite::Connection::open(&source)
            .unwrap()
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a TEXT); REPLACE INTO t VALUES (1, 'x'), (2, 'y');
                 CREATE TABLE IF NOT EXISTS other (id INTEGER PRIMARY KEY); REPLACE INTO other VALUES (1);",
            )
            .unwrap();
        fs::write(root.path().join("thesis.doc"), WORDS).unwrap();
        let mut lake = Self { root, source, other: vec![] };
        lake.export(&["-i", "t,other"]).ok();
        lake.other = fs::read(lake.lake().join("main/other/part-00000.parquet")).unwrap();
        lake
    }

    fn lake(&self) -> PathBuf {
        self.root.path().join("lake")
    }

    fn table(&self) -> PathBuf {
        self.lake().join("main/t")
    }

    fn export(&self, more: &[&str]) -> Output {
        let source = format!("sqlite:{}", self.source.display());
        Run::new(["export", "--source", &source, "--output-dir"]).args([self.lake()]).args(more).output()
    }

    /// Puts the table back as it was.
    fn reset(&self, part: &[u8], manifest: &str) {
        let _ = fs::remove_dir_all(self.table());
        fs::create_dir_all(self.table().join("x=y")).unwrap();
        fs::write(self.table().join("part-00000.parquet"), part).unwrap();
        fs::write(self.table().join("_manifest.json"), manifest).unwrap();
    }

    #[track_caller]
    fn assert_untouched(&self, what: &str) {
        assert_eq!(fs::read_to_string(self.root.path().join("thesis.doc")).unwrap(), WORDS, "{what}");
        let other = self.lake().join("main/other");
        assert_eq!(fs::read(other.join("part-00000.parquet")).unwrap(), self.other, "{what}");
        assert_eq!(files(&other), ["_manifest.json", "part-00000.parquet"], "{what}");
        let mut names: Vec<String> = fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["lake", "thesis.doc"], "{what}");
    }
}

#[test]
fn s5_documents_that_others_wrote_lead_nowhere() {
    let sources = tempfile::tempdir().unwrap();
    let source = sources.path().join("shop.db");
    let first = Lake::new(source.clone());
    let part = fs::read(first.table().join("part-00000.parquet")).unwrap();
    let manifest = read_json(&first.table().join("_manifest.json"));
    // Every second; all of them with `make verify-hostile`.
    let step = if all_of_them() { 1 } else { 2 };
    let documents: Vec<Document> = documents(&manifest).into_iter().step_by(step).collect();
    assert!(documents.len() > 80);
    let good = manifest.to_string();
    let exports: [&[&str]; 4] = [
        &["-i", "t"],
        &["-i", "t", "--if-exists", "append"],
        &["-i", "t", "--if-exists", "replace"],
        &["-i", "t", "--if-exists", "error"],
    ];
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let lake = Lake::new(source.clone());
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(Document { what, name, bytes }) = documents.get(at) else { return };
                    let begun = Instant::now();
                    let ways = if all_of_them() { 0..exports.len() } else { at % 4..at % 4 + 1 };
                    for way in ways {
                        lake.reset(&part, &good);
                        fs::write(lake.table().join(name), bytes).unwrap();
                        let what = format!("{what}, {:?}", exports[way]);
                        assert_said(&what, &lake.export(exports[way]).no_panic(), name);
                        lake.assert_untouched(&what);
                    }
                    lake.reset(&part, &good);
                    fs::write(lake.table().join(name), bytes).unwrap();
                    let verified = Run::new(["verify"]).args([lake.lake()]).output().no_panic();
                    assert_said(&format!("{what}, verify"), &verified, name);
                    lake.assert_untouched(what);
                    assert!(begun.elapsed() < Duration::from_secs(120), "{what}: {:?}", begun.elapsed());
                }
            });
        }
    });
    stopped("manifests and intents on local disk", documents.len());
}

/// Summaries of runs, which `verify` follows to the tables.
#[test]
fn s5_summaries_that_others_wrote_lead_nowhere() {
    let sources = tempfile::tempdir().unwrap();
    let lake = Lake::new(sources.path().join("shop.db"));
    let dir = lake.lake().join("_lakexpress");
    let path = dir.join(&files(&dir)[0]);
    let good = read_json(&path);
    let mut outside = NAMES.to_vec();
    outside.extend([
        "../../theirs",
        "main/../../theirs",
        "/",
        "main/t/..",
        "main//t",
        "main/t/",
        "_lakexpress",
    ]);
    let theirs = lake.root.path().join("theirs");
    let mut tried: Vec<(String, Vec<u8>)> = outside
        .iter()
        .map(|name| {
            let mut strange = good.clone();
            strange["tables"][0]["directory"] = (*name).into();
            (format!("a summary with the directory {name:?}"), strange.to_string().into_bytes())
        })
        .collect();
    let mut versioned = good.clone();
    versioned["format_version"] = 1.into();
    tried.extend(broken("_lakexpress", &versioned).into_iter().map(|d| (d.what, d.bytes)));
    let mut crowded = good.clone();
    crowded["tables"] = vec![good["tables"][0].clone(); 20_000].into();
    tried.push(("20,000 tables".into(), crowded.to_string().into_bytes()));
    for (what, bytes) in &tried {
        // What a directory elsewhere would be read as.
        crate::lake::copy_dir(&lake.table(), &theirs);
        fs::write(&path, bytes).unwrap();
        let begun = Instant::now();
        let output = Run::new(["verify"]).args([lake.lake()]).output().no_panic();
        assert!(matches!(output.code, Some(0 | 2 | 65)), "{what}: {output}");
        let read = |line: &&str| line.starts_with("ok") && line.contains("theirs");
        assert_eq!(output.stdout.lines().find(read), None, "{what}: {output}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", begun.elapsed());
        fs::remove_dir_all(&theirs).unwrap();
        lake.assert_untouched(what);
    }
    stopped("summaries of runs", tried.len());
}
