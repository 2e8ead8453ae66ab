//! Whatever is encoded is read back by the `parquet` crate's reader, and the footer's bounds hold.

use std::sync::Arc;

use ::bytes::Bytes;
use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal64Array, Decimal128Array, FixedSizeBinaryArray, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use arrow_schema::{DataType, Field, Schema};
use parquet::basic::{BoundaryOrder, BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::bloom::BloomChoice;
use super::round_trip::{Shape, encoded, writer};
use super::steered::checked;

fn shape(compression: Compression, delta: bool, group_rows: usize) -> Shape {
    Shape { compression, delta, dictionary: true, group_rows, page_index: false, bloom: BloomChoice::Never }
}

fn zstd() -> Compression {
    Compression::ZSTD(ZstdLevel::default())
}

fn encode(batches: &[RecordBatch], shape: &Shape) -> (Bytes, ParquetMetaData) {
    encoded(batches, shape).expect("written")
}

/// With page indexes and Bloom filters, and without, of which the footer is.
fn comes_back(batches: &[RecordBatch], shape: &Shape) -> ParquetMetaData {
    let come_back = |shape: &Shape| checked(batches, shape).unwrap_or_else(|fault| panic!("{fault}"));
    come_back(&Shape { page_index: true, bloom: BloomChoice::Always, ..*shape });
    come_back(&Shape { bloom: BloomChoice::Measured, ..*shape });
    come_back(shape)
}

fn one_column(array: ArrayRef) -> RecordBatch {
    let nullable = array.null_count() > 0;
    let field = Field::new("c", array.data_type().clone(), nullable);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).expect("batch")
}

fn encodings(footer: &ParquetMetaData, group: usize, column: usize) -> Vec<Encoding> {
    let mut found: Vec<Encoding> = footer.row_group(group).column(column).encodings().collect();
    found.sort();
    found
}

/// Values of every width, near each other and far apart, in runs and alone.
fn integers() -> impl Strategy<Value = Vec<Option<i64>>> {
    let value = prop_oneof![
        4 => (-3i64..3).boxed(),
        2 => (0i64..1_000).boxed(),
        1 => any::<i64>().boxed(),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1)].boxed(),
    ];
    let run = (option::weighted(0.8, value), 1usize..40);
    vec(run, 1..120).prop_map(|runs| {
        runs.into_iter().flat_map(|(value, times)| std::iter::repeat_n(value, times)).collect()
    })
}

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    let value = prop_oneof![3 => "[a-c]{0,2}".boxed(), 2 => "\\PC{0,12}".boxed(), 1 => "[ä€𝄞]{0,70}".boxed()];
    vec((option::weighted(0.8, value), 1usize..20), 1..80).prop_map(|runs| {
        runs.into_iter().flat_map(|(value, times)| std::iter::repeat_n(value, times)).collect()
    })
}

