//! What steers readers past pages and row groups, compared with the values: for tests and `fuzz/`.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::BoundaryOrder;
use parquet::bloom_filter::Sbbf;
use parquet::data_type::ByteArray;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::{ColumnIndexMetaData, PrimitiveColumnIndex};
use parquet::file::statistics::Statistics;

use super::bloom::{BloomChoice, bloom_filter_refusal};
use super::encoder::INDEXED_PAGE_ROWS;
use super::integers::Integer;
use super::kind::Kind;
use super::round_trip::{self, Fault, Shape, bytes_of, check_bounds};

/// Writes `batches`, reads them back, and compares the values, the footer, page indexes and Bloom filters.
pub(super) fn checked(batches: &[RecordBatch], shape: &Shape) -> Result<ParquetMetaData, Fault> {
    let (file, footer) = round_trip::checked(batches, shape)?;
    check(&file, &arrow::compute::concat_batches(&batches[0].schema(), batches)?, shape)?;
    Ok(footer)
}

/// Whether page indexes and Bloom filters of `file` are there as `shape` says, and true of the rows of `whole`.
fn check(file: &Bytes, whole: &RecordBatch, shape: &Shape) -> Result<(), Fault> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let read = ArrowReaderMetadata::load(file, options)?;
    let footer = read.metadata();
    let (mut first, schema) = (0, whole.schema());
    for (at, group) in footer.row_groups().iter().enumerate() {
        let rows = first..first + usize::try_from(group.num_rows())?;
        first = rows.end;
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let indexed = chunk.offset_index_offset().is_some();
            if indexed != shape.page_index || !indexed && chunk.column_index_offset().is_some() {
                return Err(format!("a page index of {}: {indexed}", chunk.column_path()).into());
            }
            // What is in lists and structs is the crate's own.
            let [name] = chunk.column_path().parts() else { continue };
            let column = whole.column_by_name(name).ok_or("a column of another name")?;
            let values = column.slice(rows.start, rows.len());
            let fault = |fault: Fault| format!("{}, row group {at}: {fault}", chunk.column_path());
            if indexed {
                let field = schema.field_with_name(name)?;
                let most = match Kind::of(field, &[footer.file_metadata().schema_descr().column(leaf)]) {
                    // The crate looks at its limit after as many rows as a page has, where all of them or none is NULL.
                    Kind::General => 2 * INDEXED_PAGE_ROWS - 1,
                    _ => INDEXED_PAGE_ROWS,
                };
                check_pages(footer, (at, leaf), &values, most).map_err(fault)?;
            }
            check_filter(file, group, leaf, &values, shape).map_err(fault)?;
        }
    }
    Ok(())
}

/// Whether what the indexes say of each page of a chunk is true of its rows of `values`, `most` of them in a page.
fn check_pages(
    footer: &ParquetMetaData,
    (group, leaf): (usize, usize),
    values: &ArrayRef,
    most: usize,
) -> Result<(), Fault> {
    let offsets =
        footer.offset_index().and_then(|index| index.get(group)?.get(leaf)).ok_or("no offset index")?;
    let chunk = footer.row_group(group).column(leaf);
    let starts: Vec<usize> = offsets
        .page_locations
        .iter()
        .map(|page| usize::try_from(page.first_row_index))
        .collect::<Result<_, _>>()?;
    let (from, bytes) = chunk.byte_range();
    let mut at = u64::try_from(chunk.data_page_offset())?;
    for page in &offsets.page_locations {
        if u64::try_from(page.offset)? != at {
            return Err(format!("a page at {} and not at {at}", page.offset).into());
        }
        at += u64::try_from(page.compressed_page_size)?;
    }
    if at != from + bytes {
        return Err(format!("pages end at {at}, and the chunk at {}", from + bytes).into());
    }
    let ends = starts.iter().skip(1).copied().chain([values.len()]);
    let pages: Vec<Range<usize>> = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
    if starts.first() != Some(&0) || pages.iter().any(|p| p.is_empty() || p.len() > most) {
        return Err(format!("pages of rows {pages:?}").into());
    }
    let index = footer.column_index().and_then(|index| index.get(group)?.get(leaf));
    let index = index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE));
    let Some(index) = index else {
        // Left out where the chunk lacks a bound too, which is compared elsewhere.
        let has = |s: &Statistics| s.min_bytes_opt().is_some() && s.max_bytes_opt().is_some();
        return match chunk.statistics().filter(|found| has(found)) {
            None => Ok(()),
            Some(found) => Err(format!("no column index, but {found:?}").into()),
        };
    };
    if index.num_pages() != pages.len() as u64 {
        return Err(format!("{} of {} pages", index.num_pages(), pages.len()).into());
    }
    for (at, rows) in pages.into_iter().enumerate() {
        let values = values.slice(rows.start, rows.len());
        let nulls = values.null_count();
        if index.null_count(at) != Some(i64::try_from(nulls)?)
            || index.is_null_page(at) != (nulls == rows.len())
        {
            return Err(format!("page {at}: {nulls} NULLs, {index:?}").into());
        }
        let statistics = page_statistics(index, at);
        let fault = |fault: Fault| Fault::from(format!("page {at}, {statistics:?}: {fault}"));
        statistics.as_ref().map_or(Ok(()), |found| check_bounds(found, &values)).map_err(fault)?;
    }
    check_order(index)
}

