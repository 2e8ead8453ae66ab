//! Names that are not UTF-8, in a database without an encoding.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{DATA, SOME_FAILED, column, summary};
use crate::lake::{Run, export};
use crate::server::PgServer;

/// Tables `ok`, `t\xe9l` and, in a schema `s\xe9`, `inner`.
fn database(server: &PgServer, db: &str) -> String {
    server.sql(
        "postgres",
        &format!("CREATE DATABASE {db} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"),
    );
    let statements: [&[u8]; 6] = [
        b"CREATE TABLE ok (id text)",
        b"INSERT INTO ok VALUES ('1'), ('2')",
        b"CREATE TABLE \"t\xe9l\" (id int)",
        b"CREATE SCHEMA \"s\xe9\"",
        b"CREATE TABLE \"s\xe9\".inner_one (id int)",
        b"CREATE TABLE \"gr\xc3\xb6\xc3\x9fe\" (id int)",
    ];
    for sql in statements {
        let status = server
            .psql_command(db)
            .env("PGCLIENTENCODING", "SQL_ASCII")
            .args([OsStr::new("-qc"), OsStr::from_bytes(sql)])
            .status()
            .unwrap();
        assert!(status.success());
    }
    server.url(db)
}

fn to(command: &[&str], url: &str, out: &Path) -> Run {
    Run::new(command).args(["--source", url]).args(["--output-dir".as_ref(), out.as_os_str()])
}

#[test]
fn f8_a_table_whose_name_is_not_utf_8_fails_alone() {
    let (server, place) = (PgServer::shared(), tempfile::tempdir().unwrap());
    let (url, lake) = (database(server, "f8"), place.path());
    let oid = server.query("f8", "SELECT oid FROM pg_class WHERE relname LIKE 't%l' AND relkind = 'r'");

    let run = export(&url, lake, &[]).exits(SOME_FAILED);
    for word in [&format!("public.t\\xe9l (oid {oid})"), "s\\xe9.inner_one", "UTF-8", "ALTER TABLE"] {
        assert!(run.stdout.contains(word), "{word}\n{run}");
    }
    assert_eq!(column(&lake.join("public/ok"), "id"), "1 2");
    assert!(lake.join("public/gr\u{f6}\u{df}e/_manifest.json").exists());
    assert_eq!(summary(lake).as_array().unwrap().len(), 4);

    for include in ["ok", "public.ok"] {
        export(&url, lake, &["--include", include]).ok().never_says(&["xe9"]);
    }
    let excluded = ["--exclude", &format!("%(oid {oid})"), "--exclude", "%inner_one%"];
    export(&url, lake, &excluded).ok().never_says(&["xe9"]);
    let alone = export(&url, lake, &["--include", "t_xe9l%"]).exits(DATA);
    assert!(alone.stdout.contains(&format!("--exclude '%(oid {oid})'")), "{alone}");
    for consistency in ["table", "none"] {
        let run = export(&url, lake, &["--consistency", consistency]).exits(SOME_FAILED);
        assert!(run.stdout.contains("UTF-8"), "{run}");
    }

    to(&["query", "SELECT id FROM ok", "--name", "q"], &url, lake).output().ok();
    let plan = to(&["plan"], &url, lake).output().exits_one_of(&[0, SOME_FAILED]);
    assert!(plan.stdout.contains("t\\xe9l") && plan.stdout.contains("public.ok"), "{plan}");
    let inspected = Run::new(["inspect", "--source", &url]).output().exits_one_of(&[0, SOME_FAILED]);
    assert!(inspected.stdout.contains("t\\xe9l") && inspected.stdout.contains("public.ok"), "{inspected}");
    let checked = Run::new(["check", "--source", &url]).output().exits(DATA);
    let ok =
        checked.stdout.lines().any(|line| !line.starts_with("FAILED") && line.contains("read public.ok"));
    let failed = checked.stdout.lines().any(|line| line.starts_with("FAILED") && line.contains("t\\xe9l"));
    assert!(ok && failed, "{checked}");
    Run::new(["check", "--source", &url, "--include", "ok"]).output().ok();
}
