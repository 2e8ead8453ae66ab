//! Metadata of the Common Data Model, read by Microsoft's own reader.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lake::{Output, Run, export_args, files, json as document, manifest, script};
use crate::server::PgServer;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;

/// Foreign keys of TPC-H, one of them of two columns.
const KEYS: &[(&str, &str, &str)] = &[
    ("nation", "n_regionkey", "region (r_regionkey)"),
    ("supplier", "s_nationkey", "nation (n_nationkey)"),
    ("customer", "c_nationkey", "nation (n_nationkey)"),
    ("partsupp", "ps_partkey", "part (p_partkey)"),
    ("partsupp", "ps_suppkey", "supplier (s_suppkey)"),
    ("orders", "o_custkey", "customer (c_custkey)"),
    ("lineitem", "l_orderkey", "orders (o_orderkey)"),
    ("lineitem", "l_partkey, l_suppkey", "partsupp (ps_partkey, ps_suppkey)"),
];

/// TPC-H with foreign keys, and a second schema with what is hard to name.
fn shop() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let server = PgServer::shared();
        let url = server.create_db("cdm_shop");
        script("load_tpch.py", ["--url", &url, "--scale", "0.01"]).ok();
        for (table, columns, target) in KEYS {
            let name = format!("{table}_{}", columns.replace(", ", "_"));
            server.query(
                "cdm_shop",
                &format!("ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {target}"),
            );
        }
        server.query(
            "cdm_shop",
            "CREATE SCHEMA \"ref: x\";
             CREATE TABLE \"ref: x\".date (
                 id uuid PRIMARY KEY, day date NOT NULL, at timestamptz, local timestamp, clock time, big numeric(50,5),
                 doc jsonb, raw bytea, ok boolean, small smallint, r real, d double precision, tags text[],
                 name varchar(25), code character(3), \"with space/slash\" integer REFERENCES public.region,
                 self uuid REFERENCES \"ref: x\".date);
             INSERT INTO \"ref: x\".date (id, day) VALUES ('6b1d4d4c-0000-4000-8000-000000000001', '2024-02-29');
             CREATE TABLE \"ref: x\".\"a/b c\" (id integer, day uuid REFERENCES \"ref: x\".date, PRIMARY KEY (id) INCLUDE (day));
             CREATE TABLE \"ref: x\".parted (id integer PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE \"ref: x\".parted_1 PARTITION OF \"ref: x\".parted FOR VALUES FROM (0) TO (10);
             CREATE TABLE \"ref: x\".parent (id integer PRIMARY KEY, p integer REFERENCES \"ref: x\".parted);
             CREATE TABLE \"ref: x\".child () INHERITS (\"ref: x\".parent);
             CREATE TABLE \"ref: x\".points (p integer REFERENCES \"ref: x\".parted)",
        );
        url
    })
}

/// A run log of its own.
struct Log(TempDir);

impl Log {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::new(args).env("XDG_STATE_HOME", self.0.path())
    }

    /// The id of the only run.
    fn run_id(&self) -> String {
        let runs = self.run(["runs", "--json"]).output().ok();
        let runs: Value = serde_json::from_str(&runs.stdout).unwrap();
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }
}

/// What Microsoft's reader makes of a manifest. Fails on any of its warnings.
#[track_caller]
fn read(dir: &Path, name: &str) -> Value {
    let output = script("read_cdm.py", ["--dir", dir.to_str().unwrap(), "--manifest", name]).ok();
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}

fn rows(entity: &Value) -> u64 {
    entity["partitions"].as_array().unwrap().iter().map(|p| p["rows"].as_u64().unwrap()).sum()
}

fn attribute<'a>(entity: &'a Value, name: &str) -> &'a Value {
    let mut attributes = entity["attributes"].as_array().unwrap().iter();
    attributes.find(|a| a["name"] == name).unwrap_or_else(|| panic!("{name} is not in {entity}"))
}

