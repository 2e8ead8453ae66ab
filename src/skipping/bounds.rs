//! What footers and page indexes say of the values of a test: smallest, largest, number of NULLs. What is not known is
//! NULL, and decides nothing.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{nullif, take};
use arrow::datatypes::{Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow_schema::{DataType, Field};
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_optimizer::pruning::PruningStatistics;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::{ColumnOrder, SortOrder, Type as Physical};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::terms::{Value, has_order, place_of};

/// What the writer of this program's files is called. Chunks of these files that have a page index have no bounds where
/// there is a NaN. The files of older versions, which have no page index, may have them.
const OWN_FILES: &str = "lakexpress version ";

/// A column of a file that is one column of Parquet.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Its place among the columns of Parquet.
    pub(super) index: usize,
    /// As the file has it, without dictionaries.
    pub(super) field: Field,
    /// Whether its bounds are in the order of conditions.
    has_order: bool,
    /// The same, of bounds in the fields of Parquet that were deprecated.
    has_old_order: bool,
    /// Whether a chunk that has bounds and a page index has no NaN.
    tells_nan: bool,
}

impl Leaf {
    /// A column at `index` of Parquet.
    pub(super) fn new(index: usize, field: Field, metadata: &ParquetMetaData) -> Self {
        let file = metadata.file_metadata();
        let column = file.schema_descr().column(index);
        let is_signed = match field.data_type() {
            DataType::Decimal128(..) => matches!(column.physical_type(), Physical::INT32 | Physical::INT64),
            data_type => {
                data_type.is_signed_integer()
                    || data_type.is_floating()
                    || data_type.is_temporal()
                    || *data_type == DataType::Boolean
            }
        };
        let comparable = has_order(field.data_type()) && column.physical_type() != Physical::INT96;
        // Without a declared order there is only one that all writers agree about.
        let (declared, old) = match file.column_order(index) {
            ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::UNDEFINED) | ColumnOrder::UNKNOWN => (false, false),
            ColumnOrder::TYPE_DEFINED_ORDER(_) => (true, is_signed),
            ColumnOrder::UNDEFINED => (is_signed, is_signed),
        };
        let tells_nan = file.created_by().is_some_and(|by| by.starts_with(OWN_FILES));
        Self { index, field, has_order: comparable && declared, has_old_order: comparable && old, tells_nan }
    }

    /// Whether the bounds of a row group may be used.
    fn is_usable(&self, group: &RowGroupMetaData) -> bool {
        let old = group.column(self.index).statistics().is_some_and(|s| s.is_min_max_deprecated());
        if old { self.has_old_order } else { self.has_order }
    }
}

/// Bounds of containers: row groups, or ranges of rows.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    min: ArrayRef,
    max: ArrayRef,
    nulls: UInt64Array,
    /// Whether NaN is surely not among the values.
    no_nan: BooleanArray,
}

impl Bounds {
    /// Nothing is known of `containers`.
    fn unknown(data_type: &DataType, containers: usize) -> Self {
        let none = new_null_array(data_type, containers);
        Self {
            min: Arc::clone(&none),
            max: none,
            nulls: UInt64Array::new_null(containers),
            no_nan: BooleanArray::from(vec![false; containers]),
        }
    }

    /// Those of all row groups of a column; none known for one that is nested.
    pub(super) fn of_groups(leaf: Option<&Leaf>, data_type: &DataType, metadata: &ParquetMetaData) -> Self {
        let groups = metadata.row_groups();
        let unknown = || Self::unknown(data_type, groups.len());
        let Some(leaf) = leaf else { return unknown() };
        let Some(converter) = converter(leaf, metadata) else { return unknown() };
        let bound = |array: parquet::errors::Result<ArrayRef>| {
            let array =
                array.ok().filter(|array| array.data_type() == data_type && array.len() == groups.len());
            let array = array.unwrap_or_else(|| new_null_array(data_type, groups.len()));
            let unusable: BooleanArray = array_of_truths(
                groups.iter().enumerate().map(|(at, g)| !leaf.is_usable(g) || nan_at(&array, at)),
            );
            nullif(&array, &unusable).unwrap_or_else(|_| new_null_array(data_type, groups.len()))
        };
        let (min, max) = (bound(converter.row_group_mins(groups)), bound(converter.row_group_maxes(groups)));
        let nulls =
            converter.row_group_null_counts(groups).ok().filter(|counts| counts.len() == groups.len());
        let nulls = nulls.unwrap_or_else(|| UInt64Array::new_null(groups.len()));
        let tells_nan =
            |g: &RowGroupMetaData| leaf.tells_nan && g.column(leaf.index).offset_index_offset().is_some();
        let no_nan =
            groups.iter().enumerate().map(|(at, g)| tells_nan(g) && min.is_valid(at) && max.is_valid(at));
        Self { no_nan: array_of_truths(no_nan), min, max, nulls }
    }

