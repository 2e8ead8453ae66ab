//! What is opened for a command.

use std::sync::Arc;

use super::super::args::AuthArgs;
use crate::config::auth::AuthFile;
use crate::destination::Destination;
use crate::error::Result;
use crate::runlog::RunLog;
use crate::source::Source;

/// What a run reads from and writes to.
pub(in crate::cli) struct Opened {
    pub(in crate::cli) source: Arc<dyn Source>,
    pub(in crate::cli) destination: Arc<dyn Destination>,
    pub(in crate::cli) runlog: Arc<dyn RunLog>,
}

/// The auth file, if there is to be one.
pub(in crate::cli) fn auth_file(args: &AuthArgs) -> Result<Option<AuthFile>> {
    args.auth.as_deref().map(AuthFile::load).transpose()
}
