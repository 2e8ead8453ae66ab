//! Settings of the Parquet encoder.

use arrow_schema::Schema;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, encode_arrow_schema};
use parquet::basic::{BrotliLevel, Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::SchemaDescriptor;
use serde::{Deserialize, Serialize};

use super::geoparquet;
use super::schema::{encoder_schema, written_schema};
use crate::error::{Error, Result};
use crate::spec::{Compression, ParquetSpec};

/// Program and version, as written into files and manifests.
pub const CREATED_BY: &str = concat!("lakexpress version ", env!("CARGO_PKG_VERSION"));

/// How parts are encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterSettings {
    /// Codec and size of row groups.
    pub parquet: ParquetSpec,
    /// Names of top-level columns for which dictionary encoding does not pay: nearly every value is another,
    /// so that hashing them all costs time and saves no bytes.
    pub dictionary_off: Vec<String>,
}

impl WriterSettings {
    /// Options for batches of `schema`, and the Parquet schema they give.
    ///
    /// Errors: `Config` for a codec level that does not exist, `Data` for a type that Parquet does not have.
    pub(super) fn options(&self, schema: &Schema) -> Result<ArrowWriterOptions> {
        let written = written_schema(schema);
        let columns = parquet_schema(&written)?;
        if parquet_schema(&encoder_schema(schema))? != columns {
            return Err(Error::internal("types in memory and in the file differ").with("schema", written));
        }
        let arrow = KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), encode_arrow_schema(&written));
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(codec(self.parquet.compression)?)
            // Chunk statistics steer readers past files and row groups; those of pages cost more than they save.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(self.parquet.row_group_rows.max(1)))
            .set_key_value_metadata(Some(
                [arrow].into_iter().chain(geoparquet::metadata(&written)).collect(),
            ));
        for leaf in columns.columns() {
            let path = leaf.path();
            if path.parts().first().is_some_and(|root| self.dictionary_off.contains(root)) {
                properties = properties.set_column_dictionary_enabled(path.clone(), false);
            }
        }
        Ok(ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true))
    }

    /// Whether files of `schema` can be written at all.
    ///
    /// Errors: as of the first part that would be written, before anything is.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        self.options(schema).map(|_| ())
    }

    /// The codec as `--compression` spells it.
    pub fn codec_name(&self) -> String {
        match self.parquet.compression {
            Compression::None => "none".into(),
            Compression::Snappy => "snappy".into(),
            Compression::Lz4 => "lz4".into(),
            Compression::Gzip(level) => format!("gzip({level})"),
            Compression::Brotli(level) => format!("brotli({level})"),
            Compression::Zstd(level) => format!("zstd({level})"),
        }
    }
}

fn parquet_schema(schema: &Schema) -> Result<SchemaDescriptor> {
    ArrowSchemaConverter::new().convert(schema).map_err(|error| {
        Error::data("a column's type does not exist in Parquet")
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
    use arrow_schema::{DataType, Field};
    use parquet::schema::types::ColumnPath;

    use super::*;

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
        let options = settings.options(&schema).expect("options");
        let text = format!("{options:?}");
        assert!(text.contains("lakexpress version"), "{text}");
        let descriptor = parquet_schema(&schema).expect("schema");
        let paths: Vec<&ColumnPath> = descriptor.columns().iter().map(|c| c.path()).collect();
        assert_eq!(paths[2].parts(), ["l", "list", "element"]);
    }

    #[test]
    fn levels_out_of_range_are_refused() {
        for compression in [Compression::Zstd(23), Compression::Gzip(10), Compression::Brotli(12)] {
            let parquet = ParquetSpec { compression, ..Default::default() };
            let settings = WriterSettings { parquet, dictionary_off: vec![] };
            let error = settings.options(&Schema::empty()).expect_err("refused");
            assert_eq!(error.kind(), crate::error::ErrorKind::Config);
        }
    }
}
