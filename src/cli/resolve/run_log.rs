//! Which run log the flags name.

use std::sync::Arc;

use crate::cli::args::AuthArgs;
use crate::config::auth::{AuthFile, RunLogTarget};
use crate::config::{own, state};
use crate::error::{Code, Error, Result};
use crate::runlog::{self, RunLog, Spooled};

/// Where the run log lies; none for the default place.
pub(super) fn run_log_target(args: &AuthArgs, auth: Option<&AuthFile>) -> Result<Option<RunLogTarget>> {
    match (&args.log_db_auth_id, auth) {
        (None, _) => Ok(None),
        (Some(id), Some(auth)) => auth.runlog(id).map(Some),
        (Some(_), None) if args.auth.is_some() => Ok(None),
        (Some(_), None) => Err(Error::usage("--log-db-auth-id needs an auth file")
            .coded(Code::FlagMissing)
            .hint("name it with -a/--auth FILE")),
    }
}

/// Whether the run log that the flags name is a file that only this user can write.
pub(in crate::cli) fn is_own_run_log(args: &AuthArgs) -> Result<bool> {
    let auth = super::opened::auth_file(args)?;
    Ok(match run_log_target(args, auth.as_ref())? {
        Some(RunLogTarget::Sqlite(path)) => own::is_own(&path),
        Some(RunLogTarget::Server(_)) => false,
        None => own::is_own(&state::default_run_log()?),
    })
}

/// Opens the run log that the flags name; does not connect yet.
pub(super) fn run_log_of(args: &AuthArgs, auth: Option<&AuthFile>) -> Result<Arc<dyn RunLog>> {
    open_run_log(run_log_target(args, auth)?)
}

/// Opens the run log; does not connect yet.
pub(super) fn open_run_log(target: Option<RunLogTarget>) -> Result<Arc<dyn RunLog>> {
    let log = match target {
        Some(RunLogTarget::Sqlite(path)) => runlog::open_file(&path),
        Some(RunLogTarget::Server(address)) => runlog::open_server(&address)?,
        None => runlog::open_file(&state::default_run_log()?),
    };
    Ok(Arc::new(Spooled::new(log, state::unrecorded())))
}
