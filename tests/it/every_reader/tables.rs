//! What the readers are given: every type at its edges, nested, empty, in several parts, in every codec.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lakexpress::readers::Reader;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::lake::{export, manifest, script};
use crate::server::PgServer;
use crate::types::matrix;

/// An exported table, and where its values come from.
pub(super) struct Wanted {
    name: String,
    dir: PathBuf,
    /// URL and table on the server; none of SQLite, whose files another script compares.
    server: Option<(String, String)>,
    filter: &'static str,
    /// The reader that the files were written for; none: all.
    only: Option<Reader>,
}

impl Wanted {
    pub(super) fn to_json(&self) -> Value {
        let mut found = json!({"name": self.name, "dir": self.dir, "where": self.filter, "only": self.only.map(Reader::name)});
        if let Some((url, table)) = &self.server {
            found["url"] = json!(url);
            found["table"] = json!(table);
        }
        found
    }
}

const CODECS: &[&str] = &["none", "snappy", "gzip", "lz4", "brotli", "zstd"];

const PARTS_FILTER: &str = "id <= 500 OR id > 2500";

/// Types that readers mind, in columns, lists, structs and structs in lists; moments far away; names; many rows.
const SQL: &str = r#"
CREATE TYPE inside AS (u uuid, t time, w numeric(50,10), j json, d numeric(20,3), n integer);
CREATE TYPE small_pair AS (a integer, b text);
CREATE TABLE nested (id integer PRIMARY KEY,
  u uuid, u_list uuid[], t time, t_list time[], w numeric(50,10), w_list numeric(50,10)[], w76 numeric(76,0), w_all numeric(40,40),
  d9 numeric(9,2), d18 numeric(18,2), d19 numeric(19,4), d38 numeric(38,10), d_list numeric(10,2)[], d_wide_list numeric(30,2)[],
  j json, jb jsonb, j_list json[], s inside, s_list inside[], plain small_pair, plain_list small_pair[], matrix integer[][]);
INSERT INTO nested (id) VALUES (0);
INSERT INTO nested VALUES (1,
  '12345678-9abc-def0-8123-456789abcdef', '{00000000-0000-0000-0000-000000000001,NULL,ffffffff-ffff-ffff-ffff-ffffffffffff}',
  '23:59:59.999999', '{04:05:06.789,NULL,00:00:00}',
  1234567890123456789012345678901234567890.0000000001, '{1.5,NULL,-0.0000000001}',
  9999999999999999999999999999999999999999999999999999999999999999999999999999, 0.0000000000000000000000000000000000000001,
  1234567.89, 1234567890123456.78, 123456789012345.6789, 1234567890123456789012345678.0123456789, '{1.25,NULL,-9.99}', '{1.25,NULL}',
  '{"a":  1}', '{"a": [1, null]}', ARRAY['{"b" : 2}'::json, NULL, 'null'],
  ROW('12345678-9abc-def0-8123-456789abcdef', '01:02:03.5', 1.5, '{"c":  3}', 0.125, 7),
  ARRAY[ROW('12345678-9abc-def0-8123-456789abcdef', '01:02:03.5', -1.5, '[ ]', 0.125, 7)::inside, NULL, ROW(NULL, NULL, NULL, NULL, NULL, NULL)::inside],
  ROW(1, 'x'), ARRAY[ROW(1, 'x')::small_pair, NULL, ROW(NULL, NULL)::small_pair], '{{1,2},{3,NULL}}');
INSERT INTO nested VALUES (2,
  '00000000-0000-0000-0000-000000000000', '{}', '00:00', '{}', -0.5, '{}', 0, -0.9999999999999999999999999999999999999999,
  0, 0, 0, 0, '{}', '{}', 'null', 'null', '{}', ROW(NULL, NULL, NULL, NULL, NULL, NULL), '{}', ROW(NULL, NULL), '{}', '{}');
CREATE TABLE far (id integer PRIMARY KEY, d_first date, d_bc date, d_9999 date, d_last date, d_1582 date, d_1700 date, d_1800 date,
  ts_bc timestamp, ts_last timestamp, ts_1600 timestamp, ts_9999 timestamp,
  tz_bc timestamptz, tz_last timestamptz, tz_1600 timestamptz, tz_1899 timestamptz, tz_1900 timestamptz, tz_9999 timestamptz);
