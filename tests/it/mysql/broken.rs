//! Servers that are not to be had, users without rights, settings that are too small: one clear error each.

use std::process::Command;
use std::time::Duration;

use super::{CONFIG, DENIED, Database, SECRET, SOME_FAILED, UNAVAILABLE, USAGE, error_of, summary};
use crate::lake::{Run, assert_nothing_visible, export, export_args};
use crate::mariadb::{MariaDb, series, url_of};
use crate::server::free_port;

fn people(name: &'static str) -> Database<'static> {
    Database::new(
        name,
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(50)); INSERT INTO people VALUES (1, 'Ada'), (2, 'Alan');
         CREATE TABLE wages (id int PRIMARY KEY, wage decimal(10,2)); INSERT INTO wages VALUES (1, 10);",
    )
}

#[track_caller]
fn refused(url: &str, codes: &[i32], words: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let output = export(url, out.path(), &["--retries", "0"]).exits_one_of(codes);
    output.says(words).never_says(&[SECRET]);
    assert_nothing_visible(out.path());
}

#[test]
fn a_wrong_address_or_login_is_said_once() {
    let database = people("my_login");
    let server = database.server;
    database.create_user("clerk", &["SELECT ON my_login.*"]);
    let port = server.port();
    refused(&url_of("clerk", "wr0ng", port, "my_login"), &[DENIED], &["access denied", "clerk"]);
    // MySQL asks for any login of a user that it does not know.
    let out = tempfile::tempdir().unwrap();
    let unknown = url_of("nobody_known", SECRET, port, "my_login");
    let output = export(&unknown, out.path(), &["--retries", "0"]).exits_one_of(&[DENIED, CONFIG]);
    output.says(&["nobody_known"]).says_one_of(&["access denied", "does not know"]).never_says(&[SECRET]);
    refused(&url_of("clerk", SECRET, port, "no_such_database"), &[DENIED, CONFIG], &["no_such_database"]);
    refused(&server.url("no_such_database"), &[CONFIG, DENIED], &["no_such_database"]);
    let closed = free_port();
    refused(
        &url_of("clerk", SECRET, closed, "my_login"),
        &[UNAVAILABLE],
        &["127.0.0.1", &closed.to_string()],
    );
    let nowhere = url_of("clerk", SECRET, port, "my_login").replace("127.0.0.1", "no-such-host.invalid");
    refused(&nowhere, &[UNAVAILABLE, CONFIG], &["no-such-host.invalid"]);
    export(&url_of("clerk", SECRET, port, "my_login"), &database.lake(), &[]).ok();
    database.assert_table("people", 2);
}

/// The server has no certificate (MariaDB 10.11), or one that nobody has signed.
#[test]
fn a_server_that_cannot_prove_who_it_is_is_refused_where_that_is_asked() {
    let database = people("my_tls");
    let url = |mode: &str| format!("{}?sslmode={mode}", database.url());
    refused(&url("verify-full"), &[CONFIG, UNAVAILABLE, DENIED], &["tls"]);
    refused(
        &format!("{}&sslrootcert=/no/such/file.pem", url("verify-ca")),
        &[CONFIG],
        &["/no/such/file.pem"],
    );
    refused(&url("sometimes"), &[CONFIG, USAGE], &["sslmode"]);
}

#[test]
fn an_entry_of_the_auth_file_and_both_names_lead_to_it() {
    let database = people("my_entry");
    let auth = database.dir.path().join("auth.json");
    for kind in ["mysql", "mariadb"] {
        let entry = serde_json::json!({ "db": {
            "ds_type": kind, "auth_mode": "classic", "info": database.server.info("my_entry"),
        } });
        std::fs::write(&auth, entry.to_string()).unwrap();
        let run = Run::new(["export", "--source-db-auth-id", "db", "-a"]).args([&auth]);
        run.args(["--output-dir"]).args([database.lake()]).output().ok();
        database.assert_table("people", 2);
        let url = database.url().replacen("mysql", kind, 1);
        export(&url, &database.lake(), &[]).ok();
    }
}

#[test]
fn a_table_without_the_right_to_read_it_fails_alone() {
    let database = people("my_rights");
    database.create_user("half", &["SELECT ON my_rights.people", "INSERT ON my_rights.wages"]);
    let output = database.export_as("half", &["--json"]).exits(SOME_FAILED);
    let error = error_of(&summary(&output), "wages");
    assert!(error.contains("denied") && error.contains("SELECT"), "{error}");
    database.assert_table("people", 2);
    assert!(!database.out("wages").exists() || !database.out("wages").join("_manifest.json").exists());
}

