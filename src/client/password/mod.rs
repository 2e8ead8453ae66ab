//! Passwords, and where those that expire come from: a command or a file of an auth file's entry.
//!
//! | `info` key | what it is |
//! |---|---|
//! | `password_command` | a line for the shell that writes the password to standard output |
//! | `password_file` | a file whose only line is the password |
//! | `password_lifetime` | how long one password serves for new connections: seconds, 60 by default |
//!
//! A connection that is open stays; a password is needed for each new one. When the server refuses one, the command or
//! file is asked again, as long as it gives another: it may have changed while the login was under way.

mod command;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{File, FileType};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio::sync::Mutex;

use crate::clock::{self, Instant};
use crate::error::{Code, Error, Result, Transient};
use crate::secret;

/// How long a password serves when nothing is said.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Longest wait for the command.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many passwords one login tries, each another than the one before.
const MOST_LOGINS: usize = 4;

/// After this time the command or file is asked once more that has given the refused password again: the server may
/// have the new one before it does.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest wait for the file, which may be on another machine.
const FILE_PATIENCE: Duration = Duration::from_secs(10);

/// The longest password: tokens have a few thousand characters.
const MOST_BYTES: usize = 64 << 10;

/// No more than this is read: the longest password, its line break, and a byte that is too much.
const READ_BYTES: usize = MOST_BYTES + 3;

/// A password: shown by nobody, handed out by [`Secret::expose`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a password that expires comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Origin {
    /// What this line for the shell writes.
    Command(String),
    /// The first line of this file.
    File(PathBuf),
}

/// A password that is asked for again when it may have expired. Connections share it.
pub struct Fresh {
    origin: Origin,
    lifetime: Duration,
    /// Entry and key, for messages: `db.info.password_command`.
    key: String,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// The last attempt, if it gave nothing, and when it ended.
    failed: Option<(Error, Instant)>,
}

/// The password in use.
struct Kept {
    password: Secret,
    /// When the attempt that gave it began, and when it ended.
    began: Instant,
    ended: Instant,
}

impl Fresh {
    /// Asks for nothing yet. `key` is what the user wrote: `db.info.password_command`.
    pub fn new(key: impl Into<String>, origin: Origin, lifetime: Duration) -> Self {
        Self { origin, lifetime, key: key.into(), patience: PATIENCE, state: Mutex::default() }
    }

    /// What `log_in` gives for a password that the server takes. It is called again with another one while
    /// `is_refusal` says so of its error, and never twice with the same.
    ///
    /// # Errors
    /// Those of `log_in`; `Config` when the command or the file gives no password, `Unavailable` when the command fails
    /// or does not end.
    pub async fn log_in<T, F: Future<Output = Result<T>>>(
        &self,
        mut log_in: impl FnMut(Secret) -> F,
        is_refusal: impl Fn(&Error) -> bool,
    ) -> Result<T> {
        let mut password = self.password().await?;
        for _ in 1..MOST_LOGINS {
            let refusal = match log_in(password.clone()).await {
                Err(error) if is_refusal(&error) => error,
                done => return done,
            };
            let mut next = self.instead_of(&password).await?;
            if next == password {
                clock::sleep(PAUSE).await;
                next = self.instead_of(&password).await?;
            }
            if next == password {
                return Err(refusal);
            }
            password = next;
        }
        log_in(password).await
    }

    /// For a new connection.
    async fn password(&self) -> Result<Secret> {
        let arrived = Instant::now();
        // Held while the command runs: many connections that begin at once ask once, and share what comes of it.
        let mut state = self.state.lock().await;
        let is_good = |kept: &&Kept| kept.ended >= arrived || kept.ended.elapsed() < self.lifetime;
        if let Some(kept) = state.kept.as_ref().filter(is_good) {
            return Ok(kept.password.clone());
        }
        let (error, is_shared) = match state.failed_since(arrived) {
            Some(error) => (error, true),
            None => match self.attempt(&mut state).await {
                Ok(password) => return Ok(password),
                Err(error) => (error, false),
            },
        };
        // The one before may be valid still: the server is to judge.
        let Some(kept) = &state.kept else { return Err(error) };
        if !is_shared {
            tracing::warn!("no new password, and the last password is used again: {error}");
        }
        Ok(kept.password.clone())
    }

    /// Instead of `refused`, which the server did not take. Another connection may have asked already.
    async fn instead_of(&self, refused: &Secret) -> Result<Secret> {
        let arrived = Instant::now();
        let mut state = self.state.lock().await;
        // The same one again is the answer only if it was asked for after the refusal.
        let is_good = |kept: &&Kept| kept.password != *refused || kept.began >= arrived;
        if let Some(kept) = state.kept.as_ref().filter(is_good) {
            return Ok(kept.password.clone());
        }
        match state.failed_since(arrived) {
            Some(error) => Err(error),
            None => self.attempt(&mut state).await,
        }
    }

