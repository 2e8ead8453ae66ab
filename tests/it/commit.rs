//! The two-phase commit under faults: every call of the destination fails once, before or after its effect, or
//! the process dies there. Whatever happens, no reader of manifests sees half a table, and the next run converges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

mod added;
mod delta;
mod expected;
mod faulty;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use faulty::{FAULTS, Fault, Faulty, Plan, Poor};
use lakexpress::catalog::{Consistency, Keys, Slice, SnapshotToken, SourceIdentity, TableRef};
use lakexpress::destination::local::LocalDirectory;
use lakexpress::destination::{Destination, PendingUpload, conformance};
use lakexpress::error::{Error, ErrorKind, Result};
use lakexpress::format::{
    self, Beginning, Committed, Expected, Owner, TableTarget, TableTransaction, Written, roll_forward,
};
use lakexpress::manifest::{FORMAT_VERSION, FORMAT_VERSION_OF_LOGS, Manifest, ManifestColumn};
use lakexpress::sink::{
    EmptyFile, Fanout, PartTarget, PreparedFile, WriterSettings, write_empty, write_part,
};
use lakexpress::spec::layout::{INTENT, LOCK, MANIFEST, part_name};
use lakexpress::spec::{IfExists, OutputSpec};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const DIR: &str = "s/t";
const ROWS_PER_PART: i64 = 10;

/// What a run writes: ids from `first` on, in `parts` files.
#[derive(Debug, Clone, Copy)]
struct Export {
    run_id: &'static str,
    first: i64,
    parts: usize,
    if_exists: IfExists,
}

impl Export {
    fn ids(&self) -> BTreeSet<i64> {
        (self.first..self.first + self.parts as i64 * ROWS_PER_PART).collect()
    }

    fn batch(&self, part: usize) -> RecordBatch {
        let start = self.first + part as i64 * ROWS_PER_PART;
        let ids = Int64Array::from_iter_values(start..start + ROWS_PER_PART);
        let names = StringArray::from_iter_values((0..ROWS_PER_PART).map(|i| format!("{} {i}", self.run_id)));
        RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("name", Arc::new(names) as _)])
            .expect("batch")
    }

    fn target(&self, destination: &Arc<dyn Destination>, part: usize) -> PartTarget {
        let run = (self.if_exists == IfExists::Append).then_some(self.run_id);
        Self::named(part_name(part, run), destination, part)
    }

    fn named(name: String, destination: &Arc<dyn Destination>, part: usize) -> PartTarget {
        let destination = Arc::clone(destination);
        PartTarget {
            destination,
            path: format!("{DIR}/{name}"),
            name,
            part,
            slice: Slice::All,
            est_bytes: 0,
            only: false,
            fanout: Fanout::default(),
        }
    }

    fn manifest(&self) -> Manifest {
        let column = |name: &str, arrow_type: &str| ManifestColumn {
            name: name.into(),
            arrow_type: arrow_type.into(),
            source_type: None,
            verdict: None,
            nullable: false,
            form: None,
            value_type: None,
            crs: None,
        };
        Manifest {
            format_version: FORMAT_VERSION,
            run_id: self.run_id.into(),
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
            earlier_snapshots: Vec::new(),
            mixed_snapshots: Vec::new(),
            snapshot: SnapshotToken {
                level: Consistency::Run,
                id: None,
                position: None,
                taken_at: "2024-01-01T00:00:00Z".into(),
                of_process: false,
            },
            filter: None,
            projection: None,
            query: None,
            source_sql: None,
            partition_by: vec![],
            sorted_by: vec![],
            masks: vec![],
            readers: lakexpress::readers::Readers::Modern,
            columns: vec![column("id", "Int64"), column("name", "Utf8")],
            keys: Keys::default(),
            rows: 0,
            verification: None,
            files: vec![],
        }
    }

    /// What a run does with a table. `broken` is the part whose stream fails.
    async fn run(&self, destination: &Arc<dyn Destination>, broken: Option<usize>) -> Result<Manifest> {
        self.run_in(&OutputSpec::default(), destination, broken).await
    }

    /// The same with a table of another format.
    async fn run_in(
        &self,
        output: &OutputSpec,
        destination: &Arc<dyn Destination>,
        broken: Option<usize>,
    ) -> Result<Manifest> {
        let (format, owner) = (format::open(output), owner());
        let beginning = Beginning {
            run_id: self.run_id,
            if_exists: self.if_exists,
            owner: &owner,
            keep: &[],
            expected: Expected::Anything,
        };
        let transaction = format.begin(&target(destination), &beginning).await?;
        let names = format.file_names(self.run_id, self.if_exists);
        let mut files: Vec<PreparedFile> = vec![];
        for part in 0..self.parts {
            let batch = self.batch(part);
            let mut items = vec![Ok(batch.clone())];
            if broken == Some(part) {
                items.push(Err(Error::unavailable("the source failed").into()));
            }
            let stream = RecordBatchStreamAdapter::new(batch.schema(), futures::stream::iter(items));
            let target = Self::named(names.of(part), destination, part);
            match write_part(Box::pin(stream), &target, &WriterSettings::default(), None).await {
                Ok(prepared) => files.extend(prepared.files),
                Err(error) => {
                    let uploads: Vec<PendingUpload> = files.into_iter().map(|file| file.upload).collect();
                    let _ = transaction.abort(&uploads).await;
                    return Err(error);
                }
            }
        }
        let empty = Some(EmptyFile::new(&self.batch(0).schema(), &WriterSettings::default())?);
        let schema = Some(self.batch(0).schema());
        let written = Written { files, empty, schema, manifest: self.manifest() };
        transaction.commit(written, None).await.map(|(manifest, _)| manifest)
    }
}

