//! Which columns are written without a dictionary, from what the source's statistics say.

use arrow_schema::DataType;

use crate::catalog::ColumnInfo;
use crate::plan::TablePlan;
use crate::readers::field_for;

/// Bytes of a dictionary page; one that outgrows it is given up, after every value was hashed.
const PAGE_BYTES: f64 = 1_048_576.0;
/// What dictionary and codes may take of the bytes of the plain values: hashing has a price, and plain values still
/// compress.
const SHARE: f64 = 0.7;

/// Columns for which a dictionary does not pay.
pub(super) fn dictionary_off(plan: &TablePlan) -> Vec<String> {
    let written = |column: &ColumnInfo| field_for(&column.field.clone().into(), &plan.parquet.readers);
    let rows = plan.info.est_rows.min(plan.parquet.row_group_rows as u64) as f64;
    plan.columns
        .iter()
        .filter(|written| written.source_type.is_some())
        .filter_map(|written| plan.info.column(&written.name))
        .filter(|c| c.est_distinct.is_some_and(|n| !dictionary_pays(n, rows, written(c).data_type())))
        .map(|c| c.name().to_owned())
        .collect()
}

/// Whether a dictionary is smaller than the plain values, in a row group of `rows` rows of a column with `distinct`
/// values.
fn dictionary_pays(distinct: f64, rows: f64, data_type: &DataType) -> bool {
    // Decimals of few digits are written as 32 or 64 bits; texts are taken for 16 bytes and their length.
    let width = match data_type {
        DataType::Decimal128(..=9, _) => 4.0,
        DataType::Decimal128(..=18, _) => 8.0,
        other => other.primitive_width().map_or(20.0, |bytes| bytes as f64),
    };
    let dictionary = distinct.min(rows) * width;
    let codes = rows * distinct.min(rows).max(2.0).log2().ceil() / 8.0;
    dictionary <= PAGE_BYTES && dictionary + codes <= rows * width * SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_for_many_rows_have_a_dictionary() {
        const ROWS: f64 = 131_072.0;
        for (distinct, rows, data_type) in [
            (3.0, ROWS, DataType::Utf8),
            (2_500.0, ROWS, DataType::Date32),
            (10_000.0, ROWS, DataType::Int32),
            (11.0, ROWS, DataType::Decimal128(15, 2)),
            (7.0, 1_000.0, DataType::Utf8),
        ] {
            assert!(dictionary_pays(distinct, rows, &data_type), "{distinct} of {rows} {data_type}");
        }
        for (distinct, rows, data_type) in [
            (6e6, ROWS, DataType::Int32),
            (200_000.0, ROWS, DataType::Int32),
            (100_000.0, ROWS, DataType::Decimal128(15, 2)),
            (10_000.0, 10_000.0, DataType::Utf8),
            (25.0, 25.0, DataType::Int32),
        ] {
            assert!(!dictionary_pays(distinct, rows, &data_type), "{distinct} of {rows} {data_type}");
        }
    }
}
