//! One file, and what a condition leaves of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{BooleanArray, UInt64Array};
use arrow_schema::SchemaRef;
use datafusion::common::ScalarValue;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::bloom;
use super::bounds::{Bounds, Containers, Leaf};
use super::columns::{check_same, leaf_of, schema_of};
use super::files::Found;
use super::layout::{Amount, By, Count, FileLayout, GroupRead, PageCount};
use super::pages::{self, Selection};
use super::terms::{Test, place_of};
use crate::error::Result;
use crate::plan::condition::Condition;
use crate::verify::file::StoredFile;

/// What is asked of every file.
pub(super) struct Asked {
    pub(super) condition: Condition,
    /// The columns of the files, without those that directories give.
    pub(super) columns: SchemaRef,
    /// Columns of the files that the condition is about.
    pub(super) used: Vec<String>,
    /// The test of all files, if the condition is about no key of directories.
    pub(super) test: Option<Test>,
    /// The first file, with which all others are compared.
    pub(super) first: (String, SchemaRef),
}

/// What of a file is read, whose directories give `keys`.
///
/// # Errors
/// `Data` when the file cannot be understood or has other columns; those of the destination.
pub(super) async fn look(
    asked: &Asked,
    file: StoredFile,
    found: &Found,
    keys: &[(String, ScalarValue)],
) -> Result<FileLayout> {
    let metadata = Arc::new(file.with_page_index().await?);
    let schema = schema_of(&metadata)?;
    check_same(&asked.first.1, &asked.first.0, &schema, &found.name)?;
    let own;
    let test = match &asked.test {
        Some(test) => test,
        None => {
            own = Test::of(&asked.condition, &asked.columns, keys)?;
            &own
        }
    };
    let seen = Seen::new(asked, test, &metadata, &schema);
    let mut by = vec![None; seen.rows.len()];
    if test.is_never {
        let why = if asked.test.is_none() { By::Directory } else { By::Statistics };
        by = vec![Some(why); seen.rows.len()];
    } else {
        seen.by_statistics(&mut by);
        seen.by_bloom_filters(&file, &mut by).await?;
    }
    let selections: Vec<Selection> = by
        .iter_mut()
        .enumerate()
        .map(|(group, by)| {
            let selection = if by.is_none() { seen.selected(group) } else { Selection::default() };
            if by.is_none() && selection.rows() == 0 {
                *by = Some(By::PageIndex);
            }
            selection
        })
        .collect();
    Ok(seen.layout(found, &by, selections))
}

/// A file with its test and what its footer says.
struct Seen<'a> {
    test: &'a Test,
    metadata: &'a Arc<ParquetMetaData>,
    /// Rows of each row group.
    rows: Vec<u64>,
    /// By the names of the columns that are tested.
    columns: HashMap<&'a str, (Option<Leaf>, Bounds)>,
    /// Places of all columns of Parquet that belong to columns of the condition.
    used: HashSet<usize>,
}

impl<'a> Seen<'a> {
    fn new(asked: &'a Asked, test: &'a Test, metadata: &'a Arc<ParquetMetaData>, schema: &SchemaRef) -> Self {
        let rows = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
        let mut columns = HashMap::new();
        for value in &test.values {
            let data_type = value.schema.fields().first().map(|field| field.data_type().clone());
            let Some(data_type) = data_type else { continue };
            columns.entry(value.column.as_str()).or_insert_with(|| {
                let leaf = leaf_of(&value.column, schema, metadata);
                let bounds = Bounds::of_groups(leaf.as_ref(), &data_type, metadata);
                (leaf, bounds)
            });
        }
        let roots = asked.used.iter().filter_map(|name| schema.column_with_name(name)).map(|(root, _)| root);
        let roots: HashSet<usize> = roots.collect();
        let parquet = metadata.file_metadata().schema_descr();
        let used =
            (0..parquet.num_columns()).filter(|leaf| roots.contains(&parquet.get_column_root_idx(*leaf)));
        Self { rows: rows.collect(), columns, used: used.collect(), test, metadata }
    }

