//! What happens to the arguments before clap sees them: two rules that make old command lines work, and one
//! for SQL.
//!
//! 1. In an argument that begins with `--`, underscores of the flag's name become hyphens; a value
//!    after `=` is untouched, and so is everything after a bare `--`.
//! 2. An argument that begins with `--` and has white space in what would be the flag's name is SQL that begins
//!    with a comment: a space goes before it, so that it is not taken for a flag.
//! 3. When the first argument is a flag other than `--help` or `--version`, `export` goes before it.

use std::ffi::{OsStr, OsString};

/// Applies the rules. The first item is the program's name.
pub(super) fn prepare(argv: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut flags_ended = false;
    let mut out: Vec<OsString> = Vec::new();
    for (i, item) in argv.into_iter().enumerate() {
        if i == 0 || flags_ended {
            out.push(item);
            continue;
        }
        flags_ended = item == "--";
        out.push(hyphenated(item));
    }
    if out.get(1).is_some_and(|first| starts_export(first)) {
        out.insert(1, "export".into());
    }
    out
}

/// Whether a command line that may not even parse asks for JSON.
pub(super) fn wants_json(argv: &[OsString]) -> bool {
    argv.iter().skip(1).take_while(|item| *item != "--").any(|item| item == "--json")
}

fn starts_export(first: &OsStr) -> bool {
    let Some(first) = first.to_str() else {
        return false;
    };
    first.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&first)
}

fn hyphenated(item: OsString) -> OsString {
    // A flag and a non-UTF-8 value in one argument stays as it is; written apart they work.
    let Some(text) = item.to_str().filter(|text| text.starts_with("--")) else {
        return item;
    };
    let end = text.find('=').unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    if name.contains(char::is_whitespace) {
        return format!(" {text}").into();
    }
    format!("{}{value}", name.replace('_', "-")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(line: &str) -> Vec<String> {
        let items = std::iter::once("LakeXpress").chain(line.split_whitespace()).map(OsString::from);
        prepare(items).into_iter().skip(1).map(|item| item.into_string().expect("text")).collect()
    }

    #[test]
    fn old_command_lines_become_exports() {
        assert_eq!(
            prepared("-a auth.json --log_db_auth_id x_y --output_dir=a_b -p 4"),
            ["export", "-a", "auth.json", "--log-db-auth-id", "x_y", "--output-dir=a_b", "-p", "4"]
        );
        assert_eq!(prepared("plan --n_jobs 3"), ["plan", "--n-jobs", "3"]);
        assert_eq!(prepared("exprot --n_jobs 3")[0], "exprot");
        assert_eq!(prepared("export -- --a_b"), ["export", "--", "--a_b"]);
        let sql = "-- the_first\nSELECT a_b".to_owned();
        let items = ["x", "query", &sql, "--n_ame=a b"].map(OsString::from);
        assert_eq!(prepare(items)[2..], [OsString::from(format!(" {sql}")), "--n-ame=a b".into()]);
        for first in ["-h", "--help", "-V", "--version", "help"] {
            assert_eq!(prepared(first), [first]);
        }
        assert!(prepared("").is_empty());
    }

    #[test]
    fn json_is_recognised_before_parsing() {
        let argv = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&argv("x --nope --json")));
        assert!(!wants_json(&argv("x -- --json")));
    }
}
