//! How rows are laid out: Hive partitions, order, size, the same bytes at any number of readers. What readers that are not
//! ours see is compared with the same table written as it comes.

mod columns;
mod rules;
mod waiting;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lake::{
    Output, Run, assert_nothing_visible, assert_tidy, export, export_args, files, manifest, script,
};
use crate::server::PgServer;
use crate::tpch::tpch;

/// Exports `table` of TPC-H into `dir`; its directory.
fn table(dir: &Path, table: &str, flags: &[&str]) -> PathBuf {
    let args = [&["-i", table, "--large-table-threshold", "1000"], flags].concat();
    export(tpch(), dir, &args).ok();
    let place = dir.join("public").join(table);
    assert_tidy(&place);
    place
}

/// Asserts that the report of the run has `words`.
#[track_caller]
fn reports(output: &Output, words: &[&str]) {
    for word in words {
        assert!(output.stdout.contains(word), "the report does not say {word:?}\n{output}");
    }
}

/// Has the two directories compared.
#[track_caller]
fn compared(plain: &Path, laid_out: &Path, args: &[&str]) -> Value {
    let places = [plain.to_str().unwrap(), laid_out.to_str().unwrap()];
    let found = script("layout.py", [&places, args].concat()).ok();
    serde_json::from_str(&found.stdout).unwrap()
}

#[test]
fn partitions_hold_the_rows_of_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let plain = table(&dir.path().join("plain"), "orders", &[]);
    for (name, key, duck, flags) in [
        (
            "years",
            "orders: year(o_orderdate) AS y, o_orderstatus",
            "y: year(o_orderdate); o_orderstatus: o_orderstatus",
            &["-p", "2"][..],
        ),
        (
            "months",
            "orders: CAST(date_trunc('month', o_orderdate) AS date) AS m",
            "m: date_trunc('month', o_orderdate)::DATE",
            &["-p", "2", "--max-open-files", "3"],
        ),
        ("clerks", "orders: o_clerk", "o_clerk: o_clerk", &["-p", "1", "--memory-limit", "64MiB"]),
        (
            "priority",
            "public.ord%: o_orderpriority AS prio",
            "prio: o_orderpriority",
            &["-p", "3", "--max-file-bytes", "64KiB"],
        ),
    ] {
        let flags = [&["--partition-by", key], flags].concat();
        let laid_out = table(&dir.path().join(name), "orders", &flags);
        let found = compared(&plain, &laid_out, &["--keys", duck]);
        assert!(found["directories"].as_u64().unwrap() >= 3, "{name}: {found}");
        let manifest = manifest(&laid_out);
        assert_eq!(manifest["rows"], 15_000, "{name}");
        assert!(!manifest["partition_by"].as_array().unwrap().is_empty());
        Run::new(["verify", laid_out.to_str().unwrap(), "--read-data"]).output().ok();
    }
}

#[test]
fn a_run_replaces_partitions_and_adds_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let plain = table(&dir.path().join("plain"), "orders", &[]);
    let keys = ["--partition-by", "orders: o_orderstatus"];
    let lake = dir.path().join("lake");
    table(&lake, "orders", &keys);
    let narrow = ["--where", "orders: o_orderstatus <> 'P'"];
    let place = table(&lake, "orders", &[&keys[..], &narrow].concat());
    assert!(files(&place).iter().all(|name| !name.starts_with("o_orderstatus=P/")), "{:?}", files(&place));
    let rest = ["--where", "orders: o_orderstatus = 'P'", "--if-exists", "append"];
    let place = table(&lake, "orders", &[&keys[..], &rest].concat());
    compared(&plain, &place, &["--keys", "o_orderstatus: o_orderstatus"]);
    // Other directories than those that are there would be other columns.
    let args = export_args(tpch(), &lake, &["-i", "orders", "--if-exists", "append"]);
    reports(&Run::new(args).output().exits(65), &["LX0705", "o_orderstatus"]);
}

