//! A PostgreSQL server that keeps to the protocol as far as it likes, and no further.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lakexpress::client::password::Secret;
use lakexpress::client::postgres::{PostgresConfig, SslMode};
use rcgen::{CertificateParams, KeyPair};
use ring::{digest, hmac};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

pub(super) const USER: &str = "reader";
pub(super) const PASSWORD: &str = "S3cretPassw0rd";
const SALT: [u8; 16] = *b"0123456789abcdef";

/// How far the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Until {
    /// It read the startup message.
    Startup,
    /// It offered SASL and got a choice.
    Chosen,
    /// It sent its challenge and got the client's proof.
    Proved,
    /// It sent its own proof, which it can make because it knows the password.
    Final,
    /// It said that the login is done.
    In,
    /// It is ready, and got a query.
    Query,
}

/// What the server does.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// Whether it has TLS.
    pub(super) tls: bool,
    /// Whether it offers SCRAM-SHA-256-PLUS.
    pub(super) plus: bool,
    pub(super) iterations: u32,
    pub(super) until: Until,
    /// What it sends then.
    pub(super) attack: Vec<u8>,
    /// How often it sends that.
    pub(super) times: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self { tls: true, plus: true, iterations: 4096, until: Until::Startup, attack: Vec::new(), times: 1 }
    }
}

/// What a client did after the attack.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Bytes it sent in all attempts, after the attack.
    pub(super) after: Vec<u8>,
    /// Bytes it took of the attack.
    pub(super) taken: usize,
}

/// A message.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A question for the login.
pub(super) fn authentication(method: i32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&method.to_be_bytes(), rest].concat())
}

/// The client's settings for the server at `port`.
pub(super) fn client(port: u16, sslmode: SslMode) -> PostgresConfig {
    let mut config = PostgresConfig::new("127.0.0.1", USER, "d");
    config.port = port;
    config.sslmode = sslmode;
    config.password = Some(Secret::new(PASSWORD));
    config.connect_timeout = Duration::from_secs(5);
    config
}

/// Starts a server; what each connection of it saw comes out of the channel when it ends.
pub(super) async fn start(script: Script) -> (u16, mpsc::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel(64);
    let acceptor = acceptor();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (script, sender, acceptor) = (script.clone(), sender.clone(), acceptor.clone());
            tokio::spawn(async move {
                let mut first = [0; 8];
                if socket.read_exact(&mut first).await.is_err() {
                    return;
                }
                // The question for TLS.
                let asks = first[4..] == 80_877_103_i32.to_be_bytes();
                let seen = if asks && script.tls {
                    let _ = socket.write_all(b"S").await;
                    let (acceptor, certificate) = acceptor;
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    converse(stream, &script, None, &certificate).await
                } else {
                    let startup = if asks {
                        let _ = socket.write_all(b"N").await;
                        None
                    } else {
                        Some(first.to_vec())
                    };
                    converse(socket, &script, startup, &[]).await
                };
                let _ = sender.send(seen).await;
            });
        }
    });
    (port, receiver)
}

/// A certificate that nobody trusts, and its hash, to which a channel is bound.
fn acceptor() -> (TlsAcceptor, Vec<u8>) {
    static ONE: OnceLock<(TlsAcceptor, Vec<u8>)> = OnceLock::new();
    ONE.get_or_init(new_acceptor).clone()
}

fn new_acceptor() -> (TlsAcceptor, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = certificate.der().clone();
    let hash = digest::digest(&digest::SHA256, &der).as_ref().to_vec();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), hash)
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: &Script,
    startup: Option<Vec<u8>>,
    binding: &[u8],
) -> Seen {
    let mut seen = Seen::default();
    if behave(&mut stream, script, startup, binding).await.is_none() {
        return seen;
    }
    for _ in 0..script.times {
        if stream.write_all(&script.attack).await.is_err() {
            break;
        }
        seen.taken += script.attack.len();
    }
    let _ = stream.flush().await;
    // Whatever is an answer comes at once; a client that waits is left alone.
    let mut buffer = [0; 4096];
    while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(150), stream.read(&mut buffer)).await
    {
        if count == 0 {
            break;
        }
        seen.after.extend_from_slice(&buffer[..count]);
    }
    seen
}

/// Keeps to the protocol until the attack; none if the client went away before.
async fn behave<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: &Script,
    startup: Option<Vec<u8>>,
    binding: &[u8],
) -> Option<()> {
    let mut head = startup.unwrap_or_default();
    while head.len() < 4 {
        head.push(stream.read_u8().await.ok()?);
    }
    let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
    let mut rest = vec![0; length - head.len()];
    stream.read_exact(&mut rest).await.ok()?;
    if script.until == Until::Startup {
        return Some(());
    }
    let offer: &[u8] =
        if script.plus { b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0" } else { b"SCRAM-SHA-256\0\0" };
    send(stream, &authentication(10, offer)).await?;
    let chosen = receive(stream).await?;
    if script.until == Until::Chosen {
        return Some(());
    }
    let at = chosen.iter().position(|byte| *byte == 0)?;
    let first = String::from_utf8(chosen[at + 5..].to_vec()).ok()?;
    let bare = first.splitn(3, ',').nth(2)?.to_owned();
    let nonce = bare.split_once("r=")?.1;
    let challenge = format!("r={nonce}more,s={},i={}", STANDARD.encode(SALT), script.iterations);
    send(stream, &authentication(11, challenge.as_bytes())).await?;
    let proof = String::from_utf8(receive(stream).await?).ok()?;
    if script.until == Until::Proved {
        return Some(());
    }
    if script.plus && !binding.is_empty() {
        let bound = [b"p=tls-server-end-point,,", binding].concat();
        assert!(proof.starts_with(&format!("c={},", STANDARD.encode(bound))), "bound to something else");
    }
    let without = proof.split_once(",p=")?.0;
    let signature = sign(script.iterations, &format!("{bare},{challenge},{without}"));
    send(stream, &authentication(12, format!("v={signature}").as_bytes())).await?;
    if script.until == Until::Final {
        return Some(());
    }
    send(stream, &authentication(0, b"")).await?;
    if script.until == Until::In {
        return Some(());
    }
    send(stream, &message(b'S', b"server_version\x0015.18\0")).await?;
    send(stream, &message(b'K', &[0; 8])).await?;
    send(stream, &message(b'Z', b"I")).await?;
    receive(stream).await.map(drop)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

/// The body of the client's next message.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Vec<u8>> {
    stream.read_u8().await.ok()?;
    let length = stream.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// SCRAM's ServerSignature.
fn sign(iterations: u32, exchange: &str) -> String {
    let key = |secret: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, secret);
    let password = key(PASSWORD.as_bytes());
    let mut block = hmac::sign(&password, &[&SALT[..], &[0, 0, 0, 1]].concat()).as_ref().to_vec();
    let mut salted = block.clone();
    for _ in 1..iterations {
        block = hmac::sign(&password, &block).as_ref().to_vec();
        salted.iter_mut().zip(&block).for_each(|(sum, byte)| *sum ^= byte);
    }
    let server = hmac::sign(&key(&salted), b"Server Key");
    STANDARD.encode(hmac::sign(&key(server.as_ref()), exchange.as_bytes()))
}
