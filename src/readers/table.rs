//! The table. Each line was seen, by the versions that `docs/readers.md` names; whatever is not here is read as it was
//! written.

use super::Takes::{Misreads, Refuses};
use super::{Feature as F, Reader as R, Takes};

/// What `reader` does with `feature`.
pub fn takes(reader: R, feature: F) -> Takes {
    match (reader, feature) {
        (R::Spark, F::Uuid) => Refuses("FIXED_LEN_BYTE_ARRAY (UUID)"),
        (R::Spark, F::Time) => Refuses("TIME"),
        (R::Spark, F::WideDecimal) => Refuses("exceeds max precision 38"),
        (R::Spark, F::HalfFloat) => Refuses("FLOAT16"),
        (R::Spark, F::Brotli) => Refuses("BrotliCodec"),
        (R::Spark, F::NamesAlike) => Refuses("COLUMN_ALREADY_EXISTS"),
        // Spark 3.5 alone, of a file that does not say which calendar its dates are of.
        (R::Spark, F::OldTimes) => Refuses("READ_ANCIENT_DATETIME"),
        (R::DuckDb, F::WideDecimal) => Misreads("wrong doubles"),
        (R::DuckDb, F::NamesAlike) => Misreads("the first of them twice"),
        (R::ClickHouse, F::Time) => Misreads("timestamps of 1970-01-01"),
        (R::ClickHouse, F::Json) => Misreads("its own JSON"),
        (R::ClickHouse, F::NullNested) => Misreads("empty ones"),
        (R::ClickHouse, F::FarDates) => Refuses("out of allowed Date32 range"),
        (R::Polars, F::Uuid) => Misreads("16 bytes"),
        (R::Polars, F::Json) => Misreads("binary"),
        // A file without rows has another message.
        (R::Polars, F::WideDecimal) => Refuses("can't decode Decimal128"),
        (R::DataFusion | R::Daft | R::FastParquet, F::Uuid) => Misreads("16 bytes"),
        (R::Daft, F::WideDecimal) => Refuses("Unsupported Arrow DataType: Decimal256"),
        // Of more than 28 bits.
        (R::FastParquet, F::DeltaIntegers) => Misreads("other numbers"),
        (R::FastParquet, F::Time) => Misreads("timedelta"),
        (R::FastParquet | R::HyParquet, F::Json) => Misreads("objects"),
        (R::FastParquet, F::HalfFloat) => Misreads("2 bytes"),
        (R::FastParquet, F::DeltaBytes) => Refuses("Encoding 6"),
        (R::FastParquet | R::HyParquet, F::WideDecimal | F::Decimal) => Misreads("doubles"),
        (R::FastParquet, F::NullFloat) => Misreads("NaN"),
        (R::FastParquet, F::Struct) => Misreads("columns of its fields"),
        (R::FastParquet, F::DeepList) => Misreads("NULL"),
        (R::FastParquet, F::FarDates) => Misreads("other dates"),
        _ => Takes::Yes,
    }
}