#[test]
fn microsofts_reader_finds_every_entity_file_type_and_key_of_a_postgres_export() {
    let out = tempfile::tempdir().unwrap();
    let flags =
        ["--generate-metadata", "-p", "2", "--part-bytes", "128KiB", "--large-table-threshold", "10000"];
    let modern = [&flags[..], &["--readers", "modern"]].concat();
    let output = Run::new(export_args(shop(), out.path(), &modern)).output().ok();
    assert!(output.stdout.contains("metadata     8 files"), "{output}");
    let database = read(out.path(), "cdm_shop.manifest.cdm.json");
    assert_eq!(database["name"], "cdm_shop");
    let public = &database["below"]["public"];
    for table in crate::tpch::TABLES {
        let entity = &public["entities"][table];
        let written = manifest(&out.path().join("public").join(table));
        assert_eq!(rows(entity), written["rows"], "{table}");
        assert_eq!(
            entity["partitions"].as_array().unwrap().len(),
            written["files"].as_array().unwrap().len(),
            "{table}"
        );
    }
    assert!(public["entities"]["lineitem"]["partitions"].as_array().unwrap().len() > 4);
    let lineitem = &public["entities"]["lineitem"];
    let price = attribute(lineitem, "l_extendedprice");
    assert_eq!(price["format"], "Decimal");
    assert_eq!(price["shape"], json!({"precision": "15", "scale": "2"}));
    let keys: Vec<&Value> = lineitem["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["key"] == true)
        .map(|a| &a["name"])
        .collect();
    assert_eq!(keys, ["l_orderkey", "l_linenumber"]);
    assert_eq!(attribute(lineitem, "l_comment")["length"], 44);
    assert_eq!(attribute(&public["entities"]["region"], "r_comment")["nullable"], true);
    assert_eq!(attribute(&public["entities"]["region"], "r_name")["nullable"], false);

    let mut expected: Vec<Value> = Vec::new();
    for (table, columns, target) in KEYS {
        let (target, references) = target.trim_end_matches(')').split_once(" (").unwrap();
        for (column, reference) in columns.split(", ").zip(references.split(", ")) {
            let name = format!("{table}_{}", columns.replace(", ", "_"));
            expected.push(json!([name, format!("{table}.{column}"), format!("{target}.{reference}")]));
        }
    }
    let mut found = public["relationships"].as_array().unwrap().clone();
    for list in [&mut expected, &mut found] {
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!(found, expected);
    assert_eq!(
        fs::read(out.path().join("public/manifest.json")).unwrap(),
        fs::read(out.path().join("public/public.manifest.cdm.json")).unwrap()
    );
    hard_names(&database);
    // To those who look at tables only, the metadata is not there.
    Run::new(["verify", out.path().to_str().unwrap()]).output().ok();
}

/// The schema `ref: x` as the reader sees it.
fn hard_names(database: &Value) {
    let other = &database["below"]["ref: x"];
    let date = &other["entities"]["date"];
    for (name, format) in [
        ("id", "Guid"),
        ("day", "Date"),
        ("at", "DateTimeOffset"),
        ("local", "DateTime"),
        ("clock", "Time"),
        ("big", "Decimal"),
        ("doc", "Json"),
        ("raw", "Binary"),
        ("ok", "Boolean"),
        ("small", "Int16"),
        ("r", "Float"),
        ("d", "Double"),
        ("tags", "Unknown"),
        ("name", "String"),
        ("with space/slash", "Int32"),
    ] {
        assert_eq!(attribute(date, name)["format"], format, "{name}");
    }
    assert_eq!(
        (&attribute(date, "name")["length"], &attribute(date, "code")["length"]),
        (&25.into(), &3.into())
    );
    assert_eq!(attribute(date, "big")["shape"], json!({"precision": "50", "scale": "5"}));
    assert_eq!(rows(date), 1);
    let included = &other["entities"]["a%2Fb c"];
    assert_eq!(
        (&attribute(included, "id")["key"], &attribute(included, "day")["key"]),
        (&true.into(), &false.into())
    );
    // The key of a table whose children's rows are read with its own says nothing.
    assert_eq!(attribute(&other["entities"]["parent"], "id")["key"], false);
    let mut ends: Vec<String> =
        other["relationships"].as_array().unwrap().iter().map(|r| format!("{} {}", r[1], r[2])).collect();
    ends.sort();
    // One for the partitioned table, none for each of its partitions.
    let expected = [r#""a%2Fb c.day" "date.id""#, r#""date.self" "date.id""#, r#""points.p" "parted.id""#];
    assert_eq!(ends, expected);
    let between = json!([["date_with space/slash_fkey", "date.with space/slash", "region.r_regionkey"]]);
    assert_eq!(database["relationships"], between);
}

#[test]
fn metadata_of_an_earlier_run_is_the_same_in_new_and_old_words() {
    let (log, out) = (Log::new(), tempfile::tempdir().unwrap());
    let flags = [
        "-i",
        "public.%",
        "--sub-path",
        "daily/x",
        "--table-config",
        "orders:Timepartition:(o_orderdate,year):2",
    ];
    let with_metadata =
        [&flags[..], &["--generate-metadata", "--include-entity-files", "--manifest-name", "shop"]].concat();
    log.run(export_args(shop(), out.path(), &with_metadata)).output().ok();
    let root = out.path().join("daily/x");
    let database = read(&root, "cdm_shop.manifest.cdm.json");
    assert_eq!(database["name"], "shop");
    let orders = &database["below"]["shop"]["entities"]["orders"];
    let years: Vec<&Value> =
        orders["partitions"].as_array().unwrap().iter().map(|p| &p["arguments"]["year"][0]).collect();
    assert_eq!(years[0], "1992");
    assert_eq!(rows(orders), 15_000);

    let documents = || -> Vec<(String, Vec<u8>)> {
        let names = files(&root).into_iter().filter(|name| name.ends_with(".json") && !name.contains("/_"));
        names.map(|name| (name.clone(), fs::read(root.join(&name)).unwrap())).collect()
    };
    let first = documents();
    assert_eq!(first.len(), 8 + 2 + 2, "{:?}", first.iter().map(|(name, _)| name).collect::<Vec<_>>());
    let remove = || first.iter().for_each(|(name, _)| fs::remove_file(root.join(name)).unwrap());
    let run_id = log.run_id();
    remove();
    let more = ["--include-entity-files", "--manifest-name", "shop"];
    let output = log.run(["metadata", &run_id[..13]]).args(more).output().ok();
    assert!(output.stdout.contains("metadata     12 files"), "{output}");
    assert!(documents() == first, "{output}");
    remove();
    let old =
        ["--generate_metadata", "--run_id", &run_id, "--include_entity_files", "--manifest_name", "shop"];
    log.run(old).args([OsString::from("--output_dir"), out.path().into()]).output().ok();
    assert!(documents() == first);
    let unknown = log.run(["metadata", "nope"]).output().exits(USAGE);
    unknown.says(&["no run 'nope'", "lakexpress runs"]);
}

#[test]
fn a_schema_with_a_failed_table_gets_none_and_the_others_do() {
    let (log, out) = (Log::new(), tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db("cdm_partly");
    server.query(
        "cdm_partly",
        "CREATE SCHEMA good; CREATE TABLE good.t (id integer PRIMARY KEY);
         CREATE TABLE public.fine (id integer); CREATE TABLE public.bad (id numeric(5,2));
         INSERT INTO public.bad VALUES ('NaN')",
    );
    let output: Output =
        log.run(export_args(&url, out.path(), &["--generate-metadata"])).output().exits(SOME_FAILED);
    assert!(
        output.stdout.contains("none for schema public: not all of its tables are there and good: bad"),
        "{output}"
    );
    let written: Vec<String> =
        files(out.path()).into_iter().filter(|f| f.ends_with("manifest.json")).collect();
    assert_eq!(written, ["good/manifest.json", "good/t/_manifest.json", "public/fine/_manifest.json"]);
    read(&out.path().join("good"), "good.manifest.cdm.json");
    let summary = document(&out.path().join(format!("_lakexpress/{}.json", log.run_id())));
    assert_eq!(summary["metadata"]["skipped"][0]["schema"], "public");
    // And so it is later, as long as the table is not there.
    log.run(["metadata", &log.run_id()]).output().exits(SOME_FAILED);
    assert!(!out.path().join("manifest.json").exists());
}

#[test]
fn metadata_that_cannot_be_written_leaves_the_tables_and_says_how_to_try_again() {
    let (log, out) = (Log::new(), tempfile::tempdir().unwrap());
    fs::create_dir_all(out.path().join("public/manifest.json")).unwrap();
    let output = log.run(export_args(shop(), out.path(), &["-i", "region", "--generate-metadata"])).output();
    assert!(output.code.is_some_and(|code| code > 1), "{output}");
    assert!(
        output.stdout.contains("metadata     failed") && output.stdout.contains("lakexpress metadata"),
        "{output}"
    );
    assert_eq!(manifest(&out.path().join("public/region"))["rows"], 5);
    fs::remove_dir(out.path().join("public/manifest.json")).unwrap();
    log.run(["metadata", &log.run_id()]).output().ok();
    read(out.path(), "cdm_shop.manifest.cdm.json");
}

#[test]
fn a_later_run_of_a_table_is_described_as_it_is_now() {
    let (log, out) = (Log::new(), tempfile::tempdir().unwrap());
    log.run(export_args(shop(), out.path(), &["-i", "region, nation"])).output().ok();
    let first = log.run_id();
    log.run(export_args(shop(), out.path(), &["-i", "region", "--columns", "region: r_name"])).output().ok();
    let output = log.run(["metadata", &first]).output().ok();
    assert!(output.stdout.contains("public.region was committed again by a later run"), "{output}");
    let database = read(out.path(), "cdm_shop.manifest.cdm.json");
    let region = &database["below"]["public"]["entities"]["region"];
    assert_eq!(region["attributes"].as_array().unwrap().len(), 1);
    assert_eq!(
        database["below"]["public"]["relationships"],
        json!([]),
        "the key's column is not in the file"
    );
}

#[test]
fn flags_of_metadata_without_metadata_are_refused() {
    let out = tempfile::tempdir().unwrap();
    for flag in [&["--include-entity-files"][..], &["--manifest-name", "x"], &["--run-id", "test1"]] {
        let output = Run::new(export_args(shop(), out.path(), flag)).output().exits(USAGE);
        output.says(&[flag[0], "goes with --generate-metadata"]);
    }
    assert_eq!(files(out.path()), [""; 0]);
}
