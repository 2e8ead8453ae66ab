//! Cancelling a statement from outside, over a connection of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::negotiate::negotiate;
use super::stream::{self, Peer};
use super::{error, tls};
use crate::client::network;
use crate::client::postgres::config::PostgresConfig;
use crate::clock;
use crate::error::{Error, Result};

/// Longest wait for a cancel request when the configuration sets none.
const LIMIT: Duration = Duration::from_secs(10);

/// What the server needs to know to cancel the statement of one connection. Cheap to clone.
#[derive(Clone)]
pub struct CancelToken(Arc<Target>);

struct Target {
    config: PostgresConfig,
    peer: Peer,
    encrypted: bool,
    /// Process id and secret; none when the server sent none.
    key: Option<(i32, i32)>,
}

impl CancelToken {
    pub(super) fn new(config: &PostgresConfig, peer: Peer, encrypted: bool, key: Option<(i32, i32)>) -> Self {
        Self(Arc::new(Target { config: config.clone(), peer, encrypted, key }))
    }

    /// The same, once the server has sent its key.
    pub(super) fn with_key(&self, key: (i32, i32)) -> Self {
        let Target { config, peer, encrypted, .. } = &*self.0;
        Self::new(config, *peer, *encrypted, Some(key))
    }

    /// Where the connection goes, for messages.
    pub(super) fn server(&self) -> String {
        self.0.config.server()
    }

    /// Asks the server to cancel what the connection runs now, with TLS if the connection uses it.
    ///
    /// Returns when the server has taken note. Whether anything was cancelled shows at the
    /// connection itself: SQLSTATE 57014, or the statement had already ended.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached.
    pub async fn cancel(&self) -> Result<()> {
        let config = &self.0.config;
        let limit = if config.connect_timeout.is_zero() { LIMIT } else { config.connect_timeout };
        match clock::timeout(limit, Box::pin(self.send())).await {
            Ok(sent) => sent,
            Err(_) => Err(error::login_timeout(&config.server())),
        }
    }

    async fn send(&self) -> Result<()> {
        let Target { config, peer, encrypted, key } = &*self.0;
        let Some((process, secret)) = key else {
            return Err(
                Error::unavailable("the server gave no key to cancel with").with("server", self.server())
            );
        };
        let mut stream = stream::dial_peer(config, *peer).await?;
        if *encrypted {
            let tls = tls::client_config(config)?;
            stream = match negotiate(stream, config, Some(tls)).await {
                Ok(stream) => stream,
                Err(failure) => return Err(failure.error),
            };
        }
        let mut request = BytesMut::new();
        frontend::cancel_request(*process, *secret, &mut request);
        stream.write_all(&request).await.map_err(|error| network::lost(error, &self.server()))?;
        // The server closes when it has signalled the process; how it closes does not matter.
        let mut rest = [0; 64];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
        Ok(())
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({})", self.server())
    }
}
