//! Files that the parquet crate writes, on a local disk.

mod files;
mod property;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::destination::{self, Address, Destination};

/// A directory for the files of one table.
struct Lake {
    dir: tempfile::TempDir,
    destination: Arc<dyn Destination>,
}

impl Lake {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let location = dir.path().to_str().expect("a path").to_owned();
        Self { destination: destination::open(&Address::Location(location)).expect("a destination"), dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, content).expect("written");
    }

    /// Writes a file of these rows.
    fn write(&self, name: &str, batch: &RecordBatch, properties: WriterProperties) {
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a writer");
        writer.write(batch).expect("written");
        writer.close().expect("closed");
        self.put(name, &bytes);
    }

    fn place(&self) -> Place {
        Place {
            destination: Arc::clone(&self.destination),
            directory: String::new(),
            file: None,
            above: Vec::new(),
            shown: "lake".into(),
        }
    }

    async fn explain(&self, sql: &str) -> Result<Layout> {
        explain(&self.place(), sql).await
    }

    async fn explained(&self, sql: &str) -> Layout {
        self.explain(sql).await.expect(sql)
    }
}