/// Whose rows every export here has.
fn owner() -> Owner {
    Owner::of(&OLD.manifest())
}

fn target(destination: &Arc<dyn Destination>) -> TableTarget {
    TableTarget { destination: Arc::clone(destination), directory: DIR.into() }
}

/// Begins to write the table, whatever is committed.
async fn begin(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    if_exists: IfExists,
) -> Result<Box<dyn TableTransaction>> {
    begin_as(destination, run_id, if_exists, &owner()).await
}

async fn begin_as(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    if_exists: IfExists,
    owner: &Owner,
) -> Result<Box<dyn TableTransaction>> {
    let beginning = Beginning { run_id, if_exists, owner, keep: &[], expected: Expected::Anything };
    format::open(&OutputSpec::default()).begin(&target(destination), &beginning).await
}

/// Commits `files` and looks at nothing afterwards.
async fn commit(
    transaction: Box<dyn TableTransaction>,
    files: Vec<PreparedFile>,
    manifest: Manifest,
) -> Result<Manifest> {
    let schema = Some(OLD.batch(0).schema());
    let written = Written { files, empty: None, schema, manifest };
    transaction.commit(written, None).await.map(|(manifest, _)| manifest)
}

struct Place {
    temp: tempfile::TempDir,
    destination: Arc<dyn Destination>,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("temporary directory");
        let destination = Arc::new(LocalDirectory::new(temp.path()).expect("directory"));
        Self { temp, destination }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join(DIR)
    }

    /// Names in the table's directory, hidden ones too.
    fn names(&self) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(self.dir()) else { return BTreeSet::new() };
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect()
    }

    fn manifest(&self) -> Option<Manifest> {
        let content = fs::read(self.dir().join(MANIFEST)).ok()?;
        if content == br#"{"withdrawn": true}"# {
            return None;
        }
        Some(serde_json::from_slice(&content).expect("a manifest is whole or not there"))
    }

    /// The ids in the files of `manifest`, all of which must be as it says.
    fn ids(&self, manifest: &Manifest) -> BTreeSet<i64> {
        let mut ids = BTreeSet::new();
        for file in &manifest.files {
            let path = self.dir().join(&file.name);
            let content = fs::read(&path).expect("a file of the manifest");
            assert_eq!(content.len() as u64, file.bytes, "{}", file.name);
            assert_eq!(format!("{:08x}", crc32fast::hash(&content)), file.crc32, "{}", file.name);
            let found = read_ids(&path);
            assert_eq!(found.len() as u64, file.rows);
            for id in found {
                assert!(ids.insert(id), "id {id} is there twice");
            }
        }
        assert_eq!(ids.len() as u64, manifest.rows);
        ids
    }

    /// Nothing but the manifest and what it names.
    fn assert_tidy(&self, manifest: &Manifest) {
        let mut expected: BTreeSet<String> = manifest.files.iter().map(|file| file.name.clone()).collect();
        expected.insert(MANIFEST.into());
        assert_eq!(self.names(), expected);
    }
}

