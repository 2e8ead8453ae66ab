//! Ctrl-C and SIGTERM end a run in an orderly way.

use crate::error::{Error, Result};

/// Which signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    CtrlC,
    Terminate,
}

impl Interruption {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CtrlC => "interrupted by Ctrl-C",
            Self::Terminate => "terminated by SIGTERM",
        }
    }

    /// 128 plus the signal's number, as shells do.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::CtrlC => 130,
            Self::Terminate => 143,
        }
    }
}

/// Handlers of both signals; from its making on they no longer kill the process.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn install() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| Error::internal("cannot install signal handlers").caused_by(error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Waits for the first signal.
    pub(super) async fn first(&mut self) -> Interruption {
        tokio::select! {
            _ = self.interrupt.recv() => Interruption::CtrlC,
            _ = self.terminate.recv() => Interruption::Terminate,
        }
    }
}

/// Handler of Ctrl-C; other systems have no SIGTERM.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn install() -> Result<Self> {
        Ok(Self)
    }

    /// Waits for the first signal.
    pub(super) async fn first(&mut self) -> Interruption {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the system's own stays, which ends the process.
            std::future::pending::<()>().await;
        }
        Interruption::CtrlC
    }
}
