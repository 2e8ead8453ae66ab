//! Every store but the local disk, each a real server that the tests start: SeaweedFS for S3, SeaweedFS behind
//! nginx for Google Cloud Storage, Azurite for Azure.

mod asleep;
pub(crate) mod azurite;
mod check;
pub(crate) mod conformance;
mod credentials;
mod faults;
pub(crate) mod gcs;
mod handed;
mod hostile;
pub(crate) mod http;
mod interrupted;
mod listing;
mod locks;
mod machine;
mod messages;
mod metadata;
mod mixed;
mod policy;
mod process;
pub(crate) mod proxy;
mod redirects;
mod rights;
mod roles;
pub(crate) mod seaweed;
mod secrets;
mod seed;
mod small;
pub(crate) mod standin;
mod tokens;
mod usage;
mod verified;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::lake::{Run, assert_tidy};

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 75;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;

/// An object of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) bytes: u64,
}

/// A store as the tests look at it, past the program. Keys are those of the one bucket of all tests.
pub(crate) trait Store: Sync {
    /// Every object whose key begins so, in order.
    fn list(&self, prefix: &str) -> Vec<Object>;

    /// The content of an object; none if there is none.
    fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Writes an object.
    fn put(&self, key: &str, content: &[u8]);

    /// Keys of the uploads that were neither completed nor aborted.
    fn uploads(&self, prefix: &str) -> Vec<String>;

    /// Every key that begins so, without what comes before its last `/`.
    fn names(&self, prefix: &str) -> Vec<String> {
        self.list(prefix).iter().map(|o| o.key.strip_prefix(prefix).unwrap().to_owned()).collect()
    }

    /// A JSON document; none if there is none, or nothing in it, as in an intent that could not be deleted.
    fn json(&self, key: &str) -> Option<Value> {
        self.get(key)
            .filter(|text| !text.is_empty())
            .map(|text| serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{key}: {e}")))
    }

    /// Copies everything below one prefix to below another one.
    fn copy(&self, from: &str, to: &str) {
        for object in self.list(from) {
            let content = self.get(&object.key).unwrap();
            self.put(&object.key.replacen(from, to, 1), &content);
        }
    }

    /// Downloads everything below a prefix, for readers that want files.
    fn download(&self, prefix: &str) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for object in self.list(prefix) {
            let path = dir.path().join(object.key.strip_prefix(prefix).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, self.get(&object.key).unwrap()).unwrap();
        }
        dir
    }

    /// Asserts that a table's directory (ending in `/`) holds its manifest and the files it names, and no more.
    #[track_caller]
    fn assert_tidy(&self, dir: &str) {
        assert_tidy(self.download(dir).path());
        assert_eq!(self.uploads(dir), [""; 0], "uploads are left");
    }

    /// The ids in the files of a table that has a manifest; none if it has none. Fails if a file is missing,
    /// of another size or CRC than the manifest says, or no Parquet.
    #[track_caller]
    fn ids(&self, dir: &str) -> Option<BTreeSet<i64>> {
        let manifest = self.json(&format!("{dir}_manifest.json"))?;
        let mut ids = BTreeSet::new();
        let mut rows = 0;
        for file in manifest["files"].as_array().unwrap() {
            let name = file["name"].as_str().unwrap();
            let content =
                self.get(&format!("{dir}{name}")).unwrap_or_else(|| panic!("{dir}{name} is not there"));
            assert_eq!(file["bytes"], content.len(), "{name}");
            let crc = format!("{:08x}", crc32fast::hash(&content));
            assert_eq!(file["crc32"], crc, "{name}");
            for batch in
                ParquetRecordBatchReaderBuilder::try_new(Bytes::from(content)).unwrap().build().unwrap()
            {
                let batch = batch.unwrap();
                rows += batch.num_rows();
                ids.extend(batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values());
            }
        }
        assert_eq!(rows, ids.len(), "rows twice in {dir}");
        assert_eq!(manifest["rows"], rows, "{dir}");
        Some(ids)
    }
}

/// A directory with an auth file, a SQLite database and whatever a test needs beside them.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    /// Without entries, and with an empty database.
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(place.auth(), "{}").unwrap();
        set_private(&place.auth());
        place.run("PRAGMA user_version = 1");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn auth(&self) -> PathBuf {
        self.path("auth.json")
    }

    /// Adds an entry to the auth file.
    pub(crate) fn entry(&self, id: &str, entry: Value) {
        let mut file: Value = serde_json::from_str(&fs::read_to_string(self.auth()).unwrap()).unwrap();
        file[id] = entry;
        // Runs under way may read it.
        let new = self.path("auth.json.new");
        fs::write(&new, serde_json::to_string_pretty(&file).unwrap()).unwrap();
        set_private(&new);
        fs::rename(new, self.auth()).unwrap();
    }

    /// Runs statements on the database.
    pub(crate) fn run(&self, sql: &str) {
        Connection::open(self.path("data.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// Fills table `t` anew with ids from 1 on. Some kilobytes per hundred rows that no codec makes smaller.
    pub(crate) fn fill(&self, rows: u64, bytes_per_row: u64) {
        self.run(&format!(
            "DROP TABLE IF EXISTS t;
             CREATE TABLE t (id INTEGER PRIMARY KEY, noise BLOB NOT NULL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO t SELECT i, randomblob({bytes_per_row}) FROM n WHERE i <= {rows};"
        ));
    }

    /// An export of the database to a storage of the auth file.
    pub(crate) fn export(&self, id: &str, more: &[&str]) -> Run {
        self.export_from(&format!("sqlite://{}", self.path("data.db").display()), id, more)
    }

    /// An export of `url` to a storage of the auth file.
    pub(crate) fn export_from(&self, url: &str, id: &str, more: &[&str]) -> Run {
        let mut run =
            Run::new(["export", "--source", url, "--target-storage-id", id, "-a"]).args([self.auth()]);
        run = run.args(more);
        self.at_home(run)
    }

    /// A run that sees nothing of this machine's own accounts.
    pub(crate) fn at_home(&self, mut run: Run) -> Run {
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
            run = run.without_env(name);
        }
        run.env("HOME", self.dir.path()).env("AWS_EC2_METADATA_DISABLED", "true")
    }
}

/// An auth file that others may read gets a warning.
fn set_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The ids of a table of so many rows.
pub(crate) fn ids(rows: u64) -> BTreeSet<i64> {
    (1..=rows as i64).collect()
}

/// A path of its own in a shared store.
pub(crate) fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}", NUMBER.fetch_add(1, Ordering::SeqCst))
}
