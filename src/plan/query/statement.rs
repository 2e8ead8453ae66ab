//! A query of a script as a value, and where it stands in the text.

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::catalog::{SourceSql, TableRef};
use crate::error::{Code, Error, Result};
use crate::spec::is_connection_string;

/// Schema directory of queries' results.
pub const QUERY_SCHEMA: &str = "query";

/// A query to export, parsed.
#[derive(Debug, Clone)]
pub struct QueryStatement {
    /// What its export is called: the directory `query/<name>`.
    pub name: String,
    /// The query as SQL.
    pub sql: String,
    /// The tables it reads, CTEs left out, unquoted names in lower case.
    pub(super) tables: Vec<TableReference>,
    pub(super) statement: Statement,
    pub(super) text: Text,
    /// Keys of partitions of its files, as SQL: `PARTITIONED BY`.
    pub partitioned_by: Option<String>,
    /// The query, where it is in the source's own SQL: `statement` then reads all that it gives.
    pub source_sql: Option<SourceSql>,
}

impl QueryStatement {
    /// The table that its export is recorded as.
    pub fn table(&self) -> TableRef {
        TableRef { schema: QUERY_SCHEMA.into(), name: self.name.clone() }
    }
}

/// Where a statement stands, for messages.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// The file; none for a query on the command line.
    pub(super) origin: Option<String>,
    pub(super) name: String,
    pub(super) start: Location,
    /// Words of the statement as the planner sees them: lower case unless quoted.
    pub(super) words: Vec<(String, Location)>,
}

impl Text {
    /// Adds the file and a position to an error: the one given, else where one of `names` first stands,
    /// else the statement's beginning.
    pub(super) fn place(&self, error: Error, at: Option<Location>, names: &[&str]) -> Error {
        let named = |name: &&str| {
            let found = self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(name));
            found.map(|(_, location)| *location)
        };
        let at = at.or_else(|| names.iter().find_map(named)).unwrap_or(self.start);
        placed(error, self.origin.as_deref(), at).with("query", &self.name)
    }
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if is_connection_string(name) {
        return Err(Error::usage("the name of an export is a connection string with a password")
            .coded(Code::NotOneQuery)
            .hint("name the export with --name, a database with --source"));
    }
    let wrong = if name.trim().is_empty() {
        "the name of an export is empty"
    } else if name.contains(['/', '\\']) || name.to_lowercase().ends_with(".parquet") {
        "an export has a name, not a path"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("{wrong}: '{name}'")).coded(Code::NotOneQuery).hint(
        "the files go to <output-dir>/query/<name>/; choose the place with --output-dir and --sub-path",
    ))
}

pub(super) fn placed(error: Error, origin: Option<&str>, at: Location) -> Error {
    let error = match origin {
        Some(file) => error.with("file", file),
        None => error,
    };
    error.with("line", at.line).with("column", at.column)
}
