//! Functions of database users that would run with the rights of the role that exports (S1): casts, operators, index
//! expressions, names that change their meaning. Each writes into a witness table when anybody but their owner runs it.

mod meanwhile;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use self::types::{snares, types};
use super::stopped;
use crate::lake::{Run, duck, export, json, manifest};
use crate::server::{PgServer, as_server_user, binary};

/// A database whose owner may create what he likes, and a witness.
struct Trap {
    server: &'static PgServer,
    db: String,
    url: String,
}

impl Trap {
    fn new(db: &str) -> Self {
        let server = PgServer::shared();
        let url = server.create_db(db);
        server.sql(
            db,
            &format!(
                "DROP ROLE IF EXISTS {db}_mallory; CREATE ROLE {db}_mallory LOGIN;
                 CREATE SCHEMA dbl; CREATE EXTENSION dblink SCHEMA dbl; GRANT USAGE ON SCHEMA dbl TO PUBLIC;
                 CREATE TABLE dbl.witness (what text); CREATE SCHEMA m AUTHORIZATION {db}_mallory;
                 -- As superuser: the connection of its own needs no password.
                 ALTER DATABASE {db} SET search_path = m, public, pg_catalog;
                 SET ROLE {db}_mallory;
                 CREATE FUNCTION m.ran(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
                   IF current_user <> '{db}_mallory' THEN
                     PERFORM dbl.dblink_exec('host={} port={} user=postgres dbname={db}',
                       pg_catalog.format('INSERT INTO dbl.witness VALUES (%L)', what));
                   END IF; END $$;",
                server.socket_dir().display(),
                server.port()
            ),
        );
        Self { server, db: db.to_owned(), url }
    }

    /// SQL as the database user who means harm.
    fn mallory(&self, sql: &str) {
        self.server.sql(&self.db, &format!("SET ROLE {}_mallory;\n{sql}", self.db));
    }

    /// Functions that ran as somebody else.
    fn ran(&self) -> String {
        self.server.query(&self.db, "SELECT string_agg(DISTINCT what, ', ') FROM dbl.witness")
    }

    #[track_caller]
    fn assert_nothing_ran(&self, when: &str) {
        assert_eq!(self.ran(), "", "functions of the database user ran: {when}");
    }

    /// The rows of each table of schema m as `pg_dump` writes them, keys first.
    fn dumped(&self) -> BTreeMap<String, Vec<Vec<String>>> {
        let mut dump = as_server_user(&binary("pg_dump"));
        dump.args(["-h", &self.server.socket_dir().display().to_string(), "-p"])
            .arg(self.server.port().to_string());
        dump.args(["-U", "postgres", "--data-only", "-n", "m", &self.db]).current_dir("/");
        let output = dump.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (mut tables, mut table) = (BTreeMap::<String, Vec<Vec<String>>>::new(), None);
        for line in text.lines() {
            match (&table, line.strip_prefix("COPY m.")) {
                (None, Some(copy)) => {
                    let name = copy.split_once(' ').unwrap().0.to_owned();
                    tables.insert(name.clone(), Vec::new());
                    table = Some(name);
                }
                (Some(_), _) if line == "\\." => table = None,
                (Some(name), _) => {
                    let values = line.split('\t').map(|v| v.replace("\\\\", "\\")).collect();
                    tables.get_mut(name).unwrap().push(values);
                }
                _ => {}
            }
        }
        tables
    }
}

/// Everything that an export may select of a table with such columns: rows, keys, slices, hashes, a row of an error.
#[test]
fn s1_casts_and_operators_of_a_types_owner_do_not_run() {
    let trap = Trap::new("s1_types");
    let types = types();
    assert!(types.len() >= 40, "{}", types.len());
    let mut sql = String::from(
        "CREATE FUNCTION m.ix(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('ix'); RETURN i; END $$;
         CREATE FUNCTION m.checked(v text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('check ' || v); RETURN true; END $$;
         CREATE FUNCTION m.concat8(int8, int8) RETURNS text LANGUAGE plpgsql AS
           $$ BEGIN PERFORM m.ran('int8 || int8'); RETURN 'evil'; END $$;
         CREATE OPERATOR m.|| (LEFTARG = int8, RIGHTARG = int8, FUNCTION = m.concat8);\n",
    );
    for (_, create, _) in &types {
        let _ = writeln!(sql, "{create};");
    }
    for (name, create, values) in &types {
        sql.push_str(&snares(name, create.contains("DOMAIN")));
        let _ = writeln!(sql, "CREATE TABLE m.t_{name} (id int PRIMARY KEY, v m.{name}, a m.{name}[]);");
        for (id, value) in values.iter().enumerate() {
            let literal = value.replace('\'', "''");
            let _ = writeln!(
                sql,
                "INSERT INTO m.t_{name} VALUES ({id}, '{literal}', ARRAY['{literal}', NULL]::m.{name}[]);"
            );
        }
        let _ = writeln!(
            sql,
            "INSERT INTO m.t_{name} VALUES (9, NULL, NULL), (10, NULL, '{{}}');
             CREATE TABLE m.x_{name} AS TABLE m.t_{name}; CREATE INDEX ON m.x_{name} ((m.ix(7) + id));"
        );
    }
    trap.mallory(&sql);
    let (dumped, out) = (trap.dumped(), tempfile::tempdir().unwrap());
    assert_eq!(dumped.len(), types.len() * 2);

    // As it is by default; every row, with the server's own hashes.
    let plain = out.path().join("plain");
    export(&trap.url, &plain, &["--verify", "hash", "-i", "t_%"]).ok();
    trap.assert_nothing_ran("export --verify hash");
    // As text, cut by the column in each way.
    for method in ["Ntile", "RangeId", "DataDriven"] {
        let mut flags =
            ["--large-table-threshold", "1", "--verify", "hash", "-i", "t_%"].map(str::to_owned).to_vec();
        for (name, _, _) in &types {
            for (flag, value) in [
                ("--cast", format!("m.t_{name}.v: text")),
                ("--cast", format!("m.t_{name}.a: text")),
                ("--table-config", format!("m.t_{name}:{method}:v:2")),
            ] {
                flags.extend([flag.to_owned(), value]);
            }
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let dir = out.path().join(method);
        export(&trap.url, &dir, &flags).ok();
        trap.assert_nothing_ran(method);
        for (name, _, _) in &types {
            let table = format!("t_{name}");
            let expected = as_documented(name, &dumped[&table]);
            assert_eq!(exported(&dir.join("m").join(&table)), expected, "{table} by {method}");
        }
    }
    // With an expression in an index that would run whenever a statement over the table is planned.
    let dir = out.path().join("indexed");
    let mut flags = vec!["-i".to_owned(), "x_%".to_owned()];
    for (name, _, _) in &types {
        for column in ["v", "a"] {
            flags.extend(["--cast".to_owned(), format!("m.x_{name}.{column}: text")]);
        }
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    export(&trap.url, &dir, &flags).ok();
    for (name, _, _) in &types {
        let table = format!("x_{name}");
        assert_eq!(exported(&dir.join("m").join(&table)), as_documented(name, &dumped[&table]), "{table}");
    }
    trap.assert_nothing_ran("text of tables that are not planned over");
    // Of the composite types only those are refused of which fields would have to be cast.
    let run = export(&trap.url, &dir, &["-i", "x_%"]).exits(1);
    let refused = ["c_cast", "c_range", "c_nested", "c_arrays"];
    for (name, _, _) in &types {
        let failed = run.stdout.contains(&format!("m.x_{name}  failed"));
        assert_eq!(failed, refused.contains(&name.as_str()), "{name}: {run}");
    }
    trap.assert_nothing_ran("columns of tables that are not planned over");
    let lists = duck(&format!(
        "SELECT to_json(v)::text, to_json(a)::text FROM '{}' WHERE id < 9 ORDER BY id",
        dir.join("m/x_r_int4/*.parquet").display()
    ));
    assert_eq!(lists, "\"[1,5)\"|[\"[1,5)\",null]\n\"empty\"|[\"empty\",null]\n\"(,7)\"|[\"(,7)\",null]");
    stopped("casts and operators of 40 types, by rows, hashes and three ways to cut", types.len() * 7);
}

/// The rows of an exported table as text, NULL as pg_dump writes it.
fn exported(dir: &Path) -> Vec<Vec<String>> {
    let sql = format!(
        "SELECT to_json([id::text, coalesce(v, '\\N'), coalesce(a, '\\N')]) FROM '{}' ORDER BY id",
        dir.join("*.parquet").display()
    );
    duck(&sql).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of a dump by key. Of three built-in types the documented text is that of their cast, not of their output.
fn as_documented(name: &str, rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row[0].parse::<i64>().unwrap());
    for value in rows.iter_mut().map(|row| &mut row[1]).filter(|value| *value != "\\N") {
        *value = match name {
            "d_bool" => if value == "t" { "true" } else { "false" }.to_owned(),
            "d_char_5_" => value.trim_end().to_owned(),
            "d_inet" if !value.contains('/') => {
                format!("{value}/{}", if value.contains(':') { 128 } else { 32 })
            }
            _ => value.clone(),
        };
    }
    rows
}

/// What is planned over a table, and the table; each with rows, NULLs and a key.
const PLANNED: [(&str, &str); 15] = [
    ("called", "CREATE INDEX ON m.called ((m.ix(7) + v))"),
    ("condition", "CREATE INDEX ON m.condition (v) WHERE v > m.ix(7)"),
    ("inlined", "CREATE INDEX ON m.inlined ((m.wrapped(v)))"),
    ("inlined_body", "CREATE INDEX ON m.inlined_body ((m.parsed(v)))"),
    ("operator", "CREATE INDEX ON m.operator (((7 OPERATOR(m.@+@) 8) + v))"),
    ("hidden", "CREATE INDEX ON m.hidden ((m.ix(CASE WHEN true THEN 7 ELSE v END)))"),
    ("nulled", "CREATE INDEX ON m.nulled ((m.ix(v + NULL)))"),
    ("checked", "ALTER TABLE m.checked ADD CHECK (v > m.ix(7) - 100 OR v IS NULL)"),
    ("stats", "CREATE STATISTICS m.stats_of ON (m.ix(7) + v), id FROM m.stats"),
    ("defaults", "CREATE INDEX ON m.defaults ((m.with_default(v)))"),
    ("folded", "CREATE INDEX ON m.folded ((m.odd_body(v)))"),
    ("estimated", "CREATE INDEX ON m.estimated (v) WHERE (id IS NOT NULL OR r && '[1,50)'::m.mr)"),
    (
        "estimated_many",
        "CREATE INDEX ON m.estimated_many (v) WHERE (id IS NOT NULL OR r && '{[1,50)}'::m.mr_multirange)",
    ),
    ("estimator", "CREATE INDEX ON m.estimator (id) WHERE (id IS NOT NULL OR v OPERATOR(m.<<<) 5)"),
    ("unique_key", "CREATE UNIQUE INDEX ON m.unique_key ((m.ix(7) + id))"),
];

/// A database with tables whose planning would run functions.
fn planned() -> Trap {
    let trap = Trap::new("s1_planned");
    let function = |name: &str, returns: &str, value: &str| {
        format!(
            "CREATE FUNCTION m.{name}(i int) RETURNS {returns} LANGUAGE plpgsql IMMUTABLE AS
             $$ BEGIN PERFORM m.ran('{name}'); RETURN {value}; END $$;\n"
        )
    };
    let mut sql = function("ix", "int", "i");
    sql.push_str(
        "CREATE FUNCTION m.wrapped(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT m.ix(7) + i';
         CREATE FUNCTION m.with_default(a int, b int DEFAULT m.ix(7)) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN RETURN a + b; END $$;
         CREATE FUNCTION m.\"ev$il\"(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('ev$il'); RETURN i; END $$;
         CREATE FUNCTION m.odd_body(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT m.EV$IL(7) + i';
         CREATE FUNCTION m.apart(a int, b int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('apart'); RETURN b - a; END $$;
         CREATE TYPE m.mr AS RANGE (subtype = int4, subtype_diff = m.apart);
         CREATE FUNCTION m.parsed(i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN m.ix(7) + i;
         CREATE FUNCTION m.plus(a int, b int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('plus'); RETURN a + b; END $$;
         CREATE OPERATOR m.@+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = m.plus);
         CREATE FUNCTION m.less(a int, b int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('less'); RETURN a < b; END $$;
         CREATE OPERATOR m.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = m.less, RESTRICT = scalarltsel);
         CREATE FUNCTION m.honest(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.lower(t)';
         CREATE FUNCTION m.upper_of(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN RETURN pg_catalog.upper(t); END $$;\n",
    );
    for (table, _) in PLANNED {
        let (column, value) = match table {
            "estimated" => (", r m.mr", ", m.mr(g, g + 9)"),
            "estimated_many" => (", r m.mr_multirange", ", m.mr_multirange(m.mr(g, g + 9))"),
            _ => ("", ""),
        };
        sql.push_str(&format!(
            "CREATE TABLE m.{table} (id int PRIMARY KEY, v int, t text{column});
             INSERT INTO m.{table} SELECT g, CASE WHEN g % 5 > 0 THEN g END, 'n' || g{value}
                FROM generate_series(1, 100) g;\n"
        ));
    }
    for (table, trap) in PLANNED {
        let _ = writeln!(sql, "{trap}; ANALYZE m.{table};");
    }
    sql.push_str(
        "CREATE TABLE m.parted (id int, v int, t text) PARTITION BY RANGE ((m.ix(7) + v));
         CREATE TABLE m.parted_low PARTITION OF m.parted FOR VALUES FROM (MINVALUE) TO (57);
         CREATE TABLE m.parted_high PARTITION OF m.parted FOR VALUES FROM (57) TO (MAXVALUE);
         INSERT INTO m.parted SELECT g, g, 'n' || g FROM generate_series(1, 100) g;
         CREATE TABLE m.mother (id int, v int, t text);
         CREATE TABLE m.mother_child () INHERITS (m.mother);
         INSERT INTO m.mother SELECT g, g, 'n' || g FROM generate_series(1, 50) g;
         INSERT INTO m.mother_child SELECT g, g, 'n' || g FROM generate_series(51, 100) g;
         CREATE INDEX ON m.mother_child ((m.ix(7) + v));
         -- What calls functions over columns only is read as ever.
         CREATE TABLE m.plain (id int PRIMARY KEY, t text, g tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, t)) STORED);
         INSERT INTO m.plain SELECT g, 'Row ' || g FROM generate_series(1, 100) g;
         CREATE INDEX ON m.plain ((m.honest(t))); CREATE INDEX ON m.plain ((m.upper_of(t)));
         CREATE INDEX ON m.plain (id) WHERE m.upper_of(t) <> 'X';
         ANALYZE m.plain;\n",
    );
    trap.mallory(&sql);
    trap
}

/// Whatever is planned over a relation simplifies the expressions of its indexes, keys, checks and statistics.
#[test]
fn s1_index_expressions_do_not_run() {
    let trap = planned();
    let out = tempfile::tempdir().unwrap();
    let dumped = trap.dumped();

    Run::new(["check", "--source", &trap.url]).output().ok();
    trap.assert_nothing_ran("check");
    Run::new(["plan", "--source", &trap.url, "--output-dir", out.path().to_str().unwrap()]).output().ok();
    trap.assert_nothing_ran("plan");
    Run::new(["inspect", "--source", &trap.url]).output().ok();
    trap.assert_nothing_ran("inspect");
    let quick = ["--large-table-threshold", "1", "-p", "3"];
    for extra in [
        &[][..],
        &quick[..],
        &["--consistency", "table"],
        &["--consistency", "none", "--exclude", "estimated%"],
    ] {
        export(&trap.url, out.path(), extra).ok();
        trap.assert_nothing_ran(&format!("export {extra:?}"));
        let read = |table: &str| {
            let dir = out.path().join("m").join(table);
            duck(&format!(
                "SELECT to_json([id::text, coalesce(v::text, '\\N'), t]) FROM '{}' ORDER BY id",
                dir.join("*.parquet").display()
            ))
        };
        let rows = |table: &str| -> Vec<Vec<String>> {
            read(table).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        for (table, _) in PLANNED {
            let mut expected = as_documented(table, &dumped[table]);
            expected.iter_mut().for_each(|row| row.truncate(3));
            assert_eq!(rows(table), expected, "{table}");
        }
        let both = |one: &str, two: &str| [dumped[one].clone(), dumped[two].clone()].concat();
        assert_eq!(rows("parted"), as_documented("", &both("parted_low", "parted_high")));
        assert_eq!(rows("mother"), as_documented("", &both("mother", "mother_child")));
        let plain = out.path().join("m/plain");
        assert_eq!(duck(&format!("SELECT count(*) FROM '{}'", plain.join("*.parquet").display())), "100");
    }
    // A condition is evaluated here; a count that would need a plan is refused, and named.
    export(&trap.url, out.path(), &["-i", "called", "--where", "called: v > 50 AND t LIKE 'n%'"]).ok();
    let dir = out.path().join("m/called");
    assert_eq!(duck(&format!("SELECT count(*) FROM '{}'", dir.join("*.parquet").display())), "40");
    let refused = export(&trap.url, out.path(), &["-i", "called", "--verify", "count"]).exits(65);
    assert!(refused.stdout.contains("m.ix") && refused.stdout.contains("s1_planned_mallory"), "{refused}");
    export(&trap.url, out.path(), &["-i", "plain", "--verify", "hash"]).ok();
    Run::new([
        "query",
        "SELECT count(*) AS n FROM m.called",
        "--name",
        "n",
        "--source",
        &trap.url,
        "--output-dir",
    ])
    .args([out.path()])
    .output()
    .no_panic();
    trap.assert_nothing_ran("filters, counts, queries");
    stopped(
        "expressions that are simplified when a statement is planned, by eight commands",
        (PLANNED.len() + 2) * 8,
    );
}

/// A name that was a table's when the run began is a view's when it is read.
#[test]
fn s1_a_view_in_the_place_of_a_table_is_not_read() {
    let trap = Trap::new("s1_swap");
    trap.mallory(
        "CREATE FUNCTION m.evil() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
           $$ BEGIN PERFORM m.ran('evil'); RETURN 1; END $$;
         CREATE TABLE m.aaa_first (id int); INSERT INTO m.aaa_first VALUES (1);
         CREATE TABLE m.zzz_swap (id int); INSERT INTO m.zzz_swap VALUES (2);
         CREATE TABLE m.zzz_other (id int); INSERT INTO m.zzz_other VALUES (3);",
    );
    for (made, kind) in [
        ("CREATE VIEW m.zzz_swap AS SELECT m.evil() AS id", "view"),
        (
            "CREATE MATERIALIZED VIEW m.zzz_swap AS SELECT 1 AS id; CREATE INDEX ON m.zzz_swap ((m.evil() + id))",
            "materialized view",
        ),
    ] {
        let out = tempfile::tempdir().unwrap();
        // He holds a table that is locked before, until the list of tables has been made.
        let mut psql = trap.server.psql_command(&trap.db);
        let holder = std::thread::spawn({
            let sql = format!(
                "SET ROLE s1_swap_mallory; BEGIN; LOCK TABLE m.aaa_first IN ACCESS EXCLUSIVE MODE;
                 SELECT pg_sleep(3); DROP TABLE m.zzz_swap; {made}; COMMIT;"
            );
            move || psql.args(["-q", "-c", &sql]).output().unwrap()
        });
        std::thread::sleep(std::time::Duration::from_millis(800));
        let run = export(&trap.url, out.path(), &["-i", "aaa%", "-i", "zzz%"]).exits(1);
        assert!(holder.join().unwrap().status.success());
        assert!(run.stdout.contains(&format!("that of a {kind} now")), "{run}");
        trap.assert_nothing_ran(kind);
        assert!(!out.path().join("m/zzz_swap").exists());
        assert_eq!(
            manifest(&out.path().join("m/zzz_other"))["rows"],
            json(&out.path().join("m/aaa_first/_manifest.json"))["rows"]
        );
        let kind = if kind == "view" { "VIEW" } else { "MATERIALIZED VIEW" };
        trap.mallory(&format!("DROP {kind} m.zzz_swap; CREATE TABLE m.zzz_swap (id int);"));
    }
    // Views that are asked for are read, and run what their authors wrote.
    trap.mallory("CREATE VIEW m.asked AS SELECT m.evil() AS id;");
    export(&trap.url, tempfile::tempdir().unwrap().path(), &["-i", "m.asked"]).ok();
    assert_eq!(trap.ran(), "evil");
    stopped("views in the place of tables", 2);
}

/// Operators without a schema are those of pg_catalog, in every question that is asked.
#[test]
fn s1_the_search_path_of_a_database_is_not_used() {
    let trap = Trap::new("s1_path");
    let mut sql = String::new();
    for (number, (operator, left, right)) in [
        ("||", "int8", "text"),
        ("||", "text", "name"),
        ("=", "name", "text"),
        ("=", "oid", "int8"),
        ("=", "\"char\"", "text"),
        ("<>", "name", "text"),
        ("<>", "\"char\"", "text"),
        (">=", "oid", "int4"),
        ("/", "int8", "int8"),
        ("/", "int8", "int4"),
        ("*", "int8", "numeric"),
        ("!~", "name", "text"),
    ]
    .into_iter()
    .enumerate()
    {
        let returns = if matches!(operator, "||" | "/" | "*") { "text" } else { "bool" };
        let value = if returns == "text" { "'0'" } else { "true" };
        let _ = writeln!(
            sql,
            "CREATE FUNCTION m.op{number}({left}, {right}) RETURNS {returns} LANGUAGE plpgsql AS
               $$ BEGIN PERFORM m.ran('{left} {operator} {right}'); RETURN {value}; END $$;
             CREATE OPERATOR m.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = m.op{number});"
        );
    }
    for (name, arguments) in [
        ("count", ""),
        ("count", "int8"),
        ("set_config", "text, text, bool"),
        ("current_setting", "text"),
        ("format", "text, int8"),
        ("left", "text, int4"),
        ("trunc", "numeric"),
        ("scale", "numeric"),
        ("has_table_privilege", "oid, text"),
        ("pg_export_snapshot", ""),
        ("current_database", ""),
    ] {
        let _ = writeln!(
            sql,
            "CREATE FUNCTION m.{name}({arguments}) RETURNS text LANGUAGE plpgsql AS
               $$ BEGIN PERFORM m.ran('{name}'); RETURN 'x'; END $$;"
        );
    }
    sql.push_str("CREATE TABLE m.t (id int PRIMARY KEY, v text); INSERT INTO m.t SELECT g, 'x' FROM generate_series(1, 100) g;");
    trap.mallory(&sql);
    let out = tempfile::tempdir().unwrap();
    for extra in
        [&[][..], &["--verify", "hash", "--large-table-threshold", "10", "--table-config", "m.t:Ntile:id:3"]]
    {
        export(&trap.url, out.path(), extra).ok();
    }
    export(&trap.url, out.path(), &["--table-config", "m.t:DataDriven:v:3", "--where", "m.t: id > 5"]).ok();
    Run::new(["check", "--source", &trap.url]).output().ok();
    trap.assert_nothing_ran("search_path");
    stopped("operators and functions in front of pg_catalog", 24);
}

/// A superuser is warned of, before anything else; the role that `check` prints can export every kind of relation.
#[test]
fn s1_the_printed_role_exports_every_kind_of_relation() {
    let server = PgServer::shared();
    let (db, url) = ("s1_role", server.create_db("s1_role"));
    server.sql(
        db,
        "DROP ROLE IF EXISTS s1_reader;
         CREATE SCHEMA \"other one\"; CREATE EXTENSION postgis; CREATE EXTENSION postgres_fdw;
         CREATE TABLE plain (id int PRIMARY KEY, t text, twice int GENERATED ALWAYS AS (id * 2) STORED);
         INSERT INTO plain SELECT g, 'x' || g FROM generate_series(1, 100) g;
         CREATE UNLOGGED TABLE unlogged AS SELECT id FROM plain;
         CREATE TABLE \"other one\".\"it's\" AS SELECT id FROM plain;
         CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b mood);
         CREATE TABLE typed (id int, m mood, p pair, r int4range, g geometry(Point, 4326), f inet);
         INSERT INTO typed VALUES (1, 'ok', (1, 'sad'), '[1,5)', 'SRID=4326;POINT(1 2)', '10.0.0.1');
         CREATE TABLE parted (id int, region text) PARTITION BY LIST (region);
         CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a') PARTITION BY RANGE (id);
         CREATE TABLE parted_a1 PARTITION OF parted_a DEFAULT; CREATE TABLE parted_b PARTITION OF parted DEFAULT;
         INSERT INTO parted SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 1000) g;
         CREATE TABLE mother (id int); CREATE TABLE child () INHERITS (mother);
         INSERT INTO mother VALUES (1); INSERT INTO child VALUES (2);
         CREATE VIEW seen AS SELECT id FROM plain WHERE id <= 10;
         CREATE MATERIALIZED VIEW kept AS SELECT id FROM plain WHERE id > 90;
         CREATE TABLE secured (id int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
         CREATE POLICY none ON secured USING (id > 1); INSERT INTO secured VALUES (1), (2);
         CREATE TABLE not_granted (id int);",
    );
    server.sql(
        db,
        &format!(
            "CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{}', port '{}', dbname '{db}');
             CREATE FOREIGN TABLE far (id int) SERVER here OPTIONS (schema_name 'public', table_name 'plain');
             CREATE USER MAPPING FOR PUBLIC SERVER here OPTIONS (user 'postgres', password_required 'false');",
            server.socket_dir().display(),
            server.port()
        ),
    );
    let select =
        ["--views", "--exclude", "not_granted", "--exclude", "spatial_ref_sys", "--exclude", "geo%_columns"];
    let print = |url: &str| {
        Run::new(["check", "--source", url, "--print-role", "s1_reader"]).args(select).output().ok().stdout
    };
    let sql = print(&url);
    server.sql(db, &sql);
    let out = tempfile::tempdir().unwrap();
    let reader = server.url_as("s1_reader", "x", db);
    for extra in [&[][..], &["--verify", "hash", "--large-table-threshold", "10", "-p", "2"]] {
        export(&reader, out.path(), &[&select[..], extra].concat()).ok().never_says(&["superuser"]);
    }
    let rows = |table: &str| manifest(&out.path().join("public").join(table))["rows"].as_u64().unwrap();
    for (table, expected) in [
        ("plain", 100),
        ("unlogged", 100),
        ("typed", 1),
        ("parted", 1000),
        ("mother", 2),
        ("child", 1),
        ("seen", 10),
        ("kept", 10),
        ("secured", 2),
        ("far", 100),
    ] {
        assert_eq!(rows(table), expected, "{table}");
    }
    export(&reader, out.path(), &["-i", "not_granted"]).exits(77);
    let check = Run::new(["check", "--source", &reader]).args(select).output().ok();
    assert!(check.stdout.contains("ok      source       rights of the role"), "{check}");
    // The same again by the role itself; and a superuser is named in the first line.
    assert_eq!(print(&reader), sql);
    let run = export(&url, out.path(), &select).ok();
    let first = run.stderr.lines().next().unwrap_or_default();
    assert!(first.contains("WARN") && first.contains("postgres is a superuser"), "{run}");
    let check = Run::new(["check", "--source", &url]).args(select).output().ok();
    assert!(check.stdout.contains("warn    source       rights of the role"), "{check}");
    stopped("roles with more rights than an export needs", 1);
}
