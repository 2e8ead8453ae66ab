//! One moment for all readers, and the readers that hold it.
//!
//! 1. Tables that cannot be read are found, each with its error, before anything is locked.
//! 2. The gate is closed: nobody commits ([`gate`]).
//! 3. Tables whose engine keeps no old rows are locked against change until the view is dropped ([`engines`]);
//!    while definitions are held off already and commits are not.
//! 4. Each reader begins `START TRANSACTION WITH CONSISTENT SNAPSHOT`, proves that it is at the same server, and opens
//!    every table, so that nobody changes a definition while it lasts. No change of a definition can wait for a lock at
//!    that time, so that no reader ever waits behind one.
//! 5. The gate is opened, and the catalog is read once more: a table that is now of an engine without old rows, and was
//!    not when it was looked at first, fails. What took two or three steps too long is tried again. On MySQL the gate of all commits is not
//!    even tried while a statement of another session runs for long ([`busy`]): the tables of the run are locked then.
//!
//! A user who may close no gate gets one reader: the moment of one transaction is one moment.

mod access;
mod ask;
mod busy;
mod engines;
mod gate;
mod kinds;
mod lag;
mod loose;
mod names;
mod pins;
mod position;
mod readers;
mod roles;
mod views;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::try_join_all;

pub(super) use self::access::Access;
use self::engines::Survey;
use self::gate::Gate;
pub(super) use self::lag::measure as replica_lag;
pub(super) use self::loose::refuse as refuse_loose;
use self::names::Failures;
pub(super) use self::pins::{Pins, Reader, Registry};
use self::readers::Proof;
pub(super) use self::roles::{caution, least};
use crate::catalog::{Consistency, SnapshotToken, TableRef};
use crate::client::mysql::{Connection, ServerMark, Version};
use crate::clock::{self, Instant};
use crate::error::{Code, Error, Result};

/// Pauses after which the gate is tried again: a lock that was held may be free then.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 15];

/// A view that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Pinned {
    /// Its readers; with level `none` one that sees what is committed by now.
    pub(super) readers: Arc<Pins>,
    pub(super) token: SnapshotToken,
    /// When it was taken, by the clock of this process.
    pub(super) taken: Instant,
    /// Tables that cannot be read, and why. None are tried with level `none`.
    pub(super) failures: HashMap<TableRef, Error>,
    /// Whether tables that were not named are of the same moment too. If not, nothing but the named ones can be read.
    pub(super) is_whole: bool,
    /// How many readers began.
    pub(super) began: usize,
    /// Tables and views that are of no moment by themselves, and locked for as long as the view is held.
    pub(super) locked: Vec<TableRef>,
    registry: Arc<Registry>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(id) = &self.token.id {
            self.registry.remove(id);
        }
        self.readers.close();
    }
}

/// Pins a view of `tables` with so many readers at most.
///
/// # Errors
/// Those of connecting; `Config` when connections reach different servers; `Unavailable` when a lock that the moment
/// needs cannot be had.
pub(super) async fn pin(
    access: &Access,
    registry: &Arc<Registry>,
    tables: &[TableRef],
    (level, readers): (Consistency, usize),
) -> Result<Pinned> {
    let mut first = access.open().await?;
    if level == Consistency::None {
        let taken = Instant::now();
        let version = first.version()?;
        let token = SnapshotToken {
            level,
            id: None,
            position: position::read(&mut first, version).await,
            taken_at: position::time(&mut first).await?,
            of_process: false,
        };
        let readers = Arc::new(Pins::new(&access.config, vec![marked(first).await?], None, false));
        let registry = Arc::clone(registry);
        return Ok(Pinned {
            readers,
            token,
            taken,
            failures: HashMap::new(),
            is_whole: true,
            began: 1,
            locked: Vec::new(),
            registry,
        });
    }
    let connected = readers::connect(access, readers).await?;
    let moment = Box::pin(Taking::moment(access, first, connected, tables)).await?;
    let id = uuid::Uuid::new_v4().to_string();
    let began = moment.readers.len();
    let marked = try_join_all(moment.readers.into_iter().map(marked)).await?;
    let readers = Arc::new(Pins::new(&access.config, marked, moment.held, true));
    registry.add(&id, Arc::clone(&readers));
    let (taken, taken_at, position) = (moment.taken, moment.taken_at, moment.position);
    let token = SnapshotToken { level, id: Some(id), position, taken_at, of_process: true };
    Ok(Pinned {
        readers,
        token,
        taken,
        failures: moment.failures,
        is_whole: moment.is_whole,
        began,
        locked: moment.locked,
        registry: Arc::clone(registry),
    })
}

