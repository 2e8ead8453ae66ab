//! The files of `src/` as text without comments, literals and tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Source {
    /// Path below `src/`, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Production code: comments, literals and inline tests blanked, lines kept.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let blanked = blank(text);
        let code = match inline_tests(&blanked) {
            Some(at) => blanked.lines().take(at).collect::<Vec<_>>().join("\n"),
            None => blanked,
        };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub(crate) fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Test code in a file of its own.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        matches!(name, "tests.rs" | "conformance.rs" | "laws.rs")
            || ["/tests/", "/conformance/"].iter().any(|folder| self.path.contains(folder))
    }

    /// Whether production code, its literals included, has one of these words in any case.
    pub(crate) fn says(&self, words: &[&str]) -> bool {
        let lines = self.code.lines().count();
        let text = without_comments(&self.text).to_lowercase();
        text.lines().take(lines).any(|line| words.iter().any(|word| line.contains(word)))
    }

    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            let folder = place.trim_end_matches(".rs");
            self.path == *place
                || self.path == format!("{folder}.rs")
                || self.path.starts_with(&format!("{folder}/"))
        })
    }
}

pub(crate) fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "only {} files in src/", paths.len());
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let path = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
            Source::new(&path, &text)
        })
        .collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src/ can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The line where `#[cfg(test)] mod name {` begins, which is the last thing in a file.
pub(crate) fn inline_tests(code: &str) -> Option<usize> {
    let lines: Vec<&str> = code.lines().collect();
    (0..lines.len()).find(|&at| {
        let next = lines.get(at + 1).map_or("", |l| l.trim());
        lines[at].trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{')
    })
}

/// Replaces comments and the insides of literals by spaces. Line breaks stay.
pub(crate) fn blank(text: &str) -> String {
    blanked(text, true)
}

fn without_comments(text: &str) -> String {
    blanked(text, false)
}

fn blanked(text: &str, literals: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => end_of(&chars, at, "\n"),
            '/' if chars.get(at + 1) == Some(&'*') => end_of(&chars, at + 2, "*/") + 2,
            '"' => end_of_string(&chars, at),
            'r' if !word_before(&chars, at) => end_of_raw_string(&chars, at).unwrap_or(at),
            '\'' => end_of_char(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            let end = end.min(chars.len());
            let hidden = literals || chars[at] == '/';
            out.extend(chars[at..end].iter().map(|&c| if hidden && c != '\n' { ' ' } else { c }));
            at = end;
        }
    }
    out
}

fn word_before(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn end_of(chars: &[char], from: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    (from..chars.len()).find(|&i| chars[i..].starts_with(&what)).unwrap_or(chars.len())
}

fn end_of_string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw_string(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(from + 1 + hashes) == Some(&'"'))
        .then(|| end_of(chars, from + 2 + hashes, &format!("\"{}", "#".repeat(hashes))) + 1 + hashes)
}

/// The end of a character literal; `from` itself for a lifetime.
fn end_of_char(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => end_of(chars, from + 3, "'") + 1,
        (Some(_), Some('\'')) => from + 3,
        _ => from,
    }
}

/// Whether `code` holds `what` as whole words.
pub(crate) fn holds(code: &str, what: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(what).any(|(at, _)| {
        !code[..at].ends_with(word) && (what.ends_with('!') || !code[at + what.len()..].starts_with(word))
    })
}

/// Every path in `use` trees and expressions that begins with `root::`, groups taken apart:
/// `use std::{env, fs::File}` holds `std::env` and `std::fs`. One more level than asked is not followed.
pub(crate) fn paths_below(code: &str, root: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let start = format!("{root}::");
    for (at, _) in code.match_indices(&start) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + start.len()..];
        let mut depth = 0;
        let mut name = String::new();
        let mut within = true;
        for c in rest.chars() {
            match c {
                '{' if name.is_empty() || !within => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => {
                    found.insert(std::mem::take(&mut name));
                    within = true;
                    continue;
                }
                c if within && (c.is_alphanumeric() || c == '_') => name.push(c),
                c if c.is_whitespace() && name.is_empty() => {}
                _ => within = false,
            }
            if depth <= 0 && (!within || c == '}') {
                break;
            }
        }
        found.insert(name);
    }
    found.remove("");
    found
}

pub(crate) fn uses(source: &Source, what: &str) -> bool {
    match what.split_once("::") {
        Some((root, name)) => paths_below(&source.code, root).contains(name),
        None => holds(&source.code, what),
    }
}

#[test]
fn the_checker_reads_rust() {
    let code = blank(
        "let a = \"crate::cli\"; // crate::cli\n/* crate::cli */ let b = '\"'; let c: &'static str = r#\"x\"y\"#; d",
    );
    assert!(!code.contains("cli") && code.contains("let b") && code.ends_with("; d"), "{code}");
    let names = |code: &str| paths_below(code, "crate").into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::catalog::{TableRef, cli}; crate::spec::x()"), ["catalog", "spec"]);
    assert_eq!(names("use crate::{cli, error::{A, B}, spec};"), ["cli", "error", "spec"]);
    assert_eq!(names("use crate::{\n    error::Result,\n};"), ["error"]);
    assert_eq!(names("my_crate::cli x::crate::cli"), [""; 0]);
    assert!(holds("eprintln!(x)", "eprintln!") && !holds("eprintln!(x)", "println!"));
    let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(inline_tests(inline), Some(1));
    assert_eq!(inline_tests("#[cfg(test)]\nmod tests;\n"), None);
}
