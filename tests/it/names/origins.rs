//! Whose files may be replaced: those of the same source and the same table, or query.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{DATA, column, sqlite};
use crate::lake::{Output, Run, export, manifest};
use crate::server::PgServer;

const REPLACE: [&str; 2] = ["--if-exists", "replace"];

/// A refusal says whose files are there, whose were to come, and what to do; and changes nothing.
#[track_caller]
fn refused(run: Output, words: &[&str]) {
    let run = run.exits(DATA);
    let said = format!("{}{}", run.stdout, run.stderr);
    for word in words {
        assert!(said.contains(word), "{word}\n{run}");
    }
    // What was appended is not given up for a refusal.
    let is_append = said.contains("--if-exists append adds");
    assert_ne!(said.contains("--if-exists replace"), is_append, "{run}");
}

fn users(place: &Path, name: &str) -> String {
    let sql = format!("CREATE TABLE users (id int, tenant text); INSERT INTO users VALUES (1, '{name}')");
    sqlite(&place.join(format!("{name}.db")), &sql)
}

#[test]
fn b4_the_table_of_another_sqlite_file_is_replaced_only_when_told() {
    let place = tempfile::tempdir().unwrap();
    let (lake, table) = (place.path().join("lake"), place.path().join("lake/main/users"));
    let [a, b] = ["a", "b"].map(|name| users(place.path(), name));
    export(&a, &lake, &[]).ok();
    let id = manifest(&table)["run_id"].clone();
    refused(export(&b, &lake, &[]), &["a.db", "b.db", "main.users"]);
    refused(export(&b, &lake, &["--if-exists", "overwrite"]), &["a.db"]);
    refused(export(&b, &lake, &["--if-exists", "append"]), &["a.db"]);
    assert_eq!((column(&table, "tenant"), &manifest(&table)["run_id"]), ("a".into(), &id));
    crate::lake::assert_tidy(&table);

    export(&b, &lake, &REPLACE).ok();
    assert_eq!(column(&table, "tenant"), "b");
    export(&b, &lake, &[]).ok();
    Run::new(["export", "--source", &b, "--output-dir"])
        .args([&lake])
        .env("LAKEXPRESS_IF_EXISTS", "Replace")
        .output()
        .ok();
    refused(export(&a, &lake, &[]), &["b.db"]);
    // A file that no manifest names is nobody's to replace.
    fs::write(table.join("mine.parquet"), b"x").unwrap();
    let run = export(&b, &lake, &REPLACE).exits(DATA);
    assert!(run.stdout.contains("mine.parquet"), "{run}");
}

#[test]
fn b4_one_sqlite_file_is_one_source_by_whatever_path() {
    let place = tempfile::tempdir().unwrap();
    let lake = place.path().join("lake");
    let direct = users(place.path(), "a");
    fs::create_dir(place.path().join("sub")).unwrap();
    symlink(place.path().join("a.db"), place.path().join("sub/link.db")).unwrap();
    export(&direct, &lake, &[]).ok();
    for url in ["sqlite:a.db", "sqlite:sub/../a.db", "sqlite:sub/link.db"] {
        let run = Run::new(["export", "--source", url, "--output-dir", "lake"]);
        run.current_dir(place.path()).output().ok();
    }
    export(&direct, &lake, &["--if-exists", "append"]).ok();
    assert_eq!(manifest(&lake.join("main/users"))["rows"], 2);

    // A link that leads to the newest file is one source, wherever it leads tonight.
    let latest = place.path().join("latest.db");
    let (url, lake) = (format!("sqlite://{}", latest.display()), place.path().join("nights"));
    for night in ["monday", "tuesday"] {
        users(place.path(), night);
        let _ = fs::remove_file(&latest);
        symlink(place.path().join(format!("{night}.db")), &latest).unwrap();
        export(&url, &lake, &[]).ok();
        assert_eq!(column(&lake.join("main/users"), "tenant"), night);
    }
}

/// Manifests of earlier versions have no identifier: kind and database are compared.
#[test]
fn b4_the_night_after_the_upgrade_goes_as_before() {
    let place = tempfile::tempdir().unwrap();
    let (lake, table) = (place.path().join("lake"), place.path().join("lake/main/users"));
    let [a, b] = ["a", "b"].map(|name| users(place.path(), name));
    symlink(place.path().join("a.db"), place.path().join("link.db")).unwrap();
    let link = format!("sqlite://{}", place.path().join("link.db").display());
    for url in [&a, &link] {
        export(url, &lake, &REPLACE).ok();
        let mut old = manifest(&table);
        let source = old["source"].as_object_mut().unwrap();
        assert!(source.remove("identifier").is_some());
        fs::write(table.join("_manifest.json"), old.to_string()).unwrap();
        refused(export(&b, &lake, &[]), &["b.db"]);
        export(url, &lake, &[]).ok();
    }
}

