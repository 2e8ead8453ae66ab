//! The run log in a database, whatever its kind: one connection, one transaction per event.

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::session::{Connect, Session};
use super::{
    PartitionRow, PreparedTable, RunEvent, RunLog, RunRecord, Timestamp, append, manage, migrate, query,
};
use crate::error::{Error, ErrorKind, Result};

/// How often an event is tried when its connection was lost or another writer was in the way.
const ATTEMPTS: usize = 3;

/// A run log in the database that `C` connects to.
#[derive(Debug)]
pub(super) struct DatabaseRunLog<C> {
    connect: C,
    /// None before the first use, while it is in use, and after an error.
    session: Mutex<Option<Open>>,
}

struct Open {
    session: Box<dyn Session>,
    /// Whether its tables were found or made.
    has_tables: bool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("has_tables", &self.has_tables).finish_non_exhaustive()
    }
}

/// What a piece of work needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Tables, made when they are not there; a transaction that writes.
    Write,
    /// Tables, made when they are not there; a transaction that sees one moment.
    Read,
    /// Nothing made; a transaction that sees one moment.
    Look,
    /// Nothing made; a transaction that writes.
    Manage,
}

impl<C: Connect> DatabaseRunLog<C> {
    pub(super) fn new(connect: C) -> Self {
        Self { connect, session: Mutex::new(None) }
    }

    /// Does `work` in a transaction, again when the connection is lost. Whoever drops this future drops the
    /// connection with it: the database rolls back.
    async fn transact<T: Send>(
        &self,
        access: Access,
        work: impl for<'s> Fn(&'s mut dyn Session) -> BoxFuture<'s, Result<T>> + Send + Sync,
    ) -> Result<T> {
        let mut slot = self.session.lock().await;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut open = match slot.take() {
                Some(open) => open,
                None => Open { session: self.connect().await?, has_tables: false },
            };
            match once(&mut open, access, &work).await {
                Ok(answer) => {
                    // What has been dropped is made again by the next one that needs it.
                    open.has_tables = access != Access::Manage && open.has_tables;
                    *slot = Some(open);
                    return Ok(answer);
                }
                Err(error) if error.kind() == ErrorKind::Unavailable && attempt < ATTEMPTS => {
                    tracing::debug!(%error, attempt, "once more for the run log");
                }
                Err(error) => return Err(self.locate(error)),
            }
        }
    }

    async fn connect(&self) -> Result<Box<dyn Session>> {
        self.connect.connect().await.map_err(|error| self.locate(error))
    }

    fn locate(&self, error: Error) -> Error {
        let denied = error.kind() == ErrorKind::Denied && !self.connect.location().starts_with("sqlite:");
        let error = error.with("run log", self.connect.location());
        if denied { error.hint("docs/run-log.md says which rights the run log's user needs") } else { error }
    }
}

async fn once<T: Send>(
    open: &mut Open,
    access: Access,
    work: &(impl for<'s> Fn(&'s mut dyn Session) -> BoxFuture<'s, Result<T>> + Send + Sync),
) -> Result<T> {
    let session = open.session.as_mut();
    if !open.has_tables && matches!(access, Access::Write | Access::Read) {
        migrate::migrate(session).await?;
        open.has_tables = true;
    }
    let begin = match access {
        Access::Write | Access::Manage => session.dialect().begin_write,
        Access::Read | Access::Look => session.dialect().begin_read,
    };
    session.script(begin).await?;
    let answer = work(session).await?;
    session.script("COMMIT").await?;
    Ok(answer)
}

#[async_trait]
impl<C: Connect> RunLog for DatabaseRunLog<C> {
    async fn append(&self, event: &RunEvent) -> Result<()> {
        let event = std::sync::Arc::new(event.clone());
        self.transact(Access::Write, move |session| {
            let event = std::sync::Arc::clone(&event);
            Box::pin(async move { append::append(session, &event).await })
        })
        .await
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.transact(Access::Read, move |session| Box::pin(query::runs(session, limit))).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>> {
        let run_id = run_id.to_owned();
        self.transact(Access::Read, move |session| {
            let run_id = run_id.clone();
            Box::pin(async move { query::run(session, &run_id).await })
        })
        .await
    }

    async fn prepared(&self, run_id: &str) -> Result<Vec<PreparedTable>> {
        let run_id = run_id.to_owned();
        self.transact(Access::Read, move |session| {
            let run_id = run_id.clone();
            Box::pin(async move { query::prepared(session, &run_id).await })
        })
        .await
    }

    fn location(&self) -> String {
        self.connect.location()
    }

    async fn reach(&self) -> Result<()> {
        self.transact(Access::Read, |_| Box::pin(async { Ok(()) })).await
    }

    async fn heartbeat(&self, run_id: &str, at: Timestamp) -> Result<()> {
        let run_id = run_id.to_owned();
        self.transact(Access::Write, move |session| {
            let run_id = run_id.clone();
            Box::pin(async move { append::heartbeat(session, &run_id, at).await })
        })
        .await
    }

    async fn partition_columns(&self) -> Result<Vec<PartitionRow>> {
        if !self.connect.exists() {
            return Ok(Vec::new());
        }
        self.transact(Access::Look, |session| Box::pin(query::partition_columns(session))).await
    }

    async fn truncate(&self) -> Result<()> {
        if !self.connect.exists() {
            return Ok(());
        }
        self.transact(Access::Manage, |session| Box::pin(manage::truncate(session))).await
    }

    async fn drop_tables(&self) -> Result<()> {
        if !self.connect.exists() {
            return Ok(());
        }
        self.transact(Access::Manage, |session| Box::pin(manage::drop_tables(session))).await
    }
}
