//! Servers for all inputs, the manglings, and what one attempt is made of.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::azurite::Azurite;
use super::super::gcs::Gcs;
use super::super::seaweed::{BUCKET, Seaweed};
use super::super::standin::{StandIn, answer};
use super::super::{Place, set_private};
use super::cases;
use crate::mariadb::MariaDb;
use crate::server::PgServer;

/// The ways in which a secret is mangled; the first is none, so that it is used as well.
pub(super) const MANGLINGS: [&str; 7] = [
    "as it is",
    "line breaks as two characters",
    "cut in half",
    "quoted",
    "a line break",
    "a wrong character",
    "doubled",
];

/// What all inputs share.
pub(super) struct Bench {
    /// Asks `clerk` for the password, over TLS or without.
    pub(super) postgres: PgServer,
    pub(super) password: String,
    pub(super) mariadb: &'static MariaDb,
    pub(super) s3_port: u16,
    pub(super) gcs: &'static Gcs,
    pub(super) azurite: &'static Azurite,
    /// Refuses everything and repeats what it was sent, as careless servers and proxies do.
    pub(super) parrot: StandIn,
    /// Asks for credentials, as proxies do.
    pub(super) proxy: StandIn,
    /// A private key of a service account.
    pub(super) key: String,
}

impl Bench {
    pub(super) fn new() -> Self {
        let postgres = PgServer::start_with(
            &[],
            "host all clerk 127.0.0.1/32 md5\nlocal all all trust\nhost all postgres 127.0.0.1/32 trust",
        );
        let password = random();
        // SCRAM takes a second of an unoptimised client.
        postgres.sql(
            "postgres",
            &format!("SET password_encryption = 'md5'; CREATE ROLE clerk LOGIN PASSWORD '{password}'; CREATE TABLE t (id int)"),
        );
        postgres.sql("postgres", "GRANT ALL ON t TO clerk; GRANT ALL ON SCHEMA public TO clerk");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        postgres.install_file("server.crt", certificate.pem().as_bytes());
        postgres.install_file("server.key", key.serialize_pem().as_bytes());
        postgres.sql("postgres", "ALTER SYSTEM SET ssl = on");
        postgres.reload();
        let parrot = StandIn::new(|request| {
            let said =
                String::from_utf8_lossy(&request.body).into_owned() + &String::from_utf8_lossy(&request.head);
            answer("400 Bad Request", "text/plain", &said)
        });
        let proxy =
            StandIn::new(|_| answer("407 Proxy Authentication Required", "text/plain", "Who are you?"));
        let (mariadb, gcs) = (MariaDb::shared(), Gcs::shared());
        mariadb.create_db("secrets");
        let file: Value =
            serde_json::from_str(&fs::read_to_string(gcs.key_file(gcs.port, &std::env::temp_dir())).unwrap())
                .unwrap();
        Self {
            postgres,
            password,
            mariadb,
            s3_port: Seaweed::shared().port,
            gcs,
            azurite: Azurite::shared(),
            parrot,
            proxy,
            key: file["private_key"].as_str().unwrap().to_owned(),
        }
    }

    /// A key file of a service account with this text as its private key.
    pub(super) fn key_document(&self, private_key: &str) -> Value {
        json!({
            "type": "service_account", "private_key_id": "1", "private_key": private_key,
            "client_email": "a@b.iam.gserviceaccount.com", "gcs_base_url": format!("http://127.0.0.1:{}", self.gcs.port),
        })
    }
}

/// One place from which a secret is read.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) secret: fn(&Bench) -> String,
    /// What to run with the mangled text in that place.
    pub(super) attempt: fn(&Bench, &Place, &str) -> Attempt,
}

pub(super) fn inputs() -> Vec<Input> {
    [cases::databases::inputs(), cases::stores::inputs(), cases::clouds::inputs()]
        .into_iter()
        .flatten()
        .collect()
}

/// Command lines, and variables of their environment.
pub(super) struct Attempt {
    pub(super) commands: Vec<Vec<String>>,
    pub(super) variables: Vec<(String, String)>,
}

