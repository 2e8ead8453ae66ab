//! What a reader skips, as values: what `explain-layout` shows.

use std::ops::Range;

use serde::Serialize;

/// By what something is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The keys of its directories.
    Directory,
    /// The statistics of row groups in the footer.
    Statistics,
    /// Bloom filters.
    BloomFilter,
    /// The page index: no page of a row group may hold a matching row.
    PageIndex,
}

/// How many of something there are, and how many a reader skips.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All.
    pub total: u64,
    /// The sum of those below.
    pub skipped: u64,
    /// By the keys of directories.
    pub by_directory: u64,
    /// By statistics in the footer.
    pub by_statistics: u64,
    /// By Bloom filters.
    pub by_bloom_filter: u64,
    /// By the page index.
    pub by_page_index: u64,
}

impl Count {
    /// One more, skipped or not.
    pub(super) fn add(&mut self, by: Option<By>) {
        self.total += 1;
        let Some(by) = by else { return };
        self.skipped += 1;
        *match by {
            By::Directory => &mut self.by_directory,
            By::Statistics => &mut self.by_statistics,
            By::BloomFilter => &mut self.by_bloom_filter,
            By::PageIndex => &mut self.by_page_index,
        } += 1;
    }

    /// Those of another count too.
    pub(super) fn sum(&mut self, other: &Self) {
        self.total += other.total;
        self.skipped += other.skipped;
        self.by_directory += other.by_directory;
        self.by_statistics += other.by_statistics;
        self.by_bloom_filter += other.by_bloom_filter;
        self.by_page_index += other.by_page_index;
    }
}

/// How many data pages there are, and how many hold no row that may match. Pages of row groups without an offset index
/// are not known and not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PageCount {
    /// All.
    pub total: u64,
    /// Those that a reader skips, with those of row groups that it skips.
    pub skipped: u64,
}

impl PageCount {
    pub(super) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.skipped += other.skipped;
    }
}

/// How much a reader fetches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// All.
    pub total: u64,
    /// What is fetched for the condition.
    pub read: u64,
}

impl Amount {
    pub(super) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.read += other.read;
    }
}

/// A row group that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRead {
    /// Its number in the file, from 0.
    pub row_group: u64,
    /// Its rows.
    pub rows: u64,
    /// Rows in pages that may hold a matching row: all, without a page index.
    pub rows_read: u64,
    /// Columns of the condition whose smallest or largest values are not known; empty where the bounds say that a row may
    /// match.
    pub no_bounds: Vec<String>,
    /// The ranges of rows that may match, from the row group's first row.
    #[serde(skip)]
    pub ranges: Vec<Range<u64>>,
}

/// A file, and what of it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileLayout {
    /// Path below the table's directory.
    pub file: String,
    /// Rows by its footer.
    pub rows: u64,
    /// By what it is skipped; none when something of it is read.
    pub skipped_by: Option<By>,
    /// How many row groups it has, and how many are skipped.
    pub row_groups: Count,
    /// Those that are read.
    pub read: Vec<GroupRead>,
    /// Whether it has a page index: where pages of all columns are, and bounds of those of the condition.
    pub page_index: bool,
    /// Parts of the condition, joined by AND, that no statistic decides; empty for a file that is skipped.
    #[serde(skip)]
    pub undecided: Vec<String>,
    /// Pages of the condition's columns.
    pub condition_pages: PageCount,
    /// Pages of all columns.
    pub pages: PageCount,
    /// Compressed bytes of all columns.
    pub column_bytes: Amount,
}

/// What a reader that uses all statistics skips of a table for a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The table's directory, or the file.
    pub place: String,
    /// The condition as it was given.
    pub condition: String,
    /// Columns of the files that it is about.
    pub columns: Vec<String>,
    /// Keys of directories that it is about.
    pub keys: Vec<String>,
    /// Whether a manifest said which files there are; they were listed otherwise.
    pub manifest: bool,
    /// Files.
    pub files: Count,
    /// Row groups.
    pub row_groups: Count,
    /// Pages of the condition's columns.
    pub condition_pages: PageCount,
    /// Pages of all columns.
    pub pages: PageCount,
    /// Rows.
    pub rows: Amount,
    /// Compressed bytes of all columns: what `SELECT *` fetches.
    pub column_bytes: Amount,
    /// Files without a page index.
    pub files_without_page_index: u64,
    /// Parts of the condition, joined by AND, that no statistic decides.
    pub undecided: Vec<String>,
    /// The files, in the order of their names.
    pub listed: Vec<FileLayout>,
}
