//! A proxy of ours between the program and a store: it counts requests and makes some go wrong.
//!
//! To the program it is the store's endpoint. Requests pass byte for byte, so that signatures hold.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::http::Message;

/// What a request does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Begins an upload.
    Create,
    /// Sends a part of an upload.
    Part,
    /// Makes an upload visible.
    Complete,
    /// Gives an upload up.
    Abort,
    /// Writes the manifest of a table.
    Manifest,
    /// Writes the intent of a commit.
    Intent,
    /// Takes or renews a lock.
    Lock,
    /// Writes another small object.
    Put,
    /// Removes an object.
    Delete,
    /// Reads or lists.
    Read,
}

impl Class {
    fn of(request: &Message) -> Self {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        // Some clients encode more of a path than others.
        let path = path.replace("%2F", "/").replace("%5F", "_").replace("%2E", ".");
        let query =
            |key: &str| query.split('&').any(|pair| pair == key || pair.starts_with(&format!("{key}=")));
        let block = |kind: &str| request.target().contains(&format!("comp={kind}"));
        let is_azure_list = block("blocklist") && !block("blocklisttype");
        match request.method() {
            "PUT" if query("partNumber") || block("block&") || request.target().ends_with("comp=block") => {
                Self::Part
            }
            "PUT" if is_azure_list => Self::Complete,
            "PUT" if path.ends_with("/_manifest.json") => Self::Manifest,
            "PUT" if path.ends_with("/_commit.json") => Self::Intent,
            "PUT" if path.ends_with("/_lock") => Self::Lock,
            "PUT" => Self::Put,
            "POST" if query("uploadId") => Self::Complete,
            "POST" if query("uploads") => Self::Create,
            "DELETE" if query("uploadId") => Self::Abort,
            "DELETE" | "POST" => Self::Delete,
            _ => Self::Read,
        }
    }
}

/// Which requests go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// None.
    Never,
    /// Every one.
    Always,
    /// The n-th since the proxy was made, from 1.
    Nth(usize),
    /// The n-th of a class, from 1.
    Class(Class, usize),
    /// Every one of a class.
    Every(Class),
}

/// What happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An answer with this status, and nothing happened.
    Status(u16),
    /// The same for every repetition of that request.
    StatusForEver(u16),
    /// The connection is reset, and nothing happened.
    ResetBefore,
    /// The connection is reset, and everything happened.
    ResetAfter,
    /// It takes this long, and then goes well.
    Delay(Duration),
    /// Lists of objects hold this as well, `{prefix}` being the listed one.
    Lists(&'static str),
    /// A page for people: a captive portal, or a proxy that wants a password.
    Page,
}

/// A request that passed.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) class: Class,
    /// Method, path and query.
    pub(crate) line: String,
    /// `Authorization`, if it had one.
    pub(crate) authorization: Option<String>,
}

/// The proxy. Dropping it ends its port; connections end when their clients do.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    upstream: u16,
    when: When,
    fault: Fault,
    seen: Mutex<Vec<Seen>>,
    /// What `StatusForEver` refuses.
    refused: Mutex<Option<String>>,
    met: AtomicUsize,
    over: AtomicBool,
}

