//! What a run may ask of its source: how long a snapshot is held, how far replicas may be behind, until when it begins
//! tables. How fast it reads is the source's own business ([`crate::source::Paced`]).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use super::outcome::TableOutcome;
use crate::catalog::Consistency;
use crate::clock::{self, Instant};
use crate::error::{Code, Error, Result};
use crate::source::{Lag, Snapshot, Source};
use crate::spec::{Limits, Seconds};

/// From one question about replicas to the next.
const POLL: Duration = Duration::from_secs(2);
/// How long parts wait for replicas.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// The context of an error that names the limit which ended a table.
const LIMIT: &str = "limit";

/// What work of a run keeps to. Clones share what was measured.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    limits: Limits,
    lag: Option<Replicas>,
    /// The longest time that a snapshot was held, in milliseconds and one more; 0 for none.
    longest: Arc<AtomicU64>,
}

/// When a snapshot is as old as it may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    age: u64,
}

/// Notes how long a snapshot was held, when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    taken: Option<Instant>,
    /// When it is given up at the latest.
    deadline: Option<Deadline>,
    longest: Arc<AtomicU64>,
}

impl Bounds {
    /// Asks how far replicas are behind, where that is limited.
    ///
    /// # Errors
    /// Usage for a source that has none; `Denied` when the role may not see them.
    pub(super) async fn of(limits: Limits, source: &dyn Source) -> Result<Self> {
        let lag = match limits.max_replica_lag {
            Some(limit) => Some(Replicas::new(limit, source.replica_lag().await?)),
            None => None,
        };
        Ok(Self { limits, lag, longest: Arc::default() })
    }

    /// Of a run that reads nothing.
    pub(super) fn none() -> Self {
        Self { limits: Limits::default(), lag: None, longest: Arc::default() }
    }

    /// Until when `view` may be held.
    pub(super) fn deadline(&self, view: &dyn Snapshot) -> Option<Deadline> {
        let age = self.limits.max_snapshot_age.filter(|_| view.token().level != Consistency::None)?;
        Some(Deadline { at: view.taken() + Duration::from_secs(age), age })
    }

    /// What `work` under `view` gives, or the error of a snapshot that is too old.
    ///
    /// # Errors
    /// That, or those of `work`.
    pub(super) async fn in_time<T>(
        &self,
        view: &dyn Snapshot,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(deadline) = self.deadline(view) else { return work.await };
        tokio::select! {
            done = work => done,
            error = deadline.reached() => Err(error),
        }
    }

    /// Notes how long `view` is held, until what this returns is dropped.
    pub(super) fn held(&self, view: &dyn Snapshot) -> Held {
        let taken = (view.token().level != Consistency::None).then(|| view.taken());
        Held {
            taken,
            deadline: self.deadline(view).filter(|_| view.gives_up()),
            longest: Arc::clone(&self.longest),
        }
    }

    /// Ends what `view` holds at the source, because it is as old as it may become.
    pub(super) async fn give_up(&self, view: &dyn Snapshot) {
        view.give_up().await;
        self.note(view.taken().elapsed());
    }

    fn note(&self, held: Duration) {
        note(&self.longest, held);
    }

    /// The longest time that a snapshot was held, in seconds.
    pub(super) fn longest_held(&self) -> Option<f64> {
        let milliseconds = self.longest.load(Ordering::Relaxed).checked_sub(1)?;
        Some(milliseconds as f64 / 1000.0)
    }

    /// An error after the hours in which tables may begin.
    pub(super) fn within_hours(&self) -> Result<()> {
        match self.limits.closes {
            Some(closes) if clock::moment().timestamp() >= closes.at => {
                let until = format!("--start-between until {:02}:{:02}", closes.hour, closes.minute);
                Err(Error::unavailable("not begun: the hours in which tables may begin are over")
                    .coded(Code::WindowClosed)
                    .with(LIMIT, until)
                    .hint("`lakexpress resume` with --start-between exports it when they have begun again, without it at once"))
            }
            _ => Ok(()),
        }
    }

