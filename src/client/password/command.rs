//! A line for the shell whose output is a secret: `password_command`.
//!
//! It runs in a process group that is ended when the line has ended, or when this process has, however it does. So
//! nothing outlives us, not even after `kill -9`, except what leaves the group (`setsid`).

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout, Command};

use crate::clock;
use crate::error::{Code, Error, Result, Transient};

/// Runs the line `$1` as the head of a process group. Standard input is a pipe that nobody writes to: its end says that
/// we are gone or do not wait any longer. The exit status goes to standard error.
///
/// What reads the terminal fails at once (TTIN, TTOU are ignored) instead of being stopped. The shell that waits for our
/// end is ended and collected: as process 1 of a container we would otherwise keep a dead process of each.
const GUARD: &str = r#"
exec 3<&0 </dev/null
trap '' TTIN TTOU
(trap '' HUP INT TERM TSTP; read -r _ <&3 || kill -s KILL 0) >/dev/null 2>&1 &
trap : HUP INT TERM
/bin/sh -c "$1" 2>/dev/null 3<&-
echo "$?" >&2
{ kill -s KILL "$!"; wait "$!"; } 2>/dev/null
kill -s KILL 0
"#;

/// How long what is in the pipe is waited for when all processes of the group have ended.
const REST: Duration = Duration::from_millis(200);

/// What `line` writes to standard output, up to `most` bytes. `key` is what the user calls it, for messages.
///
/// # Errors
/// `Config` when it writes `most` bytes, `Unavailable` when it fails or has not ended after `patience`.
pub(super) async fn output(key: &str, line: &str, most: usize, patience: Duration) -> Result<Vec<u8>> {
    let cannot = || {
        Error::unavailable(format!("cannot run {key}"))
            .coded(Code::PasswordSource)
            .as_transient(Transient::Connection)
    };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "sh", line]).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot().about_secret(&error))?;
    let (Some(out), Some(status)) = (child.stdout.take(), child.stderr.take()) else { return Err(cannot()) };
    let mut text = Vec::new();
    let running = async {
        let status = read(out, status, &mut text, most).await?;
        child.wait().await?;
        Ok::<_, std::io::Error>(status)
    };
    // `child` holds the pipe that is the group's standard input: to return ends the group.
    let Ok(ended) = clock::timeout(patience, running).await else {
        return Err(Error::unavailable(format!("{key} has not ended after {} s", patience.as_secs()))
            .coded(Code::PasswordSource)
            .hint("it has no terminal and no input, and must ask for nothing")
            .as_transient(Transient::Connection));
    };
    match ended.map_err(|error| cannot().about_secret(&error))? {
        Status::TooMuch => {
            Err(Error::config(format!("{key} writes more than {} KiB, and was ended", most >> 10))
                .coded(Code::PasswordSource)
                .hint("it gives one line of text, which is the password or token and nothing else"))
        }
        Status::Code(Some(0)) => Ok(text),
        Status::Code(code) => Err(failed(key, code)),
    }
}

enum Status {
    /// It wrote more than may be.
    TooMuch,
    /// As the shell has it; none if its shell ended before it could say so.
    Code(Option<u8>),
}

/// Reads until the group has ended, and then what is in the pipe: a process that left the group may hold that open.
async fn read(
    mut out: ChildStdout,
    mut status: ChildStderr,
    text: &mut Vec<u8>,
    most: usize,
) -> std::io::Result<Status> {
    let (mut is_open, mut said) = (true, Vec::new());
    loop {
        tokio::select! {
            biased;
            read = out.read_buf(text), if is_open => is_open = read? > 0,
            read = status.read_buf(&mut said) => if read? == 0 { break },
        }
        if text.len() >= most {
            return Ok(Status::TooMuch);
        }
    }
    let rest = async {
        while is_open && text.len() < most {
            is_open = out.read_buf(text).await? > 0;
        }
        Ok::<_, std::io::Error>(())
    };
    if let Ok(done) = clock::timeout(REST, rest).await {
        done?;
    }
    if text.len() >= most {
        return Ok(Status::TooMuch);
    }
    // Some shells write of a signal before.
    let said = String::from_utf8_lossy(&said);
    Ok(Status::Code(said.lines().last().and_then(|code| code.trim().parse().ok())))
}

fn failed(key: &str, code: Option<u8>) -> Error {
    let how = match code {
        Some(code @ 129..=192) => format!("exit status: {code}, ended by signal {}", code - 128),
        Some(code) => format!("exit status: {code}"),
        None => "its shell was ended".to_owned(),
    };
    let error = Error::unavailable(format!("{key} failed: {how}"))
        .coded(Code::PasswordSource)
        .as_transient(Transient::Connection);
    let error = match code {
        Some(127) => error
            .hint("a program in it is not found: cron and systemd have a short PATH, write its whole path"),
        _ => error,
    };
    // What it says is part of no message: it may hold the password, as after `set -x`.
    error.hint("run the line by hand as this user: what it writes is not shown here, because it may hold the password")
}
