//! A stand-in for Google Cloud Storage: nginx, which lets nobody in without a bearer token, before the gateway
//! of SeaweedFS that lets everybody in. The program signs a real token with the key file's key.
//!
//! nginx translates one thing: GCS makes an object only if there is none with `x-goog-if-generation-match: 0`,
//! S3 with `If-None-Match: *`. Versions of objects ("generations") it does not have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::http::send;
use super::process::{Processes, free_ports, stubbornly};
use super::seaweed::Seaweed;
use super::unique;

/// A running nginx.
pub(crate) struct Gcs {
    pub(crate) port: u16,
    /// The S3 server behind TLS, with a certificate that nobody trusts.
    pub(crate) tls_port: u16,
    processes: Processes,
}

impl Gcs {
    /// The one that all tests of this process share; its objects are those of [`Seaweed::shared`].
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Gcs> = OnceLock::new();
        SHARED.get_or_init(|| stubbornly(|| Self::start(Seaweed::shared())))
    }

    fn start(back: &Seaweed) -> Result<Self, String> {
        let [port, tls_port] = free_ports();
        let mut processes = Processes::new("gcs");
        let dir = processes.dir().to_owned();
        let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"];
        openssl(&dir, "genpkey", &rsa);
        let certificate =
            ["-x509", "-key", "key.pem", "-subj", "/CN=127.0.0.1", "-days", "3", "-out", "cert.pem"];
        openssl(&dir, "req", &certificate);
        fs::write(dir.join("nginx.conf"), conf(port, tls_port, back, &dir)).unwrap();
        processes.start(&nginx(), ["-p", dir.to_str().unwrap(), "-c", "nginx.conf", "-e", "stderr"]);
        if !processes.wait(|| send(port, "GET", "/", &[], b"").is_ok()) {
            return Err(processes.log());
        }
        Ok(Self { port, tls_port, processes })
    }

    /// A service account's key file for the endpoint at `port`, as Google hands it out but for `gcs_base_url`.
    pub(crate) fn key_file(&self, port: u16, dir: &Path) -> PathBuf {
        let key = fs::read_to_string(self.processes.dir().join("key.pem")).unwrap();
        let path = dir.join("service-account-key.json");
        let text = json!({
            "type": "service_account",
            "project_id": "lake-project",
            "private_key_id": "4f1d2b7c",
            "private_key": key,
            "client_email": "lakexpress-export@lake-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
            "gcs_base_url": format!("http://127.0.0.1:{port}"),
        });
        // Runs under way may read it, and other tests may write it.
        let new = dir.join(format!("{}.new", unique("key")));
        fs::write(&new, text.to_string()).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    /// The private key as one line of its text, which must be seen nowhere.
    pub(crate) fn secret(&self) -> String {
        let key = fs::read_to_string(self.processes.dir().join("key.pem")).unwrap();
        key.lines().nth(3).unwrap().to_owned()
    }

    /// An auth entry.
    pub(crate) fn entry(&self, key_file: &Path, bucket: &str, base_path: &str) -> Value {
        json!({"storage_type": "gcs", "info": {
            "bucket": bucket, "base_path": base_path, "credentials_file": key_file,
        }})
    }

    /// Asserts that a request had a bearer token.
    #[track_caller]
    pub(crate) fn assert_has_token(authorization: Option<&str>) {
        assert!(authorization.is_some_and(|a| a.starts_with("Bearer ey")), "{authorization:?}");
    }

    /// Asserts that a token is a JWT that the key file's owner has signed.
    #[track_caller]
    pub(crate) fn assert_signed(&self, authorization: &str) {
        let token = authorization.strip_prefix("Bearer ").expect("a bearer token");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let standard = signature.replace('-', "+").replace('_', "/");
        let padded = format!("{standard}{}\n", "=".repeat((4 - standard.len() % 4) % 4));
        fs::write(at("signed"), signed).unwrap();
        fs::write(at("signature.txt"), padded).unwrap();
        let script = r#"
            openssl base64 -d -A -in "$1/signature.txt" -out "$1/signature" &&
            openssl pkey -in "$2" -pubout -out "$1/public.pem" &&
            openssl dgst -sha256 -verify "$1/public.pem" -signature "$1/signature" "$1/signed"
        "#;
        let mut sh = Command::new("sh");
        sh.args(["-c", script, "sh"]).arg(dir.path()).arg(self.processes.dir().join("key.pem"));
        let output = sh.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn openssl(dir: &Path, command: &str, args: &[&str]) {
    let output = Command::new("openssl").arg(command).args(args).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn nginx() -> PathBuf {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("nginx"))
}

fn conf(port: u16, tls_port: u16, back: &Seaweed, dir: &Path) -> String {
    let (dir, open, strict) = (dir.display(), back.open_port, back.port);
    format!(
        r#"
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    map $http_x_goog_if_generation_match $if_none_match {{
        0 "*";
        default "";
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            default_type application/xml;
            if ($http_authorization !~ "^Bearer [A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$") {{
                return 401 "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AuthenticationRequired</Code><Message>Authentication required.</Message></Error>";
            }}
            proxy_set_header Authorization "";
            proxy_set_header If-None-Match $if_none_match;
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:{open};
        }}
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        location / {{
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:{strict};
        }}
    }}
}}
"#
    )
}

#[test]
fn the_server_refuses_what_has_no_token() {
    let gcs = Gcs::shared();
    let get =
        |headers: &[(&str, &str)]| send(gcs.port, "GET", "/lake?list-type=2", headers, b"").unwrap().status;
    assert_eq!(get(&[]), 401);
    assert_eq!(get(&[("Authorization", "Basic YTpi")]), 401);
    assert_eq!(get(&[("Authorization", "Bearer a.b.c")]), 200);
    let once = |body: &[u8]| {
        let headers = [("Authorization", "Bearer a.b.c"), ("x-goog-if-generation-match", "0")];
        send(gcs.port, "PUT", "/lake/gcs-once/x", &headers, body).unwrap().status
    };
    assert_eq!((once(b"1"), once(b"2")), (200, 412));
}
