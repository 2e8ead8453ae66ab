//! A current MySQL server, unpacked by `scripts/install-mysql.sh`: `make verify-mysql`.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lakexpress::client::Address;
use lakexpress::client::mysql::MysqlConfig;
use serde_json::json;
use tempfile::TempDir;

use super::{conforms, shop};
use crate::lake::Run;
use crate::server::{PgServer, free_port, running_as_root};

const PASSWORD: &str = "pa55 'word";

/// A running server.
struct MySql {
    dir: TempDir,
    port: u16,
    server: Child,
}

impl MySql {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("lakexpress-mysql-").tempdir().unwrap();
        let made = program(dir.path()).arg("--initialize-insecure").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let init = dir.path().join("init.sql");
        let password = PASSWORD.replace('\'', "''");
        let sql = format!(
            "CREATE DATABASE contract; CREATE DATABASE log;\nCREATE USER log@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO log@'%';\n"
        );
        fs::write(&init, sql).unwrap();
        let port = free_port();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut server = program(dir.path());
        server.arg(format!("--port={port}")).arg(format!("--init-file={}", init.display()));
        server.arg(format!("--socket={}", dir.path().join("socket").display()));
        server.args(["--bind-address=127.0.0.1", "--mysqlx=0", "--performance-schema=0"]);
        server.args(["--innodb-buffer-pool-size=64M", "--skip-log-bin"]);
        let server = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut started = Self { dir, port, server };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = started.server.try_wait().unwrap().is_some();
            let log = || fs::read_to_string(started.dir.path().join("log")).unwrap_or_default();
            assert!(!ended && Instant::now() < deadline, "the server did not start:\n{}", log());
            sleep(Duration::from_millis(100));
        }
        started
    }

    fn entry(&self, db: &str) -> serde_json::Value {
        json!({ "ds_type": "mysql", "auth_mode": "classic", "info": {
            "username": "log", "password": PASSWORD, "server": "127.0.0.1", "port": self.port, "database": db,
        } })
    }
}

impl Drop for MySql {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The server program over a data directory, with the libraries that it came with.
fn program(dir: &Path) -> Command {
    let default = if running_as_root() {
        PathBuf::from("/usr/local/lib/lakexpress-mysql")
    } else {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/lakexpress-mysql")
    };
    let root = std::env::var_os("LAKEXPRESS_MYSQL").map_or(default, PathBuf::from);
    let version = fs::read_to_string(root.join("version.txt"));
    let version = version.unwrap_or_else(|e| panic!("{}: {e}: run `make verify-mysql`", root.display()));
    println!("{}", version.trim());
    let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let loader = fs::read_dir(&libraries).unwrap().flatten().map(|entry| entry.path());
    let loader = loader.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("ld-linux-"));
    let mut server = Command::new(loader.last().expect("the loader is among the libraries"));
    server.arg("--library-path").arg(&libraries).arg(root.join("usr/sbin/mysqld")).arg("--no-defaults");
    server.arg(format!("--datadir={}", dir.join("data").display())).arg("--secure-file-priv=NULL");
    server.arg(format!("--lc-messages-dir={}", root.join("usr/share/mysql").display()));
    server.arg(format!("--plugin-dir={}", root.join("usr/lib/mysql/plugin").display()));
    if running_as_root() {
        server.arg("--user=root");
    }
    server.stdin(Stdio::null());
    server
}

/// Afterwards the server knows its hash, and proofs are enough.
async fn the_password_goes_where_nobody_listens(server: &MySql) {
    let login = async |sslmode: &str| {
        let mut info = server.entry("log")["info"].as_object().unwrap().clone();
        info.insert("sslmode".into(), sslmode.into());
        let (id, kind) = ("it".into(), "mysql".into());
        let address = Address::Entry { id, kind, info, database: None };
        MysqlConfig::from_address(&address).unwrap().connect().await
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
    let server = MySql::start();
    tokio::runtime::Runtime::new().unwrap().block_on(the_password_goes_where_nobody_listens(&server));
    conforms(&server.entry("contract"));
    let home = TempDir::new().unwrap();
    let auth = home.path().join("auth.json");
    fs::write(&auth, json!({ "log": server.entry("log") }).to_string()).unwrap();
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
