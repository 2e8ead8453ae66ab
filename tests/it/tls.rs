//! The six `sslmode`s against servers with every attitude to TLS, and certificates good and bad.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use lakexpress::client::password::Secret;
use lakexpress::client::postgres::{Binding, Connection, PostgresConfig, RootCert, SslMode, sqlstate};
use lakexpress::error::{Error, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::lake::Run;
use crate::server::{PgServer, running_as_root};

const EVERYBODY: &str = "host all all 127.0.0.1/32 trust";
const ONLY_TLS: &str = "hostssl all all 127.0.0.1/32 trust";
const ONLY_PLAIN: &str = "hostnossl all all 127.0.0.1/32 trust";

/// An authority, and the directory for the files of clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, as PEM.
    fn sign(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Parameters for a certificate with a common name and alternative names.
fn names(common: &str, alternative: &[&str]) -> CertificateParams {
    let alternative: Vec<String> = alternative.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(alternative).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

/// A server and what its clients need.
struct Setup {
    server: PgServer,
    files: tempfile::TempDir,
}

impl Setup {
    fn without_tls() -> Self {
        Self { server: PgServer::start(), files: tempfile::tempdir().unwrap() }
    }

    fn with_tls((certificate, key): &(String, String)) -> Self {
        let setup = Self::without_tls();
        setup.replace_certificate(certificate, key);
        setup.server.sql("postgres", "ALTER SYSTEM SET ssl = on");
        setup.server.reload();
        setup
    }

    fn replace_certificate(&self, certificate: &str, key: &str) {
        self.server.install_file("server.crt", certificate.as_bytes());
        self.server.install_file("server.key", key.as_bytes());
        self.server.reload();
    }

    fn allow(&self, hba: &str) {
        self.server.set_hba(hba);
        self.server.reload();
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn config(&self, host: &str, mode: SslMode, root: Option<&PathBuf>) -> PostgresConfig {
        let mut config = PostgresConfig::new(host, "postgres", "postgres");
        config.port = self.server.port();
        config.sslmode = mode;
        config.sslrootcert = root.cloned().map(RootCert::File);
        config
    }

    /// What all six modes make of the server: encrypted, plain, or why not.
    async fn outcomes(&self, host: &str, root: Option<&PathBuf>) -> [String; 6] {
        let mut outcomes = [const { String::new() }; 6];
        for (outcome, mode) in outcomes.iter_mut().zip(SslMode::ALL) {
            *outcome = match encrypted(&self.config(host, mode, root)).await {
                Ok(true) => "tls".into(),
                Ok(false) => "plain".into(),
                Err(error) => {
                    assert!(!error.hints().is_empty(), "{error:?}");
                    what(&error).into()
                }
            };
        }
        outcomes
    }
}

/// Connects, and asks the server itself whether the connection is encrypted.
async fn encrypted(config: &PostgresConfig) -> Result<bool, Error> {
    let mut connection = Connection::connect(config).await?;
    let rows = connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await?;
    let said = rows[0].required(0)? == "t";
    assert_eq!(said, connection.is_encrypted());
    connection.close().await;
    Ok(said)
}

fn what(error: &Error) -> &'static str {
    let known = [
        ("does not support TLS", "no tls", ErrorKind::Config),
        ("no pg_hba.conf entry", "denied", ErrorKind::Denied),
        ("the chain check of sslmode", "chain", ErrorKind::Config),
        ("the host name check of sslmode", "name", ErrorKind::Config),
        ("sslrootcert is not set", "no root", ErrorKind::Config),
    ];
    for (text, word, kind) in known {
        if error.message().contains(text) {
            assert_eq!(error.kind(), kind, "{error:?}");
            return word;
        }
    }
    panic!("{error:?}");
}

#[tokio::test]
async fn modes_against_a_server_with_tls() {
    let authority = Authority::new("right");
    let setup = Setup::with_tls(&authority.sign(&names("whatever", &["localhost"])));
    let right = setup.file("right.pem", &authority.pem);
    let wrong = setup.file("wrong.pem", &Authority::new("wrong").pem);
    let (right, wrong) = (Some(&right), Some(&wrong));

    // In this order: disable, allow, prefer, require, verify-ca, verify-full.
    assert_eq!(
        setup.outcomes("localhost", right).await,
        ["plain", "plain", "tls", "tls", "tls", "tls"],
        "right authority and name"
    );
    assert_eq!(
        setup.outcomes("127.0.0.1", right).await,
        ["plain", "plain", "tls", "tls", "tls", "name"],
        "right authority, wrong name"
    );
    assert_eq!(
        setup.outcomes("localhost", wrong).await,
        ["plain", "plain", "plain", "chain", "chain", "chain"],
        "wrong authority"
    );
    assert_eq!(
        setup.outcomes("localhost", None).await,
        ["plain", "plain", "tls", "tls", "no root", "no root"],
        "no authority"
    );

    setup.allow(ONLY_TLS);
    assert_eq!(
        setup.outcomes("localhost", right).await,
        ["denied", "tls", "tls", "tls", "tls", "tls"],
        "hostssl, right authority"
    );
    assert_eq!(
        setup.outcomes("localhost", wrong).await,
        ["denied", "denied", "chain", "chain", "chain", "chain"],
        "hostssl, wrong authority"
    );

    setup.allow(ONLY_PLAIN);
    assert_eq!(
        setup.outcomes("localhost", right).await,
        ["plain", "plain", "plain", "denied", "denied", "denied"],
        "hostnossl"
    );
}

#[tokio::test]
async fn modes_against_a_server_without_tls() {
    let setup = Setup::without_tls();
    let root = setup.file("root.pem", &Authority::new("any").pem);
    assert_eq!(
        setup.outcomes("localhost", Some(&root)).await,
        ["plain", "plain", "plain", "no tls", "no tls", "no tls"]
    );
    // sslmode is not applied to Unix sockets, not even the strictest.
    let socket = setup.server.socket_dir().to_str().unwrap().to_owned();
    for mode in SslMode::ALL {
        assert!(!encrypted(&setup.config(&socket, mode, None)).await.unwrap());
    }
}

#[tokio::test]
async fn certificates_as_people_make_them() {
    let authority = Authority::new("right");
    let setup = Setup::with_tls(&authority.sign(&names("localhost", &[])));
    let root = setup.file("root.pem", &authority.pem);
    let full = setup.config("localhost", SslMode::VerifyFull, Some(&root));
    assert!(encrypted(&full).await.unwrap(), "only a common name");

    let (certificate, key) = authority.sign(&names("localhost", &["elsewhere.example"]));
    setup.replace_certificate(&certificate, &key);
    assert_eq!(
        what(&encrypted(&full).await.unwrap_err()),
        "name",
        "alternative names go before the common name"
    );

    let (certificate, key) = authority.sign(&names("x", &["127.0.0.1"]));
    setup.replace_certificate(&certificate, &key);
    let by_address = setup.config("127.0.0.1", SslMode::VerifyFull, Some(&root));
    assert!(encrypted(&by_address).await.unwrap(), "an address as alternative name");

    let mut expired = names("localhost", &["localhost"]);
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    let (certificate, key) = authority.sign(&expired);
    setup.replace_certificate(&certificate, &key);
    let error = encrypted(&full).await.unwrap_err();
    assert!(error.message().contains("expired"), "{error:?}");
    assert!(encrypted(&setup.config("localhost", SslMode::Require, None)).await.unwrap());

    // `openssl req -x509` and a copy of the certificate as sslrootcert: the most common setup of all.
    for (constraints, days) in [(IsCa::Ca(BasicConstraints::Unconstrained), 2090), (IsCa::NoCa, 2090)] {
        let mut own = names("localhost", &["localhost"]);
        own.is_ca = constraints;
        own.not_after = date_time_ymd(days, 1, 1);
        let key = KeyPair::generate().unwrap();
        let pem = own.self_signed(&key).unwrap().pem();
        setup.replace_certificate(&pem, &key.serialize_pem());
        let pinned = setup.file("own.pem", &pem);
        assert!(encrypted(&setup.config("localhost", SslMode::VerifyFull, Some(&pinned))).await.unwrap());
        assert_eq!(what(&encrypted(&full).await.unwrap_err()), "chain");
    }
    let mut own = names("localhost", &["localhost"]);
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    own.not_before = date_time_ymd(2001, 1, 1);
    own.not_after = date_time_ymd(2002, 1, 1);
    let key = KeyPair::generate().unwrap();
    let pem = own.self_signed(&key).unwrap().pem();
    setup.replace_certificate(&pem, &key.serialize_pem());
    let pinned = setup.file("own.pem", &pem);
    let error = encrypted(&setup.config("localhost", SslMode::VerifyCa, Some(&pinned))).await.unwrap_err();
    assert!(error.message().contains("expired"), "{error:?}");
}

#[tokio::test]
async fn chains_with_an_intermediate_authority() {
    let root = Authority::new("root");
    let mut params = names("between", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &root.issuer).unwrap().pem();
    let between = Authority { issuer: Issuer::new(params, key), pem };
    let (certificate, key) = between.sign(&names("x", &["localhost"]));
    let setup = Setup::with_tls(&(format!("{certificate}{}", between.pem), key));
    let pinned = setup.file("root.pem", &root.pem);
    let full = setup.config("localhost", SslMode::VerifyFull, Some(&pinned));
    assert!(encrypted(&full).await.unwrap());
}

#[tokio::test]
async fn client_certificates() {
    let authority = Authority::new("right");
    let setup = Setup::with_tls(&authority.sign(&names("x", &["localhost"])));
    setup.server.install_file("ca.crt", authority.pem.as_bytes());
    setup.server.sql("postgres", "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'");
    setup.allow("hostssl all all 127.0.0.1/32 cert");
    let root = setup.file("root.pem", &authority.pem);
    let mut config = setup.config("localhost", SslMode::VerifyFull, Some(&root));
    let error = encrypted(&config).await.unwrap_err();
    assert_eq!((error.kind(), sqlstate(&error)), (ErrorKind::Denied, Some("28000")), "{error:?}");

    let (certificate, key) = authority.sign(&names("postgres", &[]));
    config.sslcert = Some(setup.file("client.pem", &certificate));
    config.sslkey = Some(setup.file("client.key", &key));
    assert!(encrypted(&config).await.unwrap());

    let (certificate, key) = Authority::new("wrong").sign(&names("postgres", &[]));
    config.sslcert = Some(setup.file("stranger.pem", &certificate));
    let error = encrypted(&config).await.unwrap_err();
    assert!(error.message().contains("do not belong together"), "{error:?}");
    config.sslkey = Some(setup.file("stranger.key", &key));
    let error = encrypted(&config).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unavailable), "{error:?}");
    config.sslkey = Some(setup.files.path().join("absent.key"));
    let error = encrypted(&config).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("absent.key"), "{error:?}");
}