/// The bounds of a page as those of a chunk are given.
fn page_statistics(index: &ColumnIndexMetaData, page: usize) -> Option<Statistics> {
    fn both<T: Copy>(index: &PrimitiveColumnIndex<T>, page: usize) -> [Option<T>; 2] {
        [index.min_value(page).copied(), index.max_value(page).copied()]
    }
    Some(match index {
        ColumnIndexMetaData::INT32(index) => {
            let [low, high] = both(index, page);
            Statistics::int32(low, high, None, None, false)
        }
        ColumnIndexMetaData::INT64(index) => {
            let [low, high] = both(index, page);
            Statistics::int64(low, high, None, None, false)
        }
        ColumnIndexMetaData::FLOAT(index) => {
            let [low, high] = both(index, page);
            Statistics::float(low, high, None, None, false)
        }
        ColumnIndexMetaData::DOUBLE(index) => {
            let [low, high] = both(index, page);
            Statistics::double(low, high, None, None, false)
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            let [low, high] = [index.min_value(page), index.max_value(page)]
                .map(|b| b.map(|b| ByteArray::from(b.to_vec())));
            if low.is_none() || high.is_none() {
                return None;
            }
            Statistics::byte_array(low, high, None, None, false)
        }
        _ => return None,
    })
}

/// Whether the pages that have values are in the order that the index says, by both bounds.
fn check_order(index: &ColumnIndexMetaData) -> Result<(), Fault> {
    fn steps<T: PartialOrd>(bounds: impl Iterator<Item = T>) -> (bool, bool) {
        let bounds: Vec<T> = bounds.collect();
        (bounds.windows(2).all(|p| p[0] <= p[1]), bounds.windows(2).all(|p| p[0] >= p[1]))
    }
    let (low, high) = match index {
        ColumnIndexMetaData::INT32(i) => {
            (steps(i.min_values_iter().flatten()), steps(i.max_values_iter().flatten()))
        }
        ColumnIndexMetaData::INT64(i) => {
            (steps(i.min_values_iter().flatten()), steps(i.max_values_iter().flatten()))
        }
        ColumnIndexMetaData::BYTE_ARRAY(i) => {
            (steps(i.min_values_iter().flatten()), steps(i.max_values_iter().flatten()))
        }
        _ => return Ok(()),
    };
    let expected = match (low.0 && high.0, low.1 && high.1) {
        (true, _) => BoundaryOrder::ASCENDING,
        (false, true) => BoundaryOrder::DESCENDING,
        (false, false) => BoundaryOrder::UNORDERED,
    };
    if index.get_boundary_order() == Some(expected) {
        return Ok(());
    }
    Err(format!("pages are {expected}, and the index says {:?}", index.get_boundary_order()).into())
}

/// Whether a chunk has a Bloom filter where it must have one, and all of its values are in it.
fn check_filter(
    file: &Bytes,
    group: &RowGroupMetaData,
    leaf: usize,
    values: &ArrayRef,
    shape: &Shape,
) -> Result<(), Fault> {
    let filter = Sbbf::read_from_column_chunk(group.column(leaf), file)?;
    if filter.is_some()
        && (shape.bloom == BloomChoice::Never || bloom_filter_refusal(values.data_type()).is_some())
    {
        return Err("a Bloom filter that nobody asked for".into());
    }
    let stored = stored(values);
    let differ = stored.first().is_some_and(|first| stored.iter().any(|value| value != first));
    match filter {
        None if shape.bloom == BloomChoice::Always && differ => Err("no Bloom filter".into()),
        None => Ok(()),
        Some(_) if !differ => Err("a Bloom filter of one value".into()),
        Some(filter) => match stored.iter().find(|value| !filter.check(value.as_slice())) {
            Some(value) => Err(format!("{value:?} is not in the Bloom filter").into()),
            None => Ok(()),
        },
    }
}

/// The values that are not NULL as Parquet stores them, of types that may have a filter.
fn stored(values: &ArrayRef) -> Vec<Vec<u8>> {
    fn bytes<T: Integer>(values: &[T]) -> Vec<Vec<u8>> {
        values.iter().map(|value| value.bytes().as_ref().to_vec()).collect()
    }
    if let Some(values) = i32::of(values) {
        return bytes(&values);
    }
    if let Some(values) = i64::of(values) {
        return bytes(&values);
    }
    match values.data_type() {
        _ if bloom_filter_refusal(values.data_type()).is_some() => Vec::new(),
        DataType::FixedSizeBinary(_) => {
            values.as_fixed_size_binary().iter().flatten().map(<[u8]>::to_vec).collect()
        }
        DataType::UInt32 => {
            let values = values.as_primitive::<arrow::datatypes::UInt32Type>();
            values.iter().flatten().map(|value| value.to_le_bytes().to_vec()).collect()
        }
        _ => bytes_of(values).into_iter().flatten().map(<[u8]>::to_vec).collect(),
    }
}
