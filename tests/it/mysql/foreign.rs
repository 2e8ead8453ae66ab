//! Schemas that nobody here wrote: the server's own, and those of programs that Debian packages, relation by relation.

use std::fmt::Write;

use serde_json::Value;

use super::{Database, summary};
use crate::foreign::{samples, sql_of};
use crate::mariadb::MariaDb;

/// A database's name, and what Debian has for it, in this order: a package, and a file in it.
const PROGRAMS: &[(&str, &[(&str, &str)])] = &[
    (
        "my_zabbix",
        &[
            ("zabbix-server-mysql", "usr/share/zabbix-server-mysql/schema.sql.gz"),
            ("zabbix-server-mysql", "usr/share/zabbix-server-mysql/images.sql.gz"),
            ("zabbix-server-mysql", "usr/share/zabbix-server-mysql/data.sql.gz"),
        ],
    ),
    ("my_icinga", &[("icinga2-ido-mysql", "usr/share/icinga2-ido-mysql/schema/mysql.sql")]),
    ("my_icingaweb", &[("icingaweb2", "usr/share/icingaweb2/schema/mysql.schema.sql")]),
    ("my_roundcube", &[("roundcube-core", "usr/share/roundcube/SQL/mysql.initial.sql")]),
    ("my_cacti", &[("cacti", "usr/share/cacti/conf_templates/cacti.sql")]),
    ("my_pdns", &[("pdns-backend-mysql", "usr/share/pdns-backend-mysql/schema/schema.mysql.sql")]),
];

/// Exports a database and compares all of it. What is not there must have been refused with an error that names it.
fn assert_all_the_same(database: &Database<'_>) -> Value {
    let output = database.export(&["-p", "4", "--json", "--views"]).no_panic();
    let summary = summary(&output);
    let compared = database.compare(&[]);
    let said: Value = serde_json::from_str(&compared.stdout).unwrap_or_else(|e| panic!("{e}\n{compared}"));
    let refused = summary["tables"].as_array().unwrap().iter().filter(|t| !t["error"].is_null());
    let refused: Vec<String> = refused.map(|t| format!("{} {}", t["table"], t["error"])).collect();
    for line in &refused {
        println!("{}: refused: {line}", database.name);
    }
    println!(
        "{}: {} relations with {} columns, {} rows, {} values ({} by both readers) exact; {} refused",
        database.name,
        said["relations"],
        said["columns"],
        said["rows"],
        said["values"],
        said["by_two_readers"],
        refused.len()
    );
    assert_eq!(compared.code, Some(0), "{}: {}", database.name, said["problems"]);
    for absent in said["absent"].as_array().unwrap() {
        let said = refused.iter().any(|line| line.contains(absent.as_str().unwrap()));
        assert!(said, "{absent} is neither exported nor refused: {refused:?}");
    }
    said
}

/// A copy of every relation of the system: views of what goes on now would have other rows when they are compared.
fn copies(server: &MariaDb) -> String {
    let listed = server.query(
        "mysql",
        "SELECT table_schema, table_name FROM information_schema.tables
         WHERE table_schema IN ('information_schema', 'mysql') AND table_type <> 'SEQUENCE' ORDER BY 1, 2",
    );
    let mut sql = "SET sql_mode = '';".to_owned();
    for line in listed.lines() {
        let (schema, name) = line.split_once('\t').unwrap();
        let from = format!("`{schema}`.`{name}`");
        // The engine is that of a table; some of the system's cannot be copied.
        if server.attempt("mysql", &format!("SELECT * FROM {from} LIMIT 0")).is_ok() {
            write!(sql, "CREATE TABLE `{schema}_{name}` ENGINE = InnoDB AS SELECT * FROM {from};").unwrap();
        }
    }
    sql
}

#[test]
fn the_catalog_of_the_server_is_exact() {
    let server = MariaDb::shared();
    let database = Database::new("my_system", "");
    let mut copied = 0;
    for statement in copies(server).split_inclusive(';') {
        // What has no column, or one that no stored table can have, is left out.
        copied +=
            usize::from(server.attempt("my_system", &format!("SET sql_mode = ''; {statement}")).is_ok());
    }
    assert!(copied > 80, "{copied}");
    let said = assert_all_the_same(&database);
    assert!(said["relations"].as_u64().unwrap() >= 80, "{said}");
}

#[test]
fn the_databases_of_debians_programs_are_exact() {
    let samples = samples();
    let (mut relations, mut rows) = (0, 0);
    for (name, files) in PROGRAMS {
        let mut sql =
            "SET NAMES utf8mb4; SET sql_mode = 'NO_ENGINE_SUBSTITUTION'; SET foreign_key_checks = 0;"
                .to_owned();
        for (package, file) in *files {
            // A mode of MariaDB that MySQL has no more.
            sql.push_str(&sql_of(&samples.join(package).join(file)).replace("NO_AUTO_CREATE_USER,", ""));
            sql.push('\n');
        }
        let database = Database::new(name, &sql);
        let said = assert_all_the_same(&database);
        relations += said["relations"].as_u64().unwrap();
        rows += said["rows"].as_u64().unwrap();
    }
    println!("programs: {relations} relations, {rows} rows");
    assert!(relations >= 350, "{relations}");
}
