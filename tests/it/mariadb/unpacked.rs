//! A server that `scripts/install-mysql.sh` has unpacked, with the libraries that it came with.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::running_as_root;

/// Statements that make the system tables of MariaDB, in this order. Some are named after MySQL in older versions.
const SYSTEM_TABLES: [&str; 3] = ["system_tables.sql", "performance_tables.sql", "system_tables_data.sql"];

/// Where a server lies.
#[derive(Debug)]
pub(super) struct Unpacked {
    root: PathBuf,
    /// MySQL, and not MariaDB.
    pub(super) mysql: bool,
}

/// The folder in which the servers are unpacked.
fn place() -> PathBuf {
    let default = if running_as_root() {
        PathBuf::from("/usr/local/lib/lakexpress-mysql")
    } else {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/lakexpress-mysql")
    };
    std::env::var_os("LAKEXPRESS_MYSQL").map_or(default, PathBuf::from)
}

impl Unpacked {
    /// The server of that name: `mysql` or `mariadb-11.8`.
    pub(super) fn new(name: &str) -> Self {
        let root = place().join(name);
        let version = fs::read_to_string(root.join("version.txt"));
        let version = version.unwrap_or_else(|e| panic!("{}: {e}: run `make verify-mysql`", root.display()));
        println!("{}", version.trim());
        Self { root, mysql: name.starts_with("mysql") }
    }

    /// The server program without any option file.
    pub(super) fn server(&self) -> Command {
        let libraries = self.root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let loader = fs::read_dir(&libraries).unwrap().flatten().map(|entry| entry.path());
        let loader = loader.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("ld-linux-"));
        let mut server = Command::new(loader.last().expect("the loader is among the libraries"));
        let program = if self.mysql { "mysqld" } else { "mariadbd" };
        server.arg("--library-path").arg(&libraries).arg(self.root.join("usr/sbin").join(program));
        server.arg("--no-defaults");
        let messages = self.find("errmsg.sys", "english").expect("the server's messages");
        let messages = messages.parent().and_then(Path::parent).expect("a folder of languages");
        server.arg(format!("--lc-messages-dir={}", messages.display()));
        if self.mysql {
            server.arg(format!("--plugin-dir={}", self.root.join("usr/lib/mysql/plugin").display()));
            server.args(["--mysqlx=0", "--skip-log-bin", "--secure-file-priv=NULL"]);
        } else {
            let index = self.find("Index.xml", "charsets").expect("the character sets");
            server.arg(format!("--character-sets-dir={}", index.parent().expect("a folder").display()));
            server.arg(format!("--plugin-dir={}", self.root.join("usr/lib/mysql/plugin").display()));
        }
        if running_as_root() {
            server.arg("--user=root");
        }
        server
    }

    /// Makes a data directory; root has no password.
    pub(super) fn initialize(&self, data: &Path) {
        let mut server = self.server();
        server.arg(format!("--datadir={}", data.display()));
        let mut statements = String::new();
        if self.mysql {
            server.arg("--initialize-insecure");
        } else {
            fs::create_dir(data).unwrap();
            server.args(["--bootstrap", "--log-warnings=0", "--max-allowed-packet=8M"]);
            statements.push_str("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n");
            for name in SYSTEM_TABLES {
                let file = ["mariadb_", "mysql_"]
                    .iter()
                    .find_map(|prefix| self.find(&format!("{prefix}{name}"), ""));
                statements.push_str(&fs::read_to_string(file.expect("the system tables")).unwrap());
            }
        }
        server.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = server.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writing = std::thread::spawn(move || stdin.write_all(statements.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writing.join().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    }

    /// A file below `usr/share`, in a folder of that name if one is given.
    fn find(&self, file: &str, folder: &str) -> Option<PathBuf> {
        let mut left = vec![self.root.join("usr/share")];
        while let Some(dir) = left.pop() {
            for path in fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let within = folder.is_empty() || dir.file_name().is_some_and(|name| name == folder);
                if within && path.file_name().is_some_and(|name| name == file) {
                    return Some(path);
                }
                if path.is_dir() {
                    left.push(path);
                }
            }
        }
        None
    }
}
