//! S9: a URL or connection string where none belongs is not repeated: in every place of every command, as its help
//! names them.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::all_of_them;
use crate::lake::{Run, program};

const MARKER: &str = "Hunter2-Hunter2-Hunter2";

fn help(args: &[&str]) -> String {
    let output = Command::new(program()).args(args).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The commands, and those within them.
fn commands() -> Vec<Vec<String>> {
    let named = |text: &str| -> Vec<String> {
        let after = text.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = after.lines().take_while(|line| line.starts_with("  "));
        let names = lines.filter(|line| !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let mut all = Vec::new();
    for name in named(&help(&[])).into_iter().filter(|name| name != "help") {
        let below = named(&help(&[&name]));
        all.extend(below.into_iter().filter(|n| n != "help").map(|inner| vec![name.clone(), inner]));
        all.push(vec![name]);
    }
    all
}

/// The long flags in a command's help.
fn flags(help: &str) -> Vec<String> {
    let line = |line: &str| {
        let line = line.trim_start();
        let at = if line.starts_with("--") { 0 } else { line.find(", --").filter(|at| *at == 2)? + 2 };
        let flag: String =
            line[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        Some(flag).filter(|flag| flag.len() > 2)
    };
    help.lines().filter_map(line).collect()
}

/// Command lines with a text in each place, and with what lets the command go on to use it.
fn lines(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for command in commands() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let usual: &[&str] = match words[0] {
            "export" => &["--source", "sqlite:shop.db", "--output-dir", "lake"],
            "plan" | "inspect" | "check" => &["--source", "sqlite:shop.db"],
            "query" => &["SELECT 1", "--source", "sqlite:shop.db", "--output-dir", "lake"],
            "verify" => &["lake"],
            "status" | "resume" | "report" | "metadata" => &["01a2-no-run"],
            _ => &[],
        };
        let line = |more: &[&str]| words.iter().chain(more).map(ToString::to_string).collect::<Vec<String>>();
        for flag in flags(&help(&words)) {
            let joined = format!("{flag}={text}");
            all.push(line(&[usual, &[&joined]].concat()));
            if all_of_them() {
                all.push(line(&[usual, &[&flag, text]].concat()));
                all.push(line(&[&flag, text]));
            }
        }
        all.push(line(&[text]));
        all.push(line(&[usual, &[text]].concat()));
        all.push(line(&[text, text, text]));
    }
    all.push(vec![text.to_owned()]);
    all
}

#[test]
fn s9_misplaced_urls_are_not_repeated() {
    let texts = [
        format!("postgres://127.0.0.1:1/d?user=u&password={MARKER}"),
        format!("postgres://u:{MARKER}@127.0.0.1:1/d"),
        format!("host=127.0.0.1 port=1 user=u password={MARKER}"),
    ];
    let texts = if all_of_them() { &texts[..] } else { &texts[..1] };
    let lines: Vec<Vec<String>> = texts.iter().flat_map(|text| lines(text)).collect();
    assert!(lines.len() > 150, "only {} places were found", lines.len());
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(line) = lines.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let place = tempfile::tempdir().unwrap();
                    let database = rusqlite::Connection::open(place.path().join("shop.db")).unwrap();
                    database.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
                    let output = Run::new(line).current_dir(place.path()).output().no_panic();
                    if output.stdout.contains(MARKER) || output.stderr.contains(MARKER) {
                        told.lock().unwrap().push(format!("{line:?}\n{output}"));
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.is_empty(), "{} of {} lines: {}", told.len(), lines.len(), told.join("\n\n"));
    println!("hostile: {} places in which a URL does not belong", lines.len());
}