fn codecs() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::UNCOMPRESSED),
        Just(Compression::SNAPPY),
        Just(Compression::LZ4_RAW),
        Just(Compression::GZIP(GzipLevel::default())),
        Just(Compression::BROTLI(BrotliLevel::default())),
        Just(zstd()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_flat_type_comes_back(
        numbers in integers(), words in texts(), codec in codecs(),
        delta in any::<bool>(), required in any::<bool>(), dictionary in any::<bool>(), group in 1usize..3_000,
    ) {
        let rows = numbers.len().min(words.len());
        let present = |n: &Option<i64>| if required { Some(n.unwrap_or(7)) } else { *n };
        let numbers: Vec<Option<i64>> = numbers[..rows].iter().map(present).collect();
        let words: Vec<Option<&str>> = words[..rows]
            .iter()
            .map(|w| if required { Some(w.as_deref().unwrap_or("")) } else { w.as_deref() })
            .collect();
        let small = |n: &Option<i64>| n.map(|n| n.rem_euclid(1_000_000_000) as i32);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(numbers.clone())),
            Arc::new(numbers.iter().map(|n| n.map(|n| n as i32)).collect::<Int32Array>()),
            Arc::new(numbers.iter().map(|n| n.map(|n| n as i16)).collect::<Int16Array>()),
            Arc::new(numbers.iter().map(|n| n.map(|n| n as i8)).collect::<Int8Array>()),
            Arc::new(numbers.iter().map(|n| n.map(|n| n as i32)).collect::<Date32Array>()),
            Arc::new(TimestampMicrosecondArray::from(numbers.clone())),
            Arc::new(
                numbers.iter().map(small).map(|n| n.map(i128::from)).collect::<Decimal128Array>()
                    .with_precision_and_scale(9, 2).expect("decimal"),
            ),
            Arc::new(
                numbers.iter().map(|n| n.map(|n| i128::from(n % 1_000_000_000_000_000_000))).collect::<Decimal128Array>()
                    .with_precision_and_scale(18, 4).expect("decimal"),
            ),
            Arc::new(
                numbers.iter().map(small).map(|n| n.map(i64::from)).collect::<Decimal64Array>()
                    .with_precision_and_scale(15, 2).expect("decimal"),
            ),
            Arc::new(StringArray::from(words.clone())),
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(words.iter().map(|w| w.map(str::as_bytes)).collect::<BinaryArray>()),
            Arc::new(numbers.iter().map(|n| n.map(|n| n as f64)).collect::<Float64Array>()),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                numbers.iter().map(|n| n.map(|n| vec![Some(n as i32); n.rem_euclid(3) as usize])),
            )),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), !required))
            .collect();
        let whole = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("batch");
        let batches = [whole.slice(0, rows / 3), whole.slice(rows / 3, rows - rows / 3)];
        let footer = comes_back(&batches, &Shape { dictionary, ..shape(codec, delta, group) });
        for (group_at, group) in footer.row_groups().iter().enumerate() {
            let start: usize = footer.row_groups()[..group_at].iter().map(|g| g.num_rows() as usize).sum();
            let range = start..start + group.num_rows() as usize;
            let inside = &numbers[range.clone()];
            let Some(Statistics::Int64(found)) = group.column(0).statistics() else { panic!("int64") };
            prop_assert_eq!(found.min_opt().copied(), inside.iter().flatten().min().copied());
            prop_assert_eq!(found.max_opt().copied(), inside.iter().flatten().max().copied());
            prop_assert_eq!(found.null_count_opt(), Some(inside.iter().filter(|n| n.is_none()).count() as u64));
            let Some(Statistics::ByteArray(found)) = group.column(9).statistics() else { panic!("bytes") };
            for word in words[range].iter().flatten() {
                prop_assert!(found.min_opt().expect("min").data() <= word.as_bytes());
                prop_assert!(found.max_opt().expect("max").data() >= word.as_bytes());
            }
        }
    }
}

/// A generator of numbers without a pattern.
fn scattered(rows: usize) -> impl Iterator<Item = u64> {
    (0..rows as u64)
        .map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d))
}

const ROWS: usize = 131_072;

#[test]
fn few_values_have_a_dictionary_and_many_do_not() {
    let shape = shape(zstd(), true, ROWS);
    let text = |values: &dyn Fn(u64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(scattered(ROWS).map(values)))
    };
    let number = |of: &dyn Fn(u64) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(scattered(ROWS).map(of)))
    };
    let dictionary = vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
    let cases: [(ArrayRef, Vec<Encoding>); 6] = [
        (number(&|n| (n % 50) as i64), dictionary.clone()),
        (number(&|n| (n % 5_000) as i64), dictionary.clone()),
        (text(&|n| format!("value {}", n % 20_000)), dictionary),
        (number(&|n| (n % 10_000_000) as i64), vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED]),
        (text(&|n| format!("{n}")), vec![Encoding::RLE, Encoding::DELTA_LENGTH_BYTE_ARRAY]),
        (
            Arc::new(Int64Array::from_iter_values(0..ROWS as i64)),
            vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED],
        ),
    ];
    for (array, mut expected) in cases {
        expected.sort();
        let footer = comes_back(&[one_column(Arc::clone(&array))], &shape);
        assert_eq!(encodings(&footer, 0, 0), expected, "{array:?}");
    }
}