    /// Bounds of the test's values in containers whose columns' bounds are `of`.
    fn values(&self, of: impl Fn(&str) -> Option<Bounds>) -> Option<Vec<Bounds>> {
        self.test.values.iter().map(|value| Some(of(&value.column)?.through(value))).collect()
    }

    fn of_groups(&self) -> Option<Vec<Bounds>> {
        self.values(|name| self.columns.get(name).map(|(_, bounds)| bounds.clone()))
    }

    /// Which containers may hold a matching row. What cannot be evaluated decides nothing.
    fn prune(&self, containers: &Containers<'_>) -> Vec<bool> {
        self.test.predicate.prune(containers).unwrap_or_else(|error| {
            tracing::debug!("bounds are not compared: {error}");
            vec![true; containers.rows.len()]
        })
    }

    fn by_statistics(&self, by: &mut [Option<By>]) {
        let rows = UInt64Array::from(self.rows.clone());
        let Some(bounds) = self.of_groups() else { return };
        let kept = self.prune(&Containers { rows, bounds, absent: None });
        for ((by, kept), rows) in by.iter_mut().zip(kept).zip(&self.rows) {
            if !kept || *rows == 0 {
                *by = Some(By::Statistics);
            }
        }
    }

    async fn by_bloom_filters(&self, file: &StoredFile, by: &mut [Option<By>]) -> Result<()> {
        let places: Vec<usize> =
            self.test.predicate.literal_columns().iter().filter_map(|name| place_of(name)).collect();
        let mut wanted = HashSet::new();
        for (group, _) in by.iter().enumerate().filter(|(_, by)| by.is_none()) {
            for place in &places {
                let Some(leaf) = self.leaf_of_value(*place) else { continue };
                let has = self.metadata.row_group(group).column(leaf.index).bloom_filter_offset().is_some();
                wanted.extend(has.then_some((group, leaf.index)));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let filters = file.bloom_filters(self.metadata, wanted).await?;
        let schema = self.metadata.file_metadata().schema_descr();
        let absent = |place: usize, constants: &HashSet<ScalarValue>| {
            let (leaf, value) = (self.leaf_of_value(place)?, self.test.values.get(place)?);
            let column = schema.column(leaf.index);
            let lacks = (0..self.rows.len()).map(|group| {
                let filter = filters.get(&(group, leaf.index))?;
                bloom::lacks(filter, value, &column, constants).then_some(false)
            });
            Some(lacks.collect::<BooleanArray>())
        };
        let rows = UInt64Array::from(self.rows.clone());
        let Some(bounds) = self.of_groups() else { return Ok(()) };
        let kept = self.prune(&Containers { rows, bounds, absent: Some(&absent) });
        for (by, _) in by.iter_mut().zip(kept).filter(|(by, kept)| by.is_none() && !kept) {
            *by = Some(By::BloomFilter);
        }
        Ok(())
    }

    fn leaf_of_value(&self, place: usize) -> Option<&Leaf> {
        let value = self.test.values.get(place)?;
        self.columns.get(value.column.as_str())?.0.as_ref()
    }

    /// Rows of a row group that may match, by the bounds of pages: the pages of all tested columns cut it into ranges,
    /// each in one page of each column.
    fn selected(&self, group: usize) -> Selection {
        let rows = self.rows.get(group).copied().unwrap_or(0);
        self.selected_by_pages(group, rows).unwrap_or_else(|| Selection::all(rows))
    }

    fn selected_by_pages(&self, group: usize, rows: u64) -> Option<Selection> {
        // Per column: the first rows of its pages, the rows of each, and the bounds of each.
        let mut paged: HashMap<&str, (Vec<u64>, Vec<u64>, Bounds)> = HashMap::new();
        for (name, (leaf, bounds)) in &self.columns {
            let Some(leaf) = leaf else { continue };
            let Some(starts) = pages::starts(self.metadata, group, leaf.index) else { continue };
            let ends = starts.iter().skip(1).copied().chain([rows]);
            let lengths: Vec<u64> = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
            if let Some(of_pages) = bounds.of_pages(leaf, self.metadata, group, &lengths) {
                paged.insert(name, (starts, lengths, of_pages));
            }
        }
        if paged.is_empty() {
            return None;
        }
        let mut starts: Vec<u64> = paged.values().flat_map(|(starts, _, _)| starts.iter().copied()).collect();
        starts.sort_unstable();
        starts.dedup();
        // The last page may be one without rows.
        starts.retain(|start| *start < rows);
        let ends = starts.iter().skip(1).copied().chain([rows]);
        let lengths: Vec<u64> = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
        let bounds = self.values(|name| match paged.get(name) {
            Some((pages, page_rows, bounds)) => {
                let page_of = |start: &u64| pages.partition_point(|page| page <= start).saturating_sub(1);
                let of: Option<Vec<u32>> =
                    starts.iter().map(|start| u32::try_from(page_of(start)).ok()).collect();
                bounds.of_ranges(&of?, page_rows, &lengths)
            }
            None => {
                let (_, bounds) = self.columns.get(name)?;
                bounds.of_ranges(&vec![u32::try_from(group).ok()?; starts.len()], &self.rows, &lengths)
            }
        })?;
        let rows_of_ranges = UInt64Array::from(lengths.clone());
        let kept = self.prune(&Containers { rows: rows_of_ranges, bounds, absent: None });
        Some(Selection::of(&starts, rows, &kept))
    }

    fn layout(&self, found: &Found, by: &[Option<By>], selections: Vec<Selection>) -> FileLayout {
        let parquet = self.metadata.file_metadata().schema_descr();
        let (mut row_groups, mut pages, mut condition_pages) =
            (Count::default(), PageCount::default(), PageCount::default());
        let mut column_bytes = Amount::default();
        let mut read = Vec::new();
        let values = self.of_groups().unwrap_or_default();
        for (group, (by, selection)) in by.iter().zip(selections).enumerate() {
            row_groups.add(*by);
            for leaf in 0..parquet.num_columns() {
                let fetched = pages::fetched(self.metadata, group, leaf, &selection);
                let total = self.metadata.row_group(group).column(leaf).compressed_size();
                column_bytes.add(Amount { total: u64::try_from(total).unwrap_or(0), read: fetched.bytes });
                let Some(count) = fetched.pages else { continue };
                pages.add(count);
                if self.used.contains(&leaf) {
                    condition_pages.add(count);
                }
            }
            if by.is_none() {
                read.push(self.group_read(group, &values, selection));
            }
        }
        let rows = self.rows.iter().sum();
        let all_skipped = by.iter().all(Option::is_some);
        let last = by.iter().flatten().max().copied();
        FileLayout {
            file: found.name.clone(),
            rows,
            // A file without row groups has nothing to be read, as its footer says.
            skipped_by: all_skipped.then(|| last.unwrap_or(By::Statistics)),
            row_groups,
            read,
            page_index: self.has_page_index(),
            undecided: if all_skipped { Vec::new() } else { self.test.undecided.clone() },
            condition_pages,
            pages,
            column_bytes,
        }
    }

    fn group_read(&self, group: usize, values: &[Bounds], selection: Selection) -> GroupRead {
        let rows = self.rows.get(group).copied().unwrap_or(0);
        let mut no_bounds: Vec<String> = Vec::new();
        for (value, bounds) in self.test.values.iter().zip(values) {
            if bounds.is_unknown(group, rows) && !no_bounds.contains(&value.column) {
                no_bounds.push(value.column.clone());
            }
        }
        let rows_read = selection.rows();
        GroupRead { row_group: group as u64, rows, rows_read, no_bounds, ranges: selection.into_ranges() }
    }

    /// Whether the file says where the pages of all columns are, and what is in those of the condition.
    fn has_page_index(&self) -> bool {
        (0..self.rows.len()).all(|group| {
            let leaves = self.metadata.row_group(group).num_columns();
            let bounds = |leaf: &usize| {
                let index = self.metadata.column_index().and_then(|index| index.get(group)?.get(*leaf));
                index.is_some_and(|index| !matches!(index, ColumnIndexMetaData::NONE))
            };
            (0..leaves).all(|leaf| pages::starts(self.metadata, group, leaf).is_some())
                && self.used.iter().all(bounds)
        })
    }
}
