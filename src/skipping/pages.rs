//! Rows of a row group that may match, and the pages that hold them.

use std::ops::Range;

use parquet::file::metadata::ParquetMetaData;

use super::layout::PageCount;

/// Ranges of rows, ascending and apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection(Vec<Range<u64>>);

impl Selection {
    /// The ranges between `starts` and `end` whose mark is true.
    pub(super) fn of(starts: &[u64], end: u64, marks: &[bool]) -> Self {
        let ends = starts.iter().skip(1).copied().chain([end]);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for ((start, end), _) in starts.iter().zip(ends).zip(marks).filter(|(_, kept)| **kept) {
            match ranges.last_mut() {
                Some(last) if last.end == *start => last.end = end,
                _ => ranges.push(*start..end),
            }
        }
        Self(ranges)
    }

    /// All rows.
    pub(super) fn all(rows: u64) -> Self {
        Self::of(&[0], rows, &[true])
    }

    /// How many rows they are.
    pub(super) fn rows(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The ranges.
    pub(super) fn into_ranges(self) -> Vec<Range<u64>> {
        self.0
    }

    /// For each of the pages that begin at `starts`, whether it has one of the rows.
    fn touches(&self, starts: &[u64], end: u64) -> Vec<bool> {
        let mut ranges = self.0.iter().peekable();
        let ends = starts.iter().skip(1).copied().chain([end]);
        let touched = starts.iter().zip(ends).map(|(start, end)| {
            while ranges.next_if(|range| range.end <= *start).is_some() {}
            ranges.peek().is_some_and(|range| range.start < end && *start < end)
        });
        touched.collect()
    }
}

/// The first rows of the pages of a column's chunk; none where no offset index says so that can be believed.
pub(super) fn starts(metadata: &ParquetMetaData, group: usize, leaf: usize) -> Option<Vec<u64>> {
    let pages = metadata.offset_index()?.get(group)?.get(leaf)?.page_locations();
    let starts: Option<Vec<u64>> =
        pages.iter().map(|page| u64::try_from(page.first_row_index).ok()).collect();
    let starts = starts?;
    let rows = u64::try_from(metadata.row_groups().get(group)?.num_rows()).ok()?;
    let is_fit =
        starts.first() == Some(&0) && starts.is_sorted() && starts.last().is_some_and(|last| *last <= rows);
    is_fit.then_some(starts)
}

/// What a reader of one chunk of a column fetches for a selection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    /// Its pages; none without an offset index.
    pub(super) pages: Option<PageCount>,
    /// Bytes of the file.
    pub(super) bytes: u64,
}

/// Pages and bytes of a column's chunk that are fetched for `selection`. Without an offset index the whole chunk is, if
/// any row of it is.
pub(super) fn fetched(
    metadata: &ParquetMetaData,
    group: usize,
    leaf: usize,
    selection: &Selection,
) -> Fetched {
    let Some(chunk) = metadata.row_groups().get(group).map(|group| group.column(leaf)) else {
        return Fetched::default();
    };
    let size = u64::try_from(chunk.compressed_size()).unwrap_or(0);
    let nothing = selection.0.is_empty();
    let locations = metadata.offset_index().and_then(|index| index.get(group)?.get(leaf));
    let (Some(starts), Some(locations)) = (starts(metadata, group, leaf), locations) else {
        return Fetched { pages: None, bytes: if nothing { 0 } else { size } };
    };
    let rows =
        metadata.row_groups().get(group).map_or(0, |group| u64::try_from(group.num_rows()).unwrap_or(0));
    let touched = selection.touches(&starts, rows);
    let of_page = |page: &parquet::file::page_index::offset_index::PageLocation| {
        u64::try_from(page.compressed_page_size).unwrap_or(0)
    };
    let all: u64 = locations.page_locations().iter().map(of_page).sum();
    let some: u64 = locations
        .page_locations()
        .iter()
        .zip(&touched)
        .filter(|(_, kept)| **kept)
        .map(|(page, _)| of_page(page))
        .sum();
    // What is no data page is the dictionary, without which no page can be read.
    let dictionary = size.saturating_sub(all);
    let skipped = touched.iter().filter(|kept| !**kept).count() as u64;
    let pages = PageCount { total: touched.len() as u64, skipped };
    let bytes = if skipped == pages.total { 0 } else { (some + dictionary).min(size) };
    Fetched { pages: Some(pages), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_are_one() {
        let selection = Selection::of(&[0, 10, 20, 30], 35, &[true, true, false, true]);
        assert_eq!((selection.rows(), selection.clone().into_ranges()), (25, vec![0..20, 30..35]));
        assert_eq!(Selection::all(7).into_ranges().first(), Some(&(0..7)));
        assert_eq!(Selection::of(&[0, 5], 9, &[false, false]), Selection::default());
    }

    #[test]
    fn pages_are_touched_that_have_one_of_the_rows() {
        let selection = Selection::of(&[0, 10, 20], 30, &[false, true, false]);
        assert_eq!(selection.touches(&[0, 9, 10, 15, 20], 30), [false, false, true, true, false]);
        assert_eq!(selection.touches(&[0, 25], 30), [true, false]);
        assert_eq!(selection.touches(&[0, 12, 12, 13], 30), [true, false, true, true]);
        assert_eq!(Selection::default().touches(&[0, 5], 9), [false, false]);
        let two = Selection::of(&[0, 1, 28], 30, &[true, false, true]);
        assert_eq!(two.touches(&[0, 5, 10, 29], 30), [true, false, true, true]);
    }
}