    /// Waits until replicas are close enough.
    ///
    /// # Errors
    /// `Unavailable` when that takes too long; that of the last question, when it had no answer.
    pub(super) async fn caught_up(&self) -> Result<()> {
        match &self.lag {
            Some(replicas) => replicas.caught_up(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// Asks now and then how far replicas are behind, over a connection of `view`, and holds `asking` meanwhile.
    pub(super) async fn measure(&self, view: &dyn Snapshot, asking: &Mutex<()>) -> Infallible {
        let Some(replicas) = &self.lag else { return std::future::pending().await };
        loop {
            let asked = {
                let _asking = asking.lock().await;
                view.replica_lag().await
            };
            match asked {
                Ok(lag) => replicas.note(lag),
                // The view is lost, or the next question is answered.
                Err(error) if error.transient().is_some() => {
                    tracing::debug!(%error, "no answer about replicas");
                }
                Err(error) => drop(replicas.state.send_replace(State::Unknown(error))),
            }
            clock::sleep(POLL).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(taken) = self.taken {
            let most = self.deadline.map_or(Duration::MAX, |deadline| Duration::from_secs(deadline.age));
            note(&self.longest, taken.elapsed().min(most));
        }
    }
}

fn note(longest: &AtomicU64, held: Duration) {
    let milliseconds = u64::try_from(held.as_millis()).unwrap_or(u64::MAX - 1);
    longest.fetch_max(milliseconds.saturating_add(1), Ordering::Relaxed);
}

impl Deadline {
    /// Whether it is past, as an error.
    pub(super) fn reason(self) -> Option<Error> {
        (Instant::now() >= self.at).then(|| self.error())
    }

    /// Resolves at the deadline.
    pub(super) async fn reached(self) -> Error {
        clock::sleep_until(self.at).await;
        self.error()
    }

    fn error(self) -> Error {
        Error::unavailable("the snapshot is as old as it may become").coded(Code::SnapshotAge)
            .with(LIMIT, format!("--max-snapshot-age {}", Seconds(self.age)))
            .hint("`lakexpress resume` exports what is left as of a new moment; a table that takes longer alone needs a larger --max-snapshot-age, or more readers (-p)")
    }
}

/// How the error of a table begins that was not tried because another one had failed.
pub(super) const NOT_EXPORTED: &str = "not exported: another";

/// The limit that ended tables of a run; none when they failed otherwise too.
pub(super) fn ended_by(tables: &[TableOutcome]) -> Option<String> {
    let limit =
        |error: &Error| error.context().iter().find(|(key, _)| *key == LIMIT).map(|(_, limit)| limit.clone());
    let mut ended = None;
    let consequence = |error: &&Error| !error.message().starts_with(NOT_EXPORTED);
    for error in tables.iter().filter_map(|table| table.error.as_ref()).filter(consequence) {
        ended = Some(limit(error)?);
    }
    ended
}

/// How far replicas are behind, as the readers of a run know it.
#[derive(Debug, Clone)]
struct Replicas {
    limit: u64,
    state: Arc<watch::Sender<State>>,
    /// Whether a part waits, of which the log has told.
    waiting: Arc<AtomicBool>,
    /// Whether there are none, of which the log has told.
    none: Arc<AtomicBool>,
}

#[derive(Debug)]
enum State {
    CloseEnough,
    Behind { since: Instant, lag: Lag },
    Unknown(Error),
}

impl Replicas {
    fn new(limit: u64, lag: Lag) -> Self {
        let (state, _) = watch::channel(State::CloseEnough);
        let replicas = Self { limit, state: Arc::new(state), waiting: Arc::default(), none: Arc::default() };
        replicas.note(lag);
        replicas
    }

    fn note(&self, lag: Lag) {
        if lag.whose.is_none() && !self.none.swap(true, Ordering::Relaxed) {
            tracing::warn!("--max-replica-lag: the server has no replicas now");
        } else if lag.whose.is_some() {
            self.none.store(false, Ordering::Relaxed);
        }
        let text = behind(&lag);
        let is_behind = lag.behind > Duration::from_secs(self.limit);
        self.state.send_modify(|state| {
            *state = match (&state, is_behind) {
                (_, false) => State::CloseEnough,
                (State::Behind { since, .. }, true) => State::Behind { since: *since, lag },
                (_, true) => State::Behind { since: Instant::now(), lag },
            };
        });
        if !is_behind && self.waiting.swap(false, Ordering::Relaxed) {
            tracing::info!("{text}: parts begin again");
        }
    }

    async fn caught_up(&self, patience: Duration) -> Result<()> {
        let mut state = self.state.subscribe();
        loop {
            let (until, text) = match &*state.borrow_and_update() {
                State::CloseEnough => return Ok(()),
                State::Unknown(error) => return Err(error.copied()),
                State::Behind { since, lag } => (*since + patience, behind(lag)),
            };
            let limit = Seconds(self.limit);
            if !self.waiting.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "{text}, more than --max-replica-lag {limit}: no part begins until that is less"
                );
            }
            tokio::select! {
                // The other end is in `self`.
                _ = state.changed() => {}
                () = clock::sleep_until(until) => {
                    let minutes = patience.as_secs() / 60;
                    return Err(Error::unavailable(format!("waited {minutes} minutes for replicas: {text}"))
                        .coded(Code::ReplicaLag)
                        .with(LIMIT, format!("--max-replica-lag {limit}"))
                        .hint("`lakexpress resume` exports it when replicas have caught up, or with a larger --max-replica-lag"));
                }
            }
        }
    }
}

fn behind(lag: &Lag) -> String {
    let whose = lag.whose.as_deref().unwrap_or("no replica");
    format!("{whose} is {:.1} s behind", lag.behind.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::TableRef;

    fn lag(seconds: u64) -> Lag {
        Lag { behind: Duration::from_secs(seconds), whose: Some("this standby".into()) }
    }

    #[test]
    fn a_limit_ended_a_run_in_which_nothing_else_failed() {
        let table = TableRef { schema: "s".into(), name: "t".into() };
        let failed = |error| TableOutcome::failed(&table, String::new(), error);
        let limit = || failed(Error::unavailable("too old").with(LIMIT, "--max-snapshot-age"));
        let consequence = || failed(Error::unavailable(format!("{NOT_EXPORTED} table failed")));
        let other = || failed(Error::data("no"));
        let age = Some("--max-snapshot-age".to_owned());
        assert_eq!(ended_by(&[limit()]), age);
        assert_eq!(ended_by(&[consequence(), limit(), consequence()]), age);
        for failures in
            [vec![], vec![other()], vec![limit(), other()], vec![other(), limit()], vec![consequence()]]
        {
            assert_eq!(ended_by(&failures), None);
        }
    }

    #[test]
    fn parts_wait_for_replicas_and_not_for_ever() {
        clock::without_waiting(async |time| {
            let replicas = Replicas::new(10, lag(10));
            replicas.caught_up(PATIENCE).await.expect("not more than the limit");
            assert_eq!(time.passed(), Duration::ZERO);
            replicas.note(lag(11));
            let waiting = replicas.clone();
            let waiter = tokio::spawn(async move { waiting.caught_up(PATIENCE).await });
            clock::sleep(PATIENCE - POLL).await;
            assert!(!waiter.is_finished());
            replicas.note(lag(3));
            waiter.await.expect("a task").expect("caught up");
            replicas.note(lag(12));
            clock::sleep(PATIENCE / 2).await;
            replicas.note(lag(13));
            let begun = Instant::now();
            let error = replicas.caught_up(PATIENCE).await.expect_err("still behind").to_string();
            assert_eq!(begun.elapsed(), PATIENCE / 2, "since it was behind, not since the part waits");
            assert!(error.contains("waited 30 minutes"), "{error}");
            assert!(error.contains("13.0 s") && error.contains("--max-replica-lag 10s"), "{error}");
            replicas.state.send_replace(State::Unknown(Error::denied("not visible")));
            assert_eq!(replicas.caught_up(PATIENCE).await.expect_err("unknown").kind().exit_code(), 77);
        });
    }

    #[test]
    fn a_snapshot_is_too_old_from_its_deadline_on() {
        let time = clock::hold();
        let deadline = Deadline { at: Instant::now() + Duration::from_secs(60), age: 60 };
        let old = |seconds| {
            time.advance(Duration::from_secs(seconds));
            deadline.reason().is_some()
        };
        assert_eq!([old(0), old(59), old(1), old(3600)], [false, false, true, true]);
    }

    #[test]
    fn that_there_are_no_replicas_is_said_once_until_there_is_one() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let writer = Arc::new(file.reopen().expect("the file"));
        let none = || Lag { behind: Duration::ZERO, whose: None };
        tracing::subscriber::with_default(tracing_subscriber::fmt().with_writer(writer).finish(), || {
            let replicas = Replicas::new(10, lag(1));
            for (lag, expected) in [(lag(1), 0), (none(), 1), (none(), 1), (lag(1), 1), (none(), 2)] {
                replicas.note(lag);
                let said = std::fs::read_to_string(file.path()).expect("a log");
                assert_eq!(said.matches("no replicas now").count(), expected, "{said}");
            }
        });
    }
}
