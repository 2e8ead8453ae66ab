//! Settings of the Parquet encoder.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, PARQUET_FIELD_ID_META_KEY, encode_arrow_schema,
    parquet_to_arrow_schema,
};
use parquet::basic::{BrotliLevel, Compression as Codec, GzipLevel, LogicalType, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use serde::{Deserialize, Serialize};

use super::columns::{BloomChoice, file_properties};
use super::geoparquet;
use super::schema::{encoder_schema, written_schema};
use crate::catalog::{KIND_KEY, SOURCE_TYPE_KEY};
use crate::error::{Code, Error, Result};
use crate::readers::{Feature, map_children, schema_for};
use crate::spec::{Compression, FileShape, ParquetSpec};

/// Program and version, as written into files and manifests.
pub const CREATED_BY: &str = concat!("lakexpress version ", env!("CARGO_PKG_VERSION"));

/// Key of a file's metadata: the declared types of its columns in the source, as a JSON object of column to type.
pub const SOURCE_TYPES_KEY: &str = "lakexpress:source_types";

/// Says to Spark which calendar dates and timestamps are of: version 3 and later writes the proleptic Gregorian one, and
/// Spark 3.5 refuses dates before 1582 and timestamps before 1900 of a file that does not say it.
const SPARK_CALENDAR: (&str, &str) = ("org.apache.spark.version", "3.0.0");

/// What is decided once for all files of a table.
pub(super) struct Layout {
    /// Settings of the crate's file writer and of its encoders.
    pub(super) properties: Arc<WriterProperties>,
    /// Whether chunks have a Bloom filter, for each column.
    pub(super) bloom_filters: Vec<BloomChoice>,
    /// The types that the encoder gets: those of batches as readers take them.
    pub(super) schema: SchemaRef,
    /// The columns in the file.
    pub(super) columns: SchemaDescriptor,
}

/// How parts are encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterSettings {
    /// Codec and size of row groups.
    pub parquet: ParquetSpec,
    /// Names of top-level columns for which dictionary encoding does not pay: nearly every value is another,
    /// so that hashing them all costs time and saves no bytes.
    pub dictionary_off: Vec<String>,
    /// What is decided about single columns, and their order.
    #[serde(default, skip_serializing_if = "FileShape::is_default")]
    pub files: FileShape,
}

impl WriterSettings {
    /// What files of `schema` look like.
    ///
    /// Errors: `Config` for a codec level that does not exist, `Data` for a type that Parquet does not have.
    pub(super) fn layout(&self, schema: &Schema) -> Result<Layout> {
        let schema = &schema_for(schema, &self.parquet.readers);
        let written = written_schema(schema);
        let columns = parquet_schema(&written)?;
        let encoded = encoder_schema(schema);
        if parquet_schema(&encoded)? != columns {
            return Err(Error::internal("types in memory and in the file differ").with("schema", written));
        }
        let mut properties = file_properties(self.files.has_page_index())
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(codec(self.parquet.compression)?)
            .set_key_value_metadata(Some(self.file_metadata(&written, &columns)?))
            .set_sorting_columns(self.sorting_columns(&columns)?);
        for leaf in columns.columns() {
            let path = leaf.path();
            let Some(root) = path.parts().first() else { continue };
            if self.dictionary_off.contains(root) {
                properties = properties.set_column_dictionary_enabled(path.clone(), false);
            }
            if let Some(compression) = self.files.codec(root) {
                properties = properties.set_column_compression(path.clone(), codec(compression)?);
            }
        }
        let bloom_filters = written.fields().iter().map(|field| self.bloom_filter(field.name())).collect();
        Ok(Layout { properties: Arc::new(properties.build()), bloom_filters, schema: encoded, columns })
    }

    fn bloom_filter(&self, column: &String) -> BloomChoice {
        if self.files.bloom_filters.contains(column) {
            BloomChoice::Always
        } else if self.files.measured_bloom_filters.contains(column) {
            BloomChoice::Measured
        } else {
            BloomChoice::Never
        }
    }

    /// The order of rows, as row groups have it; none if there is none.
    fn sorting_columns(&self, columns: &SchemaDescriptor) -> Result<Option<Vec<SortingColumn>>> {
        let mut sorting = Vec::with_capacity(self.files.sorted_by.len());
        for by in &self.files.sorted_by {
            let is_it = |leaf: &ColumnDescPtr| leaf.path().parts() == [by.column.as_str()];
            let place = columns.columns().iter().position(is_it).and_then(|at| i32::try_from(at).ok());
            let column_idx = place.ok_or_else(|| {
                Error::internal("files are sorted by a column that they have not").with("column", &by.column)
            })?;
            sorting.push(SortingColumn {
                column_idx,
                descending: by.descending,
                nulls_first: by.nulls_first,
            });
        }
        Ok((!sorting.is_empty()).then_some(sorting))
    }

