//! Numbers, times and columns of text, as all reports write them.

use std::fmt::Write as _;

use indicatif::HumanCount;

use crate::manifest::PartsAsOf;
use crate::plain;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 file`, `1,234 files`.
pub fn things(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `12.3 MiB`; exact below 1 KiB.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// `3.2 s`, `4 min 05 s`, `2 h 03 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// Parts and the points in time that they are of.
pub(super) fn moments(moments: &[PartsAsOf]) -> String {
    let of = |moment: &PartsAsOf| {
        let numbers: Vec<String> = moment.parts.iter().take(SHOWN_PARTS).map(usize::to_string).collect();
        let more = if moment.parts.len() > SHOWN_PARTS { ", ..." } else { "" };
        let noun = if moment.parts.len() == 1 { "part" } else { "parts" };
        let (count, numbers, at) = (moment.parts.len(), numbers.join(", "), &moment.snapshot.taken_at);
        format!("{count} {noun} ({numbers}{more}) as of {at}")
    };
    plain::line(&moments.iter().map(of).collect::<Vec<_>>().join("; ")).into_owned()
}

/// Where the alignment of a column ends. The formatter panics beyond 65,535.
const WIDEST: usize = 1000;

/// Aligned columns, two spaces apart, each cell on one line; those from `right_from` on are right-aligned.
pub(super) fn columns(rows: &[Vec<String>], right_from: usize, indent: &str) -> String {
    let plain = |row: &Vec<String>| row.iter().map(|cell| plain::line(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(plain).collect();
    let width = |i: usize| {
        rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0).min(WIDEST)
    };
    let widths: Vec<usize> = (0..rows_all_left(&rows)).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
            if i < right_from { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "{indent}{}", line.trim_end());
    }
    out
}

/// Parts of one moment that are named.
pub(super) const SHOWN_PARTS: usize = 12;

pub(super) fn rows_all_left(rows: &[Vec<String>]) -> usize {
    rows.first().map_or(0, Vec::len)
}
