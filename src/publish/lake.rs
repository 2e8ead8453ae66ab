//! Tables at the destination: locked, and what they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use parquet::arrow::parquet_to_arrow_schema;

use super::columns::{self, Column};
use crate::destination::{Destination, DirLock};
use crate::error::{Code, Error, Result};
use crate::format::{self, TableTarget};
use crate::manifest::{FileEntry, Manifest};
use crate::spec::Format;
use crate::spec::layout::below;
use crate::verify::{Scope, StoredFile, tables_at};

/// Footers that are read at once.
const FOOTERS: usize = 8;

/// The tables, which nobody else changes until they are released.
#[derive(Debug)]
pub(super) struct Lake {
    /// Where they are, without secrets and with a slash at the end.
    pub(super) base: String,
    pub(super) tables: Vec<Table>,
    locks: Vec<Box<dyn DirLock>>,
}

/// A table at the destination.
#[derive(Debug)]
pub(super) struct Table {
    /// Below the base.
    pub(super) directory: String,
    pub(super) manifest: Manifest,
    pub(super) columns: Vec<Column>,
}

impl Lake {
    /// Locks the tables of `scope` and reads what they are.
    pub(super) async fn lock(destination: &Arc<dyn Destination>, scope: &Scope) -> Result<Self> {
        let base = format!("{}/", destination.location().trim_end_matches('/'));
        let mut lake = Self { base, tables: Vec::new(), locks: Vec::new() };
        match lake.fill(destination, scope).await {
            Ok(()) => Ok(lake),
            Err(error) => {
                lake.release().await;
                Err(error)
            }
        }
    }

    async fn fill(&mut self, destination: &Arc<dyn Destination>, scope: &Scope) -> Result<()> {
        let mut names = HashMap::new();
        for directory in tables_at(destination, scope).await? {
            let at = below(&destination.location(), &directory);
            self.locks.push(
                destination.lock(&directory, "publish").await.map_err(|error| error.with("path", &at))?,
            );
            let table =
                table(destination, directory, scope).await.map_err(|error| error.with("path", &at))?;
            let name = table.manifest.table.full();
            // DuckDB takes names that differ in case only for one.
            if let Some(other) = names.insert(name.to_lowercase(), name.clone()) {
                return Err(Error::data(
                    "two tables have one name in a DuckLake catalog, which ignores case",
                )
                .coded(Code::CatalogTable)
                .with("tables", format!("{other}, {name}"))
                .hint("publish the directory of one of them only"));
            }
            self.tables.push(table);
        }
        Ok(())
    }

    /// Gives the tables back.
    pub(super) async fn release(mut self) {
        for lock in self.locks.drain(..) {
            if let Err(error) = lock.release().await {
                tracing::warn!(%error, "a directory's lock was not given back");
            }
        }
    }

    /// The full path of a table's directory, with a slash at the end.
    pub(super) fn path(&self, table: &Table) -> String {
        format!("{}/", below(&self.base, &table.directory).trim_end_matches('/'))
    }
}

async fn table(destination: &Arc<dyn Destination>, directory: String, scope: &Scope) -> Result<Table> {
    let target = TableTarget { destination: Arc::clone(destination), directory };
    let Some(committed) = format::committed(&target).await? else {
        return Err(Error::data("the directory has no manifest, so nothing is committed in it")
            .coded(Code::FileMissing)
            .hint("run the export, or `lakexpress resume`, before it is published"));
    };
    let (manifest, directory) = (committed.manifest, target.directory);
    if manifest.table_version.map(|version| version.format) != Some(Format::Delta) {
        return Err(Error::data(
            "the table is one of plain files, which the next run replaces under the same names",
        )
        .coded(Code::CatalogTable)
        .with("table", &manifest.table)
        .hint("export it with --format delta into another directory: then older snapshots stay readable"));
    }
    if let Some(run) = scope.run_id.as_ref().filter(|run| **run != manifest.run_id) {
        return Err(Error::data("the table is that of another run")
            .coded(Code::CommittedMeanwhile)
            .with("table", &manifest.table)
            .with("wanted", run)
            .with("there", &manifest.run_id)
            .hint("the run that is named has not committed it, or another one has replaced it since; name the directory to publish what is there now"));
    }
    all_there(destination, &directory, &manifest).await?;
    let columns = columns_of(destination, &directory, &manifest).await?;
    Ok(Table { directory, manifest, columns })
}

async fn all_there(destination: &Arc<dyn Destination>, directory: &str, manifest: &Manifest) -> Result<()> {
    let listed = destination.list(directory).await?;
    let there: HashSet<(&str, u64)> =
        listed.iter().map(|object| (object.path.as_str(), object.bytes)).collect();
    for file in manifest.own_files() {
        if !there.contains(&(below(directory, &file.name).as_str(), file.bytes)) {
            return Err(Error::data("a file of the table is missing or has another size")
                .coded(Code::FileMissing)
                .with("file", &file.name)
                .hint("`lakexpress verify` says what else is not as the manifest says"));
        }
    }
    Ok(())
}

/// The columns by the footers, which all have to be alike.
async fn columns_of(
    destination: &Arc<dyn Destination>,
    directory: &str,
    manifest: &Manifest,
) -> Result<Vec<Column>> {
    let read = manifest.own_files().map(|file| async move {
        let columns = of_file(destination, directory, manifest, file).await;
        columns.map(|columns| (columns, file)).map_err(|error| error.with("file", &file.name))
    });
    let mut read = stream::iter(read.collect::<Vec<_>>()).buffered(FOOTERS);
    let mut found: Option<Vec<Column>> = None;
    while let Some((columns, file)) = read.try_next().await? {
        match &found {
            None => found = Some(columns),
            Some(first) if *first == columns => {}
            Some(_) => {
                return Err(Error::data("the files of the table have columns of other ids or types")
                    .coded(Code::AppendDiffers)
                    .with("file", &file.name)
                    .hint(
                        "the table of the source was made again; --if-exists overwrite replaces all files",
                    ));
            }
        }
    }
    found.ok_or_else(|| {
        Error::data("the table has no file, so nothing says its columns")
            .coded(Code::FileMissing)
            .hint("export it with --empty-tables write, which is the default")
    })
}

async fn of_file(
    destination: &Arc<dyn Destination>,
    directory: &str,
    manifest: &Manifest,
    file: &FileEntry,
) -> Result<Vec<Column>> {
    let (destination, path) = (Arc::clone(destination), below(directory, &file.name));
    let footer = StoredFile { destination, path, bytes: file.bytes }.footer().await?;
    let rows = footer.file_metadata().num_rows();
    if u64::try_from(rows) != Ok(file.rows) {
        return Err(Error::data("a file has another number of rows than the manifest says")
            .coded(Code::FileMissing)
            .with("rows", rows)
            .with("by the manifest", file.rows)
            .hint("`lakexpress verify` says what else is not as the manifest says"));
    }
    let schema = parquet_to_arrow_schema(footer.file_metadata().schema_descr(), None).map_err(|error| {
        Error::data("a footer cannot be understood").coded(Code::FileMissing).caused_by(error)
    })?;
    columns::of(manifest, &schema)
}
