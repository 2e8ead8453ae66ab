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

mod circles;
mod codes;
mod names;
mod reading;
mod recipes;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reading::{Source, blank, holds, inline_tests, paths_below, sources, uses};

/// Module, and the modules of this crate that it may name. Data flows down; nothing points back up.
const IMPORTS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("error", &["plain", "secret"]),
    ("blocking", &["error"]),
    ("fingerprint", &["error"]),
    ("catalog", &["plain", "error"]),
    ("readers", &["error"]),
    ("spec", &["error", "catalog", "readers"]),
    ("manifest", &["error", "readers", "catalog", "spec"]),
    ("client", &["clock", "secret", "error", "blocking", "spec"]),
    (
        "source",
        &["clock", "secret", "error", "blocking", "client", "fingerprint", "readers", "catalog", "spec"],
    ),
    ("partition", &["error", "catalog", "spec"]),
    ("destination", &["plain", "clock", "secret", "error", "blocking", "spec"]),
    ("runlog", &["clock", "error", "blocking", "client", "catalog", "spec", "manifest"]),
    ("metadata", &["error", "catalog", "spec", "manifest"]),
    ("sink", &["clock", "error", "blocking", "readers", "catalog", "spec", "manifest", "destination"]),
    ("format", &["error", "readers", "catalog", "spec", "manifest", "destination", "sink"]),
    ("verify", &["error", "fingerprint", "catalog", "spec", "manifest", "destination", "sink", "format"]),
    ("plan", &["secret", "error", "readers", "catalog", "spec", "manifest", "source", "partition", "sink"]),
    ("work", &["error", "readers", "catalog", "spec", "manifest", "source", "destination", "sink", "plan"]),
    (
        "publish",
        &[
            "clock",
            "error",
            "blocking",
            "client",
            "catalog",
            "spec",
            "manifest",
            "destination",
            "format",
            "verify",
        ],
    ),
    ("skipping", &["clock", "error", "spec", "manifest", "destination", "format", "verify", "plan"]),
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
            "format",
            "verify",
            "plan",
            "work",
        ],
    ),
    (
        "report",
        &[
            "plain", "clock", "error", "readers", "catalog", "spec", "manifest", "runlog", "verify", "plan",
            "publish", "skipping", "run",
        ],
    ),
    ("config", &["secret", "error", "client", "catalog", "spec", "source", "runlog"]),
    ("demo", &["error"]),
    ("fuzzing", &["error", "client", "source", "destination", "sink", "format", "config"]),
    (
        "cli",
        &[
            "plain",
            "clock",
            "secret",
            "error",
            "blocking",
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
            "publish",
            "skipping",
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
    ("indicatif", &["cli", "report/words.rs"]),
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
            "sink/fanout/runs.rs",
            "runlog/private.rs",
            "secret/open.rs",
            "client/password",
            "client/sqlite/open.rs",
            "runlog/spool",
            "cli/logging.rs",
            "cli/metrics.rs",
            "client/transport/pem.rs",
            "client/postgres/config/environment.rs",
            "client/mysql/connect.rs",
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
    ("postgres_protocol", &["client/postgres"]),
    ("mysql_common", &["client/mysql"]),
    ("strsim", &["spec/names.rs"]),
    ("rusqlite", &["demo", "client/sqlite", "publish/sqlite.rs", "runlog/sqlite", "source/sqlite"]),
    ("tpchgen", &["demo"]),
    ("toml", &["config/file"]),
    ("saphyr_parser", &["config/file"]),
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
            "client/fields.rs",
            "client/mysql/config.rs",
            "client/mysql/wire/auth.rs",
            "client/postgres/config",
            "client/postgres/wire/auth.rs",
            "client/transport/pem.rs",
        ],
    ),
];

/// Folders whose subfolders are backends, named by nobody but the folder's own `mod.rs`; and the folders in which the
/// subfolder of the same name may name it too: `source/postgres` and `runlog/postgres` name `client/postgres`.
const BACKENDS: &[(&str, &[&str])] = &[
    ("client", &["source", "runlog", "publish"]),
    ("source", &[]),
    ("destination", &[]),
    ("runlog", &[]),
    ("format", &[]),
];

/// Subfolders of those that are no backends: what the backends share.
const SHARED: &[&str] =
    &["client/password", "client/transport", "format/directory", "source/conformance", "source/kit"];

/// Folders that name nothing outside of them, tests included, so that each could be a crate of its own.
const STANDALONE: &[&str] = &["sink/columns"];

