//! Every variable of the program, set to nothing.

use std::collections::BTreeSet;

use super::Home;
use crate::lake::{Run, files};

/// Flags without which more is exported.
const NARROWING: [&str; 10] = [
    "where",
    "columns",
    "source-where",
    "source-columns",
    "include",
    "exclude",
    "source-schema-name",
    "resume",
    "run-id",
    "mask",
];

/// The flags that a command's help has.
fn flags(command: &str) -> BTreeSet<String> {
    let help = Run::new([command, "--help"]).output().ok().stdout;
    let flags = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.split_once(", --").map_or(line.strip_prefix("--"), |(short, flag)| {
            (short.len() == 2 && short.starts_with('-')).then_some(flag)
        })?;
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().map(str::to_owned)
    });
    flags.filter(|flag| !["help", "version"].contains(&flag.as_str())).collect()
}

fn variable(flag: &str) -> String {
    format!("LAKEXPRESS_{}", flag.to_uppercase().replace('-', "_"))
}

#[test]
fn every_empty_variable_is_unset_or_refused_by_name() {
    let home = Home::new();
    let commands: [&[&str]; 3] = [
        &["export", "--source", "sqlite:shop.db", "--output-dir", "lake", "-q"],
        &[
            "query",
            "SELECT 1 AS one",
            "--name",
            "one",
            "--source",
            "sqlite:shop.db",
            "--output-dir",
            "lake",
            "-q",
        ],
        &["check", "--source", "sqlite:shop.db", "--output-dir", "lake", "-q"],
    ];
    let (mut walked, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for args in commands {
        for flag in flags(args[0]) {
            if args[0] != "export" && walked.contains(&flag) {
                continue;
            }
            let variable = variable(&flag);
            for nothing in ["", " "] {
                let output = home.run(args, &[(&variable, nothing)]).output();
                if NARROWING.contains(&flag.as_str()) {
                    output.exits(2).says(&[&format!("{variable} is empty"), "unset it"]);
                    refused.insert(flag.clone());
                } else {
                    output.ok().never_says(&[&variable]);
                }
            }
            walked.insert(flag);
        }
    }
    assert!(walked.len() > 55, "{walked:?}");
    assert_eq!(refused.len(), NARROWING.len(), "{refused:?}");
    println!("{} variables, {} of them refused when empty", walked.len(), refused.len());
}

#[test]
fn all_variables_empty_at_once_as_a_compose_file_has_them() {
    let home = Home::new();
    let names: Vec<String> = flags("export")
        .iter()
        .filter(|flag| !NARROWING.contains(&flag.as_str()))
        .map(|flag| variable(flag))
        .collect();
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let filled = [("LAKEXPRESS_SOURCE", "sqlite:shop.db"), ("LAKEXPRESS_OUTPUT_DIR", "lake")];
    variables.retain(|(name, _)| filled.iter().all(|(given, _)| given != name));
    variables.extend(filled);
    home.run(&["export"], &variables).output().ok();
    assert_eq!(files(&home.path("lake/main")).len(), 4);
    // A flag stands above its variable, an empty one too.
    home.run(&["export", "-i", "t"], &[variables.as_slice(), &[("LAKEXPRESS_INCLUDE", "")]].concat())
        .output()
        .ok();
    home.run(&["export", "-i", " , "], &variables)
        .output()
        .exits(2)
        .says(&["--include is empty", "leave it out"]);
}

/// What the tests, scripts and benchmarks of this project set is no misspelt flag.
#[test]
fn the_projects_own_variables_are_not_warned_about() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for place in ["Makefile", "scripts", "benches", "tests"] {
        let paths = if root.join(place).is_dir() { files(&root.join(place)) } else { vec![String::new()] };
        for path in paths {
            let path = if path.is_empty() { root.join(place) } else { root.join(place).join(path) };
            // This file and its neighbours misspell on purpose.
            if path.components().any(|part| part.as_os_str() == "nights") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (at, _) in text.match_indices("LAKEXPRESS_") {
                let name = text[at..].split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap();
                if name != "LAKEXPRESS_" && name != "LAKEXPRESS_TEST_NOT_SET" {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    let home = Home::new();
    let known: BTreeSet<String> =
        ["export", "query", "check", "demo", "runs", "report", "verify", "logdb drop"]
            .iter()
            .flat_map(|command| flags(command.split(' ').next().unwrap()))
            .map(|flag| variable(&flag))
            .collect();
    let variables: Vec<(&str, &str)> =
        names.iter().filter(|name| !known.contains(*name)).map(|name| (name.as_str(), "1")).collect();
    assert!(variables.len() > 10, "{variables:?}");
    let output =
        home.run(&["export", "--source", "sqlite:shop.db", "--output-dir", "lake"], &variables).output();
    output.ok().never_says(&["is set, and no flag"]);
}
