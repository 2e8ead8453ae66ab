//! `lakexpress logdb`, and what `--init-db` and `--log-db-mode` of an export do.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use serde_json::json;

use super::args::{AuthArgs, LogDbAction, LogDbArgs, LogDbConfirmedArgs, LogDbModeArg, OutputArgs};
use super::{resolve, tell};
use crate::blocking::blocking;
use crate::error::{Code, Error, Result};
use crate::runlog::RunLog;

/// Makes, empties or drops the run log's tables.
pub(super) async fn run(args: &LogDbArgs) -> Result<u8> {
    match &args.action {
        LogDbAction::Init(args) => init(&args.auth, LogDbModeArg::Preserve, &args.output).await,
        LogDbAction::Drop(args) => {
            let log = confirmed(args, "drop all tables of").await?;
            log.drop_tables().await?;
            told(&args.output, "dropped", log.as_ref())
        }
        LogDbAction::Truncate(args) => {
            let log = confirmed(args, "remove all runs from").await?;
            log.truncate().await?;
            told(&args.output, "truncated", log.as_ref())
        }
    }
}

/// Makes the tables, after what `mode` says.
pub(super) async fn init(auth: &AuthArgs, mode: LogDbModeArg, output: &OutputArgs) -> Result<u8> {
    let log = resolve::run_log(auth)?;
    prepare(&log, mode).await?;
    told(output, "ready", log.as_ref())
}

/// Does what `mode` says and makes the tables that are not there.
pub(super) async fn prepare(log: &Arc<dyn RunLog>, mode: LogDbModeArg) -> Result<()> {
    match mode {
        LogDbModeArg::Preserve => {}
        LogDbModeArg::Truncate => log.truncate().await?,
        LogDbModeArg::Drop => log.drop_tables().await?,
    }
    log.reach().await
}

async fn confirmed(args: &LogDbConfirmedArgs, what: &str) -> Result<Arc<dyn RunLog>> {
    let log = resolve::run_log(&args.auth)?;
    let location = log.location();
    if args.confirm {
        return Ok(log);
    }
    let question = format!("{what} the run log {location}? Write yes: ");
    let answer = blocking(move || ask(&question)).await?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(log),
        _ => Err(Error::usage("not confirmed, nothing was changed")
            .coded(Code::FlagMissing)
            .with("run log", location)
            .hint("answer yes, or give --confirm where nobody can answer")),
    }
}

fn ask(question: &str) -> Result<String> {
    let failed = |error: std::io::Error| Error::unavailable("cannot ask").caused_by(error);
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    // Where nobody typed a line, the cursor is still behind the question.
    if !std::io::stdin().is_terminal() || !answer.ends_with('\n') {
        stderr.write_all(b"\n").map_err(failed)?;
    }
    Ok(answer)
}

fn told(to: &OutputArgs, done: &str, log: &dyn RunLog) -> Result<u8> {
    let text = || format!("{done}: run log {}", log.location());
    if to.json {
        tell(&json!({ "run_log": log.location(), "done": done }).to_string(), text);
    } else if !to.quiet {
        tell(&text(), text);
    }
    Ok(0)
}
