//! The day on which a period begins, as SQL.

use super::key::is_of_calendar;
use crate::catalog::TableInfo;
use crate::client::mysql::ident;
use crate::source::mysql::column::Codec;
use crate::spec::Period;

/// Days from 0000-01-01 to 1970-01-01 by the calendar here, in which the year 0 has 366 of them.
const TO_EPOCH: i32 = 719_528;

/// Days since 1970-01-01 of the first day of a date's or timestamp's period; NULL for NULL and for days that are in no
/// calendar. The session's time zone is UTC.
pub(super) fn sql(table: &TableInfo, column: &str, period: Period) -> Option<String> {
    let info = table.stored_column(column)?;
    if !matches!(Codec::of(info).ok()?, Codec::Date | Codec::DateTime | Codec::Timestamp) {
        return None;
    }
    let key = ident(column);
    // The server's year 0 has 365 days, of which the 29th of February is none.
    let day = format!("(TO_DAYS({key}) - {TO_EPOCH} - (YEAR({key}) = 0 AND MONTH({key}) < 3))");
    let start = match period {
        Period::Day => day,
        Period::Month => format!("({day} - DAYOFMONTH({key}) + 1)"),
        Period::Year => {
            // MySQL's has no sign, and the difference would be an error.
            let year = format!("CAST(YEAR({key}) AS SIGNED)");
            format!(
                "({year} * 365 + ({year} + 3) DIV 4 - ({year} + 99) DIV 100 + ({year} + 399) DIV 400 - {TO_EPOCH})"
            )
        }
        // 1970-01-01 was a Thursday. The number is a multiple of seven that makes every day positive.
        Period::Week => format!("({day} - ({day} + 719533) % 7)"),
    };
    Some(format!("(CASE WHEN {} THEN {start} END)", is_of_calendar(&key)))
}
