//! Per-part retry of transient failures, and the circuit breaker that ends them.
//!
//! | error | what is done |
//! |---|---|
//! | the connection broke or cannot be had | the part is read again, `--retries` times, after a growing pause |
//! | deadlock, conflict with recovery, locked file | the same |
//! | no connection free | it waits, however often, for [`PATIENCE`] at most |
//! | the view is gone | at level `table` the table is exported again under a new view; else the run ends |
//! | everything else | the table fails |
//!
//! What is done before the first table is repeated as a whole, as often as a part.
//!
//! When as many attempts in a row as one part has could not keep a connection, and none succeeded in between, the
//! server counts as gone: what is left fails at once and not each after its own pauses.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::cancel::Cancel;
use super::stop::Stop;
use crate::catalog::TableRef;
use crate::clock::{self, Pauses, Stopwatch};
use crate::error::{Code, Error, Result, Transient};
use crate::runlog::Repeated;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(20);
const PAUSES: Pauses = Pauses::new(FIRST, LONGEST).with_jitter();
/// How long a reader waits for a connection while the server has none free. Longer would hide that two runs
/// wait for each other.
const PATIENCE: Duration = Duration::from_secs(600);
/// Fewer connections lost in a row never count as a server that is gone.
const LEAST_LOSSES: u32 = 3;

/// What the readers of a run know together about their failures.
#[derive(Debug)]
pub(super) struct Retries {
    limit: u32,
    state: Mutex<State>,
    told_full: AtomicBool,
    /// A connection broke: those who watch over a view look at it now.
    suspicion: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Losses without a success in between.
    losses: u32,
    /// Counts losses for ever.
    round: u64,
    /// What the last of too many losses said.
    gone: Option<String>,
    /// Attempts that were repeated, by part; none is the table as a whole.
    repeated: HashMap<TableRef, BTreeMap<Option<usize>, Repeated>>,
}

