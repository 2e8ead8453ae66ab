//! Page indexes and Bloom filters: readers skip what they rule out, and find every row all the same.

use std::path::Path;

use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use serde_json::Value;

use crate::lake::{
    Run, assert_same_values, assert_tidy, duck, env_number, export, export_args, manifest, script,
};
use crate::server::PgServer;

/// Odd values of every type that may have a filter; several pages and row groups, some of NULLs alone.
const ODD: &str = "
    CREATE TABLE odd (id bigint PRIMARY KEY, small smallint, n integer, money numeric(9,2), big numeric(18,4),
        d date, at timestamp, tz timestamptz, t text COLLATE \"C\", u uuid, wide numeric(30,2), f float8, bin bytea);
    INSERT INTO odd SELECT g - 30000, CASE WHEN g / 20000 <> 1 THEN (g * 7919) % 65536 - 32768 END,
        CASE WHEN g % 3 > 0 THEN (hashint4(g)) END, (g * 7919 % 1000003 - 500000) / 100.0,
        CASE WHEN g / 17000 <> 1 THEN (hashint8(g)::numeric * 1000) / 10000 END,
        date '1582-10-15' + g % 30000 - 700, timestamp '1969-12-31 23:59:59.999999' + (g - 30000) * interval '1 minute 1 microsecond',
        timestamptz '2000-01-01 00:00+00' - (g % 9) * interval '1 second',
        CASE g % 5 WHEN 0 THEN '' WHEN 1 THEN repeat('long ä€ ', 20) || g WHEN 2 THEN NULL ELSE 'it''s ' || g % 4000 END,
        CASE WHEN g % 7 > 0 THEN md5(g::text)::uuid END, g::numeric * 10::numeric^23, g / 3.0, decode(md5(g::text), 'hex')
    FROM generate_series(1, 60000) g";
const FILTERED: &str = "odd: id, small, n, money, big, d, at, tz, t, u";

fn steered_and_bare(db: &str, flags: &[&str]) -> (tempfile::TempDir, tempfile::TempDir) {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, ODD);
    server.sql(db, "ANALYZE odd");
    let (steered, bare) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let base = [&["--row-group-rows", "40000"], flags].concat();
    export(&url, bare.path(), &base).ok();
    let more = [
        "--page-index",
        "on",
        "--bloom-filter",
        FILTERED,
        "--column-compression",
        "odd: t=none, bin=gzip(9)",
    ];
    export(&url, steered.path(), &[&base[..], &more].concat()).ok();
    assert_tidy(&steered.path().join("public/odd"));
    assert_same_values(&url, "public.odd", &steered.path().join("public/odd"), &[]);
    Run::new(["verify", "--read-data"]).args([steered.path()]).output().ok();
    (steered, bare)
}

#[test]
fn readers_find_the_same_rows_with_page_indexes_and_filters_and_without() {
    for (db, flags) in [("steered_any", &["--readers", "any"]), ("steered_modern", &["--readers", "modern"])]
    {
        let (steered, bare) = steered_and_bare(db, flags);
        let [steered, bare] = [&steered, &bare].map(|dir| dir.path().join("public/odd"));
        let filters = duck(&format!(
            "SELECT path_in_schema, count(bloom_filter_offset) > 0 FROM parquet_metadata('{}/*.parquet') GROUP BY ALL ORDER BY ALL",
            steered.display()
        ));
        for column in ["id", "small", "n", "money", "big", "d", "at", "tz", "t", "u"] {
            assert!(filters.contains(&format!("{column}|True")), "{filters}");
        }
        assert!(filters.contains("f|False") && filters.contains("bin|False"), "{filters}");
        let codecs = duck(&format!(
            "SELECT DISTINCT compression FROM parquet_metadata('{}/*.parquet') WHERE path_in_schema IN ('t', 'bin', 'id') ORDER BY ALL",
            steered.display()
        ));
        assert_eq!(codecs.split_whitespace().collect::<Vec<_>>(), ["GZIP", "UNCOMPRESSED", "ZSTD"]);
        let [with, without] = [&steered, &bare].map(|dir| dir.to_str().unwrap());
        let answer = script("steering.py", ["compare", "--with", with, "--without", without]).ok();
        println!("{}", answer.stdout.trim_end());
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert!(answer["asked"]["DuckDB"].as_u64().unwrap() > 300, "{answer}");
        let counts = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut counts = Vec::new();
            for dir in [&steered, &bare] {
                counts.push(counts_of_datafusion(dir).await);
            }
            counts
        });
        assert_eq!(counts[0], counts[1], "DataFusion");
        assert!(counts[0].iter().filter(|(_, count)| *count > 0).count() > 30, "{counts:?}");
    }
}