#[test]
fn b4_a_postgres_database_is_its_server_and_its_name() {
    let conf = [("wal_level", "replica"), ("max_wal_senders", "4")];
    let hba = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust";
    let (one, two) = (PgServer::start_with(&conf, hba), PgServer::shared());
    let rows =
        |name: &str| format!("CREATE TABLE orders (id int, t text); INSERT INTO orders VALUES (1, '{name}')");
    for (server, db) in [(&one, "b4_shop"), (&one, "b4_other"), (two, "b4_shop")] {
        server.create_db(db);
        server.sql(db, &rows(db));
    }
    let place = tempfile::tempdir().unwrap();
    let (lake, table) = (place.path(), place.path().join("public/orders"));
    export(&one.url("b4_shop"), lake, &[]).ok();
    refused(export(&one.url("b4_other"), lake, &[]), &["b4_shop", "b4_other", "public.orders"]);
    // The same name on another server: a restored dump, an upgraded server, or quite another database.
    refused(export(&two.url("b4_shop"), lake, &[]), &["another server", "pg_upgrade", "dump", "once"]);
    refused(export(&two.url("b4_shop"), lake, &["--if-exists", "append"]), &["another server"]);
    assert_eq!(column(&table, "t"), "b4_shop");

    let standby = one.standby(&[]);
    export(&standby.url("b4_shop"), lake, &[]).ok();
    let system = one.query("postgres", "SELECT system_identifier FROM pg_control_system()");
    assert!(manifest(&table)["source"]["identifier"].as_str().unwrap().contains(&system));

    // A role that may not ask, and its manifest, are compared by kind and database.
    one.sql("b4_shop", "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; CREATE ROLE b4 LOGIN; GRANT SELECT ON orders TO b4");
    export(&one.url_as("b4", "x", "b4_shop"), lake, &[]).ok();
    assert!(manifest(&table)["source"].get("identifier").is_none());
    refused(export(&one.url("b4_other"), lake, &[]), &["b4_other"]);
    export(&one.url("b4_shop"), lake, &[]).ok();
    export(&two.url("b4_shop"), lake, &REPLACE).ok();
    export(&two.url("b4_shop"), lake, &[]).ok();

    // After an upgrade of its server a table is appended to once its manifest no longer names the server.
    refused(export(&one.url("b4_shop"), lake, &["--if-exists", "append"]), &["pg_upgrade", "_manifest.json"]);
    let mut unnamed = manifest(&table);
    unnamed["source"].as_object_mut().unwrap().remove("identifier");
    fs::write(table.join("_manifest.json"), unnamed.to_string()).unwrap();
    export(&one.url("b4_shop"), lake, &["--if-exists", "append"]).ok();
    assert_eq!(manifest(&table)["rows"], 2);
}

#[test]
fn f13_a_query_and_a_table_of_schema_query_do_not_replace_each_other() {
    let server = PgServer::shared();
    let url = server.create_db("f13_query");
    server.sql(
        "f13_query",
        "CREATE SCHEMA query; CREATE TABLE query.top (id text); INSERT INTO query.top VALUES ('table');",
    );
    let query = |lake: &Path, more: &[&str]| {
        let args = ["query", "SELECT 'query' AS id FROM query.top", "--name", "top", "--source", &url];
        Run::new(args).args(more).args(["--output-dir".as_ref(), lake.as_os_str()]).output()
    };
    let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (lake, table) = (place.path(), place.path().join("query/top"));
    export(&url, lake, &[]).ok();
    refused(query(lake, &[]), &["table query.top", "query top"]);
    refused(query(lake, &["--if-exists", "append"]), &["table query.top"]);
    assert_eq!(column(&table, "id"), "table");
    query(lake, &REPLACE).ok();
    assert_eq!(column(&table, "id"), "query");
    query(lake, &[]).ok();

    let (lake, table) = (other.path(), other.path().join("query/top"));
    query(lake, &[]).ok();
    refused(export(&url, lake, &[]), &["table query.top", "query top"]);
    assert_eq!(column(&table, "id"), "query");
    export(&url, lake, &REPLACE).ok();
    assert_eq!(column(&table, "id"), "table");
}
