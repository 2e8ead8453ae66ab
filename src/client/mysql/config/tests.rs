use super::*;
use crate::error::ErrorKind;

fn entry(info: &str) -> Result<MysqlConfig> {
    let info = serde_json::from_str(info).expect("json");
    let (id, kind) = ("log".into(), "mysql".into());
    let address = Address::Entry { id, kind, info, database: None };
    MysqlConfig::from_address(&address, &Environment::default())
}

fn url(text: &str) -> Result<MysqlConfig> {
    url_in(text, &Environment::default())
}

fn url_in(text: &str, environment: &Environment) -> Result<MysqlConfig> {
    MysqlConfig::from_address(&Address::Url(url::Url::parse(text).expect("a URL")), environment)
}

fn surroundings(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn an_entry_has_defaults_and_hides_its_password() {
    let found =
        entry(r#"{"username": "u", "password": "pa55", "server": "db", "database": "l", "port": "3307"}"#)
            .expect("valid");
    assert_eq!((found.server().as_str(), found.tls), ("db:3307", Tls::Prefer));
    assert!(!format!("{found:?}").contains("pa55"));
}

#[test]
fn a_url_says_the_same_as_an_entry() {
    let info = r#"{"username": "u@x", "password": "p/w+", "server": "db", "database": "l d", "port": 3307,
        "sslmode": "verify-ca", "sslrootcert": "/ca.pem", "connect_timeout": 3}"#;
    let text = "mysql://u%40x:p%2Fw+@db:3307/l%20d?sslmode=verify-ca&sslrootcert=%2Fca.pem&connect_timeout=3";
    assert_eq!(url(text).expect("valid"), entry(info).expect("valid"));
    let found = url("mariadb://u@[2001:db8::1]/d").expect("valid");
    assert_eq!((found.server().as_str(), found.password), ("[2001:db8::1]:3306", None));
    assert_eq!(url("mysql:///d?host=/run/my.sock&user=u").expect("valid").server(), "/run/my.sock");
}

#[test]
fn all_problems_are_said_at_once() {
    let error = entry(
        r#"{"usrname": "u", "user": "", "password": 5, "port": "x", "server": "a", "host": "b",
            "sslmode": "a text that is long enough to be a secret"}"#,
    )
    .expect_err("wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "entry log has 7 problems",
        "log.info.usrname is not a known key: did you mean username?",
        "log.info.user is empty",
        "log.info.password must be a string, but is a number",
        "log.info.port must be a number from 1 to 65535, but is \"x\"",
        "says the same as log.info.",
        "log.info.database is missing",
        "log.info.sslmode must be one of disable, prefer, require, verify-ca, verify-full",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!format!("{error:?}").contains("secret"));
    let error = url("mysql://u:hunter2@h/d?user=v&sslmode=&port=0").expect_err("wrong");
    for part in ["3 problems", "user says the same as user", "sslmode is empty", "port must be"] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!format!("{error:?}").contains("hunter"));
    let error = url("mysql://u:12#ter2@h/d").expect_err("wrong");
    assert!(error.message().contains("do not end where") && !format!("{error:?}").contains("ter2"));
}

#[test]
fn the_words_of_the_mysql_client_mean_the_same() {
    for (mysql, ours) in [
        ("ssl-mode=DISABLED", "sslmode=disable"),
        ("ssl_mode=preferred", "sslmode=prefer"),
        ("sslmode=Required", "sslmode=require"),
        ("ssl-mode=verify-full", "sslmode=verify-full"),
        ("ssl-mode=VERIFY_IDENTITY", "sslmode=verify-full"),
        ("ssl-mode=verify_ca&ssl-ca=/ca.pem", "sslmode=verify-ca&sslrootcert=/ca.pem"),
        ("ssl-ca=/ca.pem", "sslmode=verify-ca&sslrootcert=/ca.pem"),
        ("ssl-mode=PREFERRED&ssl_ca=/ca.pem", "sslrootcert=/ca.pem"),
        ("ssl-cert=/c&ssl-key=/k", "sslcert=/c&sslkey=/k"),
        ("get-server-public-key=TRUE", "get-server-public-key=1"),
        ("get-server-public-key=0", ""),
        ("get-server-public-key=1&server-public-key-path=/k", "server-public-key-path=/k"),
    ] {
        let read = |query| url(&format!("mysql://u@h/d?{query}")).expect(query);
        assert_eq!(read(mysql), read(ours), "{mysql}");
    }
    let found = entry(
        r#"{"user": "u", "database": "d", "socket": "/run/my.sock", "ssl-ca": "/ca.pem", "ssl-mode": "REQUIRED"}"#,
    )
    .expect("valid");
    assert_eq!((found.server().as_str(), found.tls), ("/run/my.sock", Tls::Require));
    for address in
        ["mysql://u@localhost:3306/d?socket=/s", "mysql:///d?user=u&socket=/s", "mysql:///d?user=u&host=/s"]
    {
        assert_eq!(url(address).expect(address).server(), "/s");
    }
}