    /// The source's types, the Arrow schema if the Parquet types alone would be read as another one, what GeoParquet says
    /// of geometries, and the calendar of dates, for Spark.
    fn file_metadata(&self, written: &Schema, columns: &SchemaDescriptor) -> Result<Vec<KeyValue>> {
        let bare = bare_schema(written);
        let mut metadata = Vec::new();
        let mut types = serde_json::Map::new();
        source_types("", written.fields(), &mut types);
        if !types.is_empty() {
            let types = serde_json::Value::from(types).to_string();
            metadata.push(KeyValue::new(SOURCE_TYPES_KEY.to_owned(), types));
        }
        let read = parquet_to_arrow_schema(columns, None).map_err(Error::from_parquet)?;
        if bare_schema(&read) != bare {
            metadata.push(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), encode_arrow_schema(&bare)));
        }
        metadata.extend(geoparquet::metadata(written));
        let is_date = |leaf: &ColumnDescPtr| {
            matches!(leaf.logical_type_ref(), Some(LogicalType::Date | LogicalType::Timestamp { .. }))
        };
        if self.parquet.readers.minds(Feature::OldTimes).is_some() && columns.columns().iter().any(is_date) {
            let (key, version) = SPARK_CALENDAR;
            metadata.push(KeyValue::new(key.to_owned(), version.to_owned()));
        }
        metadata
            .extend(self.files.metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
        Ok(metadata)
    }

    /// Whether files of `schema` can be written at all.
    ///
    /// Errors: as of the first part that would be written, before anything is.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        self.layout(schema).map(|_| ())
    }

    /// The codec as `--compression` spells it.
    pub fn codec_name(&self) -> String {
        self.parquet.compression.name()
    }
}

/// The declared type of each field that has one, by its path; fields inside others are `outer.inner`.
fn source_types(outer: &str, fields: &Fields, types: &mut serde_json::Map<String, serde_json::Value>) {
    for field in fields {
        let path = format!("{outer}{}", field.name());
        if let DataType::Struct(inner) = field.data_type() {
            source_types(&format!("{path}."), inner, types);
        }
        if let Some(declared) = field.metadata().get(SOURCE_TYPE_KEY) {
            types.insert(path, declared.clone().into());
        }
    }
}

/// `schema` without what the file says elsewhere: ids and the source's types.
fn bare_schema(schema: &Schema) -> Schema {
    let mut bare = |field: &FieldRef| bare_field(field);
    Schema::new(schema.fields().iter().map(&mut bare).collect::<Fields>())
}

fn bare_field(field: &FieldRef) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.remove(SOURCE_TYPE_KEY);
    metadata.remove(KIND_KEY);
    metadata.remove(PARQUET_FIELD_ID_META_KEY);
    let inner = map_children(field.data_type(), &mut bare_field);
    Arc::new(field.as_ref().clone().with_metadata(metadata).with_data_type(inner))
}

fn parquet_schema(schema: &Schema) -> Result<SchemaDescriptor> {
    ArrowSchemaConverter::new().convert(schema).map_err(|error| {
        Error::data("a column's type does not exist in Parquet")
            .coded(Code::UnsupportedType)
            .hint(
                "leave the column out with --columns, or export it as text with --cast 'table.column: text'",
            )
            .caused_by(error)
    })
}

