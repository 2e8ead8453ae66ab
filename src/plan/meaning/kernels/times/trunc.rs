//! `date_trunc`.

use std::sync::Arc;

use arrow::array::{ArrayRef, PrimitiveArray};

use super::calendar::{Civil, HOUR, MINUTE, SECOND, civil, joined, monday, number_of, split};
use super::columns::{Result, Stamps, fails, fielded, in_utc, shown};
use super::fields::Field;
use super::write::timestamp_text;

const MILLISECOND: i64 = 1000;

pub(super) fn timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(truncated(columns)?))
}

pub(super) fn timestamptz(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(truncated(columns)?))
}

fn truncated(columns: &[ArrayRef]) -> Result<PrimitiveArray<Stamps>> {
    fielded::<Stamps, Stamps, _>(columns, unit, |field, at| match start(field, at) {
        Some(at) => Ok(at),
        None => fails(format!("timestamp out of range: {field:?} of {}", timestamp_text(at))),
    })
}

/// What there is to truncate to.
fn unit(name: &str) -> Result<Field> {
    match Field::named(name) {
        Some(
            Field::Weekday
            | Field::IsoWeekday
            | Field::DayOfYear
            | Field::IsoYear
            | Field::Julian
            | Field::Epoch
            | Field::Timezone
            | Field::TimezoneHour
            | Field::TimezoneMinute,
        )
        | None => fails(format!("date_trunc has no unit {}", shown(name))),
        Some(field) => Ok(field),
    }
}

fn start(field: Field, at: i64) -> Option<i64> {
    let (day, time) = split(at);
    let down_to = |unit: i64| joined(day, time - time % unit);
    match field {
        Field::Microseconds => return Some(at),
        Field::Milliseconds => return down_to(MILLISECOND),
        Field::Second => return down_to(SECOND),
        Field::Minute => return down_to(MINUTE),
        Field::Hour => return down_to(HOUR),
        Field::Day => return joined(day, 0),
        Field::Week => return joined(monday(day), 0),
        _ => {}
    }
    let Civil { year, month, day: of_month } = civil(day);
    let (year, month) = match field {
        Field::Month => return joined(day - (of_month - 1), 0),
        Field::Quarter => (year, (month - 1) / 3 * 3 + 1),
        Field::Year => (year, 1),
        // The decade of 1 BC to 9 AD is one.
        Field::Decade => (year.div_euclid(10) * 10, 1),
        // Centuries and millennia begin with the years 1, 101, 1001, and before Christ with 100, 1000.
        Field::Century => ((year - 1).div_euclid(100) * 100 + 1, 1),
        Field::Millennium => ((year - 1).div_euclid(1000) * 1000 + 1, 1),
        _ => return None,
    };
    joined(number_of(Civil { year, month, day: 1 }), 0)
}

/// The first day of the year of `day`, or of its month, in days since 1970-01-01.
pub(in crate::plan) fn first_day(day: i64, of_year: bool) -> i64 {
    let Civil { year, month, .. } = civil(day);
    number_of(Civil { year, month: if of_year { 1 } else { month }, day: 1 })
}
