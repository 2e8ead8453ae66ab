//! A server that is a proxy or a store: it writes down who is asked for, and refuses.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use crate::lake::{Output, Run};

/// What was asked for first: `CONNECT host:443`, or `Host` and path of a plain request.
pub(super) struct Recorder {
    pub(super) port: u16,
    seen: Receiver<String>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, seen) = channel();
        // Ends with the test's process: nobody connects to it then.
        spawn(move || {
            for client in listener.incoming().flatten() {
                let mut lines = BufReader::new(&client).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { continue };
                let header = |line: &String| line.to_ascii_lowercase().starts_with("host:");
                let host = lines.take_while(|line| !line.is_empty()).find(header).unwrap_or_default();
                let host = host.split_once(':').map_or("", |(_, host)| host.trim());
                let mut words = first.split(' ');
                let line = match (words.next(), words.next()) {
                    (Some("CONNECT"), Some(to)) => to.trim_end_matches(":443").to_owned(),
                    (_, path) => {
                        format!("{host}{}", path.unwrap_or_default().split('?').next().unwrap_or_default())
                    }
                };
                let _ = (&client)
                    .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { port, seen }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whom `run` asks first; its output if it ends without.
    pub(super) fn first(&self, run: Run) -> Result<String, Output> {
        let mut running = run.spawn();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Ok(host) = self.seen.recv_timeout(Duration::from_millis(20)) {
                running.kill9();
                return Ok(host);
            }
            let ended = running.child.try_wait().unwrap().is_some();
            assert!(Instant::now() < deadline, "nobody was asked within 30 s");
            if ended {
                // It may have asked in its last moment.
                return self.seen.try_recv().map_err(|_| running.finish());
            }
        }
    }
}
