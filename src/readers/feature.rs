//! Readers, what a file may need of them, and what they may do with it.

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