#[test]
fn null_and_odd_texts_have_directories_and_what_readers_would_misread_is_refused() {
    let url = PgServer::shared().create_db("layout_odd");
    let server = PgServer::shared();
    server.sql(
        "layout_odd",
        "CREATE TABLE t (id int PRIMARY KEY, region text, b boolean, d date, n numeric(8, 2), u uuid, x double precision);
         INSERT INTO t SELECT i, (ARRAY['a/b', 'Ä ö', NULL, '100%', 'x=y', '..', 'C:\\dir', 'q?*\"''#{[^]}'])[1 + i % 8], i % 3 = 0,
             date '2024-02-28' + i % 3, i % 5 - 2.5, '6b29fc40-ca47-1067-b31d-00dd010662da', i FROM generate_series(1, 400) AS i;
         CREATE TABLE lists (id int, l int[]); INSERT INTO lists VALUES (1, '{1,2}');
         CREATE TABLE empty (LIKE t);
         CREATE TABLE blank (id int, region text); INSERT INTO blank VALUES (1, 'a'), (2, '')",
    );
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    export(&url, &plain, &["-i", "t"]).ok();
    for (at, (key, duck)) in [
        ("region", "region: region"),
        ("b, d", "b: b; d: d"),
        ("n, u AS u2", "n: n; u2: u"),
        ("d + time '12:30' AS at", "at: d + TIME '12:30'"),
    ]
    .into_iter()
    .enumerate()
    {
        let lake = dir.path().join(format!("keys{at}"));
        export(&url, &lake, &["-i", "t", "--partition-by", &format!("t: {key}")]).ok();
        compared(&plain.join("public/t"), &lake.join("public/t"), &["--keys", duck]);
    }
    // Without rows readers see the columns all the same.
    let lake = dir.path().join("empty");
    export(&url, &lake, &["-i", "empty", "--partition-by", "empty: year(d) AS y, region"]).ok();
    let found: Vec<String> =
        files(&lake.join("public/empty")).into_iter().filter(|name| name.ends_with(".parquet")).collect();
    assert_eq!(found, ["y=__HIVE_DEFAULT_PARTITION__/region=__HIVE_DEFAULT_PARTITION__/part-00000.parquet"]);

    let lake = dir.path().join("refused");
    let refused =
        |tables: &str, flags: &[&str]| -> Output { export(&url, &lake, &[&["-i", tables], flags].concat()) };
    let blank = refused("blank", &["--partition-by", "blank: region"]).exits(65);
    reports(&blank, &["LX0510", "public.blank", "region", "nullif"]);
    let hashed = refused("t", &["--verify", "hash", "--partition-by", "t: region"]).exits(65);
    reports(&hashed, &["LX0906", "--verify count"]);
    let many = refused("t", &["--partition-by", "t: id", "--max-partitions", "399"]).exits(65);
    reports(&many, &["LX1109", "399", "--max-partitions"]);
    refused("lists", &["--sort-by", "lists: l"]).exits(2).says(&[
        "--sort-by",
        "type without operators",
        "public.lists",
    ]);
    for (flags, words) in [
        (&["--partition-by", "t: x"][..], &["Float64", "cast"][..]),
        (&["--partition-by", "t: regoin"], &["regoin", "did you mean region"]),
        (&["--partition-by", "t: year(d)"], &["AS name"]),
        (&["--partition-by", "t: year(d) AS ID"], &["a column of the files", "id"]),
        (&["--partition-by", "t: year(d) AS y, month(d) AS Y"], &["two partitions"]),
        (&["--partition-by", "t: region", "--partition-by", "t: d"], &["more than one --partition-by"]),
        (&["--partition-by", "t: sum(id) AS s"], &["one row"]),
        (&["--partition-by", "t: id, region, b, d, n, u, x"], &["every column"]),
        (&["--columns", "t: id, region", "--partition-by", "t: d"], &["d", "--partition-by"]),
        (&["--sort-by", "t: regoin"], &["regoin", "did you mean region"]),
        (&["--sort-by", "t: lower(region)"], &["columns of the files"]),
        (&["--sort-by", "t: id,"], &["--sort-by"]),
        (&["--max-file-bytes", "1KiB"], &["64KiB"]),
        (&["--max-file-bytes", "1MiB", "--min-file-bytes", "2MiB"], &["--min-file-bytes"]),
    ] {
        let output = refused("t", flags);
        assert!(matches!(output.code, Some(2 | 65)), "{flags:?}\n{output}");
        output.says(words);
    }
    assert_nothing_visible(&lake);
}