async fn marked(mut connection: Connection) -> Result<(Connection, ServerMark)> {
    let mark = connection.mark().await?;
    Ok((connection, mark))
}

/// What was taken.
#[derive(Debug)]
struct Moment {
    readers: Vec<Connection>,
    held: Option<Connection>,
    taken: Instant,
    taken_at: String,
    position: Option<String>,
    failures: Failures,
    is_whole: bool,
    locked: Vec<TableRef>,
}

/// A moment that is being taken.
#[derive(Debug)]
struct Taking {
    /// Closes the gate, and proves where the others are.
    first: Connection,
    readers: Vec<Connection>,
    /// Locks tables without moments; none when there are none.
    held: Option<Connection>,
    proof: Proof,
    version: Version,
    survey: Survey,
    /// Those that can be read.
    tables: Vec<TableRef>,
    /// Whether this user sees statements of others. Only asked where the gate of all commits does harm behind them.
    sees_others: bool,
    /// Whether that gate was waited for in vain.
    flushed: bool,
    /// Whether a warning says already that there is one reader.
    warned: Arc<AtomicBool>,
}

/// How an attempt ended.
#[derive(Debug)]
enum Attempt {
    Begun(Begun),
    /// Nothing was locked: a statement of another session has run for so many seconds.
    Busy(u64),
}

/// Why the gate of all commits is not the first that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Denied,
    Busy(u64),
    Flushed,
    Unseen,
    Waited,
}

impl Reason {
    fn text(self, right: &str) -> String {
        match self {
            Self::Denied => format!(
                "several need the right {right}, or LOCK TABLES on the database (GRANT {right} ON *.* TO the user)"
            ),
            Self::Busy(seconds) => format!(
                "a statement of another session has run for {seconds} s, and FLUSH TABLES WITH READ LOCK would have others wait behind it"
            ),
            Self::Flushed => {
                "FLUSH TABLES WITH READ LOCK was waited for in vain, and once more it would have others wait too".to_owned()
            }
            Self::Waited => {
                "others hold locks for long (SHOW PROCESSLIST shows backups, LOCK TABLES, and statements that run for long)".to_owned()
            }
            Self::Unseen => {
                "this user does not see whether statements of others run for long (GRANT PROCESS ON *.* TO it), which FLUSH TABLES WITH READ LOCK would have others wait behind".to_owned()
            }
        }
    }
}

impl Taking {
    async fn moment(
        access: &Access,
        mut first: Connection,
        mut readers: Vec<Connection>,
        tables: &[TableRef],
    ) -> Result<Moment> {
        let version = first.version()?;
        let proof = Proof::take(&mut first).await?;
        let mut survey = Survey::of(&mut first, tables).await?;
        survey.failures.extend(readers::try_all(&mut first, tables).await?);
        survey.locked.retain(|table| !survey.failures.contains_key(table));
        let held =
            if survey.locked.is_empty() { None } else { readers::one_more(access, &mut readers).await? };
        if held.is_none() {
            survey.refuse();
        }
        let sees_others = match Gate::best(version) {
            Gate::Global if !readers.is_empty() => busy::sees_others(&mut first).await?,
            _ => true,
        };
        let tried = Vec::new();
        let (warned, flushed) = (Arc::clone(&access.warned), false);
        let mut taking = Self {
            first,
            readers,
            held,
            proof,
            version,
            survey,
            tables: tried,
            sees_others,
            flushed,
            warned,
        };
        for pause in PAUSES {
            match taking.attempt(tables, false).await {
                Err(error) if gate::is_wait(&error) => {
                    tracing::warn!(
                        "a lock of another session is in the way of the moment of this run (SHOW FULL PROCESSLIST shows who works and who waits); in {pause} s again: {error}"
                    );
                    taking.start_over().await?;
                }
                Err(error) => return Err(error),
                Ok(Attempt::Busy(seconds)) => tracing::warn!(
                    "a statement of another session has run for {seconds} s, and others would wait behind it with the moment of this run; in {pause} s again"
                ),
                Ok(Attempt::Begun(begun)) => return taking.confirmed(begun, tables).await,
            }
            clock::sleep(Duration::from_secs(pause)).await;
        }
        match taking.attempt(tables, true).await {
            Err(error) if gate::is_wait(&error) => Err(Error::unavailable(
                "the server's commits could not be held off for the moment in which all readers begin",
            ).coded(Code::NoOneMoment)
            .hint("SHOW PROCESSLIST shows statements and transactions that run for long, backups, and LOCK TABLES: run again when they have ended")
            .hint("--consistency none reads every part at its own moment, without any lock")
            .caused_by(error)),
            Ok(Attempt::Busy(_)) => Err(Error::internal("the last attempt waits for nobody")),
            Ok(Attempt::Begun(begun)) => taking.confirmed(begun, tables).await,
            Err(error) => Err(error),
        }
    }

