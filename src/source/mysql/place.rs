//! Where a part finds a reader: one of the view's, or a connection of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::dialect::MysqlDialect;
use super::moment::{Access, Reader, Registry};
use crate::catalog::SnapshotToken;
use crate::client::mysql::{Connection, MysqlConfig};
use crate::clock;
use crate::error::Result;

/// One database of one server, and what this process reads of it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) access: Access,
    pub(super) dialect: MysqlDialect,
    /// The readers of every live view. A token names them by id, so it means nothing to another process.
    pub(super) registry: Arc<Registry>,
}

impl Place {
    pub(super) fn new(config: MysqlConfig) -> Self {
        Self {
            dialect: MysqlDialect::of_database(&config.database),
            access: Access {
                config: Arc::new(config),
                received: Arc::default(),
                seconds: clock::moment().timestamp(),
                warned: Arc::default(),
            },
            registry: Arc::default(),
        }
    }

    pub(super) fn config(&self) -> &Arc<MysqlConfig> {
        &self.access.config
    }

    /// Bytes that came from the server so far.
    pub(super) fn received(&self) -> u64 {
        self.access.received.load(Ordering::Relaxed)
    }

    /// A connection that is set up.
    pub(super) async fn connect(&self) -> Result<Connection> {
        self.access.open().await
    }

    /// A reader of the view `at`, when one is free; without a view, one of its own.
    pub(super) async fn reader(&self, at: &SnapshotToken) -> Result<Reader> {
        match &at.id {
            Some(id) => self.registry.find(id)?.take().await,
            None => {
                let mut connection = self.connect().await?;
                let mark = connection.mark().await?;
                Ok(Reader::alone(connection, mark))
            }
        }
    }
}
