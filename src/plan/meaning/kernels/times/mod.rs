//! Dates, times, timestamps; and the text forms of them and of uuids.
//!
//! All is as with `TimeZone = 'UTC'` and `DateStyle = 'ISO, YMD'`. Values are microseconds and days since 1970, so the
//! last timestamp is 294247-01-10 04:00:54.775807: PostgreSQL has 29 years more, which Arrow cannot say.

mod arithmetic;
mod calendar;
mod columns;
mod convert;
mod fields;
mod interval;
mod make;
mod parts;
mod read;
mod trunc;
mod uuids;
mod write;

#[cfg(test)]
mod tests;

use super::super::kernel::Kernel;
use super::super::kind::Kind::{Date, Float8, Int4, Text, Time, Timestamp, Timestamptz};

pub(in crate::plan) use arithmetic::{
    date_add_int, date_add_interval, date_add_time, date_sub_date, date_sub_int, date_sub_interval,
    time_add_interval, time_sub_interval, timestamp_add_interval, timestamp_sub_interval,
    timestamptz_add_interval, timestamptz_sub_interval,
};
pub(in crate::plan) use convert::{
    date_as_timestamp, date_to_timestamp, date_to_timestamptz, rounded_time, timestamp_to_date,
    timestamp_to_time, timestamp_to_timestamptz, timestamptz_to_date, timestamptz_to_time,
    timestamptz_to_timestamp,
};
pub(in crate::plan) use interval::interval;
pub(in crate::plan) use parts::extract;
pub(in crate::plan) use read::{text_to_date, text_to_time, text_to_timestamp, text_to_timestamptz};
pub(in crate::plan) use trunc::first_day;
pub(in crate::plan) use uuids::{text_to_uuid, uuid_to_text};
pub(in crate::plan) use write::{date_to_text, time_to_text, timestamp_to_text, timestamptz_to_text};

/// The functions whose types are fixed.
pub(in crate::plan) const FUNCTIONS: &[Kernel] = &[
    Kernel { name: "date", arguments: &[Timestamp], result: Date, body: timestamp_to_date },
    Kernel { name: "date", arguments: &[Timestamptz], result: Date, body: timestamptz_to_date },
    Kernel { name: "date_part", arguments: &[Text, Date], result: Float8, body: parts::of_date },
    Kernel { name: "date_part", arguments: &[Text, Time], result: Float8, body: parts::of_time },
    Kernel { name: "date_part", arguments: &[Text, Timestamp], result: Float8, body: parts::of_timestamp },
    Kernel {
        name: "date_part",
        arguments: &[Text, Timestamptz],
        result: Float8,
        body: parts::of_timestamptz,
    },
    Kernel { name: "date_trunc", arguments: &[Text, Timestamp], result: Timestamp, body: trunc::timestamp },
    Kernel {
        name: "date_trunc",
        arguments: &[Text, Timestamptz],
        result: Timestamptz,
        body: trunc::timestamptz,
    },
    Kernel { name: "make_date", arguments: &[Int4, Int4, Int4], result: Date, body: make::date },
    Kernel { name: "make_time", arguments: &[Int4, Int4, Float8], result: Time, body: make::time },
    Kernel {
        name: "make_timestamp",
        arguments: &[Int4, Int4, Int4, Int4, Int4, Float8],
        result: Timestamp,
        body: make::timestamp,
    },
    Kernel { name: "to_timestamp", arguments: &[Float8], result: Timestamptz, body: make::to_timestamp },
];
