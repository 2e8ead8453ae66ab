//! What `docs/dev/recipes.md` names is there: files, tests, and checks of the suite of sources.

use std::fs;
use std::path::Path;

use crate::assert_none;

/// Whether `text` has a test of that name: a function with an attribute that says so.
fn has_test(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    let attribute = text[..at].trim_end().trim_end_matches("async").trim_end();
    let mut attributes = attribute.lines().map(str::trim).rev().take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.contains("test]") || line.contains("test("))
}

/// What is wrong with a word in backticks; none for one that names nothing of these.
fn problem(root: &Path, word: &str) -> Option<String> {
    let folders = ["src/", "tests/", "docs/", "sql/"];
    if let Some(check) = word.strip_prefix("conformance: ") {
        let suite = fs::read_to_string(root.join("src/source/conformance.rs")).unwrap_or_default();
        let row = format!("(\"{check}\", |");
        return (!suite.contains(&row)).then(|| format!("{word}: there is no such check"));
    }
    if !folders.iter().any(|folder| word.starts_with(folder)) || word.contains(' ') {
        return None;
    }
    let (file, test) = word.split_once("::").map_or((word, None), |(file, test)| (file, Some(test)));
    if !root.join(file).exists() {
        return Some(format!("{word}: there is no {file}"));
    }
    let text = test.map(|_| fs::read_to_string(root.join(file)).unwrap_or_default());
    let found = test.is_none_or(|test| has_test(&text.unwrap_or_default(), test));
    (!found).then(|| format!("{word}: there is no such test"))
}

#[test]
fn recipes_name_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/dev/recipes.md")).expect("the page");
    let words: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let checks = words.iter().filter(|word| word.starts_with("conformance: ")).count();
    let tests = words.iter().filter(|word| word.contains(".rs::")).count();
    assert!(checks >= 15 && tests >= 20, "{checks} checks and {tests} tests are named");
    let problems: Vec<String> = words.iter().filter_map(|word| problem(root, word)).collect();
    assert_none(&problems);
}

/// Every check of the suite is the answer to something that can be forgotten.
#[test]
fn recipes_name_every_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/dev/recipes.md")).expect("the page");
    let suite = fs::read_to_string(root.join("src/source/conformance.rs")).expect("the suite");
    let names = suite.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", |"));
    let names: Vec<&str> = names.map(|(name, _)| name).collect();
    assert!(names.len() >= 15, "{names:?}");
    let lacks = names.iter().filter(|name| !page.contains(&format!("`conformance: {name}`")));
    let problems: Vec<String> = lacks.map(|name| format!("docs/dev/recipes.md lacks {name}")).collect();
    assert_none(&problems);
}

#[test]
fn what_is_not_there_is_noticed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for there in
        ["src/lib.rs", "conformance: slices", "tests/architecture/main.rs::files_stay_small", "a/b", "src"]
    {
        assert_eq!(problem(root, there), None, "{there}");
    }
    for missing in ["src/nothing.rs", "conformance: nothing", "tests/architecture/main.rs::blank", "docs/x/"]
    {
        assert!(problem(root, missing).is_some(), "{missing}");
    }
}
