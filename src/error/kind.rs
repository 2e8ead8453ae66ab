//! What an error means to the caller.

/// What the caller can do about an error. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong (exit 2).
    Usage,
    /// A configuration file or entry is wrong (exit 78).
    Config,
    /// A server, network or disk is not usable now; the only retried kind (exit 75).
    Unavailable,
    /// Credentials or rights are missing (exit 77).
    Denied,
    /// A value cannot be written exactly, or what lies at the destination contradicts itself (exit 65).
    Data,
    /// A defect in this program (exit 70).
    Internal,
    /// The result could not be printed, and nothing else was asked for (exit 74).
    Output,
}

impl ErrorKind {
    /// The process exit code of this kind (BSD sysexits; 2 for usage as clap does).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Data => 65,
            Self::Internal => 70,
            Self::Output => 74,
            Self::Unavailable => 75,
            Self::Denied => 77,
            Self::Config => 78,
        }
    }

    /// A stable lowercase word for logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Data => "data",
            Self::Internal => "internal",
            Self::Output => "output",
        }
    }
}

/// Why the same call may succeed a moment later. Drivers set it by the server's code; nobody guesses from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transient {
    /// The connection broke, or none can be had now.
    Connection,
    /// The server gave this statement up for the sake of others: deadlock, recovery conflict, a lock.
    Conflict,
    /// The server has no connection free: wait.
    Full,
    /// The pinned view is gone: only a new one would do.
    View,
}

impl Transient {
    /// A stable lowercase word for the run log and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Conflict => "conflict",
            Self::Full => "full",
            Self::View => "view",
        }
    }
}
