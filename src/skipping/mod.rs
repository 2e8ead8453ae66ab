//! What a reader that uses all the statistics of a table's files skips for a condition, and why it reads the rest.
//!
//! ```text
//! place -> files -> (footer, page index, Bloom filters of each) -> what is skipped
//!                      ^
//! SQL -> plan::condition -> terms: what statistics can decide
//! ```
//!
//! No value of a column is read. Nothing that may hold a matching row is ever counted as skipped: what is not known is
//! read (`tests/property.rs` compares with the rows themselves).

mod bloom;
mod bounds;
mod columns;
mod files;
mod keys;
mod layout;
mod look;
mod pages;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use self::columns::schema_of;
use self::files::{Found, find};
use self::look::{Asked, look};
use self::terms::Test;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::manifest::PartitionColumn;
use crate::plan::condition::Condition;
use crate::verify::file::StoredFile;

pub use self::files::Place;
pub use self::layout::{Amount, By, Count, FileLayout, GroupRead, Layout, PageCount};

/// Files that are looked at at once.
const FILES_AT_ONCE: usize = 8;

/// What a reader skips of the files at `place` for the rows of the condition `sql`.
///
/// # Errors
/// `Usage` when there are no files, or for a condition that cannot be; `Data` when a file cannot be understood or has other
/// columns than the others; those of the destination.
pub async fn explain(place: &Place, sql: &str) -> Result<Layout> {
    let (files, manifest) = find(place).await?;
    let Some(first) = files.first() else { return Err(Error::internal("no files were found")) };
    check_keys(first, &files)?;
    let footer = stored(place, first).footer().await.map_err(|error| error.with("file", &first.name))?;
    let schema = schema_of(&footer)?;
    let declared = manifest.as_ref().map_or(&[][..], |manifest| &manifest.partition_by);
    let typed = key_types(first, &files, declared);
    let (condition, typed) = condition(sql, &schema, typed).await?;
    let names: BTreeSet<&str> = condition.predicate().column_refs().iter().map(|c| c.name.as_str()).collect();
    let is_key = |name: &str| typed.iter().any(|(key, _)| key == name);
    let (keys, used): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| is_key(name));
    let (keys, used): (Vec<String>, Vec<String>) =
        (keys.into_iter().map(str::to_owned).collect(), used.into_iter().map(str::to_owned).collect());
    let columns: Vec<Field> = schema
        .fields()
        .iter()
        .filter(|field| !is_key(field.name()))
        .map(|field| field.as_ref().clone())
        .collect();
    let columns = Arc::new(Schema::new(columns));
    let test = if keys.is_empty() { Some(Test::of(&condition, &columns, &[])?) } else { None };
    let asked = Asked { columns, test, used: used.clone(), first: (first.name.clone(), schema), condition };
    let looks = files.iter().map(|found| {
        let (asked, typed) = (&asked, &typed);
        async move {
            let values = key_values(found, typed)?;
            let looked = look(asked, stored(place, found), found, &values);
            // What a damaged file does to the decoder must not end the program.
            let looked = AssertUnwindSafe(looked).catch_unwind().await;
            let damaged = |_| Error::data("the file cannot be understood").coded(Code::FileDamaged);
            looked.map_err(damaged).flatten().map_err(|error| error.with("file", &found.name))
        }
    });
    let listed: Vec<FileLayout> = stream::iter(looks).buffered(FILES_AT_ONCE).try_collect().await?;
    Ok(Layout {
        place: place.shown.clone(),
        condition: sql.to_owned(),
        columns: used,
        keys,
        manifest: manifest.is_some(),
        ..summed(listed)
    })
}

fn stored(place: &Place, found: &Found) -> StoredFile {
    let destination = Arc::clone(&place.destination);
    StoredFile { destination, path: found.object.path.clone(), bytes: found.object.bytes }
}