impl Retries {
    /// Every part may be read `limit` times more than once.
    pub(super) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            told_full: AtomicBool::new(false),
            suspicion: Arc::new(Notify::new()),
        })
    }

    /// Attempts of `table` that were repeated so far.
    pub(super) fn of(&self, table: &TableRef) -> u64 {
        self.state().repeated.get(table).map_or(0, |parts| parts.values().map(|part| part.retries).sum())
    }

    /// What of `table` was repeated so far, and why lastly.
    pub(super) fn told(&self, table: &TableRef) -> Vec<Repeated> {
        self.state().repeated.get(table).map_or_else(Vec::new, |parts| parts.values().cloned().collect())
    }

    fn note(&self, table: &TableRef, part: Option<usize>, why: Transient, error: &Error) {
        let mut state = self.state();
        let parts = state.repeated.entry(table.clone()).or_default();
        let retries = parts.get(&part).map_or(0, |before| before.retries) + 1;
        let code = error.context().iter().find(|(key, _)| *key == "sqlstate").map(|(_, code)| code.clone());
        let (class, error) = (why.as_str().to_owned(), error.to_string());
        parts.insert(part, Repeated { part, retries, class, code, error });
    }

    /// Wakes those who watch over a view when a connection breaks.
    pub(super) fn suspicion(&self) -> Arc<Notify> {
        Arc::clone(&self.suspicion)
    }

    /// An error when the server counts as gone.
    pub(super) fn permitted(&self) -> Result<()> {
        match &self.state().gone {
            None => Ok(()),
            Some(last) => Err(Error::unavailable(format!("not tried any more: the server is gone, {last}"))
                .coded(Code::ConnectionLost)
                .hint("`lakexpress resume` finishes the run when the server is back")),
        }
    }

    fn lost(&self, round: u64, error: &Error) {
        let mut state = self.state();
        // Connections that break together are one loss: their attempts began in the same round.
        if state.round != round {
            return;
        }
        state.round += 1;
        state.losses += 1;
        if state.gone.is_none() && state.losses > self.limit.max(LEAST_LOSSES - 1) {
            tracing::warn!("the server counts as gone after {} lost connections in a row", state.losses);
            let server = error.context().iter().find(|(key, _)| *key == "server");
            let server = server.map_or(String::new(), |(_, name)| format!(" ({name})"));
            state.gone = Some(format!("{}{server}", error.message()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A part, under a view that others use too.
    Part(usize),
    /// A query, under such a view.
    Query,
    /// A table with a separate snapshot, which is taken again.
    View,
    /// What is done before the first table.
    Start,
}

impl Scope {
    fn part(self) -> Option<usize> {
        match self {
            Self::Part(part) => Some(part),
            Self::Query | Self::View | Self::Start => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => write!(f, "part {part}"),
            Self::Query => f.write_str("the query"),
            Self::View => f.write_str("its own view"),
            Self::Start => f.write_str("before the first table"),
        }
    }
}

/// The attempts at one thing.
#[derive(Debug)]
pub(super) struct Attempts {
    retries: Arc<Retries>,
    /// None before the first table.
    table: Option<TableRef>,
    scope: Scope,
    repeated: u32,
    /// Why the last attempt failed.
    last: Option<Error>,
    /// Waits for a free connection since the last success, and since when.
    refused: Option<(u32, Stopwatch)>,
    round: u64,
}

impl Attempts {
    pub(super) fn new(retries: &Arc<Retries>, table: &TableRef, scope: Scope) -> Self {
        Self { table: Some(table.clone()), ..Self::of(Arc::clone(retries), scope) }
    }

    fn of(retries: Arc<Retries>, scope: Scope) -> Self {
        Self { retries, table: None, scope, repeated: 0, last: None, refused: None, round: 0 }
    }

    /// Calls until it succeeds.
    ///
    /// # Errors
    /// That of the last call; `Unavailable` when the server counts as gone; why the work has to `stop`, if it has to
    /// before a call or in a pause.
    pub(super) async fn until_done<T, F: Future<Output = Result<T>>>(
        &mut self,
        stop: &Stop,
        mut call: impl FnMut() -> F,
    ) -> Result<T> {
        loop {
            self.begin()?;
            stop.may_read().await?;
            match call().await {
                Ok(done) => {
                    self.succeeded();
                    return Ok(done);
                }
                Err(error) => tokio::select! {
                    failed = self.failed(error) => failed?,
                    reason = stop.stopped() => return Err(reason),
                },
            }
        }
    }

    /// Before each attempt.
    fn begin(&mut self) -> Result<()> {
        self.retries.permitted()?;
        self.round = self.retries.state().round;
        Ok(())
    }

    /// The attempt succeeded, so the server is there.
    fn succeeded(&self) {
        self.retries.state().losses = 0;
    }

    /// Waits until the next attempt, if there is to be one.
    ///
    /// # Errors
    /// `error` itself when it is not transient, or has come too often.
    async fn failed(&mut self, error: Error) -> Result<()> {
        let pause = match error.transient() {
            None => return Err(self.after(error)),
            Some(Transient::View) if !matches!(self.scope, Scope::View | Scope::Start) => {
                return Err(self.after(error));
            }
            Some(Transient::Full) => return self.wait_for_room(error).await,
            Some(why) => {
                // What ended this connection, or this statement, may have ended the view too.
                self.retries.suspicion.notify_waiters();
                if why == Transient::Connection && self.table.is_some() {
                    self.retries.lost(self.round, &error);
                }
                if self.repeated >= self.retries.limit {
                    let attempts = self.repeated + 1;
                    return Err(error.as_permanent().with("attempts", attempts));
                }
                self.repeated += 1;
                if let Some(table) = &self.table {
                    self.retries.note(table, self.scope.part(), why, &error);
                }
                PAUSES.after(self.repeated)
            }
        };
        let (seconds, nth, limit) = (pause.as_secs_f64(), self.repeated, self.retries.limit);
        let what = match &self.table {
            Some(table) => format!("{table}, {}", self.scope),
            None => self.scope.to_string(),
        };
        tracing::warn!("{what}: trying again in {seconds:.1} s ({nth} of {limit}): {error}");
        self.last = Some(error);
        clock::sleep(pause).await;
        Ok(())
    }

    /// `error`, and what began it: a conflict with recovery first ends the statement and then the view.
    fn after(&self, error: Error) -> Error {
        match &self.last {
            Some(last) => error.with("after", last.message()).hints_of(last),
            None => error,
        }
    }

    async fn wait_for_room(&mut self, error: Error) -> Result<()> {
        let (waits, since) = self.refused.get_or_insert_with(|| (0, Stopwatch::start()));
        *waits += 1;
        if since.seconds() > PATIENCE.as_secs_f64() {
            return Err(error.as_permanent());
        }
        if !self.retries.told_full.swap(true, Ordering::Relaxed) {
            tracing::warn!("the server has no connection free; waiting for one: {error}");
        }
        clock::sleep(PAUSES.after(*waits)).await;
        Ok(())
    }
}

/// What is done before the first table: calls until it succeeds, `limit` times more than once after errors that pass,
/// and as long as [`PATIENCE`] while the server has no connection free.
///
/// # Errors
/// That of the last call; `Unavailable` when `cancel` asks meanwhile.
pub(super) async fn admitted<T>(
    cancel: &Cancel,
    limit: u32,
    mut call: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let mut attempts = Attempts::of(Retries::new(limit), Scope::Start);
    loop {
        match cancel.or_stopped(call()).await {
            Ok(done) => return Ok(done),
            Err(_) if cancel.is_cancelled() => return Err(Cancel::error()),
            Err(error) => cancel.or_stopped(attempts.failed(error)).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cancel::{CancelSwitch, INTERRUPTED};
    use super::*;
    use crate::clock::Instant;

    fn table() -> TableRef {
        TableRef { schema: "public".into(), name: "t".into() }
    }

    fn broken() -> Error {
        Error::unavailable("connection lost").as_transient(Transient::Connection)
    }

    #[test]
    fn losses_at_once_are_one_and_a_success_forgets_them() {
        let retries = Retries::new(3);
        let mut attempts: Vec<_> =
            (0..9).map(|_| Attempts::new(&retries, &table(), Scope::Part(0))).collect();
        for _ in 0..3 {
            attempts.iter_mut().for_each(|attempt| attempt.begin().expect("not gone"));
            attempts.iter().for_each(|attempt| retries.lost(attempt.round, &broken()));
        }
        assert!(retries.permitted().is_ok(), "three losses of nine readers each are not too many");
        attempts[0].succeeded();
        for _ in 0..3 {
            attempts[0].begin().expect("not gone");
            retries.lost(attempts[0].round, &broken());
        }
        assert!(retries.permitted().is_ok(), "a success between them");
        attempts[0].begin().expect("not gone");
        retries.lost(attempts[0].round, &broken());
        let gone = attempts[1].begin().expect_err("four in a row");
        assert!(gone.to_string().contains("connection lost") && gone.transient().is_none(), "{gone:?}");
    }

    #[test]
    fn what_is_not_transient_is_returned_at_once() {
        clock::without_waiting(async |time| {
            let retries = Retries::new(3);
            let mut part = Attempts::new(&retries, &table(), Scope::Part(0));
            let view = || Error::unavailable("view lost").as_transient(Transient::View);
            for error in [Error::data("bad"), Error::unavailable("disk full"), view()] {
                assert!(part.failed(error).await.is_err());
            }
            assert_eq!((retries.of(&table()), time.passed()), (0, Duration::ZERO));
            let mut whole = Attempts::new(&retries, &table(), Scope::View);
            whole.failed(view()).await.expect("a table with a view of its own may pin a new one");
            assert_eq!(retries.of(&table()), 1);
            let mut third = Attempts::new(&retries, &table(), Scope::Part(3));
            let error = || broken().with("sqlstate", "57P01");
            for _ in 0..2 {
                third.failed(error()).await.expect("again");
            }
            let told = retries.told(&table());
            assert_eq!((told[0].part, told[0].retries, told[0].class.as_str()), (None, 1, "view"));
            assert_eq!((told[1].part, told[1].retries, told[1].code.as_deref()), (Some(3), 2, Some("57P01")));
        });
    }

    #[test]
    fn pauses_between_attempts_grow_to_twenty_seconds() {
        clock::without_waiting(async |time| {
            let mut part = Attempts::new(&Retries::new(12), &table(), Scope::Part(0));
            for nth in 1..=12 {
                let before = time.passed();
                part.failed(broken()).await.expect("again");
                let waited = time.passed() - before;
                let whole = FIRST.saturating_mul(1 << (nth - 1)).min(LONGEST);
                assert!(waited >= whole / 2 && waited <= whole, "{nth}: {waited:?}");
            }
            part.failed(broken()).await.expect_err("often enough");
        });
    }

    #[test]
    fn a_free_connection_is_waited_for_ten_minutes_and_no_longer() {
        clock::without_waiting(async |_| {
            let full = || Error::unavailable("no connection free").as_transient(Transient::Full);
            let over = PATIENCE..=PATIENCE + LONGEST;
            let begun = Instant::now();
            let (mut part, mut waits) = (Attempts::new(&Retries::new(0), &table(), Scope::Part(0)), 0);
            let error = loop {
                match part.failed(full()).await {
                    Ok(()) => waits += 1,
                    Err(error) => break error,
                }
            };
            assert!(error.transient().is_none(), "nobody above waits again: {error:?}");
            assert!(over.contains(&begun.elapsed()), "{:?}", begun.elapsed());
            assert!((30..=70).contains(&waits), "{waits}");
            let (switch, cancel) = CancelSwitch::new();
            let begun = Instant::now();
            let error = admitted(&cancel, 0, async || Err::<(), _>(full())).await.expect_err("full");
            assert!(error.transient().is_none() && over.contains(&begun.elapsed()), "{:?}", begun.elapsed());
            let begun = Instant::now();
            let (stopped, ()) = tokio::join!(admitted(&cancel, 0, async || Err::<(), _>(full())), async {
                clock::sleep(PATIENCE / 2).await;
                switch.cancel();
            });
            assert_eq!(stopped.expect_err("stopped").message(), INTERRUPTED);
            assert_eq!(begun.elapsed(), PATIENCE / 2, "at once, and not after the pause");
        });
    }

    #[tokio::test]
    async fn nothing_is_tried_more_often_than_allowed() {
        let mut none = Attempts::new(&Retries::new(0), &table(), Scope::Part(0));
        let error = none.failed(broken()).await.expect_err("no retries");
        assert!(error.transient().is_none(), "nobody above tries again: {error:?}");
    }

    #[test]
    fn only_connections_that_tables_lose_make_the_server_count_as_gone() {
        clock::without_waiting(async |_| {
            let conflict = || Error::unavailable("deadlock").as_transient(Transient::Conflict);
            let retries = [(); 3].map(|()| Retries::new(LEAST_LOSSES - 1));
            let of_table = |at: usize| Attempts::new(&retries[at], &table(), Scope::Part(0));
            let start = Attempts::of(Arc::clone(&retries[2]), Scope::Start);
            for (at, mut attempts, error, gone) in [
                (0, of_table(0), broken(), true),
                (1, of_table(1), conflict(), false),
                (2, start, broken(), false),
            ] {
                for _ in 0..LEAST_LOSSES {
                    attempts.begin().expect("not gone yet");
                    drop(attempts.failed(error.copied()).await);
                }
                assert_eq!(retries[at].permitted().is_err(), gone, "{attempts:?}");
            }
        });
    }
}
