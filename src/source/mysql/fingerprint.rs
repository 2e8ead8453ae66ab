//! Counts and fingerprints that the server computes of its own values, as of a view.
//!
//! A row's bytes are those of `crate::fingerprint::texts`, made by functions that MariaDB and every MySQL have; MySQL 9 has
//! no MD5 any more. A value or a row that is too long for the server (`max_allowed_packet`) becomes NULL there: rows
//! without a hash are counted, and are an error.

use arrow_schema::{DataType, Field, Fields, Schema};

use super::column::Codec;
use super::keys::{Cell, ask_row};
use crate::catalog::TableInfo;
use crate::client::mysql::{Connection, ident};
use crate::error::{Code, Error, Result};
use crate::fingerprint::{Fingerprint, RowHasher, Rule};
use crate::source::TableRead;
use crate::spec::SpecialValues;

/// What a row without a hash adds to the second sum: more than all halves of hashes together. With how many zeros.
const WITHOUT_HASH_DIGITS: u32 = 32;

/// Counts the rows that `relation` gives: FROM and what follows it.
///
/// # Errors
/// Those of the statement.
pub(super) async fn count(connection: &mut Connection, relation: &str) -> Result<u64> {
    let row = ask_row(connection, &count_sql(relation)).await?;
    number(&row, 0)
}

fn count_sql(relation: &str) -> String {
    format!("SELECT COUNT(*) {relation}")
}

/// The fingerprint of the rows that `relation` gives.
///
/// # Errors
/// `Data` when a column cannot be hashed, or a row is longer than the server can hash.
pub(super) async fn fingerprint(
    connection: &mut Connection,
    read: &TableRead,
    written: &Fields,
    special: SpecialValues,
    relation: &str,
) -> Result<Fingerprint> {
    let row = row_sql(&read.table, &read.columns, written, special)?;
    let row = ask_row(connection, &hash_sql(&row, relation)).await?;
    let [first, second] = [sum(&row, 1)?, sum(&row, 2)?];
    let without = second / 10_u128.pow(WITHOUT_HASH_DIGITS);
    if without > 0 {
        return Err(Error::data(format!("the server cannot hash {without} rows: they are too long"))
            .coded(Code::NotVerifiable)
            .with("table", &read.table.table)
            .hint("raise max_allowed_packet at the server, or use --verify count"));
    }
    // Modulo 2^64.
    Ok(Fingerprint { rule: Rule::Sha256Sum, rows: number(&row, 0)?, sums: [first as u64, second as u64] })
}

fn hash_sql(row: &str, relation: &str) -> String {
    let hash = format!("SHA2({row}, 256)");
    // CONV gives text, and a sum of texts would be one of doubles.
    let half = |from: u8| format!("CAST(CONV(SUBSTR({hash}, {from}, 16), 16, 10) AS UNSIGNED)");
    let without = 10_u128.pow(WITHOUT_HASH_DIGITS);
    format!("SELECT COUNT(*), SUM({}), SUM(COALESCE({}, {without})) {relation}", half(1), half(17))
}

fn number(row: &[Cell], at: usize) -> Result<u64> {
    let number = row.get(at).and_then(Cell::whole).and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Error::internal("the server counted rows in an unknown form"))
}

