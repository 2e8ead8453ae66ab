//! How the rows of a table are laid out, for `plan`.

use std::fmt::Write as _;

use super::words::size;
use crate::catalog::Slice;
use crate::plain;
use crate::plan::TablePlan;

/// One line for each thing that was asked for.
pub(super) fn lines(table: &TablePlan) -> String {
    let arrangement = &table.arrangement;
    let mut out = String::new();
    for masked in &table.masks.columns {
        let (column, mask) = (plain::line(&masked.column), masked.mask.to_string());
        let _ = writeln!(out, "  mask       {column}: {}", plain::line(&mask));
    }
    for key in &arrangement.partition {
        let (name, expression) = (plain::line(&key.name), plain::line(&key.expression));
        let of = if key.expression == key.name { String::new() } else { format!(" = {expression}") };
        let _ = writeln!(out, "  partition  {name}{of}, {}", key.arrow_type);
    }
    if let (Some(first), 2..) = (arrangement.sort.first(), table.parts.len()) {
        let column = plain::line(&first.column);
        // A range that is too large is cut once more, by other means.
        let shared = table.parts.iter().filter(|part| matches!(part.slice, Slice::Both(..))).count();
        let _ = match (arrangement.apart, shared) {
            (true, 0) => writeln!(out, "  order      no two files have the same range of {column}"),
            (true, shared) => {
                let files = table.parts.len();
                writeln!(
                    out,
                    "  order      files by ranges of {column}; {shared} of {files} share theirs with others"
                )
            }
            (false, _) => {
                writeln!(out, "  order      within each file; ranges of {column} overlap between files")
            }
        };
    }
    if let Some(bytes) = arrangement.files.max_file_bytes {
        let _ = writeln!(out, "  file size  about {}", size(bytes));
    }
    out
}