    /// Asks, and keeps what comes of it.
    async fn attempt(&self, state: &mut State) -> Result<Secret> {
        let began = Instant::now();
        let asked = self.ask().await;
        let ended = Instant::now();
        match &asked {
            Ok(password) => {
                state.kept = Some(Kept { password: password.clone(), began, ended });
                state.failed = None;
            }
            Err(error) => state.failed = Some((error.copied(), ended)),
        }
        asked
    }

    async fn ask(&self) -> Result<Secret> {
        let text = match &self.origin {
            Origin::Command(line) => command::output(&self.key, line, READ_BYTES, self.patience).await?,
            Origin::File(path) => {
                self.read(path).await.map_err(|error| error.with("file", path.display()))?
            }
        };
        self.first_line(&text).map(Secret::new)
    }

    /// What is in the file. Not with the threads that serve connections: a network file system may never answer.
    async fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let path = path.to_owned();
        let reading = tokio::task::spawn_blocking(move || read(&path));
        let key = &self.key;
        let Ok(done) = clock::timeout(FILE_PATIENCE, reading).await else {
            let seconds = FILE_PATIENCE.as_secs();
            return Err(Error::unavailable(format!("cannot read {key}: no answer after {seconds} s"))
                .coded(Code::PasswordSource)
                .hint("see whether the file system of this path answers: a network mount may have lost its server")
                .as_transient(Transient::Connection));
        };
        match done.map_err(|_| Error::internal(format!("reading {key} was cut off")))? {
            Ok(Content::Text(text)) => Ok(text),
            Ok(Content::Not(what)) => Err(Error::config(format!("{key} is {what}, not a regular file"))
                .coded(Code::PasswordSource)
                .hint("name the file that holds the password, or a link to it; for what must be asked use password_command")),
            Err(error) => {
                let message = format!("cannot read {key}");
                let is_ours = matches!(
                    error.kind(),
                    ErrorKind::NotFound
                        | ErrorKind::PermissionDenied
                        | ErrorKind::NotADirectory
                        | ErrorKind::InvalidInput
                );
                let failed = if is_ours {
                    Error::config(message)
                        .coded(Code::PasswordSource).hint("correct the path, or let this user read the file")
                } else {
                    Error::unavailable(message).coded(Code::PasswordSource).as_transient(Transient::Connection)
                };
                Err(failed.about_secret(&error))
            }
        }
    }

    fn first_line(&self, text: &[u8]) -> Result<String> {
        let wrong = |what: &str| {
            let error = Error::config(format!("{} gives no password: {what}", self.key))
                .coded(Code::PasswordSource)
                .hint("it gives one line of text, which is the password or token and nothing else");
            Err(match &self.origin {
                Origin::Command(_) => error,
                Origin::File(path) => error.with("file", path.display()),
            })
        };
        if text.len() >= READ_BYTES {
            return wrong("it is longer than 64 KiB");
        }
        let Ok(text) = str::from_utf8(text) else { return wrong("it is not UTF-8") };
        let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        match line {
            "" => wrong("it is empty"),
            line if line.len() > MOST_BYTES => wrong("it is longer than 64 KiB"),
            line if line.contains('\n') => wrong("it has more than one line"),
            line if line.contains('\r') => wrong("it holds a carriage return"),
            line if line.contains('\0') => wrong("it holds a NUL byte"),
            line if line.starts_with('\u{feff}') => wrong("it begins with a byte order mark"),
            line => Ok(line.to_owned()),
        }
    }
}

impl State {
    /// The failure of an attempt that was under way at `arrived`, or began later.
    fn failed_since(&self, arrived: Instant) -> Option<Error> {
        self.failed.as_ref().filter(|(_, ended)| *ended >= arrived).map(|(error, _)| error.copied())
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl PartialEq for Fresh {
    fn eq(&self, other: &Self) -> bool {
        (&self.origin, self.lifetime) == (&other.origin, other.lifetime)
    }
}

impl Eq for Fresh {}

/// What a path leads to.
enum Content {
    /// No more than [`READ_BYTES`].
    Text(Vec<u8>),
    /// No file, but this.
    Not(&'static str),
}

fn read(path: &Path) -> io::Result<Content> {
    // Looked at first: to open a pipe or a device does something.
    if let Some(other) = other_than_file(std::fs::metadata(path)?.file_type()) {
        return Ok(Content::Not(other));
    }
    secret::warn_if_others_may_read("password_file", path);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    // Another may stand there by now.
    if let Some(other) = other_than_file(file.metadata()?.file_type()) {
        return Ok(Content::Not(other));
    }
    let mut text = Vec::new();
    file.take(READ_BYTES as u64).read_to_end(&mut text)?;
    Ok(Content::Text(text))
}

fn other_than_file(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a directory"),
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}
