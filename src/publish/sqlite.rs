//! A catalog in a SQLite file.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Error as SqliteError;

use super::database::Connect;
use super::layout::Kind;
use crate::blocking::blocking;
use crate::client::Statements;
use crate::client::sqlite::{SqliteSession, Trouble, Unopened, to_write};
use crate::error::{Code, Error, ErrorKind, Result};

#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
}

impl File {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

#[async_trait]
impl Connect for File {
    fn kind(&self) -> Kind {
        Kind::Sqlite
    }

    fn location(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn connect(&self) -> Result<Box<dyn Statements>> {
        let path = self.path.clone();
        let connection = blocking(move || {
            to_write(&path).map_err(|error| match error {
                Unopened::TooManyFiles(error) => Error::unavailable("cannot open the catalog")
                    .coded(Code::CatalogUnreachable)
                    .caused_by(error),
                Unopened::Sqlite(error) => problem("cannot open the catalog", error),
            })
        })
        .await?;
        Ok(Box::new(SqliteSession::new(connection, |error| problem("cannot use the catalog", error))))
    }
}

fn problem(message: &str, error: SqliteError) -> Error {
    let (kind, hint) = match Trouble::of(&error) {
        Trouble::NoDatabase => {
            (ErrorKind::Config, "the file is not a SQLite database; name another one with --to")
        }
        Trouble::Damaged => {
            (ErrorKind::Config, "the file is damaged; restore it, or name another one with --to")
        }
        Trouble::Refused | Trouble::ReadOnly | Trouble::Unfinished | Trouble::Unopened => {
            (ErrorKind::Denied, "check that the file and its directory are there and may be written")
        }
        Trouble::Locked => {
            (ErrorKind::Unavailable, "another program keeps the file locked; run again when it is done")
        }
        Trouble::Full => (ErrorKind::Unavailable, "the disk is full; make room"),
        Trouble::Disk | Trouble::Short | Trouble::Lockless => {
            (ErrorKind::Unavailable, "the disk refused; the file must lie on a local file system")
        }
        Trouble::Stopped | Trouble::NoModule(_) | Trouble::Statement => {
            return Error::config(message)
                .coded(Code::CatalogUnfit)
                .hint("its tables are not those of a DuckLake catalog of version 1.0")
                .caused_by(error);
        }
    };
    let code = if kind == ErrorKind::Config { Code::CatalogUnfit } else { Code::CatalogUnreachable };
    Error::new(kind, message).coded(code).hint(hint).caused_by(error)
}
