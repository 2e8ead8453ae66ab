//! What is no place: URLs in quotes, variables and home directories that nobody replaced.

use std::fs;

use super::{USAGE, sqlite};
use crate::lake::{Run, files};

const SECRET: &str = "hunter2";

/// Refused before anything is made; `words` are said and the secret is not.
#[track_caller]
fn nothing_is_made(args: &[&str], environment: &[(&str, &str)], words: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    sqlite(&place.path().join("shop.db"), "CREATE TABLE nation (id int)");
    let mut run = Run::new(args).current_dir(place.path());
    for (name, value) in environment {
        run = run.env(name, value);
    }
    run.output().exits(USAGE).says(words).never_says(&[SECRET]);
    assert_eq!(files(place.path()), ["shop.db"], "{args:?} {environment:?}");
}

#[test]
fn b3_a_destination_in_quotes_or_with_blanks_is_no_directory() {
    let export = ["export", "--source", "sqlite:shop.db"];
    for (text, words) in [
        ("\"s3://bucket/x\"", vec!["quote", "s3://"]),
        ("'s3://bucket/x'", vec!["quote", "s3://"]),
        ("\u{201c}s3://bucket/x\u{201d}", vec!["quote"]),
        (" s3://bucket/x", vec!["blank", "s3://"]),
        ("\ts3://bucket/x", vec!["s3://"]),
        (" 'S3:/x'", vec!["quote"]),
        ("\"gs://bucket\"", vec!["gs://"]),
        (" abfss://c@a.dfs.core.windows.net/p?sig=hunter2", vec!["abfss://"]),
        ("\"s3://u:hunter2@bucket/x\"", vec!["s3://"]),
        ("s3://bucket/x\"", vec!["quote"]),
        ("s3://bucket/x ", vec!["blank"]),
        ("s3://bucket/x\r", vec!["line break"]),
        ("lake\r", vec!["line break"]),
        ("\"lake\"", vec!["quote"]),
        ("'lake", vec!["quote"]),
        ("~/lake", vec!["~", "./~"]),
        ("~ann/lake", vec!["~"]),
        ("$HOME/lake", vec!["$", "variable"]),
        ("${LAKE}", vec!["$"]),
        ("%USERPROFILE%\\lake", vec!["%"]),
        (" ~/lake", vec!["~"]),
    ] {
        let naming = |what: &'static str| [vec![what], words.clone()].concat();
        let (all, of_variable) = (naming("--output-dir"), naming("LAKEXPRESS_OUTPUT_DIR"));
        let mut args = export.to_vec();
        args.extend(["--output-dir", text]);
        nothing_is_made(&args, &[], &all);
        nothing_is_made(&export, &[("LAKEXPRESS_OUTPUT_DIR", text)], &of_variable);
        let mut plan = args.clone();
        plan[0] = "plan";
        nothing_is_made(&plan, &[], &all);
    }
}

#[test]
fn b3_directories_of_such_names_are_written_with_a_dot() {
    let place = tempfile::tempdir().unwrap();
    sqlite(&place.path().join("shop.db"), "CREATE TABLE nation (id int)");
    for name in ["~x", "$x", "%x", "'x'", "\"x", "x y", "a~b", "5%"] {
        let dir = if name.starts_with(['x', 'a', '5']) { name.to_owned() } else { format!("./{name}") };
        let run = Run::new(["export", "--source", "sqlite:shop.db", "--output-dir", &dir]);
        run.current_dir(place.path()).output().ok();
        assert!(place.path().join(name).join("main/nation/_manifest.json").exists(), "{name}");
    }
    let (absolute, sub) = (place.path().join("~abs"), "a/~b");
    for dir in [absolute.to_str().unwrap(), sub] {
        let run = Run::new(["export", "--source", "sqlite:shop.db", "--output-dir", dir]);
        run.current_dir(place.path()).output().ok();
    }
}

#[test]
fn b3_neighbours_of_the_destination_are_no_less_strict() {
    let base = ["export", "--source", "sqlite:shop.db", "--output-dir", "lake"];
    for (flag, variable, text) in [
        ("--sub-path", "LAKEXPRESS_SUB_PATH", "\"staging\""),
        ("--sub-path", "LAKEXPRESS_SUB_PATH", "~/staging"),
        ("--sub-path", "LAKEXPRESS_SUB_PATH", "$DAY"),
        ("--sub-path", "LAKEXPRESS_SUB_PATH", "%DAY%"),
        ("--sub-path", "LAKEXPRESS_SUB_PATH", "'s3://bucket/x'"),
        ("--log-dir", "LAKEXPRESS_LOG_DIR", "'logs'"),
        ("--log-dir", "LAKEXPRESS_LOG_DIR", "~/logs"),
        ("--log-dir", "LAKEXPRESS_LOG_DIR", "$HOME/logs"),
        ("--log-dir", "LAKEXPRESS_LOG_DIR", "s3://bucket/logs"),
    ] {
        let mut args = base.to_vec();
        args.extend([flag, text]);
        nothing_is_made(&args, &[], &[flag]);
        nothing_is_made(&base, &[(variable, text)], &[variable]);
    }
    let to_lake = ["export", "--output-dir", "lake"];
    for source in ["'sqlite:shop.db'", "\"postgres://u:hunter2@h/d\""] {
        let mut args = to_lake.to_vec();
        args.extend(["--source", source]);
        nothing_is_made(&args, &[], &["--source", "quote"]);
        nothing_is_made(&to_lake, &[("LAKEXPRESS_SOURCE", source)], &["LAKEXPRESS_SOURCE", "quote"]);
    }
    // A file that is there, by its real name.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("~auth.json"), "{}").unwrap();
    let run = Run::new(["export", "-a", "~/auth.json", "--source", "sqlite:shop.db", "--output-dir", "lake"]);
    run.current_dir(place.path()).output().exits_one_of(&[USAGE, 78]).says(&["~/auth.json", "shell"]);
}
