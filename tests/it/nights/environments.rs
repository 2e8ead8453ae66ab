//! Variables, profiles and entries as other programs set them.

mod aws;
mod directory;
mod empty;
mod hosts;
mod recorder;
mod table;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::lake::Run;

/// A directory with a small SQLite database, two tables, that is the home of those who run here.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        database(&home.path("shop.db"));
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file below `.aws`.
    fn aws(&self, name: &str, text: &str) {
        let path = self.path(".aws").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A run in this directory that sees nothing of this machine's own accounts.
    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut run = Run::new(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars() {
            let of_clouds = ["AWS_", "AZURE_", "GOOGLE_", "GCE_", "IDENTITY_"];
            if of_clouds.iter().any(|prefix| name.starts_with(prefix))
                || name.to_lowercase().ends_with("_proxy")
            {
                run = run.without_env(&name);
            }
        }
        run = run.env("HOME", self.dir.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    }
}

fn database(path: &Path) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');
             CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);",
        )
        .unwrap();
}
