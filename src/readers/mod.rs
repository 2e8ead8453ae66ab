//! Programs that read Parquet files, and what each of them takes.
//!
//! What a file may contain is decided by [`takes`], the one table of this project about it, and not by what Parquet can
//! say. `docs/readers.md` is written from it, and `make verify-readers` compares it with what the programs do.

#[cfg(test)]
mod doc;
mod forms;
mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

pub(crate) use forms::map_children;
pub use forms::{converted, field_for, form_note, has_other_type, schema_for};
pub use table::takes;

/// A program that reads Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// Apache Spark.
    Spark,
    /// DuckDB.
    DuckDb,
    /// ClickHouse.
    ClickHouse,
    /// Polars.
    Polars,
    /// Arrow's C++ reader, and pandas with it.
    PyArrow,
    /// Apache DataFusion.
    DataFusion,
    /// Daft.
    Daft,
    /// fastparquet, and pandas with it.
    FastParquet,
    /// hyparquet, in JavaScript.
    HyParquet,
}

impl Reader {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Spark,
        Self::DuckDb,
        Self::ClickHouse,
        Self::Polars,
        Self::PyArrow,
        Self::DataFusion,
        Self::Daft,
        Self::FastParquet,
        Self::HyParquet,
    ];

    /// As `--readers` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spark => "spark",
            Self::DuckDb => "duckdb",
            Self::ClickHouse => "clickhouse",
            Self::Polars => "polars",
            Self::PyArrow => "pyarrow",
            Self::DataFusion => "datafusion",
            Self::Daft => "daft",
            Self::FastParquet => "fastparquet",
            Self::HyParquet => "hyparquet",
        }
    }

    /// As its makers spell it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Spark => "Spark",
            Self::DuckDb => "DuckDB",
            Self::ClickHouse => "ClickHouse",
            Self::Polars => "Polars",
            Self::PyArrow => "pyarrow",
            Self::DataFusion => "DataFusion",
            Self::Daft => "Daft",
            Self::FastParquet => "fastparquet",
            Self::HyParquet => "hyparquet",
        }
    }
}

/// Something that a file can have and that not every reader takes.
///
/// The first five have another form, and encodings a choice, which `--readers` makes; a run is warned of the next three; the
/// rest is written all the same, because no other form would serve those who take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// 16 bytes with the logical type UUID.
    Uuid,
    /// Microseconds with the logical type TIME.
    Time,
    /// Decimals of more than 38 digits.
    WideDecimal,
    /// Text with the logical type JSON.
    Json,
    /// Floating point of 16 bits.
    HalfFloat,
    /// Integers as DELTA_BINARY_PACKED.
    DeltaIntegers,
    /// Text and bytes as DELTA_LENGTH_BYTE_ARRAY.
    DeltaBytes,
    /// The codec LZ4_RAW.
    Lz4,
    /// The codec BROTLI.
    Brotli,
    /// Columns whose names differ in case only.
    NamesAlike,
    /// Decimals of up to 38 digits.
    Decimal,
    /// NULL in a column of floating point.
    NullFloat,
    /// Structs.
    Struct,
    /// Lists in lists, and structs in lists.
    DeepList,
    /// NULL in the place of a list or a struct.
    NullNested,
    /// Dates before 1582-10-15 and moments (timestamptz) before 1900.
    OldTimes,
    /// Dates that are far away: before the year 0, after 9999; to pandas' nanoseconds, before 1677 and after 2262.
    FarDates,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Uuid,
        Self::Time,
        Self::WideDecimal,
        Self::Json,
        Self::HalfFloat,
        Self::DeltaIntegers,
        Self::DeltaBytes,
        Self::Lz4,
        Self::Brotli,
        Self::NamesAlike,
        Self::Decimal,
        Self::NullFloat,
        Self::Struct,
        Self::DeepList,
        Self::NullNested,
        Self::OldTimes,
        Self::FarDates,
    ];

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Uuid => "uuid (logical type UUID)",
            Self::Time => "time (logical type TIME)",
            Self::WideDecimal => "decimals of 39 to 76 digits",
            Self::Json => "json, jsonb (logical type JSON)",
            Self::HalfFloat => "floating point of 16 bits (of no source today)",
            Self::DeltaIntegers => "DELTA_BINARY_PACKED",
            Self::DeltaBytes => "DELTA_LENGTH_BYTE_ARRAY",
            Self::Lz4 => "codec LZ4_RAW",
            Self::Brotli => "codec BROTLI",
            Self::NamesAlike => "names that differ in case only",
            Self::Decimal => "decimals of up to 38 digits",
            Self::NullFloat => "NULL in floating point",
            Self::Struct => "structs",
            Self::DeepList => "lists of lists, lists of structs",
            Self::NullNested => "NULL for a list or a struct",
            Self::OldTimes => "dates before 1582, timestamptz before 1900",
            Self::FarDates => "dates far away",
        }
    }
}

