//! Passwords and keys of sources and run logs, and what looks like one on a command line.

use std::fs;

use serde_json::{Value, json};

use super::super::inputs::{Attempt, Bench, Input, private, random};

fn password(bench: &Bench) -> String {
    bench.password.clone()
}

fn info(bench: &Bench, more: &Value) -> Value {
    let mut info = json!({
        "username": "clerk", "server": "127.0.0.1", "port": bench.postgres.port(), "database": "postgres",
    });
    for (key, value) in more.as_object().unwrap() {
        info[key] = value.clone();
    }
    info
}

fn url(bench: &Bench, user: &str) -> String {
    format!("postgres://{user}@127.0.0.1:{}/postgres", bench.postgres.port())
}

/// A private key of a client and its certificate, new each time.
fn client_key(_: &Bench) -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}

pub(in super::super) fn inputs() -> Vec<Input> {
    let mut inputs = of_sources();
    inputs.extend(of_files());
    inputs.extend(of_run_logs());
    inputs.extend(of_command_lines());
    inputs
}

fn of_sources() -> Vec<Input> {
    vec![
        Input {
            name: "password of a source URL",
            secret: password,
            attempt: |bench, _, text| Attempt::from(&url(bench, &format!("clerk:{text}"))),
        },
        Input {
            name: "password with / ? # in a source URL",
            secret: |_| random(),
            attempt: |bench, _, text| {
                let signs = ["12/", "12?", "12#", "/", "?"];
                let mut attempts =
                    signs.map(|sign| Attempt::from(&url(bench, &format!("clerk:{sign}{text}"))));
                let commands = attempts.iter_mut().flat_map(|attempt| attempt.commands.drain(..)).collect();
                Attempt { commands, variables: vec![("PGDATABASE".into(), "postgres".into())] }
            },
        },
        Input {
            name: "password in the query of a source URL",
            secret: password,
            attempt: |bench, _, text| Attempt::from(&format!("{}?password={text}", url(bench, "clerk"))),
        },
        Input {
            name: "password of an auth entry",
            secret: password,
            attempt: |bench, place, text| Attempt::from_entry(place, info(bench, &json!({"password": text}))),
        },
        Input {
            name: "password of an auth entry by ${VAR}",
            secret: password,
            attempt: |bench, place, text| {
                let info = info(bench, &json!({"password": "${PG_SECRET}"}));
                Attempt::from_entry(place, info).with("PG_SECRET", text)
            },
        },
        Input {
            name: "password in other keys of an auth entry",
            secret: |_| random(),
            attempt: |bench, place, text| {
                let more =
                    json!({"sslmode": text, "port": text, "connect_timeout": text, "channel_binding": text});
                Attempt::from_entry(place, info(bench, &more))
            },
        },
        Input {
            name: "text of the auth file",
            secret: random_secret,
            attempt: |bench, place, text| {
                let info = info(bench, &json!({"password": "HERE"}));
                let attempt = Attempt::from_entry(place, info);
                let whole = fs::read_to_string(place.auth()).unwrap();
                private(place, "auth.json", &whole.replace("HERE", text));
                attempt
            },
        },
        Input {
            name: "PGPASSWORD",
            secret: password,
            attempt: |bench, _, text| Attempt::from(&url(bench, "clerk")).with("PGPASSWORD", text),
        },
    ]
}

fn random_secret(_: &Bench) -> String {
    random()
}

