//! Signals end every command, in an orderly way where there is something to put in order, and soon in any case.
//!
//! | signal | |
//! |---|---|
//! | SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal is gone) | stop; a second one ends at once |
//! | SIGHUP that was ignored when the process started (`nohup`) | stays ignored |
//! | SIGQUIT | not handled: it is how to get a core dump of a process at once, as after `kill -9` |
//! | SIGPIPE | ignored, as Rust does: a closed pipe is an error of the write, and a run goes on without its output |
//!
//! A thread that does nothing else waits for them, so that no work that blocks (a disk, a name service, SQLite, a full
//! pipe) keeps the process alive. It has handlers from before the first command's work: process 1 of a container has
//! no default action for a signal.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

use super::counts::Counts;
use crate::clock;
#[cfg(unix)]
use crate::config::process;
use crate::destination::{Destination, Unfinished};
use crate::error::{Code, Error, Result};
use crate::report;
use crate::run::cancel::LONGEST;
use crate::run::{Cancel, CancelSwitch};

/// How long a command gets that has nothing to put in order.
const SHORT: Duration = Duration::from_secs(1);
/// How long a second signal counts as the first one.
const ECHO: Duration = Duration::from_millis(200);
/// How long the last words may take.
const WORDS: Duration = Duration::from_millis(300);
/// How long statements get to be cancelled on the server: the requests are on their way in tasks of their own.
const GRACE: Duration = Duration::from_millis(500);

/// Which signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    CtrlC,
    Terminate,
    HangUp,
}

impl Interruption {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CtrlC => "interrupted by Ctrl-C",
            Self::Terminate => "terminated by SIGTERM",
            Self::HangUp => "ended by SIGHUP",
        }
    }

    /// 128 plus the signal's number, as shells do.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::CtrlC => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        }
    }
}

/// Work that puts things in order when it is stopped.
#[derive(Clone)]
pub(super) struct Orderly {
    /// What the user calls it.
    pub(super) what: &'static str,
    /// The run, if it is one.
    pub(super) run_id: Option<String>,
    /// Where it may leave something.
    pub(super) destination: Option<Arc<dyn Destination>>,
    /// Who sees to what is left there.
    pub(super) remedy: &'static str,
    /// What it has done, if it counts that.
    pub(super) so_far: Option<Arc<dyn Fn() -> SoFar + Send + Sync>>,
}

/// What a run has done when it is cut short.
#[derive(Default)]
pub(super) struct SoFar {
    pub(super) counts: Counts,
    /// How it is finished; none while nothing of it is recorded.
    pub(super) again: Option<report::Again>,
}

/// What there is to say about a command that was stopped.
pub(super) struct Stopped {
    pub(super) by: Interruption,
    /// None for a command that has nothing to put in order.
    pub(super) work: Option<Orderly>,
    pub(super) left: Unfinished,
}

/// What is done last when the time is over, with the exit code; each may block, and is not waited for long.
pub(super) struct Last {
    /// Reports a command that was stopped.
    pub(super) say: Box<dyn Fn(&Stopped) + Send + Sync>,
    /// Says the end.
    pub(super) log: fn(u8),
    /// Writes the metrics file, if there is to be one.
    pub(super) metrics: fn(u8),
    /// Whether a notification was to be sent.
    pub(super) posts: fn() -> bool,
}

/// Whether the process was asked to stop, and how it ends then.
pub(super) struct Stopping {
    cancel: Cancel,
    state: Mutex<State>,
    last: Last,
}

#[derive(Default)]
struct State {
    signal: Option<Interruption>,
    work: Option<Orderly>,
    /// The work is not done yet.
    under_way: bool,
    /// The work was stopped.
    stopped: bool,
    said: bool,
    /// The command is done and this is its code, which a signal does not change any more.
    code: Option<u8>,
}

impl State {
    /// Whether a signal lets what is done now come to its end.
    fn goes_on(&self) -> bool {
        self.under_way || self.code.is_some()
    }
}

impl Stopping {
    /// Installs the handlers, for all of the process' life.
    pub(super) fn begin(last: Last) -> Result<Arc<Self>> {
        let failed =
            |error| Error::unavailable("cannot wait for signals").coded(Code::SystemLimits).caused_by(error);
        enough_open_files().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut signals = {
            let _within = runtime.enter();
            Signals::install().map_err(failed)?
        };
        let (switch, cancel) = CancelSwitch::new();
        let stopping = Arc::new(Self { cancel, state: Mutex::default(), last });
        let watcher = Arc::clone(&stopping);
        let watch = move || {
            let by = runtime.block_on(watcher.out_of_time(&mut signals, &switch));
            end(&watcher, by)
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(failed)?;
        Ok(stopping)
    }

    /// What orderly work listens to.
    pub(super) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The work of the command is complete with this exit code. A signal may still end output and notifications; it
    /// does not change the code.
    pub(super) fn concluded(&self, code: u8) {
        self.state().code = Some(code);
    }

    /// Does `work` that puts things in order when [`Self::cancel`] asks. None when it was stopped: when a signal came
    /// and what it gives is not complete.
    pub(super) async fn orderly<T>(
        &self,
        what: Orderly,
        work: impl Future<Output = T>,
        is_complete: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let destination = what.destination.clone();
        {
            let mut state = self.state();
            (state.work, state.under_way) = (Some(what), true);
        }
        let done = work.await;
        if let Some(destination) = destination.filter(|_| self.cancel.is_cancelled()) {
            self.cancel.in_time(destination.settle()).await;
        }
        let mut state = self.state();
        (state.under_way, state.stopped) = (false, state.signal.is_some() && !is_complete(&done));
        (!state.stopped).then_some(done)
    }

    /// Does a command's `work`: its exit code, also when a signal came. Work that is not orderly is dropped then.
    pub(super) async fn until_signal(&self, work: impl Future<Output = Result<u8>>) -> Result<u8> {
        let mut work = Box::pin(work);
        let done = tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = self.cancel.cancelled() => {
                let goes_on = self.state().goes_on();
                if goes_on { self.cancel.within(LONGEST, &mut work).await } else { None }
            }
        };
        if let Some(done) = done
            && !self.state().stopped
        {
            return done;
        }
        drop(work);
        clock::sleep(GRACE).await;
        let by = self.state().signal.unwrap_or(Interruption::Terminate);
        self.say_once(by);
        Ok(by.exit_code())
    }

