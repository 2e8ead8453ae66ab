//! Shape of the Parquet files.

use serde::{Deserialize, Serialize};

use crate::readers::Readers;

/// Shape of the Parquet files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetSpec {
    /// Codec and level.
    pub compression: Compression,
    /// Rows after which a row group closes.
    pub row_group_rows: usize,
    /// Encoded bytes after which a row group closes.
    pub row_group_bytes: usize,
    /// The programs that must be able to read the files. Older runs, whose records do not have it, kept every type.
    #[serde(default = "Readers::of_older_runs")]
    pub readers: Readers,
    /// How values are written that have no dictionary. Older runs, whose records do not have it, wrote them plain.
    #[serde(default = "Encodings::of_older_runs")]
    pub encodings: Encodings,
}

impl ParquetSpec {
    /// What suits `readers`, for what nobody chose.
    pub fn suited(readers: Readers) -> Self {
        let encodings = Encodings::suited(&readers);
        Self {
            compression: Compression::suited(encodings),
            row_group_rows: 131_072,
            row_group_bytes: 64 << 20,
            encodings,
            readers,
        }
    }
}

impl Default for ParquetSpec {
    fn default() -> Self {
        Self::suited(Readers::default())
    }
}

/// Parquet encodings of values that have no dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encodings {
    /// Packed differences where they are smaller: DELTA_BINARY_PACKED for integers, DELTA_LENGTH_BYTE_ARRAY for bytes.
    #[default]
    Delta,
    /// PLAIN only, for readers that do not know the others.
    Plain,
}

impl Encodings {
    fn of_older_runs() -> Self {
        Self::Plain
    }

    /// Those that `readers` take.
    pub fn suited(readers: &Readers) -> Self {
        if readers.need_plain_encodings() { Self::Plain } else { Self::Delta }
    }

    /// Whether packed differences may be used.
    pub fn has_delta(self) -> bool {
        self == Self::Delta
    }
}

/// Parquet codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// No compression.
    None,
    /// Snappy.
    Snappy,
    /// Gzip, level 0 to 9.
    Gzip(u32),
    /// LZ4 (raw frames, as Parquet's `LZ4_RAW`).
    Lz4,
    /// Brotli, level 0 to 11.
    Brotli(u32),
    /// Zstandard, level 1 to 22.
    Zstd(i32),
}

impl Compression {
    /// The codec as `--compression` spells it.
    pub fn name(self) -> String {
        match self {
            Self::None => "none".into(),
            Self::Snappy => "snappy".into(),
            Self::Lz4 => "lz4".into(),
            Self::Gzip(level) => format!("gzip({level})"),
            Self::Brotli(level) => format!("brotli({level})"),
            Self::Zstd(level) => format!("zstd({level})"),
        }
    }

    /// What makes small files for little processor time: plain values need more of the codec than packed ones.
    pub fn suited(encodings: Encodings) -> Self {
        if encodings.has_delta() { Self::Zstd(1) } else { Self::Zstd(3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_runs_kept_every_type_and_wrote_plain_values() {
        let older = r#"{"compression": {"zstd": 1}, "row_group_rows": 1, "row_group_bytes": 2}"#;
        let older: ParquetSpec = serde_json::from_str(older).expect("spec");
        assert_eq!((older.readers, older.encodings), (Readers::Modern, Encodings::Plain));
        let now = serde_json::to_string(&ParquetSpec::default()).expect("json");
        assert_eq!(serde_json::from_str::<ParquetSpec>(&now).expect("spec"), ParquetSpec::default());
        assert!(now.contains(r#""readers":"any""#), "{now}");
    }
}
