use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::error::ErrorKind;

fn url(text: &str) -> Result<PostgresConfig> {
    PostgresConfig::from_address(&Address::Url(url::Url::parse(text).unwrap()), &Environment::default())
}

fn entry(info: Value, database: Option<&str>) -> Result<PostgresConfig> {
    let Value::Object(info) = info else { panic!("not an object") };
    let address = Address::Entry {
        id: "ds_03_pg".into(),
        kind: "postgres".into(),
        info,
        database: database.map(Into::into),
    };
    PostgresConfig::from_address(&address, &Environment::default())
}

#[test]
fn url_with_everything() {
    let config = url("postgresql://us%40er:p%3Aa%2Fs+s@db.example.org:6543/my%20db\
        ?sslmode=verify-ca&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3&application_name=a%26b")
    .unwrap();
    assert_eq!(config.user, "us@er");
    assert_eq!(config.password, Some(Secret::new("p:a/s+s")));
    assert_eq!(config.server(), "db.example.org:6543");
    assert_eq!(config.database, "my db");
    assert_eq!(config.sslmode, SslMode::VerifyCa);
    assert_eq!(config.sslrootcert, Some(RootCert::File("/etc/ca.pem".into())));
    assert_eq!(config.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.application_name, "a&b");
    assert!(!format!("{config:?}").contains("p:a"));
}

#[test]
fn url_defaults_ipv6_and_sockets() {
    let config = url("postgres://me@[2001:db8::1]/d").unwrap();
    assert_eq!((config.host.as_str(), config.port), ("2001:db8::1", 5432));
    assert_eq!(config.server(), "[2001:db8::1]:5432");
    assert_eq!((config.sslmode, config.password), (SslMode::Prefer, None));
    assert_eq!(config.connect_timeout, Duration::from_secs(10));
    assert_eq!(config.application_name, "lakexpress");

    let config = url("postgres:///d?host=/run/pg&user=me&port=7&password=x&dbname=e").unwrap();
    assert!(config.is_unix_socket());
    assert_eq!(config.server(), "/run/pg/.s.PGSQL.7");
    assert_eq!((config.database.as_str(), config.password), ("e", Some(Secret::new("x"))));
    assert_eq!(url("postgres://me@%2Frun%2Fpg/d").unwrap().host, "/run/pg");
}

#[test]
fn url_problems_come_together_and_without_the_password() {
    let error = url("postgres://:hunter%2@h/?sslmod=require&port=99999&sslcert=c").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "6 problems",
        "password is not valid percent-encoded",
        "sslmod is not a known key: did you mean sslmode?",
        "user is missing",
        "dbname is missing",
        "port must be a number from 1 to 65535, but is \"99999\"",
    ] {
        assert!(error.message().contains(part) || part == "6 problems", "{part}: {error}");
    }
    assert!(error.message().contains("sslcert and sslkey must be given together"));
    assert!(!format!("{error:?}").contains("hunter"));
    assert!(url("postgres://u@a,b/d").unwrap_err().message().contains("several hosts"));
    assert!(url("postgres://u@a/d?zzzz=1").unwrap_err().message().contains("known are user, password"));
}

#[test]
fn entry_in_both_spellings() {
    let long = serde_json::json!({"username": "u", "password": "p", "server": "h", "port": "5433",
        "database": "d", "sslmode": "disable", "connect_timeout": 0});
    let short = serde_json::json!({"user": "u", "password": "p", "host": "h", "port": 5433,
        "database": "other", "sslmode": "disable", "connect_timeout": "0"});
    let config = entry(long, None).unwrap();
    assert_eq!(config, entry(short, Some("d")).unwrap());
    assert_eq!((config.port, config.connect_timeout), (5433, Duration::ZERO));
    let bare = serde_json::json!({"user": "u", "host": "h"});
    assert_eq!(entry(bare, Some("d")).unwrap().database, "d");
}

#[test]
fn entry_problems_come_together_with_their_paths() {
    let error = entry(
        serde_json::json!({"user": "u", "username": "v", "password": 12, "sever": "h", "port": true,
            "sslmode": "on", "connect_timeout": -1}),
        None,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "entry ds_03_pg has 8 problems",
        "ds_03_pg.info.username says the same as ds_03_pg.info.user: keep one",
        "ds_03_pg.info.password must be a string, but is a number",
        "ds_03_pg.info.sever is not a known key: did you mean server?",
        "ds_03_pg.info.port must be a number, but is a boolean",
        "ds_03_pg.info.server is missing",
        "ds_03_pg.info.database is missing",
        "ds_03_pg.info.sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full, \
         but is \"on\"",
        "ds_03_pg.info.connect_timeout must be a whole number of seconds, but is \"-1\"",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
}

#[test]
fn verifying_modes_need_someone_to_trust() {
    let error = url("postgres://u@h/d?sslmode=verify-full").unwrap_err();
    assert!(error.message().contains("sslrootcert is missing"));
    assert_eq!(error.hints()[0], ROOT_CERT_HINT);
    assert_eq!(url("postgres://u@h/d?sslrootcert=system").unwrap().sslmode, SslMode::VerifyFull);
    let error = url("postgres://u@h/d?sslrootcert=system&sslmode=require").unwrap_err();
    assert!(error.message().contains("must be verify-full with sslrootcert system"));
    assert!(url("postgres:///d?user=u&host=/tmp&sslmode=verify-full").is_ok());
}

#[test]
fn a_recorded_address_is_asked_in_no_weaker_way_than_the_environment_says_however_it_is_written() {
    let address =
        Address::Url(url::Url::parse("postgres://u@h/d?sslmode=disable&channel_binding=disable").unwrap());
    for (mode, binding, expected) in [
        ("require", "require", (SslMode::Require, Binding::Require)),
        ("verify-full ", " require\r", (SslMode::VerifyFull, Binding::Require)),
        ("disable", "prefer ", (SslMode::Disable, Binding::Disable)),
        // Words that are none.
        ("verify", "yes", (SslMode::VerifyFull, Binding::Require)),
    ] {
        let variables = [("PGSSLMODE", mode), ("PGCHANNELBINDING", binding)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::of(variables).for_recorded();
        let config = PostgresConfig::from_address(&address, &environment).unwrap();
        assert_eq!((config.sslmode, config.channel_binding), expected, "{mode} {binding}");
    }
}

#[test]
fn an_empty_name_of_a_database_is_not_the_database_of_the_entry() {
    let info = serde_json::json!({"user": "u", "server": "h", "database": "d"});
    let error = entry(info, Some("")).unwrap_err();
    assert!(error.message().contains("the database's name is empty"), "{error}");
}
