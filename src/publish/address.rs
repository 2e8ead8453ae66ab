//! Where a catalog is.

use std::path::PathBuf;

use super::database::Connect;
use super::{postgres, sqlite};
use crate::client::Address;
use crate::error::{Code, Error, Result};

/// Where a catalog is.
#[derive(Debug, Clone)]
pub enum CatalogAddress {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a server.
    Server(Address),
}

impl CatalogAddress {
    /// From a URL: `sqlite:FILE`, `sqlite:///FILE`, or the URL of a server.
    ///
    /// # Errors
    /// `Usage` for what is no URL, and for one that names no file.
    pub fn of_url(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(Error::usage("--to sqlite: names no file")
                    .coded(Code::FlagValue)
                    .hint("--to sqlite:FILE, or sqlite:///path/to/file"));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let url = text.parse().map_err(|error: url::ParseError| {
            Error::usage("--to is no URL").coded(Code::FlagValue).caused_by(error)
        })?;
        Ok(Self::Server(Address::Url(url)))
    }

    /// Checks the address; does not connect yet.
    pub(super) fn open(&self) -> Result<Box<dyn Connect>> {
        let address = match self {
            Self::Sqlite(path) => return Ok(Box::new(sqlite::File::new(path))),
            Self::Server(address) => address,
        };
        let kind = match address {
            Address::Url(url) => url.scheme(),
            Address::Entry { kind, .. } => kind,
        };
        if postgres::NAMES.contains(&kind) {
            return Ok(Box::new(postgres::Server::new(address)?));
        }
        Err(Error::config(format!("'{kind}' cannot hold a DuckLake catalog"))
            .coded(Code::CatalogUnfit)
            .hint("name a SQLite file or a PostgreSQL database"))
    }
}
