//! Connections that are not in use, kept for the next part.
//!
//! The pool does not bound anything: the run decides how many reads run at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::config::PostgresConfig;
use super::wire::Connection;
use crate::error::Result;

/// Idle connections to one server.
#[derive(Debug)]
pub struct Pool {
    config: PostgresConfig,
    idle: Mutex<Vec<Connection>>,
    any_character: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
}

impl Pool {
    /// Notes in `any_character` whether the server can be sent every character. `SQL_ASCII` takes bytes as they are.
    pub fn new(config: PostgresConfig, any_character: Arc<AtomicBool>) -> Self {
        Self { config, idle: Mutex::new(Vec::new()), any_character, received: Arc::default() }
    }

    /// The server.
    pub fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// Bytes that came over all connections of this pool.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// An idle connection that is outside any transaction, or a new one.
    pub async fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            // An idle connection may have been cut since; a round trip tells.
            Some(mut connection) => match connection.execute("").await {
                Ok(()) => Ok(connection),
                Err(_) => self.connect().await,
            },
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<Connection> {
        let mut connection = Connection::connect(&self.config).await?;
        connection.count_into(&self.received);
        let any = matches!(connection.parameter("server_encoding"), Some("UTF8" | "SQL_ASCII"));
        self.any_character.store(any, Ordering::Relaxed);
        Ok(connection)
    }

    /// Keeps a connection for later. Only for connections outside any transaction.
    pub fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
