//! Every way to cut a table, on a real server: the same rows whatever the cut, and slices of like size.
//!
//! `LAKEXPRESS_METHOD_ROWS` sets the rows of the skewed table (60,000 unless set; `make verify-methods` takes
//! 10,000,000).

mod selective;

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::lake::{Output, Run, assert_same, assert_tidy, duck, env_number, export, files, manifest};
use crate::server::PgServer;

const DB: &str = "methods";
/// Slices that are asked for.
const PARTS: usize = 8;
/// The largest file's share of the mean file's size, at most.
const BALANCE: f64 = 1.5;

fn table_rows() -> usize {
    env_number("LAKEXPRESS_METHOD_ROWS", 60_000)
}

/// The URL of a database with a skewed table, made once.
///
/// 30 % of the keys are NULL and lie together, 35 % are 7, the rest are mostly small and some huge; rows are of like
/// size.
fn skewed() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let url = PgServer::shared().create_db(DB);
        let n = table_rows();
        PgServer::shared().sql(
            DB,
            &format!(
                "CREATE TABLE skewed (id bigint PRIMARY KEY, k integer, big bigint, price numeric(12,2), at timestamptz,
                     day date, region text, pad text);
                 INSERT INTO skewed SELECT g, CASE WHEN g <= {n} * 0.3 THEN NULL WHEN g % 2 = 0 THEN 7
                     WHEN g % 100 = 1 THEN 2000000000 - g % 1000 ELSE (power(random(), 8) * 1000000)::int END,
                     CASE WHEN g % 5 > 0 THEN (g % 1000) * 9000000000000000 END, round(power(random(), 6)::numeric * 1e9, 2),
                     CASE WHEN g % 10 > 0 THEN timestamptz '2024-01-01 00:00+00' + random() * interval '400 days' END,
                     date '1900-01-01' + (power(random(), 4) * 40000)::int,
                     CASE WHEN g % 6 > 0 THEN 'region ' || g % 6 || ' it''s' END, md5(g::text) || md5((-g)::text)
                 FROM generate_series(1, {n}) g;
                 CREATE INDEX ON skewed (k); ANALYZE skewed;",
            ),
        );
        url
    })
}

fn cut(dir: &Path, table: &str, config: &str, extra: &[&str]) -> Output {
    let url = skewed();
    let bytes = format!(
        "SELECT greatest(pg_table_size('{table}'), (SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('{table}')))"
    );
    let bytes: u64 = PgServer::shared().query(DB, &bytes).parse().unwrap();
    let part_bytes = (bytes / PARTS as u64 + 1).to_string();
    let config = format!("{table}:{config}");
    let mut flags = vec!["-p", "4", "--large-table-threshold", "10", "--include", table];
    flags.extend(["--part-bytes", &part_bytes, "--table-config", &config]);
    flags.extend(extra);
    export(url, dir, &flags)
}

/// The files of a table: their bytes.
fn sizes(dir: &Path) -> Vec<f64> {
    let listed = manifest(dir)["files"].as_array().unwrap().clone();
    listed.iter().map(|f| f["bytes"].as_f64().unwrap()).collect()
}

/// Method and key, and the fewest files that this makes.
const METHODS: &[(&str, usize)] = &[
    ("None::", 1),
    ("Ctid::4", 8),
    ("RangeId:id:4", 8),
    ("RangeId:k:4", 8),
    ("RangeId:big:4", 8),
    ("RangeId:price:4", 8),
    ("RangeId:at:4", 8),
    ("RangeId:day:4", 8),
    ("RangeId:pad:4", 8),
    ("Ntile:k:4", 8),
    ("Ntile:region:4", 6),
    ("Random:k:4", 8),
    ("Modulo:big:4", 8),
    ("Random:id:4", 8),
    ("DataDriven:region:4", 6),
    ("DataDriven:k % 3:4", 4),
    ("DataDriven:(at AT TIME ZONE 'UTC')::date - extract(doy FROM at AT TIME ZONE 'UTC')::int:4", 3),
];

#[test]
fn every_method_gives_the_same_rows_in_slices_of_like_size() {
    for (config, least) in METHODS {
        let out = tempfile::tempdir().unwrap();
        cut(out.path(), "skewed", config, &[]).ok();
        let dir = out.path().join("public/skewed");
        assert_tidy(&dir);
        assert_same(skewed(), "public.skewed", &dir);
        let sizes = sizes(&dir);
        assert!(sizes.len() >= *least, "{config}: {} files", sizes.len());
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let largest = sizes.iter().copied().fold(0.0, f64::max) / mean;
        println!("{config}: {} files, the largest is {largest:.2} times the mean", sizes.len());
        assert!(
            largest <= BALANCE,
            "{config}: the largest of {} files is {largest:.2} times the mean",
            sizes.len()
        );
    }
}

