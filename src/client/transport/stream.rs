//! The socket: plain, TLS, or Unix.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UnixStream};
use tokio_rustls::client::TlsStream;

use super::error;
use super::socket::Socket;
use crate::client::postgres::config::PostgresConfig;
use crate::clock;
use crate::error::Result;

/// A connected socket.
pub(super) enum Stream {
    Tcp(Socket),
    Tls(Box<TlsStream<Socket>>),
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Says whether the bytes that come next may be many, and whether nobody waits for the first of them.
    pub(super) fn expect_much(&mut self, much: bool) {
        match self {
            Self::Tcp(socket) => socket.expect_much(much),
            Self::Tls(stream) => stream.get_mut().0.expect_much(much),
            // Its buffers hold less than what comes during a nap.
            Self::Unix(_) => {}
        }
    }

    /// Reads once; 0 at the end of the stream.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
        }
    }

    /// Writes all and flushes.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Ends the stream as far as it still can be.
    pub(super) async fn shutdown(&mut self) {
        let ended = match self {
            Self::Tcp(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Unix(stream) => stream.shutdown().await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended before we closed it");
        }
    }
}

/// Where a socket is connected: a cancel request must reach the same server, not another of its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// The configuration's Unix socket.
    Unix,
    /// One of the host's addresses.
    Tcp(SocketAddr),
}

/// Connects to the first of the host's addresses that answers.
pub(super) async fn dial(config: &PostgresConfig) -> Result<(Stream, Peer)> {
    if config.is_unix_socket() {
        return Ok((dial_peer(config, Peer::Unix).await?, Peer::Unix));
    }
    let mut last = None;
    for address in resolve(config).await? {
        match dial_peer(config, Peer::Tcp(address)).await {
            Ok(stream) => return Ok((stream, Peer::Tcp(address))),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        error::unknown_host(io::Error::new(io::ErrorKind::NotFound, "no address"), &config.server())
    }))
}

/// Connects to one address.
pub(super) async fn dial_peer(config: &PostgresConfig, peer: Peer) -> Result<Stream> {
    let connected = match peer {
        Peer::Unix => {
            in_time(config.connect_timeout, UnixStream::connect(config.socket_path())).await.map(Stream::Unix)
        }
        Peer::Tcp(address) => in_time(config.connect_timeout, tcp(address)).await.map(Stream::Tcp),
    };
    connected.map_err(|error| error::unreachable(error, &config.server()))
}

async fn tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that vanished without a word is noticed within a minute, and address translators between
    // do not forget a connection that only holds a snapshot.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Socket::new(stream))
}

async fn resolve(config: &PostgresConfig) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = config.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, config.port)]);
    }
    let lookup = tokio::net::lookup_host((config.host.as_str(), config.port));
    match in_time(config.connect_timeout, lookup).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(error::unknown_host(error, &config.server())),
    }
}

/// Waits no longer than `limit`; zero waits forever.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    if limit.is_zero() {
        return work.await;
    }
    match clock::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {} s", limit.as_secs()))),
    }
}
