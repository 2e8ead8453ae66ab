//! A current MySQL server, unpacked by `scripts/install-mysql.sh`: `make verify-mysql`.

use std::fs;

use lakexpress::client::mysql::MysqlConfig;
use lakexpress::client::{Address, Environment};
use serde_json::json;
use tempfile::TempDir;

use super::{conforms, shop};
use crate::lake::Run;
use crate::mariadb::MariaDb;
use crate::server::PgServer;

fn entry(server: &MariaDb, db: &str) -> serde_json::Value {
    json!({ "ds_type": "mysql", "auth_mode": "classic", "info": server.info(db) })
}

/// Afterwards the server knows its hash, and proofs are enough.
async fn the_password_goes_where_nobody_listens(server: &MariaDb) {
    let login = async |sslmode: &str| {
        let mut info = entry(server, "log")["info"].as_object().unwrap().clone();
        info.insert("sslmode".into(), sslmode.into());
        let (id, kind) = ("it".into(), "mysql".into());
        let address = Address::Entry { id, kind, info, database: None };
        MysqlConfig::from_address(&address, &Environment::default()).unwrap().connect().await
    };
    let error = login("disable").await.unwrap_err();
    assert!(error.message().contains("asks for the password itself"), "{error:?}");
    assert!(login("require").await.unwrap().is_encrypted());
    let mut connection = login("disable").await.unwrap();
    connection.ping().await.unwrap();
    assert!(connection.server_version().starts_with(|c: char| c.is_ascii_digit()));
}

#[test]
#[ignore = "make verify-mysql: the server is not among the test dependencies"]
fn a_current_mysql_keeps_the_contract_and_a_run() {
    let server = MariaDb::start_unpacked("mysql");
    for db in ["contract", "log"] {
        server.create_db(db);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(the_password_goes_where_nobody_listens(&server));
    conforms(&entry(&server, "contract"));
    let home = TempDir::new().unwrap();
    let auth = home.path().join("auth.json");
    fs::write(&auth, json!({ "log": entry(&server, "log") }).to_string()).unwrap();
    let run = |args: &[&str]| {
        Run::new(args.iter().copied())
            .args(["-a", auth.to_str().unwrap(), "--log-db-auth-id", "log"])
            .output()
    };
    let out = home.path().join("out");
    shop("runlog_mysql");
    run(&[
        "export",
        "--source",
        &PgServer::shared().url("runlog_mysql"),
        "--output-dir",
        out.to_str().unwrap(),
    ])
    .ok();
    let runs = run(&["runs", "--json"]).ok();
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).unwrap();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{runs}");
    assert_eq!(runs[0]["status"], "completed", "{runs}");
}
