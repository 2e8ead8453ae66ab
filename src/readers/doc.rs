//! The table of `docs/readers.md`.

use std::fmt::Write as _;

use super::{Feature, Reader, Takes, takes};

/// As Markdown: a row for each feature that not all take, a column for each reader.
fn markdown() -> String {
    let titles: Vec<&str> = Reader::ALL.iter().map(|reader| reader.title()).collect();
    let mut out = format!("| | {} |\n|---|{}\n", titles.join(" | "), "---|".repeat(titles.len()));
    let minded = |feature: &Feature| Reader::ALL.iter().any(|reader| takes(*reader, *feature) != Takes::Yes);
    for feature in Feature::ALL.iter().filter(|feature| minded(feature)) {
        let cells = Reader::ALL.iter().map(|reader| match takes(*reader, *feature) {
            Takes::Yes => String::new(),
            Takes::Refuses(_) => "error".to_owned(),
            Takes::Misreads(what) => what.to_owned(),
        });
        let _ = writeln!(out, "| {} | {} |", feature.title(), cells.collect::<Vec<_>>().join(" | "));
    }
    out
}

#[test]
fn the_page_has_the_table() {
    let (page, table) = (include_str!("../../docs/readers.md"), markdown());
    assert!(page.contains(&table), "docs/readers.md lacks:\n{table}");
}