/// A sum, which is never negative; NULL when there is nothing to add.
fn sum(row: &[Cell], at: usize) -> Result<u128> {
    match row.get(at) {
        Some(Cell::Null) => Ok(0),
        cell => match (cell.and_then(Cell::whole), cell.and_then(Cell::text)) {
            (Some(sum @ 0..), _) => Ok(sum.unsigned_abs()),
            // More digits than we count.
            (None, Some(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(u128::MAX),
            _ => Err(Error::internal("the server summed hashes in an unknown form")),
        },
    }
}

/// The bytes of a row, each column as it is in a file.
///
/// # Errors
/// `Data` naming the column that has no such form.
pub(super) fn row_sql(
    table: &TableInfo,
    columns: &[usize],
    written: &Fields,
    special: SpecialValues,
) -> Result<String> {
    RowHasher::new(&Schema::new(written.clone()), Rule::Sha256Sum)
        .map_err(|error| error.with("table", &table.table))?;
    let mut values = Vec::with_capacity(columns.len());
    for (index, written) in columns.iter().zip(written) {
        let column =
            table.columns.get(*index).ok_or_else(|| Error::internal("a column is not in its table"))?;
        let (codec, name) = (Codec::of(column)?, ident(column.name()));
        let value = value_sql(&codec, [&column.field, written], &name).ok_or_else(|| {
            Error::data("the server cannot hash this column as it is written")
                .coded(Code::NotVerifiable)
                .with("table", &table.table)
                .with("column", column.name())
                .with("type", &column.source_type)
                .hint("--cast 'table.column: text' makes it hashable, --verify count leaves hashes out")
        })?;
        let no_value = match kept(&codec, &name) {
            Some(kept) if special == SpecialValues::Null => format!("{name} IS NULL OR NOT {kept}"),
            _ => format!("{name} IS NULL"),
        };
        // Not by COALESCE: a value that is too long is NULL too, and makes the whole row NULL.
        let length = match written.data_type() {
            DataType::Utf8
            | DataType::Binary
            | DataType::FixedSizeBinary(_)
            | DataType::List(_)
            | DataType::FixedSizeList(..) => format!("X'3A', CONVERT(LENGTH({value}) USING binary), "),
            _ => String::new(),
        };
        // All of it is bytes: MariaDB makes characters of bytes that stand beside the text of a number.
        values.push(format!("IF({no_value}, X'4E3B', CONCAT(CONVERT({value} USING binary), {length}X'3B'))"));
    }
    if values.is_empty() {
        return Err(Error::data("the server cannot hash rows without columns")
            .coded(Code::NotVerifiable)
            .with("table", &table.table)
            .hint("--verify count leaves hashes out"));
    }
    Ok(format!("CONCAT({})", values.join(", ")))
}

/// The bytes of a value that is not NULL; none where there is no way to have them.
fn value_sql(codec: &Codec, [field, written]: [&Field; 2], column: &str) -> Option<String> {
    let is_text_instead = *written.data_type() == DataType::Utf8 && *field.data_type() != DataType::Utf8;
    let text = |value: &str| format!("CAST({value} AS CHAR)");
    Some(match codec {
        Codec::Decimal => decimal_sql(column, field.data_type())?,
        Codec::Time if is_text_instead => {
            let digits = time_sql(column);
            format!("TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {digits}))")
        }
        Codec::Uuid if is_text_instead => format!("LOWER({})", text(column)),
        _ if is_text_instead => return None,
        // The sum has neither the width of ZEROFILL nor the bytes of BIT.
        Codec::Int1
        | Codec::Unsigned1
        | Codec::Int2
        | Codec::Unsigned2
        | Codec::Int4
        | Codec::Unsigned4
        | Codec::Int8
        | Codec::Unsigned8
        | Codec::Year
        | Codec::Bit => text(&format!("{column} + 0")),
        Codec::Float | Codec::Double => double_sql(column),
        Codec::Date => text(column),
        Codec::DateTime | Codec::Timestamp => text(&format!("CAST({column} AS DATETIME(6))")),
        Codec::Time => time_sql(column),
        Codec::Bytes => column.to_owned(),
        // MySQL has few functions for vectors, and this one.
        Codec::Vector => format!("UNHEX(HEX({column}))"),
        // Behind the SRID; ST_AsBinary would put latitudes first.
        Codec::Geometry { .. } => format!("SUBSTR(UNHEX(HEX({column})), 5)"),
        Codec::Uuid => format!("UNHEX(REPLACE({}, '-', ''))", text(column)),
        Codec::Text(_)
        | Codec::Char(_)
        | Codec::Label(_)
        | Codec::Set(_)
        | Codec::Json
        | Codec::Address
        | Codec::CastText(_) => format!("CAST({} AS BINARY)", codec.text_sql(column)),
    })
}

/// An odd number and a power of two, exactly: MySQL writes no more than 22 characters of a number, MariaDB more.
fn double_sql(column: &str) -> String {
    // A logarithm may be wrong by one: the number is still whole, below 2^55, and made odd after that. Two powers, because
    // 2^1127 is no number.
    let power = format!("CAST(53 - FLOOR(LOG2(ABS({column}))) AS SIGNED)");
    let whole =
        format!("CAST(ABS({column}) * POW(2, {power} DIV 2) * POW(2, {power} - {power} DIV 2) AS SIGNED)");
    let even = format!("({whole} & -{whole})");
    // The angle of a negative zero is that of a negative number.
    format!(
        "IF({column} = 0, IF(ATAN2({column}, -1) < 0, '-0', '0'), CONCAT(IF({column} < 0, '-', ''), \
         {whole} DIV {even}, 'p', BIT_COUNT({even} - 1) - {power}))"
    )
}

fn time_sql(column: &str) -> String {
    format!("CAST(CAST({column} AS TIME(6)) AS CHAR)")
}

fn decimal_sql(column: &str, data_type: &DataType) -> Option<String> {
    let (DataType::Decimal128(digits, places) | DataType::Decimal256(digits, places)) = data_type else {
        return None;
    };
    let places = usize::try_from(*places).ok()?;
    let zero = if places > 0 { format!("0.{:0<places$}", "") } else { "0".to_owned() };
    // The cast leaves the zeros of ZEROFILL out. Zero has no sign.
    Some(format!("IF({column} = 0, '{zero}', CAST(CAST({column} AS DECIMAL({digits},{places})) AS CHAR))"))
}

/// The condition under which a value is not one of those that `--special-values` is about; none where there are none.
fn kept(codec: &Codec, column: &str) -> Option<String> {
    match codec {
        Codec::Date | Codec::DateTime | Codec::Timestamp => {
            let year = format!("YEAR({column})");
            let leap = format!("(MOD({year}, 4) = 0 AND (MOD({year}, 100) <> 0 OR MOD({year}, 400) = 0))");
            let last =
                format!("ELT(MONTH({column}), 31, 28 + {leap}, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)");
            Some(format!("COALESCE(DAYOFMONTH({column}) BETWEEN 1 AND 0 + {last}, 0)"))
        }
        Codec::Time => Some(format!("({column} >= TIME'00:00:00' AND {column} < TIME'24:00:00')")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_however_large() {
        let text = |text: &str| Cell::Bytes(text.as_bytes().to_vec());
        let row = [
            Cell::Null,
            text("36893488147419103233"),
            Cell::Whole(7),
            text(&"9".repeat(60)),
            Cell::Whole(-7),
        ];
        let sums: Vec<u128> = (0..4).map(|at| sum(&row, at).unwrap()).collect();
        assert_eq!(sums, [0, 36_893_488_147_419_103_233, 7, u128::MAX]);
        assert!(sum(&row, 4).is_err() && sum(&row, 5).is_err());
    }

    #[test]
    fn decimals_have_their_places_and_zero_no_sign() {
        assert_eq!(
            decimal_sql("`c`", &DataType::Decimal128(5, 2)).unwrap(),
            "IF(`c` = 0, '0.00', CAST(CAST(`c` AS DECIMAL(5,2)) AS CHAR))"
        );
        assert!(decimal_sql("`c`", &DataType::Decimal256(60, 0)).unwrap().starts_with("IF(`c` = 0, '0', "));
    }
}
