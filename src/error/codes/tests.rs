use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::error::{Error, ErrorKind};

/// Numbers of codes that are gone. None of them is given to another trouble.
const RETIRED: &[u16] = &[];

#[test]
fn numbers_are_in_order_and_none_comes_again() {
    let numbers: Vec<u16> = pages().map(|page| page.code.number()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(!numbers.iter().any(|number| RETIRED.contains(number)));
    for area in AREAS {
        let hundreds: Vec<u16> = area.pages.iter().map(|page| page.code.number() / 100).collect();
        assert!(hundreds.iter().all(|hundred| *hundred == hundreds[0]), "{}: {hundreds:?}", area.title);
    }
}

#[test]
fn every_page_says_what_happened_and_what_to_do() {
    for page in pages() {
        let Page { code, kinds, title, happened, remedies } = page;
        assert!(!kinds.is_empty(), "{code}");
        assert!(title.chars().count() <= 80 && !title.ends_with('.'), "{code}: {title}");
        let sentences = happened.matches(". ").count() + 1;
        assert!(happened.ends_with('.') && sentences <= 3, "{code}: {happened}");
        assert!((1..=5).contains(&remedies.len()), "{code}: {} remedies", remedies.len());
        assert!(remedies.iter().all(|remedy| remedy.ends_with('.')), "{code}: {remedies:?}");
    }
}

#[test]
fn every_kind_has_a_general_code() {
    use ErrorKind::{Config, Data, Denied, Internal, Output, Unavailable, Usage};
    for kind in [Usage, Config, Unavailable, Denied, Data, Internal, Output] {
        let general = Code::of(kind);
        assert_eq!(page(general).map(|page| page.kinds), Some(&[kind][..]), "{general}");
        assert_eq!(Error::new(kind, "x").code(), general);
    }
}

#[test]
fn the_innermost_code_stays_and_a_copy_keeps_it() {
    let error = Error::denied("no").coded(Code::LoginRefused).coded(Code::SelectDenied);
    assert_eq!(error.code(), Code::LoginRefused);
    assert_eq!(error.copied().code(), Code::LoginRefused);
    // Of a cause it is taken where it is for errors of the kind.
    let around = Error::denied("cannot begin").caused_by(error.copied());
    assert_eq!((around.code(), around.copied().code()), (Code::LoginRefused, Code::LoginRefused));
    assert_eq!(Error::data("wrong").caused_by(error.copied()).code(), Code::Data);
    assert_eq!(Error::denied("again").code_of(&error).code(), Code::LoginRefused);
    assert_eq!(Error::data("again").code_of(&error).code(), Code::Data);
}

/// As Markdown.
fn markdown() -> String {
    let mut out = String::from(HEAD);
    for area in AREAS {
        let _ = writeln!(out, "\n## {}", area.title);
        for page in area.pages {
            let exits: Vec<String> = page.exit_codes().map(|code| code.to_string()).collect();
            let _ = writeln!(out, "\n### {}: {}\n", page.code, page.title);
            let _ = writeln!(out, "{} Exit code {}.\n", page.happened, exits.join(" or "));
            for remedy in page.remedies {
                let _ = writeln!(out, "* {remedy}");
            }
        }
    }
    out
}

const HEAD: &str = "# Error codes

Errors end with a line that names a code: `code: LX0302 (lakexpress explain LX0302)`. `lakexpress explain CODE` prints \
the page of a code, `lakexpress explain` lists all; with `--json` errors have it as `error_code`. Numbers are never given to another trouble. The \
codes that end in 00, and LX9901, are for errors without a specific code: their messages and hints say what is wrong.

This page is made from `src/error/codes/`: `LAKEXPRESS_WRITE_DOCS=1 cargo test --lib error::codes` writes it again.
";

#[test]
fn the_page_has_all_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("LAKEXPRESS_WRITE_DOCS").is_some() {
        std::fs::write(&path, markdown()).expect("docs/errors.md can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == markdown(), "docs/errors.md is stale: run this test with LAKEXPRESS_WRITE_DOCS=1");
}
