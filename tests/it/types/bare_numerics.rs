//! numeric without precision: what `--numeric` does in the extreme.

use std::fmt::Write as _;

use crate::lake::{assert_nothing_visible, assert_same_values, export, manifest};
use crate::server::PgServer;

#[test]
fn f11_a_number_beyond_double_is_named_by_column_and_row_and_shown_shortened() {
    let server = PgServer::shared();
    let url = server.create_db("f11_double");
    let huge = format!("1{}", "0".repeat(400));
    server.sql(
        "f11_double",
        &format!(
            "CREATE TABLE big (id int PRIMARY KEY, fine numeric, n numeric); CREATE TABLE small (id int, n numeric);
             CREATE TABLE list (id int PRIMARY KEY, l numeric[]);
             INSERT INTO big SELECT g, g, g FROM generate_series(1, 3000) g; UPDATE big SET n = {huge} WHERE id = 2345;
             INSERT INTO small SELECT g, 1.5 FROM generate_series(1, 9) g; INSERT INTO small VALUES (10, 1e-401);
             INSERT INTO list VALUES (1, ARRAY[1.5]), (2, ARRAY[NULL, {huge}]);"
        ),
    );
    for (table, words) in [
        ("big", ["public.big", "column n", "id=2345", "--numeric", "value=1000"]),
        ("small", ["public.small", "column n", "ctid=(0,10)", "--numeric", "value=0.000"]),
        ("list", ["public.list", "column l", "id=2", "--numeric", "value={NULL,1000"]),
    ] {
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), &["-i", table, "--numeric", "double"]).exits(65);
        run.says(&words).never_says(&[&"0".repeat(100)]);
        assert_nothing_visible(out.path());
        export(&url, out.path(), &["-i", table]).ok();
        assert_same_values(&url, &format!("public.{table}"), &out.path().join("public").join(table), &[]);
    }
}

#[test]
fn f10_as_many_bare_numerics_as_a_table_can_have_are_measured() {
    const COLUMNS: usize = 1599;
    let server = PgServer::shared();
    let url = server.create_db("f10_wide");
    let (mut columns, mut values) = (String::new(), String::new());
    for at in 0..COLUMNS {
        write!(columns, ", c{at} numeric").unwrap();
        // Mostly NULL: a row must fit into a page. The last ones are of every select list that there could be.
        let value = match at {
            0 | 799 | 800 | 831 | 832 | 833 | 1598 => format!("{}.5", at + 1),
            _ => "NULL".to_owned(),
        };
        write!(values, ", {value}").unwrap();
    }
    server.sql(
        "f10_wide",
        &format!("CREATE TABLE wide (id int{columns}); INSERT INTO wide VALUES (1{values});"),
    );
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--numeric", "measure", "--verify", "hash"]).ok();
    let dir = out.path().join("public/wide");
    let described = manifest(&dir)["columns"].as_array().unwrap().clone();
    let type_of = |at: usize| described[at + 1]["arrow_type"].as_str().unwrap().to_owned();
    for (at, expected) in [
        (0, "Decimal128(2, 1)"),
        (1, "Decimal128(1, 0)"),
        (832, "Decimal128(4, 1)"),
        (1598, "Decimal128(5, 1)"),
    ] {
        assert_eq!(type_of(at), expected, "column {at}");
    }
    assert_same_values(&url, "public.wide", &dir, &[]);
}