#[test]
fn plain_encodings_are_known_to_all() {
    let shape = shape(Compression::SNAPPY, false, ROWS);
    let batch = RecordBatch::try_from_iter([
        ("a", Arc::new(Int64Array::from_iter_values(0..50_000)) as ArrayRef),
        ("b", Arc::new(StringArray::from_iter_values((0..50_000).map(|n| format!("{n}")))) as ArrayRef),
        ("c", Arc::new(Int64Array::from_iter_values((0..50_000).map(|n| n % 3))) as ArrayRef),
    ])
    .expect("batch");
    let footer = comes_back(&[batch], &shape);
    for column in footer.row_group(0).columns() {
        let known = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
        assert!(column.encodings().all(|encoding| known.contains(&encoding)), "{column:?}");
    }
}

#[test]
fn a_dictionary_that_outgrows_its_page_is_given_up() {
    // Repeated at first, so that it seems to pay; then every value is new.
    let value = |n: u64, i: usize| if i < 40_000 { n % 10 } else { n };
    let numbers = scattered(2 * ROWS).enumerate().map(|(i, n)| value(n, i) as i64);
    let texts = scattered(2 * ROWS).enumerate().map(|(i, n)| format!("text number {:020}", value(n, i)));
    let schema =
        Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("t", DataType::Utf8, false)]);
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from_iter_values(numbers)), Arc::new(StringArray::from_iter_values(texts))];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).expect("batch");
    let footer = comes_back(&[batch], &shape(Compression::SNAPPY, true, 2 * ROWS));
    assert!(encodings(&footer, 0, 0).contains(&Encoding::DELTA_BINARY_PACKED));
    assert!(encodings(&footer, 0, 0).contains(&Encoding::RLE_DICTIONARY));
    assert!(encodings(&footer, 0, 1).contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY));
    assert!(encodings(&footer, 0, 1).contains(&Encoding::RLE_DICTIONARY));
}

#[test]
fn nulls_alone_and_in_every_pattern_come_back() {
    let shape = shape(Compression::UNCOMPRESSED, true, ROWS);
    for rows in [1, 7, 8, 9, 16, 63, 64, 65, 32_767, 32_768, 32_769, 70_000] {
        for every in [1, 2, 3, 31, 1_000, usize::MAX] {
            let number = |i: usize| (!i.is_multiple_of(every) && i % 4_000 < 3_000).then_some(i as i64 * 3);
            let numbers = Arc::new((0..rows).map(number).collect::<Int64Array>());
            let texts = (0..rows).map(|i| number(i).map(|n| n.to_string())).collect::<StringArray>();
            let fields = vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)];
            let columns: Vec<ArrayRef> = vec![numbers, Arc::new(texts)];
            comes_back(
                &[RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("batch")],
                &shape,
            );
        }
    }
}

#[test]
fn values_larger_than_a_page_come_back() {
    let shape = shape(zstd(), true, ROWS);
    let long = |n: usize| "x".repeat(n);
    let texts = [long(3), long(3_000_000), long(3), long(900_000), long(900_000), long(5_000_000), long(0)];
    let batch = one_column(Arc::new(StringArray::from_iter_values(texts)));
    comes_back(&[batch.clone(), batch], &shape);
}

#[test]
fn memory_is_told_and_given_back() {
    let shape = shape(Compression::UNCOMPRESSED, true, ROWS);
    let batch =
        one_column(Arc::new(StringArray::from_iter_values(scattered(50_000).map(|n| format!("{n:060}")))));
    let mut encoder = writer(batch.schema_ref(), &shape).expect("encoder");
    encoder.write(batch.columns(), batch.num_rows()).expect("written");
    assert!(encoder.memory() > 3_000_000, "{}", encoder.memory());
    encoder.end_group().expect("ended");
    assert_eq!(encoder.memory(), 0);
}

/// The largest page of a file before compression.
fn largest_page(file: Bytes) -> usize {
    let reader = SerializedFileReader::new(file).expect("footer");
    let mut largest = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).expect("group");
        for column in 0..group.num_columns() {
            let pages = group.get_column_page_reader(column).expect("pages");
            largest = pages.map(|page| page.expect("page").buffer().len()).fold(largest, usize::max);
        }
    }
    largest
}

