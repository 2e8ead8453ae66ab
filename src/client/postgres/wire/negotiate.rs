//! From a plain stream to one with TLS.

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::ClientConfig;

use super::error::Failure;
use super::{error, tls};
use crate::client::network;
use crate::client::postgres::config::PostgresConfig;
use crate::client::transport::Stream;
use crate::error::{Code, Error, Result};

/// Makes a stream with TLS of a plain one, or fails if the server has none. Without `tls` nothing changes.
pub(super) async fn negotiate(
    stream: Stream,
    config: &PostgresConfig,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Stream, Failure> {
    let Some(tls) = tls else { return Ok(stream) };
    match request_tls(stream, config).await? {
        (stream, true) => encrypt(stream, config, tls).await,
        (_, false) => Err(Error::config(format!(
            "the server does not support TLS, but sslmode {} asks for it",
            config.sslmode
        ))
        .coded(Code::TlsMissing)
        .with("server", config.server())
        .hint("turn on ssl in the server's configuration, or set sslmode=prefer or sslmode=disable")
        .into()),
    }
}

/// Asks for TLS. Reads exactly one byte, so that nothing sent in the clear can pass for encrypted.
pub(super) async fn request_tls(mut stream: Stream, config: &PostgresConfig) -> Result<(Stream, bool)> {
    let server = config.server();
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(|error| network::lost(error, &server))?;
    let mut answer = [0];
    match stream.read(&mut answer).await {
        Ok(0) => Err(network::closed(&server)),
        Ok(_) => match answer {
            [b'S'] => Ok((stream, true)),
            [b'N'] => Ok((stream, false)),
            [b'E'] => Err(Error::unavailable("the server cannot take a connection now")
                .coded(Code::ServerStops)
                .with("server", server)
                .hint("the server's log says why")),
            [other] => Err(error::protocol(&format!("{:?} to the question for TLS", char::from(other)))
                .with("server", server)),
        },
        Err(error) => Err(network::lost(error, &server)),
    }
}

pub(super) async fn encrypt(
    stream: Stream,
    config: &PostgresConfig,
    tls: Arc<ClientConfig>,
) -> Result<Stream, Failure> {
    let Stream::Tcp(stream) = stream else { return Err(Error::internal("TLS over TLS").into()) };
    tls::handshake(stream, config, tls).await.map_err(Failure::of_this_way)
}
