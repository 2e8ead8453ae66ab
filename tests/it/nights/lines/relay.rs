//! Between the program and a store: it reads slowly, and stops reading in the middle of one request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Of a request, before nothing more of it is read.
const HELD_UP_AFTER: usize = 256 << 10;

pub(super) struct Relay {
    pub(super) port: u16,
    held: Arc<AtomicUsize>,
}

impl Relay {
    /// Before the server at loopback port `upstream`. The first request with `word` in its first line is held up;
    /// each connection takes so many bytes a second.
    pub(super) fn new(upstream: u16, word: &'static str, per_second: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // What the kernel takes for a relay that does not read is taken.
        socket.set_recv_buffer_size(32 << 10).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(64).unwrap();
        let listener: TcpListener = socket.into();
        let port = listener.local_addr().unwrap().port();
        let held = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&held);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
                let (back, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let is_held = Arc::new(AtomicBool::new(false));
                let (held, flag) = (Arc::clone(&counter), Arc::clone(&is_held));
                spawn(move || pass_back(back, to, &flag));
                spawn(move || pass(client, server, word, per_second, &held, &is_held));
            }
        });
        Self { port, held }
    }

    /// How many requests were held up.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// Answers, until the connection is held up: a store that waits in vain for a request would end it.
fn pass_back(mut server: TcpStream, mut client: TcpStream, is_held: &AtomicBool) {
    let mut block = vec![0; 16 << 10];
    while let Ok(read) = server.read(&mut block) {
        if is_held.load(Ordering::SeqCst) {
            return;
        }
        if read == 0 || client.write_all(&block[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}

fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    word: &str,
    per_second: usize,
    held: &AtomicUsize,
    is_held: &AtomicBool,
) {
    let mut block = vec![0; 16 << 10];
    let mut passed = 0;
    loop {
        let read = match client.read(&mut block) {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        // A request begins with a block: the client waits for the answer to the one before.
        let line = block[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
        if line.starts_with(b"PUT ") && String::from_utf8_lossy(line).contains(word) {
            let first = held.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            is_held.store(first, Ordering::SeqCst);
        }
        passed += read;
        if is_held.load(Ordering::SeqCst) && passed > HELD_UP_AFTER {
            sleep(Duration::from_secs(600));
            break;
        }
        if server.write_all(&block[..read]).is_err() {
            break;
        }
        sleep(Duration::from_secs_f64(read as f64 / per_second as f64));
    }
    let _ = server.shutdown(Shutdown::Write);
}