#[test]
fn one_long_value_behind_many_codes_stays_a_dictionary() {
    let shape = shape(zstd(), true, ROWS);
    let long = "x".repeat(30_000);
    let outlier = "y".repeat(1_400_000);
    let distinct: Vec<String> = (0..22_000).map(|n| format!("{n}")).collect();
    let with_outlier = || std::iter::repeat_n(long.as_str(), 8_192).chain([outlier.as_str(), "z"]);
    let with_many = || std::iter::repeat_n(long.as_str(), 8_192).chain(distinct.iter().map(String::as_str));
    for values in [with_outlier().collect::<Vec<_>>(), with_many().collect()] {
        let batches: Vec<RecordBatch> =
            values.chunks(1_000).map(|v| one_column(Arc::new(StringArray::from(v.to_vec())))).collect();
        let mut encoder = writer(batches[0].schema_ref(), &shape).expect("encoder");
        for batch in &batches {
            encoder.write(batch.columns(), batch.num_rows()).expect("written");
            assert!(encoder.memory() < 16 << 20, "{} bytes are held", encoder.memory());
        }
        comes_back(&batches, &shape);
        let largest = largest_page(encode(&batches, &shape).0);
        assert!(largest < 3 << 20, "a page of {largest} bytes");
    }
}

#[test]
fn pages_have_no_more_rows_than_promised() {
    let shape = shape(Compression::UNCOMPRESSED, true, ROWS);
    let numbers = (0..100_000i64).map(|n| (n % 7 != 0).then_some(n)).collect::<Int64Array>();
    let texts = (0..100_000i64).map(|n| (n % 3 != 0).then(|| format!("{}", n % 9))).collect::<StringArray>();
    for array in [Arc::new(numbers) as ArrayRef, Arc::new(texts)] {
        let batches: Vec<RecordBatch> =
            (0..10).map(|i| one_column(array.slice(i * 10_000, 10_000))).collect();
        let reader = SerializedFileReader::new(encode(&batches, &shape).0).expect("footer");
        let group = reader.get_row_group(0).expect("group");
        let pages = group.get_column_page_reader(0).expect("pages");
        let rows: Vec<u32> =
            pages.map(|p| p.expect("page")).filter(|p| p.is_data_page()).map(|p| p.num_values()).collect();
        assert_eq!(rows, [32_768, 32_768, 32_768, 1_696]);
        let footer = checked(&batches, &Shape { page_index: true, ..shape }).expect("checked");
        // One may end early, where its dictionary does.
        let pages = &footer.offset_index().expect("offsets")[0][0].page_locations;
        let starts: Vec<i64> = pages.iter().map(|page| page.first_row_index).chain([100_000]).collect();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] <= 16_384) && pages.len() <= 8, "{starts:?}");
    }
}

/// The first column's index in the first row group, and its pages' first rows.
fn column_index(footer: &ParquetMetaData, column: usize) -> Option<&ColumnIndexMetaData> {
    let index = footer.column_index()?.first()?.get(column)?;
    (!matches!(index, ColumnIndexMetaData::NONE)).then_some(index)
}

#[test]
fn pages_in_order_say_so_and_pages_of_nulls_have_no_bounds() {
    let shape = Shape { page_index: true, ..shape(zstd(), true, ROWS) };
    // Five pages; the second has NULLs only.
    let value = |row: i64| (row / 16_384 != 1).then_some(row);
    let rows = 0..5 * 16_384i64;
    let few = rows.clone().map(|row| value(row).map(|row| row / 1_000));
    let text = |row: i64| format!("{row:08}{}", "x".repeat(80));
    // Every second, so that pages do not end for their bytes.
    let texts =
        rows.clone().map(|row| value(row).filter(|row| row % 2 == 0).map(text)).collect::<StringArray>();
    let falling = rows.clone().map(|row| value(row).map(|row| -row)).collect::<Int64Array>();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("rising", Arc::new(rows.clone().map(value).collect::<Int64Array>()) as ArrayRef, true),
        ("coded", Arc::new(few.collect::<Int64Array>()), true),
        ("falling", Arc::new(falling), true),
        ("text", Arc::new(texts), true),
        ("nothing", Arc::new(Int64Array::from(vec![None; rows.end as usize])), true),
        ("nan", Arc::new(Float64Array::from_iter_values(rows.clone().map(|_| f64::NAN))), false),
        ("float", Arc::new(Float64Array::from_iter_values(rows.clone().map(|row| row as f64))), false),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                rows.clone().map(|row| Some(vec![Some(row as i32), None])),
            )),
            false,
        ),
    ])
    .expect("batch");
    let footer = checked(&[batch], &shape).expect("checked");
    use BoundaryOrder::{ASCENDING, DESCENDING};
    let found: Vec<_> =
        (0..8).map(|at| column_index(&footer, at).and_then(|i| i.get_boundary_order())).collect();
    let none = None;
    assert_eq!(
        found,
        [
            Some(ASCENDING),
            Some(ASCENDING),
            Some(DESCENDING),
            Some(ASCENDING),
            none,
            none,
            Some(ASCENDING),
            none
        ]
    );
    let Some(ColumnIndexMetaData::BYTE_ARRAY(texts)) = column_index(&footer, 3) else { panic!("texts") };
    assert!(texts.is_null_page(1) && texts.null_count(1) == Some(16_384) && texts.min_value(1).is_none());
    let (low, high) = (texts.min_value(2).expect("low"), texts.max_value(2).expect("high"));
    assert!(low.starts_with(b"00032768xx") && low.len() == 64, "{low:?}");
    assert!(high.ends_with(b"xy") && high.len() == 64, "{high:?}");
    let offsets = footer.offset_index().expect("offsets");
    assert!(offsets[0].iter().all(|leaf| leaf.page_locations.len() >= 5), "lists and NaN have theirs");
}

