//! Batches to a file and back, for tests and `fuzz/`.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Float64Type};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::bloom::{BloomChoice, bloom_filter_refusal};
use super::file::{FileWriter, Settings, file_properties};
use super::integers::Integer;

/// What is wrong, for whoever runs the test.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The codec.
    pub(super) compression: Compression,
    /// Whether packed differences may be used.
    pub(super) delta: bool,
    /// Whether columns begin with a dictionary.
    pub(super) dictionary: bool,
    /// Rows after which a row group ends.
    pub(super) group_rows: usize,
    /// Whether there is a page index.
    pub(super) page_index: bool,
    /// Whether columns whose type allows it have a Bloom filter.
    pub(super) bloom: BloomChoice,
}

/// A writer of batches of `schema`.
pub(super) fn writer(schema: &Schema, shape: &Shape) -> Result<FileWriter<Vec<u8>>, Fault> {
    let stored = ArrowSchemaConverter::new().convert(schema)?;
    let properties = file_properties(shape.page_index)
        .set_compression(shape.compression)
        .set_dictionary_enabled(shape.dictionary)
        .build();
    let bloom = |field: &Arc<Field>| match bloom_filter_refusal(field.data_type()) {
        None => shape.bloom,
        Some(_) => BloomChoice::Never,
    };
    let bloom_filters = schema.fields().iter().map(bloom).collect();
    let settings = Settings { delta: shape.delta, group_rows: shape.group_rows, bloom_filters };
    Ok(FileWriter::new(Vec::new(), schema, &stored, properties, settings)?)
}

/// The file of `batches`, of which there is one at least, and its footer.
pub(super) fn encoded(batches: &[RecordBatch], shape: &Shape) -> Result<(Bytes, ParquetMetaData), Fault> {
    let mut writer = writer(&batches[0].schema(), shape)?;
    for batch in batches {
        writer.write(batch.columns(), batch.num_rows())?;
    }
    let footer = writer.finish()?;
    let file = std::mem::take(writer.out());
    if file.len() != writer.bytes_written() {
        return Err(format!("{} bytes are {}", writer.bytes_written(), file.len()).into());
    }
    Ok((file.into(), footer))
}

/// All rows of a file, in one batch, in the types of `schema`.
fn decoded(file: Bytes, schema: &Schema) -> Result<RecordBatch, Fault> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(1 << 20);
    let read = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build()?.collect::<Result<_, _>>()?;
    let one = arrow::compute::concat_batches(&read, &batches)?;
    let cast = |(column, field): (&ArrayRef, &Arc<Field>)| arrow::compute::cast(column, field.data_type());
    let columns = one.columns().iter().zip(schema.fields()).map(cast).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(Arc::new(schema.clone()), columns)?)
}

/// Writes `batches`, reads them back by the crate's reader, and compares the values and the bounds in the footer.
pub(super) fn checked(batches: &[RecordBatch], shape: &Shape) -> Result<(Bytes, ParquetMetaData), Fault> {
    let (file, footer) = encoded(batches, shape)?;
    let whole = arrow::compute::concat_batches(&batches[0].schema(), batches)?;
    let read = decoded(file.clone(), &whole.schema())?;
    for ((wrote, read), field) in whole.columns().iter().zip(read.columns()).zip(whole.schema().fields()) {
        if wrote != read {
            return Err(format!("{field} with {shape:?}: {wrote:?} came back as {read:?}").into());
        }
    }
    let mut first = 0;
    for group in footer.row_groups() {
        let rows = first..first + usize::try_from(group.num_rows())?;
        first = rows.end;
        check_group(group, &whole, rows)?;
    }
    if first != whole.num_rows() {
        return Err(format!("{first} of {} rows", whole.num_rows()).into());
    }
    Ok((file, footer))
}

/// Whether what the footer says of the chunks of a row group is true of `rows` of `whole`.
fn check_group(group: &RowGroupMetaData, whole: &RecordBatch, rows: Range<usize>) -> Result<(), Fault> {
    for (column, array) in whole.columns().iter().enumerate() {
        let leaf = whole.schema().field(column).name().clone();
        let Some(chunk) = group.columns().iter().find(|c| c.column_path().parts() == [leaf.as_str()]) else {
            // A nested column, whose statistics the crate makes.
            continue;
        };
        let values = array.slice(rows.start, rows.len());
        let statistics = chunk.statistics().ok_or("no statistics")?;
        if statistics.null_count_opt() != Some(values.null_count() as u64) {
            return Err(format!("{leaf}: {} NULLs, {statistics:?}", values.null_count()).into());
        }
        check_bounds(statistics, &values).map_err(|fault| format!("{leaf}, {statistics:?}: {fault}"))?;
    }
    Ok(())
}

pub(super) fn check_bounds(statistics: &Statistics, values: &ArrayRef) -> Result<(), Fault> {
    match statistics {
        Statistics::Int32(found) if !values.data_type().is_unsigned_integer() => tight::<i32>(found, values),
        Statistics::Int64(found) => tight::<i64>(found, values),
        Statistics::ByteArray(found) => {
            let (low, high) = (found.min_opt(), found.max_opt());
            for value in bytes_of(values).into_iter().flatten() {
                let above = low.is_none_or(|low| low.data() <= value);
                if !above || high.is_some_and(|high| high.data() < value) {
                    return Err(format!("{value:?} is outside").into());
                }
            }
            Ok(())
        }
        Statistics::Float(found) => floats::<Float32Type>(found, values, |v| v.is_nan()),
        Statistics::Double(found) => floats::<Float64Type>(found, values, |v| v.is_nan()),
        _ => Ok(()),
    }
}

/// Bounds of integers are values.
fn tight<T: Integer>(found: &ValueStatistics<T>, array: &ArrayRef) -> Result<(), Fault> {
    let values = T::of(array).ok_or("a type of another width")?;
    let is = (found.min_opt().copied(), found.max_opt().copied());
    if is != (values.iter().min().copied(), values.iter().max().copied()) {
        return Err("not the least and the largest".into());
    }
    Ok(())
}

/// Floats are within their bounds, and there are none if there is a NaN.
fn floats<T: ArrowPrimitiveType>(
    found: &ValueStatistics<T::Native>,
    array: &ArrayRef,
    is_nan: impl Fn(T::Native) -> bool,
) -> Result<(), Fault>
where
    T::Native: PartialOrd,
{
    let (low, high) = (found.min_opt(), found.max_opt());
    for value in array.as_primitive::<T>().iter().flatten() {
        let bounded = low.is_some() || high.is_some();
        let outside = low.is_some_and(|low| value < *low) || high.is_some_and(|high| value > *high);
        if outside || is_nan(value) && bounded {
            return Err(format!("{value:?} is outside").into());
        }
    }
    Ok(())
}

pub(super) fn bytes_of(array: &ArrayRef) -> Vec<Option<&[u8]>> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(|v| v.map(str::as_bytes)).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(|v| v.map(str::as_bytes)).collect(),
        DataType::Binary => array.as_binary::<i32>().iter().collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().collect(),
        _ => Vec::new(),
    }
}
