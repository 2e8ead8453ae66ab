//! The gate: while it is closed nobody commits, so that all readers begin at one moment.
//!
//! It is closed for as long as the readers take to begin, by the first of these that the server allows:
//!
//! 1. MariaDB: `BACKUP STAGE ... BLOCK_COMMIT`, MySQL: `FLUSH TABLES WITH READ LOCK`. Nobody commits anything.
//!    Backup stages wait for no one who only reads. The flush of tables does, and when it gives up, its tables stay marked:
//!    everybody who wants to read one that a long statement still reads waits for that statement. So it comes after 2 when
//!    there is such a statement, or when this user does not see whether there is one.
//! 2. `LOCK TABLES ... READ`. Nobody has changes of these tables that are not committed, or can begin to change them.
//!
//! The position in the server's log is no proof that nobody committed: sessions and filters leave commits out of the log.

use super::names::lock_list;
use crate::catalog::TableRef;
use crate::client::mysql::{Connection, Version, code};
use crate::error::{Error, ErrorKind, Result};
use crate::source::mysql::session;

/// How long the gate waits to be closed, in seconds: all who want to write wait with it.
const WAIT_SECONDS: u32 = 3;
/// The server opens the gate of a client that says nothing for so many seconds.
const ABANDONED_SECONDS: u32 = 60;

/// The number of the error that there is no backup to end.
const NOT_BEGUN: u16 = 4146;

/// From which version on MariaDB has backup stages.
const BACKUP_STAGES: (u16, u16, u16) = (10, 4, 1);

/// How the gate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// By the stages of a backup.
    Backup,
    /// By the global read lock.
    Global,
    /// By read locks of tables.
    Tables,
}

impl Gate {
    /// The best that the server knows.
    pub(super) fn best(version: Version) -> Self {
        if version.maria && version.number >= BACKUP_STAGES { Self::Backup } else { Self::Global }
    }

    /// The right that it takes.
    pub(super) fn right(self, version: Version) -> &'static str {
        match self {
            Self::Tables => "LOCK TABLES",
            _ if version.maria || version.number < (8, 0, 23) => "RELOAD",
            _ => "FLUSH_TABLES",
        }
    }

    /// Closes the gate for all tables, up to [`Self::seal`]. False when this user may not.
    ///
    /// # Errors
    /// Those of waiting for it, which [`is_wait`] knows, and of the connection. The gate is open then.
    pub(super) async fn close(self, connection: &mut Connection) -> Result<bool> {
        prepare(connection).await?;
        let steps: &[&str] = match self {
            // Commits go on while it waits for changes of definitions, and for those of tables without moments.
            Self::Backup => &["BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL"],
            Self::Global => &["FLUSH TABLES WITH READ LOCK"],
            Self::Tables => return Err(Error::internal("the gate of no tables")),
        };
        for step in steps {
            let Err(error) = connection.execute(step).await else { continue };
            self.open(connection).await?;
            return if error.kind() == ErrorKind::Denied { Ok(false) } else { Err(error) };
        }
        Ok(true)
    }

    /// Nobody commits from now on. Before that, the stages of a backup hold off those who change definitions or tables
    /// without moments, and let others commit: who has changed such a table in a transaction holds its lock until then.
    ///
    /// # Errors
    /// Those of [`Self::close`]; the gate is still to be opened.
    pub(super) async fn seal(self, connection: &mut Connection) -> Result<()> {
        match self {
            Self::Backup => connection.execute("BACKUP STAGE BLOCK_COMMIT").await,
            Self::Global | Self::Tables => Ok(()),
        }
    }

    /// Closes the gate for `tables` alone. False when this user may not lock one of them.
    ///
    /// # Errors
    /// Those of [`Self::close`].
    pub(super) async fn close_tables(connection: &mut Connection, tables: &[TableRef]) -> Result<bool> {
        prepare(connection).await?;
        // So that InnoDB itself waits for those who have changed rows and not committed yet.
        connection.execute("SET autocommit = 0, innodb_table_locks = 1").await?;
        match connection.execute(&lock_list(tables)).await {
            Ok(()) => Ok(true),
            Err(error) => {
                Self::Tables.open(connection).await?;
                if error.kind() == ErrorKind::Denied { Ok(false) } else { Err(error) }
            }
        }
    }

    /// Opens the gate. It opens by itself when the connection ends.
    ///
    /// # Errors
    /// Those of the connection.
    pub(super) async fn open(self, connection: &mut Connection) -> Result<()> {
        match self {
            Self::Backup => match connection.execute("BACKUP STAGE END").await {
                // Nor has it begun where this user may not begin it.
                Err(error) if code(&error) == Some(NOT_BEGUN) || error.kind() == ErrorKind::Denied => Ok(()),
                done => done,
            },
            Self::Global => connection.execute("UNLOCK TABLES").await,
            Self::Tables => {
                connection.execute("COMMIT").await?;
                connection.execute("UNLOCK TABLES").await?;
                connection.execute("SET autocommit = 1").await
            }
        }
    }
}

async fn prepare(connection: &mut Connection) -> Result<()> {
    session::wait_for_locks(connection, WAIT_SECONDS).await?;
    connection.execute(&format!("SET wait_timeout = {ABANDONED_SECONDS}")).await
}

/// Whether a lock was waited for in vain: later it may be free.
pub(super) fn is_wait(error: &Error) -> bool {
    // Waited too long; a deadlock; a conflicting lock; another backup.
    matches!(code(error), Some(1205 | 1213 | 1223 | 4145))
}
