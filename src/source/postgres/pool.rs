//! Connections that are not in use, kept for the next part.
//!
//! The pool does not bound anything: the pipeline decides how many reads run at once.

use std::sync::{Mutex, PoisonError};

use super::config::PostgresConfig;
use super::wire::Connection;
use crate::error::Result;

/// Idle connections to one server.
#[derive(Debug)]
pub(super) struct Pool {
    config: PostgresConfig,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(config: PostgresConfig) -> Self {
        Self { config, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// An idle connection that is outside any transaction, or a new one.
    pub(super) async fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            // An idle connection may have been cut since; a round trip tells.
            Some(mut connection) => match connection.execute("").await {
                Ok(()) => Ok(connection),
                Err(_) => Connection::connect(&self.config).await,
            },
            None => Connection::connect(&self.config).await,
        }
    }

    /// Keeps a connection for later. Only for connections outside any transaction.
    pub(super) fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
