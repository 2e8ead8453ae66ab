//! Readers: connected, proven to be at one server, begun at one moment, and with the locks of all tables' definitions.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join_all, select};

use super::access::Access;
use super::ask;
use super::gate::is_wait;
use super::names::{Failures, explain, name};
use crate::catalog::TableRef;
use crate::client::mysql::{Connection, code};
use crate::clock;
use crate::error::{Code, Error, Result, Transient};
use crate::source::mysql::session::{self, SELECT};

/// Readers of one view. More reads at once than this wait for each other.
const READERS: usize = 8;
/// Tables in one statement: a join of more than 61 is refused.
const AT_ONCE: usize = 50;
/// How long a reader waits for a lock while the gate is closed, in seconds.
const WAIT_SECONDS: u32 = 2;
/// A wait that is longer is said.
const NOTICE: Duration = Duration::from_secs(2);

/// As many readers as the server allows, and at most `most` and [`READERS`]. None where the one that we have is the last.
///
/// # Errors
/// Those of connecting, other than that the server has no room.
pub(super) async fn connect(access: &Access, most: usize) -> Result<Vec<Connection>> {
    let wanted = most.clamp(1, READERS);
    let mut readers = Vec::with_capacity(wanted);
    let mut refused = None;
    for connected in join_all((0..wanted).map(|_| access.open())).await {
        match connected {
            Ok(connection) => readers.push(connection),
            Err(error) if is_full(&error) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = refused {
        // One is left to the server's other users, and to ours: a statement is cancelled over a connection of its own.
        readers.pop();
        tracing::warn!(
            "the server allows only {} connections to read with: tables are read by fewer readers at once: {error}",
            readers.len().max(1)
        );
    }
    Ok(readers)
}

/// One more connection; where the server has none left, one of `readers`, and none where there are none.
///
/// # Errors
/// Those of [`connect`].
pub(super) async fn one_more(access: &Access, readers: &mut Vec<Connection>) -> Result<Option<Connection>> {
    match access.open().await {
        Err(error) if is_full(&error) => Ok(readers.pop()),
        opened => opened.map(Some),
    }
}

/// Whether the server has no connection left, for anybody or for this user.
fn is_full(error: &Error) -> bool {
    matches!(code(error), Some(1040 | 1203 | 1226))
}

/// What two connections answer alike when they are to one server, and otherwise not.
#[derive(Debug)]
pub(super) struct Proof {
    question: String,
    answer: String,
}

impl Proof {
    /// A lock that only one server knows of, taken by `first` until that ends; where a cluster refuses such locks, what
    /// the server says of itself.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn take(first: &mut Connection) -> Result<Self> {
        let lock = format!("lakexpress-{}", uuid::Uuid::new_v4());
        let taken = ask::value(first, &format!("SELECT GET_LOCK('{lock}', 0)")).await;
        let question = match taken {
            Ok(Some(answer)) if answer == "1" => format!("SELECT IS_USED_LOCK('{lock}')"),
            Err(error) if code(&error).is_none() => return Err(error),
            _ => {
                "SELECT CONCAT_WS(CHAR(0), @@hostname, @@port, @@server_id, @@datadir, @@pid_file)".to_owned()
            }
        };
        match ask::value(first, &question).await? {
            Some(answer) => Ok(Self { question, answer }),
            None => Err(Error::internal("a lock that was just taken is nobody's")),
        }
    }

    /// # Errors
    /// `Config` when `other` is a connection to another server.
    pub(super) async fn check(&self, other: &mut Connection) -> Result<()> {
        if ask::value(other, &self.question).await?.as_deref() == Some(self.answer.as_str()) {
            return Ok(());
        }
        Err(Error::config(
            "connections to this address reach different servers, which have no moment in common",
        )
        .coded(Code::NoOneMoment)
        .hint("name one server in the auth file entry or the URL, not a balancer")
        .hint("--consistency none reads every part at its own moment"))
    }
}

/// Finds the tables that cannot be read, over a connection that is in no transaction. Waits for those that are locked.
///
/// # Errors
/// Those of the connection.
pub(super) async fn try_all(connection: &mut Connection, tables: &[TableRef]) -> Result<Failures> {
    let mut failures = Failures::new();
    touch(connection, tables, Waits::Fail, &mut failures).await?;
    Ok(failures)
}

/// Begins every reader's transaction, and locks the definitions of `tables` in it. To be called while the gate is
/// closed.
///
/// # Errors
/// Those of the connections, of [`Proof::check`], and of locks that are waited for in vain.
pub(super) async fn begin(
    readers: &mut [Connection],
    proof: &Proof,
    tables: &[TableRef],
) -> Result<Failures> {
    let begun = join_all(readers.iter_mut().map(|reader| begin_one(reader, proof, tables))).await;
    let mut failures = Failures::new();
    for failed in begun {
        failures.extend(failed?);
    }
    Ok(failures)
}

async fn begin_one(reader: &mut Connection, proof: &Proof, tables: &[TableRef]) -> Result<Failures> {
    session::wait_for_locks(reader, WAIT_SECONDS).await?;
    reader.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
    proof.check(reader).await?;
    let mut failures = Failures::new();
    touch(reader, tables, Waits::EndAll, &mut failures).await?;
    session::wait_for_locks(reader, session::LOCK_WAIT_SECONDS).await?;
    if reader.is_in_transaction() {
        return Ok(failures);
    }
    Err(Error::unavailable("the server ended a reader's transaction when it had begun")
        .coded(Code::SnapshotLost)
        .hint("run again; --consistency none reads every part at its own moment"))
}

/// Whether a lock that is waited for in vain is the table's failure, or all have to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Fail,
    EndAll,
}

/// Does `work`, and says what it waits for when that takes long.
async fn noticed<T>(work: impl Future<Output = T>, tables: &[TableRef]) -> T {
    match select(pin!(work), pin!(clock::sleep(NOTICE))).await {
        Either::Left((done, _)) => done,
        Either::Right(((), work)) => {
            tracing::warn!(
                "still opening {}: another session may hold a lock (SHOW FULL PROCESSLIST shows who works and who waits)",
                some(tables)
            );
            work.await
        }
    }
}

/// One table, or that it is one of several.
fn some(tables: &[TableRef]) -> String {
    match tables {
        [only] => only.to_string(),
        [first, .., last] => format!("one of {} tables, {first} to {last}", tables.len()),
        [] => "no table".to_owned(),
    }
}

/// Reads nothing of each table, which opens it and locks its definition until the transaction ends.
async fn touch(
    connection: &mut Connection,
    tables: &[TableRef],
    waits: Waits,
    failures: &mut Failures,
) -> Result<()> {
    let ends_all = |error: &Error| {
        let is_lost = code(error).is_none() || error.transient() == Some(Transient::Connection);
        is_lost || waits == Waits::EndAll && is_wait(error)
    };
    for tables in tables.chunks(AT_ONCE) {
        let list: Vec<String> =
            tables.iter().enumerate().map(|(at, table)| format!("{} AS t{at}", name(table))).collect();
        let all = format!("{SELECT} 1 FROM {} LIMIT 0", list.join(", "));
        match noticed(connection.execute(&all), tables).await {
            Ok(()) => continue,
            Err(error) if ends_all(&error) => return Err(error),
            Err(_) => {}
        }
        // Which of them?
        for table in tables {
            let one = format!("{SELECT} 1 FROM {} LIMIT 0", name(table));
            match noticed(connection.execute(&one), std::slice::from_ref(table)).await {
                Ok(()) => {}
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => {
                    failures.insert(table.clone(), explain(error, table));
                }
            }
        }
    }
    Ok(())
}
