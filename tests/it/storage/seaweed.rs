//! SeaweedFS: an S3 server that checks signatures, and a second gateway to the same objects that lets
//! everybody in, through which the tests look at the store (and which is the back of `gcs.rs`).

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::http::{Answer, encoded, send};
use super::process::{Processes, free_ports, stubbornly};
use super::{Object, Store};
use crate::lake::python;

/// The bucket of every test.
pub(crate) const BUCKET: &str = "lake";
/// The key that may do everything with objects.
pub(crate) const WRITER: (&str, &str) = ("LXWRITERKEY", "writer-secret-7Jx2");
/// The key that may only read and list.
pub(crate) const READER: (&str, &str) = ("LXREADERKEY", "reader-secret-9Qm4");
/// The key that may write but neither list nor delete: less than the commit needs.
pub(crate) const DROPPER: (&str, &str) = ("LXDROPPERKEY", "dropper-secret-3Kd8");
/// The key that has the rights of the old documentation's policy: put, get and list. A policy of the bucket denies
/// it what else comes with the right to write.
pub(crate) const POOR: (&str, &str) = ("LXPOORKEY", "poor-secret-5Rt1");

/// A running SeaweedFS.
pub(crate) struct Seaweed {
    /// Port of the gateway that checks signatures.
    pub(crate) port: u16,
    /// Port of the gateway that does not.
    pub(crate) open_port: u16,
    _processes: Processes,
}

impl Seaweed {
    /// The one that all tests of this process share, each below a path of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Seaweed> = OnceLock::new();
        SHARED.get_or_init(|| stubbornly(Self::start))
    }

    fn start() -> Result<Self, String> {
        let weed = python().with_file_name("weed");
        let ports: [u16; 10] = free_ports();
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, port, grpc, open_port, open_grpc] =
            ports;
        let mut processes = Processes::new("seaweed");
        // Sockets that it makes whatever it is told.
        let socket = |(name, port)| format!("/tmp/seaweedfs-{name}-grpc-{port}.sock");
        let names = ["master", "volume", "filer", "s3", "s3"];
        let ports = [master_grpc, volume_grpc, filer_grpc, grpc, open_grpc];
        processes.litter(&names.into_iter().zip(ports).map(socket).collect::<Vec<_>>());
        let dir = processes.dir().to_owned();
        fs::create_dir(dir.join("data")).unwrap();
        let identities = write_identities(&dir.join("identities.json"), &strict());
        let open = write_identities(
            &dir.join("open.json"),
            &json!([
                {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
            ]),
        );
        let address = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"].map(str::to_owned);
        let mut args = vec!["-logtostderr=true".to_owned(), "server".into()];
        args.extend(address.clone());
        args.extend([
            format!("-dir={}/data", dir.display()),
            "-master.telemetry=false".into(),
            format!("-master.port={master}"),
            format!("-master.port.grpc={master_grpc}"),
            "-master.volumeSizeLimitMB=256".into(),
            format!("-volume.port={volume}"),
            format!("-volume.port.grpc={volume_grpc}"),
            "-volume.max=100".into(),
            "-filer".into(),
            format!("-filer.port={filer}"),
            format!("-filer.port.grpc={filer_grpc}"),
            format!("-filer.localSocket={}/filer.sock", dir.display()),
            "-s3".into(),
            format!("-s3.port={port}"),
            format!("-s3.port.grpc={grpc}"),
            format!("-s3.localSocket={}/s3.sock", dir.display()),
            format!("-s3.config={}", identities.display()),
            "-s3.port.iceberg=0".into(),
            "-s3.port.lance=0".into(),
            "-s3.iam=false".into(),
            "-s3.autoCreateBucket=false".into(),
        ]);
        processes.start(&weed, &args);
        if !processes.wait(|| send(port, "GET", "/", &[], b"").is_ok()) {
            return Err(processes.log());
        }
        let mut args = vec!["-logtostderr=true".to_owned(), "s3".into()];
        args.extend(address);
        args.extend([
            format!("-filer=127.0.0.1:{filer}.{filer_grpc}"),
            format!("-port={open_port}"),
            format!("-port.grpc={open_grpc}"),
            "-port.iceberg=0".into(),
            "-port.lance=0".into(),
            "-iam=false".into(),
            "-autoCreateBucket=false".into(),
            format!("-config={}", open.display()),
            format!("-localSocket={}/open.sock", dir.display()),
        ]);
        processes.start(&weed, &args);
        // A bucket can be made before the first object can be kept.
        let works = || {
            let _ = send(open_port, "PUT", &format!("/{BUCKET}"), &[], b"");
            send(open_port, "PUT", &format!("/{BUCKET}/hello"), &[], b"hello").is_ok_and(|a| a.status == 200)
        };
        if !processes.wait(works) {
            return Err(processes.log());
        }
        send(open_port, "DELETE", &format!("/{BUCKET}/hello"), &[], b"").unwrap().ok();
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "poor", "Effect": "Deny",
            "Principal": {"AWS": ["arn:aws:iam::000000000000:user/poor", "arn:aws:iam:::user/poor", "poor"]},
            "Action": ["s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads"],
            "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
        }]});
        let target = format!("/{BUCKET}?policy=");
        send(open_port, "PUT", &target, &[], policy.to_string().as_bytes()).unwrap().ok();
        Ok(Self { port, open_port, _processes: processes })
    }

    /// An auth entry in the form for S3-compatible stores.
    pub(crate) fn entry(&self, port: u16, key: (&str, &str), base_path: &str) -> Value {
        json!({"storage_type": "s3", "info": {
            "bucket": BUCKET, "base_path": base_path, "endpoint_url": format!("http://127.0.0.1:{port}"),
            "region": "gra", "aws_access_key_id": key.0, "aws_secret_access_key": key.1,
        }})
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.open_port, method, target, headers, body).unwrap()
    }

    /// Takes an object away.
    pub(crate) fn remove(&self, key: &str) {
        self.send("DELETE", &format!("/{BUCKET}/{}", encoded(key)), &[], b"");
    }

    /// Begins an upload that nobody will finish, as a killed run leaves it.
    pub(crate) fn begin_upload(&self, key: &str) {
        let target = format!("/{BUCKET}/{}?uploads", encoded(key));
        self.send("POST", &target, &[], b"").ok();
    }
}