#[test]
fn a_large_table_is_sampled_and_its_slices_are_still_of_like_size() {
    let server = PgServer::shared();
    skewed();
    // Few rows on many blocks: more than a sample takes.
    server.sql(
        DB,
        "DROP TABLE IF EXISTS sparse; CREATE TABLE sparse (id integer, k integer, pad text) WITH (fillfactor = 10);
         INSERT INTO sparse SELECT g, CASE WHEN g > 20000 THEN nullif((power(random(), 3) * 100)::int, 0) END,
             md5(g::text) || md5((-g)::text) FROM generate_series(1, 100000) g; ANALYZE sparse;",
    );
    let blocks: u64 = server.query(DB, "SELECT pg_relation_size('sparse') / 8192").parse().unwrap();
    assert!(blocks > 9_000, "{blocks} blocks are not enough");
    for config in ["RangeId:k:4", "Random:k:4", "RangeId:pad:4"] {
        let out = tempfile::tempdir().unwrap();
        cut(out.path(), "sparse", config, &[]).ok();
        let dir = out.path().join("public/sparse");
        assert_same(skewed(), "public.sparse", &dir);
        let sizes = sizes(&dir);
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let largest = sizes.iter().copied().fold(0.0, f64::max) / mean;
        assert!(
            sizes.len() >= PARTS && largest <= BALANCE,
            "{config}: {largest:.2} of {} files",
            sizes.len()
        );
    }
}

#[test]
fn data_driven_files_hold_one_value_each() {
    let out = tempfile::tempdir().unwrap();
    cut(out.path(), "skewed", "DataDriven:region:2", &[]).ok();
    let files = format!("{}/public/skewed/*.parquet", out.path().display());
    let query = format!(
        "SELECT max(n) FROM (SELECT count(DISTINCT coalesce(region, '')) AS n FROM \
         read_parquet('{files}', filename=true) GROUP BY filename)"
    );
    assert_eq!(duck(&query), "1");
}

#[test]
fn time_partitions_are_hive_directories() {
    for (unit, name, format) in [
        ("year", "year", "%Y"),
        ("year,month", "year || '/' || month", "%Y/%m"),
        ("year,week", "year || '/' || week", "%G/%V"),
    ] {
        let out = tempfile::tempdir().unwrap();
        cut(out.path(), "skewed", &format!("Timepartition:(at,{unit}):2"), &[]).ok();
        let dir = out.path().join("public/skewed");
        assert_tidy(&dir);
        assert_same(skewed(), "public.skewed", &dir);
        // DuckDB makes columns of the directories.
        let read = format!(
            "read_parquet('{}/**/*.parquet', hive_partitioning=true, hive_types_autocast=false)",
            dir.display()
        );
        let wrong = duck(&format!(
            "SELECT count(*) FROM {read} WHERE ({name}) IS DISTINCT FROM strftime(\"at\" AT TIME ZONE 'UTC', '{format}')"
        ));
        assert_eq!(wrong, "0", "{unit}");
        assert!(files(&dir).iter().any(|f| f.starts_with("year=2024/")), "{:?}", files(&dir));
        assert!(files(&dir).iter().any(|f| f.starts_with("year=__HIVE_DEFAULT_PARTITION__/")));
        // Another cut of the same table replaces these files, those in directories too.
        cut(out.path(), "skewed", "None::", &[]).ok();
        assert_tidy(&dir);
        assert_same(skewed(), "public.skewed", &dir);
        // Directories beside plain files would be a table that no reader understands: nothing is added.
        let hive = format!("Timepartition:(at,{unit}):2");
        let run = cut(out.path(), "skewed", &hive, &["--if-exists", "append"]);
        assert!(run.code != Some(0) && run.stdout.contains("lie in other directories"), "{run}");
        assert_tidy(&dir);
        assert_same(skewed(), "public.skewed", &dir);
        // The same directories are added to.
        cut(out.path(), "skewed", &hive, &[]).ok();
        cut(out.path(), "skewed", &hive, &["--if-exists", "append"]).ok();
        assert_tidy(&dir);
        assert_eq!(manifest(&dir)["rows"], 2 * table_rows());
    }
    let out = tempfile::tempdir().unwrap();
    cut(out.path(), "skewed", "Timepartition:(day,year,month,day):2", &["--consistency", "none"])
        .exits_one_of(&[1, 2])
        .no_panic();
    assert!(!out.path().join("public/skewed/_manifest.json").exists());
}

