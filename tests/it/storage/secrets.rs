//! Secrets that were copied wrongly: every place from which one is read, each mangled in seven ways, and then
//! everything that was printed, logged, recorded and stored is searched for them, in five ways of writing bytes.
//!
//! The secrets are made at random in each run. Nothing may end in a panic either.

mod cases;
mod inputs;
mod right;
mod search;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use self::inputs::{Bench, Input, MANGLINGS, inputs, mangled, private};
use self::search::Needles;
use super::Place;
use crate::lake::{Run, files};

/// More than processors: most of them wait for a server.
const THREADS: usize = 6;

/// What was found, and how much was looked at.
#[derive(Default)]
struct Tally {
    leaks: Mutex<BTreeSet<String>>,
    runs: AtomicUsize,
    texts: AtomicUsize,
}

#[test]
fn secrets_are_nowhere_however_they_are_mangled() {
    let (bench, tally) = (Bench::new(), Tally::default());
    let inputs = inputs();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(input) = inputs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    input_is_kept(input, &bench, &tally);
                }
            });
        }
    });
    let leaks = tally.leaks.into_inner().unwrap();
    println!(
        "{} inputs x {} manglings, {} runs, {} texts searched: {} found",
        inputs.len(),
        MANGLINGS.len(),
        tally.runs.into_inner(),
        tally.texts.into_inner(),
        leaks.len()
    );
    assert!(leaks.is_empty(), "secrets were shown:\n{}", leaks.into_iter().collect::<Vec<_>>().join("\n"));
}

/// All manglings of one input, in one directory.
fn input_is_kept(input: &Input, bench: &Bench, tally: &Tally) {
    let place = Place::new();
    place.run("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let secret = (input.secret)(bench);
    let needles = Needles::of(&secret);
    let look = |what: String, text: &[u8]| {
        tally.texts.fetch_add(1, Ordering::SeqCst);
        if let Some(form) = needles.found_in(text) {
            tally.leaks.lock().unwrap().insert(format!("{}: {what}: {form}", input.name));
        }
    };
    let run = |how: &str, args: &[String], variables: &[(String, String)]| {
        let mut run = place.at_home(Run::new(args)).env("XDG_STATE_HOME", place.path("state"));
        run = run.current_dir(&place.path("."));
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let output = run.output();
        tally.runs.fetch_add(1, Ordering::SeqCst);
        let what = format!("{how}, {}", args[0]);
        if output.code.is_none_or(|code| code == 101) || output.stderr.contains("panicked") {
            let line = output.stderr.lines().find(|line| line.contains("panicked")).unwrap_or_default();
            tally.leaks.lock().unwrap().insert(format!("{}: {what}: PANIC {line}", input.name));
        }
        look(format!("{what}, standard output"), output.stdout.as_bytes());
        look(format!("{what}, standard error"), output.stderr.as_bytes());
    };
    for (number, how) in MANGLINGS.into_iter().enumerate() {
        private(&place, "auth.json", "{}");
        let attempt = (input.attempt)(bench, &place, &mangled(&secret, how));
        // Each has an export; `check` and `plan` read the same and take turns.
        let other = ["check", "plan"][number % 2];
        for args in attempt.commands.iter().filter(|args| args[0] != other) {
            run(how, args, &attempt.variables);
        }
    }
    run("afterwards", &["runs", "--json"].map(str::to_owned), &[]);
    // What the program wrote: log files, the run log, what could not be recorded, and the destination.
    for dir in ["logs", "state", "out"] {
        for file in files(&place.path(dir)) {
            let text = std::fs::read(place.path(dir).join(&file)).unwrap_or_default();
            look(format!("{dir}/{}", file.split('_').next().unwrap_or_default()), &text);
        }
    }
}
