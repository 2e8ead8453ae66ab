//! From a connected socket to a connection that is logged in.

use std::sync::Arc;

use mysql_common::constants::CapabilityFlags;
use mysql_common::packets::{HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;
use rustls::ClientConfig;

use super::auth::{self, Login, Method};
use super::connection::Connection;
use super::greeting::{Greeting, ours};
use super::link::Link;
use super::packet::{ERROR, PACKET_LIMIT};
use crate::client::mysql::config::MysqlConfig;
use crate::client::mysql::problem::{self, ServerError};
use crate::client::transport::{self, Stream};
use crate::error::{Error, Result};

/// `utf8mb4_general_ci`, which every server has.
const COLLATION: u8 = 45;

/// What to do about TLS.
pub(in crate::client::mysql) enum Encryption {
    Never,
    /// Plain if the server has none.
    Preferred(Arc<ClientConfig>),
    Required(Arc<ClientConfig>),
}

/// Logs in over a connected socket.
pub(in crate::client::mysql) async fn log_in(
    stream: Stream,
    config: &MysqlConfig,
    encryption: Encryption,
    login: Login<'_>,
) -> Result<Connection> {
    let mut link = Link::new(stream, config.server());
    let packet = link.receive().await?;
    let greeting = match link.body(packet) {
        body @ [ERROR, ..] => return Err(ServerError::parse(body).into_error()),
        body => Greeting::parse(body).map_err(problem::not_understood)?,
    };
    let mut capabilities = ours() & greeting.capabilities;
    let tls = match encryption {
        Encryption::Never => None,
        Encryption::Preferred(tls) | Encryption::Required(tls)
            if greeting.capabilities.contains(CapabilityFlags::CLIENT_SSL) =>
        {
            Some(tls)
        }
        Encryption::Preferred(_) => None,
        Encryption::Required(_) => return Err(problem::no_tls()),
    };
    if let Some(tls) = tls {
        capabilities |= CapabilityFlags::CLIENT_SSL;
        link = encrypt(link, capabilities, config, tls).await?;
    }
    let method = Method::first(&greeting.method);
    let response = HandshakeResponse::new(
        Some(method.proof(login.password, &greeting.nonce)),
        // Decides about the character set: utf8mb4.
        (5, 7, 0),
        Some(config.user.as_bytes()),
        Some(config.database.as_bytes()),
        Some(method.plugin()),
        capabilities,
        None,
        PACKET_LIMIT as u32,
    );
    response.serialize(link.answer());
    link.send().await?;
    let is_private = !matches!(link.stream, Stream::Tcp(_));
    auth::login(&mut link, method, greeting.nonce, &login, is_private).await?;
    link.packets.lift_limit();
    Ok(Connection::new(link, greeting, capabilities))
}

/// Asks for TLS, and shakes hands.
async fn encrypt(
    mut link: Link,
    capabilities: CapabilityFlags,
    config: &MysqlConfig,
    tls: Arc<ClientConfig>,
) -> Result<Link> {
    let name = transport::server_name(&config.host)?;
    SslRequest::new(capabilities, PACKET_LIMIT as u32, COLLATION).serialize(link.answer());
    link.send().await?;
    // Nothing that was sent in the clear can pass for encrypted.
    if !link.packets.is_empty() {
        return Err(problem::not_understood("it goes on without TLS"));
    }
    let Stream::Tcp(socket) = link.stream else { return Err(Error::internal("TLS over no TCP")) };
    let stream = transport::handshake(socket, name, tls)
        .await
        .map_err(|error| problem::of_tls(error, &link.server))?;
    Ok(Link { stream, ..link })
}