#[test]
fn the_plan_shows_every_slice_with_its_condition() {
    for (config, condition) in [
        ("Timepartition:(day,year):8", "\"day\" >= "),
        ("DataDriven:region:8", "\"region\" = 'region 1 it''s'"),
        ("Ntile:k:8", "\"k\" IS NOT DISTINCT FROM NULL AND ctid"),
        ("Random:k:8", "% 8) = 3"),
    ] {
        let config = format!("skewed:{config}");
        let flags = ["--include", "skewed", "--large-table-threshold", "10", "--part-bytes", "1GiB"];
        let plan = Run::new(["plan", "--json", "--source", skewed(), "--output-dir", "/nonexistent"]);
        let plan = plan.args(flags).args(["-p", "8", "--table-config", &config]).output().ok();
        let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
        let parts = plan["tables"][0]["parts"].as_array().unwrap().clone();
        let conditions: Vec<&str> = parts.iter().filter_map(|part| part["condition"].as_str()).collect();
        assert!(conditions.iter().any(|c| c.contains(condition)), "{config}: {conditions:?}");
    }
}

#[test]
fn days_before_christ_and_infinities_have_a_directory_too() {
    let server = PgServer::shared();
    skewed();
    server.sql(
        DB,
        "DROP TABLE IF EXISTS ages; CREATE TABLE ages (id integer, day date, at timestamp);
         INSERT INTO ages VALUES (1, '0044-03-15 BC', '0044-03-15 BC'), (2, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC'),
             (3, '0001-01-01', '0001-01-01'), (4, 'infinity', '-infinity'), (5, NULL, NULL), (6, '9999-12-31', '9999-12-31'),
             (7, '200000-06-01', '200000-06-01');",
    );
    for column in ["day", "at"] {
        let out = tempfile::tempdir().unwrap();
        let config = format!("Timepartition:({column},year):2");
        cut(out.path(), "ages", &config, &["--special-values", "null"]).ok();
        let dir = out.path().join("public/ages");
        let mut found: Vec<String> =
            files(&dir).iter().filter_map(|f| Some(f.split_once('/')?.0.to_owned())).collect();
        found.dedup();
        let expected = [
            "year=-043",
            "year=0000",
            "year=0001",
            "year=200000",
            "year=9999",
            "year=__HIVE_DEFAULT_PARTITION__",
        ];
        assert_eq!(found, expected, "{column}");
        let ids =
            duck(&format!("SELECT string_agg(id, ',' ORDER BY id) FROM '{}/**/*.parquet'", dir.display()));
        assert_eq!(ids, "1,2,3,4,5,6,7", "{column}");
    }
}

#[test]
fn the_partitions_of_the_database_are_slices() {
    let server = PgServer::shared();
    skewed();
    server.sql(
        DB,
        r#"DROP TABLE IF EXISTS parted; DROP SCHEMA IF EXISTS "odd ""one" CASCADE; CREATE SCHEMA "odd ""one";
           CREATE TABLE parted (id bigint, at date, pad text) PARTITION BY RANGE (id);
           CREATE TABLE "odd ""one"."part 1" PARTITION OF parted FOR VALUES FROM (0) TO (1000);
           CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (20000) PARTITION BY HASH (at);
           CREATE TABLE parted_2a PARTITION OF parted_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
           -- Columns in another order, with one that was dropped.
           CREATE TABLE parted_2b (pad text, gone integer, at date, id bigint);
           ALTER TABLE parted_2b DROP COLUMN gone;
           ALTER TABLE parted_2 ATTACH PARTITION parted_2b FOR VALUES WITH (MODULUS 2, REMAINDER 1);
           CREATE TABLE parted_n PARTITION OF parted DEFAULT;
           INSERT INTO parted SELECT g, date '2020-01-01' + g % 700, md5(g::text) FROM generate_series(1, 40000) g;
           INSERT INTO parted SELECT NULL, NULL, NULL FROM generate_series(1, 10);
           DROP TABLE IF EXISTS heir; DROP TABLE IF EXISTS parent; CREATE TABLE parent (id integer, t text);
           CREATE TABLE heir (more integer) INHERITS (parent);
           INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 500) g;
           INSERT INTO heir SELECT g, 'h', g FROM generate_series(1, 500) g; ANALYZE;"#,
    );
    let out = tempfile::tempdir().unwrap();
    cut(out.path(), "parted", "DBPartition::3", &[]).ok();
    let dir = out.path().join("public/parted");
    assert_tidy(&dir);
    assert_same(skewed(), "public.parted", &dir);
    let slices: Vec<Value> =
        manifest(&dir)["files"].as_array().unwrap().iter().map(|f| f["slice"].clone()).collect();
    let named = |name: &str| slices.iter().filter(|s| s.to_string().contains(name)).count();
    assert!(named("part 1") == 1 && named("parted_2a") >= 1 && named("parted_n") > 1, "{slices:?}");

    cut(out.path(), "parent", "DBPartition::2", &[]).ok();
    assert_same(skewed(), "public.parent", &out.path().join("public/parent"));

    // Who may read a partition only through its parent is told what else there is.
    server.sql(
        DB,
        "DROP ROLE IF EXISTS outsider; CREATE ROLE outsider LOGIN; GRANT SELECT ON parted TO outsider;",
    );
    let url = server.url_as("outsider", "x", DB);
    let flags = ["--include", "parted", "--large-table-threshold", "10", "--table-config"];
    let refused = export(&url, out.path(), &[&flags[..], &["parted:DBPartition::2"]].concat());
    refused.exits(2).says(&["DBPartition", "Ctid"]);
    export(&url, out.path(), &[&flags[..], &["parted:RangeId:id:2"]].concat()).ok();
    assert_same(skewed(), "public.parted", &dir);
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_what_can() {
    for (config, words) in [
        ("Sideways::", ["Sideways", "DBPartition"]),
        ("Random:region:2", ["integer", "region"]),
        ("Timepartition:(region,year):2", ["date or timestamp", "region"]),
        ("Timepartition:(at,month):2", ["(at,month)", "(column,year,month)"]),
        ("Timepartition:(att,year):2", ["att", "did you mean at"]),
        ("RangeId:nope:2", ["nope", "does not exist"]),
        ("DataDriven::2", ["DataDriven", "key"]),
        ("DataDriven:no_such_column + 1:2", ["no_such_column", "--table-config"]),
        ("DataDriven:id:2", ["DataDriven", "10000 files"]),
        ("DBPartition::2", ["DBPartition", "Ctid"]),
    ] {
        let out = tempfile::tempdir().unwrap();
        let run = cut(out.path(), "skewed", config, &[]);
        assert_ne!(run.code, Some(0), "{config}\n{run}");
        for word in words {
            assert!(run.stdout.contains(word) || run.stderr.contains(word), "{config}: no {word:?}\n{run}");
        }
        assert!(!out.path().join("public/skewed/_manifest.json").exists());
        run.no_panic();
    }
}

#[test]
fn keys_with_an_order_or_an_end_of_their_own_are_read_once() {
    let server = PgServer::shared();
    skewed();
    // citext sorts without regard to case; the last timestamp of PostgreSQL is past the end of its year in 64 bits.
    server.sql(
        DB,
        "CREATE EXTENSION IF NOT EXISTS citext; DROP TABLE IF EXISTS mixed;
         CREATE TABLE mixed (id integer, c citext, at timestamp, year integer);
         INSERT INTO mixed SELECT g, CASE WHEN g % 2 = 0 THEN upper(md5(g::text)) ELSE md5(g::text) END,
             CASE g WHEN 1 THEN '294276-12-31' ELSE timestamp '2024-01-01' + g * interval '1 hour' END, g
         FROM generate_series(1, 20000) g; ANALYZE mixed;",
    );
    for config in
        ["Ntile:c:4", "RangeId:c:4", "Timepartition:(at,year):2", "DataDriven:lower(left(c::text, 1)):4"]
    {
        let out = tempfile::tempdir().unwrap();
        cut(out.path(), "mixed", config, &["--columns", "public.mixed: id, c"]).ok();
        let files = format!("{}/public/mixed/**/*.parquet", out.path().display());
        let found =
            duck(&format!("SELECT count(*) || ' ' || count(DISTINCT id) FROM read_parquet('{files}')"));
        assert_eq!(found, "20000 20000", "{config}");
    }
    let out = tempfile::tempdir().unwrap();
    let refused =
        cut(out.path(), "mixed", "Timepartition:(at,year):2", &["--columns", "public.mixed: id, year"]);
    refused.exits(2).says(&["year=", "--columns"]);
    let refused = cut(out.path(), "mixed", "DataDriven:(random() * 7)::int:4", &[]);
    refused.exits(2).says(&["random", "DataDriven"]);
}
