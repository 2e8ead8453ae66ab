//! A connected socket: plain, TLS, or Unix; and how it is made.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UnixStream};
use tokio_rustls::client::TlsStream;

use super::socket::Socket;
use crate::clock;

/// A connected socket.
pub(in crate::client) enum Stream {
    Tcp(Socket),
    Tls(Box<TlsStream<Socket>>),
    Unix(UnixStream),
}

impl Stream {
    pub(in crate::client) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Says whether the bytes that come next may be many, and whether nobody waits for the first of them.
    pub(in crate::client) fn expect_much(&mut self, much: bool) {
        match self {
            Self::Tcp(socket) => socket.expect_much(much),
            Self::Tls(stream) => stream.get_mut().0.expect_much(much),
            // Its buffers hold less than what comes during a nap.
            Self::Unix(_) => {}
        }
    }

    /// Reads once; 0 at the end of the stream.
    pub(in crate::client) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
        }
    }

    /// Writes all and flushes.
    pub(in crate::client) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
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
    pub(in crate::client) async fn shutdown(&mut self) {
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

/// Connects to a Unix socket.
pub(in crate::client) async fn unix(path: &Path) -> io::Result<Stream> {
    UnixStream::connect(path).await.map(Stream::Unix)
}

/// Connects to one address.
pub(in crate::client) async fn tcp(address: SocketAddr) -> io::Result<Stream> {
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
    Ok(Stream::Tcp(Socket::new(stream)))
}

/// The addresses of a host's name; of an address itself, that alone.
pub(in crate::client) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => tokio::net::lookup_host((host, port)).await.map(Iterator::collect),
    }
}

/// Waits no longer than `limit`; zero waits forever.
pub(in crate::client) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    if limit.is_zero() {
        return work.await;
    }
    match clock::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {} s", limit.as_secs()))),
    }
}