fn read_ids(path: &Path) -> Vec<i64> {
    let file = fs::File::open(path).expect("open");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
    let batches = reader.map(|batch| batch.expect("batch"));
    batches.flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// What is read by who lists the directory.
fn listed(place: &Place) -> BTreeSet<i64> {
    let names = place.names();
    let files = names.iter().filter(|name| name.ends_with(".parquet") && !name.starts_with('.'));
    files.flat_map(|name| read_ids(&place.dir().join(name))).collect()
}

/// After a fault: the old table, the new one, or an intent that says how to go on.
fn check_after_fault(place: &Place, old: Option<&Export>, new: &Export, expected_new: &BTreeSet<i64>) {
    let intent = place.names().contains(INTENT);
    match place.manifest() {
        Some(manifest) if manifest.run_id == new.run_id => assert_eq!(&place.ids(&manifest), expected_new),
        Some(manifest) => assert_eq!(place.ids(&manifest), old.expect("an old table").ids()),
        None if intent => {}
        None => {
            assert!(old.is_none(), "the old table is gone");
            assert!(!place.names().iter().any(|name| name.ends_with(".parquet") && !name.starts_with('.')));
        }
    }
}

/// Fails call 1, 2, 3 ... until a run passes untouched; returns the number of cases.
async fn walk_faults(old: Option<Export>, new: Export, again: Export) -> usize {
    let mut cases = 0;
    for fault in FAULTS {
        for nth in 1.. {
            let place = Place::new();
            if let Some(old) = &old {
                old.run(&place.destination, None).await.expect("the old table");
            }
            let plan = Plan::new(nth, fault);
            let faulty = Faulty::over(&place.destination, &plan);
            let outcome = new.run(&faulty, None).await;
            if !plan.met() {
                outcome.expect("a run without a fault");
                break;
            }
            cases += 1;

            let appends = new.if_exists == IfExists::Append;
            let base: BTreeSet<i64> =
                if appends { old.iter().flat_map(Export::ids).collect() } else { BTreeSet::new() };
            let with = |more: &BTreeSet<i64>| base.union(more).copied().collect::<BTreeSet<i64>>();
            let all_new = with(&new.ids());
            check_after_fault(&place, old.as_ref(), &new, &all_new);
            if outcome.is_ok() {
                assert_eq!(place.manifest().expect("committed").run_id, new.run_id, "{fault:?} {nth}");
            }

            let manifest = again.run(&place.destination, None).await.expect("the next run");
            let found = place.ids(&manifest);
            // An appended run whose intent was written is finished first, and then it stays.
            let expected = with(&again.ids());
            let finished_first = appends && found == all_new.union(&again.ids()).copied().collect();
            assert!(found == expected || finished_first, "{fault:?} {nth}: {found:?}");
            assert_eq!(place.manifest().as_ref(), Some(&manifest));
            place.assert_tidy(&manifest);
        }
    }
    cases
}

const OLD: Export = Export { run_id: "0a0a0a01", first: 0, parts: 5, if_exists: IfExists::Overwrite };

#[tokio::test]
async fn a_first_commit_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 3, if_exists: IfExists::Overwrite };
    let again = Export { run_id: "0a0a0a03", first: 2000, parts: 2, if_exists: IfExists::Overwrite };
    println!("first commit: {} cases", Box::pin(walk_faults(None, new, again)).await);
}

#[tokio::test]
async fn overwriting_a_wider_table_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
    let again = Export { run_id: "0a0a0a03", first: 2000, parts: 3, if_exists: IfExists::Overwrite };
    println!("overwrite: {} cases", Box::pin(walk_faults(Some(OLD), new, again)).await);
}

/// A run without the right to delete replaces a wider table, and dies or fails at any call; the next run has that right or
/// has it not. Who lists the directory reads the new rows and no others.
#[tokio::test]
async fn replacing_without_the_right_to_delete_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
    let again = Export { run_id: "0a0a0a03", first: 2000, parts: 3, if_exists: IfExists::Overwrite };
    let mut cases = 0;
    for (fault, may_delete) in FAULTS.into_iter().flat_map(|fault| [(fault, false), (fault, true)]) {
        for nth in 1.. {
            let place = Place::new();
            OLD.run(&place.destination, None).await.expect("the old table");
            let plan = Plan::new(nth, fault);
            let outcome = new.run(&Poor::over(&Faulty::over(&place.destination, &plan)), None).await;
            if !plan.met() {
                outcome.expect("a run without a fault");
                break;
            }
            cases += 1;
            check_after_fault(&place, Some(&OLD), &new, &new.ids());
            let next =
                if may_delete { Arc::clone(&place.destination) } else { Poor::over(&place.destination) };
            let manifest = again.run(&next, None).await.expect("the next run");
            assert_eq!(place.ids(&manifest), again.ids(), "{fault:?} {nth}");
            assert_eq!(place.manifest().as_ref(), Some(&manifest));
            assert_eq!(listed(&place), again.ids(), "{fault:?} {nth}: a lister reads other rows");
            if may_delete {
                place.assert_tidy(&manifest);
            } else {
                assert_eq!(manifest.files.len(), 5);
            }
        }
    }
    println!("without the right to delete: {cases} cases");
}

