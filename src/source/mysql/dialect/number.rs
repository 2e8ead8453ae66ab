//! Numbers as SQL that the server compares with a column as they are: through an index, it first makes a value of the
//! column's type of them. MariaDB 10.11 finds 1.43 in a decimal(5,2) for 1.428 then, and 1 in an integer for 1.4; MySQL
//! finds no float between 2.5 and 1e300.

use arrow_schema::DataType;
use datafusion::common::ScalarValue;

use crate::catalog::ColumnInfo;
use crate::source::mysql::column::Codec;

/// A number that an exact column may have, with as many decimal places as it has. None for all others.
pub(super) fn exact(column: &ColumnInfo, codec: &Codec, value: &ScalarValue) -> Option<String> {
    let (digits, scale) = match value {
        ScalarValue::Int16(Some(v)) => (v.to_string(), 0),
        ScalarValue::Int32(Some(v)) => (v.to_string(), 0),
        ScalarValue::Int64(Some(v)) => (v.to_string(), 0),
        ScalarValue::Decimal128(Some(v), _, scale) => (v.to_string(), *scale),
        ScalarValue::Decimal256(Some(v), _, scale) => (v.to_string(), *scale),
        _ => return None,
    };
    let scale = usize::try_from(scale).ok()?;
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at_checked(digits.len() - scale)?;
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let (most, places) = match (codec, column.field.data_type()) {
        (Codec::Decimal, DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) => {
            (usize::from(precision.checked_sub(scale.unsigned_abs())?), usize::try_from(*scale).ok()?)
        }
        (Codec::Decimal, _) => return None,
        _ => {
            let (least, most) = range(column, codec)?;
            let number: i128 = format!("{sign}0{whole}").parse().ok()?;
            (least..=most).contains(&number).then_some((whole.len(), 0))?
        }
    };
    let is_unsigned_decimal = *codec == Codec::Decimal && is_unsigned(column);
    if whole.len() > most || part.len() > places || (is_unsigned_decimal && sign == "-") {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match places {
        0 => format!("({sign}{whole})"),
        places => format!("({sign}{whole}.{part:0<places$})"),
    })
}

/// The smallest and the largest number of a type of whole numbers.
fn range(column: &ColumnInfo, codec: &Codec) -> Option<(i128, i128)> {
    let of_bits = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    let unsigned = |bits: u32| (0, (1_i128 << bits) - 1);
    Some(match codec {
        Codec::Int1 => of_bits(8),
        Codec::Unsigned1 => unsigned(8),
        Codec::Int2 => of_bits(16),
        Codec::Unsigned2 => unsigned(16),
        Codec::Int4 if column.source_type.starts_with("mediumint") => {
            if is_unsigned(column) {
                unsigned(24)
            } else {
                of_bits(24)
            }
        }
        Codec::Int4 => of_bits(32),
        Codec::Unsigned4 => unsigned(32),
        Codec::Int8 => of_bits(64),
        Codec::Unsigned8 | Codec::Bit => unsigned(64),
        Codec::Year => (0, 2155),
        _ => return None,
    })
}

fn is_unsigned(column: &ColumnInfo) -> bool {
    // MySQL's zerofill says both, MariaDB's too.
    column.source_type.contains("unsigned") || column.source_type.contains("zerofill")
}

/// The shortest digits that mean this number and no other, as a double. None of a column that rounds (`double(5,2)`: an
/// index finds 1.1 for 1.104), and none that a float is too small for.
pub(super) fn float(column: &ColumnInfo, codec: &Codec, value: &ScalarValue) -> Option<String> {
    let value = match value {
        ScalarValue::Float32(Some(v)) => f64::from(*v),
        ScalarValue::Float64(Some(v)) => *v,
        _ => return None,
    };
    let most = if *codec == Codec::Float { f64::from(f32::MAX) } else { f64::MAX };
    let fits = value.abs() <= most && !column.source_type.contains('(');
    fits.then(|| format!("({value:e})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mysql::column::{Declared, choose};
    use crate::spec::TypePolicy;

    fn column(column_type: &str, digits: Option<(u32, u32)>) -> ColumnInfo {
        let declared = Declared {
            name: "c".into(),
            position: 1,
            data_type: column_type.split(['(', ' ']).next().unwrap().to_owned(),
            column_type: column_type.into(),
            precision: digits.map(|digits| digits.0),
            scale: digits.map(|digits| digits.1),
            ..Declared::default()
        };
        let choice = choose(&declared, false, &TypePolicy::default(), true).unwrap();
        choice.into_column(column_type.to_owned()).unwrap()
    }

    fn written(column: &ColumnInfo, unscaled: i128, scale: i8) -> Option<String> {
        let codec = Codec::of(column).unwrap();
        exact(column, &codec, &ScalarValue::Decimal128(Some(unscaled), 38, scale))
    }

    #[test]
    fn only_numbers_that_a_column_may_have_are_written() {
        let decimal = column("decimal(5,2)", Some((5, 2)));
        for (unscaled, scale, expected) in [
            (1430, 3, Some("(1.43)")),
            (-5, 2, Some("(-0.05)")),
            (0, 5, Some("(0.00)")),
            (7, 0, Some("(7.00)")),
            (99_999, 2, Some("(999.99)")),
            (1428, 3, None),
            (1000, 0, None),
            (1, -1, None),
        ] {
            assert_eq!(written(&decimal, unscaled, scale).as_deref(), expected, "{unscaled} {scale}");
        }
        let small = column("decimal(2,2) unsigned", Some((2, 2)));
        assert_eq!(written(&small, 10, 3).as_deref(), Some("(0.01)"));
        assert_eq!((written(&small, -1, 2), written(&small, 1, 0)), (None, None));
    }

    #[test]
    fn whole_numbers_are_of_their_range() {
        for (column_type, least, most) in [
            ("tinyint", -128, 127),
            ("tinyint unsigned", 0, 255),
            ("smallint", -32_768, 32_767),
            ("mediumint", -8_388_608, 8_388_607),
            ("mediumint(8) unsigned", 0, 16_777_215),
            ("int(11)", -2_147_483_648, 2_147_483_647),
            ("int unsigned", 0, 4_294_967_295),
            ("bigint", i64::MIN.into(), i64::MAX.into()),
            ("bigint unsigned", 0, u64::MAX.into()),
            ("year", 0, 2155),
        ] {
            let column = column(column_type, None);
            for number in [least, most] {
                assert_eq!(written(&column, number, 0), Some(format!("({number})")), "{column_type}");
                assert_eq!(written(&column, number * 100, 2), Some(format!("({number})")), "{column_type}");
            }
            assert_eq!(written(&column, least - 1, 0), None, "{column_type}");
            assert_eq!(written(&column, most + 1, 0), None, "{column_type}");
            assert_eq!(written(&column, 14, 1), None, "{column_type}");
        }
    }

    #[test]
    fn floats_are_of_their_range_and_not_rounded() {
        let written = |column_type: &str, value: f64| {
            let column = column(column_type, None);
            float(&column, &Codec::of(&column).unwrap(), &ScalarValue::Float64(Some(value)))
        };
        assert_eq!(written("float", 2.5).as_deref(), Some("(2.5e0)"));
        assert_eq!(written("float", f32::MAX.into()).as_deref(), Some("(3.4028234663852886e38)"));
        for large in [3.5e38, -1e300] {
            assert_eq!(written("float", large), None);
            assert!(written("double", large).is_some());
        }
        assert_eq!((written("double(5,2)", 1.5), written("double", f64::INFINITY)), (None, None));
        assert_eq!(written("double", f64::NAN), None);
    }
}
