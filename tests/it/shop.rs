//! A small database of which not every table can be exported, and a place for what its exports leave.

use std::ffi::OsStr;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::lake::Run;
use crate::server::PgServer;

/// A database whose table `bad` cannot be exported until it is mended; `good` has 1,000 rows.
pub(crate) struct Shop {
    pub(crate) db: String,
    pub(crate) url: String,
    pub(crate) home: TempDir,
}

impl Shop {
    /// The database `db` with what `more` makes besides.
    pub(crate) fn with(db: &str, more: &str) -> Self {
        let server = PgServer::shared();
        let url = server.create_db(db);
        let tables = "CREATE TABLE bad (id integer, price numeric(5,2)); INSERT INTO bad VALUES (1, 'NaN');
            CREATE TABLE good AS SELECT g AS id, repeat('x', 50) AS label FROM generate_series(1, 1000) g;";
        server.sql(db, &format!("{tables} {more}; ANALYZE"));
        Self { db: db.to_owned(), url, home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn mend(&self) {
        PgServer::shared().sql(&self.db, "UPDATE bad SET price = 1.5");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("lake")
    }

    /// A run of the program, whose run log outlives it.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::new(args).env("XDG_STATE_HOME", self.path("state")).current_dir(self.home.path())
    }

    /// An export by URL, with the default run log.
    pub(crate) fn export(&self, more: &[&str]) -> Run {
        let out = self.out();
        self.run(["export", "--source", &self.url, "--output-dir", out.to_str().unwrap()]).args(more)
    }
}