INSERT INTO far (id) VALUES (0);
INSERT INTO far VALUES (1, '0001-01-01', '4713-01-01 BC', '9999-12-31', '5874897-12-31', '1582-10-10', '1700-02-28', '1800-02-28',
  '4714-11-24 00:00 BC', '294247-01-10 04:00:54.775807', '1600-02-29 12:00:00.000001', '9999-12-31 23:59:59.999999',
  '4714-11-24 00:00+00 BC', '294247-01-10 04:00:54.775807+00', '1600-02-29 12:00:00.000001+00', '1899-12-31 23:59:59.999999+00',
  '1900-01-01 00:00+00', '9999-12-31 23:59:59.999999+00');
CREATE TABLE floats_null (id integer PRIMARY KEY, r real, f double precision, n double precision NOT NULL);
INSERT INTO floats_null VALUES (1, NULL, NULL, 'NaN'), (2, 'NaN', 'NaN', '-0'), (3, 1.4e-45, 0.1, 'Infinity');
CREATE TABLE alike (id integer PRIMARY KEY, "A" integer, a integer, b text);
INSERT INTO alike VALUES (1, 1, 2, 'x');
CREATE TABLE odd_names (id integer PRIMARY KEY, "a[0]" int, "a.b" int, "a b" int, "a,b" int, "a=b" int, "a""b" int, "a'b" int, "a`b" int,
  "a;{}()\n" int, "ä€" int, "^a$" int, "*" int, "a\b" int, "a/b" int, "a:b" int, "%41" int, "a#?b" int, "." int, " " int, "1" int,
  "select" int, "struct<" int);
INSERT INTO odd_names VALUES (1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22);
CREATE TABLE nobody (id integer PRIMARY KEY, u uuid, t time, w numeric(50,1), b text, l integer[], s small_pair, at timestamptz);
CREATE TABLE parts (id integer PRIMARY KEY, i8 bigint, far bigint, b text, raw bytea, day date, l text[], u uuid);
INSERT INTO parts SELECT g, g * 1000003::bigint, (g * 7919 % 1000003) * 1000003::bigint, md5(g::text), decode(md5(g::text), 'hex'), date '2000-01-01' + g,
  ARRAY[md5(g::text), NULL, g::text], md5(g::text)::uuid FROM generate_series(1, 3000) g;
CREATE TABLE codecs AS SELECT g AS id, g * 1000003::bigint AS i8, md5(g::text) AS b, repeat('x', g % 50) AS r,
  ARRAY[g, NULL] AS l, timestamptz '2024-01-01 00:00+00' + g * interval '1 minute' AS at FROM generate_series(1, 3000) g;
ALTER TABLE codecs ADD PRIMARY KEY (id);
CREATE TABLE pages (id integer PRIMARY KEY, b text, few text, n integer, d numeric(20,4), l integer[], u uuid);
INSERT INTO pages SELECT g, md5(g::text), 'word ' || g % 7, nullif(g % 1000, 7), CASE WHEN g % 3 > 0 THEN g / 7.0 END,
  ARRAY[g, NULL, g % 5], md5(g::text)::uuid FROM generate_series(1, 60000) g;
CREATE EXTENSION postgis;
CREATE TABLE places (id integer PRIMARY KEY, g geometry(Point, 4326), any_shape geography);
INSERT INTO places VALUES (1, 'SRID=4326;POINT(1 2)', 'LINESTRING(0 0,1 1)'), (2, NULL, NULL);
ANALYZE;
"#;

const TABLES: &[&str] = &["nested", "far", "floats_null", "alike", "odd_names", "nobody", "places"];

/// Those with types that have another form under `any`.
const MINDED: &[&str] = &["nested", "nobody"];