impl Store for Seaweed {
    fn list(&self, prefix: &str) -> Vec<Object> {
        let mut objects = Vec::new();
        let mut after = String::new();
        loop {
            let prefix = encoded(prefix).replace('/', "%2F");
            let target = format!("/{BUCKET}?list-type=2&prefix={prefix}&start-after={after}");
            let answer = self.send("GET", &target, &[], b"").ok();
            let sizes = answer.tags("Size");
            for (key, bytes) in answer.tags("Key").into_iter().zip(sizes) {
                objects.push(Object { key, bytes: bytes.parse().unwrap() });
            }
            match objects.last() {
                Some(last) if answer.text().contains("<IsTruncated>true") => {
                    after = encoded(&last.key).replace('/', "%2F");
                }
                _ => return objects,
            }
        }
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.send("GET", &format!("/{BUCKET}/{}", encoded(key)), &[], b"");
        if answer.status == 404 { None } else { Some(answer.ok().body) }
    }

    fn put(&self, key: &str, content: &[u8]) {
        self.send("PUT", &format!("/{BUCKET}/{}", encoded(key)), &[], content).ok();
    }

    fn uploads(&self, prefix: &str) -> Vec<String> {
        let answer = self.send("GET", &format!("/{BUCKET}?uploads&max-uploads=1000"), &[], b"").ok();
        answer.tags("Key").into_iter().filter(|key| key.starts_with(prefix)).collect()
    }
}

fn strict() -> Value {
    let identity = |name: &str, key: (&str, &str), actions: &[&str]| json!({"name": name, "actions": actions, "credentials": [{"accessKey": key.0, "secretKey": key.1}]});
    json!([
        identity("writer", WRITER, &["Read", "Write", "List", "Tagging"]),
        identity("reader", READER, &["Read", "List"]),
        identity("dropper", DROPPER, &["Write"]),
        identity("poor", POOR, &["Read", "Write", "List"]),
    ])
}

fn write_identities(path: &std::path::Path, identities: &Value) -> PathBuf {
    fs::write(path, json!({"identities": identities}).to_string()).unwrap();
    path.to_owned()
}

#[test]
fn the_server_refuses_what_is_not_signed() {
    let seaweed = Seaweed::shared();
    let target = format!("/{BUCKET}?list-type=2");
    assert_eq!(send(seaweed.port, "GET", &target, &[], b"").unwrap().status, 403);
    seaweed.put("look/a b=c.txt", b"12345");
    seaweed.begin_upload("look/pending");
    let found: Vec<(String, u64)> = seaweed.list("look/").into_iter().map(|o| (o.key, o.bytes)).collect();
    assert_eq!(found, [("look/a b=c.txt".to_owned(), 5)]);
    assert_eq!(seaweed.get("look/a b=c.txt").as_deref(), Some(&b"12345"[..]));
    assert_eq!(seaweed.get("look/none"), None);
    assert_eq!(seaweed.uploads("look/"), ["look/pending"]);
}