/// Sources that are compiled for tests only: they have no row.
const UNLISTED: &[&str] = &["source/memory"];

const MAX_FILE_LINES: usize = 600;
const MAX_INLINE_TEST_LINES: usize = 150;

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

/// Paths of `source` that lead out of `folder`. Saying who may see an item is none.
fn ways_out(source: &Source, folder: &str) -> Vec<String> {
    let code = blank(&source.text).replace("(in super::super)", "");
    let lines: Vec<&str> = code.lines().collect();
    let tests = inline_tests(&code).unwrap_or(lines.len());
    let inside = source.path[folder.len() + 1..].trim_end_matches("mod.rs");
    let depth = inside.split('/').filter(|part| !part.is_empty()).count();
    let mut found: Vec<String> = paths_below(&code, "crate").iter().map(|n| format!("crate::{n}")).collect();
    // Inline tests are one module further down.
    for (lines, depth) in [(&lines[..tests], depth), (&lines[tests..], depth + 1)] {
        let upwards = "super::".repeat(depth + 1);
        let climbing = lines.iter().filter(|line| line.contains(&upwards));
        found.extend(climbing.map(|line| line.trim().to_owned()));
    }
    found
}

#[test]
fn a_folder_that_stands_alone_names_nothing_outside() {
    let mut problems = Vec::new();
    for folder in STANDALONE {
        let own: Vec<Source> = sources().into_iter().filter(|s| s.is_in(&[folder])).collect();
        assert!(own.len() > 1, "{folder} has {} files", own.len());
        for source in own {
            let found = ways_out(&source, folder);
            problems.extend(found.into_iter().map(|way| format!("src/{}: {way}", source.path)));
        }
    }
    assert_none(&problems);
    let found = |path: &str, text: &str| ways_out(&Source::new(path, text), "a/b").len();
    assert_eq!(found("a/b/c.rs", "use super::d::D; pub(in super::super) fn c() {} // crate::e"), 0);
    assert_eq!(found("a/b/c.rs", "#[cfg(test)]\nmod tests {\nuse super::super::d::D;\n}"), 0);
    assert_eq!(found("a/b/mod.rs", "use super::d;"), 1);
    assert_eq!(found("a/b/c.rs", "use super::super::d;"), 1);
    assert_eq!(found("a/b/tests.rs", "use crate::{d, e};"), 2);
}

