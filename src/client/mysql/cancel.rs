//! Ending a statement from outside, by `KILL QUERY` over another connection.
//!
//! That connection may come out at another server (a balancer, a switch-over), where the same number is another user's:
//! so the server is compared, and the statement must be one of our user's in our database.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::config::MysqlConfig;
use super::problem;
use super::wire::Connection;
use crate::error::{Error, Result};

/// Who a connection belongs to, at which server. All are ASCII, whatever `character_set_results` is.
const MARK: &str = "SELECT CONNECTION_ID(), HEX(@@hostname), @@port, @@server_id";

/// There is no such connection (any more).
const GONE: u16 = 1094;

/// The server that a connection ended at, and its number there. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerMark(Arc<Marks>);

#[derive(PartialEq, Eq)]
struct Marks {
    id: u64,
    /// Name, port and number of the server, in the server's form.
    server: Vec<Option<Vec<u8>>>,
}

impl ServerMark {
    /// The connection's number, as `KILL` takes it.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Whether both connections are to one server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.0.server == other.0.server
    }
}

impl fmt::Debug for ServerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerMark({})", self.0.id)
    }
}

impl Connection {
    /// Makes the connection usable again where the reader of a statement was dropped: ends the statement, and reads what
    /// is left of its answer, at most so many bytes. Whether it is usable. The transaction goes on.
    ///
    /// # Errors
    /// Those of [`Kill::send`], and of the connection.
    pub async fn recover(&mut self, mut kill: Kill, most_bytes: u64) -> Result<bool> {
        if !self.is_busy() {
            kill.disarm();
            return Ok(true);
        }
        kill.send().await?;
        if !self.skip_rest(most_bytes).await {
            return Ok(false);
        }
        self.settle().await?;
        Ok(true)
    }

    /// Asks which server this is, and which number the connection has there.
    ///
    /// # Errors
    /// Those of [`Self::execute`].
    pub async fn mark(&mut self) -> Result<ServerMark> {
        let mut row = self.first_row(MARK).await?.into_iter();
        let id =
            row.next().and_then(number).ok_or_else(|| problem::protocol("a connection without a number"))?;
        Ok(ServerMark(Arc::new(Marks { id, server: row.map(|(_, value)| value).collect() })))
    }

    /// Every value of the first row of a statement, with its number if it is one.
    async fn first_row(&mut self, sql: &str) -> Result<Vec<(Option<u64>, Option<Vec<u8>>)>> {
        let statement = self.prepare(sql).await?;
        let mut rows = self.run(&statement, &[]).await?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().await? {
            if found.is_empty() {
                for value in row.values() {
                    let (column, value) = value?;
                    let number = value.and_then(|value| column.integer(value));
                    found.push((number.and_then(|number| number.try_into().ok()), value.map(Vec::from)));
                }
            }
        }
        self.forget(statement).await?;
        Ok(found)
    }
}

fn number((number, _): (Option<u64>, Option<Vec<u8>>)) -> Option<u64> {
    number
}

/// Ends what a connection runs, when it is dropped while it is armed: nobody waits for the statement any more.
#[must_use = "it ends the statement when it is dropped"]
pub struct Kill {
    target: Option<Target>,
    runtime: Handle,
}

struct Target {
    config: Arc<MysqlConfig>,
    mark: ServerMark,
}

impl Kill {
    /// A guard for the statement that the connection of `mark` is about to run.
    pub fn arm(config: Arc<MysqlConfig>, mark: ServerMark, runtime: Handle) -> Self {
        Self { target: Some(Target { config, mark }), runtime }
    }

    /// The statement has ended.
    pub fn disarm(&mut self) {
        self.target = None;
    }

    /// Ends the statement now, and waits until the server has taken note. Whether it was asked to: not when the server
    /// is another one, or no longer runs anything there.
    ///
    /// Whether anything was ended shows at the connection itself: error 1317, or the statement had already ended. See
    /// [`Connection::recover`] for how the connection can be used again.
    ///
    /// # Errors
    /// Those of [`MysqlConfig::connect`], and of `KILL`.
    pub async fn send(mut self) -> Result<bool> {
        match self.target.take() {
            Some(target) => target.kill().await,
            None => Ok(false),
        }
    }
}

impl Drop for Kill {
    fn drop(&mut self) {
        let Some(target) = self.target.take() else { return };
        self.runtime.spawn(async move {
            let id = target.mark.id();
            match target.kill().await {
                Ok(sent) => tracing::debug!(id, sent, "KILL QUERY"),
                Err(error) => tracing::debug!(id, %error, "a statement that nobody waits for was not ended"),
            }
        });
    }
}

impl fmt::Debug for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kill").field(&self.target.as_ref().map(|target| &target.mark)).finish()
    }
}

impl Target {
    /// Within the time that a login may take.
    async fn kill(&self) -> Result<bool> {
        self.config.in_time(Box::pin(self.send())).await
    }

    async fn send(&self) -> Result<bool> {
        let mut connection = self.config.connect().await?;
        let ours = connection.mark().await?;
        if !ours.is_same_server(&self.mark) {
            return Ok(false);
        }
        let is_there = connection.first_row(&is_ours(ours.id(), self.mark.id())).await?;
        if is_there.into_iter().next().and_then(number) != Some(1) {
            return Ok(false);
        }
        match connection.execute(&format!("KILL QUERY {}", self.mark.id())).await {
            Ok(()) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_gone(error: &Error) -> bool {
    problem::code(error) == Some(GONE)
}

/// Counts the connection `theirs` if it has the user and the database of `ours`, and runs something.
fn is_ours(ours: u64, theirs: u64) -> String {
    format!(
        "SELECT COUNT(*) FROM information_schema.processlist AS theirs JOIN information_schema.processlist AS ours \
         ON theirs.user = ours.user AND theirs.db <=> ours.db \
         WHERE ours.id = {ours} AND theirs.id = {theirs} AND theirs.command <> 'Sleep'"
    )
}