/// Filters over every column with a filter, and the rows that DataFusion finds by pages and filters.
async fn counts_of_datafusion(dir: &Path) -> Vec<(String, usize)> {
    let mut config = SessionConfig::new().with_target_partitions(1);
    let parquet = &mut config.options_mut().execution.parquet;
    (parquet.enable_page_index, parquet.bloom_filter_on_read, parquet.pushdown_filters) = (true, true, true);
    let context = SessionContext::new_with_config(config);
    context.register_parquet("odd", dir.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    let mut counts = Vec::new();
    for column in ["id", "small", "n", "money", "big", "d", "at", "tz", "t", "u"] {
        let sample = format!(
            "SELECT DISTINCT arrow_cast(\"{column}\", 'Utf8') AS v FROM odd WHERE \"{column}\" IS NOT NULL ORDER BY v LIMIT 4"
        );
        let values = match context.sql(&sample).await {
            Ok(frame) => texts(&frame.collect().await.unwrap_or_default()),
            // DataFusion has no text of 16 bytes.
            Err(_) => Vec::new(),
        };
        let conditions =
            values.iter().map(|v| format!("= '{}'", v.replace('\'', "''"))).chain(["IS NULL".into()]);
        for condition in conditions {
            let sql = format!("SELECT id FROM odd WHERE \"{column}\" {condition}");
            let found = context.sql(&sql).await.unwrap().collect().await.unwrap();
            counts.push((sql, found.iter().map(|batch| batch.num_rows()).sum()));
        }
    }
    counts
}

fn texts(batches: &[arrow::array::RecordBatch]) -> Vec<String> {
    let text = |batch: &arrow::array::RecordBatch| {
        let column = arrow::compute::cast(batch.column(0), &arrow_schema::DataType::Utf8).unwrap();
        let column = arrow::array::AsArray::as_string::<i32>(&column).clone();
        (0..arrow::array::Array::len(&column)).map(|row| column.value(row).to_owned()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(text).collect()
}

/// The filters of four readers over every type at its edges, in files with all that can steer them.
#[test]
fn readers_that_skip_by_filters_find_the_rows_of_the_server() {
    let server = PgServer::shared();
    let url = server.create_db("steered_edges");
    server.sql("steered_edges", &script("bounds.py", ["sql"]).ok().stdout);
    server.sql("steered_edges", "ANALYZE edges");
    let out = tempfile::tempdir().unwrap();
    let flags = [
        "--large-table-threshold",
        "100",
        "--part-bytes",
        "512KiB",
        "--row-group-rows",
        "64",
        "-p",
        "2",
        "--special-values",
        "null",
        "--readers",
        "modern",
        "--page-index",
        "on",
        "--bloom-filter",
        "edges: i2, i4, i8, o, n9, n18, d, far, ts, tz, tm, t, u",
    ];
    export(&url, out.path(), &flags).ok();
    let dir = out.path().join("public/edges");
    let filters = env_number("LAKEXPRESS_BOUND_FILTERS", 8).to_string();
    let dir = dir.to_str().unwrap();
    let found = duck(&format!("SELECT count(bloom_filter_offset) FROM parquet_metadata('{dir}/*.parquet')"));
    assert!(found.trim().parse::<u64>().unwrap() > 100, "{found}");
    let answer = script("bounds.py", ["check", "--url", &url, "--dir", dir, "--filters", &filters]).ok();
    println!("{}", answer.stdout.trim_end());
}

/// `LAKEXPRESS_LOOKS=1000` is the long form.
#[test]
fn a_look_up_over_a_hundred_files_opens_one() {
    let server = PgServer::shared();
    let url = server.create_db("look_up");
    server.sql(
        "look_up",
        "CREATE TABLE keys (k bigint, t text, pad text);
         INSERT INTO keys SELECT abs(hashint8extended(g, 1)), 'key ' || md5(g::text), repeat('p', 60)
         FROM generate_series(1, 200000) g",
    );
    server.sql("look_up", "ANALYZE keys");
    let out = tempfile::tempdir().unwrap();
    let cut = ["--large-table-threshold", "100", "--part-bytes", "200KiB", "-p", "2"];
    export(&url, out.path(), &[&cut[..], &["--bloom-filter", "keys: auto"]].concat()).ok();
    let dir = out.path().join("public/keys");
    let count = manifest(&dir)["files"].as_array().unwrap().len();
    assert!(count >= 100, "{count} files");
    let looks = env_number("LAKEXPRESS_LOOKS", 50).to_string();
    for column in ["k", "t"] {
        let args = ["probe", "--dir", dir.to_str().unwrap(), "--column", column, "--looks", &looks];
        let answer = script("steering.py", args).ok();
        println!("{column}: {}", answer.stdout.trim_end());
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!((&answer["files"], &answer["filters"]), (&100.into(), &answer["row_groups"]), "{answer}");
        let opened = |what: &str| answer["opened"][what].as_f64().unwrap();
        assert!(opened("there") >= 1.0 && opened("there") <= 1.2, "{answer}");
        assert!(opened("absent") <= 0.2, "{answer}");
        assert!(answer["bytes_for_a_value"].as_f64().unwrap() < 4.5, "{answer}");
    }
}

#[test]
fn what_the_files_cannot_have_is_refused_before_anything_is_read() {
    let server = PgServer::shared();
    let url = server.create_db("steering_refused");
    server.sql(
        "steering_refused",
        "CREATE TABLE t (id integer, note text, f float8, l integer[]); INSERT INTO t VALUES (1)",
    );
    let out = tempfile::tempdir().unwrap();
    let refused: [(&[&str], &[&str]); 8] = [
        (
            &["--bloom-filter", "t: nots"],
            &["column 'nots' of --bloom-filter", "did you mean note?", "public.t"],
        ),
        (&["--bloom-filter", "t: f"], &["no bloom filter", "column: f", "public.t"]),
        (&["--bloom-filter", "t: l"], &["no bloom filter", "column: l"]),
        (&["--columns", "t: id", "--column-compression", "t: note=none"], &["not in the files", "note"]),
        (
            &["--column-compression", "t: id=none", "--column-compression", "%: id=snappy"],
            &["the codecs none and snappy", "column 'id'"],
        ),
        (&["--parquet-metadata", "geo={}"], &["the key 'geo'", "has a meaning"]),
        (
            &["--parquet-metadata", "from=postgres://me:hunter2@h/d"],
            &["--parquet-metadata has a password in it"],
        ),
        (
            &["--parquet-metadata", "from=postgres://me:hunter2@h/d"],
            &["--parquet-metadata has a password in it"],
        ),
    ];
    for (flags, words) in refused {
        export(&url, out.path(), flags).exits(2).says(words);
        assert!(!out.path().join("public").exists(), "{flags:?}");
    }
    let plan = [
        "--page-index",
        "on",
        "--bloom-filter",
        "t: id, note",
        "--column-compression",
        "t: note=zstd(9)",
        "--parquet-metadata",
        "team=sales",
    ];
    let text = Run::new(["plan"]).args(&export_args(&url, out.path(), &plan)[1..]).output().ok().stdout;
    for line in
        ["page index", "Bloom filters  id, note", "codec          note zstd(9)", "metadata       team=sales"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json =
        Run::new(["plan", "--json"]).args(&export_args(&url, out.path(), &plan)[1..]).output().ok().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let files = &json["tables"][0]["files"];
    assert_eq!(files["bloom_filters"], serde_json::json!(["id", "note"]), "{json}");
    assert_eq!(files["codecs"][0]["compression"], serde_json::json!({"zstd": 9}), "{json}");
    // Queries have them by their own name.
    let query = [
        "--name",
        "numbers",
        "SELECT id, note FROM t",
        "--bloom-filter",
        "numbers: id",
        "--parquet-metadata",
        "team=sales",
    ];
    let args = [&export_args(&url, out.path(), &[])[1..], &query.map(Into::into)].concat();
    Run::new(["query"]).args(args).output().ok();
    let found = duck(&format!(
        "SELECT decode(key), decode(value) FROM parquet_kv_metadata('{}/query/numbers/*.parquet') WHERE decode(key) = 'team'",
        out.path().display()
    ));
    assert_eq!(found.trim(), "team|sales");
}