/// All files lie in directories of the same keys.
fn check_keys(first: &Found, files: &[Found]) -> Result<()> {
    let names = |found: &Found| found.keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let shown = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let expected = names(first);
    match files.iter().find(|found| names(found) != expected) {
        None => Ok(()),
        Some(other) => Err(Error::data(format!(
            "the files lie in directories of different keys: {} and {}",
            shown(&expected),
            shown(&names(other))
        ))
        .coded(Code::SchemasDiffer)
        .with("file", &first.name)
        .with("other file", &other.name)
        .hint("name a directory with the files of one table, or one of its files")),
    }
}

/// The keys of the directories, each with its type: that of the manifest, otherwise the one that all values have.
fn key_types(first: &Found, files: &[Found], declared: &[PartitionColumn]) -> Vec<(String, DataType)> {
    let typed = first.keys.iter().enumerate().map(|(at, (key, _))| {
        let values = files.iter().filter_map(move |found| found.keys.get(at)?.1.as_deref());
        let declared = declared.iter().find(|column| column.name == *key);
        let declared = declared.and_then(|column| keys::declared(&column.arrow_type, values.clone()));
        (key.clone(), declared.unwrap_or_else(|| keys::type_of(values)))
    });
    typed.collect()
}

/// The condition, and the types that the keys have in it: texts where it needs them to be.
async fn condition(
    sql: &str,
    schema: &SchemaRef,
    typed: Vec<(String, DataType)>,
) -> Result<(Condition, Vec<(String, DataType)>)> {
    let at = clock::moment();
    let with = |typed: &[(String, DataType)]| {
        let is_key = |name: &str| typed.iter().any(|(key, _)| key == name);
        let mut fields: Vec<Field> = schema
            .fields()
            .iter()
            .filter(|field| !is_key(field.name()))
            .map(|f| f.as_ref().clone())
            .collect();
        fields.extend(typed.iter().map(|(key, data_type)| Field::new(key, data_type.clone(), true)));
        Arc::new(Schema::new(fields))
    };
    let error = match Condition::of(sql, &with(&typed), at).await {
        Ok(condition) => return Ok((condition, typed)),
        Err(error) => error,
    };
    let texts: Vec<(String, DataType)> = typed.iter().map(|(key, _)| (key.clone(), DataType::Utf8)).collect();
    if texts != typed
        && matches!(error.code(), Code::MeaningDiffers | Code::SqlTypes)
        && let Ok(condition) = Condition::of(sql, &with(&texts), at).await
    {
        return Ok((condition, texts));
    }
    Err(error)
}

/// The values that the directories of a file give.
fn key_values(found: &Found, typed: &[(String, DataType)]) -> Result<Vec<(String, ScalarValue)>> {
    let values = found.keys.iter().zip(typed).map(|((key, text), (_, data_type))| {
        let value = keys::value_of(text.as_deref(), data_type);
        let value = value.ok_or_else(|| Error::internal("a directory's value has not the type of its key"));
        Ok((key.clone(), value?))
    });
    values.collect()
}

/// The sums over all files.
fn summed(listed: Vec<FileLayout>) -> Layout {
    let mut all = Layout {
        place: String::new(),
        condition: String::new(),
        columns: Vec::new(),
        keys: Vec::new(),
        manifest: false,
        files: Count::default(),
        row_groups: Count::default(),
        condition_pages: PageCount::default(),
        pages: PageCount::default(),
        rows: Amount::default(),
        column_bytes: Amount::default(),
        files_without_page_index: 0,
        undecided: Vec::new(),
        listed: Vec::new(),
    };
    for file in &listed {
        all.files.add(file.skipped_by);
        all.row_groups.sum(&file.row_groups);
        all.condition_pages.add(file.condition_pages);
        all.pages.add(file.pages);
        all.column_bytes.add(file.column_bytes);
        all.rows.add(Amount { total: file.rows, read: file.read.iter().map(|group| group.rows_read).sum() });
        all.files_without_page_index += u64::from(!file.page_index);
        for part in &file.undecided {
            if !all.undecided.contains(part) {
                all.undecided.push(part.clone());
            }
        }
    }
    all.listed = listed;
    all
}
