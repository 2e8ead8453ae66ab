//! What a reader skips, for a person.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::words::{columns, count, size, things};
use crate::plain::line;
use crate::skipping::{Count, Layout};

/// Tables of what is skipped and by what, and why the rest is read.
pub fn skipped(layout: &Layout) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "place      {}", line(&layout.place));
    let _ = writeln!(out, "condition  {}\n", line(&layout.condition));
    let row = |name: &str, total: u64, read: u64, shown: fn(u64) -> String| {
        let skipped = total.saturating_sub(read);
        vec![name.to_owned(), shown(total), shown(skipped), percent(skipped, total), shown(read)]
    };
    let of = |name: &str, found: &Count| row(name, found.total, found.total - found.skipped, count);
    let (pages, own) = (layout.pages, layout.condition_pages);
    let mut rows = vec![["", "total", "skipped", "", "read"].map(str::to_owned).to_vec()];
    rows.push(of("files", &layout.files));
    rows.push(of("row groups", &layout.row_groups));
    rows.push(row("pages", pages.total, pages.total - pages.skipped, count));
    rows.push(row("pages of the condition", own.total, own.total - own.skipped, count));
    rows.push(row("rows", layout.rows.total, layout.rows.read, count));
    rows.push(row("bytes of columns", layout.column_bytes.total, layout.column_bytes.read, size));
    out.push_str(&columns(&rows, 1, ""));
    out.push('\n');
    let by = |name: &str, found: &Count| {
        let numbers =
            [found.by_directory, found.by_statistics, found.by_bloom_filter, found.by_page_index].map(count);
        [vec![name.to_owned()], numbers.to_vec()].concat()
    };
    let head = ["skipped by", "directory", "statistics", "bloom filter", "page index"];
    let rows =
        [head.map(str::to_owned).to_vec(), by("files", &layout.files), by("row groups", &layout.row_groups)];
    out.push_str(&columns(&rows, 1, ""));
    reasons(&mut out, layout);
    out
}

/// Why row groups are read, and what else keeps a reader from skipping.
fn reasons(out: &mut String, layout: &Layout) {
    let mut lacking: BTreeMap<String, u64> = BTreeMap::new();
    let mut may_match = 0;
    for group in layout.listed.iter().flat_map(|file| &file.read) {
        match group.no_bounds.as_slice() {
            [] => may_match += 1,
            names => *lacking.entry(names.join(", ")).or_default() += 1,
        }
    }
    let mut lines = Vec::new();
    if may_match > 0 {
        lines.push(format!("{}: by its bounds a row may match", things(may_match, "row group")));
    }
    for (names, groups) in lacking {
        lines.push(format!("{}: no bounds of {names}", things(groups, "row group")));
    }
    for part in &layout.undecided {
        lines.push(format!("no statistic decides: {part}"));
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "\nread because of");
        for reason in lines {
            let _ = writeln!(out, "  {}", line(&reason));
        }
    }
    if layout.files_without_page_index > 0 {
        let (without, all) = (layout.files_without_page_index, layout.files.total);
        let _ = writeln!(
            out,
            "\n{} of {} without a page index for all columns",
            count(without),
            things(all, "file")
        );
    }
}

/// `97.3 %`; empty of nothing.
fn percent(part: u64, all: u64) -> String {
    match all {
        0 => String::new(),
        // All and nothing are said of all and nothing only.
        _ if part == all || part == 0 => format!("{} %", part / all * 100),
        _ => format!("{:.1} %", (part as f64 * 100.0 / all as f64).clamp(0.1, 99.9)),
    }
}
