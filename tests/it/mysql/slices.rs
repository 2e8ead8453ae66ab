//! Every way to cut a table over keys of every kind: each row once, whatever the key's collation, gaps or NULLs.

use std::fmt::Write;

use super::{Database, USAGE, parts};
use crate::lake::{Run, duck, manifest};
use crate::mariadb::{MariaDb, series};

const ROWS: i64 = 4_000;
/// Rows without a key.
const NULLS: i64 = 300;

/// Name, type, SQL of the key of row `seq`, and whether it is an integer that Random takes: one of a signed type's range.
const KEYS: &[(&str, &str, &str, bool)] = &[
    ("skewed", "int", "IF(seq % 2 = 0, 7, IF(seq % 100 = 1, 2000000000 - seq, seq * seq % 5000))", true),
    ("sparse", "bigint", "(seq % 1000) * 9000000000000000 - 4000000000000000000", true),
    ("huge", "bigint unsigned", "18446744073709551615 - seq * 3", false),
    (
        "around",
        "bigint unsigned",
        "IF(seq % 2 = 0, 9223372036854775807 - seq, 9223372036854775808 + seq)",
        false,
    ),
    ("negative", "int", "-1 - seq * 7 % 2000", true),
    ("tiny", "tinyint", "seq % 256 - 128", true),
    ("bytes", "tinyint unsigned", "seq % 256", true),
    ("price", "decimal(20,4)", "seq * 1.25 - 2000", false),
    ("wide", "decimal(40,2)", "seq * 10000000000000000000000000000000.01", false),
    ("folded", "varchar(30)", "IF(seq % 2 = 0, concat('Key', seq % 700), concat('kEY', seq % 700))", false),
    ("padded", "varchar(30)", "concat('k', seq % 50, repeat(' ', seq % 3))", false),
    (
        "accents",
        "varchar(30)",
        "concat(ELT(seq % 4 + 1, 'resume', 'résumé', 'RÉSUMÉ', 'Resume'), seq % 9)",
        false,
    ),
    (
        "binary_text",
        "varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "concat(ELT(seq % 3 + 1, 'a', 'A', 'ä'), seq % 99)",
        false,
    ),
    (
        "latin",
        "varchar(30) CHARACTER SET latin1",
        "concat(ELT(seq % 4 + 1, 'ß', 'ss', 'Ä', 'a'), seq % 99)",
        false,
    ),
    (
        "wide_text",
        "varchar(30) CHARACTER SET utf16",
        "concat(ELT(seq % 3 + 1, '日', '本', 'a'), seq % 99)",
        false,
    ),
    (
        "quoted",
        "varchar(30)",
        "concat(ELT(seq % 4 + 1, 'it''s', '\"x\"', 'back\\\\slash', ''), seq % 5)",
        false,
    ),
    ("day", "date", "DATE_ADD('2000-01-01', INTERVAL seq * 3 DAY)", false),
    ("at", "datetime(6)", "DATE_ADD('1969-12-30 23:59:59.999999', INTERVAL seq * 7919 SECOND)", false),
    ("stamp", "timestamp(3) NULL", "DATE_ADD('2024-03-30 00:00:00.123', INTERVAL seq * 61 SECOND)", false),
];

/// Keys that may be refused, with words, but never cut wrongly.
const ODD_KEYS: &[(&str, &str, &str)] = &[
    ("label", "enum('z','b','a','')", "ELT(seq % 3 + 1, 'z', 'b', 'a')"),
    ("flags", "set('x','y')", "ELT(seq % 3 + 1, 'x', 'y', 'x,y')"),
    ("bits", "bit(20)", "seq"),
    ("raw", "varbinary(10)", "UNHEX(LPAD(HEX(seq % 500), 4, '0'))"),
    ("clock", "time", "SEC_TO_TIME(seq % 1000)"),
    ("since", "year", "1901 + seq % 200"),
    ("ratio", "float", "seq / 7"),
    ("amount", "double", "sqrt(seq) - 30"),
    ("zero_day", "date", "IF(seq % 7 = 0, NULL, DATE_ADD('0001-01-01', INTERVAL seq DAY))"),
    ("long_text", "text", "repeat(char(65 + seq % 26), 300)"),
];