    /// Waits for the first signal, asks the work to stop, and waits until its time is over or it is asked again.
    async fn out_of_time(&self, signals: &mut Signals, switch: &CancelSwitch) -> Interruption {
        let first = signals.next().await;
        let orderly = {
            let mut state = self.state();
            state.signal = Some(first);
            state.under_way
        };
        switch.cancel();
        if orderly {
            aside(move || warn!("stopping: {}; once more ends at once", first.name()));
        }
        let again = async {
            // `timeout` and wrappers that pass a signal on send the same one twice, to the process and to its group.
            let echoes = async {
                loop {
                    signals.next().await;
                }
            };
            let _: std::result::Result<(), _> = clock::timeout(ECHO, echoes).await;
            loop {
                // Kernel and shell both tell of a terminal that is gone.
                match signals.next().await {
                    Interruption::HangUp => {}
                    again => return again,
                }
            }
        };
        tokio::select! {
            again = again => again,
            () = clock::sleep(if orderly { LONGEST } else { SHORT }) => first,
        }
    }

    fn say_once(&self, by: Interruption) {
        let work = {
            let mut state = self.state();
            if std::mem::replace(&mut state.said, true) {
                return;
            }
            state.work.clone().filter(|_| state.under_way || state.stopped)
        };
        let destination = work.as_ref().and_then(|work| work.destination.as_ref());
        let left = destination.map_or_else(Unfinished::default, |destination| destination.unfinished());
        (self.last.say)(&Stopped { by, work, left });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last fence: what could not be done by now is said and left to the next run.
#[allow(
    clippy::disallowed_methods,
    reason = "what keeps the process from returning an ExitCode is what this ends"
)]
fn end(stopping: &Arc<Stopping>, by: Interruption) -> ! {
    let saying = Arc::clone(stopping);
    let concluded = stopping.state().code;
    let code = concluded.unwrap_or(by.exit_code());
    aside(move || {
        if concluded.is_none() {
            saying.say_once(by);
        }
        (saying.last.log)(code);
    });
    let metrics = stopping.last.metrics;
    if !aside(move || metrics(code)) {
        aside(|| warn!("the metrics file was not written in time"));
    }
    if concluded.is_some() && (stopping.last.posts)() {
        aside(|| warn!("the notification was not delivered: the process was asked to stop"));
    }
    std::process::exit(i32::from(code))
}

/// An error where tokio's own would be a panic.
fn enough_open_files() -> std::io::Result<()> {
    const PAIRS: usize = 5;
    // They are all open at once, and closed again.
    (0..PAIRS).map(|_| std::io::pipe()).collect::<std::io::Result<Vec<_>>>().map(drop)
}

/// Says something, which may block where nobody reads a full pipe; waits for it no longer than [`WORDS`]. Whether it was
/// said.
fn aside(say: impl FnOnce() + Send + 'static) -> bool {
    let (done, wait) = sync_channel::<()>(1);
    let saying = std::thread::Builder::new().spawn(move || {
        say();
        drop(done);
    });
    // The other end is dropped when it is done.
    saying.is_ok() && wait.recv_timeout(WORDS) == Err(RecvTimeoutError::Disconnected)
}

/// Handlers; from their making on these signals no longer kill the process.
#[cfg(unix)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored.
    hang_up: Option<Signal>,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        let hang_up = SignalKind::hangup();
        // Where it is not known, the system's own action stays, whichever it is.
        let ignored = process::ignores(hang_up.as_raw_value()).unwrap_or(true);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if ignored { None } else { Some(signal(hang_up)?) },
        })
    }

    async fn next(&mut self) -> Interruption {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Interruption::CtrlC,
            _ = self.terminate.recv() => Interruption::Terminate,
            _ = hung_up => Interruption::HangUp,
        }
    }
}

/// Handler of Ctrl-C; other systems have no SIGTERM and SIGHUP.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Interruption {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the system's own stays, which ends the process.
            std::future::pending::<()>().await;
        }
        Interruption::CtrlC
    }
}