fn codec(compression: Compression) -> Result<Codec> {
    let wrong = |error: parquet::errors::ParquetError| {
        Error::config("no such level of compression")
            .hint("--compression takes zstd(1) to zstd(22), gzip(0) to gzip(9), brotli(0) to brotli(11)")
            .caused_by(error)
    };
    Ok(match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level).map_err(wrong)?),
        Compression::Brotli(level) => Codec::BROTLI(BrotliLevel::try_new(level).map_err(wrong)?),
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(wrong)?),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
    use arrow::datatypes::Int32Type;
    use arrow_schema::{DataType, Field};
    use parquet::file::metadata::ParquetMetaData;
    use parquet::schema::types::ColumnPath;

    use super::*;
    use crate::sink::file::FileEncoder;
    use crate::spec::{ColumnCodec, SortedBy};

    #[test]
    fn dictionary_is_off_for_all_leaves_of_a_listed_column() {
        let element = Field::new("element", DataType::Utf8, true);
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, false),
            Field::new("a.b", DataType::Int64, false),
            Field::new_list("l", element, true),
        ]);
        let settings =
            WriterSettings { dictionary_off: vec!["a.b".into(), "l".into()], ..Default::default() };
        let layout = settings.layout(&schema).expect("layout");
        assert!(layout.properties.created_by().starts_with("lakexpress version"));
        let paths: Vec<&ColumnPath> = layout.columns.columns().iter().map(|c| c.path()).collect();
        assert_eq!(paths[2].parts(), ["l", "list", "element"]);
        let dictionary = |path: &ColumnPath| layout.properties.dictionary_enabled(path);
        assert_eq!(paths.into_iter().map(dictionary).collect::<Vec<_>>(), [true, false, false]);
    }

    /// A footer with what is decided about columns of `batch`.
    fn footer(files: FileShape, batch: &RecordBatch) -> ParquetMetaData {
        let settings = WriterSettings { files, ..Default::default() };
        let mut encoder = FileEncoder::new(&batch.schema(), &settings).expect("encoder");
        encoder.write(batch).expect("written");
        encoder.finish().expect("finished")
    }

    #[test]
    fn what_is_decided_about_columns_is_in_the_files() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>((0..500).map(|n| Some(vec![Some(n)])));
        let batch = RecordBatch::try_from_iter([
            ("f", Arc::new(Float64Array::from_iter_values((0..500).map(f64::from))) as ArrayRef),
            ("l", Arc::new(list)),
            ("n", Arc::new(Int64Array::from_iter_values(0..500))),
            ("t", Arc::new(StringArray::from_iter_values((0..500).map(|n| format!("text {n}"))))),
        ])
        .expect("batch");
        let codec = |column: &str, compression| ColumnCodec { column: column.into(), compression };
        let by = |column: &str, descending| SortedBy {
            column: column.into(),
            descending,
            nulls_first: descending,
        };
        let files = FileShape {
            bloom_filters: vec!["t".into()],
            measured_bloom_filters: vec!["n".into()],
            codecs: vec![
                codec("l", Compression::Gzip(9)),
                codec("n", Compression::None),
                codec("t", Compression::Brotli(1)),
            ],
            sorted_by: vec![by("n", false), by("f", true)],
            metadata: vec![("team".into(), "sales = 1".into())],
            ..FileShape::default()
        };
        let found = footer(files, &batch);
        let group = found.row_group(0);
        let codecs: Vec<String> = group.columns().iter().map(|c| c.compression().to_string()).collect();
        assert!(codecs[0].starts_with("ZSTD") && codecs[1].starts_with("GZIP"), "{codecs:?}");
        assert!(codecs[2].starts_with("UNCOMPRESSED") && codecs[3].starts_with("BROTLI"), "{codecs:?}");
        let filters: Vec<bool> = group.columns().iter().map(|c| c.bloom_filter_offset().is_some()).collect();
        assert_eq!(filters, [false, false, true, true]);
        let sorting = group.sorting_columns().expect("an order");
        let sorting: Vec<_> =
            sorting.iter().map(|by| (by.column_idx, by.descending, by.nulls_first)).collect();
        assert_eq!(sorting, [(2, false, false), (0, true, true)]);
        assert!(found.offset_index().is_some(), "sorted files have a page index");
        let metadata = found.file_metadata().key_value_metadata().expect("metadata");
        assert!(metadata.contains(&KeyValue::new("team".to_owned(), "sales = 1".to_owned())), "{metadata:?}");
        let found = footer(FileShape::default(), &batch);
        assert!(found.offset_index().is_none() && found.row_group(0).sorting_columns().is_none());
    }

    #[test]
    fn files_are_not_sorted_by_what_they_have_not() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
        let sorted_by = vec![SortedBy { column: "b".into(), descending: false, nulls_first: false }];
        let settings =
            WriterSettings { files: FileShape { sorted_by, ..Default::default() }, ..Default::default() };
        let error = settings.layout(&schema).err().expect("refused");
        assert_eq!(error.kind(), crate::error::ErrorKind::Internal);
    }

    #[test]
    fn levels_out_of_range_are_refused() {
        for compression in [Compression::Zstd(23), Compression::Gzip(10), Compression::Brotli(12)] {
            let parquet = ParquetSpec { compression, ..Default::default() };
            let settings = WriterSettings { parquet, ..Default::default() };
            let error = settings.layout(&Schema::empty()).err().expect("refused");
            assert_eq!(error.kind(), crate::error::ErrorKind::Config);
        }
    }
}