    /// Whatever an attempt began is ended.
    async fn start_over(&mut self) -> Result<()> {
        for connection in self.readers.iter_mut().chain([&mut self.first]) {
            connection.execute("ROLLBACK").await?;
        }
        match &mut self.held {
            Some(held) => held.execute("UNLOCK TABLES").await,
            None => Ok(()),
        }
    }

    /// Begins behind the first gate that can be closed; without any, one reader. The last attempt waits for no gate in
    /// vain: one reader needs none.
    async fn attempt(&mut self, tables: &[TableRef], is_last: bool) -> Result<Attempt> {
        self.tables = tables.to_vec();
        self.leave_out();
        if self.readers.is_empty() {
            self.hold().await?;
            return self.begin().await.map(Attempt::Begun);
        }
        let best = Gate::best(self.version);
        let busy = match best {
            Gate::Global if self.sees_others && !self.flushed => busy::longest(&mut self.first).await?,
            _ => None,
        };
        if let (Some(seconds), false) = (busy, is_last) {
            return Ok(Attempt::Busy(seconds));
        }
        let (gates, mut reason) = gates(best, self.sees_others, self.flushed, busy);
        let mut waited = false;
        for gate in gates {
            match self.behind(gate, reason).await {
                Ok(Some(begun)) => return Ok(Attempt::Begun(begun)),
                // What it holds would be in the way of the next.
                Ok(None) => self.start_over().await?,
                Err(error) if is_last && gate::is_wait(&error) => {
                    tracing::warn!("others hold locks that readers need to begin at one moment: {error}");
                    waited = true;
                    if gate == Gate::Backup {
                        reason = Reason::Waited;
                    }
                    self.start_over().await?;
                }
                Err(error) => return Err(error),
            }
        }
        // The flush came last then, and was denied too.
        let reason = if reason == Reason::Unseen && !waited { Reason::Denied } else { reason };
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "tables are read by one reader, since several cannot begin at one moment: {}",
                reason.text(best.right(self.version))
            );
        }
        self.readers.truncate(1);
        self.hold().await?;
        self.begin().await.map(Attempt::Begun)
    }

    /// Closes a gate, begins, and opens it, whatever happens in between. None when this user may not close it, or when it
    /// would be of no tables.
    async fn behind(&mut self, gate: Gate, reason: Reason) -> Result<Option<Begun>> {
        if gate != Gate::Tables {
            match gate.close(&mut self.first).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    self.flushed |= gate == Gate::Global && gate::is_wait(&error);
                    return Err(error);
                }
            }
            let begun = self.behind_server_gate(gate).await;
            let opened = gate.open(&mut self.first).await;
            let begun = begun?;
            return opened.map(|()| Some(begun));
        }
        // Its tables stay as they are, so that the gate is of the others.
        self.hold().await?;
        let locked = &self.survey.locked;
        let others: Vec<TableRef> =
            self.tables.iter().filter(|table| !locked.contains(table)).cloned().collect();
        if others.is_empty() || !Gate::close_tables(&mut self.first, &others).await? {
            return Ok(None);
        }
        tracing::warn!(
            "the tables of the run are locked against writes while the readers begin, and not the whole server: {}",
            reason.text(Gate::best(self.version).right(self.version))
        );
        let begun = self.begin().await;
        let opened = Gate::Tables.open(&mut self.first).await;
        let begun = begun?;
        opened.map(|()| Some(Begun { is_whole: false, ..begun }))
    }

    /// What is done between closing and opening the gate of all tables.
    async fn behind_server_gate(&mut self, gate: Gate) -> Result<Begun> {
        // Not before: a writer that waits for such a lock would hold off the stages of a backup. Not after commits are
        // held off: who has changed such a table and not committed would never give its lock back.
        self.hold().await?;
        gate.seal(&mut self.first).await?;
        self.begin().await
    }

    async fn hold(&mut self) -> Result<()> {
        let Some(held) = &mut self.held else { return Ok(()) };
        self.proof.check(held).await?;
        engines::hold(held, &mut self.survey).await?;
        if self.survey.locked.is_empty() {
            self.held = None;
        }
        self.leave_out();
        Ok(())
    }

    fn leave_out(&mut self) {
        let failures = &self.survey.failures;
        self.tables.retain(|table| !failures.contains_key(table));
    }

    /// Begins the readers; without any, the first connection has to read.
    async fn begin(&mut self) -> Result<Begun> {
        let is_alone = self.readers.len() <= 1;
        let readers = if self.readers.is_empty() {
            std::slice::from_mut(&mut self.first)
        } else {
            self.readers.as_mut_slice()
        };
        let taken = Instant::now();
        let failures = readers::begin(readers, &self.proof, &self.tables).await?;
        let knows_position = self.version.maria || !is_alone;
        let asked = match self.readers.first_mut() {
            // MariaDB tells where the log was when a transaction began.
            Some(reader) if self.version.maria => reader,
            _ => &mut self.first,
        };
        let taken_at = position::time(asked).await?;
        let position = if knows_position { position::read(asked, self.version).await } else { None };
        Ok(Begun { taken, taken_at, position, failures, is_whole: true })
    }

    /// Looks at the tables once more, now that nobody can change their definitions: what was changed since the survey, or
    /// hidden from it, may be of no moment and not locked.
    async fn confirmed(mut self, mut begun: Begun, tables: &[TableRef]) -> Result<Moment> {
        let left: Vec<TableRef> = tables.iter().filter(|table| !self.fails(&begun, table)).cloned().collect();
        begun.failures.extend(self.survey.changed(&mut self.first, &left).await?);
        Ok(self.finish(begun))
    }

    /// Whether it is known why a table cannot be read.
    fn fails(&self, begun: &Begun, table: &TableRef) -> bool {
        [&self.survey.failures, &begun.failures].iter().any(|failures| failures.contains_key(table))
    }

    fn finish(self, begun: Begun) -> Moment {
        let Begun { taken, taken_at, position, failures, is_whole } = begun;
        let mut all = self.survey.failures;
        all.extend(failures);
        let readers = if self.readers.is_empty() { vec![self.first] } else { self.readers };
        tracing::debug!(readers = readers.len(), failures = all.len(), is_whole, "one moment");
        let locked = self.survey.locked;
        Moment { readers, held: self.held, taken, taken_at, position, failures: all, is_whole, locked }
    }
}

