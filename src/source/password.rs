//! Passwords, and where those that expire come from: a command or a file of an auth file's entry.
//!
//! | `info` key | what it is |
//! |---|---|
//! | `password_command` | a line for the shell that writes the password to standard output |
//! | `password_file` | a file whose only line is the password |
//! | `password_lifetime` | how long one password serves for new connections: seconds, 60 by default |
//!
//! A connection that is open stays; a password is needed for each new one. One that the server refuses is asked for
//! once more before that is an error.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::Mutex;

use crate::error::{Error, Result, Transient};
use crate::secret;

/// How long a password serves when nothing is said.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Longest wait for the command.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest password: tokens have a few thousand characters.
const MOST_BYTES: usize = 64 << 10;

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
    /// The one in use, and since when.
    kept: Mutex<Option<(Secret, Instant)>>,
}

/// A password, and whether it was asked for just now.
pub struct Given {
    /// The password.
    pub password: Secret,
    /// Nothing newer can be had.
    pub is_new: bool,
}

impl Fresh {
    /// Asks for nothing yet.
    pub fn new(origin: Origin, lifetime: Duration) -> Self {
        Self { origin, lifetime, kept: Mutex::new(None) }
    }

    /// For a new connection.
    ///
    /// # Errors
    /// `Config` when the command or the file gives no password, `Unavailable` when the command fails or does not end.
    pub async fn password(&self) -> Result<Given> {
        // Held while the command runs: many connections that begin at once ask once.
        let mut kept = self.kept.lock().await;
        if let Some((password, since)) = kept.as_ref().filter(|(_, since)| since.elapsed() < self.lifetime) {
            let _ = since;
            return Ok(Given { password: password.clone(), is_new: false });
        }
        let password = match (self.ask().await, kept.as_ref()) {
            (Ok(password), _) => password,
            // It may be valid still: the server is to judge.
            (Err(error), Some((password, _))) => {
                tracing::warn!(
                    "password_command or password_file failed, and the last password is used again: {error}"
                );
                return Ok(Given { password: password.clone(), is_new: false });
            }
            (Err(error), None) => return Err(error),
        };
        *kept = Some((password.clone(), Instant::now()));
        Ok(Given { password, is_new: true })
    }

    /// Instead of `refused`, which the server did not take. Another connection may have asked already.
    ///
    /// # Errors
    /// As [`Self::password`].
    pub async fn instead_of(&self, refused: &Secret) -> Result<Secret> {
        let mut kept = self.kept.lock().await;
        if let Some((password, _)) = kept.as_ref().filter(|(password, _)| password != refused) {
            return Ok(password.clone());
        }
        let password = self.ask().await?;
        *kept = Some((password.clone(), Instant::now()));
        Ok(password)
    }

    async fn ask(&self) -> Result<Secret> {
        let text = match &self.origin {
            Origin::Command(line) => written_by(line).await?,
            Origin::File(path) => {
                secret::warn_if_others_may_read("password_file", path);
                std::fs::read(path).map_err(|error| {
                    Error::config("cannot read the password_file")
                        .with("file", path.display())
                        .about_secret(&error)
                })?
            }
        };
        self.first_line(&text).map(Secret::new)
    }

    fn first_line(&self, text: &[u8]) -> Result<String> {
        let wrong = |what: &str| {
            let key = match &self.origin {
                Origin::Command(_) => "password_command",
                Origin::File(_) => "password_file",
            };
            Err(Error::config(format!("{key} gives no password: {what}"))
                .hint("it gives one line of text, which is the password or token and nothing else"))
        };
        let Ok(text) = str::from_utf8(text) else { return wrong("it is not UTF-8") };
        let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        match line {
            "" => wrong("it is empty"),
            line if line.len() > MOST_BYTES => wrong("it is longer than 64 KiB"),
            line if line.contains(['\n', '\r', '\0']) => wrong("it has more than one line"),
            line => Ok(line.to_owned()),
        }
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

/// What a command writes to standard output.
async fn written_by(line: &str) -> Result<Vec<u8>> {
    let mut command = shell(line);
    // What it says is part of no message: it may hold the password, as after `set -x`.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let ended = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(ended) => {
            ended.map_err(|error| Error::config("cannot run password_command").about_secret(&error))?
        }
        Err(_) => {
            return Err(Error::unavailable(format!(
                "password_command has not ended after {} s",
                PATIENCE.as_secs()
            ))
            .hint("it has no terminal and no input, must ask for nothing, and leave nothing running that holds its output")
            .passing(Transient::Connection));
        }
    };
    if ended.status.success() {
        return Ok(ended.stdout);
    }
    Err(Error::unavailable(format!("password_command failed: {}", ended.status))
        .hint("run the line by hand as this user: what it writes is not shown here, because it may hold the password")
        .passing(Transient::Connection))
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(not(unix))]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(line);
    command
}
