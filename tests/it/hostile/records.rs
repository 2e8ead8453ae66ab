//! S6: a run log that somebody else wrote, who names a server, a store or an auth file of his.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::server::{PASSWORD, Script, Seen, USER, Until, authentication, start};
use super::stopped;
use crate::lake::{Output, Run, export_args, manifest};
use crate::server::PgServer;

/// A server that asks for a password, a run that has left a table, and where its record is.
struct Scene {
    server: PgServer,
    root: tempfile::TempDir,
    run_id: String,
}

const DATABASE: &str = "s6_office";

impl Scene {
    /// `source` names the source, in which {port} is replaced.
    fn new(source: &str) -> Self {
        let hba = format!("host all {USER} 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust");
        let server = PgServer::start_with(&[], &hba);
        server.sql("postgres", &format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"));
        server.create_db(DATABASE);
        server.sql(
            DATABASE,
            &format!(
                "CREATE TABLE good (id integer); CREATE TABLE late (v numeric(5,2)); INSERT INTO late VALUES ('NaN');
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER}"
            ),
        );
        let root = tempfile::tempdir().unwrap();
        let mut scene = Self { server, root, run_id: String::new() };
        let source = source.replace("{port}", &scene.port());
        let lake = scene.path("lake");
        let all = [
            ("PGPASSWORD", PASSWORD),
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &scene.port()),
            ("PGDATABASE", DATABASE),
            ("PGUSER", USER),
        ];
        let run = scene.with(Run::new(export_args(&source, &lake, &["--error-action", "continue"])), &all);
        run.output().exits(1).never_says(&[PASSWORD]);
        scene.run_id = scene.query("SELECT run_id FROM runs");
        scene.server.sql(DATABASE, "UPDATE late SET v = 1");
        scene
    }

    fn port(&self) -> String {
        self.server.port().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn run_log(&self) -> PathBuf {
        self.path("state/lakexpress/runlog.sqlite")
    }

    fn query(&self, sql: &str) -> String {
        rusqlite::Connection::open(self.run_log()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Writes into the record.
    fn edit(&self, from: &str, to: &str, columns: &[&str]) {
        let log = rusqlite::Connection::open(self.run_log()).unwrap();
        for column in columns {
            let sql = format!("UPDATE runs SET {column} = replace({column}, ?1, ?2)");
            log.execute(&sql, [from, to]).unwrap();
        }
    }

    fn with(&self, run: Run, variables: &[(&str, &str)]) -> Run {
        let run = run.env("XDG_STATE_HOME", self.path("state")).env("HOME", self.path("home"));
        variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    fn resume(&self, more: &[&str], variables: &[(&str, &str)]) -> Output {
        let args = [&["resume", &self.run_id, "--retries", "0"], more].concat();
        self.with(Run::new(args), variables).output().never_says(&[PASSWORD])
    }

    fn private(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Back to what the run had left.
    fn again(&self, record: &Path) {
        fs::copy(record, self.run_log()).unwrap();
        let _ = fs::remove_dir_all(self.path("home"));
        let _ = fs::remove_file(self.path("lake/public/late/_manifest.json"));
        let _ = fs::remove_dir_all(self.path("lake/public/late"));
    }
}

async fn heard(seen: &mut tokio::sync::mpsc::Receiver<Seen>) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Ok(Some(one)) = tokio::time::timeout(Duration::from_millis(500), seen.recv()).await {
        all.push(one);
    }
    all
}

/// A server that asks for the password in clear text.
fn asks_for_the_password() -> Script {
    Script {
        tls: false,
        plus: false,
        until: Until::Startup,
        attack: authentication(3, b""),
        ..Script::default()
    }
}

/// Editing the record yields no password of the environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_a_server_that_only_the_run_log_names_gets_no_password() {
    let scene = Scene::new(&format!("postgres://{USER}@127.0.0.1:{{port}}/{DATABASE}"));
    let record = scene.path("record");
    fs::copy(scene.run_log(), &record).unwrap();
    let (attacker, mut seen) = start(asks_for_the_password()).await;
    let (real, false_one) = (format!("127.0.0.1:{}", scene.port()), format!("127.0.0.1:{attacker}"));
    let port = scene.port();
    let any = format!("*:*:*:*:{PASSWORD}\n");
    let service = format!("[prod]\nhost=127.0.0.1\nport={port}\npassword={PASSWORD}\n");
    let password = ("PGPASSWORD", PASSWORD);
    let passfile = scene.path("home/else").display().to_string();
    // File below home with its text, what the recorded URL ends with, variables.
    type Attack<'a> = (&'a str, &'a str, String, Vec<(&'a str, &'a str)>);
    let attacks: Vec<Attack<'_>> = vec![
        ("none", "", String::new(), vec![password]),
        ("none", "", String::new(), vec![password, ("PGHOST", "db.example.org")]),
        ("none", "", String::new(), vec![password, ("PGHOST", "127.0.0.1"), ("PGPORT", &port)]),
        ("none", "", String::new(), vec![password, ("PGHOST", "127.0.0.1")]),
        ("none", "", "?sslmode=disable".into(), vec![password]),
        (".pgpass", &any, String::new(), vec![]),
        ("else", &any, String::new(), vec![("PGPASSFILE", &passfile)]),
        ("else", &any, format!("?passfile={}", passfile.replace('/', "%2F")), vec![]),
        (".pg_service.conf", &service, "?service=prod".into(), vec![]),
        (".pg_service.conf", &service, String::new(), vec![("PGSERVICE", "prod")]),
    ];
    let count = attacks.len();
    for (file, text, query, variables) in attacks {
        scene.again(&record);
        scene.private(&format!("home/{file}"), text);
        let what = format!("{file} {query} {variables:?}");
        scene.edit(&real, &false_one, &["config", "source"]);
        scene.edit(&format!("/{DATABASE}\""), &format!("/{DATABASE}{query}\""), &["config"]);
        let output = scene.resume(&[], &variables).no_panic();
        assert_ne!(output.code, Some(0), "{what}\n{output}");
        let all = heard(&mut seen).await;
        assert!(!all.is_empty(), "{what}: it was not asked\n{output}");
        for one in all {
            let sent = one.after.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
            assert!(!sent, "{what}: the password went out\n{output}");
        }
        output.says(&["only the run log names", "--source", "PGHOST"]);
        // Who changed the configuration alone is not even connected to.
        scene.again(&record);
        scene.private(&format!("home/{file}"), text);
        scene.edit(&real, &false_one, &["config"]);
        scene.resume(&[], &variables).exits(2).says(&["source is not that of the run"]);
        assert!(heard(&mut seen).await.is_empty(), "{what}");
    }
    stopped("passwords for a server of the run log's", 2 * count);
}

/// What names the server as well as the run log: nothing needs to be said again.
#[test]
fn s6_a_server_that_the_surroundings_name_gets_its_password() {
    let url = format!("postgres://{USER}@127.0.0.1:{{port}}/{DATABASE}");
    let scene = Scene::new(&url);
    let record = scene.path("record");
    fs::copy(scene.run_log(), &record).unwrap();
    let port = scene.port();
    let url = url.replace("{port}", &port);
    let named = format!("*:*:*:*:wrong\n127.0.0.1:{port}:*:*:{PASSWORD}\n");
    let service = format!("[prod]\nhost=127.0.0.1\nport={port}\npassword={PASSWORD}\n");
    let password = ("PGPASSWORD", PASSWORD);
    // File below home with its text, flags, variables.
    type Way<'a> = (&'a str, &'a str, Vec<&'a str>, Vec<(&'a str, &'a str)>);
    let ways: [Way<'_>; 6] = [
        ("none", "", vec![], vec![password, ("PGHOST", "127.0.0.1"), ("PGPORT", &port)]),
        ("none", "", vec!["--source", &url], vec![password]),
        ("none", "", vec![], vec![password, ("LAKEXPRESS_SOURCE", &url)]),
        (".pgpass", &named, vec![], vec![]),
        (".pgpass", &format!("*:*:*:*:{PASSWORD}\n"), vec!["--source", &url], vec![]),
        (".pg_service.conf", &service, vec![], vec![("PGSERVICE", "prod")]),
    ];
    for (file, text, more, variables) in ways {
        scene.again(&record);
        scene.private(&format!("home/{file}"), text);
        scene.resume(&more, &variables).ok();
        assert_eq!(manifest(&scene.path("lake/public/late"))["rows"], 1, "{file} {more:?} {variables:?}");
    }
    // All of it from the environment, as the export had it.
    let scene = Scene::new("postgres://");
    let (host, database) = (("PGHOST", "127.0.0.1"), ("PGDATABASE", DATABASE));
    scene.resume(&[], &[password, host, database, ("PGUSER", USER), ("PGPORT", &scene.port())]).ok();
}

