//! Who may import whom, and how large a file may be: read from `src/` as text.
//!
//! The tables below are the rules. A new module needs a row; a new database, destination or run log needs none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panics"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules of this crate that it may name. Data flows down; nothing points back up.
const IMPORTS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("error", &["plain", "secret"]),
    ("fingerprint", &["error"]),
    ("catalog", &["plain", "error"]),
    ("readers", &["error"]),
    ("spec", &["error", "catalog", "readers"]),
    ("manifest", &["error", "readers", "catalog", "spec"]),
    ("client", &["clock", "secret", "error"]),
    ("source", &["clock", "secret", "error", "client", "fingerprint", "readers", "catalog", "spec"]),
    ("partition", &["error", "catalog", "spec"]),
    ("destination", &["plain", "clock", "secret", "error", "spec"]),
    ("runlog", &["clock", "error", "client", "catalog", "spec", "manifest", "source"]),
    ("metadata", &["error", "catalog", "spec", "manifest"]),
    ("sink", &["clock", "error", "readers", "catalog", "spec", "manifest", "destination"]),
    ("verify", &["error", "fingerprint", "catalog", "spec", "manifest", "destination", "sink"]),
    ("plan", &["secret", "error", "readers", "catalog", "spec", "manifest", "source", "partition", "sink"]),
    ("work", &["error", "readers", "catalog", "spec", "manifest", "source", "destination", "sink", "plan"]),
    (
        "run",
        &[
            "clock",
            "secret",
            "error",
            "fingerprint",
            "readers",
            "catalog",
            "spec",
            "manifest",
            "source",
            "partition",
            "destination",
            "runlog",
            "metadata",
            "sink",
            "verify",
            "plan",
            "work",
        ],
    ),
    (
        "report",
        &[
            "plain", "clock", "error", "readers", "catalog", "spec", "manifest", "runlog", "verify", "plan",
            "run",
        ],
    ),
    ("config", &["secret", "error", "catalog", "spec", "source", "runlog"]),
    ("demo", &["error"]),
    ("fuzzing", &["error", "source", "destination", "sink", "config"]),
    (
        "cli",
        &[
            "plain",
            "clock",
            "secret",
            "error",
            "readers",
            "catalog",
            "spec",
            "manifest",
            "source",
            "partition",
            "destination",
            "runlog",
            "sink",
            "verify",
            "plan",
            "run",
            "report",
            "config",
            "demo",
        ],
    ),
];

/// What is used, the only places (files or folders below `src/`) that may use it.
const FENCES: &[(&str, &[&str])] = &[
    ("clap", &["cli", "config"]),
    ("indicatif", &["cli"]),
    ("print!", &["cli"]),
    ("println!", &["cli"]),
    ("eprint!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("std::env", &["cli", "config", "destination/object/environment.rs", "error/spill.rs"]),
    (
        "std::fs",
        &[
            "destination/local",
            "destination/gcs/key.rs",
            "config",
            "demo",
            "plan/spill.rs",
            "runlog/private.rs",
            "secret/open.rs",
            "client/password",
            "runlog/sqlite",
            "runlog/spool",
            "cli/logging.rs",
            "cli/metrics.rs",
            "source/postgres/wire/pem.rs",
            "source/postgres/config/environment.rs",
        ],
    ),
    ("tokio::fs", &[]),
    // `clippy.toml` bans the rest of what tells time or waits.
    ("tokio::time", &["clock"]),
    ("SystemTime::now", &["clock"]),
    ("Utc::now", &["clock"]),
    ("Local::now", &["clock"]),
    ("thread::sleep", &["clock"]),
    ("Uuid::now_v7", &["clock"]),
    ("postgres_protocol", &["source/postgres"]),
    ("mysql_async", &["runlog/mysql"]),
    ("rusqlite", &["demo", "runlog/sqlite", "source/sqlite"]),
    ("tpchgen", &["demo"]),
];

/// What is used, and the places that may not use it.
const BANS: &[(&str, &[&str])] = &[
    ("object_store", &["source"]),
    // What goes wrong while a secret is read may quote it: `about_secret` keeps the class of the cause alone.
    (
        "caused_by",
        &[
            "config/auth",
            "destination/azure",
            "destination/gcs",
            "destination/s3",
            "runlog/mysql/config.rs",
            "source/postgres/config",
            "source/postgres/wire/auth.rs",
            "source/postgres/wire/pem.rs",
        ],
    ),
];

/// Folders whose subfolders are backends, named by nobody but the folder's own `mod.rs`.
const BACKENDS: &[&str] = &["source", "destination", "runlog", "publish"];

const MAX_FILE_LINES: usize = 600;
const MAX_INLINE_TEST_LINES: usize = 150;

struct Source {
    /// Path below `src/`, with `/`.
    path: String,
    text: String,
    /// Production code: comments, literals and inline tests blanked, lines kept.
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Test code in a file of its own.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        matches!(name, "tests.rs" | "conformance.rs" | "laws.rs") || self.path.contains("/tests/")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            let folder = place.trim_end_matches(".rs");
            self.path == *place
                || self.path == format!("{folder}.rs")
                || self.path.starts_with(&format!("{folder}/"))
        })
    }
}

