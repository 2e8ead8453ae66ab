//! Through PgBouncer, which deals the server's connections out to its clients.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::lake::{assert_same, assert_same_values, assert_tidy, export, manifest};
use crate::server::{PgServer, as_server_user, free_port};

/// A running PgBouncer in front of a server. Dropping it stops it.
struct Pooler {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Pooler {
    /// In `mode` (`session`, `transaction`), with at most `pool` connections to the server.
    fn start(server: &PgServer, mode: &str, pool: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("lakexpress-pgbouncer-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {pool}\nquery_wait_timeout = 20\n",
            server.port()
        );
        let path = dir.path().join("pgbouncer.ini");
        fs::write(&path, settings).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let program = Path::new("/usr/sbin/pgbouncer");
        assert!(program.exists(), "pgbouncer is missing: run `make test-deps`");
        let mut command = as_server_user(program);
        command.arg(&path).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "pgbouncer ended");
            assert!(Instant::now() < deadline, "pgbouncer does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, _dir: dir }
    }

    fn url(&self, db: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{db}?sslmode=disable", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pooler_changes_nothing_in_session_and_in_transaction_mode() {
    let server = PgServer::shared();
    let db = "pooled";
    let direct = server.create_db(db);
    // Settings that one client leaves behind must not reach another.
    server.sql(
        db,
        "CREATE TABLE big AS SELECT g AS id, g::numeric(12,2) / 7 AS n, timestamp '2024-01-01' + g * interval '1 s' AS at,
             md5(g::text) AS pad FROM generate_series(1, 60000) g;
         CREATE TABLE small (id integer, at timestamptz, d double precision, b bytea);
         INSERT INTO small SELECT g, now() + g * interval '1 h', 1.0 / g, decode(md5(g::text), 'hex') FROM generate_series(1, 100) g;
         ANALYZE; ALTER DATABASE pooled SET DateStyle = 'SQL, DMY'; ALTER DATABASE pooled SET extra_float_digits = -10;
         ALTER DATABASE pooled SET bytea_output = escape;",
    );
    for mode in ["session", "transaction"] {
        let pooler = Pooler::start(server, mode, 5);
        let out = tempfile::tempdir().unwrap();
        let flags =
            ["-p", "3", "--max-connections", "5", "--part-bytes", "1MiB", "--large-table-threshold", "1000"];
        for _ in 0..2 {
            export(&pooler.url(db), out.path(), &flags).ok();
        }
        assert_same(&direct, "public.big", &out.path().join("public/big"));
        assert_same_values(&direct, "public.small", &out.path().join("public/small"), &[]);
        for table in ["big", "small"] {
            let dir = out.path().join("public").join(table);
            assert_tidy(&dir);
            assert_eq!(manifest(&dir)["snapshot"]["level"], "run", "{mode}");
        }
        assert!(manifest(&out.path().join("public/big"))["files"].as_array().unwrap().len() > 3, "{mode}");
    }
}