fn table(name: &str, kind: &str, key: &str) -> String {
    format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, k {kind}, pad varchar(40)) CHARACTER SET utf8mb4;
         INSERT IGNORE INTO {name} SELECT seq, IF(seq > {ROWS}, NULL, {key}), left(sha2(seq, 256), 32) FROM {};
         ANALYZE TABLE {name};",
        series(1, ROWS + NULLS)
    )
}

fn keys(database: &'static str) -> Database<'static> {
    let listed = KEYS.iter().map(|(name, kind, key, _)| table(name, kind, key));
    Database::new(
        database,
        &format!(
            "SET NAMES utf8mb4; SET sql_mode = '', time_zone = '+00:00'; {}",
            listed.collect::<String>()
        ),
    )
}

/// Exports all tables at once, each by this method over its key, and compares them with the server.
fn cut_all(
    database: &Database<'_>,
    method: &str,
    names: &[&str],
    key: impl Fn(&str) -> String,
    least: usize,
) {
    let mut config = String::new();
    for name in names {
        write!(config, "{name}:{method}:{}:4;", key(name)).unwrap();
    }
    let _ = std::fs::remove_dir_all(database.lake());
    let include = names.join(",");
    let flags = [
        "-p",
        "4",
        "--large-table-threshold",
        "10",
        "-i",
        &include,
        "--table-config",
        config.trim_end_matches(';'),
    ];
    database.export(&flags).ok();
    let said = database.assert_same(&[]);
    assert_eq!(said["relations"], names.len(), "{method}: {said}");
    assert_eq!(said["rows"], names.len() as i64 * (ROWS + NULLS), "{method}: {said}");
    for name in names {
        let files = parts(&database.out(name));
        assert!(files >= least, "{method}: {name} has {files} files");
    }
}

#[test]
fn every_method_holds_every_row_once_over_keys_of_every_kind() {
    let database = keys("my_keys");
    let all: Vec<&str> = KEYS.iter().map(|(name, ..)| *name).collect();
    let integers: Vec<&str> = KEYS.iter().filter(|key| key.3).map(|(name, ..)| *name).collect();
    cut_all(&database, "None", &all, |_| String::new(), 1);
    cut_all(&database, "RangeId", &all, |_| "k".into(), 3);
    cut_all(&database, "RangeId", &all, |_| String::new(), 4);
    cut_all(&database, "Ntile", &all, |_| "k".into(), 3);
    // Remainders that no key has are no parts.
    cut_all(&database, "Random", &integers, |_| "k".into(), 2);
    let few = ["bytes", "padded", "accents", "folded", "latin", "binary_text", "quoted", "wide_text"];
    cut_all(&database, "DataDriven", &few, |_| "k".into(), 4);
    let moments = |name: &str| format!("(k,year{})", if name == "stamp" { ",week" } else { ",month" });
    let names = ["day", "at", "stamp"];
    let mut config = String::new();
    for name in names {
        write!(config, "{name}:Timepartition:{}:4;", moments(name)).unwrap();
    }
    let _ = std::fs::remove_dir_all(database.lake());
    let flags = [
        "-p",
        "4",
        "--large-table-threshold",
        "10",
        "-i",
        "day,at,stamp",
        "--table-config",
        config.trim_end_matches(';'),
    ];
    database.export(&flags).ok();
    let said = database.assert_same(&[]);
    assert_eq!(said["rows"], 3 * (ROWS + NULLS), "{said}");
    let dir = database.out("day");
    let wrong = duck(&format!(
        "SELECT count(*) FROM read_parquet('{}/**/*.parquet', hive_partitioning=true, hive_types_autocast=false)
         WHERE (year) IS DISTINCT FROM strftime(k, '%Y')",
        dir.display()
    ));
    assert_eq!(wrong, "0");
    assert!(dir.join("year=__HIVE_DEFAULT_PARTITION__").exists());
}

/// With the hash of the server over each slice: what was cut is what is hashed.
#[test]
fn slices_are_hashed_as_they_are_read() {
    let database = keys("my_keys_hashed");
    for config in [
        "folded:RangeId:k:4",
        "huge:RangeId:k:3",
        "accents:DataDriven:k:3",
        "at:Ntile:k:4",
        "padded:Ntile:k:4",
    ] {
        let table = config.split(':').next().unwrap();
        let flags = [
            "-p",
            "2",
            "--large-table-threshold",
            "10",
            "-i",
            table,
            "--table-config",
            config,
            "--verify",
            "hash",
        ];
        database.export(&flags).ok();
        database.assert_table(table, (ROWS + NULLS).cast_unsigned());
        assert_eq!(manifest(&database.out(table))["verification"]["hash"], "equal", "{config}");
    }
}

/// Bounds of slices are in manifests and records, and masks know columns by the names that the list gives them.
#[test]
fn masks_of_columns_in_the_servers_own_sql_do_not_go_with_cuts_by_values() {
    let rows = series(1, ROWS);
    let database = Database::new(
        "my_masked_cuts",
        &format!(
            "CREATE TABLE people (id int PRIMARY KEY, email varchar(60));
             INSERT INTO people SELECT seq, concat('person', seq, '@example.org') FROM {rows}; ANALYZE TABLE people;"
        ),
    );
    let large = ["-p", "4", "--large-table-threshold", "10"];
    let list = ["--source-columns", "people: id, upper(email) AS email"];
    let (email, key) = (["--mask", "people.email: null"], ["--mask", "people.id: constant(0)"]);
    // Each alone leaves the automatic choice, ranges of the primary key.
    for (flags, files) in [
        (&[&list[..]][..], 4),
        (&[&email[..]], 4),
        (&[&list[..], &email], 1),
        (&[&list[..], &key], 1),
        (&[&list[..], &key, &["--table-config", "people:None"]], 1),
    ] {
        database.export(&[&large[..], &flags.concat()].concat()).ok();
        assert_eq!(parts(&database.out("people")), files, "{flags:?}");
        assert_eq!(manifest(&database.out("people"))["rows"], ROWS, "{flags:?}");
    }
    assert_eq!(database.duck("people", "SELECT max(id), count(DISTINCT email) FROM t"), format!("0|{ROWS}"));
    // Slices are about the columns of the table, whatever the list calls by their names.
    for list in ["people: nullif(id, 7) AS id, email", "people: id + 1000 AS number, email"] {
        let cut = [&large[..], &["--source-columns", list, "--verify", "count"]].concat();
        database.export(&cut).ok();
        assert_eq!(parts(&database.out("people")), 4, "{list}");
        assert_eq!(manifest(&database.out("people"))["rows"], ROWS, "{list}");
    }
    let plan = Run::new(["plan", "--source", &database.url()]).args(large).args(list).args(key).output().ok();
    assert!(plan.stdout.contains("method   None: masks of --source-columns"), "{plan}");
    for method in ["RangeId:id:4", "Ntile:id:4", "Random:id:4", "DataDriven:email:2"] {
        let config = format!("people:{method}");
        let flags = [&large[..], &list, &key, &["--table-config", &config]].concat();
        let refused = database.export(&flags).exits(USAGE);
        refused.says(&["a mask and --source-columns", "cut by values of its columns", "'table:None::1'"]);
    }
}

/// Each key by one of the methods; `make verify-mysql` takes all.
#[test]
fn an_odd_key_cuts_rightly_or_is_refused_in_words() {
    odd_keys("my_odd_keys", |at, method| at % METHODS.len() == method);
}

#[test]
#[ignore = "minutes: make verify-mysql"]
fn every_odd_key_cuts_rightly_by_every_method_or_is_refused() {
    odd_keys("my_odd_keys_all", |_, _| true);
}

const METHODS: [&str; 4] = ["RangeId", "Ntile", "Random", "DataDriven"];

/// Cuts by the keys and methods at the places that are `wanted`.
fn odd_keys(database: &'static str, wanted: fn(usize, usize) -> bool) {
    let sql: String = ODD_KEYS.iter().map(|(name, kind, key)| table(name, kind, key)).collect();
    let database = Database::new(database, &format!("SET NAMES utf8mb4; SET sql_mode = ''; {sql}"));
    for (at, (name, ..)) in ODD_KEYS.iter().enumerate() {
        for (of, method) in METHODS.iter().enumerate().filter(|(of, _)| wanted(at, *of)) {
            let config = format!("{name}:{method}:k:3");
            let flags = ["-p", "3", "--large-table-threshold", "10", "-i", name, "--table-config", &config];
            let output = database.export(&flags).exits_one_of(&[0, USAGE]);
            if output.code == Some(0) {
                database.assert_table(name, (ROWS + NULLS).cast_unsigned());
            } else {
                let said = format!("{}{}", output.stdout, output.stderr);
                assert!(said.contains(method) || said.contains("key"), "{config} ({of}): {output}");
            }
        }
    }
}

#[test]
fn composite_keys_and_tables_without_any_are_whole() {
    let rows = series(1, ROWS);
    let database = Database::new(
        "my_composite",
        &format!(
            "CREATE TABLE pair (a varchar(20), b int, v int, PRIMARY KEY (a, b));
             INSERT INTO pair SELECT concat('K', seq % 7), seq, seq FROM {rows};
             CREATE TABLE dated (d date, n bigint unsigned, PRIMARY KEY (d, n));
             INSERT INTO dated SELECT DATE_ADD('2024-01-01', INTERVAL seq % 90 DAY), seq FROM {rows};
             CREATE TABLE heap (a int, b varchar(20)); INSERT INTO heap SELECT nullif(seq % 50, 3), 'same' FROM {rows};
             CREATE TABLE indexed (a int, KEY (a)); INSERT INTO indexed SELECT seq % 10 FROM {rows};
             ANALYZE TABLE pair, dated, heap, indexed;"
        ),
    );
    database.export(&["-p", "4", "--large-table-threshold", "10"]).ok();
    for table in ["pair", "dated", "heap", "indexed"] {
        database.assert_table(table, ROWS.cast_unsigned());
    }
    for config in [
        "pair:RangeId:a:3",
        "pair:Ntile:b:3",
        "dated:Timepartition:(d,year,month,day):3",
        "heap:RangeId:a:3",
        "heap:DataDriven:b:2",
        "indexed:Random:a:3",
    ] {
        let table = config.split(':').next().unwrap();
        let flags = ["-p", "3", "--large-table-threshold", "10", "-i", table, "--table-config", config];
        database.export(&flags).ok();
        database.assert_table(table, ROWS.cast_unsigned());
    }
}

#[test]
fn native_partitions_are_slices() {
    let rows = series(1, ROWS);
    let columns = "id int NOT NULL, day date NOT NULL, v varchar(20)";
    let fill =
        format!("SELECT seq, DATE_ADD('2020-01-01', INTERVAL seq % 1400 DAY), concat('v', seq) FROM {rows}");
    let kinds = [
        (
            "by_range",
            "RANGE (id) (PARTITION low VALUES LESS THAN (1000), PARTITION `mid dle` VALUES LESS THAN (2000), PARTITION top VALUES LESS THAN MAXVALUE)",
            3,
        ),
        (
            "by_columns",
            "RANGE COLUMNS (day) (PARTITION p0 VALUES LESS THAN ('2021-01-01'), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
            2,
        ),
        ("by_list", "LIST (id % 3) (PARTITION a VALUES IN (0), PARTITION b VALUES IN (1, 2))", 2),
        ("by_hash", "HASH (id) PARTITIONS 5", 5),
        ("by_linear", "LINEAR HASH (year(day)) PARTITIONS 3", 2),
        ("by_key", "KEY (id) PARTITIONS 4", 4),
        (
            "by_both",
            "RANGE (id) SUBPARTITION BY HASH (to_days(day)) SUBPARTITIONS 2 (PARTITION l VALUES LESS THAN (1500), PARTITION h VALUES LESS THAN MAXVALUE)",
            2,
        ),
    ];
    let mut sql = String::new();
    for (name, by, _) in kinds {
        write!(sql, "CREATE TABLE {name} ({columns}) PARTITION BY {by}; INSERT INTO {name} {fill}; ANALYZE TABLE {name};").unwrap();
    }
    let database = Database::new("my_partitions", &sql);
    for (name, _, least) in kinds {
        let config = format!("{name}:DBPartition::4");
        let flags = [
            "-p",
            "4",
            "--large-table-threshold",
            "10",
            "-i",
            name,
            "--table-config",
            &config,
            "--verify",
            "hash",
        ];
        database.export(&flags).ok();
        database.assert_table(name, ROWS.cast_unsigned());
        let files = parts(&database.out(name));
        assert!(files >= least, "{name}: {files} files");
    }
    database.export(&["-p", "4", "--large-table-threshold", "10"]).ok();
    assert_eq!(database.assert_same(&[])["relations"], kinds.len());
}

/// To both servers `IS NULL` is true of a zero date in a column that is NOT NULL: such a row must not be in two slices.
#[test]
fn zero_dates_are_in_one_slice() {
    let rows = series(1, ROWS);
    let sql: String = ["date", "datetime(6)", "timestamp"]
        .iter()
        .zip(["d", "dt", "ts"])
        .map(|(kind, name)| {
            format!(
                "CREATE TABLE {name} (id int PRIMARY KEY, k {kind} NOT NULL DEFAULT 0);
                 INSERT INTO {name} SELECT seq, IF(seq % 5 = 0, 0, DATE_ADD('2001-01-01', INTERVAL seq HOUR)) FROM {rows};"
            )
        })
        .collect();
    let database = Database::new("my_zero_dates", &format!("SET sql_mode = '', time_zone = '+00:00'; {sql}"));
    for table in ["d", "dt", "ts"] {
        for method in ["RangeId:k", "Ntile:k", "Timepartition:(k,year)", "DataDriven:id % 3"] {
            let config = format!("{table}:{method}:4");
            let flags = ["-p", "4", "--large-table-threshold", "10", "-i", table, "--table-config", &config];
            let _ = std::fs::remove_dir_all(database.lake());
            database.export(&[&flags[..], &["--special-values", "null"]].concat()).ok();
            let files = format!("{}/**/*.parquet", database.out(table).display());
            let found =
                duck(&format!("SELECT count(*), count(DISTINCT id), count(k) FROM read_parquet('{files}')"));
            assert_eq!(found, format!("{ROWS}|{ROWS}|{}", ROWS - ROWS / 5), "{config}");
        }
    }
}

/// Rows of history are no rows of an export, in no partition.
#[test]
fn rows_of_history_are_no_rows() {
    if MariaDb::shared().is_mysql() {
        return;
    }
    let rows = series(1, ROWS);
    let database = Database::new(
        "my_history",
        &format!(
            "CREATE TABLE plain (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING;
             CREATE TABLE parted (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING
               PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION now CURRENT);
             INSERT INTO plain SELECT seq, 1 FROM {rows}; INSERT INTO parted SELECT seq, 1 FROM {rows};
             UPDATE plain SET v = 2 WHERE id % 2 = 0; UPDATE parted SET v = 2 WHERE id % 2 = 0;
             DELETE FROM plain WHERE id % 5 = 0; DELETE FROM parted WHERE id % 5 = 0;
             CREATE TABLE periods (id int PRIMARY KEY, v int, s timestamp(6) GENERATED ALWAYS AS ROW START,
               e timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING;
             INSERT INTO periods (id, v) SELECT seq, 1 FROM {rows}; UPDATE periods SET v = 3 WHERE id < 100;
             ANALYZE TABLE plain, parted, periods;"
        ),
    );
    let left = (ROWS - ROWS / 5).cast_unsigned();
    // Partitions of history are no slices.
    for config in ["None::", "RangeId:id:4", "Ntile:id:4"] {
        for table in ["plain", "parted"] {
            let config = format!("{table}:{config}");
            let flags = [
                "-p",
                "4",
                "--large-table-threshold",
                "10",
                "-i",
                table,
                "--table-config",
                &config,
                "--verify",
                "count",
            ];
            database.export(&flags).ok();
            database.assert_table(table, left);
        }
    }
    let by_partition =
        ["-i", "parted", "--large-table-threshold", "10", "--table-config", "parted:DBPartition::4"];
    database.export(&by_partition).exits(USAGE);
    database.export(&["-i", "periods"]).ok();
    database.assert_table("periods", ROWS.cast_unsigned());
}

#[test]
fn large_tables_are_cut_unasked_and_the_plan_says_how() {
    let rows = series(1, 50_000);
    let database = Database::new(
        "my_unasked",
        &format!(
            "CREATE TABLE keyed (id bigint PRIMARY KEY, pad varchar(100)); INSERT INTO keyed SELECT seq, repeat('x', 50) FROM {rows};
             CREATE TABLE unsigned_key (id bigint unsigned, line smallint, PRIMARY KEY (id, line));
             INSERT INTO unsigned_key SELECT CAST(9223372036854750807 AS unsigned) + seq, 1 FROM {rows};
             CREATE TABLE small (id int); INSERT INTO small VALUES (1); ANALYZE TABLE keyed, unsigned_key;"
        ),
    );
    let flags = ["-p", "4", "--large-table-threshold", "10000"];
    database.export(&flags).ok();
    assert!(parts(&database.out("keyed")) >= 4);
    assert!(parts(&database.out("unsigned_key")) >= 4);
    assert_eq!(parts(&database.out("small")), 1);
    database.assert_table("keyed", 50_000);
    database.assert_table("unsigned_key", 50_000);
    let files = manifest(&database.out("keyed"))["files"].as_array().unwrap().clone();
    let rows: Vec<u64> = files.iter().map(|file| file["rows"].as_u64().unwrap()).collect();
    let (mean, most) = (50_000 / rows.len() as u64, rows.iter().max().unwrap());
    assert!(*most <= mean * 3 / 2, "{rows:?}");
    let plan = Run::new(["plan", "--source", &database.url(), "-i", "keyed"]).args(flags).output().ok();
    assert!(plan.stdout.contains("RangeId"), "{}", plan.stdout);
    database
        .export(&["-i", "keyed", "--table-config", "keyed:Ctid::2"])
        .exits(USAGE)
        .says(&["Ctid", "RangeId"]);
}

/// Filters that the server evaluates by its own rules of text never choose other rows than ours.
#[test]
fn filters_over_text_mean_what_they_say() {
    let database = Database::new(
        "my_filters",
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n bigint unsigned, d date);
         INSERT INTO t VALUES (1, 'a', 1, '2024-01-01'), (2, 'A', 18446744073709551615, '2024-01-02'), (3, 'a ', NULL, NULL),
           (4, 'ä', 0, '1969-12-31'), (5, NULL, 5, '9999-12-31'), (6, '', 9223372036854775808, '0001-01-01');",
    );
    for (condition, ids) in [
        ("v = 'a'", "1"),
        ("v <> 'a'", "2,3,4,6"),
        ("v IN ('A', 'x')", "2"),
        ("v IS NULL", "5"),
        ("v >= 'a'", "1,3,4"),
        ("v LIKE 'a%'", "1,3"),
        ("n > 9223372036854775807", "2,6"),
        ("n = 18446744073709551615", "2"),
        ("d < date '2024-01-02'", "1,4,6"),
        ("NOT (d >= date '2024-01-01') OR v = ''", "4,6"),
        ("upper(v) = 'A'", "1,2"),
        ("id % 2 = 0 AND v IS NOT NULL", "2,4,6"),
    ] {
        database.export(&["--where", &format!("t: {condition}")]).ok();
        let found = database.duck("t", "SELECT coalesce(string_agg(id, ',' ORDER BY id), '') FROM t");
        assert_eq!(found, ids, "{condition}");
    }
}
