//! Working directories: of any encoding, removed, and an invalid HOME.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{Home, database};
use crate::lake::{Output, Run, files};

const EXPORT: [&str; 5] = ["export", "--source", "sqlite:shop.db", "--output-dir", "lake"];

fn id(output: &Output) -> String {
    let line = output.stdout.lines().find(|line| line.starts_with("run ")).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn a_directory_whose_name_is_no_unicode_is_found_again() {
    for name in [&b"caf\xe9"[..], b"100% \xff?#", "größe 1".as_bytes(), b"plain"] {
        let home = Home::new();
        let state = ("XDG_STATE_HOME", home.path("state"));
        let here = home.path("").join(OsStr::from_bytes(name));
        fs::create_dir(&here).unwrap();
        database(&here.join("shop.db"));
        let run = |args: &[&str]| Run::new(args).env(state.0, &state.1).current_dir(&here);
        let done = run(&[&EXPORT[..], &["--log-dir", "logs"]].concat()).output().ok();
        assert_eq!(files(&here.join("lake/main")).len(), 4, "{done}");
        assert_eq!(files(&here.join("logs")).len(), 1);
        let id = id(&done);
        // What another directory's run reads out of the run log leads back here.
        fs::remove_dir_all(here.join("lake/main/u")).unwrap();
        let elsewhere =
            |args: &[&str]| Run::new(args).env(state.0, &state.1).current_dir(home.path("").as_path());
        elsewhere(&["resume", &id]).output().ok();
        assert_eq!(files(&here.join("lake/main")).len(), 4);
        elsewhere(&["verify", &id, "--read-data"]).output().ok();
        elsewhere(&["report", &id]).output().ok();
        elsewhere(&["metadata", &id]).output().ok();
        run(&["verify", "lake"]).output().ok();
        // Nothing was written to a place whose name is only alike.
        let names: Vec<_> =
            fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}

#[test]
fn a_directory_that_was_removed_is_said_where_it_matters() {
    let home = Home::new();
    let (absolute, lake) = (format!("sqlite://{}", home.path("shop.db").display()), home.path("lake"));
    let gone = "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"";
    let run = |args: &[&str]| {
        Run::wrapped(&["sh", "-c", gone, "sh"], args).current_dir(home.path("").as_path()).output()
    };
    let lake = lake.to_str().unwrap();
    run(&["export", "--source", &absolute, "--output-dir", lake]).ok();
    let told = ["working directory was removed", "absolute paths"];
    run(&EXPORT).exits(78).says(&told).never_says(&["problems"]);
    run(&["export", "--source", &absolute, "--output-dir", "lake"]).exits(78).says(&told);
    run(&["export", "--source", "sqlite:shop.db", "--output-dir", lake]).exits(78).says(&told);
    run(&["export", "--source", &absolute, "--output-dir", lake, "--log-dir", "logs"]).exits(78).says(&told);
}

#[test]
fn a_home_that_is_none() {
    let home = Home::new();
    let read_only = home.path("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::write(read_only.join(".local"), "a file").unwrap();
    let run = || home.run(&EXPORT, &[]);
    run()
        .without_env("HOME")
        .without_env("XDG_STATE_HOME")
        .output()
        .exits(78)
        .says(&["XDG_STATE_HOME", "HOME"]);
    run().env("HOME", "").without_env("XDG_STATE_HOME").output().exits(78).says(&["set XDG_STATE_HOME"]);
    run()
        .env("HOME", &read_only)
        .without_env("XDG_STATE_HOME")
        .output()
        .exits_one_of(&[75, 77, 78])
        .says(&[".local"]);
    run().without_env("HOME").output().ok();
    run().env("HOME", "/nonexistent").output().ok();
    // Empty is unset for the XDG specification too.
    run().env("XDG_STATE_HOME", "").output().ok();
    assert!(home.path(".local/state/lakexpress/runlog.sqlite").exists());
}
