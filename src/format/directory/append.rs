//! Whether files can be added to those that are there.

use std::collections::{BTreeSet, HashSet};

use super::shown::shown;
use crate::error::{Code, Error, Result};
use crate::manifest::{FileEntry, Manifest, ManifestColumn, PartitionColumn};
use crate::readers::Readers;
use crate::sink::PreparedFile;
use crate::spec::layout::directories;

/// Files that are added must not replace others, and must have the columns that the others have.
pub(in crate::format) fn check_append(
    old: Option<&Manifest>,
    visible: &HashSet<String>,
    files: &[PreparedFile],
    manifest: &mut Manifest,
) -> Result<()> {
    if let Some(file) = files.iter().find(|file| visible.contains(&file.entry.name)) {
        return Err(Error::data("a file of this name is there already")
            .coded(Code::AppendDiffers)
            .with("file", &file.entry.name)
            .hint("--if-exists append never replaces a file; run it again under a new run id"));
    }
    let Some(old) = old else { return Ok(()) };
    same_columns(old, &manifest.columns)?;
    if old.readers != manifest.readers {
        tracing::warn!(
            path = %shown(&manifest.table.to_string()),
            "the files that are there are for --readers {}, those that are added for --readers {}: the table is for \
             readers that take both",
            old.readers,
            manifest.readers
        );
        let has_forms = manifest.columns.iter().any(|column| column.form.is_some());
        manifest.readers = match old.readers.common(&manifest.readers) {
            Some(common) => common,
            None if has_forms => old.readers.clone(),
            None => Readers::Modern,
        };
    }
    same_directories(&old.files, files)?;
    if old.table_version.is_some() {
        same_partitions(old, manifest)?;
    }
    for (column, before) in manifest.columns.iter_mut().zip(&old.columns) {
        column.nullable |= before.nullable;
    }
    Ok(())
}

fn same_columns(old: &Manifest, added: &[ManifestColumn]) -> Result<()> {
    // Text of one type is no text of another.
    fn value(column: &ManifestColumn) -> (&str, &str, Option<&str>) {
        let kind = column.value_type.as_ref().unwrap_or(&column.arrow_type);
        (&column.name, kind, column.crs.as_deref())
    }
    let same = |a: &ManifestColumn, b: &ManifestColumn| {
        value(a) == value(b) && (&a.arrow_type, a.form.is_some()) == (&b.arrow_type, b.form.is_some())
    };
    let error = Error::data("the table's columns differ from those of the files that are there")
        .coded(Code::AppendDiffers);
    let Some((there, added)) = old.columns.iter().zip(added).find(|(old, added)| !same(old, added)) else {
        if old.columns.len() == added.len() {
            return Ok(());
        }
        let error = error.with("columns there", old.columns.len()).with("columns added", added.len());
        return Err(error.hint(OTHER_COLUMNS));
    };
    let described = |column: &ManifestColumn| match (&column.value_type, &column.form) {
        (Some(kind), _) => format!("{} {}, as {}", column.name, kind, column.arrow_type),
        (None, Some(_)) => format!("{} JSON, as plain text", column.name),
        (None, None) => format!("{} {}", column.name, column.arrow_type),
    };
    let error = error.with("there", described(there)).with("added", described(added));
    Err(if value(there) == value(added) {
        error.hint(format!(
            "add to the files that are there with --readers {}, for which they are",
            old.readers
        ))
    } else {
        error.hint(OTHER_COLUMNS)
    })
}

/// A log has one list of partitions for all files, whatever rows they have.
fn same_partitions(old: &Manifest, added: &Manifest) -> Result<()> {
    if old.partition_by == added.partition_by {
        return Ok(());
    }
    let shown = |keys: &[PartitionColumn]| match keys {
        [] => "none".to_owned(),
        keys => keys.iter().map(PartitionColumn::item).collect::<Vec<_>>().join(", "),
    };
    Err(Error::data("the table has other partitions than those to be added")
        .coded(Code::AppendDiffers)
        .with("there", shown(&old.partition_by))
        .with("added", shown(&added.partition_by))
        .hint(
            "export with the --partition-by that made the table, or --if-exists overwrite, which replaces it",
        ))
}

const OTHER_COLUMNS: &str =
    "--if-exists append needs the same columns; use --columns, or another --output-dir";

/// Readers take the directories of a table for columns, so that all its rows must lie in directories of the same keys,
/// or all in none.
fn same_directories(old: &[FileEntry], added: &[PreparedFile]) -> Result<()> {
    fn of<'f>(entries: impl Iterator<Item = &'f FileEntry>) -> BTreeSet<String> {
        // A file without rows is a table's only one, wherever its rows will lie.
        entries.filter(|entry| entry.rows > 0).map(|entry| directories(&entry.name)).collect()
    }
    let (old, added) = (of(old.iter()), of(added.iter().map(|file| &file.entry)));
    if old.is_empty() || added.is_subset(&old) {
        return Ok(());
    }
    let shown = |of: &BTreeSet<String>| match of.iter().filter(|d| !d.is_empty()).cloned().collect::<Vec<_>>()
    {
        named if named.is_empty() => "none".to_owned(),
        named => named.join(", "),
    };
    Err(Error::data("the files that are there lie in other directories than those to be added")
        .coded(Code::AppendDiffers)
        .with("there", shown(&old))
        .with("added", shown(&added))
        .hint("export with the method that made those that are there, or use another --output-dir or --sub-path"))
}