#[test]
fn a_backend_is_named_by_its_parent_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut problems = Vec::new();
    for (parent, users) in BACKENDS {
        for entry in fs::read_dir(src.join(parent)).expect("a folder of src/").flatten() {
            let backend = entry.file_name().to_string_lossy().into_owned();
            let own = format!("{parent}/{backend}");
            if !entry.path().is_dir() || SHARED.contains(&own.as_str()) {
                continue;
            }
            let users: Vec<String> = users.iter().map(|user| format!("{user}/{backend}")).collect();
            let may_name: Vec<&str> = users.iter().map(String::as_str).chain([own.as_str()]).collect();
            let path = format!("{parent}::{backend}");
            let sibling = format!("super::{backend}");
            // Tests in files of their own may take any real backend.
            for source in production() {
                if source.is_in(&may_name) || source.path == format!("{parent}/mod.rs") {
                    continue;
                }
                let beside = source.module() == *parent && holds(&source.code, &sibling);
                let grouped = [parent.to_string(), format!("crate::{parent}")]
                    .iter()
                    .any(|root| paths_below(&source.code, root).contains(&backend));
                if beside || grouped || holds(&source.code, &path) {
                    problems.push(format!(
                        "src/{}: `{path}` is for src/{parent}/mod.rs and {may_name:?} only",
                        source.path
                    ));
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
        let name = entry.file_name().to_string_lossy().into_owned();
        let (own, path) = (format!("source/{name}"), format!("source::{name}"));
        if SHARED.contains(&own.as_str()) {
            continue;
        }
        sources += 1;
        let beside = |s: &Source| s.module() == "source" && holds(&s.code, &name);
        let naming: Vec<String> = production()
            .filter(|s| !s.is_in(&[&own]) && (beside(s) || holds(&s.code, &path)))
            .map(|s| s.path)
            .collect();
        assert_eq!(naming, ["source/mod.rs"], "files outside src/{own} that name it");
        // `pub mod`, and a row of its names and how it is opened.
        assert_eq!(registry.code.matches(&format!("mod {name};")).count(), 1, "{name}");
        let code: String = registry.code.lines().filter(|line| !line.starts_with("pub use ")).collect();
        let listed = !UNLISTED.contains(&own.as_str());
        assert_eq!(code.matches(&format!("{name}::")).count(), if listed { 2 } else { 0 }, "{name}");
        assert!(listed || registry.text.contains(&format!("#[cfg(test)]\nmod {name};")), "{name}");
    }
    assert!(sources >= 3, "{sources}");
}

/// What a database is called, and every file outside of its folders in `source`, `client` and `runlog` that says so in
/// code or in a literal. A source that costs more than its folder, a row in each registry and its client's variables is
/// seen here.
const NAMED_OUTSIDE: &[(&str, &[&str], &[&str])] = &[(
    "mysql",
    &["mysql", "mariadb"],
    &[
        "cli/variables.rs",             // a server of the tests
        "client/mod.rs",                // the client's row
        "config/environment.rs",        // MYSQL_*
        "error/codes/configuration.rs", // its page
        "error/codes/snapshot.rs",      // its page
        "fingerprint/texts.rs",         // the rule by which these servers hash
        "fuzzing.rs",                   // the client's target
        "runlog/mod.rs",                // the run log's row
        "runlog/steps.rs",              // its migrations
        "source/mod.rs",                // the source's row
    ],
)];

#[test]
fn what_a_database_costs_outside_of_its_folders_is_counted() {
    for (database, words, listed) in NAMED_OUTSIDE {
        let own = ["source", "client", "runlog"].map(|parent| format!("{parent}/{database}"));
        let own = own.each_ref().map(String::as_str);
        let outside = production().filter(|source| !source.is_in(&own));
        let naming: Vec<String> = outside.filter(|s| s.says(words)).map(|s| s.path).collect();
        assert_eq!(naming, *listed, "{} files outside of {own:?} name {database}", naming.len());
    }
    let says = |text: &str| Source::new("a.rs", text).says(&["mysql"]);
    assert!(says("f(\"MySQL's\")") && says("use my::MySQL;"));
    assert!(!says("// mysql\nf(\"// my\") /* mysql */"));
    assert!(!says("f();\n#[cfg(test)]\nmod tests {\nuse mysql;\n}"));
}

/// Tests in files of their own that run the suite of a trait, for backends that need a server.
const CONTRACTS: &[(&str, &str)] = &[
    ("source", "tests/it/contract.rs"),
    ("destination", "tests/it/storage/conformance.rs"),
    ("runlog", "tests/it/runlog.rs"),
];

#[test]
fn every_backend_runs_the_suite_of_its_trait() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    for (parent, elsewhere) in CONTRACTS {
        let elsewhere = fs::read_to_string(root.join(elsewhere)).expect("the tests that need servers");
        for entry in fs::read_dir(root.join("src").join(parent)).expect("a folder").flatten() {
            let backend = entry.file_name().to_string_lossy().into_owned();
            let own = format!("{parent}/{backend}");
            // What an object store is, all of them share.
            let shared = SHARED.contains(&own.as_str()) || own == "destination/object";
            if !entry.path().is_dir() || shared {
                continue;
            }
            let tests = fs::read_to_string(entry.path().join("tests.rs")).unwrap_or_default();
            let calls = |text: &str| text.contains("conformance::check(");
            // MariaDB is the server of MySQL's protocol that there is.
            let name = if backend == "mysql" { "mariadb" } else { &backend };
            let by_name = [format!("fn {name}()"), format!("fn {name}_keeps_the_contract()")];
            let server = calls(&elsewhere) && by_name.iter().any(|test| elsewhere.contains(test.as_str()));
            if !server && !calls(&tests) {
                problems.push(format!("src/{own}: no test runs src/{parent}/conformance.rs on it"));
            }
        }
    }
    assert_none(&problems);
}

/// What is put around a source is in a file and has no folder; the suite runs on the source in memory with it.
#[test]
fn every_layer_runs_the_suite_of_sources() {
    let tests = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/memory/tests.rs"));
    let tests = tests.expect("the source in memory");
    let layers: Vec<String> = production()
        .flat_map(|source| {
            let names = source.text.split("Layer for ").skip(1);
            let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
            names.map(name).collect::<Vec<_>>()
        })
        .collect();
    assert!(layers.len() >= 2, "{layers:?}");
    let lacks = layers.iter().filter(|layer| !tests.contains(&format!("{layer}::new(")));
    let problems: Vec<String> = lacks.map(|layer| format!("{layer}: the suite does not run on it")).collect();
    assert_none(&problems);
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