impl Attempt {
    /// `export`, `check` and `plan` with these flags.
    pub(super) fn of<S: Into<String>>(flags: impl IntoIterator<Item = S>) -> Self {
        let flags: Vec<String> = flags.into_iter().map(Into::into).collect();
        let command = |name: &str, more: &[&str]| {
            let more = more.iter().map(|word| (*word).to_owned());
            std::iter::once(name.to_owned()).chain(flags.clone()).chain(more).collect()
        };
        let logs = ["--log-level", "debug", "--log-dir", "logs"];
        let commands = vec![
            command("export", &["--log-level", "debug", "--log-dir", "logs", "--retries", "0"]),
            command("check", &[&logs[..], &["--json"]].concat()),
            command("plan", &logs[..2]),
        ];
        Self { commands, variables: Vec::new() }
    }

    /// The table of the place's SQLite file to a storage with this entry.
    pub(super) fn to(place: &Place, entry: Value) -> Self {
        place.entry("lake", entry);
        Self::of(["--source", "sqlite:data.db", "-a", "auth.json", "--target-storage-id", "lake"])
    }

    /// The table of the place's SQLite file to a URL.
    pub(super) fn to_url(url: &str) -> Self {
        Self::of(["--source", "sqlite:data.db", "--output-dir", url])
    }

    /// The table of a server to a local directory.
    pub(super) fn from(url: &str) -> Self {
        Self::of(["--source", url, "--output-dir", "out"])
    }

    /// The same with an entry of the auth file.
    pub(super) fn from_entry(place: &Place, info: Value) -> Self {
        place.entry("pg", json!({"ds_type": "postgres", "info": info}));
        Self::of(["-a", "auth.json", "--source-db-auth-id", "pg", "--output-dir", "out"])
    }

    /// The table of the place's SQLite file, with the run log at this entry.
    pub(super) fn logging_to(place: &Place, kind: &str, info: Value) -> Self {
        place.entry("log", json!({"ds_type": kind, "info": info}));
        let flags = [
            "--source",
            "sqlite:data.db",
            "-a",
            "auth.json",
            "--log-db-auth-id",
            "log",
            "--output-dir",
            "out",
        ];
        let mut attempt = Self::of(flags);
        let runs = ["runs", "-a", "auth.json", "--log-db-auth-id", "log"];
        attempt.commands.push(runs.map(str::to_owned).into());
        attempt
    }

    /// Command lines as they are.
    pub(super) fn lines(lines: &[&[&str]]) -> Self {
        let words = |line: &&[&str]| line.iter().map(|word| (*word).to_owned()).collect();
        Self { commands: lines.iter().map(words).collect(), variables: Vec::new() }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }
}

/// Forty random letters and digits.
pub(super) fn random() -> String {
    let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()]
        .map(uuid::Uuid::into_bytes)
        .concat();
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    bytes[..40].iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect()
}

/// A random key as Azure writes it.
pub(super) fn random_base64() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(random() + &random())
}

pub(super) fn mangled(secret: &str, how: &str) -> String {
    let lines = secret.trim_end().contains('\n');
    let half = secret.len() / 2;
    let (first, second) = secret.split_at(half);
    match how {
        "as it is" => secret.to_owned(),
        "line breaks as two characters" if lines => secret.replace('\n', "\\n"),
        "line breaks as two characters" => format!("{first}\\n{second}"),
        "cut in half" => first.to_owned(),
        "quoted" => format!("\"{secret}\""),
        "a line break" if lines => secret.replace('\n', " "),
        "a line break" => format!("{first}\n{second}\r\n"),
        "a wrong character" if lines => format!("{}*%\u{1}{}", &first[..half - 1], second),
        "a wrong character" => format!("{first}%@\u{1}/{second}"),
        "doubled" => format!("{secret}{secret}"),
        other => panic!("no mangling '{other}'"),
    }
}

/// Writes a file that others may not read.
pub(super) fn private(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    set_private(&path);
    path
}

/// An S3 entry without credentials.
pub(super) fn s3(bench: &Bench, more: &Value) -> Value {
    let mut info = json!({
        "bucket": BUCKET, "base_path": "secrets", "region": "us-east-1",
        "endpoint_url": format!("http://127.0.0.1:{}", bench.s3_port),
    });
    for (key, value) in more.as_object().unwrap() {
        info[key] = value.clone();
    }
    json!({"storage_type": "s3", "info": info})
}