#[test]
fn results_of_queries_have_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("exports.sql");
    std::fs::write(
        &script,
        "COPY (SELECT o_orderkey, o_orderstatus, o_orderdate FROM orders) TO 'plain';
         COPY (SELECT o_orderkey, o_orderstatus, o_orderdate FROM orders ORDER BY o_orderkey DESC)
             TO 'by_status' PARTITIONED BY (o_orderstatus);
         COPY (SELECT o_orderkey, o_orderstatus, o_orderdate, c_name FROM orders JOIN customer ON c_custkey = o_custkey)
             TO 'by_year';
         COPY (SELECT o_orderkey, o_orderdate FROM orders WHERE o_orderkey < 0) TO 'none' PARTITIONED BY (o_orderdate);",
    )
    .unwrap();
    let lake = dir.path().join("lake");
    let args = export_args(tpch(), &lake, &["--script", script.to_str().unwrap(), "--max-open-files", "2"]);
    let by_year = ["--partition-by", "by_year: year(o_orderdate) AS y"].map(std::ffi::OsString::from);
    Run::new(["query"]).args(&args[1..]).args(&by_year).output().ok();
    let place = |name: &str| lake.join("query").join(name);
    let sorted = ["--keys", "o_orderstatus: o_orderstatus"];
    compared(&place("plain"), &place("by_status"), &sorted);
    let manifest = manifest(&place("by_status"));
    assert_eq!(manifest["partition_by"][0]["name"], "o_orderstatus");
    assert_eq!(manifest["partition_by"].as_array().unwrap().len(), 1);
    // ORDER BY holds within each directory.
    let files: Vec<String> =
        files(&place("by_status")).into_iter().filter(|f| f.ends_with(".parquet")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let rows = crate::lake::duck(&format!(
            "SELECT count(*) FROM (SELECT o_orderkey > lag(o_orderkey) OVER (ORDER BY file_row_number) AS late
             FROM read_parquet('{}', file_row_number = true)) WHERE late",
            place("by_status").join(&file).display()
        ));
        assert_eq!(rows.trim(), "0", "{file}");
    }
    let by_year = crate::lake::duck(&format!(
        "SELECT count(*), count(*) FILTER (year(o_orderdate) = y), count(DISTINCT c_name) > 100
         FROM read_parquet('{}/**/*.parquet', hive_partitioning = true)",
        place("by_year").display()
    ));
    assert_eq!(by_year.trim(), "15000|15000|True");
    assert_eq!(crate::lake::files(&place("none")).iter().filter(|f| f.ends_with(".parquet")).count(), 1);
    for (sql, words) in [
        (
            "COPY (SELECT o_orderkey FROM orders) TO 'a' PARTITIONED BY (o_orderkee)",
            ["o_orderkee", "did you mean"],
        ),
        (
            "COPY (SELECT o_orderkey FROM orders) TO 'a' PARTITIONED BY (o_orderkey)",
            ["every column", "line: 1"],
        ),
        (
            "COPY (SELECT o_orderkey, o_clerk FROM orders) TO 'by_year' PARTITIONED BY (o_clerk)",
            ["both PARTITIONED BY", "--partition-by"],
        ),
    ] {
        std::fs::write(&script, sql).unwrap();
        let lake = dir.path().join("refused");
        let args = export_args(tpch(), &lake, &["--script", script.to_str().unwrap()]);
        let by_year = ["--partition-by", "by_year: o_clerk"].map(std::ffi::OsString::from);
        Run::new(["query"]).args(&args[1..]).args(&by_year).output().exits(2).says(&words);
        assert_nothing_visible(&lake);
    }
}

