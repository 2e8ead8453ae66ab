//! What libpq takes from its surroundings: `PG*` variables, password files, service files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::lake::{Output, Run, duck, export_args, manifest};
use crate::server::PgServer;

/// A server that asks the role `clerk` for a password, and a view of what a session is.
fn office() -> PgServer {
    let server = PgServer::start_with(
        &[],
        "host all clerk 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust",
    );
    server.sql("postgres", r"CREATE ROLE clerk LOGIN PASSWORD 'p:w\d';");
    server.create_db("office");
    server.sql(
        "office",
        "CREATE VIEW session AS SELECT current_setting('work_mem') AS work_mem, \
         current_setting('application_name') AS name, current_user::text AS who, current_database()::text AS db; \
         GRANT SELECT ON session TO clerk;",
    );
    server
}

/// Exports the view `session` from `url` with these variables.
fn exported(url: &str, dir: &Path, variables: &[(&str, &str)]) -> Output {
    let mut run = Run::new(export_args(url, dir, &["--include", "session"]));
    for (name, value) in variables {
        run = run.env(name, value);
    }
    run.output()
}

fn session(dir: &Path) -> String {
    duck(&format!("SELECT * FROM '{}/public/session/*.parquet'", dir.display()))
}

/// Writes a file that its owner alone can read.
fn private(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn variables_stand_in_for_what_the_url_leaves_open() {
    let server = office();
    let port = server.port().to_string();
    let all = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", "clerk"),
        ("PGPASSWORD", r"p:w\d"),
        ("PGDATABASE", "office"),
        ("PGAPPNAME", "nightly"),
        ("PGOPTIONS", "-c work_mem=7777kB"),
        ("PGSSLMODE", "disable"),
        ("PGCONNECT_TIMEOUT", "7"),
    ];
    let dir = tempfile::tempdir().unwrap();
    exported("postgres://", dir.path(), &all).ok().never_says(&[r"p:w\d"]);
    assert_eq!(session(dir.path()), "7777kB|nightly|clerk|office");

    // What the URL says holds, whatever the variables say.
    let url = format!(
        "postgres://postgres@127.0.0.1:{port}/office?sslmode=disable&application_name=mine&options=-c%20work_mem%3D5MB"
    );
    let wrong = [
        ("PGHOST", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGDATABASE", "nothing"),
        ("PGAPPNAME", "other"),
        ("PGOPTIONS", "-c work_mem=1GB"),
        ("PGSSLMODE", "verify-full"),
    ];
    let dir = tempfile::tempdir().unwrap();
    exported(&url, dir.path(), &wrong).ok();
    assert_eq!(session(dir.path()), "5MB|mine|postgres|office");

    // A problem of a variable is told by its name.
    let dir = tempfile::tempdir().unwrap();
    let bad =
        [("PGHOST", "h"), ("PGUSER", "u"), ("PGDATABASE", "d"), ("PGPORT", "many"), ("PGSSLMODE", "often")];
    exported("postgres://", dir.path(), &bad).says(&["PGPORT must be a number", "PGSSLMODE must be one of"]);
    exported("postgres://", dir.path(), &[("PGHOST", "h")]).says(&["user is missing", "dbname is missing"]);
    let told = [("PGHOSTADDR", "192.0.2.1")];
    exported(&url, dir.path(), &told).ok().says(&["PGHOSTADDR is set, which this program does not know"]);
}

#[test]
fn an_auth_entry_is_filled_up_and_never_overridden() {
    let server = office();
    let dir = tempfile::tempdir().unwrap();
    let auth = dir.path().join("auth.json");
    let entry = format!(
        r#"{{"pg": {{"ds_type": "postgres", "auth_mode": "classic", "info":
            {{"username": "clerk", "server": "127.0.0.1", "port": {}, "database": "office", "sslmode": "disable"}}}}}}"#,
        server.port()
    );
    fs::write(&auth, entry).unwrap();
    let args = ["export", "-a", auth.to_str().unwrap(), "--source-db-auth-id", "pg", "--include", "session"];
    let out = dir.path().join("lake");
    let run = Run::new(args).args(["--output-dir"]).args([&out]);
    run.env("PGPASSWORD", r"p:w\d").env("PGHOST", "192.0.2.1").env("PGUSER", "postgres").output().ok();
    assert!(session(&out).ends_with("|lakexpress|clerk|office"), "{}", session(&out));
}

