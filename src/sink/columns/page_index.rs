//! Where the pages of a chunk begin, and between which values those of each lie: Parquet's offset and column index.

use std::cmp::Ordering;

use parquet::basic::{BoundaryOrder, Type};
use parquet::file::metadata::{ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

use super::error::Result;

/// Between which values those of a page lie, as plain bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum PageBounds {
    /// It has none but NULL.
    #[default]
    Empty,
    /// A value that is not above the least, and one that is not below the largest.
    Between(Vec<u8>, Vec<u8>),
    /// Nothing short enough is above its largest.
    Unknown,
}

/// Both indexes of a chunk as it grows.
pub(super) struct PageIndex {
    column: ColumnIndexBuilder,
    offset: OffsetIndexBuilder,
    /// Bytes of the data pages so far.
    bytes: i64,
    /// The order of bounds, as plain bytes.
    order: fn(&[u8], &[u8]) -> Ordering,
    rising: bool,
    falling: bool,
    /// Bounds of the last page that has values.
    last: Option<(Vec<u8>, Vec<u8>)>,
    /// Those of the page that ends next.
    next: PageBounds,
}

impl PageIndex {
    /// For a chunk of numbers with a sign, or of bytes in the order of bytes.
    pub(super) fn new(column_type: Type) -> Self {
        fn int32(bytes: &[u8]) -> Option<i32> {
            bytes.try_into().ok().map(i32::from_le_bytes)
        }
        fn int64(bytes: &[u8]) -> Option<i64> {
            bytes.try_into().ok().map(i64::from_le_bytes)
        }
        Self {
            column: ColumnIndexBuilder::new(column_type),
            offset: OffsetIndexBuilder::new(),
            bytes: 0,
            order: match column_type {
                Type::INT32 => |one, other| int32(one).cmp(&int32(other)),
                Type::INT64 => |one, other| int64(one).cmp(&int64(other)),
                _ => |one, other| one.cmp(other),
            },
            rising: true,
            falling: true,
            last: None,
            next: PageBounds::Empty,
        }
    }

    /// Says between which values those of the page lie that ends next. Without it that page has none.
    pub(super) fn bound(&mut self, bounds: PageBounds) {
        self.next = bounds;
    }

    /// Ends a page of `rows` rows, of which `nulls` have no value, and of `bytes` bytes with its header.
    pub(super) fn end_page(&mut self, rows: usize, nulls: u64, bytes: usize) {
        self.offset.append_row_count(i64::try_from(rows).unwrap_or(i64::MAX));
        self.offset.append_offset_and_size(self.bytes, i32::try_from(bytes).unwrap_or(i32::MAX));
        self.bytes += i64::try_from(bytes).unwrap_or(i64::MAX);
        let nulls = i64::try_from(nulls).unwrap_or(i64::MAX);
        match std::mem::take(&mut self.next) {
            PageBounds::Empty => self.column.append(true, Vec::new(), Vec::new(), nulls),
            PageBounds::Between(low, high) => {
                if let Some((last_low, last_high)) = &self.last {
                    let steps = [(self.order)(last_low, &low), (self.order)(last_high, &high)];
                    self.rising &= !steps.contains(&Ordering::Greater);
                    self.falling &= !steps.contains(&Ordering::Less);
                }
                self.column.append(false, low.clone(), high.clone(), nulls);
                self.last = Some((low, high));
            }
            PageBounds::Unknown => self.column.to_invalid(),
        }
    }

    /// The indexes of a chunk whose dictionary page, if it has one, is of `dictionary` bytes.
    ///
    /// There is no column index if the bounds of a page are not known, which all readers would take for those of a page
    /// of NULLs. Nor is there one of NULLs alone, which the chunk's statistics tell as well: readers before parquet-java
    /// 1.14 fail on it.
    pub(super) fn finish(
        mut self,
        dictionary: usize,
    ) -> Result<(Option<ColumnIndexMetaData>, OffsetIndexMetaData)> {
        self.column.set_boundary_order(match (self.rising, self.falling) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        let has_values = self.last.is_some() && self.column.valid();
        let column = if has_values { Some(self.column.build()?) } else { None };
        let mut offset = self.offset.build();
        for location in &mut offset.page_locations {
            location.offset += i64::try_from(dictionary).unwrap_or(i64::MAX);
        }
        Ok((column, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of pages with these bounds, and whether they have a column index.
    fn order_of(pages: &[Option<(i32, i32)>]) -> Option<BoundaryOrder> {
        let mut index = PageIndex::new(Type::INT32);
        for page in pages {
            if let Some((low, high)) = page {
                index.bound(PageBounds::Between(low.to_le_bytes().into(), high.to_le_bytes().into()));
            }
            index.end_page(10, if page.is_none() { 10 } else { 0 }, 100);
        }
        let (column, offset) = index.finish(7).expect("index");
        let found: Vec<_> = offset.page_locations.iter().map(|l| (l.offset, l.first_row_index)).collect();
        let expected: Vec<_> = (0..pages.len() as i64).map(|at| (7 + at * 100, at * 10)).collect();
        assert_eq!(found, expected);
        column.map(|column| column.get_boundary_order().expect("an order"))
    }

    #[test]
    fn the_order_of_pages_is_that_of_both_bounds_and_of_numbers() {
        use BoundaryOrder as O;
        assert_eq!(order_of(&[Some((-300, -1)), None, Some((-1, 2)), Some((200, 300))]), Some(O::ASCENDING));
        assert_eq!(order_of(&[Some((200, 300)), Some((-1, 2)), None, Some((-300, 1))]), Some(O::DESCENDING));
        assert_eq!(order_of(&[Some((1, 9)), Some((2, 8))]), Some(O::UNORDERED));
        assert_eq!(order_of(&[Some((5, 5)), Some((5, 5))]), Some(O::ASCENDING));
        assert_eq!(order_of(&[None, Some((5, 5))]), Some(O::ASCENDING));
        assert_eq!(order_of(&[None, None]), None);
        assert_eq!(order_of(&[]), None);
    }

    #[test]
    fn bytes_are_in_the_order_of_bytes_and_an_unknown_bound_leaves_the_index_out() {
        let pages = |second: PageBounds| {
            let mut index = PageIndex::new(Type::BYTE_ARRAY);
            index.bound(PageBounds::Between(b"a".to_vec(), b"b".to_vec()));
            index.end_page(1, 0, 1);
            index.bound(second);
            index.end_page(1, 0, 1);
            index.finish(0).expect("index")
        };
        let (column, _) = pages(PageBounds::Between(b"a\0".to_vec(), b"\xff".to_vec()));
        assert_eq!(column.and_then(|c| c.get_boundary_order()), Some(BoundaryOrder::ASCENDING));
        let (column, offset) = pages(PageBounds::Unknown);
        assert!(column.is_none());
        assert_eq!(offset.page_locations.len(), 2);
    }
}