fn sources() -> Vec<Source> {
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
            let blanked = blank(&text);
            let code = match inline_tests(&blanked) {
                Some(at) => blanked.lines().take(at).collect::<Vec<_>>().join("\n"),
                None => blanked,
            };
            Source { path, text, code }
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
fn inline_tests(code: &str) -> Option<usize> {
    let lines: Vec<&str> = code.lines().collect();
    (0..lines.len()).find(|&at| {
        let next = lines.get(at + 1).map_or("", |l| l.trim());
        lines[at].trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{')
    })
}

/// Replaces comments and the insides of literals by spaces. Line breaks stay.
fn blank(text: &str) -> String {
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
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
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
fn holds(code: &str, what: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(what).any(|(at, _)| {
        !code[..at].ends_with(word) && (what.ends_with('!') || !code[at + what.len()..].starts_with(word))
    })
}

/// Every path in `use` trees and expressions that begins with `root::`, groups taken apart:
/// `use std::{env, fs::File}` holds `std::env` and `std::fs`. One more level than asked is not followed.
fn paths_below(code: &str, root: &str) -> BTreeSet<String> {
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

fn uses(source: &Source, what: &str) -> bool {
    match what.split_once("::") {
        Some((root, name)) => paths_below(&source.code, root).contains(name),
        None => holds(&source.code, what),
    }
}

fn production() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|s| !s.is_test())
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let mut problems = Vec::new();
    for source in production().filter(|s| !matches!(s.path.as_str(), "lib.rs" | "main.rs")) {
        let Some((_, allowed)) = IMPORTS.iter().find(|(module, _)| *module == source.module()) else {
            problems.push(format!("src/{}: `{}` has no row in IMPORTS", source.path, source.module()));
            continue;
        };
        for named in paths_below(&source.code, "crate") {
            let is_module = IMPORTS.iter().any(|(module, _)| *module == named);
            if is_module && named != source.module() && !allowed.contains(&named.as_str()) {
                problems.push(format!("src/{} may not import crate::{named}", source.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_table_of_imports_has_no_circle() {
    for (at, (module, allowed)) in IMPORTS.iter().enumerate() {
        for below in *allowed {
            // `config` may name `source`, and so on: everything a module names stands above it in the table.
            let place = IMPORTS.iter().position(|(m, _)| m == below).expect("a known module");
            assert!(place < at, "{module} names {below}, which stands below it");
        }
    }
}

#[test]
fn fenced_names_stay_behind_their_fences() {
    let mut problems = Vec::new();
    for source in production() {
        for (what, places) in FENCES {
            if uses(&source, what) && !source.is_in(places) {
                problems.push(format!("src/{}: `{what}` is for {places:?} only", source.path));
            }
        }
        for (what, places) in BANS {
            if uses(&source, what) && source.is_in(places) {
                problems.push(format!("src/{}: `{what}` is not for {places:?}", source.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn a_backend_is_named_by_its_parent_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut problems = Vec::new();
    for parent in BACKENDS {
        for entry in fs::read_dir(src.join(parent)).into_iter().flatten().flatten() {
            if !entry.path().is_dir() {
                continue;
            }
            let backend = entry.file_name().to_string_lossy().into_owned();
            let own = format!("{parent}/{backend}");
            let path = format!("{parent}::{backend}");
            let sibling = format!("super::{backend}");
            // Tests in files of their own may take any real backend.
            for source in production() {
                if source.is_in(&[&own]) || source.path == format!("{parent}/mod.rs") {
                    continue;
                }
                let beside = source.module() == *parent && holds(&source.code, &sibling);
                let grouped = paths_below(&source.code, parent).contains(&backend);
                if beside || grouped || holds(&source.code, &path) {
                    problems
                        .push(format!("src/{}: `{path}` is named outside src/{parent}/mod.rs", source.path));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn a_source_is_one_folder_and_one_row() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let registry = production().find(|s| s.path == "source/mod.rs").expect("the registry");
    let mut sources = 0;
    for entry in fs::read_dir(src.join("source")).expect("src/source can be read").flatten() {
        if !entry.path().is_dir() {
            continue;
        }
        sources += 1;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (own, path) = (format!("source/{name}"), format!("source::{name}"));
        let beside = |s: &Source| s.module() == "source" && holds(&s.code, &name);
        let naming: Vec<String> = production()
            .filter(|s| !s.is_in(&[&own]) && (beside(s) || holds(&s.code, &path)))
            .map(|s| s.path)
            .collect();
        assert_eq!(naming, ["source/mod.rs"], "files outside src/{own} that name it");
        // `pub mod`, and a row of its names and how it is opened.
        assert_eq!(registry.code.matches(&format!("mod {name};")).count(), 1, "{name}");
        let code: String = registry.code.lines().filter(|line| !line.starts_with("pub use ")).collect();
        assert_eq!(code.matches(&format!("{name}::")).count(), 2, "{name}");
    }
    assert!(sources >= 2, "{sources}");
}

#[test]
fn files_stay_small() {
    let mut problems = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            problems.push(format!("src/{}: {lines} lines; which two things does it do?", source.path));
        }
        if let Some(at) = inline_tests(&blank(&source.text)) {
            let tests = lines - at;
            if tests > MAX_INLINE_TEST_LINES {
                problems.push(format!(
                    "src/{}: {tests} lines of inline tests; move them to tests.rs",
                    source.path
                ));
            }
        }
    }
    assert_none(&problems);
}

/// Tests that a page names: `module::test` in backticks.
fn tests_named(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        word.contains("::")
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c))
    };
    quoted.filter(is_path).collect()
}

#[test]
fn tests_that_the_page_of_guarantees_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/semantics.md")).expect("the page");
    let named = tests_named(&page);
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let mut problems = Vec::new();
    for test in named {
        let (module, name) = test.rsplit_once("::").expect("a path");
        let file = root.join("tests/it").join(module.replace("::", "/")).with_extension("rs");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let at = text.find(&format!("fn {name}("));
        let attribute = at.map_or("", |at| text[..at].trim_end().trim_end_matches("async").trim_end());
        let mut attributes = attribute.lines().rev().take_while(|line| line.starts_with("#["));
        if !attributes.any(|line| line.contains("test]") || line.contains("test(")) {
            problems.push(format!("docs/semantics.md names {test}, which is no test in {}", file.display()));
        }
    }
    assert_none(&problems);
    assert_eq!(
        tests_named("`a::b` c `d` `E::f` `g::h_1`").into_iter().collect::<Vec<_>>(),
        ["a::b", "g::h_1"]
    );
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