fn of_files() -> Vec<Input> {
    vec![
        Input {
            name: "password file",
            secret: password,
            attempt: |bench, place, text| {
                private(place, ".pgpass", &format!("127.0.0.1:*:*:clerk:{text}\n"));
                Attempt::from(&url(bench, "clerk"))
            },
        },
        Input {
            name: "service file",
            secret: password,
            attempt: |bench, place, text| {
                let text = format!("[lake]\nuser=clerk\npassword={text}=\n");
                private(place, ".pg_service.conf", &text);
                Attempt::from(&format!(
                    "postgres://127.0.0.1:{}/postgres?service=lake",
                    bench.postgres.port()
                ))
            },
        },
        Input {
            name: "key of a client's certificate",
            secret: client_key,
            attempt: |bench, place, text| {
                let key = rcgen::KeyPair::generate().unwrap();
                let params = rcgen::CertificateParams::new(vec!["client".into()]).unwrap();
                let certificate = private(place, "client.crt", &params.self_signed(&key).unwrap().pem());
                let key = private(place, "client.key", text);
                let files = format!("sslcert={}&sslkey={}", certificate.display(), key.display());
                Attempt::from(&format!("{}?sslmode=require&{files}", url(bench, "postgres")))
            },
        },
        Input {
            name: "key where certificates are expected",
            secret: client_key,
            attempt: |bench, place, text| {
                let key = private(place, "client.key", text);
                let files = format!("sslcert={0}&sslkey={0}", key.display());
                let mut attempt =
                    Attempt::from(&format!("{}?sslmode=require&{files}", url(bench, "postgres")));
                let roots = format!("sslmode=verify-ca&sslrootcert={}", key.display());
                attempt
                    .commands
                    .extend(Attempt::from(&format!("{}?{roots}", url(bench, "postgres"))).commands);
                attempt.commands.extend(
                    Attempt::from(&format!("{}?sslrootcert=system", url(bench, "postgres"))).commands,
                );
                attempt.with("SSL_CERT_FILE", key.display().to_string())
            },
        },
    ]
}

fn of_run_logs() -> Vec<Input> {
    vec![
        Input {
            name: "password of a run log in PostgreSQL",
            secret: password,
            attempt: |bench, place, text| {
                Attempt::logging_to(place, "postgres", info(bench, &json!({"password": text})))
            },
        },
        Input {
            name: "password of a run log in MariaDB",
            secret: random_secret,
            attempt: |bench, place, text| {
                let mut info = bench.mariadb.info("secrets");
                info["password"] = json!(text);
                Attempt::logging_to(place, "mysql", info)
            },
        },
        Input {
            name: "key where a run log's certificates are expected",
            secret: client_key,
            attempt: |bench, place, text| {
                let mut info = bench.mariadb.info("secrets");
                info["sslmode"] = json!("verify-ca");
                info["sslrootcert"] = json!(private(place, "client.key", text));
                Attempt::logging_to(place, "mysql", info)
            },
        },
        Input {
            name: "URL of a run log",
            secret: random_secret,
            attempt: |bench, place, text| {
                let url = format!("postgres://clerk:{text}@127.0.0.1:{}/postgres", bench.postgres.port());
                let mut attempt =
                    Attempt::logging_to(place, "mysql", json!({"url": url, "server": url, "port": url}));
                attempt.commands.extend(Attempt::logging_to(place, &url, json!({})).commands);
                attempt
            },
        },
    ]
}

fn of_command_lines() -> Vec<Input> {
    vec![
        Input {
            name: "URL where none belongs",
            secret: random_secret,
            attempt: |_, place, text| {
                private(place, "auth.json", "{}");
                let user = format!("postgres://u:{text}@h/d");
                let query = format!("postgres://h/d?user=u&password={text}");
                let signed = format!("https://a.blob.core.windows.net/c/p?sv=1&sig={text}");
                let mut lines: Vec<Vec<String>> = Vec::new();
                for url in [user.as_str(), &query, &signed] {
                    let words: [&[&str]; 8] = [
                        &["export", url],
                        &["status", url],
                        &["resume", url],
                        &["verify", url],
                        &["report", url],
                        &["export", "-a", url, "--source-db-auth-id", "x", "--output-dir", "out"],
                        &["export", "-a", "auth.json", "--source-db-auth-id", url, "--output-dir", "out"],
                        &["check", "-a", "auth.json", "--target-storage-id", url],
                    ];
                    // One URL is tried everywhere, the others where words of the command line go different ways.
                    let tried = if url == user { words.len() } else { 3 };
                    lines.extend(Attempt::lines(&words[..tried]).commands);
                }
                Attempt { commands: lines, variables: Vec::new() }
            },
        },
        Input {
            name: "connection string in place of a URL",
            secret: random_secret,
            attempt: |_, _, text| {
                Attempt::from(&format!("host=127.0.0.1 user=clerk password={text} dbname=postgres"))
            },
        },
    ]
}
