//! Azurite, Microsoft's emulator of Azure Blob Storage. The tests look at it with a shared access signature.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::http::{Answer, encoded, send, tags};
use super::process::{Processes, free_ports, stubbornly};
use super::{Object, Store};
use crate::lake::script;

/// The account that every Azurite has, and its key, which is no secret.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The container of every test.
pub(crate) const CONTAINER: &str = "lake";

/// A running Azurite.
pub(crate) struct Azurite {
    pub(crate) port: u16,
    /// A shared access signature that allows everything.
    pub(crate) sas: String,
    _processes: Processes,
}

impl Azurite {
    /// The one that all tests of this process share, each below a path of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Azurite> = OnceLock::new();
        SHARED.get_or_init(|| {
            let sas = script("azure_sas.py", [ACCOUNT, KEY]).ok().stdout.trim().to_owned();
            stubbornly(|| Self::start(&sas))
        })
    }

    fn start(sas: &str) -> Result<Self, String> {
        let [port] = free_ports();
        let mut processes = Processes::new("azurite");
        let program = azurite().join("node_modules/azurite/dist/src/blob/main.js");
        assert!(program.exists(), "{} is missing: run `make test-deps`", program.display());
        let mut args = vec![program.into_os_string()];
        let port_text = port.to_string();
        args.extend(["--blobHost", "127.0.0.1", "--blobPort", &port_text].map(Into::into));
        let more = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"];
        args.extend(more.map(Into::into));
        processes.start(&PathBuf::from("node"), args);
        let target = format!("/{ACCOUNT}/{CONTAINER}?restype=container&{sas}");
        let works = || send(port, "PUT", &target, &[], b"").is_ok_and(|answer| answer.status == 201);
        if !processes.wait(works) {
            return Err(processes.log());
        }
        Ok(Self { port, sas: sas.to_owned(), _processes: processes })
    }

    /// An auth entry.
    pub(crate) fn entry(&self, port: u16, base_path: &str) -> Value {
        json!({"storage_type": "azure", "info": {
            "account": ACCOUNT, "account_key": KEY, "container": CONTAINER, "base_path": base_path,
            "endpoint_url": format!("http://127.0.0.1:{port}/{ACCOUNT}"),
        }})
    }

    /// A path (and query) below the account, signed.
    fn target(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("/{ACCOUNT}{path}{separator}{}", self.sas)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.port, method, &self.target(path), headers, body).unwrap()
    }

    fn blobs(&self, prefix: &str, uncommitted: bool) -> Vec<Object> {
        let (mut blobs, mut marker) = (Vec::new(), String::new());
        let include = if uncommitted { "&include=uncommittedblobs" } else { "" };
        loop {
            let query =
                format!("restype=container&comp=list&prefix={}{include}&marker={marker}", encoded(prefix));
            let answer = self.send("GET", &format!("/{CONTAINER}?{query}"), &[], b"").ok();
            for blob in answer.tags("Blob") {
                let one = |tag: &str| tags(&blob, tag).pop().unwrap();
                blobs.push(Object { key: one("Name"), bytes: one("Content-Length").parse().unwrap() });
            }
            match answer.tags("NextMarker").pop() {
                Some(next) if !next.is_empty() => marker = encoded(&next),
                _ => return blobs,
            }
        }
    }
}

impl Store for Azurite {
    fn list(&self, prefix: &str) -> Vec<Object> {
        self.blobs(prefix, false)
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.send("GET", &format!("/{CONTAINER}/{}", encoded(key)), &[], b"");
        if answer.status == 404 { None } else { Some(answer.ok().body) }
    }

    fn put(&self, key: &str, content: &[u8]) {
        let headers = [("x-ms-blob-type", "BlockBlob")];
        self.send("PUT", &format!("/{CONTAINER}/{}", encoded(key)), &headers, content).ok();
    }

    /// Blocks that nobody committed expire by themselves; here are the blobs that have only such.
    fn uploads(&self, prefix: &str) -> Vec<String> {
        let committed: Vec<String> = self.list(prefix).into_iter().map(|o| o.key).collect();
        let all = self.blobs(prefix, true).into_iter().map(|o| o.key);
        all.filter(|key| !committed.contains(key)).collect()
    }
}

/// Where `make test-deps` puts it.
fn azurite() -> PathBuf {
    std::env::var_os("LAKEXPRESS_AZURITE").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/lakexpress-azurite")
    })
}

#[test]
fn the_server_keeps_blobs_and_lets_in_only_who_signs() {
    let azurite = Azurite::shared();
    azurite.put("look/a b=c.txt", b"12345");
    let found: Vec<(String, u64)> = azurite.list("look/").into_iter().map(|o| (o.key, o.bytes)).collect();
    assert_eq!(found, [("look/a b=c.txt".to_owned(), 5)]);
    assert_eq!(azurite.get("look/a b=c.txt").as_deref(), Some(&b"12345"[..]));
    assert_eq!(azurite.get("look/none"), None);
    let block = format!("/{CONTAINER}/look/pending?comp=block&blockid=MDAw");
    azurite.send("PUT", &block, &[], b"xyz").ok();
    assert_eq!(azurite.uploads("look/"), ["look/pending"]);
    let unsigned = format!("/{ACCOUNT}/{CONTAINER}?restype=container&comp=list");
    assert!([403, 404].contains(&send(azurite.port, "GET", &unsigned, &[], b"").unwrap().status));
}