#[test]
fn passwords_come_from_a_private_file() {
    let server = office();
    let home = tempfile::tempdir().unwrap();
    let url = format!("postgres://clerk@127.0.0.1:{}/office?sslmode=disable", server.port());
    let at_home = [("HOME", home.path().to_str().unwrap())];
    let dir = tempfile::tempdir().unwrap();
    // Others' lines, a comment, and escapes; the first line that fits counts.
    let lines = format!(
        "# 127.0.0.1:*:*:clerk:comment\nlocalhost:*:*:clerk:no\n127.0.0.1:1:*:clerk:no\n127.0.0.1:*:offices:*:no\n\
         *:*:*:cler\\*:no\n127.0.0.1:{}:office:clerk:p\\:w\\\\d\n*:*:*:*:later\n",
        server.port()
    );
    let file = private(home.path(), ".pgpass", &lines);
    exported(&url, dir.path(), &at_home).ok().never_says(&[r"p:w\d", "later"]);
    assert_eq!(manifest(&dir.path().join("public/session"))["rows"], 1);

    // A file that others can read is not used, and that is said where it matters.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = exported(&url, dir.path(), &at_home);
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says(&["none is given", ".pgpass was not used", "chmod 600"]).never_says(&["later"]);

    // A file of another name, by the variable and by the URL; a password that is given counts before both.
    let other = private(home.path(), "other", "*:*:*:*:p\\:w\\\\d\n");
    let wrong = private(home.path(), "wrong", "*:*:*:*:wrong\n");
    let (other, wrong) = (other.to_str().unwrap(), wrong.to_str().unwrap());
    exported(&url, dir.path(), &[at_home[0], ("PGPASSFILE", other)]).ok();
    exported(&format!("{url}&passfile={other}"), dir.path(), &[("PGPASSFILE", wrong)]).ok();
    exported(&format!("{url}&passfile={wrong}"), dir.path(), &[("PGPASSWORD", r"p:w\d")]).ok();
    let denied = exported(&format!("{url}&passfile={wrong}"), dir.path(), &at_home).no_panic();
    assert_ne!(denied.code, Some(0), "{denied}");
    denied.says(&["password"]);
}

#[test]
fn a_service_stands_above_the_variables_and_below_the_url() {
    let server = office();
    let home = tempfile::tempdir().unwrap();
    let text = format!(
        "# the office\n[other]\nhost=192.0.2.1\n\n[office]\nhost=127.0.0.1\nport={}\nuser=clerk\npassword=p:w\\d\n\
         dbname=office\nsslmode=disable\napplication_name=of the service\n[last]\nhost=192.0.2.2\n",
        server.port()
    );
    private(home.path(), ".pg_service.conf", &text);
    let home_variable = ("HOME", home.path().to_str().unwrap());
    let wrong = [home_variable, ("PGHOST", "192.0.2.1"), ("PGUSER", "nobody"), ("PGAPPNAME", "other")];
    for (url, more) in
        [("postgres://?service=office", ("PGSERVICE", "last")), ("postgres://", ("PGSERVICE", "office"))]
    {
        let dir = tempfile::tempdir().unwrap();
        exported(url, dir.path(), &[wrong.as_slice(), &[more]].concat()).ok().never_says(&[r"p:w\d"]);
        assert!(session(dir.path()).ends_with("|of the service|clerk|office"), "{}", session(dir.path()));
    }
    let dir = tempfile::tempdir().unwrap();
    exported("postgres:///?service=office&application_name=mine", dir.path(), &wrong).ok();
    assert!(session(dir.path()).contains("|mine|"), "{}", session(dir.path()));

    exported("postgres://?service=offices", dir.path(), &wrong)
        .says(&["no service 'offices'", ".pg_service.conf"]);
    let odd = private(home.path(), "odd.conf", "[office]\nhots=x\npassword\n[x]\n");
    let odd = [("PGSERVICEFILE", odd.to_str().unwrap())];
    exported("postgres://?service=office", dir.path(), &odd).says(&["line 2", "hots is not a key", "line 3"]);
}
