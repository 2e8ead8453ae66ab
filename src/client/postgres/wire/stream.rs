//! From a configuration to a connected socket.

use std::io;
use std::net::SocketAddr;

use super::error;
use crate::client::network;
use crate::client::postgres::config::PostgresConfig;
use crate::client::transport::{self, Stream, in_time};
use crate::error::Result;

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
        Peer::Unix => in_time(config.connect_timeout, transport::unix(&config.socket_path())).await,
        Peer::Tcp(address) => in_time(config.connect_timeout, transport::tcp(address)).await,
    };
    connected.map_err(|error| network::unreachable(error, &config.server()))
}

async fn resolve(config: &PostgresConfig) -> Result<Vec<SocketAddr>> {
    let lookup = transport::resolve(&config.host, config.port);
    in_time(config.connect_timeout, lookup)
        .await
        .map_err(|error| error::unknown_host(error, &config.server()))
}