/// Exports all tables under `dir`, and says where they are. `long`: all of them under `modern`, too.
/// `nested` is written for each of `readers`, too.
pub(super) fn export_all(dir: &Path, readers: &BTreeSet<Reader>, long: bool) -> Vec<Wanted> {
    let server = PgServer::shared();
    let db = if long { "every_reader_long" } else { "every_reader" };
    let url = server.create_db(db);
    server.sql(db, SQL);
    let mut wanted = Vec::new();
    let mut add = |name: &str, out: &Path, url: &str, table: &str, filter| {
        let dir = out.join("public").join(table);
        let server = Some((url.to_owned(), format!("public.{table}")));
        let only = Reader::ALL.into_iter().find(|reader| reader.name() == name);
        wanted.push(Wanted { name: format!("{name}/{table}"), dir, server, filter, only });
    };
    for profile in ["any", "modern"] {
        let out = dir.join(profile);
        let all = profile == "any" || long;
        let tables = if all { TABLES } else { MINDED };
        export(&url, &out, &["--readers", profile, "--include", &tables.join(",")]).ok();
        tables.iter().for_each(|table| add(profile, &out, &url, table, ""));
        if all {
            let out = dir.join(format!("{profile}-types"));
            export(matrix(), &out, &["--readers", profile, "-p", "2"]).ok();
            for entry in std::fs::read_dir(out.join("public")).unwrap() {
                add(profile, &out, matrix(), entry.unwrap().file_name().to_str().unwrap(), "");
            }
        }
        let out = dir.join(format!("{profile}-parts"));
        let filter = format!("parts: {PARTS_FILTER}");
        let cut = ["--large-table-threshold", "1", "-p", "2", "--row-group-rows", "300"];
        let how = ["--table-config", "parts:Ctid::6", "--where", &filter, "--include", "parts"];
        export(&url, &out, &[&["--readers", profile], &cut[..], &how[..]].concat()).ok();
        let files = manifest(&out.join("public/parts"))["files"].as_array().unwrap().clone();
        let rows: Vec<u64> = files.iter().map(|file| file["rows"].as_u64().unwrap()).collect();
        // A part without rows has no file; a table without rows has one.
        assert!((2..6).contains(&rows.len()) && !rows.contains(&0), "{rows:?}");
        add(profile, &out, &url, "parts", PARTS_FILTER);
        for codec in CODECS.iter().filter(|_| all) {
            let out = dir.join(format!("{profile}-{codec}"));
            export(&url, &out, &["--readers", profile, "--compression", codec, "--include", "codecs"]).ok();
            add(&format!("{profile}-{codec}"), &out, &url, "codecs", "");
        }
    }
    for reader in readers {
        let out = dir.join(reader.name());
        export(&url, &out, &["--readers", reader.name(), "--include", "nested"]).ok();
        add(reader.name(), &out, &url, "nested", "");
    }
    if long {
        let out = dir.join("pages");
        export(&url, &out, &["--readers", "any", "--include", "pages"]).ok();
        add("any", &out, &url, "pages", "");
    }
    for profile in ["any", "modern"] {
        wanted.push(sqlite(dir, profile));
    }
    wanted
}

/// Every type that a table of SQLite can declare.
fn sqlite(dir: &Path, profile: &str) -> Wanted {
    let file = dir.join(format!("{profile}.db"));
    Connection::open(&file)
        .unwrap()
        .execute_batch(
            "CREATE TABLE everything (
               id INTEGER PRIMARY KEY, small SMALLINT, yes BOOLEAN, price DECIMAL(15,2), big NUMERIC(38,0),
               loose NUMERIC, ratio DOUBLE, name VARCHAR(20), body TEXT, raw BLOB, born DATE, at TIMESTAMP,
               seen TIMESTAMPTZ, clock TIME, doc JSON, odd STRING, untyped, key UUID, wide DECIMAL(50,2));
             INSERT INTO everything (id) VALUES (-9223372036854775808), (9223372036854775807), (0);
             INSERT INTO everything VALUES
               (1, 32767, 1, 901, 12345678901234567, 1.5, 0.1, 'é', 'x', x'00ff', '2024-02-29',
                '1969-12-31 23:59:59.999999', '2024-01-01T00:00:00+05:30', '23:59:59.5', '{\"a\":  1}', 'abc', 7, 'k', 1.25),
               (2, 0, 0, -0.07, '99999999999999999999', 'free text', -0.0, '', '', x'', '2001-01-01',
                '9999-12-31T00:00', '2001-01-01 00:00:00Z', '00:00:00', 17, 1.25, -7, NULL, -7);",
        )
        .unwrap();
    let out = dir.join(format!("{profile}-sqlite"));
    export(&format!("sqlite://{}", file.display()), &out, &["--readers", profile]).ok();
    let dir = out.join("main/everything");
    let args = ["--file", file.to_str().unwrap(), "--table", "everything", "--dir", dir.to_str().unwrap()];
    script("sqlite_compare.py", args).ok();
    Wanted { name: format!("{profile}/sqlite"), dir, server: None, filter: "", only: None }
}