#[test]
fn a_page_without_a_short_bound_leaves_the_column_index_out() {
    let shape = Shape { page_index: true, ..shape(zstd(), true, ROWS) };
    let plain = |row: usize| if row == 20_000 { vec![0xff; 70] } else { row.to_be_bytes().to_vec() };
    let coded = |row: usize| if row == 20_000 { vec![0xff; 70] } else { (row % 10).to_be_bytes().to_vec() };
    for value in [&plain as &dyn Fn(usize) -> Vec<u8>, &coded] {
        let array = BinaryArray::from_iter_values((0..40_000).map(value));
        let footer = checked(&[one_column(Arc::new(array))], &shape).expect("checked");
        assert!(column_index(&footer, 0).is_none());
        assert_eq!(footer.offset_index().expect("offsets")[0][0].page_locations.len(), 3);
    }
}

#[test]
fn filters_are_where_nearly_all_values_differ() {
    let of = |array: ArrayRef, bloom: BloomChoice| {
        let shape = Shape { bloom, ..shape(zstd(), true, ROWS) };
        let footer = checked(&[one_column(array)], &shape).expect("checked");
        footer.row_group(0).column(0).bloom_filter_length().map(|bytes| bytes as usize)
    };
    let numbers = |values: u64| {
        Arc::new(Int64Array::from_iter_values(scattered(ROWS).map(|n| (n % values) as i64))) as ArrayRef
    };
    let texts = |values: u64| {
        Arc::new(StringArray::from_iter_values(scattered(ROWS).map(|n| (n % values).to_string()))) as ArrayRef
    };
    let uuid = |values: u64| {
        let bytes = scattered(ROWS).map(|n| u128::from(n % values).to_be_bytes());
        Arc::new(FixedSizeBinaryArray::try_from_iter(bytes).expect("uuids")) as ArrayRef
    };
    for (many, few) in
        [(numbers(1 << 40), numbers(100)), (texts(1 << 40), texts(100)), (uuid(1 << 40), uuid(100))]
    {
        // As the program writes it: 131,072 values of 17 bits are more than 256 KiB.
        let bytes = of(Arc::clone(&many), BloomChoice::Measured).expect("a filter");
        assert!((1 << 19..(1 << 19) + 32).contains(&bytes), "{bytes}");
        assert_eq!(of(many, BloomChoice::Never), None);
        assert_eq!(of(Arc::clone(&few), BloomChoice::Measured), None, "{few:?}");
        let bytes = of(few, BloomChoice::Always).expect("a filter");
        assert!(bytes < 320, "{bytes} bytes for 100 values");
    }
    assert_eq!(of(numbers(1), BloomChoice::Always), None);
    let floats = Arc::new(Float64Array::from_iter_values(scattered(ROWS).map(|n| n as f64)));
    assert_eq!(of(floats, BloomChoice::Always), None);
}
