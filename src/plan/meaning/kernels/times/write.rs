//! Dates and times as texts.

use std::fmt::Write;

use arrow::array::ArrayRef;

use super::calendar::{HOUR, MINUTE, SECOND, civil, split};
use super::columns::{Dates, Result, Stamps, Times, written};

const BEFORE_CHRIST: &str = " BC";

pub(in crate::plan) fn date_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    written::<Dates>(columns, |out, date| {
        if push_date(out, date.into()) {
            out.push_str(BEFORE_CHRIST);
        }
    })
}

pub(in crate::plan) fn time_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    written::<Times>(columns, push_time)
}

pub(in crate::plan) fn timestamp_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    written::<Stamps>(columns, |out, at| push_timestamp(out, at, ""))
}

pub(in crate::plan) fn timestamptz_to_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    written::<Stamps>(columns, |out, at| push_timestamp(out, at, "+00"))
}

/// For messages.
pub(super) fn date_text(date: i32) -> String {
    let mut out = String::new();
    let is_bc = push_date(&mut out, date.into());
    if is_bc { out + BEFORE_CHRIST } else { out }
}

pub(super) fn timestamp_text(at: i64) -> String {
    let mut out = String::new();
    push_timestamp(&mut out, at, "");
    out
}

fn push_timestamp(out: &mut String, at: i64, zone: &str) {
    let (day, time) = split(at);
    let is_bc = push_date(out, day);
    out.push(' ');
    push_time(out, time);
    out.push_str(zone);
    if is_bc {
        out.push_str(BEFORE_CHRIST);
    }
}

/// Whether it is before Christ, which is written behind all else.
fn push_date(out: &mut String, day: i64) -> bool {
    let date = civil(day);
    let is_bc = date.year < 1;
    let year = if is_bc { 1 - date.year } else { date.year };
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{:02}-{:02}", date.month, date.day);
    is_bc
}

fn push_time(out: &mut String, time: i64) {
    let (hour, minute, second) = (time / HOUR, time % HOUR / MINUTE, time % MINUTE / SECOND);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let fraction = time % SECOND;
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
}