#[tokio::test]
async fn appending_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Append };
    let again = Export { run_id: "0a0a0a03", first: 2000, parts: 2, if_exists: IfExists::Append };
    println!("append: {} cases", Box::pin(walk_faults(Some(OLD), new, again)).await);
}

#[tokio::test]
async fn the_wrapper_itself_keeps_the_contract() {
    let place = Place::new();
    let plan = Plan::new(usize::MAX, Fault::Before);
    let faulty = Faulty::over(&place.destination, &plan);
    conformance::check(faulty.as_ref()).await.expect("contract");
}

#[tokio::test]
async fn a_stream_that_fails_leaves_the_old_table() {
    for old in [None, Some(OLD)] {
        let place = Place::new();
        if let Some(old) = &old {
            old.run(&place.destination, None).await.expect("the old table");
        }
        let before = place.names();
        let new = Export { run_id: "0a0a0a02", first: 1000, parts: 3, if_exists: IfExists::Overwrite };
        let error = new.run(&place.destination, Some(2)).await.expect_err("the source failed");
        assert_eq!(error.message(), "the source failed");
        assert_eq!(place.names(), before, "nothing is left, and nothing is missing");
        if let Some(old) = old {
            assert_eq!(place.ids(&place.manifest().expect("manifest")), old.ids());
        }
    }
}

#[tokio::test]
async fn a_table_without_rows_and_no_table_at_all_are_commits() {
    let place = Place::new();
    let export = Export { run_id: "0a0a0a02", first: 0, parts: 1, if_exists: IfExists::Overwrite };
    OLD.run(&place.destination, None).await.expect("the old table");
    let transaction = begin(&place.destination, "r", IfExists::Overwrite).await.unwrap();
    assert_eq!(transaction.previous().expect("old").files.len(), 5);
    let target = export.target(&place.destination, 0);
    let empty = write_empty(&export.batch(0).schema(), &target, &WriterSettings::default()).await.unwrap();
    let files = empty.files;
    let manifest = commit(transaction, files, export.manifest()).await.expect("commit");
    assert_eq!((manifest.rows, manifest.files.len(), manifest.run_id.as_str()), (0, 1, "r"));
    assert!(place.ids(&manifest).is_empty());
    place.assert_tidy(&manifest);

    let transaction = begin(&place.destination, "r2", IfExists::Overwrite).await.unwrap();
    let manifest = commit(transaction, vec![], export.manifest()).await.expect("commit");
    place.assert_tidy(&manifest);
}

#[tokio::test]
async fn what_is_there_is_respected() {
    let begin = async |place: &Place, if_exists| begin(&place.destination, "r", if_exists).await.map(drop);
    let place = Place::new();
    fs::create_dir_all(place.dir()).unwrap();
    fs::write(place.dir().join("_SUCCESS"), b"").unwrap();
    begin(&place, IfExists::Error).await.expect("nothing is there");
    fs::write(place.dir().join("part-00009.parquet"), b"x").unwrap();
    fs::write(place.dir().join("notes.txt"), b"x").unwrap();
    assert_eq!(begin(&place, IfExists::Error).await.expect_err("there").kind(), ErrorKind::Data);
    let error = begin(&place, IfExists::Overwrite).await.expect_err("not ours");
    let text = format!("{error:?}");
    assert!(text.contains("notes.txt, part-00009.parquet") && text.contains("--if-exists append"), "{text}");

    let append = Export { run_id: "0a0a0a02", first: 0, parts: 2, if_exists: IfExists::Append };
    let manifest = append.run(&place.destination, None).await.expect("append beside files of others");
    assert_eq!(place.ids(&manifest), append.ids());
    assert!(place.names().contains("notes.txt") && place.names().contains("part-00009.parquet"));
    let error = append.run(&place.destination, None).await.expect_err("the same names");
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(place.manifest(), Some(manifest.clone()), "untouched");
    fs::remove_file(place.dir().join(&manifest.files[0].name)).unwrap();
    let error = begin(&place, IfExists::Append).await.expect_err("a file is missing");
    assert!(error.message().contains("missing"), "{error}");
    assert!(!place.names().contains(LOCK), "a lock is given back after an error");
}