#[test]
fn too_many_partitions_are_counted_before_any_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let many =
        ["-i", "lineitem", "--partition-by", "lineitem: l_orderkey * 2 AS k", "--max-partitions", "2000"];
    let refused = Run::new(export_args(tpch(), dir.path(), &many)).output().exits(65);
    reports(&refused, &["LX1109", "would have 15000 partitions", "--max-partitions allows 2000"]);
    assert_nothing_visible(dir.path());
    // Each part has fewer, and all together have more: cut by ranges of the key, and its first rows do not tell.
    let url = PgServer::shared().create_db("layout_many");
    PgServer::shared().sql(
        "layout_many",
        "CREATE TABLE t AS SELECT g AS id, g / 10 AS k FROM generate_series(1, 3000) g; ALTER TABLE t ADD PRIMARY KEY (id)",
    );
    let flags = [
        "--partition-by",
        "t: (id - 1) / 100 AS k2",
        "--max-partitions",
        "20",
        "--large-table-threshold",
        "1",
    ];
    let cut = ["--table-config", "t:RangeId:id:2"];
    let refused = export(&url, dir.path(), &[&flags[..], &cut].concat()).exits(65);
    reports(&refused, &["LX1109", "would have 30 partitions", "--max-partitions allows 20"]);
    assert_nothing_visible(dir.path());
}

#[test]
fn rows_are_sorted_within_files_that_do_not_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let plain = table(&dir.path().join("plain"), "lineitem", &[]);
    for (name, sort, check, flags) in [
        ("dates", "l_shipdate, l_orderkey DESC", "l_shipdate, l_orderkey desc", &["--apart"][..]),
        ("down", "lineitem: l_extendedprice DESC", "l_extendedprice desc", &["--apart"]),
        ("texts", "l_shipmode, l_comment", "l_shipmode, l_comment", &[]),
    ] {
        let args = ["--sort-by", sort, "-p", "2", "--part-bytes", "512KiB", "--memory-limit", "64MiB"];
        let laid_out = table(&dir.path().join(name), "lineitem", &args);
        let found = compared(&plain, &laid_out, &[&["--sorted", check], flags].concat());
        assert!(found["files"].as_u64().unwrap() > 2, "{name}: {found}");
    }
    let both = ["--sort-by", "l_shipdate", "--partition-by", "lineitem: l_returnflag", "-p", "2"];
    let laid_out = table(&dir.path().join("both"), "lineitem", &both);
    compared(&plain, &laid_out, &["--keys", "l_returnflag: l_returnflag", "--sorted", "l_shipdate"]);
}

#[test]
fn the_same_settings_give_the_same_files_at_any_number_of_readers() {
    let dir = tempfile::tempdir().unwrap();
    for flags in [
        &["--part-bytes", "1MiB"][..],
        &["--part-bytes", "1MiB", "--sort-by", "l_shipmode"],
        &["--part-bytes", "2MiB", "--partition-by", "lineitem: l_shipmode", "--max-file-bytes", "256KiB"],
    ] {
        let mut seen: Option<BTreeMap<String, Vec<u8>>> = None;
        for readers in ["1", "2", "4"] {
            let flags = [&["--deterministic", "-p", readers], flags].concat();
            let place = table(&dir.path().join(readers), "lineitem", &flags);
            let sums = files(&place).into_iter().filter(|name| name.ends_with(".parquet"));
            let found: BTreeMap<String, Vec<u8>> = sums
                .map(|name| {
                    let content = std::fs::read(place.join(&name)).unwrap();
                    (name, content)
                })
                .collect();
            assert!(found.len() > 2, "{flags:?}");
            let first = seen.get_or_insert_with(|| found.clone());
            assert_eq!(first.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{flags:?}");
            for (name, content) in &found {
                assert!(first[name] == *content, "{name} with -p {readers} {flags:?}");
            }
        }
    }
}

#[test]
fn small_parts_are_joined() {
    let dir = tempfile::tempdir().unwrap();
    let many = table(&dir.path().join("many"), "orders", &["-p", "4", "--part-bytes", "128KiB"]);
    let few = ["-p", "4", "--part-bytes", "128KiB", "--min-file-bytes", "1MiB"];
    let few = table(&dir.path().join("few"), "orders", &few);
    let (many_files, few_files) = (files(&many).len(), files(&few).len());
    assert!(few_files < many_files && few_files > 1, "{few_files} of {many_files}");
    compared(&many, &few, &[]);
}
