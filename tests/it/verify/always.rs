//! What is compared in every export, without a flag: each comparison fails when what it compares differs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::thread::spawn;

use async_trait::async_trait;
use bytes::Bytes;
use lakexpress::destination::{Destination, DirLock, PendingUpload, StoredObject, Upload};
use lakexpress::error::Result;
use lakexpress::spec::Verify;

use super::DATA;
use super::run::export_to;
use crate::lake::{assert_nothing_visible, export};
use crate::server::PgServer;
use crate::tpch::tpch;

/// What a proxy does to a COPY.
#[derive(Debug, Clone, Copy)]
enum Wire {
    /// The server's own number of rows is one less.
    Tag,
    /// A row does not arrive.
    Swallow,
    /// A row arrives twice.
    Repeat,
    /// What comes after the last row, the trailer with it, does not arrive.
    Trailer,
}

/// Passes messages of the server on, but for what `wire` does to the third message of data.
fn meddle(mut server: &TcpStream, mut client: &TcpStream, wire: Option<Wire>) -> std::io::Result<()> {
    let mut data = 0;
    loop {
        let mut head = [0; 5];
        server.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        server.read_exact(&mut body)?;
        data += usize::from(head[0] == b'd');
        let third = head[0] == b'd' && data == 3;
        let trailer = head[0] == b'd' && body == [0xff, 0xff];
        match wire {
            Some(Wire::Swallow) if third => continue,
            Some(Wire::Trailer) if trailer => continue,
            Some(Wire::Repeat) if third => client.write_all(&[&head[..], &body].concat())?,
            Some(Wire::Tag) if head[0] == b'C' && body.starts_with(b"COPY ") => {
                let last = body.len() - 2;
                assert_ne!(body[last], b'0', "one less has as many digits");
                body[last] -= 1;
            }
            _ => {}
        }
        client.write_all(&[&head[..], &body].concat())?;
    }
}

/// A port that leads to the server of the tests.
fn proxy(wire: Option<Wire>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = PgServer::shared().port();
    spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            spawn(move || {
                let _ = meddle(&server, &client, wire);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn rows_sent_are_rows_decoded() {
    let url = |port: u16| {
        let mut url: url::Url = tpch().parse().unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        url.set_query(Some("sslmode=disable"));
        url.to_string()
    };
    let out = tempfile::tempdir().unwrap();
    export(&url(proxy(None)), out.path(), &["-i", "nation"]).ok();
    for (wire, words) in [
        (Wire::Tag, "the server says it sent 24 rows but 25 arrived"),
        (Wire::Swallow, "the server says it sent 25 rows but 24 arrived"),
        (Wire::Repeat, "the server says it sent 25 rows but 26 arrived"),
        (Wire::Trailer, "trailer"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let output = export(&url(proxy(Some(wire))), out.path(), &["-i", "nation"]);
        assert_ne!(output.code, Some(0), "{wire:?}: {output}");
        assert!(output.stdout.contains(words) && output.stdout.contains("nation"), "{wire:?}: {output}");
        assert_nothing_visible(out.path());
        if !matches!(wire, Wire::Trailer) {
            output.exits(DATA);
        }
    }
}

/// What a destination says wrongly about a file.
#[derive(Debug, Clone, Copy)]
enum Claim {
    /// One byte less than was sent has arrived.
    Finished,
    /// One byte less can be seen than was uploaded.
    Completed,
}

/// The destination inside it, but for one claim.
#[derive(Debug)]
struct Claiming {
    inner: Arc<dyn Destination>,
    claim: Claim,
}

#[derive(Debug)]
struct ClaimingUpload(Box<dyn Upload>);

#[async_trait]
impl Upload for ClaimingUpload {
    async fn put_part(&mut self, data: Bytes) -> Result<()> {
        self.0.put_part(data).await
    }

    async fn finish(self: Box<Self>) -> Result<PendingUpload> {
        let finished = self.0.finish().await?;
        Ok(PendingUpload { bytes: finished.bytes - 1, ..finished })
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.0.abort().await
    }
}

#[async_trait]
impl Destination for Claiming {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn puts_leave_litter(&self) -> bool {
        self.inner.puts_leave_litter()
    }

    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        let upload = self.inner.create(path, est_bytes).await?;
        Ok(match self.claim {
            Claim::Finished => Box::new(ClaimingUpload(upload)),
            Claim::Completed => upload,
        })
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        let stored = self.inner.complete(upload).await?;
        Ok(StoredObject { bytes: stored.bytes - 1, ..stored })
    }

    fn abandon(&self, upload: &PendingUpload) {
        self.inner.abandon(upload);
    }

    async fn abort(&self, upload: &PendingUpload) -> Result<()> {
        self.inner.abort(upload).await
    }

    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>> {
        self.inner.list_pending(dir).await
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.inner.put(path, content).await
    }

    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        self.inner.put_new(path, content).await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.inner.get(path).await
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.read_range(path, range).await
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        self.inner.head(path).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        self.inner.list(dir).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        self.inner.keeps_apart(first, second).await
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        self.inner.lock(dir, owner).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_encoded_are_bytes_stored() {
    for (claim, words) in [(Claim::Finished, "arrived"), (Claim::Completed, "a completed file has")] {
        let place = tempfile::tempdir().unwrap();
        let wrap = |inner| -> Arc<dyn Destination> { Arc::new(Claiming { inner, claim }) };
        let summary = export_to("nation", Verify::None, place.path(), None, wrap).await;
        let error = summary.tables[0].error.as_ref().expect("found").to_string();
        assert!(error.contains(words) && error.contains("part-00000.parquet"), "{error}");
        assert!(!place.path().join("out/public/nation/_manifest.json").exists(), "{claim:?}");
    }
}