/// The same run, another table: on a disk that ignores case, or after a mistake of ours, in one directory.
#[tokio::test]
async fn b1_the_manifest_of_another_table_is_not_finished_work() {
    let place = Place::new();
    let manifest = OLD.run(&place.destination, None).await.expect("the old table");
    let begin =
        async |owner: Owner, if_exists| begin_as(&place.destination, OLD.run_id, if_exists, &owner).await;
    let again = begin(owner(), IfExists::Error).await.expect("its own work");
    assert_eq!(again.finished(), Some(&manifest));
    again.release().await;
    let other = Owner { table: TableRef { name: "T".into(), ..owner().table }, ..owner() };
    for owner in [other, Owner { is_query: true, ..owner() }] {
        for if_exists in [IfExists::Overwrite, IfExists::Append, IfExists::Error] {
            let error = begin(owner.clone(), if_exists).await.map(drop).expect_err("another's");
            assert_eq!(error.kind(), ErrorKind::Data, "{if_exists:?}");
        }
        let transaction = begin(owner, IfExists::Replace).await.expect("it may");
        assert!(transaction.finished().is_none());
        transaction.release().await;
    }
    assert_eq!(place.manifest(), Some(manifest), "untouched");
}

#[tokio::test]
async fn appending_other_columns_is_refused() {
    let place = Place::new();
    OLD.run(&place.destination, None).await.expect("the old table");
    let before = place.names();
    let transaction = begin(&place.destination, "r", IfExists::Append).await.unwrap();
    let mut other = OLD.manifest();
    other.columns.pop();
    let error = commit(transaction, vec![], other).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(place.names(), before);
}