#[tokio::test]
async fn scram_is_bound_to_the_channel_and_cancel_goes_over_tls() {
    let authority = Authority::new("right");
    let setup = Setup::with_tls(&authority.sign(&names("x", &["localhost"])));
    setup.server.sql("postgres", "CREATE ROLE scram LOGIN PASSWORD 'p:ä ß'");
    setup.allow("hostssl all all 127.0.0.1/32 scram-sha-256");
    let mut config = setup.config("localhost", SslMode::Require, None);
    config.user = "scram".into();
    config.password = Some(Secret::new("p:ä ß"));
    let mut connection = Connection::connect(&config).await.unwrap();
    let token = connection.cancel_token();
    let sleeping = tokio::spawn(async move {
        let error = connection.query("SELECT pg_sleep(60)").await.unwrap_err();
        (connection, error)
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    token.cancel().await.unwrap();
    let (mut connection, error) = sleeping.await.unwrap();
    assert_eq!((error.kind(), sqlstate(&error)), (ErrorKind::Unavailable, Some("57014")));
    assert_eq!(connection.query("SELECT 1").await.unwrap()[0].get(0), Some("1"));

    // Many TLS records, which never end where a message does.
    let mut copy = connection.copy_out("COPY (SELECT i, repeat('x', i % 500) FROM generate_series(1, 50000) i) TO STDOUT (FORMAT binary)")
        .await
        .unwrap();
    let mut messages = 0;
    let rows = loop {
        while copy.next_message().unwrap().is_some() {
            messages += 1;
        }
        if let Some(rows) = copy.ended() {
            break rows;
        }
        copy.fill().await.unwrap();
    };
    assert_eq!((rows, messages), (50_000, 50_001));

    config.password = Some(Secret::new("wrong"));
    for mode in [SslMode::Prefer, SslMode::Require] {
        config.sslmode = mode;
        let error = Connection::connect(&config).await.unwrap_err();
        assert_eq!((error.kind(), sqlstate(&error)), (ErrorKind::Denied, Some("28P01")), "{error:?}");
        assert!(!format!("{error:?}").contains("wrong"));
    }
    setup.allow(EVERYBODY);
}

#[tokio::test]
async fn a_required_binding_is_had_or_nobody_logs_in() {
    let authority = Authority::new("right");
    let setup = Setup::with_tls(&authority.sign(&names("x", &["localhost"])));
    setup.server.sql(
        "postgres",
        "CREATE ROLE bound LOGIN PASSWORD 'secret'; SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'",
    );
    let mut config = setup.config("localhost", SslMode::Require, None);
    config.user = "bound".into();
    config.password = Some(Secret::new("secret"));
    setup.allow("host all all 127.0.0.1/32 scram-sha-256");
    for (binding, mode, works) in [
        (Binding::Require, SslMode::Require, true),
        (Binding::Prefer, SslMode::Require, true),
        (Binding::Disable, SslMode::Require, true),
        (Binding::Disable, SslMode::Disable, true),
        // There is nothing to bind to.
        (Binding::Require, SslMode::Disable, false),
    ] {
        (config.channel_binding, config.sslmode) = (binding, mode);
        let done = Connection::connect(&config).await;
        assert_eq!(done.is_ok(), works, "{binding:?} {mode}");
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(error.to_string().contains("channel_binding is require"), "{error:?}");
            assert!(!error.hints().is_empty() && !format!("{error:?}").contains("secret"));
        }
    }
    // A server that asks for less could be anybody's.
    (config.channel_binding, config.sslmode) = (Binding::Require, SslMode::Require);
    for (user, method) in [("bound", "trust"), ("bound", "password"), ("old", "md5")] {
        setup.allow(&format!("host all all 127.0.0.1/32 {method}"));
        config.user = user.into();
        let error = Connection::connect(&config).await.expect_err(method);
        assert!(error.to_string().contains("channel_binding is require"), "{method}: {error:?}");
        config.channel_binding = Binding::Prefer;
        Connection::connect(&config).await.expect(method);
        config.channel_binding = Binding::Require;
    }
}

/// As libpq would have it, which refuses such keys.
#[test]
fn s9_keys_that_others_may_read_are_warned_about() {
    let authority = Authority::new("Authority");
    let setup = Setup::with_tls(&authority.sign(&names("localhost", &["localhost"])));
    let (certificate, key) = authority.sign(&names("client", &[]));
    let (certificate, key) = (setup.file("client.crt", &certificate), setup.file("client.key", &key));
    let files = format!("sslmode=require&sslcert={}&sslkey={}", certificate.display(), key.display());
    let url = setup.server.url("postgres").replace("sslmode=disable", &files);
    // What root owns, a group may read.
    for (mode, warned) in
        [(0o600, 0), (0o640, usize::from(!running_as_root())), (0o644, 1), (0o604, 1), (0o660, 1)]
    {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let output =
            Run::new(["export", "--source", &url, "--output-dir"]).args([setup.files.path()]).output();
        let said = output.stderr.matches("can be read by other users").count();
        assert_eq!(said, warned, "{mode:o}\n{output}");
        assert!(warned == 0 || output.stderr.contains("sslkey "), "{output}");
    }
}
