//! Schemas that nobody here wrote: the catalog of the server, what Debian's extensions bring along, and the databases
//! of programs that Debian packages, compared relation by relation and value by value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::lake::{Run, export_args, script};
use crate::server::PgServer;

/// Where `scripts/install-test-deps.sh` has put the SQL of some of Debian's packages.
pub(crate) fn samples() -> PathBuf {
    let dir = std::env::var_os("LAKEXPRESS_SAMPLES").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/lakexpress-samples")
    });
    assert!(dir.exists(), "{} is missing: run `make test-deps`", dir.display());
    dir
}

/// A schema, and what Debian has for it, in this order: a package, and a file in it.
const PROGRAMS: &[(&str, &[(&str, &str)])] = &[
    (
        "zabbix",
        &[
            ("zabbix-server-pgsql", "usr/share/zabbix-server-pgsql/schema.sql.gz"),
            ("zabbix-server-pgsql", "usr/share/zabbix-server-pgsql/images.sql.gz"),
            ("zabbix-server-pgsql", "usr/share/zabbix-server-pgsql/data.sql.gz"),
        ],
    ),
    (
        "ledgersmb",
        &[
            ("ledgersmb", "usr/share/ledgersmb/sql/Pg-database.sql"),
            ("ledgersmb", "usr/share/ledgersmb/sql/coa/de/gifi/SKR03.sql"),
            ("ledgersmb", "usr/share/ledgersmb/sql/coa/ar/sic/SIC_6.sql"),
        ],
    ),
];

/// The SQL of a file, unpacked.
pub(crate) fn sql_of(path: &Path) -> String {
    if path.extension().is_some_and(|e| e == "gz") {
        let unpacked = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        assert!(unpacked.status.success(), "{}", path.display());
        return String::from_utf8(unpacked.stdout).unwrap();
    }
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every extension that the server has and that needs nothing else, and a copy of every relation of the system: views
/// of what goes on now would have other rows when they are compared.
const SYSTEM: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT e.name FROM pg_available_extensions e ORDER BY 1 LOOP
            BEGIN EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', name);
            EXCEPTION WHEN others THEN RAISE NOTICE 'no extension %: %', name, SQLERRM; END;
        END LOOP;
    END $$;
    -- What its view shows changes while one looks.
    DROP EXTENSION IF EXISTS pg_buffercache;
    ANALYZE;
    CREATE SCHEMA system;
    SET allow_system_table_mods = on; -- a column of anyarray
    DO $$ DECLARE from_name text; to_name text; BEGIN
        FOR from_name, to_name IN
            SELECT format('%I.%I', n.nspname, c.relname), n.nspname || '_' || c.relname
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'v') AND n.nspname IN ('pg_catalog', 'information_schema')
        LOOP
            BEGIN EXECUTE format('CREATE TABLE system.%I AS SELECT * FROM %s', to_name, from_name);
            -- pg_replication_slots has a column xmin.
            EXCEPTION WHEN duplicate_column THEN RAISE NOTICE 'no copy of %', from_name; END;
        END LOOP;
    END $$;";

/// Relations of a schema that have rows.
fn filled(server: &PgServer, db: &str, schema: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_class c WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r' AND reltuples > 0"
    );
    server.query(db, &sql).parse().unwrap()
}

/// Exports a database and compares all of it. Prints what was compared; what is not there must have been refused with
/// an error that names it.
fn assert_all_the_same(title: &str, url: &str) -> Value {
    let out = tempfile::tempdir().unwrap();
    let run = Run::new(export_args(url, out.path(), &["-p", "4", "--json", "--views"])).output().no_panic();
    let summary: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}\n{run}"));
    let compared = script("relations.py", ["--url", url, "--dir", out.path().to_str().unwrap()]);
    let said: Value = serde_json::from_str(&compared.stdout).unwrap_or_else(|e| panic!("{e}\n{compared}"));
    let refused = summary["tables"].as_array().unwrap().iter().filter(|t| !t["error"].is_null());
    let refused: Vec<String> = refused.map(|t| format!("{} {}", t["table"], t["error"])).collect();
    for line in &refused {
        println!("{title}: refused: {line}");
    }
    println!(
        "{title}: {} relations with {} columns, {} rows, {} values ({} by both readers) exact; {} refused",
        said["relations"],
        said["columns"],
        said["rows"],
        said["values"],
        said["by_two_readers"],
        refused.len()
    );
    assert_eq!(compared.code, Some(0), "{title}: {}", said["problems"]);
    for absent in said["absent"].as_array().unwrap() {
        let (schema, name) = absent.as_str().unwrap().split_once('.').unwrap();
        let told = refused.iter().any(|line| line.contains(schema) && line.contains(name));
        assert!(told, "{title}: {absent} is neither exported nor refused: {refused:?}");
    }
    said
}

fn number(said: &Value, key: &str) -> u64 {
    said[key].as_u64().unwrap()
}

#[test]
fn the_catalog_and_the_extensions_of_debian_are_exact() {
    let server = PgServer::shared();
    let url = server.create_db("foreign_system");
    server.sql("foreign_system", SYSTEM);
    let said = assert_all_the_same("catalog and extensions", &url);
    assert!(number(&said, "relations") >= 200, "{said}");
}

#[test]
fn the_databases_of_debians_programs_are_exact() {
    let server = PgServer::shared();
    let url = server.create_db("foreign_programs");
    let samples = samples();
    for (schema, files) in PROGRAMS {
        server.sql("foreign_programs", &format!("CREATE SCHEMA {schema}"));
        for (package, file) in *files {
            let sql = sql_of(&samples.join(package).join(file));
            let sql = format!("SET search_path = {schema}, public; BEGIN; {sql}\nCOMMIT;");
            server.sql("foreign_programs", &sql);
        }
    }
    server.sql("foreign_programs", "ANALYZE");
    for (schema, _) in PROGRAMS {
        println!("{schema}: {} tables with rows", filled(server, "foreign_programs", schema));
    }
    let said = assert_all_the_same("programs", &url);
    assert!(number(&said, "relations") >= 250, "{said}");
}
