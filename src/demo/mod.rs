//! A database out of nothing: TPC-H in a SQLite file, and a question to the Parquet files made of it.
//!
//! The same scale gives the same rows on every machine.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use rusqlite::{Connection, Transaction, params_from_iter};
use serde::Serialize;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

use crate::error::{Code, Error, Result};

/// The tables, in the order they are filled.
pub const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// The question that [`ask`] is asked: a script of `sql/examples/`.
pub const QUESTION: &str = include_str!("../../sql/examples/revenue_by_nation.sql");

/// The rows of an answer, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

/// Makes the directory and returns its absolute path.
///
/// # Errors
/// Usage when there is something in it, so that nobody's files are mixed with the demo's.
pub fn make_dir(dir: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| {
        Error::usage("cannot make the demo's directory")
            .coded(Code::Demo)
            .with("path", dir.display())
            .caused_by(error)
            .hint("name another with --dir")
    };
    let taken = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(error)),
    };
    if taken {
        return Err(Error::usage("the demo's directory exists and is not empty")
            .coded(Code::Demo)
            .with("path", dir.display())
            .hint("remove it, or name another with --dir"));
    }
    std::fs::create_dir_all(dir).map_err(failed)?;
    std::fs::canonicalize(dir).map_err(failed)
}

/// Writes the tables at `scale` into a new SQLite file; blocks. Returns the number of rows.
///
/// # Errors
/// Unavailable when the file cannot be written.
pub fn make_database(path: &Path, scale: f64) -> Result<u64> {
    fill(path, scale).map_err(|error| {
        Error::unavailable("cannot write the demo's database")
            .coded(Code::Demo)
            .with("path", path.display())
            .caused_by(error)
    })
}

fn fill(path: &Path, scale: f64) -> rusqlite::Result<u64> {
    let mut connection = Connection::open(path)?;
    // A demo that is interrupted is begun again: nothing here is worth a journal.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let all = connection.transaction()?;
    all.execute_batch(include_str!("tables.sql"))?;
    let mut rows = 0;
    rows += insert(&all, "region", RegionGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "nation", NationGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "supplier", SupplierGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "customer", CustomerGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "part", PartGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "partsupp", PartSuppGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "orders", OrderGenerator::new(scale, 1, 1).iter())?;
    rows += insert(&all, "lineitem", LineItemGenerator::new(scale, 1, 1).iter())?;
    all.commit()?;
    // Estimates for those who plan over these tables.
    connection.execute_batch("ANALYZE; PRAGMA journal_mode = DELETE;")?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(rows)
}

/// Inserts rows that print themselves as TPC-H does: every value followed by `|`. SQLite turns the texts into
/// the values that the columns' declared types prefer.
fn insert(
    into: &Transaction<'_>,
    table: &str,
    rows: impl Iterator<Item = impl Display>,
) -> rusqlite::Result<u64> {
    let columns: usize =
        into.query_row("SELECT count(*) FROM pragma_table_info(?1)", [table], |row| row.get(0))?;
    let marks = vec!["?"; columns].join(", ");
    let mut statement = into.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
    let mut count = 0;
    for row in rows {
        let text = row.to_string();
        statement.execute(params_from_iter(text.trim_end_matches('|').split('|')))?;
        count += 1;
    }
    Ok(count)
}

/// Asks the Parquet files below `lake`, one directory per table, with DataFusion.
///
/// # Errors
/// Internal when the files are not those of the demo.
pub async fn ask(lake: &Path, question: &str) -> Result<Answer> {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    let context = SessionContext::new_with_config(config);
    for table in TABLES {
        // The trailing slash says that it is a directory; only *.parquet in it are read.
        let directory = format!("{}/", lake.join(table).display());
        context.register_parquet(table, directory, ParquetReadOptions::default()).await?;
    }
    let batches = context.sql(question).await?.collect().await?;
    let schema = batches.first().map(|batch| batch.schema());
    let columns = schema.iter().flat_map(|s| s.fields().iter().map(|f| f.name().clone())).collect();
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in &batches {
        let cells: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| Error::internal("cannot print the answer").caused_by(error))?;
        rows.extend(
            (0..batch.num_rows()).map(|row| cells.iter().map(|c| c.value(row).to_string()).collect()),
        );
    }
    Ok(Answer { columns, rows })
}
