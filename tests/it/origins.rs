//! Tables of the same name from two databases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::lake::{Output, export, files};
use crate::server::PgServer;

const DATA: i32 = 65;

/// Content of every file of a table.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    files(dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(&name)).unwrap())).collect()
}

/// Exports `table` from one database, and appends that of another one.
fn append_of_another(one: &str, other: &str, table: &str) -> Output {
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join(table);
    for flags in [&[][..], &["--if-exists", "append"]] {
        export(one, out.path(), flags).ok();
    }
    let before = content(&dir);
    assert!(before.len() == 3 && before.contains_key("_manifest.json"), "{:?}", before.keys());
    let output = export(other, out.path(), &["--if-exists", "append"]).exits(DATA);
    assert!(content(&dir) == before, "files changed: {:?}\n{output}", files(&dir));
    // The first one's rows can still be added.
    export(one, out.path(), &["--if-exists", "append"]).ok();
    assert_eq!(content(&dir).len(), 4);
    output
}

#[test]
fn t6_postgres_a_table_of_another_database_is_not_appended() {
    let server = PgServer::shared();
    let [one, other] = ["append_one", "append_other"].map(|db| {
        let url = server.create_db(db);
        server.sql(db, "CREATE TABLE t AS SELECT 1 AS id, current_database()::text AS origin");
        url
    });
    let output = append_of_another(&one, &other, "public/t");
    assert!(output.stdout.contains("append_one") && output.stdout.contains("public.t"), "{output}");
}

#[test]
fn t6_sqlite_a_table_of_another_file_is_not_appended() {
    let place = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| {
        let dir = place.path().join(name);
        fs::create_dir(&dir).unwrap();
        let path = dir.join("data.db");
        rusqlite::Connection::open(&path)
            .and_then(|c| {
                c.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
            })
            .unwrap();
        format!("sqlite://{}", path.display())
    });
    let output = append_of_another(&one, &other, "main/t");
    assert!(output.stdout.contains("one/data.db") && output.stdout.contains("main.t"), "{output}");
}