    /// Those of the pages of a row group, `rows` in each; none without a column index.
    pub(super) fn of_pages(
        &self,
        leaf: &Leaf,
        metadata: &ParquetMetaData,
        group: usize,
        rows: &[u64],
    ) -> Option<Self> {
        let (columns, offsets) = (metadata.column_index()?, metadata.offset_index()?);
        let index = columns.get(group)?.get(leaf.index)?;
        let pages = offsets.get(group)?.get(leaf.index)?.page_locations().len();
        if matches!(index, ColumnIndexMetaData::NONE)
            || index.num_pages() != pages as u64
            || pages != rows.len()
        {
            return None;
        }
        let data_type = leaf.field.data_type();
        let converter = converter(leaf, metadata)?;
        let bound = |array: parquet::errors::Result<ArrayRef>| {
            let array = array.ok().filter(|array| array.data_type() == data_type && array.len() == pages);
            let array = array.unwrap_or_else(|| new_null_array(data_type, pages));
            let unusable = array_of_truths((0..pages).map(|at| !leaf.has_order || nan_at(&array, at)));
            nullif(&array, &unusable).unwrap_or_else(|_| new_null_array(data_type, pages))
        };
        let min = bound(converter.data_page_mins(columns, offsets, [&group]));
        let max = bound(converter.data_page_maxes(columns, offsets, [&group]));
        let counts = converter.data_page_null_counts(columns, offsets, [&group]).ok();
        let counts = counts.filter(|counts| counts.len() == pages);
        let nulls = (0..pages).map(|page| match counts.as_ref().filter(|counts| counts.is_valid(page)) {
            Some(counts) => Some(counts.value(page)),
            None => index.is_null_page(page).then(|| rows.get(page).copied()).flatten(),
        });
        // What is known of the whole chunk is known of its pages.
        let no_nan = self.no_nan.value(group);
        Some(Self { min, max, nulls: nulls.collect(), no_nan: BooleanArray::from(vec![no_nan; pages]) })
    }

    /// Those of ranges of rows, each within the container of its place in `of`, which has `rows` rows. `range_rows` are
    /// the rows of the ranges.
    pub(super) fn of_ranges(&self, of: &[u32], rows: &[u64], range_rows: &[u64]) -> Option<Self> {
        let places = UInt32Array::from(of.to_vec());
        let taken = |array: &dyn Array| take(array, &places, None).ok();
        let nulls = of.iter().zip(range_rows).map(|(at, range)| {
            let at = *at as usize;
            let count = self.nulls.is_valid(at).then(|| self.nulls.value(at))?;
            match (count, rows.get(at)) {
                (0, _) => Some(0),
                (count, Some(rows)) if count == *rows => Some(*range),
                _ => None,
            }
        });
        Some(Self {
            min: taken(&self.min)?,
            max: taken(&self.max)?,
            nulls: nulls.collect(),
            no_nan: taken(&self.no_nan)?.as_boolean().clone(),
        })
    }

    /// Those of a value that is made of the column.
    pub(super) fn through(&self, value: &Value) -> Self {
        let evaluated = |bound: &ArrayRef| {
            let batch = RecordBatch::try_new(Arc::clone(&value.schema), vec![Arc::clone(bound)]).ok()?;
            value.physical.evaluate(&batch).ok()?.into_array(bound.len()).ok()
        };
        let data_type = value.physical.data_type(&value.schema).unwrap_or(DataType::Null);
        let none = || new_null_array(&data_type, self.min.len());
        let max = evaluated(&self.max).unwrap_or_else(none);
        let is_float = value.schema.fields().iter().any(|field| super::terms::is_float(field.data_type()));
        // NaN is larger than what the bounds say.
        let may_be_nan =
            self.no_nan.iter().map(|no_nan| is_float && !value.without_nan && no_nan != Some(true));
        let max = nullif(&max, &array_of_truths(may_be_nan)).unwrap_or_else(|_| none());
        let (nulls, no_nan) = (self.nulls.clone(), self.no_nan.clone());
        Self { min: evaluated(&self.min).unwrap_or_else(none), max, nulls, no_nan }
    }

    /// Whether a container has values that nothing is known about.
    pub(super) fn is_unknown(&self, container: usize, rows: u64) -> bool {
        let all_null = self.nulls.is_valid(container) && self.nulls.value(container) == rows;
        !all_null && (self.min.is_null(container) || self.max.is_null(container))
    }
}

fn converter<'a>(leaf: &'a Leaf, metadata: &'a ParquetMetaData) -> Option<StatisticsConverter<'a>> {
    let schema = metadata.file_metadata().schema_descr();
    let converter = StatisticsConverter::from_column_index(leaf.index, &leaf.field, schema).ok()?;
    Some(converter.with_missing_null_counts_as_zero(false))
}

fn array_of_truths(truths: impl Iterator<Item = bool>) -> BooleanArray {
    truths.map(Some).collect()
}

fn nan_at(array: &ArrayRef, at: usize) -> bool {
    array.is_valid(at)
        && match array.data_type() {
            DataType::Float32 => array.as_primitive::<Float32Type>().value(at).is_nan(),
            DataType::Float64 => array.as_primitive::<Float64Type>().value(at).is_nan(),
            _ => false,
        }
}

/// What is asked about constants that are not in a container.
pub(super) type Absent<'a> = dyn Fn(usize, &HashSet<ScalarValue>) -> Option<BooleanArray> + 'a;

/// Row groups or ranges of rows, as a test sees them.
pub(super) struct Containers<'a> {
    /// Rows of each.
    pub(super) rows: UInt64Array,
    /// Per value of the test.
    pub(super) bounds: Vec<Bounds>,
    /// For the value of a place, false for containers that hold none of the constants.
    pub(super) absent: Option<&'a Absent<'a>>,
}

impl Containers<'_> {
    fn bounds_of(&self, column: &Column) -> Option<&Bounds> {
        self.bounds.get(place_of(&column.name)?)
    }
}

impl PruningStatistics for Containers<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::clone(&self.bounds_of(column)?.min))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::clone(&self.bounds_of(column)?.max))
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::new(self.bounds_of(column)?.nulls.clone()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.clone()))
    }

    #[allow(clippy::mutable_key_type, reason = "the trait's own type")]
    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        self.absent.and_then(|absent| absent(place_of(&column.name)?, values))
    }
}