#[test]
fn contradictions_are_problems() {
    for (query, part) in [
        ("sslmode=require&ssl-mode=REQUIRED", "ssl-mode says the same as sslmode"),
        ("ssl-ca=/a&sslrootcert=/b", "sslrootcert says the same as ssl-ca"),
        ("socket=/s", "socket and host name different servers"),
        ("socket=s", "socket must be the absolute path"),
        ("ssl-mode=verify", "one of disable, prefer, require, verify-ca, verify-full (DISABLED, PREFERRED,"),
        ("sslcert=/c", "sslcert and sslkey must be given together"),
        ("get-server-public-key=maybe", "get-server-public-key must be true or false"),
    ] {
        let error = url(&format!("mysql://u@h/d?{query}")).expect_err(query);
        assert!(error.kind() == ErrorKind::Config && error.message().contains(part), "{query}: {error}");
    }
}

#[test]
fn variables_stand_in_for_what_the_address_leaves_open() {
    let all =
        [("MYSQL_HOST", "db"), ("MYSQL_TCP_PORT", "3307"), ("MYSQL_PWD", "pa55"), ("MYSQL_UNIX_PORT", "/s")];
    let found = url_in("mysql:///d?user=u", &surroundings(&all)).expect("valid");
    assert_eq!(found, url("mysql://u:pa55@db:3307/d").expect("valid"));
    let found = url_in("mysql://u:own@h:1/d", &surroundings(&all)).expect("valid");
    assert_eq!(found, url("mysql://u:own@h:1/d").expect("valid"));
    let found = url_in("mysql:///d?user=u&socket=/mine", &surroundings(&all)).expect("valid");
    assert_eq!((found.server().as_str(), found.password.is_some()), ("/mine", true));
    for variables in [&all[3..], &[all[3], ("MYSQL_HOST", "localhost")]] {
        assert_eq!(url_in("mysql:///d?user=u", &surroundings(variables)).expect("valid").server(), "/s");
        let found = url_in("mysql://u@localhost/d", &surroundings(variables)).expect("valid");
        assert_eq!(found.server(), "localhost:3306", "an address that names a host is no socket");
    }
    let empty = all.map(|(name, _)| (name, ""));
    assert_eq!(
        url_in("mysql://u@h/d", &surroundings(&empty)).expect("valid"),
        url("mysql://u@h/d").expect("valid")
    );
    let error = url_in("mysql:///", &surroundings(&[("MYSQL_TCP_PORT", "many")])).expect_err("wrong");
    for part in
        ["MYSQL_TCP_PORT must be a number", "user is missing", "host is missing", "database is missing"]
    {
        assert!(error.message().contains(part), "{part} in {error}");
    }
}

#[test]
fn a_recorded_address_gets_a_password_only_for_a_server_that_is_named_elsewhere() {
    let password = ("MYSQL_PWD", "pa55");
    let host = ("MYSQL_HOST", "db");
    for (address, variables, goes) in [
        ("mysql://u@db/d", vec![password], false),
        ("mysql://u@db/d", vec![password, host], true),
        ("mysql://u@DB:3306/d", vec![password, host], true),
        ("mysql://u@db:3307/d", vec![password, host], false),
        ("mysql://u@db:3307/d", vec![password, host, ("MYSQL_TCP_PORT", "3307")], true),
        ("mysql://u@db:3306/d", vec![password, host, ("MYSQL_TCP_PORT", "3307")], false),
        ("mysql://u@elsewhere/d", vec![password, host], false),
        ("mysql:///d?user=u&socket=/s", vec![password, host], false),
        ("mysql:///d?user=u&socket=/s", vec![password, ("MYSQL_UNIX_PORT", "/s")], true),
        ("mysql:///d?user=u&socket=/tmp/s", vec![password, ("MYSQL_UNIX_PORT", "/s")], false),
        ("mysql:///d?user=u", vec![password, host], true),
        ("mysql://u:own@elsewhere/d", vec![password], true),
    ] {
        let environment = surroundings(&variables).for_recorded();
        let found = url_in(address, &environment).expect(address);
        assert_eq!(
            (found.password.is_some(), found.password_note.is_none()),
            (goes, goes),
            "{address} {variables:?}"
        );
        assert!(!format!("{found:?} {:?}", found.password_note).contains("pa55"));
    }
    let query = "mysql://u@db/d?get-server-public-key=true";
    let found = url_in(query, &surroundings(&[password, host]).for_recorded()).expect("valid");
    assert_eq!(found.server_key, ServerKey::None);
    assert_eq!(url(query).expect("valid").server_key, ServerKey::Asked);
}