/// What an attempt made.
#[derive(Debug)]
struct Begun {
    taken: Instant,
    taken_at: String,
    position: Option<String>,
    failures: Failures,
    is_whole: bool,
}

/// The gates to try, in their order, and why the best is not among them or may not do.
fn gates(best: Gate, sees_others: bool, flushed: bool, busy: Option<u64>) -> (Vec<Gate>, Reason) {
    match (best, busy) {
        (Gate::Global, _) if flushed => (vec![Gate::Tables], Reason::Flushed),
        (Gate::Global, Some(seconds)) => (vec![Gate::Tables], Reason::Busy(seconds)),
        (Gate::Global, None) if !sees_others => (vec![Gate::Tables, Gate::Global], Reason::Unseen),
        _ => (vec![best, Gate::Tables], Reason::Denied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_flushes_tables_behind_a_long_statement() {
        let of = |sees, flushed, busy| gates(Gate::Global, sees, flushed, busy);
        assert_eq!(of(true, false, None), (vec![Gate::Global, Gate::Tables], Reason::Denied));
        assert_eq!(of(true, false, Some(9)), (vec![Gate::Tables], Reason::Busy(9)));
        assert_eq!(of(true, true, None), (vec![Gate::Tables], Reason::Flushed));
        assert_eq!(of(false, true, None), (vec![Gate::Tables], Reason::Flushed));
        assert_eq!(of(false, false, None), (vec![Gate::Tables, Gate::Global], Reason::Unseen));
        assert_eq!(
            gates(Gate::Backup, true, false, None),
            (vec![Gate::Backup, Gate::Tables], Reason::Denied)
        );
    }
}
