//! How this source connects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::client::mysql::{Connection, MysqlConfig};
use crate::error::Result;
use crate::source::mysql::session;

/// How connections are made.
#[derive(Debug, Clone)]
pub(in crate::source::mysql) struct Access {
    pub(in crate::source::mysql) config: Arc<MysqlConfig>,
    /// Bytes that came from the server so far, of all connections.
    pub(in crate::source::mysql) received: Arc<AtomicU64>,
    /// The current time of every session, in seconds since 1970: when the source was opened.
    pub(in crate::source::mysql) seconds: i64,
    /// Whether a warning says already that there is one reader: with `--consistency table` each table is a view.
    pub(in crate::source::mysql) warned: Arc<AtomicBool>,
}

impl Access {
    /// A connection with the settings of the source.
    ///
    /// # Errors
    /// Those of connecting.
    pub(in crate::source::mysql) async fn open(&self) -> Result<Connection> {
        let mut connection = self.config.connect().await?;
        connection.count_into(&self.received);
        self.config.in_time(Box::pin(session::set_up(&mut connection, self.seconds))).await?;
        Ok(connection)
    }
}
