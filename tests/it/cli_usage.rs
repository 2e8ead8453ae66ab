//! Errors of the command line that need no server, as a user meets them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the program with a state directory of its own and nothing of ours in the environment.
fn lakexpress(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakexpress"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAKEXPRESS_") {
            command.env_remove(name);
        }
    }
    command
        .env("XDG_STATE_HOME", home)
        .current_dir(home)
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let home = TempDir::new().expect("a directory");
    told(&lakexpress(home.path(), arguments))
}

#[test]
fn help_and_version_are_no_errors() {
    let short = concat!("lakexpress ", env!("CARGO_PKG_VERSION"));
    let (code, out, _) = run(&["-V"]);
    assert_eq!((code, out.trim()), (0, short));
    let (code, out, _) = run(&["--version"]);
    assert_eq!((code, out.lines().next()), (0, Some(short)), "{out}");
    for key in ["commit: ", "features: ", "rustc: "] {
        assert!(
            out.lines().any(|line| line.strip_prefix(key).is_some_and(|value| !value.is_empty())),
            "{out}"
        );
    }
    for command in [
        "check",
        "export",
        "plan",
        "inspect",
        "query",
        "demo",
        "runs",
        "status",
        "verify",
        "publish",
        "explain-layout",
        "completions",
    ] {
        let (code, out, err) = run(&[command, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""), "{command}");
        assert!(out.contains(&format!("lakexpress {command}")), "{out}");
    }
    let (code, out, _) = run(&["--help"]);
    assert!(code == 0 && out.contains("inspect"), "{out}");
    assert_eq!(run(&[]).0, 2);
}

#[test]
fn a_url_in_the_wrong_place_does_not_show_its_password() {
    for arguments in [
        &["postgres://me:hunter2@h/d"][..],
        &["export", "postgres://me:p@hunter2@h/d"],
        &["export", "--json", "postgres://me:hunter2@h/d"],
        &["plan", "sqlite:x.db", "postgres://me:hunter2@h/d"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 2, "{out}{err}");
        assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
    }
    let (_, _, err) = run(&["postgres://me:hunter2@h/d"]);
    assert!(err.contains("postgres://***@h/d") && err.contains("--source URL"), "{err}");
}

