//! Types of pgvector: lists of numbers, the same bits as the server's.

use std::fmt::Write;

use super::{inspected, refused, schema};
use crate::lake::{assert_same_values, assert_tidy, duck, export, manifest};
use crate::server::PgServer;

/// A type, and its values as SQL.
const VALUES: &[(&str, &[&str])] = &[
    (
        "vector(3)",
        &[
            "'[1,2,3]'",
            "'[0,-0,1e-45]'",
            "'[3.4028235e38,-3.4028235e38,0.1]'",
            "'[1.17549429e-38,16777217,-1]'",
        ],
    ),
    ("vector(1)", &["'[0.30000001]'"]),
    (
        "vector",
        &[
            "'[1]'",
            "'[1,2]'",
            "(SELECT array_agg(sin(g)::real ORDER BY g)::vector FROM generate_series(1, 16000) g)",
        ],
    ),
    ("vector(2000)", &["(SELECT array_agg(g::real / 7 ORDER BY g)::vector FROM generate_series(1, 2000) g)"]),
    ("halfvec(2)", &["'[65504,-65504]'", "'[5.9604645e-08,-0]'", "'[0.1,1e-5]'"]),
    (
        "halfvec",
        &[
            "'[1]'",
            "(SELECT array_agg(cos(g)::real ORDER BY g)::vector::halfvec FROM generate_series(1, 4000) g)",
        ],
    ),
    ("sparsevec(5)", &["'{1:1.5,3:-2}/5'", "'{}/5'", "'{5:1e-45,1:3.4028235e38}/5'"]),
    ("sparsevec", &["'{1000000000:0.1}/1000000000'"]),
    ("bit(3)", &["B'101'"]),
    ("embedding", &["'[0.5,-0.25]'"]),
    ("vector(2)[]", &["ARRAY['[1,2]', NULL, '[-0,1e-45]']::vector[]", "'{}'"]),
    ("halfvec(2)[]", &["ARRAY['[0.1,2]']::halfvec[]"]),
    ("vector[]", &["ARRAY['[1,2]', '[3]', NULL]::vector[]"]),
    ("vector(2)[][]", &["ARRAY[ARRAY['[1,2]', NULL], ARRAY['[3,4]', '[5,6]']]::vector[]", "'{}'"]),
    ("embedding[]", &["ARRAY['[1,2]', NULL]::embedding[]"]),
    ("sparsevec[]", &["ARRAY['{1:1}/2', NULL]::sparsevec[]"]),
    ("labelled", &["ROW('a', '[1,2]', '[0.5]')", "ROW('b', NULL, NULL)"]),
];

/// A table with a row for each value, and one without any: every other column of a row is NULL.
fn fill(server: &PgServer, db: &str) {
    let columns: Vec<String> =
        VALUES.iter().enumerate().map(|(at, (kind, _))| format!(", c{at} {kind}")).collect();
    // In a schema of its own, and a table whose type is only called so.
    let mut sql = format!(
        "CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions; SET search_path = public, extensions;
         CREATE DOMAIN embedding AS vector(2); CREATE TYPE labelled AS (label text, v vector(2), h halfvec);
         CREATE TABLE vectors (id integer PRIMARY KEY{}); INSERT INTO vectors VALUES (0);",
        columns.concat()
    );
    let values =
        VALUES.iter().enumerate().flat_map(|(at, (_, values))| values.iter().map(move |value| (at, value)));
    for (id, (at, value)) in values.enumerate() {
        write!(sql, "INSERT INTO vectors (id, c{at}) VALUES ({}, {value});", id + 1).unwrap();
    }
    sql.push_str(
        "CREATE SCHEMA other; CREATE TYPE other.vector AS (x real, y real);
         CREATE TABLE pairs (id integer PRIMARY KEY, v other.vector); INSERT INTO pairs VALUES (1, ROW(1, 2));
         CREATE TABLE many (id integer PRIMARY KEY, v vector(8) NOT NULL);
         INSERT INTO many SELECT g, ARRAY[g, g / 3.0, -g, 0, 1, 2, 3, 0.1]::vector FROM generate_series(1, 20000) g;",
    );
    server.sql(db, &sql);
}

#[test]
fn vectors_are_lists_of_the_same_numbers() {
    let server = PgServer::start_with_vectors();
    let url = server.create_db("vectors");
    fill(&server, "vectors");
    let out = tempfile::tempdir().unwrap();
    export(
        &url,
        out.path(),
        &["--verify", "hash", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"],
    )
    .ok();
    for table in ["vectors", "pairs", "many"] {
        let dir = out.path().join("public").join(table);
        assert_tidy(&dir);
        assert_same_values(&url, &format!("public.{table}"), &dir, &[]);
        assert_eq!(manifest(&dir)["verification"]["hash"], "equal", "{table}");
    }
    let schema = schema(&out.path().join("public/vectors"));
    let types: Vec<&str> =
        schema["fields"].as_array().unwrap().iter().map(|f| f["type"].as_str().unwrap()).collect();
    for (at, expected) in [
        (1, "fixed_size_list<element: float not null>[3]"),
        (3, "list<element: float not null>"),
        (5, "fixed_size_list<element: float not null>[2]"),
        (6, "list<element: float not null>"),
        (7, "string"),
        (10, "fixed_size_list<element: float not null>[2]"),
        (11, "list<element: fixed_size_list<element: float not null>[2]>"),
    ] {
        assert_eq!(types[at], expected, "{at}");
    }
    let columns = inspected(&url, "vectors", &[]);
    assert_eq!((&columns["c0"]["verdict"], &columns["c4"]["verdict"]), (&"exact".into(), &"widened".into()));
    assert_eq!(columns["c6"]["verdict"], "text");
}

#[test]
fn vectors_go_through_filters_projections_and_casts() {
    let server = PgServer::start_with_vectors();
    let url = server.create_db("vectors");
    fill(&server, "vectors");
    let out = tempfile::tempdir().unwrap();
    let flags = ["--include", "many", "--where", "many: id + 0 > 10 AND id < 5001"];
    export(&url, out.path(), &flags).ok();
    let files = format!("{}/public/many/*.parquet", out.path().display());
    assert_eq!(
        duck(&format!("SELECT count(*), sum(v[1])::bigint, min(len(v)) FROM read_parquet('{files}')")),
        server.query(
            "vectors",
            "SELECT count(*), sum((v::real[])[1])::bigint, 8 FROM many WHERE id BETWEEN 11 AND 5000"
        )
    );
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--include", "vectors", "--cast", "vectors.c0: text"]).ok();
    let files = format!("{}/public/vectors/*.parquet", out.path().display());
    assert_eq!(
        duck(&format!("SELECT id, c0 FROM read_parquet('{files}') WHERE c0 IS NOT NULL ORDER BY id")),
        server.query("vectors", "SELECT id, c0 FROM vectors WHERE c0 IS NOT NULL ORDER BY id")
    );
    // A list of fixed length in an array of another shape is refused as every array is.
    server.sql(
        "vectors",
        "CREATE TABLE odd (id integer PRIMARY KEY, v extensions.vector(2)[]);
        INSERT INTO odd VALUES (7, ARRAY[ARRAY['[1,2]'::extensions.vector]]);",
    );
    let run = export(&url, tempfile::tempdir().unwrap().path(), &["--include", "odd"]);
    refused(run, &["2 dimensions in a column declared with 1", "table public.odd", "row id=7"]);
}