#[tokio::test]
async fn documents_that_cannot_be_understood_stay() {
    let place = Place::new();
    let manifest = OLD.run(&place.destination, None).await.expect("the old table");
    let good = serde_json::to_value(&manifest).unwrap();
    let changed = |key: &str, value: serde_json::Value| {
        let mut document = good.clone();
        *document.pointer_mut(key).expect("key") = value;
        document.to_string()
    };
    let wrong = [
        "{".to_owned(),
        String::new(),
        "{}".to_owned(),
        changed("/format_version", (FORMAT_VERSION_OF_LOGS + 1).into()),
        changed("/files/0/name", "../../x".into()),
        changed("/files/0/name", "_lock".into()),
        changed("/files/0/name", "a/b".into()),
        changed("/files/1/name", good["files"][0]["name"].clone()),
    ];
    for text in wrong {
        for (name, content) in [
            (MANIFEST, text.clone()),
            (INTENT, text.clone()),
            (
                INTENT,
                format!(
                    r#"{{"format_version":1,"run_id":"x","uploads":[],"deletes":["../x"],"manifest":{good}}}"#
                ),
            ),
            (
                INTENT,
                format!(
                    r#"{{"format_version":1,"run_id":"x","uploads":[],"deletes":["part-00000.parquet"],"manifest":{good}}}"#
                ),
            ),
        ] {
            let path = place.dir().join(name);
            let before = fs::read(&path).ok();
            fs::write(&path, &content).unwrap();
            for if_exists in [IfExists::Overwrite, IfExists::Append, IfExists::Error] {
                let begun = begin(&place.destination, "r", if_exists).await;
                let error = begun.map(drop).expect_err("refused");
                assert_eq!(error.kind(), ErrorKind::Data, "{error:?}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), content, "left as it was");
            match before {
                Some(before) => fs::write(&path, before).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
        }
    }
    assert_eq!(place.ids(&place.manifest().expect("manifest")), OLD.ids());
}

/// The old table, and `new` on top of it as far as it came when it died: the first state with an
/// intent that `is_it`, searched from call `from` on, and the call it died at.
async fn died_in_phase_two(
    new: &Export,
    from: usize,
    is_it: impl Fn(&BTreeSet<String>) -> bool,
) -> (Place, usize) {
    for nth in from.. {
        let place = Place::new();
        OLD.run(&place.destination, None).await.expect("the old table");
        let plan = Plan::new(nth, Fault::DiesBefore);
        let faulty = Faulty::over(&place.destination, &plan);
        new.run(&faulty, None).await.expect_err("died");
        let names = place.names();
        if names.contains(INTENT) && is_it(&names) {
            return (place, nth);
        }
    }
    unreachable!("the loop has no end")
}

/// The process that finishes another's commit may fail or die too.
#[tokio::test]
async fn rolling_forward_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
    let (mut cases, mut first) = (0, 1);
    for fault in FAULTS {
        for nth in 1.. {
            let (place, died_at) = died_in_phase_two(&new, first, |_| true).await;
            first = died_at;
            let plan = Plan::new(nth, fault);
            let faulty = Faulty::over(&place.destination, &plan);
            let outcome = roll_forward(faulty, DIR).await;
            if !plan.met() {
                outcome.expect("untouched");
                break;
            }
            cases += 1;
            outcome.expect_err("every call of it matters");
            check_after_fault(&place, Some(&OLD), &new, &new.ids());
            roll_forward(Arc::clone(&place.destination), DIR).await.expect("the next run");
            let manifest = place.manifest().expect("a manifest");
            assert_eq!(
                (manifest.run_id.as_str(), place.ids(&manifest)),
                (new.run_id, new.ids()),
                "{fault:?} {nth}"
            );
            let mut names = place.names();
            names.remove(LOCK);
            assert_eq!(names.len(), 3, "{names:?}");
        }
    }
    println!("roll forward: {cases} cases");
}

/// The run that wrote the intent could delete, the one that finishes it cannot: old rows are emptied, not left.
#[tokio::test]
async fn rolling_forward_without_the_right_to_delete_survives_every_fault() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
    let (mut cases, mut first) = (0, 1);
    for fault in FAULTS {
        for nth in 1.. {
            let (place, died_at) = died_in_phase_two(&new, first, |_| true).await;
            first = died_at;
            let plan = Plan::new(nth, fault);
            let outcome = roll_forward(Poor::over(&Faulty::over(&place.destination, &plan)), DIR).await;
            if !plan.met() {
                outcome.expect("untouched");
                break;
            }
            cases += 1;
            check_after_fault(&place, Some(&OLD), &new, &new.ids());
            roll_forward(Poor::over(&place.destination), DIR).await.expect("the next run");
            let manifest = place.manifest().expect("a manifest");
            assert_eq!((manifest.run_id.as_str(), place.ids(&manifest)), (new.run_id, new.ids()));
            assert_eq!(manifest.files.len(), 5, "{fault:?} {nth}");
            assert_eq!(listed(&place), new.ids(), "{fault:?} {nth}");
            OLD.run(&place.destination, None).await.expect("one that can delete");
            place.assert_tidy(&place.manifest().expect("a manifest"));
        }
    }
    println!("roll forward without the right to delete: {cases} cases");
}

#[tokio::test]
async fn an_intent_is_enough_also_when_the_tree_has_moved() {
    let new = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Overwrite };
    let (place, _) = died_in_phase_two(&new, 1, |names| !names.contains(MANIFEST)).await;
    let moved = place.temp.path().join("elsewhere");
    fs::rename(place.temp.path().join("s"), &moved).unwrap();
    let elsewhere: Arc<dyn Destination> = Arc::new(LocalDirectory::new(&moved).unwrap());
    let manifest = roll_forward(Arc::clone(&elsewhere), "t").await.expect("roll forward").expect("an intent");
    assert_eq!(manifest.run_id, new.run_id);
    assert_eq!(roll_forward(elsewhere, "t").await.expect("nothing to do"), None);
    fs::rename(&moved, place.temp.path().join("s")).unwrap();
    assert_eq!(place.ids(&manifest), new.ids());
}

#[tokio::test]
async fn one_run_writes_to_a_directory_at_a_time() {
    let place = Place::new();
    let first = begin(&place.destination, "run-one", IfExists::Overwrite).await.unwrap();
    let second = OLD.run(&place.destination, None).await.expect_err("locked");
    assert_eq!(second.kind(), ErrorKind::Unavailable);
    assert!(second.to_string().contains("run-one"), "{second}");
    drop(first);
    OLD.run(&place.destination, None).await.expect("free again");
}