#[test]
fn a_storage_without_slashes_is_no_directory() {
    let (code, _, err) = run(&["export", "--source", "sqlite:/none.db", "--output-dir", "s3:/lake"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("write s3://"), "{err}");
    let (code, _, err) = run(&["export", "--source", "./Cargo.toml", "--output-dir", "lake"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("sqlite:path/of/file") || err.contains("'sqlite:./Cargo.toml'"), "{err}");
}

#[test]
fn a_misspelt_flag_or_command_is_answered_with_the_right_one() {
    let (code, _, err) = run(&["--source_db_auth_idd", "x"]);
    assert_eq!(code, 2);
    assert!(err.contains("--source-db-auth-id"), "{err}");
    let (code, _, err) = run(&["exprot"]);
    assert_eq!(code, 2);
    assert!(err.contains("export"), "{err}");
}

#[test]
fn a_misspelt_name_gets_the_nearest() {
    for (arguments, near) in [
        (&["export", "--inclde", "x"][..], "--include"),
        (&["query", "--scrpt", "x"], "--script"),
        (&["demo", "--scal", "1"], "--scale"),
        (&["exprot"], "export"),
        (&["completions", "zhs"], "zsh"),
        (&["plan", "--if-exists", "apend"], "append"),
        (&["plan", "--source", "postgrs://h/d"], "postgres"),
    ] {
        let (code, _, err) = run(arguments);
        assert!(code == 2 && err.contains(near), "{arguments:?}: {near} in {err}");
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for (shell, part) in [
        ("bash", "complete -F _lakexpress"),
        ("zsh", "#compdef lakexpress"),
        ("fish", "complete -c lakexpress"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let (code, out, err) = run(&["completions", shell]);
        assert!(code == 0 && out.contains(part) && out.contains("large-table-threshold"), "{shell}: {err}");
        let (_, out, _) = run(&["completions", shell, "--json"]);
        let document: Value = serde_json::from_str(&out).expect("JSON");
        assert!(document["script"].as_str().expect("text").contains(part), "{shell}");
    }
    let home = TempDir::new().expect("a directory");
    let script = home.path().join("completion.bash");
    std::fs::write(&script, run(&["completions", "bash"]).1).expect("written");
    let checked = Command::new("bash").arg("-n").arg(&script).status().expect("bash starts");
    assert!(checked.success());
}

#[test]
fn every_command_has_its_manual_page() {
    let (code, program, err) = run(&["man"]);
    assert!(code == 0 && program.contains(".TH lakexpress 1"), "{err}");
    for command in ["export", "plan", "query", "report", "metadata", "runs", "man"] {
        assert!(program.contains(&format!("lakexpress\\-{command}(1)")), "{command} is not in\n{program}");
        let (code, page, err) = run(&["man", command]);
        assert!(code == 0 && page.contains(&format!(".TH lakexpress-{command} 1")), "{command}: {page}{err}");
        assert!(page.contains("\\-\\-log\\-level"), "{command} lacks a flag:\n{page}");
    }
    let (_, page, _) = run(&["man", "export", "--json"]);
    let document: Value = serde_json::from_str(&page).expect("JSON");
    assert!(document["page"].as_str().expect("text").contains("\\-\\-generate\\-metadata"));
    let (code, _, err) = run(&["man", "exprot"]);
    assert!(code == 2 && err.contains("did you mean export?"), "{err}");
}

#[test]
fn a_demo_directory_that_holds_something_is_left_alone() {
    let home = TempDir::new().expect("a directory");
    std::fs::create_dir(home.path().join("taken")).expect("made");
    std::fs::write(home.path().join("taken/mine.txt"), "mine").expect("written");
    let (code, _, err) = told(&lakexpress(home.path(), &["demo", "--dir", "taken"]));
    assert!(code == 2 && err.contains("exists and is not empty") && err.contains("--dir"), "{err}");
    assert_eq!(std::fs::read_dir(home.path().join("taken")).expect("there").count(), 1);
    let (code, _, err) = told(&lakexpress(home.path(), &["demo", "--dir", "taken/mine.txt"]));
    assert!(code == 2 && err.contains("mine.txt"), "{err}");
    for scale in ["0", "-1", "nan", "x", "1e9"] {
        let (code, _, err) = told(&lakexpress(home.path(), &["demo", &format!("--scale={scale}")]));
        assert!(code == 2 && err.contains("--scale"), "{scale}: {err}");
    }
}

#[test]
fn what_is_missing_is_said_at_once() {
    let (code, out, err) = run(&["--n_jobs", "3"]);
    assert_eq!((code, out.as_str()), (2, ""));
    for part in ["no source", "no destination", "hint:", "--output-dir"] {
        assert!(err.contains(part), "{part} in {err}");
    }
}

#[test]
fn errors_end_with_a_code_that_is_explained() {
    for line in [&["--n_jobs", "3"][..], &["export", "--nonsense"], &["explain", "LX0399"]] {
        let (code, _, err) = run(line);
        let last = err.trim_end().lines().last().unwrap_or_default();
        let number = last.strip_prefix("code: ").and_then(|rest| rest.split_once(" (lakexpress explain "));
        let (number, again) = number.unwrap_or_else(|| panic!("no code at the end: {err}"));
        assert_eq!((code, again), (2, format!("{number})").as_str()), "{err}");
        let (code, out, _) = run(&["explain", number]);
        assert!(
            code == 0 && out.starts_with(&format!("{number}: ")) && out.contains("exit code    2"),
            "{out}"
        );
    }
    let (code, all, _) = run(&["explain"]);
    assert!(code == 0 && all.contains("  LX0302  ") && all.lines().count() > 100, "{all}");
    let (_, page, _) = run(&["explain", "lx302", "--json"]);
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!((&page["code"], &page["exit_codes"][0]), (&"LX0302".into(), &77.into()));
    let (_, _, err) = run(&["explain", "LX0399"]);
    assert!(err.contains("did you mean LX03"), "{err}");
}

#[test]
fn values_that_mean_nothing_name_their_flag() {
    for (flag, value) in [
        ("--n-jobs", "0"),
        ("--part-bytes", "12 parsecs"),
        ("--compression", "zip"),
        ("--numeric", "decimal:99,1"),
        ("--consistency", "maybe"),
        ("--sub-path", "../up"),
        ("--where", "no colon"),
    ] {
        let (code, _, err) = run(&["plan", "--source", "postgres://u@h/d", flag, value]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(flag), "{flag} in {err}");
    }
}

#[test]
fn errors_are_json_for_scripts() {
    for (arguments, code, kind) in [
        (vec!["export", "--json"], 2, "usage"),
        (vec!["plan", "--json", "--nope"], 2, "usage"),
        (vec!["status", "--json", "0199"], 2, "usage"),
        (vec!["-a", "missing.json", "--source_db_auth_id", "x", "--output_dir", "y", "--json"], 78, "config"),
    ] {
        let (actual, out, err) = run(&arguments);
        let document: Value = serde_json::from_str(&out).expect("one JSON document on standard output");
        assert_eq!((actual, &document["error"]["kind"]), (code, &kind.into()), "{out}{err}");
        assert_eq!(document["error"]["exit_code"], code);
        assert!(!err.contains("error:"), "{err}");
    }
}

#[test]
fn the_auth_file_is_checked_before_anything_is_opened() {
    let home = TempDir::new().expect("a directory");
    let auth = home.path().join("auth.json");
    let content = r#"{
        "pg": { "ds_type": "postgres", "auth_mode": "classic",
                "info": { "username": "u", "password": "${LX_TEST_PASSWORD}", "server": "h", "database": "d" } },
        "ora": { "ds_type": "oracle", "auth_mode": "classic", "info": { "password": "pa55word" } },
        "log": { "ds_type": "postgres", "auth_mode": "classic", "info": { "password": "pa55word" } }
    }"#;
    std::fs::write(&auth, content).expect("written");
    let export = |id: &str, more: &[&str]| {
        let fixed = ["-a", "auth.json", "--output_dir", "out", "--source_db_auth_id", id];
        let (code, _, err) = told(&lakexpress(home.path(), &[&fixed, more].concat()));
        assert!(!err.contains("pa55word"), "{err}");
        (code, err)
    };
    let (code, err) = export("gp", &[]);
    assert!(code == 78 && err.contains("ids in the file: log, ora, pg"), "{err}");
    let (code, err) = export("ora", &[]);
    assert!(code == 78 && err.contains("ora.ds_type: 'oracle'") && err.contains("postgres"), "{err}");
    let (code, err) = export("pg", &[]);
    assert!(code == 78 && err.contains("LX_TEST_PASSWORD is not set"), "{err}");
    assert!(err.contains("pg.info.password"), "{err}");
    let (code, err) = export("ora", &["--log_db_auth_id", "log"]);
    assert!(
        code == 78 && err.contains("log.info.username is missing") && err.contains("2 problems"),
        "{err}"
    );
    let (code, err) = told_of_storage(home.path());
    assert!(code == 2 && err.contains("--target-storage-id needs an auth file"), "{err}");
    assert!(!home.path().join("out").exists(), "nothing may be made before everything is checked");
    assert!(!home.path().join("lakexpress").exists(), "nor a run log");
}

fn told_of_storage(home: &Path) -> (i32, String) {
    let line = ["--source", "postgres://u@h/d", "--target_storage_id", "s3_01"];
    let (code, _, err) = told(&lakexpress(home, &line));
    (code, err)
}

#[test]
fn an_auth_file_that_others_can_read_gets_a_warning() {
    let home = TempDir::new().expect("a directory");
    std::fs::write(home.path().join("auth.json"), "{}").expect("written");
    let warned = || told(&lakexpress(home.path(), &["runs", "-a", "auth.json"])).2;
    set_mode(home.path(), 0o644);
    assert!(
        warned().contains("| WARNING | auth file auth.json can be read by other users (mode 644)"),
        "{}",
        warned()
    );
    set_mode(home.path(), 0o600);
    assert!(!warned().contains("WARNING"), "{}", warned());
}

fn set_mode(home: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(home.join("auth.json"), permissions).expect("mode set");
}

#[test]
fn history_is_empty_before_the_first_run() {
    let (code, out, _) = run(&["runs"]);
    assert_eq!((code, out.as_str()), (0, "no runs yet\n"));
    let (code, out, _) = run(&["runs", "--json"]);
    assert_eq!((code, out.trim()), (0, "[]"));
    let (code, _, err) = run(&["status", "0199"]);
    assert!(code == 2 && err.contains("no run '0199'") && err.contains("runlog.sqlite"), "{err}");
}

#[test]
fn a_run_log_that_is_none_is_a_clear_error() {
    let home = TempDir::new().expect("a directory");
    std::fs::write(home.path().join("lakexpress"), "a file where a directory should be").expect("written");
    let (code, _, err) = told(&lakexpress(home.path(), &["runs"]));
    assert!(code == 78 && err.contains("run log"), "{err}");
}

#[test]
fn logs_go_to_a_file_as_well() {
    let home = TempDir::new().expect("a directory");
    let line = ["runs", "--log-dir", "logs", "--log-format", "json", "--log-level", "DEBUG"];
    let (code, _, err) = told(&lakexpress(home.path(), &line));
    assert_eq!(code, 0, "{err}");
    let files = std::fs::read_dir(home.path().join("logs")).expect("the directory").count();
    assert_eq!(files, 1);
}

#[test]
fn a_person_without_arguments_sees_how_to_begin_and_a_script_an_error() {
    let run = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let shown = Command::new(crate::lake::python())
        .args(["-c", run, crate::lake::program()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0), "{text}");
    for way in ["lakexpress demo", "lakexpress plan --source", "lakexpress export --source"] {
        assert!(text.contains(way), "{way}: {text}");
    }
    crate::lake::Run::new([] as [&str; 0]).output().exits(2).says(&["Usage: lakexpress <COMMAND>"]);
    let help = crate::lake::Run::new(["--help"]).output().ok().stdout;
    assert!(help.trim_end().lines().last().unwrap().contains("lakexpress init"), "{help}");
}
