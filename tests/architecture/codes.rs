//! Error codes: each is used, is for the kind of its error, and few errors have none.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_none;
use crate::reading::{Source, holds, sources};

/// Places where an error is made without saying its code. This number falls; where it does, it is lowered here.
const MOST_WITHOUT: usize = 11;

/// What makes an error of a kind.
const MADE: &[(&str, &str)] = &[
    ("Error::usage(", "Usage"),
    ("Error::config(", "Config"),
    ("Error::unavailable(", "Unavailable"),
    ("Error::denied(", "Denied"),
    ("Error::data(", "Data"),
    ("Error::new(", ""),
];

/// A place where an error is made.
struct Site {
    place: String,
    kind: &'static str,
    /// Some with the name of its code; an empty name where that is computed.
    code: Option<String>,
}

/// Where errors are made in production code. Methods may follow each other in any number of lines.
fn sites(source: &Source) -> Vec<Site> {
    let code = &source.code;
    let mut found = Vec::new();
    for (made, kind) in MADE {
        for (at, _) in code.match_indices(made) {
            let is_other = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if is_other && !code[..at].ends_with("crate::error::") {
                continue;
            }
            let after = after_call(code, at + made.len());
            let coded = ["coded", "code_of"].iter().find_map(|method| {
                after.trim_start().strip_prefix('.')?.strip_prefix(method)?.strip_prefix('(')
            });
            let name = |text: &str| {
                let name = text.trim_start().strip_prefix("Code::").unwrap_or_default();
                name.chars().take_while(|c| c.is_alphanumeric()).collect::<String>()
            };
            let line = code[..at].lines().count().max(1);
            let place = format!("src/{}:{line}", source.path);
            found.push(Site { place, kind, code: coded.map(name) });
        }
    }
    found
}

/// What stands behind the bracket that is open at `from`.
fn after_call(code: &str, from: usize) -> &str {
    let mut depth = 1;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[from + at + 1..];
        }
    }
    ""
}

fn production() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| !source.is_test() && !source.is_in(&["source/memory"]))
}

/// Each code with the kinds of its page.
fn pages() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for source in production().filter(|source| source.is_in(&["error/codes"])) {
        for page in source.code.split("code: Code::").skip(1) {
            let code: String = page.chars().take_while(|c| c.is_alphanumeric()).collect();
            let kinds = page.split_once("kinds: &[").and_then(|(_, after)| after.split_once(']'));
            let kinds = kinds.map_or("", |(kinds, _)| kinds).split("ErrorKind::").skip(1);
            let kinds = kinds.map(|kind| kind.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
            assert!(found.insert(code.clone(), kinds.collect()).is_none(), "{code} has two pages");
        }
    }
    assert!(found.len() > 60, "{} pages", found.len());
    found
}

#[test]
fn every_code_has_a_page_and_is_used() {
    let pages = pages();
    let registry = production().find(|source| source.path == "error/code.rs").expect("the codes");
    let (_, variants) = registry.code.split_once("pub enum Code {").expect("the codes");
    let (variants, methods) = variants.split_once('}').expect("the codes");
    let codes: BTreeSet<&str> =
        variants.lines().filter_map(|line| line.split_once(" = ")).map(|(code, _)| code.trim()).collect();
    let elsewhere: Vec<Source> =
        production().filter(|source| !source.is_in(&["error/codes", "error/code.rs"])).collect();
    let mut problems = Vec::new();
    for code in &codes {
        if !pages.contains_key(*code) {
            problems.push(format!("Code::{code} has no page in src/error/codes/"));
        }
        let is_general = methods.contains(&format!("=> Self::{code},"));
        let named = format!("Code::{code}");
        if !is_general && !elsewhere.iter().any(|source| holds(&source.code, &named)) {
            problems.push(format!("Code::{code} is used nowhere"));
        }
    }
    assert_none(&problems);
    assert_eq!(codes.len(), pages.len());
}

#[test]
fn a_code_is_for_the_kind_of_its_error() {
    let pages = pages();
    let mut problems = Vec::new();
    for Site { place, kind, code } in production().flat_map(|source| sites(&source)) {
        let Some(code) = code.filter(|code| !code.is_empty() && !kind.is_empty()) else { continue };
        match pages.get(&code) {
            Some(kinds) if kinds.contains(kind) => {}
            kinds => problems.push(format!("{place}: Code::{code} is for {kinds:?}, the error is {kind}")),
        }
    }
    assert_none(&problems);
}

#[test]
fn few_errors_have_no_code_of_their_own() {
    let all: Vec<Site> = production().flat_map(|source| sites(&source)).collect();
    let without: Vec<&str> =
        all.iter().filter(|site| site.code.is_none()).map(|site| site.place.as_str()).collect();
    assert!(all.len() > 400, "only {} places", all.len());
    assert!(
        without.len() <= MOST_WITHOUT,
        "{} of {} places without .coded(Code::...), {MOST_WITHOUT} are allowed:\n{}",
        without.len(),
        all.len(),
        without.join("\n")
    );
}

#[test]
fn a_place_is_seen_with_its_code() {
    let text = "fn a() {
        Error::usage(format!(\"{}\", b(c))).coded(Code::Flag).with(1);
        Error::data(\"a\")
            .coded(code);
        crate::error::Error::denied(\"b\").hint(\"c\");
        io::Error::new(1, 2); // Error::data(\"d\")
    }";
    let found: Vec<(&str, Option<String>)> =
        sites(&Source::new("a.rs", text)).into_iter().map(|site| (site.kind, site.code)).collect();
    assert_eq!(found, [("Usage", Some("Flag".to_owned())), ("Denied", None), ("Data", Some(String::new()))]);
}