/// The rights are on some columns: these can be had, and the others are not guessed.
#[test]
fn rights_on_columns_are_enough_for_those() {
    let database = people("my_columns");
    database.create_user("some_columns", &["SELECT (id) ON my_columns.people"]);
    let output = database.export_as("some_columns", &["-i", "people", "--columns", "people: id"]).no_panic();
    if output.code == Some(0) {
        assert_eq!(database.duck("people", "SELECT sum(id) FROM t"), "3");
    } else {
        let said = format!("{}{}", output.stdout, output.stderr).to_lowercase();
        assert!(said.contains("denied") || said.contains("people"), "{output}");
    }
}

#[test]
fn a_server_that_only_reads_is_exported() {
    let server = MariaDb::start_with(&[]);
    let database = Database::on(
        &server,
        "my_read_only",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);",
    );
    database.create_user("reader", &["SELECT, LOCK TABLES ON my_read_only.*", "RELOAD ON *.*"]);
    let settings: &[&str] =
        if server.is_mysql() { &["read_only", "super_read_only"] } else { &["read_only"] };
    for setting in settings {
        server.sql("mysql", &format!("SET GLOBAL {setting} = ON"));
        database.export_as("reader", &["-p", "4"]).ok();
        database.assert_table("t", 2);
    }
}

/// A destination that does not take what is sent for longer than the server waits.
#[test]
fn a_slow_destination_does_not_end_the_servers_patience() {
    let server = MariaDb::start_with(&["--net-write-timeout=1", "--wait-timeout=2", "--net-read-timeout=1"]);
    let database = Database::on(
        &server,
        "my_slow",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, pad varchar(600)); INSERT INTO t SELECT seq, repeat('x', 600) FROM {};",
            series(1, 200_000)
        ),
    );
    let flags = ["-p", "2", "--table-config", "t:RangeId:id:4", "--large-table-threshold", "10"];
    let run = Run::new(export_args(&database.url(), &database.lake(), &flags)).spawn();
    server.wait_for(
        "SELECT count(*) FROM information_schema.processlist WHERE db = 'my_slow' AND command IN ('Query', 'Execute')",
        |count| count != "0",
    );
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &run.pid().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    std::thread::sleep(Duration::from_secs(5));
    signal("-CONT");
    run.finish().ok();
    assert_eq!(database.duck("t", "SELECT count(*), count(DISTINCT id) FROM t"), "200000|200000");
}

/// A row longer than a packet of the server's may be: the table fails alone and says which setting it is.
#[test]
fn a_row_that_is_longer_than_a_packet_fails_its_table() {
    let server = MariaDb::start_with(&["--max-allowed-packet=16M"]);
    let database = Database::on(
        &server,
        "my_packet",
        "CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);
         CREATE TABLE big (id int PRIMARY KEY, body longblob);
         INSERT INTO big VALUES (1, 'x'), (2, repeat('x', 5000000));",
    );
    server.sql("mysql", "SET GLOBAL max_allowed_packet = 1048576");
    let output = database.export(&["--json", "--retries", "1"]).no_panic();
    let summary = summary(&output);
    assert_eq!(error_of(&summary, "small"), "");
    let error = error_of(&summary, "big");
    if error.is_empty() {
        // Those who compare are to see it whole.
        server.sql("mysql", "SET GLOBAL max_allowed_packet = 16777216");
        database.assert_table("big", 2);
    } else {
        assert!(error.contains("max_allowed_packet"), "{error}");
        assert!(!database.out("big").join("_manifest.json").exists());
    }
}

#[test]
fn tables_that_are_not_there_and_servers_without_any() {
    let database = people("my_none");
    let out = tempfile::tempdir().unwrap();
    export(&database.url(), out.path(), &["-i", "nothing_like_it"]).exits_one_of(&[USAGE, SOME_FAILED]);
    assert_nothing_visible(out.path());
    let empty = Database::new("my_empty", "");
    empty.export(&[]).exits(USAGE).says(&["no table"]);
}

/// Names that careless SQL falls over.
#[test]
fn odd_names_are_names() {
    let database = Database::new(
        "my_names",
        "CREATE TABLE `it's \"a\" ``table``` (`sel ect` int PRIMARY KEY, `from` int, `größe` int, `a.b` int, `x``y` int);
         INSERT INTO `it's \"a\" ``table``` VALUES (1, 2, 3, 4, 5), (2, NULL, NULL, NULL, NULL);
         CREATE TABLE `select` (`key` int PRIMARY KEY, `WHERE` varchar(5)); INSERT INTO `select` VALUES (1, 'x');
         CREATE TABLE `日本` (`列` int); INSERT INTO `日本` VALUES (7);",
    );
    let output = database.export(&["-p", "2", "--json", "--verify", "hash"]).ok();
    assert_eq!(summary(&output)["tables"].as_array().unwrap().len(), 3, "{output}");
    database.assert_table("select", 1);
    database.assert_table("日本", 1);
}
