use std::env::VarError;
use std::path::Path;

use super::*;

fn environment(name: &str) -> Result<String, VarError> {
    match name {
        "PW" => Ok("s3cret ${USER}".into()),
        "USER" => Ok("ann".into()),
        _ => Err(VarError::NotPresent),
    }
}

fn auth(text: &str) -> Result<AuthFile> {
    AuthFile::parse(Path::new("auth.json"), text.as_bytes(), environment)
}

fn source_error(text: &str, id: &str) -> Error {
    auth(text).expect("file").source(id, None).expect_err("source")
}

#[test]
fn variables_are_replaced_once_and_the_rest_is_kept() {
    let file = auth(
        r#"{"a": {"ds_type": "postgres", "info": {"username": "$env{USER}", "password": "x${PW}y$z${", "port": 5432,
            "tls": {"roots": ["${USER}"]}}}}"#,
    )
    .expect("file");
    let Address::Entry { kind, info, database, .. } = file.source("a", Some("other")).expect("entry") else {
        panic!("not an entry");
    };
    assert_eq!(kind, "postgres");
    assert_eq!(info["username"], "ann");
    assert_eq!(info["password"], "xs3cret ${USER}y$z${");
    assert_eq!(info["port"], 5432);
    assert_eq!(info["tls"]["roots"][0], "ann");
    assert_eq!(database.as_deref(), Some("other"));
    assert!(!format!("{file:?}").contains("PW"));
}

#[test]
fn every_problem_of_an_entry_is_said_at_once_without_values() {
    let error = source_error(
        r#"{"ds_03_pg": {"ds_typ": "postgres", "auth_mode": 7, "info": {"password": "pa55word", "user": "${NOPE}"}}}"#,
        "ds_03_pg",
    );
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "ds_03_pg.ds_type: missing",
        "ds_03_pg.ds_typ: unknown key, did you mean ds_type?",
        "ds_03_pg.auth_mode: a number, not a string",
        "ds_03_pg.info.user: environment variable NOPE is not set",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!format!("{error:?}").contains("pa55word"));
}

#[test]
fn kinds_and_modes_that_do_not_work_name_those_that_do() {
    let error = source_error(r#"{"x": {"ds_type": "oracle", "auth_mode": "classic", "info": {}}}"#, "x");
    assert!(error.message().contains("x.ds_type: 'oracle'"), "{error}");
    assert!(error.hints()[0].contains("postgres"), "{error:?}");
    let error = source_error(r#"{"x": {"ds_type": "postgres", "auth_mode": "kerberos", "info": []}}"#, "x");
    assert!(
        error.message().contains("x.auth_mode: 'kerberos' is not supported, write \"classic\""),
        "{error}"
    );
    assert!(error.message().contains("x.info: an array, not an object"), "{error}");
    let error = source_error(r#"{"x": 5}"#, "x");
    assert!(error.message().contains("x: a number, not an object"), "{error}");
    let both = source_error(r#"{"x": {"ds_type": "a", "storage_type": "b", "info": {}}}"#, "x");
    assert!(both.message().contains("keep one"), "{both}");
    assert!(
        auth(r#"{"x": {"storage_type": "Postgres", "info": {}}}"#).expect("file").source("x", None).is_ok()
    );
}

#[test]
fn an_unknown_id_names_the_nearest_and_all() {
    let error = source_error(r#"{"ds_01_pg": {}, "ds_03_pg": {}}"#, "ds_3_pg");
    assert!(error.message().contains("'ds_3_pg'"));
    assert_eq!(error.hints(), ["did you mean 'ds_03_pg'?", "ids in the file: ds_01_pg, ds_03_pg"]);
}

#[test]
fn run_logs_are_files_or_servers() {
    let file = auth(
        r#"{"ok": {"ds_type": "sqlite", "auth_mode": "filesystem", "info": {"filepath": "/x/${USER}.sqlite"}},
            "pg": {"ds_type": "postgres", "auth_mode": "classic", "info": {}},
            "maria": {"ds_type": "MariaDB", "info": {}},
            "mssql": {"ds_type": "mssql", "auth_mode": "classic", "info": {}},
            "duck": {"ds_type": "duckdb", "auth_mode": "filesystem", "info": {"filepath": "/x"}},
            "memory": {"ds_type": "sqlite", "info": {"filepath": ":memory:", "more": 1}},
            "classic": {"ds_type": "sqlite", "auth_mode": "classic", "info": {}}}"#,
    )
    .expect("file");
    let target = file.runlog("ok").expect("target");
    assert!(
        matches!(&target, RunLogTarget::Sqlite(path) if path == Path::new("/x/ann.sqlite")),
        "{target:?}"
    );
    for (id, expected) in [("pg", "postgres"), ("maria", "mariadb")] {
        let target = file.runlog(id).expect("target");
        assert!(
            matches!(&target, RunLogTarget::Server(Address::Entry { kind, .. }) if kind == expected),
            "{target:?}"
        );
    }
    for (id, kind) in [("mssql", "mssql"), ("duck", "duckdb")] {
        let error = file.runlog(id).expect_err("not yet");
        let expected = format!("'{kind}' cannot hold a run log yet; these can: sqlite, postgres");
        assert!(error.message().contains(&expected) && error.message().contains("mysql, mariadb"), "{error}");
        assert!(!error.hints().is_empty());
    }
    let error = file.runlog("memory").expect_err("in memory");
    assert!(error.message().contains("memory.info.more: unknown key"), "{error}");
    assert!(error.message().contains("would be lost"), "{error}");
    let error = file.runlog("classic").expect_err("mode and path");
    assert!(error.message().contains("write \"filesystem\""), "{error}");
    assert!(error.message().contains("classic.info.filepath: missing"), "{error}");
}

#[test]
fn broken_files_say_where() {
    let error = auth("{\"a\": {},\n \"b\": }").expect_err("syntax");
    assert!(error.message().contains("line 2 column 7"), "{error}");
    let error = auth("{\"a\": {},\n \"a\": {}}").expect_err("duplicate");
    assert!(error.message().contains("duplicate key 'a' at line 2"), "{error}");
    let error = auth(r#"{"a": {"info": {"port": 1, "port": 2}}}"#).expect_err("nested duplicate");
    assert!(error.message().contains("duplicate key 'port'"), "{error}");
    assert!(auth("[]").expect_err("array").message().contains("an array"));
    assert!(auth("{} x").is_err());
    assert!(auth("\u{feff}{}").is_ok());
    let missing = AuthFile::load(Path::new("/nonexistent/auth.json")).expect_err("missing");
    assert_eq!(missing.kind(), ErrorKind::Config);
    assert!(missing.to_string().contains("/nonexistent/auth.json"));
    assert!(AuthFile::load(Path::new("/")).is_err());
}
