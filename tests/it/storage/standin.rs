//! Small HTTP servers of the tests: those that hand out credentials, and a gate that lets in who has them.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::http::Message;

/// What a server answers to a request.
type Answering = dyn Fn(&Message) -> Message + Send + Sync;

/// A server on a free loopback port, until it is dropped.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Message>>>,
    over: Arc<AtomicBool>,
}

impl StandIn {
    pub(crate) fn new(answering: impl Fn(&Message) -> Message + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let answering: Arc<Answering> = Arc::new(answering);
        let (all, ended) = (Arc::clone(&seen), Arc::clone(&over));
        spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (answering, seen) = (Arc::clone(&answering), Arc::clone(&all));
                spawn(move || serve(&client, answering.as_ref(), &seen));
            }
        });
        Self { port, seen, over }
    }

    /// Requests so far.
    pub(crate) fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// How many of a method whose target begins so.
    pub(crate) fn count(&self, method: &str, target: &str) -> usize {
        self.seen().iter().filter(|m| m.method() == method && m.target().starts_with(target)).count()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(client: &TcpStream, answering: &Answering, seen: &Mutex<Vec<Message>>) {
    let mut reader = BufReader::new(client);
    while let Ok(Some(request)) = Message::read(&mut reader, false) {
        seen.lock().unwrap().push(request.clone());
        if answering(&request).write(&mut { client }).is_err() {
            return;
        }
    }
}

/// An answer.
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> Message {
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())
        .unwrap();
    Message { head, body: body.as_bytes().to_owned() }
}

/// An answer with JSON.
pub(crate) fn json_answer(document: &serde_json::Value) -> Message {
    answer("200 OK", "application/json", &document.to_string())
}

/// Nothing of this name.
pub(crate) fn nothing() -> Message {
    answer("404 Not Found", "text/plain", "nothing")
}

/// A refusal as S3 words it.
pub(crate) fn s3_refusal(status: &str, code: &str, more: &str) -> Message {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message>{more}</Error>");
    answer(status, "application/xml", &body)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// RFC 3339 of a time in seconds since 1970.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    chrono::DateTime::<chrono::Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Temporary credentials, each pair good until it expires.
#[derive(Clone, Default)]
pub(crate) struct Mint(Arc<Mutex<Vec<(String, u64)>>>);

/// What the mint gave.
pub(crate) struct Coin {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) expires: u64,
}

impl Mint {
    /// Credentials that live so many seconds.
    pub(crate) fn coin(&self, seconds: u64) -> Coin {
        let mut coins = self.0.lock().unwrap();
        let (number, expires) = (coins.len(), now() + seconds);
        let token = format!("TOKEN-{number}-MINTED");
        coins.push((token.clone(), expires));
        Coin { id: format!("ASIAMINTED{number}"), secret: format!("minted-secret-{number}"), token, expires }
    }

    /// How many were given.
    pub(crate) fn given(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Whether a token is good now; none if it was never given.
    fn is_good(&self, token: &str) -> Option<bool> {
        let coins = self.0.lock().unwrap();
        coins.iter().find(|(given, _)| given == token).map(|(_, expires)| now() < *expires)
    }
}

/// A gate before the S3 gateway that lets everybody in: it lets in who signs with credentials of the mint that
/// have not expired, and says what AWS says to all others.
pub(crate) fn gate(mint: &Mint, open_port: u16) -> StandIn {
    let mint = mint.clone();
    StandIn::new(move |request| {
        let token = request.header("x-amz-security-token").unwrap_or_default();
        let signed = request.header("authorization").unwrap_or_default();
        match mint.is_good(token) {
            Some(true)
                if signed.contains("Credential=ASIAMINTED") && signed.contains("x-amz-security-token") =>
            {
                forward(request, open_port).unwrap_or_else(|_| s3_refusal("500 Error", "InternalError", ""))
            }
            Some(false) => s3_refusal("400 Bad Request", "ExpiredToken", ""),
            _ => s3_refusal("403 Forbidden", "InvalidAccessKeyId", ""),
        }
    })
}

/// A gate before Azurite that lets in who has one of these bearer tokens; Azurite itself takes such over TLS only.
pub(crate) fn azure_gate(token: &'static str, port: u16, sas: &str) -> StandIn {
    let sas = sas.to_owned();
    StandIn::new(move |request| {
        if request.header("authorization") != Some(&format!("Bearer {token}")) {
            return s3_refusal("401 Unauthorized", "InvalidAuthenticationInfo", "");
        }
        let separator = if request.target().contains('?') { '&' } else { '?' };
        let head = String::from_utf8_lossy(&request.head);
        let signed = head.replacen(request.target(), &format!("{}{separator}{sas}", request.target()), 1);
        let signed = Message { head: signed.into_bytes(), body: request.body.clone() };
        forward(&signed, port).unwrap_or_else(|_| s3_refusal("500 Error", "InternalError", ""))
    })
}

/// Passes a request on without what says who sends it.
fn forward(request: &Message, port: u16) -> io::Result<Message> {
    let head = String::from_utf8_lossy(&request.head);
    let secret = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("authorization:") && !line.starts_with("x-amz-security-token:")
    };
    let lines: Vec<&str> = head.split("\r\n").filter(secret).collect();
    forward_as_is(&Message { head: lines.join("\r\n").into_bytes(), body: request.body.clone() }, port)
}

/// Passes a request on, byte for byte.
pub(crate) fn forward_as_is(request: &Message, port: u16) -> io::Result<Message> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    request.write(&mut &server)?;
    let answer = Message::read(&mut BufReader::new(&server), request.method() == "HEAD")?;
    answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
