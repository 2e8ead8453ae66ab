//! Tables and views of which the server itself cannot say what they hold: each fails alone.

use std::fs;

use super::{Database, SOME_FAILED, error_of, summary};
use crate::mariadb::{MariaDb, series};

/// A file of a MyISAM table is cut short, or overwritten.
#[test]
fn a_crashed_table_fails_alone_and_is_never_shorter() {
    let server = MariaDb::start_with(&["--myisam-recover-options=OFF"]);
    for (file, cut) in [("crashed.MYD", true), ("crashed.MYI", true), ("crashed.MYI", false)] {
        let database = Database::on(
            &server,
            "my_crashed",
            &format!(
                "CREATE TABLE crashed (id int PRIMARY KEY, pad varchar(100)) ENGINE = MyISAM;
                 INSERT INTO crashed SELECT seq, repeat('x', seq % 100) FROM {};
                 CREATE TABLE good (id int PRIMARY KEY); INSERT INTO good VALUES (1), (2); FLUSH TABLES;",
                series(1, 20_000)
            ),
        );
        let path = server.data_dir().join("my_crashed").join(file);
        let mut bytes = fs::read(&path).unwrap();
        if cut {
            bytes.truncate(bytes.len() / 2);
        } else {
            bytes[..200].fill(0xA5);
        }
        fs::write(&path, bytes).unwrap();
        let output = database.export(&["--json", "-p", "2", "--retries", "1"]).no_panic();
        let summary = summary(&output);
        let error = error_of(&summary, "crashed");
        if error.is_empty() {
            // The server has repaired it or needed nothing of what is lost.
            assert_eq!(database.duck("crashed", "SELECT count(DISTINCT id) FROM t"), "20000", "{file}");
        } else {
            assert!(error.contains("crashed"), "{error}");
            assert!(!database.out("crashed").join("_manifest.json").exists(), "{file}");
        }
        println!("{file} {cut}: {error:.200}");
        assert_eq!(error_of(&summary, "good"), "");
        database.assert_table("good", 2);
    }
}

#[test]
fn views_that_do_not_work_fail_alone() {
    let database = Database::new(
        "my_views",
        "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 2), (3, 4);
         CREATE TABLE gone (a int);
         CREATE VIEW good AS SELECT id, a + 1 AS more FROM t;
         CREATE VIEW dangling AS SELECT a FROM gone;
         CREATE DEFINER = nobody_any_more@'%' SQL SECURITY DEFINER VIEW orphan AS SELECT id FROM t;
         DROP TABLE gone;",
    );
    database.export(&[]).ok();
    assert!(!database.out("good").exists(), "views are exported when they are named");
    let output = database.export(&["--views", "--json"]).exits(SOME_FAILED);
    let summary = summary(&output);
    assert!(error_of(&summary, "dangling").contains("dangling"), "{output}");
    assert!(error_of(&summary, "orphan").contains("definer"), "{output}");
    assert_eq!(error_of(&summary, "good"), "");
    database.assert_table("good", 2);
    database.assert_table("t", 2);
}

/// A view whose rows cannot be computed stops after some of them.
#[test]
fn an_error_after_the_first_rows_is_no_end() {
    let database = Database::new(
        "my_half",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT seq FROM {};
             CREATE VIEW half AS SELECT id, IF(id > 15000, (SELECT 1 UNION SELECT 2), 0) AS v FROM t;",
            series(1, 20_000)
        ),
    );
    let output = database.export(&["-i", "half", "--retries", "0"]).no_panic();
    assert_ne!(output.code, Some(0), "{output}");
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("my_half.half") && said.contains("more than 1 row"), "{output}");
    assert!(!database.out("half").join("_manifest.json").exists());
}