impl Proxy {
    /// Before the server at loopback port `upstream`.
    pub(crate) fn new(upstream: u16, when: When, fault: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            upstream,
            when,
            fault,
            seen: Mutex::default(),
            refused: Mutex::default(),
            met: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                spawn(move || state.serve(&client));
            }
        });
        Self { port, state }
    }

    /// Requests so far, the refused ones too.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many of a class.
    pub(crate) fn count(&self, class: Class) -> usize {
        self.seen().iter().filter(|seen| seen.class == class).count()
    }

    /// How many requests the fault has met.
    pub(crate) fn met(&self) -> usize {
        self.state.met.load(Ordering::SeqCst)
    }

    /// Waits until the fault has met a request.
    #[track_caller]
    pub(crate) fn wait_until_met(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.met() == 0 {
            assert!(Instant::now() < deadline, "the fault met no request: {:?}", self.seen());
            sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    /// One connection, until its client leaves it or we reset it.
    fn serve(&self, client: &TcpStream) {
        let mut reader = BufReader::new(client);
        while let Ok(Some(request)) = Message::read(&mut reader, false) {
            let fault = self.meet(&request);
            if let Some(Fault::Delay(time)) = fault {
                sleep(time);
                // What the dead have not sent does not arrive.
                if is_gone(client) {
                    return;
                }
            }
            let passed = match fault {
                Some(Fault::Status(status) | Fault::StatusForEver(status)) => {
                    refusal(status).write(&mut { client })
                }
                Some(Fault::Page) => page().write(&mut { client }),
                Some(Fault::ResetBefore) => Err(io::ErrorKind::ConnectionReset.into()),
                Some(Fault::ResetAfter) => {
                    let _ = self.forward(&request);
                    Err(io::ErrorKind::ConnectionReset.into())
                }
                Some(Fault::Lists(more)) => self
                    .forward(&request)
                    .and_then(|answer| with_more(&request, answer, more).write(&mut { client })),
                Some(Fault::Delay(_)) | None => {
                    self.forward(&request).and_then(|answer| answer.write(&mut { client }))
                }
            };
            if passed.is_err() {
                // Not an orderly end: the client must see a reset.
                let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
                return;
            }
        }
    }

    /// Counts a request, and says what happens to it.
    fn meet(&self, request: &Message) -> Option<Fault> {
        let class = Class::of(request);
        let line = format!("{} {}", request.method(), request.target());
        let authorization = request.header("authorization").map(str::to_owned);
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen { class, line: line.clone(), authorization });
        let mut refused = self.refused.lock().unwrap();
        let hit = match self.when {
            When::Never => false,
            When::Always => true,
            When::Nth(n) => seen.len() == n,
            When::Every(of) => of == class,
            When::Class(of, n) => of == class && seen.iter().filter(|seen| seen.class == of).count() == n,
        };
        let again = refused.as_deref() == Some(line.as_str());
        if hit && matches!(self.fault, Fault::StatusForEver(_)) {
            *refused = Some(line);
        }
        (hit || again).then(|| {
            self.met.fetch_add(1, Ordering::SeqCst);
            self.fault
        })
    }

    fn forward(&self, request: &Message) -> io::Result<Message> {
        let server = TcpStream::connect(("127.0.0.1", self.upstream))?;
        server.set_nodelay(true)?;
        request.write(&mut &server)?;
        let answer = Message::read(&mut BufReader::new(&server), request.method() == "HEAD")?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Whether the client has closed the connection, or died.
fn is_gone(client: &TcpStream) -> bool {
    let _ = client.set_read_timeout(Some(Duration::from_millis(5)));
    let gone = match client.peek(&mut [0]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    let _ = client.set_read_timeout(None);
    gone
}

/// How S3 says that it is busy, that it failed, and that somebody may not do that.
fn refusal(status: u16) -> Message {
    let (reason, code) = match status {
        403 => ("Forbidden", "AccessDenied"),
        503 => ("Slow Down", "SlowDown"),
        _ => ("Internal Server Error", "InternalError"),
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{reason}</Message></Error>"
    );
    answer(&format!("{status} {reason}"), "application/xml", &body)
}

/// The answer with `more` in its list of objects, if it is one.
fn with_more(request: &Message, answer: Message, more: &str) -> Message {
    let text = String::from_utf8_lossy(&answer.body);
    let prefix = request.target().split(['?', '&']).find_map(|pair| pair.strip_prefix("prefix="));
    let (Some(prefix), Some(start), Some(end)) =
        (prefix, text.find("<ListBucketResult"), text.find("</ListBucketResult>"))
    else {
        return answer;
    };
    if !request.target().contains("delimiter=") {
        return answer;
    }
    let more = more.replace("{prefix}", &prefix.replace("%2F", "/"));
    // From its first tag on: it may have come in a chunk.
    let body = format!("{}{more}</ListBucketResult>", &text[start..end]);
    self::answer("200 OK", "application/xml", &body)
}

fn page() -> Message {
    let body =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the network.</body></html>";
    answer("200 OK", "text/html; charset=utf-8", body)
}

fn answer(status: &str, kind: &str, body: &str) -> Message {
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())
        .unwrap();
    Message { head, body: body.as_bytes().to_owned() }
}

#[test]
fn requests_pass_are_counted_and_go_wrong_as_told() {
    use super::Store;
    use super::http::send;
    use super::seaweed::{BUCKET, Seaweed};

    let seaweed = Seaweed::shared();
    let faulty = |fault| Proxy::new(seaweed.open_port, When::Class(Class::Manifest, 2), fault);
    for (number, fault) in [Fault::Status(500), Fault::ResetBefore, Fault::ResetAfter].into_iter().enumerate()
    {
        let proxy = faulty(fault);
        let put = |name: &str| {
            send(proxy.port, "PUT", &format!("/{BUCKET}/proxy{number}/{name}/_manifest.json"), &[], b"x")
        };
        put("a").unwrap().ok();
        let failed = put("b");
        match fault {
            Fault::Status(status) => assert_eq!(failed.unwrap().status, status),
            _ => assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::ConnectionReset),
        }
        put("c").unwrap().ok();
        let kept = seaweed.list(&format!("proxy{number}/")).len();
        assert_eq!(kept, if fault == Fault::ResetAfter { 3 } else { 2 }, "{fault:?}");
        assert_eq!((proxy.met(), proxy.count(Class::Manifest), proxy.seen().len()), (1, 3, 3));
    }
    let proxy = faulty(Fault::StatusForEver(503));
    let put = |name: &str| {
        let target = format!("/{BUCKET}/proxy/{name}/_manifest.json");
        send(proxy.port, "PUT", &target, &[], b"x").unwrap().status
    };
    assert_eq!(["a", "b", "b", "c", "b"].map(put), [200, 503, 503, 200, 503]);
}