/// An auth file that others can write could ask for any variable of the environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_an_auth_file_of_others_is_not_read() {
    let scene = Scene::new(&format!("postgres://{USER}@127.0.0.1:{{port}}/{DATABASE}"));
    let (attacker, mut seen) = start(asks_for_the_password()).await;
    let evil = scene.private(
        "evil/auth.json",
        &format!(
            r#"{{"evil": {{"ds_type": "postgres", "info": {{"username": "u", "password": "${{TOKEN}}", "server": "127.0.0.1",
                "port": {attacker}, "database": "{DATABASE}", "sslmode": "disable"}}}}}}"#
        ),
    );
    scene.edit(r#""source":"postgres:"#, r#""source":null,"was":"postgres:"#, &["config"]);
    scene.edit(r#""source_db_auth_id":null"#, r#""source_db_auth_id":"evil""#, &["config"]);
    scene.edit(r#""auth":null"#, &format!(r#""auth":"{}""#, evil.display()), &["config"]);
    scene.edit(&scene.port(), &attacker.to_string(), &["source"]);
    for (file, directory) in [(0o666, 0o755), (0o620, 0o755), (0o600, 0o777)] {
        fs::set_permissions(&evil, fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(evil.parent().unwrap(), fs::Permissions::from_mode(directory)).unwrap();
        let output = scene.resume(&[], &[("TOKEN", PASSWORD)]);
        assert!(heard(&mut seen).await.is_empty(), "{file:o} {directory:o}\n{output}");
        output.exits(2).says(&["auth file that other users can write", "--auth"]);
    }
    stopped("auth files of the run log's", 3);
}

/// Keys of the environment are for the store that the user named.
#[test]
fn s6_a_store_that_only_a_run_log_of_others_names_is_not_asked() {
    let scene = Scene::new(&format!("postgres://{USER}@127.0.0.1:{{port}}/{DATABASE}"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let mut buffer = [0; 4096];
            let count = socket.read(&mut buffer).unwrap_or(0);
            let _ = sender.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
    });
    let lake = scene.path("lake").display().to_string();
    scene.edit(&lake, "s3://attacker/lake", &["config", "destination"]);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "a-token-of-ours"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    fs::set_permissions(scene.run_log(), fs::Permissions::from_mode(0o660)).unwrap();
    let output = scene.resume(&[], &keys).exits(2);
    output.says(&["other users can write the run log", "s3://attacker/lake", "--output-dir"]);
    assert!(asked.try_recv().is_err());
    // With the destination on the command line it is the user's own word.
    scene.resume(&["--output-dir", "s3://other/lake"], &keys).exits(2).says(&["flags differ"]);
    assert!(asked.try_recv().is_err());
    stopped("stores of the run log's", 2);
}
