//! The exit code of a run of which not one table was exported: that of its errors if they are of one kind, and 1.

use crate::lake::{Output, assert_nothing_visible, export};
use crate::server::PgServer;

const SOME_FAILED: i32 = 1;
const DATA: i32 = 65;
const DENIED: i32 = 77;

#[test]
fn t8_errors_of_different_kinds_are_1_and_of_one_kind_their_own_code() {
    let server = PgServer::shared();
    let db = "exit_codes";
    server.create_db(db);
    server.sql(
        db,
        "DROP ROLE IF EXISTS t8_reader; CREATE ROLE t8_reader LOGIN;
         CREATE TABLE b_secret (id integer); CREATE TABLE d_secret (id integer);
         CREATE TABLE a_bad AS SELECT 1 AS id, date 'infinity' AS at; CREATE TABLE c_bad AS TABLE a_bad;
         CREATE TABLE good AS SELECT 1 AS id;
         GRANT SELECT ON a_bad, c_bad, good TO t8_reader;",
    );
    let url = server.url_as("t8_reader", "x", db);
    let run = |tables: &str, code: i32| -> Output {
        let out = tempfile::tempdir().unwrap();
        let output = export(&url, out.path(), &["-i", tables]).exits(code);
        for table in tables.split(',') {
            assert!(output.stdout.contains(&format!("public.{table}")), "{table}\n{output}");
        }
        assert_nothing_visible(out.path());
        output
    };
    // The denied table is the first of its run, the last one, and between two others.
    for tables in ["b_secret,c_bad", "a_bad,b_secret", "a_bad,b_secret,c_bad", "a_bad,b_secret,d_secret"] {
        let output = run(tables, SOME_FAILED);
        assert!(
            output.stdout.contains("permission denied") && output.stdout.contains("infinity"),
            "{output}"
        );
    }
    run("a_bad,c_bad", DATA);
    run("b_secret,d_secret", DENIED);
    run("good,b_secret", SOME_FAILED);
    run("good,a_bad", SOME_FAILED);
}
