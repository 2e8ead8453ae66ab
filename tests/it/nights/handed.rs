//! What a nightly job hands on to those who look in the morning: lines to paste, log files, JSON, places.

mod documents;
mod lines;
mod logs;
mod page;
mod told;

use std::path::Path;
use std::process::Command;

use crate::lake::{Output, program};
use crate::server::PgServer;
use crate::shop::Shop;
use serde_json::{Value, json};

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const DATA: i32 = 65;
const UNAVAILABLE: i32 = 75;

fn shop(db: &str) -> Shop {
    Shop::with(db, "CREATE TABLE more AS TABLE good")
}

impl Shop {
    /// Writes an auth file: the source, a run log of each kind, and `lake`, which is a bucket's entry or nothing.
    fn auth(&self, path: &Path, more: &[(&str, Value)]) {
        let server = PgServer::shared();
        let log = format!("{}_log", self.db);
        server.create_db(&log);
        let info = |db: &str| json!({ "username": "postgres", "server": "127.0.0.1", "port": server.port(), "database": db, "sslmode": "disable" });
        let mut file = json!({
            "source": { "ds_type": "postgres", "auth_mode": "classic", "info": info(&self.db) },
            "it's a log": { "ds_type": "postgres", "auth_mode": "classic", "info": info(&log) },
            "file": { "ds_type": "sqlite", "auth_mode": "filesystem", "info": { "filepath": self.path("log.sqlite") } },
        });
        for (id, entry) in more {
            file[*id] = entry.clone();
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.to_string()).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A line that was printed, given to a shell elsewhere with the same environment.
    fn paste(&self, line: &str, env: &[(&str, &str)]) -> Output {
        let bin = Path::new(program()).parent().unwrap().display();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).current_dir("/").env("PATH", path);
        shell.env("XDG_STATE_HOME", self.path("state")).envs(env.iter().copied());
        for (name, _) in std::env::vars() {
            if name.starts_with("LAKEXPRESS_") && !env.iter().any(|(given, _)| *given == name) {
                shell.env_remove(name);
            }
        }
        let output = shell.output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The command that a text prints behind `to finish`.
#[track_caller]
fn to_finish(text: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("to finish    "));
    line.unwrap_or_else(|| panic!("no line to finish with:\n{text}")).to_owned()
}

#[track_caller]
fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}
