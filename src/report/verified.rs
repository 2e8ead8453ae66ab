//! What `verify` found, for a person.

use std::fmt::Write;

use super::text::tables_of;
use super::words::{count, size, things};
use crate::plain::line;
use crate::spec::layout;
use crate::verify::{Report, TableReport};

/// A line per table, one per problem below it, and what it comes to.
pub fn verified(report: &Report) -> String {
    let mut out = String::new();
    for table in &report.tables {
        let word = if table.problems.is_empty() { "ok" } else { "WRONG" };
        let _ = writeln!(out, "{word:<5}  {}", line(&table_line(table)));
        for finding in &table.problems {
            let place = finding.file.as_deref().map_or(String::new(), |file| format!("{}: ", line(file)));
            let _ = writeln!(out, "       {place}{}: {}", finding.problem, line(&finding.detail));
        }
    }
    let wrong = report.tables.iter().filter(|table| !table.problems.is_empty()).count();
    let rows: u64 = report.tables.iter().map(|table| table.rows).fold(0, u64::saturating_add);
    let files: usize = report.tables.iter().map(|table| table.files).sum();
    let read: usize = report.tables.iter().map(|table| table.files_read).sum();
    let hashed: usize = report.tables.iter().map(|table| table.files_hashed).sum();
    let bytes: u64 = report.tables.iter().map(|table| table.bytes).fold(0, u64::saturating_add);
    let verdict = match wrong {
        0 if report.tables.len() == 1 => "the table is as its manifest says".to_owned(),
        0 => format!("all {} tables are as their manifests say", report.tables.len()),
        1 => format!("{} is not as its manifest says", tables_of(wrong, report.tables.len())),
        _ => format!("{} are not as their manifests say", tables_of(wrong, report.tables.len())),
    };
    let _ = writeln!(out, "\n{verdict}");
    let _ = writeln!(
        out,
        "looked at    {} in {}, {}",
        things(rows, "row"),
        things(files as u64, "file"),
        size(bytes)
    );
    let _ = match report.read_percent {
        None => writeln!(
            out,
            "content      not read: sizes, tags and footers were compared; --read-data reads every byte and value"
        ),
        Some(_) => writeln!(
            out,
            "content      of {} of {} files read, {} compared with the source's hash",
            count(read as u64),
            count(files as u64),
            count(hashed as u64)
        ),
    };
    let _ = writeln!(out, "destination  {}", line(&layout::below(&report.destination, &report.below)));
    out
}

fn table_line(table: &TableReport) -> String {
    let place = if table.directory.is_empty() { "." } else { &table.directory };
    match (&table.table, &table.run_id) {
        (Some(name), Some(run)) => {
            let (rows, files) = (things(table.rows, "row"), things(table.files as u64, "file"));
            format!("{place}  {name}, {rows}, {files}, run {run}")
        }
        _ => place.to_owned(),
    }
}
