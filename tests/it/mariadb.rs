//! A MariaDB server of our own: a fresh data directory in a temporary one, on a free loopback port.
//!
//! `LAKEXPRESS_MYSQL_SERVER` starts one that `scripts/install-mysql.sh` has unpacked instead of the system's: `mysql` or
//! `mariadb-11.8`.

#![allow(dead_code, reason = "test helper with a wider surface than one test needs")]

mod unpacked;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::unpacked::Unpacked;
use crate::server::{free_port, running_as_root};

/// The user that runs the server when the tests run as root.
const SERVER_USER: &str = "mysql";
const PASSWORD: &str = "pa55 'word\\";

/// A running server. Dropping it stops it at once and removes its directory.
pub(crate) struct MariaDb {
    /// Where it comes from, if not from the system.
    unpacked: Option<Unpacked>,
    dir: PathBuf,
    port: Mutex<u16>,
    /// More settings, as on the server's command line.
    settings: Vec<String>,
    server: Mutex<Option<Child>>,
    watchdog: Child,
}

impl MariaDb {
    /// The one server that tests share. Use a database of your own in it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with(&[]))
    }

    /// A server with further settings, such as `--sql-mode=NO_BACKSLASH_ESCAPES`.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let wanted = std::env::var("LAKEXPRESS_MYSQL_SERVER").ok().filter(|name| !name.is_empty());
        Self::start(wanted.map(|name| Unpacked::new(&name)), settings)
    }

    /// The server of that name that `scripts/install-mysql.sh` has unpacked.
    pub(crate) fn start_unpacked(name: &str) -> Self {
        Self::start(Some(Unpacked::new(name)), &[])
    }

    fn start(unpacked: Option<Unpacked>, settings: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("lakexpress-maria-").tempdir().unwrap().keep();
        if running_as_root() {
            must(Command::new("chown").arg(SERVER_USER).arg(&dir));
        }
        match &unpacked {
            Some(unpacked) => unpacked.initialize(&dir.join("data")),
            None => install(&dir.join("data")),
        }
        let watchdog = watchdog(&dir);
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        let server =
            Self { unpacked, dir, port: Mutex::new(0), settings, server: Mutex::new(None), watchdog };
        // The free port may be taken by someone else before the server binds it: try again.
        for _ in 0..10 {
            *server.port.lock().unwrap() = free_port();
            if server.launch() {
                let user = PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
                server.sql("mysql", &format!("SET sql_mode = ''; CREATE USER log@'%' IDENTIFIED BY '{user}'; GRANT ALL ON *.* TO log@'%'"));
                return server;
            }
        }
        panic!("no MariaDB server would start; its log:\n{}", server.log());
    }

    pub(crate) fn port(&self) -> u16 {
        *self.port.lock().unwrap()
    }

    /// Whether it is MySQL and not MariaDB.
    pub(crate) fn is_mysql(&self) -> bool {
        self.unpacked.as_ref().is_some_and(|unpacked| unpacked.mysql)
    }

    /// Its version, as it says it.
    pub(crate) fn version(&self) -> String {
        self.query("mysql", "SELECT version()")
    }

    /// Where the files of its databases lie.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A URL by which a user with all rights reaches a database.
    pub(crate) fn url(&self, db: &str) -> String {
        self.url_as("log", PASSWORD, db)
    }

    /// A URL by which another user reaches a database.
    pub(crate) fn url_as(&self, user: &str, password: &str, db: &str) -> String {
        url_of(user, password, self.port(), db)
    }

    /// A user with a password and these grants, each `RIGHTS ON WHAT`.
    pub(crate) fn create_user(&self, user: &str, password: &str, grants: &[&str]) {
        let mut sql =
            format!("DROP USER IF EXISTS {user}@'%'; CREATE USER {user}@'%' IDENTIFIED BY '{password}';");
        for grant in grants {
            sql.push_str(&format!("GRANT {grant} TO {user}@'%';"));
        }
        self.sql("mysql", &sql);
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// `info` of an auth entry for a database.
    pub(crate) fn info(&self, db: &str) -> serde_json::Value {
        serde_json::json!({ "username": "log", "password": PASSWORD, "server": "127.0.0.1", "port": self.port(), "database": db })
    }

    /// Creates an empty database, removing one of that name.
    #[track_caller]
    pub(crate) fn create_db(&self, name: &str) {
        crate::owners::take(&self.dir, name);
        self.sql("mysql", &format!("DROP DATABASE IF EXISTS `{name}`; CREATE DATABASE `{name}`"));
    }

    pub(crate) fn sql(&self, db: &str, sql: &str) {
        self.query(db, sql);
    }

    /// The rows of a query: columns separated by tabs, lines by newline, none at the end.
    pub(crate) fn query(&self, db: &str, sql: &str) -> String {
        self.attempt(db, sql).unwrap_or_else(|said| panic!("{sql:.1000}: {said}"))
    }

    /// The same, or what the server said.
    pub(crate) fn attempt(&self, db: &str, sql: &str) -> Result<String, String> {
        let mut client = self.client();
        client.args(["-N", "-B", "--raw", "--default-character-set=utf8mb4", "-D", db]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().unwrap();
        // Longer than an argument may be. A client that ends at an error reads no more.
        let mut stdin = child.stdin.take().unwrap();
        let sql = sql.to_owned();
        let writing = std::thread::spawn(move || stdin.write_all(sql.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writing.join().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned())
    }

    /// What the rows of a query of one column say, until it is `expected`.
    #[track_caller]
    pub(crate) fn wait_for(&self, sql: &str, expected: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.query("mysql", sql);
            if expected(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{sql} gives {found}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server without warning, as a power failure would.
    pub(crate) fn kill9(&self) {
        if let Some(mut child) = self.server.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(self.dir.join("pid"));
        }
    }

    /// Starts a killed server again, on the same port.
    pub(crate) fn restart(&self) {
        assert!(self.launch(), "the server did not start again:\n{}", self.log());
    }

    fn client(&self) -> Command {
        let mut client = Command::new(program("mariadb"));
        client.arg("--no-defaults").arg(format!("--socket={}", self.dir.join("socket").display()));
        client.args(["-u", "root"]);
        client
    }

    fn launch(&self) -> bool {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut server = match &self.unpacked {
            Some(unpacked) => unpacked.server(),
            None => {
                let mut server = Command::new(program("mariadbd"));
                server.arg("--no-defaults");
                server
            }
        };
        server.arg(format!("--datadir={}", self.dir.join("data").display()));
        server.arg(format!("--socket={}", self.dir.join("socket").display()));
        server.arg(format!("--pid-file={}", self.dir.join("pid").display()));
        server.arg(format!("--tmpdir={}", self.dir.display()));
        server
            .arg(format!("--port={}", self.port()))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
        server.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"]);
        server.args(&self.settings);
        if running_as_root() && self.unpacked.is_none() {
            server.arg(format!("--user={SERVER_USER}"));
        }
        server.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // A group of its own, so that Ctrl-C reaches it through the watchdog only.
        let mut child = server.process_group(0).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let ready = self.client().args(["-e", "SELECT 1"]).output().unwrap();
            if ready.status.success() {
                break;
            }
            assert!(Instant::now() < deadline, "the server did not answer:\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
        *self.server.lock().unwrap() = Some(child);
        true
    }

    fn log(&self) -> String {
        fs::read(self.dir.join("log")).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
        if let Some(mut child) = self.server.lock().unwrap().take() {
            let _ = child.wait();
        }
    }
}

/// A URL of a server on this machine.
pub(crate) fn url_of(user: &str, password: &str, port: u16, db: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let escaped: String = password
        .bytes()
        .map(|byte| if plain(byte.into()) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("mysql://{user}:{escaped}@127.0.0.1:{port}/{db}")
}

/// A table of the numbers from `first` to `last` in a column `seq`, in the SQL of both servers.
pub(crate) fn series(first: i64, last: i64) -> String {
    let digits = (last - first).max(1).ilog10() + 1;
    let (mut sum, mut tables) = (first.to_string(), String::new());
    for at in 0..digits {
        sum.push_str(&format!(" + d{at}.d * {}", 10_i64.pow(at)));
        let rows: Vec<String> = (0..10).map(|digit| format!("SELECT {digit} AS d")).collect();
        let cross = if at == 0 { "" } else { " CROSS JOIN " };
        tables.push_str(&format!("{cross}({}) d{at}", rows.join(" UNION ALL ")));
    }
    format!("(SELECT seq FROM (SELECT {sum} AS seq FROM {tables}) numbers WHERE seq <= {last}) series")
}

fn install(data: &Path) {
    let mut install = Command::new(program("mariadb-install-db"));
    install.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    // A server that starts removes what others have in the same one.
    install.arg(format!("--tmpdir={}", data.parent().unwrap().display()));
    if running_as_root() {
        install.arg(format!("--user={SERVER_USER}"));
    }
    must(install.current_dir("/"));
}

fn program(name: &str) -> PathBuf {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("`{name}` is not installed: run `apt-get install -y mariadb-server`, or `make test-deps`")
        })
}

/// Stops the server and removes its directory when this process ends in any way.
fn watchdog(dir: &Path) -> Child {
    let script = r#"
        trap '' INT TERM HUP
        read -r _
        pid=$(cat "$1/pid" 2>/dev/null) && kill -KILL "$pid" 2>/dev/null
        for _ in $(seq 100); do
            [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$(cut -d' ' -f3 /proc/$pid/stat 2>/dev/null)" != Z ] || break
            sleep 0.05
        done
        rm -rf "$1"
    "#;
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(script).arg("watchdog").arg(dir).current_dir("/").process_group(0);
    sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn must(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
