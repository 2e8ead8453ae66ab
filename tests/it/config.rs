//! Configuration files: `init` from a server, `config check`, an export by one, and what stands above it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::lake::{Output, Run, assert_same, assert_tidy, duck, manifest};
use crate::server::PgServer;

const TABLES: usize = 200;
const CONFIGURATION: i32 = 78;
const USAGE: i32 = 2;

/// A database of 200 tables in four schemas.
fn generated(db: &str) -> String {
    let server = PgServer::shared();
    let url = server.create_db(db);
    let mut sql = String::new();
    for schema in 0..4 {
        let _ = write!(sql, "CREATE SCHEMA area_{schema};");
    }
    for at in 0..TABLES {
        let rows = 3 + at % 7;
        let more = match at % 5 {
            0 => ", code uuid DEFAULT '00000000-0000-0000-0000-000000000001'",
            1 => ", amount numeric DEFAULT 1.5",
            _ => "",
        };
        let key = if at % 9 == 0 { "" } else { " PRIMARY KEY" };
        let _ = write!(
            sql,
            "CREATE TABLE area_{0}.table_{at:03} (id integer{key}, label text{more});
             INSERT INTO area_{0}.table_{at:03} (id, label) SELECT g, 'row ' || g FROM generate_series(1, {rows}) g;",
            at % 4
        );
    }
    // A name that LIKE takes for a pattern, one that a pattern of another table means too, and a float key.
    sql.push_str(
        "CREATE SCHEMA odd; CREATE TABLE odd.\"50%\" (id integer); CREATE TABLE odd.\"a_b\" (id integer);
         CREATE TABLE odd.\"axb\" (id integer); CREATE TABLE odd.\"x:\"\"y\" (id integer);
         CREATE TABLE odd.measured (at double precision PRIMARY KEY); ANALYZE;",
    );
    server.sql(db, &sql);
    url
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

/// The codec of a table's files.
fn codec(dir: &Path) -> String {
    duck(&format!("SELECT DISTINCT compression FROM parquet_metadata('{}/*.parquet')", dir.display()))
}

#[test]
fn two_hundred_tables_are_one_file_that_is_edited_in_three_lines() {
    let url = generated("config_tables");
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Run::new(args).current_dir(home.path());
    let init = ["init", "--source", &url, "--output-dir", "./lake", "--write", "lakexpress.toml"];
    run(&init).output().ok().says(&["lakexpress.toml is written: 205 tables"]);
    let path = home.path().join("lakexpress.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(lines(&text, "[tables.").len(), TABLES + 4, "{text}");
    // One line for each table, and one for each column that travels as text.
    assert!(text.lines().count() < TABLES + 160, "{} lines\n{text}", text.lines().count());
    for part in [
        "[tables.\"area_3.table_007\"]",
        "# 3 rows, ",
        "no key",
        "key id",
        "#   code uuid travels as Utf8",
        "#   amount numeric travels as Utf8",
        "[tables.\"odd.50\\\\%\"]",
        "[tables.\"odd.a\\\\_b\"]",
        "[tables.\"odd.axb\"]",
        "# tables.\"odd.x:\\\"y\": no pattern can be its name",
        "#   at: a key of double precision",
        "output-dir = \"./lake\"",
        "exclude = []",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // Nothing is replaced.
    run(&init).output().exits(USAGE).says(&["is there already", "--write"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let checked = run(&["config", "check"]).output().ok();
    assert!(checked.stdout.contains("nothing is wrong"), "{checked}");

    let section = lines(&text, "[tables.\"area_3.table_007\"]")[0];
    let compression = lines(&text, "# compression = ")[0];
    let edited = text
        .replace(section, &format!("{section}\nwhere = \"id > 1\""))
        .replace(compression, "compression = \"snappy\"")
        .replace("exclude = []", "exclude = [\"area_0.%\", \"odd.x%\"]");
    fs::write(&path, &edited).unwrap();
    run(&["config", "check", "-c", "lakexpress.toml"]).output().ok();
    let done = run(&["export", "-c", "lakexpress.toml"]).output().ok();
    assert!(done.stdout.contains("154"), "{done}");
    let lake = home.path().join("lake");
    assert!(!lake.join("area_0").exists());
    let filtered = lake.join("area_3/table_007");
    assert_tidy(&filtered);
    let rows = duck(&format!("SELECT count(*), min(id), max(id) FROM '{}/*.parquet'", filtered.display()));
    assert_eq!((rows.as_str(), codec(&filtered).as_str()), ("2|2|3", "SNAPPY"));
    for at in (0..TABLES).filter(|at| at % 4 != 0 && *at != 7) {
        let dir = lake.join(format!("area_{}/table_{at:03}", at % 4));
        assert_eq!(manifest(&dir)["rows"], 3 + at % 7, "{at}");
    }
    assert_same(&url, "area_1.table_013", &lake.join("area_1/table_013"));
    let every = duck(&format!("SELECT count(*) FROM '{}/area_*/table_*/*.parquet'", lake.display()));
    let expected: usize = (0..TABLES).filter(|at| at % 4 != 0).map(|at| 3 + at % 7).sum();
    assert_eq!(every, (expected - 1).to_string());
}

#[test]
fn flag_variable_file_and_default_stand_above_each_other() {
    let server = PgServer::shared();
    let url = server.create_db("config_levels");
    server.sql(
        "config_levels",
        "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 9) g; CREATE TABLE u (id integer);",
    );
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("job.yaml");
    let base = home.path().join("base.toml");
    fs::write(&base, "compression = 'lz4'\nretries = 7\n").unwrap();
    let text = "include-files: [base.toml]\nsource: ${DB_URL}\ncompression: gzip\ninclude: t\n\
                tables:\n  public.t:\n    where: id > 3\n";
    fs::write(&config, text).unwrap();
    let run = |args: &[&str]| {
        Run::new(args).args(["-c", config.to_str().unwrap()]).env("DB_URL", &url).current_dir(home.path())
    };
    let export = |name: &str| run(&["export", "--output-dir", name]);
    let rows_and_codec = |name: &str| {
        let dir = home.path().join(name).join("public/t");
        (duck(&format!("SELECT count(*) FROM '{}/*.parquet'", dir.display())), codec(&dir))
    };
    let of = |rows: &str, codec: &str| (rows.to_owned(), codec.to_owned());

    export("file").output().ok();
    assert_eq!(rows_and_codec("file"), of("6", "GZIP"));
    export("variable").env("LAKEXPRESS_COMPRESSION", "snappy").output().ok();
    assert_eq!(rows_and_codec("variable"), of("6", "SNAPPY"));
    let above = export("flag").args(["--compression", "none", "--where", "t: id > 8"]);
    let above = above.env("LAKEXPRESS_COMPRESSION", "snappy").output().ok();
    assert_eq!(rows_and_codec("flag"), of("1", "UNCOMPRESSED"));
    above.says(&["--where or its variable replaces the values of the file"]);
    fs::write(&config, "source: ${DB_URL}\ninclude: t\n").unwrap();
    export("default").output().ok();
    assert_eq!(rows_and_codec("default"), of("9", "ZSTD"));
    fs::write(&config, text).unwrap();
    // The file by its variable.
    let args = ["export", "--output-dir", "by_variable"];
    let named = Run::new(args).env("LAKEXPRESS_CONFIG", &config).env("DB_URL", &url).current_dir(home.path());
    named.output().ok();
    assert_eq!(rows_and_codec("by_variable"), of("6", "GZIP"));

    let show = run(&["config", "show", "--origin", "--json", "-p", "3"]).env("LAKEXPRESS_N_JOBS", "5");
    let shown: serde_json::Value = serde_json::from_str(&show.output().ok().stdout).unwrap();
    let setting = |key: &str| {
        let settings = shown["settings"].as_array().unwrap();
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap_or_else(|| panic!("{key} in {shown}"))
            .clone()
    };
    assert_eq!((&setting("parallel")["value"], &setting("parallel")["origin"]), (&3.into(), &"flag".into()));
    assert_eq!(setting("n-jobs")["variable"], "LAKEXPRESS_N_JOBS");
    assert_eq!((&setting("compression")["line"], &setting("compression")["column"]), (&3.into(), &14.into()));
    assert!(setting("retries")["file"].as_str().unwrap().ends_with("base.toml"));
    assert_eq!(setting("verify")["origin"], "default");
    let text = run(&["config", "show", "--origin"]).output().ok().stdout;
    let line = lines(&text, "compression")[0].to_owned();
    assert!(line.starts_with("compression = \"gzip\" ") && line.ends_with("job.yaml:3:14"), "{line}");
    assert!(lines(&text, "source = \"${DB_URL}\"").len() == 1, "{text}");

    // Resumed with the same file, and with one that says something else.
    let state = tempfile::tempdir().unwrap();
    let recorded = |run: Run| run.env("XDG_STATE_HOME", state.path());
    let first = recorded(export("again").args(["--json"])).output().ok();
    let id = serde_json::from_str::<serde_json::Value>(&first.stdout).unwrap()["run_id"].clone();
    let resume = || recorded(run(&["resume", id.as_str().unwrap()])).output();
    resume().ok();
    fs::write(&config, "source: ${DB_URL}\ncompression: lz4\n").unwrap();
    resume().exits(USAGE).says(&["compression (", "job.yaml:2:14) (the run had"]);
}

fn mistakes(output: Output) -> Output {
    output.exits(CONFIGURATION)
}

#[test]
fn mistakes_end_a_command_before_anything_is_done() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Run::new(args).current_dir(home.path());
    let config = home.path().join("lakexpress.toml");
    fs::write(&config, "source = 'postgres://u:pa55word@h/d'\nn-jbos = 4\nretries = 'x'\n").unwrap();
    for command in ["export", "plan", "inspect", "check", "verify"] {
        mistakes(run(&[command, "-c", "lakexpress.toml"]).output())
            .says(&[
                "lakexpress.toml:2:1: n-jbos: unknown key; did you mean n-jobs?",
                "lakexpress.toml:3:11: retries",
            ])
            .says(&["LX0212"])
            .never_says(&["pa55word"]);
    }
    let checked = mistakes(run(&["config", "check"]).output()).never_says(&["pa55word"]);
    for line in
        ["lakexpress.toml:1:10: warning: source: ", "lakexpress.toml:2:1: n-jbos", "2 mistakes, 1 warning"]
    {
        assert!(checked.stdout.contains(line), "{line} in {checked}");
    }
    let document = mistakes(run(&["config", "check", "--json"]).output());
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!((&document["ok"], &document["exit_code"]), (&false.into(), &CONFIGURATION.into()));
    assert_eq!(document["problems"][1]["key"], "n-jbos");
    assert_eq!(
        (&document["problems"][2]["line"], &document["problems"][2]["column"]),
        (&3.into(), &11.into())
    );
    mistakes(run(&["export", "-c", "none.toml"]).output())
        .says(&["cannot read the configuration file", "LX0211"]);
    // A value that is wrong together with the command line is named by its place.
    fs::write(&config, "source = 'sqlite:none.db'\nmax-connections = 2\n").unwrap();
    run(&["plan", "-c", "lakexpress.toml"])
        .output()
        .exits(USAGE)
        .says(&["max-connections (lakexpress.toml:2:19) 2 is too few"]);
    let schema = run(&["config", "schema"]).output().ok().stdout;
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/config.schema.json");
    assert_eq!(schema, fs::read_to_string(stored).unwrap());
}
