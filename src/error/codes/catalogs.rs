//! Pages: catalogs of tables.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Catalogs", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::CatalogUnreachable,
        kinds: &[ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the catalog cannot be opened or written",
        happened: "The database or file of the catalog is locked by another program, is full, or may not be written. \
            Nothing was published.",
        remedies: &[
            "Check the URL or the entry of `--to`.",
            "Give this user the right to write the file and its directory, and make room on the disk.",
            "Run `lakexpress publish` again: it may be repeated.",
        ],
    },
    Page {
        code: Code::CatalogUnfit,
        kinds: &[ErrorKind::Config],
        title: "the database is no DuckLake catalog that is understood",
        happened: "The catalog has another version than 1.0, its files are encrypted, the file is no SQLite database, or \
            the database is of a kind that holds no catalog.",
        remedies: &[
            "Name another SQLite file or PostgreSQL database with `--to`; a catalog is made where there is none.",
            "Have DuckDB bring an older catalog to version 1.0.",
        ],
    },
    Page {
        code: Code::CatalogTable,
        kinds: &[ErrorKind::Data],
        title: "a table cannot be published in the catalog",
        happened: "The catalog has a table or view of this name that another program made or changed, or that was \
            published from another place; or the files are those of a plain table, which the next run replaces under the \
            same names; or two tables have names that differ in case only. Nothing was published.",
        remedies: &[
            "Drop the table in the catalog if nobody needs it, and publish again.",
            "Export with `--format delta` into a new directory.",
            "Publish into another catalog.",
        ],
    },
];