/// What a reader does with a [`Feature`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It gives the values that were written.
    Yes,
    /// It stops with an error; what it says.
    Refuses(&'static str),
    /// It gives other values, or values of another type, without an error; what it gives.
    Misreads(&'static str),
}

/// The programs that must be able to read the files of an export: `--readers`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Readers {
    /// All that there are.
    #[default]
    Any,
    /// Those that take every type and encoding: columns keep their types.
    Modern,
    /// Some.
    Named(Vec<Reader>),
}

impl Readers {
    /// What was written before there was a choice.
    pub fn of_older_runs() -> Self {
        Self::Modern
    }

    /// Whether every type is kept.
    pub fn is_modern(&self) -> bool {
        *self == Self::Modern
    }

    /// Those that are in both; none if there are none.
    pub fn common(&self, other: &Self) -> Option<Self> {
        let both: Vec<Reader> =
            self.all().iter().copied().filter(|reader| other.all().contains(reader)).collect();
        match both.len() {
            0 => None,
            all if all == Reader::ALL.len() => Some(Self::Any),
            _ => Some(Self::Named(both)),
        }
    }

    /// The programs. Of `modern`, none that would mind anything.
    pub fn all(&self) -> &[Reader] {
        match self {
            Self::Any => &Reader::ALL,
            Self::Modern => &[],
            Self::Named(readers) => readers,
        }
    }

    /// The first of them that does not take `feature`, and what it does.
    pub fn minds(&self, feature: Feature) -> Option<(Reader, Takes)> {
        self.all()
            .iter()
            .map(|reader| (*reader, takes(*reader, feature)))
            .find(|(_, takes)| *takes != Takes::Yes)
    }

    /// Whether values must be PLAIN where they have no dictionary.
    pub fn need_plain_encodings(&self) -> bool {
        self.minds(Feature::DeltaIntegers).or_else(|| self.minds(Feature::DeltaBytes)).is_some()
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Modern => f.write_str("modern"),
            Self::Named(readers) => {
                let names: Vec<&str> = readers.iter().map(|reader| reader.name()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for Readers {
    type Err = Error;

    /// `any`, `modern`, or names separated by commas, in any case of letters.
    ///
    /// Errors: `Usage`, naming what is no reader.
    fn from_str(text: &str) -> Result<Self, Error> {
        let words: Vec<String> = text.split(',').map(|word| word.trim().to_lowercase()).collect();
        match words.as_slice() {
            [one] if one == "any" => return Ok(Self::Any),
            [one] if one == "modern" => return Ok(Self::Modern),
            _ => {}
        }
        let mut readers = Vec::with_capacity(words.len());
        for word in &words {
            let found = Reader::ALL.into_iter().find(|reader| reader.name() == word);
            let Some(reader) = found else {
                let names: Vec<&str> = Reader::ALL.iter().map(|reader| reader.name()).collect();
                return Err(Error::usage(format!(
                    "'{word}' is no reader that is known; write any, modern, or some of {}, separated by commas",
                    names.join(", ")
                )));
            };
            if !readers.contains(&reader) {
                readers.push(reader);
            }
        }
        readers.sort_unstable();
        Ok(Self::Named(readers))
    }
}

impl Serialize for Readers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Readers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (text, shown) in [
            ("any", "any"),
            ("Modern", "modern"),
            ("spark", "spark"),
            (" duckdb, SPARK,duckdb", "spark,duckdb"),
        ] {
            let readers: Readers = text.parse().expect("readers");
            assert_eq!(readers.to_string(), shown);
            let json = serde_json::to_string(&readers).expect("json");
            assert_eq!(serde_json::from_str::<Readers>(&json).expect("readers"), readers);
        }
        for text in ["", "any,spark", "excel", "spark,"] {
            assert!(text.parse::<Readers>().is_err(), "{text}");
        }
    }

    #[test]
    fn files_for_two_are_for_those_in_both() {
        let of = |text: &str| text.parse::<Readers>().expect("readers");
        for (one, other, common) in [
            ("any", "spark,duckdb", Some("spark,duckdb")),
            ("spark,duckdb", "duckdb,polars", Some("duckdb")),
            ("any", "any", Some("any")),
            ("spark", "duckdb", None),
            ("any", "modern", None),
        ] {
            assert_eq!(of(one).common(&of(other)), common.map(of), "{one} {other}");
        }
    }

    #[test]
    fn any_minds_what_somebody_minds_and_modern_nothing() {
        for feature in Feature::ALL {
            let somebody = Reader::ALL.iter().any(|reader| takes(*reader, feature) != Takes::Yes);
            assert_eq!(Readers::Any.minds(feature).is_some(), somebody, "{feature:?}");
            assert_eq!(Readers::Modern.minds(feature), None);
        }
        assert!(Readers::Any.need_plain_encodings());
        assert!(!Readers::Named(vec![Reader::Spark, Reader::DuckDb]).need_plain_encodings());
    }
}
