//! What a publication did, for a person.

use std::fmt::Write;

use super::words::{columns, count, things};
use crate::plain::line;
use crate::publish::{Done, Published};

/// A row per table, and the snapshot that shows them.
pub fn published(published: &Published) -> String {
    let mut out = String::new();
    let mut rows = vec![["table", "rows", "files", "as of", "in the catalog"].map(str::to_owned).to_vec()];
    for table in &published.tables {
        let done = match table.done {
            Done::Created => "new",
            Done::Recreated => "new: columns or partitions are others",
            Done::Updated => "files replaced or added",
            Done::Unchanged => "was there already",
        };
        let files = count(table.files as u64);
        rows.push(vec![
            line(&table.table).into_owned(),
            count(table.rows),
            files,
            line(&table.taken_at).into_owned(),
            done.to_owned(),
        ]);
    }
    out.push_str(&columns(&rows, 1, ""));
    let tables = things(published.tables.len() as u64, "table");
    let _ = match published.changed {
        true => writeln!(out, "\n{tables} published in one transaction: snapshot {}", published.snapshot),
        false => {
            writeln!(out, "\nnothing to publish: snapshot {} shows {tables} as they are", published.snapshot)
        }
    };
    if published.moments > 1 {
        let _ = writeln!(
            out,
            "the tables show {} points in time; one run with --consistency run has one",
            published.moments
        );
    }
    let _ = writeln!(out, "catalog      {}", line(&published.catalog));
    let _ = writeln!(out, "files        {}", line(&published.destination));
    out
}
