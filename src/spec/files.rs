//! What the files of single tables and columns are like, beyond what holds for all.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parquet::Compression;

/// Rules about the files of tables. By default there are none, and a page index where files are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FilesSpec {
    /// Whether files have a page index.
    pub page_index: PageIndex,
    /// Columns with a Bloom filter, in the order given.
    pub bloom_filters: Vec<BloomRule>,
    /// Columns with a codec of their own, in the order given.
    pub column_codecs: Vec<CodecRule>,
    /// Keys and values for the footer of every file, in the order given.
    pub metadata: Vec<(String, String)>,
}

/// Whether files have a page index: where pages begin, and between which values those of each lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PageIndex {
    /// Where their rows are sorted: elsewhere nearly every page has nearly every value.
    #[default]
    Auto,
    /// All have.
    On,
    /// None has.
    Off,
}

/// Bloom filters of the tables that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BloomRule {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// Columns.
    pub columns: BloomColumns,
}

/// Columns with a Bloom filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BloomColumns {
    /// Those in whose row groups nearly all values differ, decided when they are written.
    Auto,
    /// These.
    Named(Vec<String>),
}

/// The codec of a column of the tables that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecRule {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// The column.
    pub column: String,
    /// Its codec.
    pub compression: Compression,
}

/// What the rules make of the files of one table. Names are those of columns in the files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileShape {
    /// Whether they have a page index.
    pub page_index: PageIndex,
    /// Columns with a Bloom filter in every row group that has two values of them at least.
    pub bloom_filters: Vec<String>,
    /// Columns with a Bloom filter in the row groups in which nearly all values differ.
    pub measured_bloom_filters: Vec<String>,
    /// Columns with a codec of their own.
    pub codecs: Vec<ColumnCodec>,
    /// The order of the rows of every file, the first column first; none if they have no order.
    pub sorted_by: Vec<SortedBy>,
    /// Keys and values for the footer of every file.
    pub metadata: Vec<(String, String)>,
}

impl FileShape {
    /// Whether they are as files are without any rule.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the files have a page index.
    pub fn has_page_index(&self) -> bool {
        match self.page_index {
            PageIndex::Auto => !self.sorted_by.is_empty(),
            PageIndex::On => true,
            PageIndex::Off => false,
        }
    }

    /// The codec of a column; `None` if it has that of the file.
    pub fn codec(&self, column: &str) -> Option<Compression> {
        self.codecs.iter().find(|codec| codec.column == column).map(|codec| codec.compression)
    }
}

/// A column whose codec is not that of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnCodec {
    /// The column.
    pub column: String,
    /// Its codec.
    pub compression: Compression,
}

/// One column of an order of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortedBy {
    /// A column of the files, of a type that is no list and no struct.
    pub column: String,
    /// Whether the largest value comes first.
    pub descending: bool,
    /// Whether NULL comes before all values.
    pub nulls_first: bool,
}

impl fmt::Display for SortedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.descending { " DESC" } else { "" };
        let nulls = if self.nulls_first { " NULLS FIRST" } else { " NULLS LAST" };
        write!(f, "{}{order}{nulls}", self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_index_is_for_sorted_files_unless_it_was_chosen() {
        let sorted_by = vec![SortedBy { column: "a".into(), descending: true, nulls_first: false }];
        assert_eq!(sorted_by[0].to_string(), "a DESC NULLS LAST");
        for (page_index, unsorted, sorted) in
            [(PageIndex::Auto, false, true), (PageIndex::On, true, true), (PageIndex::Off, false, false)]
        {
            let shape = FileShape { page_index, ..FileShape::default() };
            assert_eq!(shape.has_page_index(), unsorted, "{page_index:?}");
            let shape = FileShape { sorted_by: sorted_by.clone(), ..shape };
            assert_eq!(shape.has_page_index(), sorted, "{page_index:?}");
        }
    }

    #[test]
    fn what_an_earlier_version_did_not_record_is_the_default() {
        assert_eq!(serde_json::from_str::<FilesSpec>("{}").expect("spec"), FilesSpec::default());
        assert!(serde_json::from_str::<FileShape>("{}").expect("shape").is_default());
    }
}
